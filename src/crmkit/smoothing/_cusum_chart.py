"""The CUSUM chart: sums of what lies above and below the target."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np

from crmkit._compat import Interval
from crmkit._validation import parameter_error
from crmkit.smoothing._chart_points import Points
from crmkit.smoothing._control_chart import Course, MeasurementChart
from crmkit.smoothing._control_chart_kernels import chart_cusum
from crmkit.smoothing._run_lengths import cusum_interval, cusum_run_length, shortest_cusum

_UPWARD, _DOWNWARD = "upward sum", "downward sum"


class CUSUMChart(MeasurementChart):
    r"""Two-sided cumulative sum chart: alarms on lasting shifts of a mean, up or down.

    One sum collects what the points lie above the target, another what they lie below it; of each point
    an allowance is taken off, so that chance alone does not add up. A sum that exceeds the decision
    interval signals. What is asked for is `arl0`, the number of points from one false alarm to the next
    while all is well; the interval is solved from it. X is one series in the order of time: an array, a
    list, a Series or a table of one column. NaN is a point without an observation: nothing signals
    there, and the sums stay.

    Parameters
    ----------
    k : float, default=0.5
        Allowance in standard deviations: half the shift that is to be found soonest, from
        0.01 to 10.
    arl0 : float, default=370
        Average run length in control: points until the first false alarm. Above what ``h = 0`` gives,
        1.6 for the default `k`; at most 1e9.
    h : float, default=None
        Decision interval in standard deviations, at most 100. It is used as it is, instead of `arl0`.
    target : float, default=None
        Mean in control; None learns it in `fit`.
    sigma : float, "moving_range" or None, default=None
        Standard deviation of a point in control. None takes that of the points of `fit`;
        ``"moving_range"`` the mean distance of neighbours over 1.128, which slow drifts do not widen.
    reset : {"never", "alarm"}, default="never"
        ``"never"``: the sums go on after an alarm, and after a return to the target signal until they
        have run down. ``"alarm"``: both start afresh at zero after each alarm.
    min_points : int, default=20
        Fewest points of `fit` from which target or sigma are learnt, at least 2.

    Attributes
    ----------
    target_, sigma_ : float
        Mean and standard deviation of a point in control.
    h_ : float
        Decision interval in standard deviations; in units of X it is ``h_ * sigma_``.
    n_points_, n_missing_ : int
        Points of `fit` with and without an observation.

    See Also
    --------
    EWMAChart : About as quick, with a statistic in the units of the points.
    PChart, UChart : For shares and rates of events, whose spread depends on how many they are counted in.

    Warns
    -----
    CrmkitWarning
        `fit` has so few points that one chart in ten would alarm more than twice as often as `arl0` says;
        or neighbouring points are alike (correlation above three standard errors).

    Notes
    -----
    With points :math:`x_t`, target :math:`\mu`, :math:`K = k \sigma` and sums that start at 0,

    .. math:: C^+_t = \max(0, C^+_{t-1} + x_t - \mu - K), \qquad
        C^-_t = \max(0, C^-_{t-1} - x_t + \mu - K),

    a point signals 1 if :math:`C^+_t > h \sigma`, -1 if :math:`C^-_t > h \sigma`; the larger sum, if both.
    `decision_function` gives the larger sum, with a minus sign for :math:`C^-`; `sums` gives both.

    The run length of one sum solves Page's integral equation [1]_ for independent normal points; of both,
    :math:`1 / \mathrm{ARL} = 1 / \mathrm{ARL}^+ + 1 / \mathrm{ARL}^-`, which is exact here.

    A `size` in `alarms` is the mean of the points since the sum was last zero, less the target: that is
    :math:`K + C^+ / N^+` of the textbooks [2]_. Of one alarm it is a rough figure. At the first alarm it
    is too large on average, since the alarm chooses its moment: 1.26 for a shift of one standard
    deviation with the default `k`.

    Since when: the shift is estimated to begin with the point after the sum was last zero, which `sums`
    shows (with ``reset="alarm"``, after it was last zero or signalled). Of one alarm that is as rough.

    Do not chart series with a trend, a season or a memory: chart what a forecast leaves over. With a
    correlation of .3 between neighbours the chart of 370 alarms every 85 points, and with points of
    Student's t of 5 degrees of freedom every 249.

    References
    ----------
    .. [1] E. S. Page (1954), Continuous inspection schemes, Biometrika 41, 100-115, section 2.3.
    .. [2] D. C. Montgomery, Introduction to Statistical Quality Control, section 9.1.

    Examples
    --------
    A weekly score with mean 50 and standard deviation 2, which rises by two points after the tenth week:

    >>> from crmkit.smoothing import CUSUMChart
    >>> weeks = [51, 48, 50, 52, 49, 50, 51, 47, 50, 52, 52, 54, 51, 53, 52, 54, 50, 53]
    >>> chart = CUSUMChart(target=50, sigma=2).fit(weeks)
    >>> round(chart.h_, 3), round(chart.run_length(), 1), round(chart.run_length(shift=1), 1)
    (4.774, 370.0, 9.9)
    >>> chart.alarms(weeks).round(2)
       time  direction  size
    0    15          1  2.57
    1    16          1  2.25
    2    17          1  2.33

    The upward sum was last zero at position 8, so the score has been higher since position 9, the tenth week,
    as it seems:

    >>> chart.sums(weeks)[7:12]
        downward  upward
    7        2.0     0.0
    8        1.0     0.0
    9        0.0     1.0
    10       0.0     2.0
    11       0.0     5.0
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **MeasurementChart._parameter_constraints,
        "k": [Interval(Real, 0.01, 10, closed="both")],
        "h": [Interval(Real, 0, 100, closed="right"), None],
    }

    def __init__(
        self,
        *,
        k: float = 0.5,
        arl0: float = 370,
        h: float | None = None,
        target: float | None = None,
        sigma: float | Literal["moving_range"] | None = None,
        reset: Literal["never", "alarm"] = "never",
        min_points: int = 20,
    ) -> None:
        self.k = k
        self.arl0 = arl0
        self.h = h
        self.target = target
        self.sigma = sigma
        self.reset = reset
        self.min_points = min_points

    def sums(self, X: Any) -> Any:
        """Give both sums of each point.

        Parameters
        ----------
        X : points
            As for `predict`.

        Returns
        -------
        frame of n rows
            Columns downward and upward, not negative, in units of X. polars for polars, else pandas with
            the index of X.
        """
        points, course = self._course(X)
        return points.frame({"downward": -course.lines[_DOWNWARD], "upward": course.lines[_UPWARD]})

    def _solve(self) -> None:
        k, h = float(self.k), self.h
        if h is None:
            shortest = shortest_cusum(k)
            if self.arl0 <= shortest * (1.0 + 1e-9):
                raise parameter_error(
                    "arl0", self.arl0, f"above {shortest:.4g}, the run length of h=0 with k={self.k}", "CUSUMChart",
                    "Ask for a longer one, or lower k.",
                )  # fmt: skip
            h = cusum_interval(k, float(self.arl0))
        self.h_, self._k = float(h), k

    def _run_length_of(self, shift: float, ratio: float) -> float:
        return cusum_run_length(ratio * self._k, ratio * self.h_, shift)

    def _follow(self, points: Points) -> Course:
        (values,) = points.columns
        upward, downward, sizes = (np.empty(len(values)) for _ in range(3))
        signals = np.empty(len(values), dtype=np.int64)
        allowance, interval = self._k * self.sigma_, self.h_ * self.sigma_
        chart_cusum(values - self.target_, allowance, interval, self._restarts, upward, downward, signals, sizes)
        statistic = np.where(upward >= downward, upward, -downward)
        limit = np.full(len(statistic), interval)
        return Course(statistic, -limit, limit, signals, sizes, {_UPWARD: upward, _DOWNWARD: -downward}, 0.0)
