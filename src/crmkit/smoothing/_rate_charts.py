"""Charts of shares and rates of events, whose limits know how many each point was counted in."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import binom, poisson
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._validation import check_float, parameter_error
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.smoothing._chart_points import Points, read_counts
from crmkit.smoothing._control_chart import ControlChart, Course

Floats = NDArray[np.float64]

#: Above this scipy's quantiles are missing, or are looked for without end.
_MOST = 1e10


class _RateChart(ControlChart):
    """Base of both: a rate between the limits of its own size."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **ControlChart._parameter_constraints,
        "limit": [Interval(Real, 0, 20, closed="right"), None],
        "limits": [StrOptions({"probability", "sigma"})],
    }

    def __init__(
        self,
        *,
        arl0: float = 370,
        limit: float | None = None,
        limits: Literal["probability", "sigma"] = "probability",
        target: float | None = None,
        min_points: int = 20,
    ) -> None:
        self.arl0 = arl0
        self.limit = limit
        self.limits = limits
        self.target = target
        self.min_points = min_points

    @abstractmethod
    def _counts_of(self, sizes: Any, rate: float) -> Any:
        """Give the distribution of the counts of points of some sizes."""

    @abstractmethod
    def _sigma_of(self, sizes: Any, rate: float) -> Any:
        """Give the standard deviation of the rates of points of some sizes."""

    #: Highest rate, and whether sizes are numbers of units, of which each counts at most once.
    _highest: float
    _whole: bool

    def run_length(self, shift: float = 0.0, *, size: float | None = None) -> float:
        """Give the number of points until the first alarm, on average.

        Parameters
        ----------
        shift : float, default=0.0
            True rate less target, in standard deviations of a point of that size in control. At 0 the
            chart is in control, and every alarm false.
        size : float, default=None
            Size of all points; None takes the mean size of the points of `fit`.

        Returns
        -------
        float
            At least 1; infinity if no count of such a point can signal.
        """
        check_is_fitted(self)
        owner = f"{type(self).__name__}.run_length"
        shift = check_float("shift", shift, owner)
        if size is None and math.isnan(self.mean_size_):
            raise parameter_error("size", size, "given where fit saw no point", owner)
        size = check_float("size", self.mean_size_ if size is None else size, owner, low=0, closed="neither")
        if self._whole:
            size = max(1.0, float(round(size)))
        rate = self.target_ + shift * float(self._sigma_of(size, self.target_))
        if not 0.0 <= rate <= self._highest:
            raise parameter_error(
                "shift", shift, f"one that leads to a rate from 0 to {self._highest:g}; this leads to {rate:.4g}", owner
            )
        low, high = (float(edge[0]) for edge in self._limit_counts(np.array([size])))
        counts = self._counts_of(size, rate)
        chance = float(counts.cdf(math.ceil(low) - 1.0) + counts.sf(math.floor(high)))
        return 1.0 / chance if chance > 0.0 else math.inf

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = False
        tags.input_tags.positive_only = True
        return tags

    def _run_length(self, shift: float) -> float:
        return self.run_length(shift)

    def _read(self, X: Any) -> Points:
        points = read_counts(X, type(self).__name__)
        counts, sizes = points.columns
        observed = ~(np.isnan(counts) | np.isnan(sizes))
        counts, sizes = np.where(observed, counts, np.nan), np.where(observed, sizes, np.nan)
        self._refuse_rows(counts < 0, counts, "counts that are negative")
        self._refuse_rows(counts != np.rint(counts), counts, "counts that are not whole")
        self._refuse_rows(sizes < 0, sizes, "sizes that are negative")
        none = sizes == 0
        if self._whole:
            self._refuse_rows(sizes != np.rint(sizes), sizes, "sizes that are not whole")
            self._refuse_rows(counts > sizes, counts, "a count above its size")
        self._refuse_rows(none & (counts > 0), counts, "a count in a size of 0")
        return Points([np.where(none, np.nan, counts), np.where(none, np.nan, sizes)], points.index, points.polars)

    def _refuse_rows(self, bad: NDArray[np.bool_], values: Floats, what: str) -> None:
        bad = bad & ~np.isnan(values)
        if bad.any():
            first = int(bad.argmax())
            raise ParameterError(
                f"{type(self).__name__} takes a table of two columns, count and size. Got {int(bad.sum()):,} of "
                f"{len(bad):,} rows with {what}; the first is {values[first].item():g} at position {first}."
            )

    def _learn(self, points: Points) -> None:
        counts, sizes = points.columns
        owner = type(self).__name__
        observed = ~np.isnan(counts)
        counts, sizes, n = counts[observed], sizes[observed], int(observed.sum())
        if self.target is None and n < self.min_points:
            raise ParameterError(
                f"{owner} learns target from at least min_points={self.min_points} points in control. Got {n:,}. Fit "
                "on a longer period, or pass target= if it is known."
            )
        rate = float(counts.sum() / sizes.sum()) if self.target is None else float(self.target)
        if not 0.0 < rate < self._highest:
            raise ParameterError(
                f"{owner} learns from points with events and without, and the rate of X is {rate:g}. Fit on a period "
                "with both, or pass target= if it is known."
            )
        self.target_ = rate
        self.n_points_, self.n_missing_ = n, len(observed) - n
        self.mean_size_ = float(sizes.mean()) if n else math.nan
        self.limit_ = float(-ndtri(0.5 / self.arl0) if self.limit is None else self.limit)
        self._in_sigmas = self.limits == "sigma"
        variance = (sizes * self._sigma_of(sizes, rate)) ** 2
        squares = (counts - sizes * rate) ** 2 / variance
        self.dispersion_ = float(squares.sum() / (n - 1)) if n > 1 else math.nan
        self._warn_if_dispersed(squares, variance)

    def _warn_if_dispersed(self, squares: Floats, variance: Floats) -> None:
        """Warn if rates vary more than chance lets them; the bound holds for small counts as well."""
        n = len(squares)
        if n > 1 and squares.sum() - (n - 1) > 3.3 * math.sqrt(float(np.sum(2.0 + 1.0 / variance))):
            warnings.warn(
                f"{type(self).__name__}: the rates of the points in control vary {self.dispersion_:.1f} times as much "
                "(variance) as their sizes explain. Limits are those of chance alone: there will be more alarms than "
                "arl0 says. Chart the rates themselves with EWMAChart, or events that are independent.",
                CrmkitWarning,
                stacklevel=4,
            )

    def _limit_counts(self, sizes: Floats) -> tuple[Floats, Floats]:
        """Return the lowest and highest count of each size that do not signal; whole only for probabilities."""
        rate = self.target_
        if self._in_sigmas:
            sigma = self._sigma_of(sizes, rate)
            low = np.maximum(0.0, rate - self.limit_ * sigma)
            return low * sizes, np.minimum(self._highest, rate + self.limit_ * sigma) * sizes
        if len(sizes) and (sizes if self._whole else sizes * rate).max() > _MOST:
            raise ParameterError(
                f"{type(self).__name__} knows the quantiles of counts up to {_MOST:.0e} in a point, and with a target "
                f"of {rate:g} a point of X has more. Take limits='sigma': there they are as good."
            )
        tail = float(ndtr(-self.limit_))
        counts = self._counts_of(sizes, rate)
        low, high = np.maximum(0.0, counts.ppf(tail)), counts.isf(tail)
        # Where no count can signal on one side, the other has the false alarms of both.
        high = np.where(low == 0.0, counts.isf(2.0 * tail), high)
        return (np.where(high == sizes, counts.ppf(2.0 * tail), low) if self._whole else low), high

    def _follow(self, points: Points) -> Course:
        counts, sizes = points.columns
        observed = ~np.isnan(counts)
        lower, upper = np.full((2, len(counts)), np.nan)
        distinct, place = np.unique(sizes[observed], return_inverse=True)
        low, high = self._limit_counts(distinct)
        lower[observed], upper[observed] = (low / distinct)[place], (high / distinct)[place]
        rates = counts / sizes
        signals = (rates > upper).astype(np.int64) - (rates < lower)
        target = self.target_
        return Course(rates, lower, upper, signals, rates - target, {"rate": rates}, target)


