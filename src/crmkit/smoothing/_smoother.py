"""What the smoothers share: series as rows of a table, and series one after the other in one vector."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from crmkit._numba import read_only, run_in_ranges
from crmkit._validation import check_vector, parameter_error, threads_of
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ParameterError
from crmkit.smoothing._reading_kernels import count_beyond, find_runs

#: So many values are worth a thread of their own (its start takes some .1 ms).
VALUES_PER_THREAD = 200_000

#: Where the difference of two values could be too large for a float64.
HUGE = 2.0**1022

_MOST = float(np.finfo(np.float64).max)

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


class SeriesSmoother(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of the smoothers: how they read tables, in which a row is a series. Not to be used itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"n_jobs": [None, Integral]}

    n_jobs: int | None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # -- reading -----------------------------------------------------------------------------------

    def _threads(self, n_values: int) -> int:
        """Threads that so many values are worth, at most as many as asked for."""
        # joblib knows what None and -1 are in its workers; asking it takes a tenth of a small call.
        wanted = 1 if self.n_jobs == 1 else threads_of(self.n_jobs)
        return max(1, min(wanted, n_values // VALUES_PER_THREAD))

    def _read(self, X: Any, *, reset: bool) -> NDArray[Any]:
        """The table as float64 or float32, with NaN where values are missing; infinite ones are found later."""
        if self._is_plain(X, reset=reset):
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
            return X
        refuse_other(X, type(self).__name__)
        try:
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        except ValueError as error:
            if "could not convert string" not in str(error):
                raise
            # scikit-learn's sentence holds the text, which may be somebody's id.
            raise ParameterError(f"X of {type(self).__name__} holds text{_text_columns(X)}.") from None

    def _is_plain(self, X: Any, *, reset: bool) -> bool:
        """Whether an array is as it should be: scikit-learn takes ten times as long to find out as smoothing a row."""
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] > 0
            and X.dtype in _FLOATS
            and (reset or (X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_")))
        )


def by_groups(
    values: Any,
    groups: Any,
    owner: str,
    threads: Callable[[int], int],
    smooth: Callable[[NDArray[Any], NDArray[np.int64], NDArray[np.int64] | None, bool], NDArray[Any]],
) -> NDArray[Any]:
    """Smooth the series that stand in one column, whatever the order of their rows.

    Parameters
    ----------
    values, groups : array-like of shape (n,)
        Numbers, and the series of each.
    threads : callable
        Takes a number of values, and gives the threads that it is worth.
    smooth : callable
        Takes the values of one series after the other, where each begins (n_series + 1), the order in which
        the rows were taken (None: as they stand), and whether the difference of two may be infinite.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.float32 and values.ndim == 1:
        vector = read_only(values)
    else:
        vector = read_only(check_vector("values", values, np.float64, owner, finite=False))
    huge = beyond(vector, HUGE)
    infinite = np.flatnonzero(np.isinf(vector) if huge else ())
    if len(infinite):
        raise ParameterError(
            f"The 'values' parameter of {owner} has {len(infinite):,} infinite values; the first at position "
            f"{infinite[0]}. Pass NaN where a value is missing."
        )
    order, pointers = series_of(groups, len(vector), owner, threads(len(vector)))
    if order is None:
        return smooth(vector, read_only(pointers), None, huge)
    smoothed = smooth(read_only(vector[order]), read_only(pointers), order, huge)
    out = np.empty_like(smoothed)
    out[order] = smoothed
    return out


def beyond(values: NDArray[Any], limit: float) -> bool:
    """Whether any absolute value is above a limit, NaN left out."""
    lying = values if values.flags.c_contiguous else values.T
    return bool(count_beyond(read_only(lying).reshape(-1), limit))


