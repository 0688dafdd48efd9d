"""The EWMA chart: an exponentially weighted mean between limits."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Literal

import numpy as np

from crmkit._compat import Interval, StrOptions
from crmkit.smoothing._chart_points import Points
from crmkit.smoothing._control_chart import Course, MeasurementChart
from crmkit.smoothing._control_chart_kernels import chart_ewma
from crmkit.smoothing._run_lengths import ewma_limit, ewma_run_length


class EWMAChart(MeasurementChart):
    r"""Exponentially weighted moving average chart: alarms on small, lasting shifts of a mean, up or down.

    The chart smooths its points and signals when the smoothed value leaves its limits. What is asked for
    is `arl0`, the number of points from one false alarm to the next while all is well; the limits are
    solved from it. X is one series in the order of time: an array, a list, a Series or a table of one
    column. NaN is a point without an observation: nothing signals there, and the statistic stays.

    Parameters
    ----------
    alpha : float, default=0.2
        Weight of the newest point, from 0.001 to 1. Small ones find small shifts: 0.05 to 0.1 half a
        standard deviation, 0.2 one, 0.4 two. 1 is the chart of single points (Shewhart).
    arl0 : float, default=370
        Average run length in control: points until the first false alarm. 370 with daily points is about
        one false alarm a year. Above 1, at most 1e9.
    limit : float, default=None
        Half-width of the limits in standard deviations of the statistic, the L of the tables, at most 20.
        It is used as it is, instead of `arl0`.
    limits : {"exact", "steady"}, default="exact"
        ``"exact"``: limits of each time, narrow at first and wider as the statistic spreads. They find
        what is wrong from the start sooner. ``"steady"``: those that the exact ones come to, from the
        first point on; the tables in print are of these.
    target : float, default=None
        Mean in control; None learns it in `fit`.
    sigma : float, "moving_range" or None, default=None
        Standard deviation of a point in control. None takes that of the points of `fit`;
        ``"moving_range"`` the mean distance of neighbours over 1.128, which slow drifts do not widen.
    reset : {"never", "alarm"}, default="never"
        ``"never"``: the statistic goes on after an alarm, so every point signals while the shift lasts.
        ``"alarm"``: it starts afresh at the target after each alarm.
    min_points : int, default=20
        Fewest points of `fit` from which target or sigma are learnt, at least 2.

    Attributes
    ----------
    target_, sigma_ : float
        Mean and standard deviation of a point in control.
    limit_ : float
        Half-width of the limits in standard deviations of the statistic.
    n_points_, n_missing_ : int
        Points of `fit` with and without an observation.

    See Also
    --------
    CUSUMChart : About as quick; its sums show since when.
    PChart, UChart : For shares and rates of events, whose spread depends on how many they are counted in.
    EMASmoother : The same recursion for many series at once, without limits.

    Warns
    -----
    CrmkitWarning
        `fit` has so few points that one chart in ten would alarm more than twice as often as `arl0` says;
        or neighbouring points are alike (correlation above three standard errors).

    Notes
    -----
    With points :math:`x_t`, target :math:`\mu` and :math:`z_0 = \mu`,

    .. math:: z_t = \alpha x_t + (1 - \alpha) z_{t-1}, \qquad
        |z_t - \mu| > L \sigma \sqrt{\frac{\alpha}{2 - \alpha} \left(1 - (1 - \alpha)^{2t}\right)}

    signals; steady limits leave the last factor out. `limit_` is the L whose chart, as it is used, has the
    run length `arl0` for independent normal points: with exact limits a little more than the tabled L,
    because early points are watched more closely (`alpha` .2: 2.864 instead of 2.859 for 370; .05: 2.523
    instead of 2.490). :math:`t` counts observations. After an alarm with ``reset="alarm"`` it starts
    anew; so do missing values not count. The run length is that of Crowder's integral equation [1]_, with
    exact limits after a walk through the times at which they still move; it agrees with the
    tables of Lucas and Saccucci [2]_. Solving takes milliseconds, below ``alpha=0.01`` seconds.

    A `size` in `alarms` is the mean of the points since the statistic last crossed the target, less the
    target. Of one alarm it is a rough figure. At the first alarm it is too large on average, since the
    alarm chooses its moment: 1.16 for a shift of one standard deviation with the default `alpha`.

    Do not chart series with a trend, a season or a memory: chart what a forecast leaves over. With a
    correlation of .3 between neighbours the chart of 370 alarms every 89 points. Points that are not
    normal matter less the smaller `alpha`: with Student's t of 5 degrees of freedom the run length is 88
    at 1, 215 at .2, 352 at .05.

    References
    ----------
    .. [1] S. V. Crowder (1987), A simple method for studying run-length distributions of exponentially
       weighted moving average charts, Technometrics 29, 401-407, eq. 4.
    .. [2] J. M. Lucas and M. S. Saccucci (1990), Exponentially weighted moving average control schemes,
       Technometrics 32, 1-12, table 3.

    Examples
    --------
    A weekly score with mean 50 and standard deviation 2, which rises by two points after the tenth week:

    >>> from crmkit.smoothing import EWMAChart
    >>> weeks = [51, 48, 50, 52, 49, 50, 51, 47, 50, 52, 52, 54, 51, 53, 52, 54, 50, 53]
    >>> chart = EWMAChart(target=50, sigma=2).fit(weeks)
    >>> round(chart.limit_, 3), round(chart.run_length(), 1), round(chart.run_length(shift=1), 1)
    (2.864, 370.0, 8.8)
    >>> chart.alarms(weeks).round(2)
       time  direction  size
    0    15          1  2.57
    1    17          1  2.33
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **MeasurementChart._parameter_constraints,
        "alpha": [Interval(Real, 0.001, 1, closed="both")],
        "limit": [Interval(Real, 0, 20, closed="right"), None],
        "limits": [StrOptions({"exact", "steady"})],
    }

    def __init__(
        self,
        *,
        alpha: float = 0.2,
        arl0: float = 370,
        limit: float | None = None,
        limits: Literal["exact", "steady"] = "exact",
        target: float | None = None,
        sigma: float | Literal["moving_range"] | None = None,
        reset: Literal["never", "alarm"] = "never",
        min_points: int = 20,
    ) -> None:
        self.alpha = alpha
        self.arl0 = arl0
        self.limit = limit
        self.limits = limits
        self.target = target
        self.sigma = sigma
        self.reset = reset
        self.min_points = min_points

    def _solve(self) -> None:
        alpha, exact, given = float(self.alpha), self.limits == "exact", self.limit
        self.limit_ = float(ewma_limit(alpha, float(self.arl0), exact=exact) if given is None else given)
        self._alpha, self._exact = alpha, exact

    def _run_length_of(self, shift: float, ratio: float) -> float:
        return ewma_run_length(self._alpha, ratio * self.limit_, shift, exact=self._exact)

    def _follow(self, points: Points) -> Course:
        (values,), target = points.columns, self.target_
        statistic, widths, sizes = (np.empty(len(values)) for _ in range(3))
        signals = np.empty(len(values), dtype=np.int64)
        width = self.limit_ * self.sigma_ * math.sqrt(self._alpha / (2.0 - self._alpha))
        chart_ewma(values - target, self._alpha, width, self._exact, self._restarts, statistic, widths, signals, sizes)
        statistic += target
        lines = {"weighted average": statistic}
        return Course(statistic, target - widths, target + widths, signals, sizes, lines, target, behind=values)
