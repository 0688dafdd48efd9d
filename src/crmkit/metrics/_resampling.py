"""Intervals for any function of arrays, by resampling customers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._validation import check_float, check_generator, check_int, check_option, parameter_error
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics._estimate import Estimate

__all__ = ["estimate"]

_OWNER = "estimate"
_MAX_UNDEFINED = 0.05
_MAX_JACKKNIFE = 200

_Rows = NDArray[np.intp]


def estimate(
    function: Callable[..., float],
    *arrays: Any,
    groups: ArrayLike | None = None,
    coverage: float = 0.95,
    n_resamples: int = 1000,
    method: Literal["percentile", "bca"] = "percentile",
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
) -> Estimate:
    r"""Estimate a figure with an interval, by resampling customers.

    Rows of one customer are alike, so they say less than as many rows of different customers, and
    an interval that takes them as independent is too narrow. Here whole customers are drawn with
    replacement, each with all of its rows, and the figure is computed again on each such sample.

    Parameters
    ----------
    function : callable
        Takes the arrays in their order and returns one number: a metric of crmkit, of
        scikit-learn, or your own.
    *arrays : array-like of shape (n_rows,) or (n_rows, n_columns)
        What the function takes, at least one array; rows in one order. They reach it as numpy
        arrays, sparse matrices as CSR, and `crmkit.events.ItemTargets` as such.
    groups : array-like of shape (n_rows,), default=None
        The customer of each row. If None, every row is a unit of its own, which is right only
        where no customer has two rows.
    coverage : float, default=0.95
        Share of such intervals that hold the true figure.
    n_resamples : int, default=1000
        How many samples are drawn, at least ``2 / (1 - coverage)``.
    method : {'percentile', 'bca'}, default='percentile'
        ``"percentile"`` cuts the tails off the resampled figures. ``"bca"`` moves the cuts for
        the bias and the skewness of the figure, at the price of up to 200 further evaluations: it
        balances the two sides for sums and means of skewed amounts, and suits figures that change
        smoothly with the data, not the head of a ranking.
    random_state : int, Generator, RandomState or None, default=None
        Where the draws come from; give an int for the same interval each time.

    Returns
    -------
    Estimate
        The figure of the arrays as they are, with its interval; `n` is the number of customers.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, a group is missing, there are fewer than two groups, the
        function returns no number, or the figure is undefined in more than 5 % of the samples.

    Warns
    -----
    crmkit.exceptions.CrmkitWarning
        If the figure is undefined in some of the samples, for example an AUC where only one class
        was drawn. The interval is that of the others then.

    See Also
    --------
    proportion : By formula, for a share of independent successes; right also at 0 and 1.

    Notes
    -----
    With :math:`G` customers and the figure :math:`\hat\theta`, each of :math:`B` samples draws
    :math:`G` customers with replacement and gives :math:`\theta^*_b`. This is the cluster
    bootstrap; Field and Welsh [3]_ show when it is consistent: many customers that are independent
    of each other, however the rows of one depend on one another.

    The percentile interval ([1]_, chapter 13) has the quantiles :math:`\alpha_1 = (1 - c) / 2` and
    :math:`\alpha_2 = 1 - \alpha_1` of the :math:`\theta^*_b` as its ends; the quantile of
    :math:`\alpha` is the value of rank :math:`(B + 1)\,\alpha` ([2]_, section 5.3). BCa ([1]_,
    equations 14.9 to 14.15) takes the quantiles of

    .. math::
        \alpha_i' = \Phi\left(z_0 + \frac{z_0 + z_i}{1 - a\,(z_0 + z_i)}\right), \qquad z_i = \Phi^{-1}(\alpha_i),

    where :math:`\Phi(z_0)` is the share of :math:`\theta^*_b` below :math:`\hat\theta` (ties count
    half), and :math:`a = \sum u_j^3 / (6\,(\sum u_j^2)^{3/2})` comes from the jackknife:
    :math:`u_j` is the mean of the figures without one customer each, less the figure without
    customer :math:`j`. With more than 200 customers they are left out in 200 random blocks of
    nearly equal size. The cubes and squares of the blocks have the same expected sums, and the
    error that this adds to :math:`a` is about :math:`\sqrt{15} / (6 \cdot 200) = 0.003`.

    The bootstrap knows only customers that are there. With fewer than about 30 customers, or a
    handful of buyers, the intervals are too narrow; a figure at the end of its scale, such as an
    AUC of 1, gets an interval without width. It takes the model as given: how much another
    training sample would change it is not part of the interval.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani (1993). An Introduction to the Bootstrap. Chapman & Hall.
    .. [2] A. C. Davison and D. V. Hinkley (1997). Bootstrap Methods and their Application.
       Cambridge University Press.
    .. [3] C. A. Field and A. H. Welsh (2007). "Bootstrapping clustered data". Journal of the Royal
       Statistical Society B 69(3), 369-390. :doi:`10.1111/j.1467-9868.2007.00593.x`

    Examples
    --------
    Ten customers with two rows each. As twenty independent rows they would seem to say more:

    >>> import numpy as np
    >>> from crmkit.metrics import estimate
    >>> spent = np.repeat([12.0, 30.0, 18.0, 7.0, 22.0, 41.0, 15.0, 9.0, 26.0, 20.0], 2)
    >>> customer = np.repeat(np.arange(10), 2)
    >>> f"{estimate(np.mean, spent, groups=customer, random_state=0):.1f}"
    '20.0 [14.2, 26.8]'
    >>> f"{estimate(np.mean, spent, random_state=0):.1f}"
    '20.0 [16.1, 24.4]'
    """
    if not callable(function):
        raise parameter_error("function", function, "callable", _OWNER)
    coverage = check_float("coverage", coverage, _OWNER, low=0, high=1, closed="neither")
    # A tail needs at least one resampled figure beyond its cut; the rounding keeps 2 / 0.05 at 40.
    n_resamples = check_int("n_resamples", n_resamples, _OWNER, low=math.ceil(round(2 / (1 - coverage), 6)))
    method = check_option("method", method, ["percentile", "bca"], _OWNER)
    rng = check_generator("random_state", random_state, _OWNER)
    columns = _same_length(arrays)
    units = _Units(columns[0].shape[0], groups)

    value = _number(function(*columns))
    if math.isnan(value):
        raise ParameterError("The 'function' parameter of estimate returned NaN on the arrays themselves.")

    def figure(rows: _Rows) -> float:
        return _figure(function, [column[rows] for column in columns])

    with warnings.catch_warnings():
        # The first call has shown what the function warns of; 1,000 samples would repeat it.
        warnings.simplefilter("ignore")
        resampled = np.array([figure(rows) for rows in units.resamples(n_resamples, rng)])
        left_out = np.array([figure(rows) for rows in units.left_out(rng)] if method == "bca" else [])
    resampled = _defined(resampled)
    levels = np.array([(1 - coverage) / 2, (1 + coverage) / 2])
    if method == "bca":
        levels = _bca_levels(levels, value, resampled, left_out)
    low, high = np.quantile(resampled, levels, method="weibull")
    name = "bootstrap" if method == "percentile" else "BCa bootstrap"
    return Estimate(value, low, high, n=units.n, coverage=coverage, method=name)


class _Units:
    """The rows of each unit that is drawn: those of a customer, or single rows."""

    def __init__(self, n_rows: int, groups: ArrayLike | None) -> None:
        if groups is None:
            self.n = n_rows
            self._rows = self._starts = np.arange(n_rows)
            self._counts = np.ones(n_rows, dtype=np.intp)
        else:
            codes = group_codes(groups, n_rows, "estimate")
            self._counts = np.bincount(codes)
            self.n = len(self._counts)
            self._rows = np.argsort(codes, kind="stable")
            self._starts = np.cumsum(self._counts) - self._counts
        self._single = bool((self._counts == 1).all())
        if self.n < 2:
            unit = "customers" if groups is not None else "rows"
            raise ParameterError(f"estimate needs at least two {unit} to resample. Got {self.n}.")

    def resamples(self, n_resamples: int, rng: np.random.Generator) -> Iterator[_Rows]:
        """Draw as many units as there are, with replacement, again and again."""
        for _ in range(n_resamples):
            yield self._rows_of(rng.integers(self.n, size=self.n))

    def left_out(self, rng: np.random.Generator) -> Iterator[_Rows]:
        """Leave out each unit, or each of 200 random blocks of units, once."""
        shuffled = np.arange(self.n) if self.n <= _MAX_JACKKNIFE else rng.permutation(self.n)
        for block in np.array_split(shuffled, min(self.n, _MAX_JACKKNIFE)):
            kept = np.ones(self.n, dtype=bool)
            kept[block] = False
            yield self._rows_of(np.flatnonzero(kept))

    def _rows_of(self, units: _Rows) -> _Rows:
        if self._single:
            return self._rows[units]
        counts = self._counts[units]
        # Positions in self._rows: each unit's start, then counting up to its end.
        ends = np.cumsum(counts)
        return self._rows[np.repeat(self._starts[units] - ends + counts, counts) + np.arange(ends[-1])]


def group_codes(groups: ArrayLike, n_rows: int, owner: str) -> NDArray[np.intp]:
    """The position of each row's group among the sorted ids of all groups."""
    ids = np.asarray(groups)
    if ids.shape != (n_rows,):
        raise ParameterError(
            f"The 'groups' parameter of {owner} must be one-dimensional with the {n_rows:,} rows of the arrays. "
            f"Got shape {ids.shape} instead."
        )
    if ids.dtype.kind == "O":
        missing = np.array([_is_missing(value) for value in ids], dtype=bool)
    else:
        missing = np.isnan(ids) if ids.dtype.kind in "fmM" else np.zeros(n_rows, dtype=bool)
    if missing.any():
        raise ParameterError(
            f"The 'groups' parameter of {owner} is missing in {missing.sum():,} of {n_rows:,} rows, "
            f"first at position {missing.argmax()}. Leave these rows out of all arrays."
        )
    try:
        return np.unique(ids, return_inverse=True)[1]
    except TypeError as error:
        raise ParameterError(f"The 'groups' parameter of {owner} must hold ids of one type.") from error


