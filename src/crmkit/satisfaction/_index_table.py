"""An index segment by segment, or week by week."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._compat import safe_indexing
from crmkit._frames import make_frame
from crmkit._groups import group_codes
from crmkit._tables import backend_of
from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate
from crmkit.satisfaction._indices import acsi


def index_table(index: Any, answers: Any, by: Any, *, sample_weight: Any = None, **options: Any) -> Any:
    """Estimate an index in each segment.

    Parameters
    ----------
    index : function
        Such as `nps`.
    answers : array-like of shape (n,)
        What it takes; of `acsi` a tuple of three.
    by : array-like of shape (n,)
        The segment of each respondent: text, numbers, categories, or dates such as that of the week.
    sample_weight : array-like of shape (n,), default=None
        As of `rating_mean`.
    **options : object
        Further parameters of the index.

    Returns
    -------
    frame
        ``segment``, ``value``, ``low``, ``high`` and ``n``, one row per segment, sorted; respondents without
        one are the last. NaN without answers, or with too few for an interval. polars if `by` is.

    Examples
    --------
    >>> from crmkit.satisfaction import index_table, nps
    >>> index_table(nps, [10, 9, 3, 10, 8, 10, 2, 9, 10, 7], ["north"] * 4 + ["south"] * 6).round(1)
      segment  value   low  high  n
    0   north   50.0 -33.6  90.7  4
    1   south   33.3 -26.7  71.2  6
    """
    owner = "index_table"
    if index is acsi and not (isinstance(answers, tuple | list) and len(answers) == 3):
        raise parameter_error("answers", answers, "a tuple of three, for acsi", owner)
    parts = answers if index is acsi else (answers,)
    parts = tuple(_with_rows(part) for part in parts)
    # All answers first: what is wrong or doubtful is said once.
    whole = index(*parts, sample_weight=sample_weight, **options) if callable(index) else None
    if not isinstance(whole, Estimate):
        raise parameter_error("index", index, "a function that returns one Estimate, such as nps", owner)
    code, labels = group_codes(by, len(parts[0]), owner, "by")
    table = np.full((4, len(labels)), np.nan)
    table[3] = 0
    order = np.argsort(code, kind="stable")
    for j, rows in enumerate(np.split(order, np.cumsum(np.bincount(code))[:-1])):
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one = index(*(safe_indexing(part, rows) for part in parts), sample_weight=weight, **options)
        except ParameterError:  # no answers
            continue
        table[:, j] = one.value, one.low, one.high, one.n
    return segment_frame(segment_labels(by, code, labels), table, backend_of(by))


def _with_rows(answers: Any) -> Any:
    """Return answers whose rows can be taken out."""
    if isinstance(answers, Mapping):
        return pd.DataFrame(answers)
    return answers.to_pandas() if type(answers).__module__.startswith("pyarrow") else answers


def segment_labels(by: Any, code: NDArray[np.intp], labels: list[Any]) -> Any:
    """Return the labels of the segments as `by` has them, so that they join: dates stay dates, categories ordered."""
    first = np.empty(len(labels), dtype=np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    if isinstance(by, pd.Series):
        return by.iloc[first].reset_index(drop=True)
    return by[first.tolist()] if backend_of(by) == "polars" else labels


def segment_frame(labels: Any, table: Any, backend: Literal["pandas", "polars"]) -> Any:
    """Return a row per segment of value, low, high and n; open ends are missing."""
    if backend == "polars":
        labels = _polars_labels(labels)
    value, low, high = np.where(np.isinf(table[:3]), np.nan, table[:3])
    n = table[3].astype(np.int64)
    return make_frame({"segment": labels, "value": value, "low": low, "high": high, "n": n}, backend)


def _polars_labels(labels: Any) -> Any:
    """Return labels as polars has them: as text what it has no type for, such as periods and a mixture of types."""
    import polars as pl

    if not isinstance(labels, list) and not isinstance(next(iter(labels), None), pd.Period | pd.Interval):
        return labels
    cells = [None if pd.isna(label) else label for label in labels]
    column = pl.Series(cells, strict=False)
    return column if column.dtype != pl.Object else [None if cell is None else str(cell) for cell in cells]
