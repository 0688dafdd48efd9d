"""What is told of each row: columns of a table, or features of snapshots, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import check_array, validate_data

from crmkit._frames import Category, column_names, concat_columns, feature_column, read_columns
from crmkit._tables._encoding import Column
from crmkit._validation import parameter_error
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.features import InterPurchaseFeatures, RFMTransformer, WindowAggregator

Columns = dict[str, Column]

#: The word by which `features` asks for the customer columns of the log.
ATTRIBUTES = "attributes"

#: What `RFMTransformer` and `InterPurchaseFeatures` both say.
_SHARED = {"recency_days"}

_ALLOWED = f"'auto', a transformer of Snapshots, or a list of transformers and the word {ATTRIBUTES!r}"


def is_frame(X: Any) -> bool:
    """Whether X has named columns."""
    # One of the sparse matrices is a mapping.
    named = isinstance(X, Mapping) or hasattr(type(X), "columns") or hasattr(type(X), "column_names")
    return named and not issparse(X)


def backend_of(X: Any) -> Literal["pandas", "polars"]:
    """The sort of frame that goes back for a table."""
    return "polars" if type(X).__module__.startswith("polars") else "pandas"


def table_columns(X: Any, owner: str, estimator: Any = None, *, reset: bool = True) -> Columns:
    """The columns of a table; of an estimator's, scikit-learn's rules of names and widths hold for them."""
    if isinstance(X, EventLog):
        raise ParameterError(
            f"{owner} takes rows. Got the EventLog itself. Take log.snapshots(dates, horizon='90D') to fit, and "
            "log.snapshot() for the customers of today."
        )
    if is_frame(X):
        return _frame_columns(X, owner, estimator, reset=reset)
    refuse_flat(X, owner)
    if estimator is None:
        array = check_array(X, dtype=None, ensure_all_finite="allow-nan", input_name="X", estimator=owner)
    else:
        array = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
    names = [f"x{j}" for j in range(array.shape[1])]
    return {name: _cells(array[:, j], name) for j, name in enumerate(names)}


def refuse_flat(X: Any, owner: str) -> None:
    """Refuse an array that has not two dimensions: scikit-learn's error would print it."""
    if (ndim := getattr(X, "ndim", None) or np.asarray(X).ndim) != 2:
        raise ParameterError(
            f"X of {owner} has {ndim} dimension(s), expected 2D array. Reshape your data: X.reshape(-1, 1) is one "
            "column, X.reshape(1, -1) one row."
        )


def _frame_columns(X: Any, owner: str, estimator: Any, *, reset: bool) -> Columns:
    if not (hasattr(type(X), "__len__") or hasattr(type(X), "num_rows")):
        raise ParameterError(f"X of {owner} is a {type(X).__name__}, which holds no rows yet. Pass X.collect().")
    own = X.columns if isinstance(X, pd.DataFrame) else getattr(X, "column_names", None) or column_names(X)
    names = [str(name) for name in own]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ParameterError(f"X of {owner} has several columns named {', '.join(map(repr, twice[:5]))}. Rename them.")
    if estimator is not None and not isinstance(X, Mapping):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    if isinstance(X, pd.DataFrame) and names != list(X):
        X = X.set_axis(names, axis=1)
    if not names:
        raise ParameterError(f"X of {owner} has no columns: 0 feature(s), while a minimum of 1 is required.")
    data = read_columns(X, [("X", name) for name in names])
    if data.n_rows == 0:
        raise ParameterError(f"X of {owner} has no rows: 0 sample(s), while a minimum of 1 is required.")
    return _finite({name: feature_column(data[name], "X") for name in names})


def renamed(columns: Columns, names: list[str], X: Any) -> Columns:
    """The columns under the names that `fit` knew: those of a dict by name, all others by their position."""
    if isinstance(X, Mapping):
        missing = [name for name in names if name not in columns]
        if missing:
            raise ColumnNotFoundError.from_name("X", missing[0], list(columns))
        return {name: columns[name] for name in names}
    # scikit-learn has compared what names there were, and the number of columns.
    return dict(zip(names, columns.values(), strict=True))


def _cells(column: NDArray[Any], name: str) -> Column:
    """A column of an array: text where a cell is text, such as "1", else numbers."""
    if column.dtype.kind in "iufb":
        return _finite({name: column})[name]
    missing = np.asarray(pd.isna(column))
    column = np.where(missing, np.nan, column.astype(object))
    if not any(isinstance(cell, str) for cell in column):
        return _finite({name: column.astype(np.float64)})[name]
    levels, codes = np.unique(np.where(missing, "", column).astype(np.str_), return_inverse=True)
    return Category(np.where(missing, -1, codes).astype(np.int32), levels)