def _is_missing(value: Any) -> bool:
    # NaN and NaT do not equal themselves, and pandas.NA gives no bool at all.
    same = value == value  # noqa: PLR0124 - see above
    return value is None or not (isinstance(same, bool | np.bool_) and bool(same))


def _same_length(arrays: tuple[Any, ...]) -> list[Any]:
    if not arrays:
        raise ParameterError("estimate needs at least one array after the function: estimate(function, y_true, …).")
    columns = [_by_rows(array) for array in arrays]
    shapes = [column.shape for column in columns]
    if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ParameterError(f"The arrays of estimate must have one length. Got shapes {shapes} instead.")
    return columns


def _by_rows(array: Any) -> Any:
    """Return what gives its rows as ``array[rows]``."""
    if hasattr(array, "csr"):
        return array
    return array.tocsr() if hasattr(array, "tocsr") else np.asarray(array)


def _number(result: Any) -> float:
    try:
        return float(result)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"The 'function' parameter of estimate must return one number. It returned {type(result).__name__}: "
            f"{str(result)[:100]}."
        ) from error


def _figure(function: Callable[..., float], columns: list[Any]) -> float:
    """Return the figure of one sample, NaN where it is not defined."""
    try:
        return float(function(*columns))
    except (ValueError, ZeroDivisionError):
        return math.nan


