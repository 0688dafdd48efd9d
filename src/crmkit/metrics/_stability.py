"""Whether scores and features are still distributed as they were: the population stability index."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._validation import check_float, check_int, check_vector, parameter_error
from crmkit.exceptions import ParameterError

__all__ = ["population_stability_index", "stability_cutoff"]

_OWNER = "population_stability_index"


def population_stability_index(expected: ArrayLike, actual: ArrayLike, *, bins: int | ArrayLike = 10) -> float:
    r"""Measure how far a distribution has moved, such as that of a model's scores since it was fitted.

    Parameters
    ----------
    expected : array-like of shape (n,)
        Scores, or values of a feature, of the time that is compared with: numbers, or labels.
    actual : array-like of shape (m,)
        Those of now.
    bins : int or array-like of shape (n_edges,), default=10
        How many bins numbers are put into, by the quantiles of `expected`; or the ascending edges
        between bins, each of which belongs to the bin below it. Labels, and numbers of which `expected`
        has at most `bins` different ones, are counted one by one.

    Returns
    -------
    float
        0 where the shares of all bins are equal; it has no upper end. Compare it with
        `stability_cutoff`.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a sample is empty, one holds numbers and the other labels, or `bins` is neither a number above 1
        nor ascending edges.

    See Also
    --------
    stability_cutoff : The value that samples of these sizes exceed by chance in one of twenty cases.

    Notes
    -----
    With the shares :math:`e_i` and :math:`a_i` of bin :math:`i` it is
    :math:`\sum_i (a_i - e_i) \ln (a_i / e_i)`, the symmetric divergence of Kullback and Leibler [1]_.
    Missing values are a bin of their own, and so are, all together, labels that `expected` does not hold.
    A bin that is empty in one sample counts as half a value there, so that the result is finite; bins empty
    in both are left out. Quantiles that coincide, because one value is frequent, are one edge.

    It does not see moves inside a bin, nor what lies beyond the outer edges.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler (1951). "On information and sufficiency". Annals of Mathematical
       Statistics 22(1), 79-86. :doi:`10.1214/aoms/1177729694`

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.metrics import population_stability_index, stability_cutoff
    >>> rng = np.random.default_rng(0)
    >>> then, now = rng.normal(size=2_000), rng.normal(0.2, size=500)
    >>> round(population_stability_index(then, now), 3)
    0.054
    >>> round(stability_cutoff(2_000, 500), 3)
    0.042
    >>> round(population_stability_index(["a", "a", "b", "b"], ["a", "b", "b", "b"]), 3)
    0.275
    """
    is_number, samples = _read(expected, actual)
    for name, sample in zip(("expected", "actual"), samples, strict=True):
        if len(sample) == 0:
            raise ParameterError(f"The {name!r} parameter of {_OWNER} is empty: there is nothing to compare.")
    edges = None if isinstance(bins, int | np.integer) and not isinstance(bins, bool) else _edges(bins)
    if edges is not None and not is_number:
        raise parameter_error("bins", bins, "a number: labels have no edges", _OWNER)
    if edges is None:
        n_bins = check_int("bins", bins, _OWNER, low=2)
        edges = _quantiles(samples[0], n_bins) if is_number else None
    codes, n = _by_level(samples) if edges is None else _by_edges(samples, edges)
    counts = np.array([np.bincount(sample, minlength=n) for sample in codes], dtype=np.float64)
    counts = counts[:, counts.sum(axis=0) > 0]
    shares = np.maximum(counts, 0.5) / counts.sum(axis=1, keepdims=True)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def stability_cutoff(n_expected: int, n_actual: int, n_bins: int = 10, *, level: float = 0.95) -> float:
    r"""Give the value that the population stability index exceeds by chance alone, given the sample sizes.

    The fixed cut-offs of the trade, 0.1 and 0.25, are wrong in both directions: two samples of 200 from one
    population often differ by more than 0.1, and for millions of rows a tenth of it is a real move.

    Parameters
    ----------
    n_expected, n_actual : int
        Number of values in each sample.
    n_bins : int, default=10
        Number of bins, or of levels.
    level : float, default=0.95
        Share of pairs of samples from one population that stay below the value.

    Returns
    -------
    float
        Below it there is no sign of a move. What is above it has moved; whether it matters is another
        question, for which the trade's cut-offs stand.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a number is not allowed.

    See Also
    --------
    population_stability_index : What is compared with it.

    Notes
    -----
    Where nothing has moved, the index is distributed as :math:`(1/n + 1/m) \chi^2_{B - 1}` for
    :math:`B` bins [1]_. That is an approximation for large samples. Of simulated pairs of samples from one
    population 6 % were above the value for 95 % where each bin expected 20 values or more, 8 % where it
    expected 10, and 10 % where it expected 5: take fewer bins then.

    Values of one customer belong together: count customers, not rows.

    References
    ----------
    .. [1] B. Yurdakul (2018). "Statistical properties of population stability index". Dissertation,
       Western Michigan University.

    Examples
    --------
    >>> from crmkit.metrics import stability_cutoff
    >>> round(stability_cutoff(200, 200), 3)
    0.169
    >>> round(stability_cutoff(1_000_000, 100_000), 5)
    0.00019
    """
    from scipy.special import chdtri

    owner = "stability_cutoff"
    sizes = [check_int(*pair, owner, low=1) for pair in (("n_expected", n_expected), ("n_actual", n_actual))]
    n_bins = check_int("n_bins", n_bins, owner, low=2)
    level = check_float("level", level, owner, low=0, high=1, closed="neither")
    return float((1 / sizes[0] + 1 / sizes[1]) * chdtri(n_bins - 1, 1 - level))


def _read(expected: Any, actual: Any) -> tuple[bool, list[NDArray[Any]]]:
    """Both samples as floats, or both as objects of which NaN and None are missing."""
    arrays = []
    for name, values in (("expected", expected), ("actual", actual)):
        array = np.asarray(values)
        if array.ndim != 1:
            raise ParameterError(
                f"The {name!r} parameter of {_OWNER} must be one-dimensional. Got shape {array.shape} instead. "
                "Take one feature at a time."
            )
        arrays.append(array)
    numbers = [_numbers(name, values) for name, values in (("expected", expected), ("actual", actual))]
    if numbers[0] is not None and numbers[1] is not None:
        return True, [numbers[0], numbers[1]]
    for sample in numbers:
        # What is missing altogether may be either.
        if sample is not None and not np.isnan(sample).all():
            first, second = ("labels" if one is None else "numbers" for one in numbers)
            raise ParameterError(
                f"'expected' holds {first}, but 'actual' holds {second}: {_OWNER} compares values of one sort. "
                "Convert one of them."
            )
    return False, [array.astype(object) for array in arrays]


def _numbers(name: str, values: Any) -> NDArray[np.float64] | None:
    try:
        numbers: NDArray[np.float64] = check_vector(name, values, np.float64, _OWNER, finite=False)
    except ParameterError:
        return None
    return numbers


def _edges(bins: Any) -> NDArray[np.float64]:
    edges: NDArray[np.float64] = check_vector("bins", bins, np.float64, _OWNER)
    if len(edges) == 0 or bool((np.diff(edges) <= 0).any()):
        raise parameter_error("bins", bins, "an int above 1, or ascending edges between bins", _OWNER)
    return edges


def _quantiles(expected: NDArray[np.float64], n_bins: int) -> NDArray[np.float64] | None:
    """Edges between bins, or None where values are few enough to be counted one by one."""
    known = expected[~np.isnan(expected)]
    if len(np.unique(known)) <= n_bins:
        return None
    return np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))


def _by_edges(samples: list[NDArray[Any]], edges: NDArray[np.float64]) -> tuple[list[NDArray[np.intp]], int]:
    missing = len(edges) + 1
    return [np.where(np.isnan(sample), missing, np.searchsorted(edges, sample)) for sample in samples], missing + 1


def _by_level(samples: list[NDArray[Any]]) -> tuple[list[NDArray[np.intp]], int]:
    """The level of each value; levels that are new are one, and so are missing values."""
    import pandas as pd

    n = len(samples[0])
    found, levels = pd.factorize(np.concatenate(samples))
    expected = np.zeros(len(levels), dtype=bool)
    expected[found[:n][found[:n] >= 0]] = True
    n_levels = int(expected.sum())
    # A last entry, which the code -1 of missing values finds.
    ranks = np.append(np.where(expected, np.cumsum(expected) - 1, n_levels), n_levels + 1)
    codes = ranks[found]
    return [codes[:n], codes[n:]], n_levels + 2