class SnapshotFeatures:
    """Transformers of snapshots, and the customer columns, as one dict of columns.

    Attributes
    ----------
    transformers : list
        Fitted transformers, and the word "attributes".
    """

    def __init__(self, features: Any, owner: str) -> None:
        wanted = list(features) if isinstance(features, list | tuple) else [features]
        if not wanted or not all(_is_source(one) for one in wanted):
            raise parameter_error("features", features, _ALLOWED, owner)
        self._wanted = wanted
        self.transformers: list[Any] = []

    def fit(self, X: Snapshots, y: Any) -> SnapshotFeatures:
        """Fit the transformers on some rows."""
        wanted: list[Any] = []
        for one in self._wanted:
            wanted += _auto(X) if isinstance(one, str) and one == "auto" else [one]
        self.transformers = [one if isinstance(one, str) else clone(one).fit(X, y) for one in wanted]
        return self

    def columns(self, X: Snapshots) -> Columns:
        """What is told of each row."""
        found: Columns = {}
        for one in self.transformers:
            made = X._attributes() if isinstance(one, str) else _transformed(one, X)
            both = found.keys() & made.keys()
            if both <= _SHARED and isinstance(one, RFMTransformer | InterPurchaseFeatures):
                made = {name: column for name, column in made.items() if name not in both}
            elif both:
                source = "customer columns of the log" if isinstance(one, str) else type(one).__name__
                raise ParameterError(
                    f"Two features are named {min(both)!r}, the second one by the {source}. Rename the column, or "
                    "leave one of its sources out of features."
                )
            found.update(made)
        if not found:
            raise ParameterError(
                "The features give no columns: the log has no customer columns. Add them by log.with_attributes(), or "
                "name other features."
            )
        return _finite(found)


def _transformed(transformer: Any, X: Snapshots) -> Columns:
    if isinstance(transformer, RFMTransformer | InterPurchaseFeatures | WindowAggregator):
        return transformer._columns(X)
    made = transformer.transform(X)
    if hasattr(made, "toarray"):
        made = made.toarray()
    if isinstance(made, np.ndarray) and hasattr(transformer, "get_feature_names_out"):
        names = transformer.get_feature_names_out()
        return {str(name): made[:, j] for j, name in enumerate(names)}
    if is_frame(made):
        data = read_columns(made, [("features", name) for name in column_names(made)])
        return {name: feature_column(series, "features") for name, series in data.series.items()}
    return concat_columns(made, len(X), type(transformer).__name__.lower())


def _auto(X: Snapshots) -> list[Any]:
    """What is read of a log by default: little, since each further column of some thousand customers costs AUC.

    On CDNOW days and money of three windows reached .722, with counts, means, trends and another window .714.
    """
    store = X.log._store
    # Whether the log has such columns is known at any time; which items or kinds they hold, later rows know.
    by_kind = store.kind is not None and len(WindowAggregator(by_kind=True).fit(X).kinds_) > 1
    statistics = ["count", "days_since_last"] if by_kind else ["days"]
    numbers = [name for name, column in store.extras.items() if not isinstance(column, Category)]
    numbers += ["money"] * X.log.has_money
    labels = ["items"] * (store.item is not None)
    statistics += ["sum"] * bool(numbers) + ["distinct"] * bool(labels)
    windows = WindowAggregator(("30D", "90D", "365D"), statistics, columns=[*numbers, *labels], by_kind=by_kind)
    sources: list[Any] = [windows, InterPurchaseFeatures()]
    if X.log.has_money:
        sources.append(RFMTransformer())
    if X.log._attributes:
        sources.append(ATTRIBUTES)
    return sources


def _is_source(one: Any) -> bool:
    if isinstance(one, str):
        return one in ("auto", ATTRIBUTES)
    return not isinstance(one, type) and hasattr(one, "fit") and hasattr(one, "transform")


def _finite(columns: Columns) -> Columns:
    for name, column in columns.items():
        if not isinstance(column, Category) and column.dtype.kind == "f" and np.isinf(column).any():
            raise ParameterError(
                f"The column {name!r} of X holds infinity in {int(np.isinf(column).sum()):,} of {len(column):,} rows. "
                "A missing value is NaN: replace the others."
            )
    return columns


def take(columns: Columns, rows: NDArray[Any]) -> Columns:
    """The columns at some rows."""
    return {name: c.take(rows) if isinstance(c, Category) else c[rows] for name, c in columns.items()}