def _defined(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    undefined = np.isnan(figures)
    count = int(undefined.sum())
    if count > _MAX_UNDEFINED * len(figures):
        raise ParameterError(
            f"The 'function' parameter of estimate is undefined (NaN or a ValueError) in {count:,} of {len(figures):,} "
            f"samples; at most {_MAX_UNDEFINED:.0%} may be. There are too few customers of one kind: take more rows."
        )
    if count:
        warnings.warn(
            f"The figure is undefined in {count:,} of {len(figures):,} samples; the interval is that of the others.",
            CrmkitWarning,
            stacklevel=3,
        )
    return figures[~undefined]


def _bca_levels(
    levels: NDArray[np.float64], value: float, resampled: NDArray[np.float64], left_out: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move the levels of the quantiles for bias and skewness."""
    if np.isnan(left_out).any():
        raise ParameterError(
            "method='bca' is not possible: the figure is undefined without some customers. Pass method='percentile'."
        )
    below = float(np.mean(resampled < value) + np.mean(resampled == value) / 2)
    if not 0 < below < 1:
        raise ParameterError(
            "method='bca' is not possible: all resampled figures lie on one side of the figure itself, "
            "which is biased then. Pass method='percentile'."
        )
    normal = NormalDist()
    bias = normal.inv_cdf(below)
    influence = left_out.mean() - left_out
    spread = float((influence**2).sum())
    acceleration = float((influence**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    moved = [bias + normal.inv_cdf(level) for level in levels]
    return np.array([normal.cdf(bias + z / (1 - acceleration * z)) for z in moved])