class PChart(_RateChart):
    r"""Chart of shares: customers lost among customers, complaints among orders, answers that are positive.

    Each point is a count out of a size, and its limits are those of its own size: a share of 8 customers
    is allowed to stray further than one of 800. X is a table of two columns, by name if they are named
    ``count`` and ``size``, else in this order; one row for each point in the order of time. A row with a
    missing number, or of size 0, is a point without an observation: it has no limits and does not signal.

    Parameters
    ----------
    arl0 : float, default=370
        Average run length in control: points until the first false alarm. Above 1, at most 1e9.
    limit : float, default=None
        Half-width of the limits in standard deviations, at most 20. It is used as it is, not `arl0`. With
        ``limits="probability"`` the limits cut off what so many standard deviations cut off a normal
        distribution.
    limits : {"probability", "sigma"}, default="probability"
        ``"probability"``: quantiles of the binomial distribution. Counts are whole, so chances are seldom
        met exactly, and the run length is at least `arl0`.
        ``"sigma"``: standard deviations on either side, as in the textbooks. They are right for
        hundreds of events a point. With fewer, shares are skewed: above there are too many alarms, and
        below, where the limit is often 0, none.
    target : float, default=None
        Share in control, above 0 and below 1; None learns it in `fit`: all counts over all sizes.
    min_points : int, default=20
        Fewest points of `fit` from which the target is learnt, at least 2.

    Attributes
    ----------
    target_ : float
        Share in control.
    limit_ : float
        Half-width of the limits in standard deviations, or of what stands for them.
    dispersion_ : float
        Variance of the points of `fit` around the target over the binomial one: about 1 if chance is all
        that moves them.
    mean_size_ : float
        Mean size of the points of `fit`.
    n_points_, n_missing_ : int
        Points of `fit` with and without an observation.

    See Also
    --------
    UChart : Events of which a customer or an hour may have several.
    EWMAChart : For shares that vary more than chance, and to find small, lasting shifts.

    Warns
    -----
    CrmkitWarning
        Shares of `fit` vary more than chance: `dispersion_` is more than 3.3 standard errors above 1.
        Large sizes show that the mix of customers, the weather, the weekday move every share a little;
        then nearly every point signals.

    Notes
    -----
    A point looks at itself alone, so there is no statistic to reset, and the run length is 1 over the
    chance of a signal. In a point of size :math:`n` in control, the standard deviation is
    :math:`\sqrt{p (1 - p) / n}`. Probability limits are the smallest :math:`b` and the largest :math:`a`
    with :math:`P(K > b) \le 1 / (2\,\mathrm{arl0})` and :math:`P(K < a) \le 1 / (2\,\mathrm{arl0})`; counts
    beyond them signal. Where even 0 events are no surprise, nothing can signal below, and the upper side
    has all of :math:`1 / \mathrm{arl0}`; likewise below, where n of n are no surprise.
    A `size` in `alarms` is the share of the point less the target.

    Examples
    --------
    Customers lost each week. Twenty-one of 210 are no surprise, five of twenty are not either, but nine are:

    >>> from crmkit.smoothing import PChart
    >>> chart = PChart(target=0.06).fit([])
    >>> chart.control_limits([[21, 210], [5, 20], [9, 20], [0, 0]]).round(3)
       lower  statistic  upper
    0  0.019       0.10  0.114
    1  0.000       0.25  0.250
    2  0.000       0.45  0.250
    3    NaN        NaN    NaN
    >>> chart.alarms([[21, 210], [5, 20], [9, 20], [0, 0]])
       time  direction  size
    0     2          1  0.39
    >>> round(chart.run_length(size=20)), round(PChart(target=0.06, limits="sigma").fit([]).run_length(size=20))
    (1151, 177)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **_RateChart._parameter_constraints,
        "target": [Interval(Real, 0, 1, closed="neither"), None],
    }
    _highest, _whole = 1.0, True

    def _counts_of(self, sizes: Any, rate: float) -> Any:
        return binom(sizes, rate)

    def _sigma_of(self, sizes: Any, rate: float) -> Any:
        return np.sqrt(rate * (1.0 - rate) / sizes)


class UChart(_RateChart):
    r"""Chart of rates: complaints per hundred orders, calls per hour, visits per customer.

    Each point is a count of events and the size in which they were counted, such as hours or orders, and
    its limits are those of its own size. A unit may have several events; where it can have one at most,
    `PChart` is right. X is a table of two columns, by name if they are named ``count`` and ``size``, else
    in this order; one row for each point in the order of time. A row with a missing number, or of size
    0, is a point without an observation: it has no limits and does not signal.

    Parameters
    ----------
    arl0 : float, default=370
        Average run length in control: points until the first false alarm. Above 1, at most 1e9.
    limit : float, default=None
        Half-width of the limits in standard deviations, at most 20. It is used as it is, not `arl0`. With
        ``limits="probability"`` the limits cut off what so many standard deviations cut off a normal
        distribution.
    limits : {"probability", "sigma"}, default="probability"
        ``"probability"``: quantiles of the Poisson distribution. Counts are whole, so chances are seldom
        met exactly, and the run length is at least `arl0`.
        ``"sigma"``: standard deviations on either side, as in the textbooks. They are right for
        hundreds of events a point. With fewer, rates are skewed: above there are too many alarms, and
        below, where the limit is often 0, none.
    target : float, default=None
        Events per unit of size in control, above 0; None learns it in `fit`: all counts over all sizes.
    min_points : int, default=20
        Fewest points of `fit` from which the target is learnt, at least 2.

    Attributes
    ----------
    target_ : float
        Events per unit of size in control.
    limit_ : float
        Half-width of the limits in standard deviations, or of what stands for them.
    dispersion_ : float
        Variance of the points of `fit` around the target over that of Poisson: about 1 if chance is all
        that moves them.
    mean_size_ : float
        Mean size of the points of `fit`.
    n_points_, n_missing_ : int
        Points of `fit` with and without an observation.

    See Also
    --------
    PChart : Shares, where a unit counts or does not.
    EWMAChart : For rates that vary more than chance, and to find small, lasting shifts.

    Warns
    -----
    CrmkitWarning
        Rates of `fit` vary more than chance: `dispersion_` is more than 3.3 standard errors above 1. Events
        that come in bursts, or several from one customer, are not Poisson's.

    Notes
    -----
    As of `PChart`, with a Poisson count of mean :math:`u n` and the standard deviation
    :math:`\sqrt{u / n}` of its rate. Sizes need not be whole.
    A `size` in `alarms` is the rate of the point less the target.

    Examples
    --------
    Complaints and hours of opening of each day:

    >>> from crmkit.smoothing import UChart
    >>> chart = UChart(target=0.5).fit([])
    >>> chart.control_limits([[4, 10], [9, 10], [13, 10], [1, 2.5]]).round(3)
       lower  statistic  upper
    0    0.0        0.4    1.2
    1    0.0        0.9    1.2
    2    0.0        1.3    1.2
    3    0.0        0.4    2.0
    >>> chart.predict([[4, 10], [9, 10], [13, 10], [1, 2.5]])
    array([0, 0, 1, 0])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **_RateChart._parameter_constraints,
        "target": [Interval(Real, 0, None, closed="neither"), None],
    }
    _highest, _whole = math.inf, False

    def _counts_of(self, sizes: Any, rate: float) -> Any:
        return poisson(sizes * rate)

    def _sigma_of(self, sizes: Any, rate: float) -> Any:
        return np.sqrt(rate / sizes)