def series_of(groups: Any, n: int, owner: str, threads: int) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Where each series begins and ends, and the order that brings its rows together (None: as they stand)."""
    if getattr(groups, "ndim", 1) != 1 or not hasattr(groups, "__len__") or len(groups) != n:
        raise parameter_error("groups", groups, f"the names of the series of the {n:,} values, in one dimension", owner)
    ids = groups if isinstance(groups, np.ndarray) else pd.Series(groups).array
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        pointers = _sorted_runs(read_only(ids, np.int64), threads)
        if pointers is not None:
            return None, pointers
    missing = pd.isna(ids)
    if missing.any():
        raise ParameterError(
            f"The 'groups' parameter of {owner} has {int(missing.sum()):,} missing values; the first at position "
            f"{int(missing.argmax())}. Leave those rows out, or give them a name of their own."
        )
    edges = np.flatnonzero(np.asarray(ids[1:] != ids[:-1], dtype=np.bool_)) + 1 if n else np.empty(0, dtype=np.int64)
    starts = np.concatenate([np.zeros(min(n, 1), dtype=np.int64), edges])
    try:
        codes, heads = pd.factorize(np.asarray(ids[starts]))
    except TypeError as error:
        raise ParameterError(f"The 'groups' parameter of {owner} must hold numbers or text: {error}.") from error
    if len(heads) == len(starts):
        return None, np.append(starts, n)
    codes = np.repeat(codes, np.diff(np.append(starts, n)))
    order = np.argsort(codes, kind="stable")
    return order, np.searchsorted(codes[order], np.arange(len(heads) + 1))


def _sorted_runs(ids: NDArray[np.int64], threads: int) -> NDArray[np.int64] | None:
    """Where each id begins and ends, if they are sorted."""

    def find(start: int, stop: int) -> NDArray[np.int64] | None:
        # Each part begins with the last id of the one before it.
        part, first = ids[max(start - 1, 0) : stop], max(start - 1, 0)
        starts = np.empty(len(part) // 4 + 1, dtype=np.int64)
        n_runs, n_lower = find_runs(part, first, starts)
        if n_runs > len(starts):
            starts = np.empty(n_runs, dtype=np.int64)
            find_runs(part, first, starts)
        return None if n_lower else starts[:n_runs]

    starts = run_in_ranges(find, len(ids), threads=threads)
    if any(part is None for part in starts):
        return None
    return np.concatenate([np.zeros(min(len(ids), 1), dtype=np.int64), *starts, [len(ids)]])


def refuse_other(X: Any, owner: str) -> None:
    """Refuse what is not a table of series in rows, and say what to pass instead."""
    if isinstance(X, Snapshots | EventLog):
        hint = "Take rows of it: log.snapshot()." if isinstance(X, EventLog) else ""
        raise ParameterError(
            f"{owner} takes a table with one series in each row here, not Snapshots or an EventLog. Got "
            f"{type(X).__name__}. {hint}".rstrip()
        )
    first = next(iter(X), None) if isinstance(X, list | tuple) else None
    if getattr(X, "ndim", 2) == 1 or isinstance(first, Real):
        raise ParameterError(
            f"{owner} takes a table with one series in each row. Reshape your data: of one series make one row, [x]."
        )
    if hasattr(X, "collect"):
        raise ParameterError(f"{owner} takes a table in memory, not a {type(X).__name__}. Pass X.collect().")
    index = getattr(X, "index", None)
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        raise ParameterError(
            f"{owner} takes one series in each row, and X has an index of times, so that its series are columns: "
            "series are rows; pass X.T."
        )


def _text_columns(X: Any) -> str:
    """Which columns hold text, and what to do about it."""
    if not isinstance(X, pd.DataFrame):
        return ". Series are rows of numbers, with NaN where a value is missing"
    names = [name for name in X.columns if not pd.api.types.is_numeric_dtype(X[name])]
    return f" in the columns {names}. Series are rows of numbers: for a column of ids, pass X.set_index({names[0]!r})"


def refuse_infinite(values: NDArray[Any], owner: str) -> None:
    """Refuse a table with infinite values, in scikit-learn's words."""
    if beyond(values, _MOST):
        row, time = np.argwhere(np.isinf(values))[0]
        raise ParameterError(
            f"Input X of {owner} contains infinity; the first in row {row} at time {time}. Pass NaN where a value is "
            "missing."
        )
