"""The CUSUM chart: sums of what lies above and below the target."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._compat import Interval, StrOptions
from crmkit._validation import parameter_error
from crmkit.smoothing._chart_points import Points
from crmkit.smoothing._control_chart import Course, MeasurementChart
from crmkit.smoothing._control_chart_kernels import chart_cusum
from crmkit.smoothing._run_lengths import cusum_interval, cusum_run_length, shortest_cusum

Floats = NDArray[np.float64]


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
    >>> chart.sums(weeks).tail(3)
        downward  upward
    15       0.0    11.0
    16       0.0    10.0
    17       0.0    12.0
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "k": [Interval(Real, 0.01, 10, closed="both")],
        "arl0": [Interval(Real, 1, 1e9, closed="right")],
        "h": [Interval(Real, 0, 100, closed="right"), None],
        "target": [Interval(Real, None, None, closed="neither"), None],
        "sigma": [Interval(Real, 0, None, closed="neither"), StrOptions({"moving_range"}), None],
        "reset": [StrOptions({"never", "alarm"})],
        "min_points": [Interval(Integral, 2, None, closed="left")],
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
        points, _ = self._course(X)
        both = self._sum(points)
        return points.frame({"downward": both.downward, "upward": both.upward})

    def _solve(self) -> None:
        if self.h is not None:
            self.h_ = float(self.h)
            return
        shortest = shortest_cusum(float(self.k))
        if self.arl0 <= shortest * (1.0 + 1e-9):
            raise parameter_error(
                "arl0", self.arl0, f"above {shortest:.4g}, the run length of h=0 with k={self.k}", "CUSUMChart",
                "Ask for a longer one, or lower k.",
            )  # fmt: skip
        self.h_ = float(cusum_interval(float(self.k), float(self.arl0)))

    def _run_length_of(self, shift: float, ratio: float) -> float:
        return cusum_run_length(ratio * self.k, ratio * self.h_, shift)

    def _sum(self, points: Points) -> _Sums:
        (values,) = points.columns
        upward, downward, sizes = (np.empty(len(values)) for _ in range(3))
        signals = np.empty(len(values), dtype=np.int64)
        allowance, interval = self.k * self.sigma_, self.h_ * self.sigma_
        chart_cusum(values - self.target_, allowance, interval, self.reset == "alarm", upward, downward, signals, sizes)
        return _Sums(upward, downward, signals, sizes)

    def _follow(self, points: Points) -> Course:
        both = self._sum(points)
        statistic = np.where(both.upward >= both.downward, both.upward, -both.downward)
        interval = np.full(len(statistic), self.h_ * self.sigma_)
        return Course(statistic, -interval, interval, both.signals, both.sizes)


class _Sums(NamedTuple):
    upward: Floats
    downward: Floats
    signals: NDArray[np.int64]
    sizes: Floats
