"""What is known of items beside who bought them: a table read from the caller, and its unit vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, normalize

from crmkit._frames import (
    Category,
    column_names,
    extra_column,
    factorize,
    make_frame,
    number_column,
    read_columns,
    time_column,
)
from crmkit._validation import parameter_error
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.recommend._histories import NEVER

_OWNER = "ContentRecommender"
_ALLOWED = "a frame, a matrix with one row per item, or one text per item"

#: Runs of Chinese and Japanese characters, which are written without spaces; and any other words.
_WORDS = re.compile(r"(?P<run>[\u3040-\u30ff\u3400-\u9fff]+)|[^\W\u3040-\u30ff\u3400-\u9fff]{2,}")


@dataclass(frozen=True)
class ItemTable:
    """Described items, sorted by id.

    Attributes
    ----------
    ids : ndarray, shape (n,), or None
        None where row j describes column j of X.
    since : ndarray of int64, shape (n,), or None
        From when on the items exist, in wall-clock microseconds; None where nothing is said of it.
    columns : dict of str to float64 array, Category or list of str
        Numbers and flags, categories, texts.
    matrix : csr_matrix or None
        What came as a matrix, instead of columns.
    """

    ids: NDArray[Any] | None
    since: NDArray[np.int64] | None
    columns: dict[str, Any]
    matrix: csr_matrix | None
    n_items: int

    def __len__(self) -> int:
        return self.n_items

    def labels(self) -> list[str]:
        """Columns of categories that tell all items apart, and so make none alike."""
        return [
            name
            for name, column in self.columns.items()
            if isinstance(column, Category) and len(column) > 1 and len(column.levels) == len(column)
        ]


def read_item_table(item_features: Any, item: Any, text: Any, available_from: Any, zone: str | None) -> ItemTable:
    """Read the parameters of a content recommender; dates on the clock of the log's zone."""
    if not isinstance(text, str | list | tuple | None):
        raise parameter_error("text", text, "the name of a column, a list of names, or None", _OWNER)
    texts = [text] if isinstance(text, str) else list(text or ())
    if _is_frame(item_features):
        return _read_frame(item_features, item, texts, available_from, zone)
    matrix, columns = _read_matrix(item_features)
    for name, value in (("item", item), ("available_from", available_from)):
        if isinstance(value, str):
            raise parameter_error(
                name, value, "an array with one value per item", _OWNER, "item_features has no columns."
            )
    if texts:
        raise parameter_error("text", text, "None where item_features has no columns", _OWNER)
    n = len(columns["text"]) if matrix is None else int(matrix.shape[0])
    ids, since = _column_of(item, "item", n), _column_of(available_from, "available_from", n)
    return _sorted_table(ids, since, columns, matrix, n, zone)


def _is_frame(features: Any) -> bool:
    if issparse(features) or isinstance(features, np.ndarray | list | tuple):
        return False
    # Asked of the class: some lazy frames are read when they are asked for their columns.
    return isinstance(features, Mapping) or hasattr(type(features), "columns")


def _read_frame(frame: Any, item: Any, texts: list[Any], available_from: Any, zone: str | None) -> ItemTable:
    try:
        names = column_names(frame)
    except ParameterError as error:
        raise parameter_error("item_features", frame, _ALLOWED, _OWNER) from error
    if not names:
        raise parameter_error("item_features", frame, _ALLOWED, _OWNER)
    keys = [(name, key) for name, key in (("item", item), ("available_from", available_from)) if isinstance(key, str)]
    asked = keys + [("text", name) for name in texts]
    for parameter, name in asked:
        if name not in names:
            raise ColumnNotFoundError.from_name(parameter, str(name), names)
    taken = {name for _, name in keys}
    features = [name for name in names if name not in taken]
    if not features:
        raise ParameterError("item_features has no columns beside the keys, so it says nothing of the items.")
    data = read_columns(frame, keys + [("item_features", name) for name in features])
    columns = {name: _feature(data[name], name in texts) for name in features}
    ids, since = (
        data[key] if isinstance(key, str) else _column_of(key, parameter, data.n_rows)
        for parameter, key in (("item", item), ("available_from", available_from))
    )
    return _sorted_table(ids, since, columns, None, data.n_rows, zone)


def _read_matrix(features: Any) -> tuple[csr_matrix | None, dict[str, Any]]:
    """A matrix of numbers, or the one column of a list or series of texts."""
    if hasattr(features, "to_numpy"):
        features = features.to_numpy()
    elif isinstance(features, list | tuple) and any(isinstance(cell, str) for cell in features):
        # Beside a text numpy would make texts of numbers too.
        features = np.array(features, dtype=object)
    elif not issparse(features):
        try:
            features = np.asarray(features)
        except ValueError as error:
            raise parameter_error("item_features", features, _ALLOWED, _OWNER) from error
    if features.ndim == 1 and features.dtype.kind in "OUT" and len(features):
        return None, {"text": _texts(features, "item_features")}
    if features.ndim != 2 or features.dtype.kind not in "iufb":
        raise parameter_error("item_features", features, _ALLOWED, _OWNER)
    matrix = csr_matrix(features, dtype=np.float64)
    if not np.isfinite(matrix.data).all():
        raise ParameterError(
            "item_features is a matrix with missing or infinite cells. Fill them; or pass a frame, where a missing "
            "cell says nothing."
        )
    return matrix, {}


def _column_of(values: Any, parameter: str, n: int) -> Any:
    """An array of one value per item as a column; None as it is."""
    if values is None:
        return None
    try:
        column = read_columns({parameter: values}, [(parameter, parameter)])[parameter]
    except (ParameterError, ValueError) as error:
        allowed = "the name of a column, or an array with one value per item"
        raise parameter_error(parameter, values, allowed, _OWNER) from error
    if len(column) != n:
        raise ParameterError(f"{parameter} has {len(column):,} values for the {n:,} rows of item_features.")
    return column


def _feature(series: Any, is_text: bool) -> Any:
    """A column as float64 numbers, categories or texts."""
    if is_text:
        return _texts(series.to_numpy(), f"text={series.name!r}")
    column = extra_column(series, "item_features")
    if isinstance(column, Category):
        return column
    numbers = number_column(series, "item_features") if column.dtype != np.bool_ else column.astype(np.float64)
    if np.isinf(numbers).any():
        raise ParameterError(f"item_features has infinite numbers in the column {series.name!r}. A missing one is NaN.")
    return numbers


def _texts(cells: Any, parameter: str) -> list[str]:
    texts = []
    for position, cell in enumerate(cells):
        is_text = isinstance(cell, str)
        missing = (
            cell is None or type(cell).__name__ in {"NAType", "NaTType"} or (isinstance(cell, float) and isnan(cell))
        )
        if not (is_text or missing):
            raise ParameterError(f"{parameter} holds {cell!r} at position {position}, which is not a text.")
        texts.append(str(cell) if is_text else "")
    return texts


def _sorted_table(
    ids: Any, since: Any, columns: dict[str, Any], matrix: csr_matrix | None, n: int, zone: str | None
) -> ItemTable:
    if n == 0:
        raise ParameterError("item_features has no rows, so it describes no item.")
    starts = None if since is None else _starts(since, zone)
    if ids is None:
        return ItemTable(None, starts, columns, matrix, n)
    codes, uniques = factorize(ids, "item")
    if (codes < 0).any():
        raise ParameterError(f"item has a missing id in row {int(np.argmax(codes < 0))} of item_features.")
    if len(uniques) < n:
        repeated = int((np.bincount(codes) > 1).sum())
        raise ParameterError(f"item: {repeated:,} items stand in item_features several times. Keep one row of each.")
    order = np.argsort(codes)
    return ItemTable(
        uniques,
        None if starts is None else starts[order],
        {name: _reordered(column, order) for name, column in columns.items()},
        None if matrix is None else matrix[order],
        n,
    )


def _reordered(column: Any, order: NDArray[np.int64]) -> Any:
    if isinstance(column, Category):
        return column.take(order)
    return [column[row] for row in order] if isinstance(column, list) else column[order]


def _starts(since: Any, zone: str | None) -> NDArray[np.int64]:
    column = time_column(since, "available_from", zone or "UTC")
    if column.aware and zone is None:
        raise ParameterError("available_from says a time zone but the log has none. Give naive times.")
    if column.unparseable is not None and column.unparseable.any():
        row = int(np.argmax(column.unparseable))
        raise ParameterError(f"available_from holds {since[row]!r} in row {row}, which is not a date.")
    return column.wall if column.missing is None else np.where(column.missing, NEVER, column.wall)


# -- encoding ----------------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """Words of two letters and more, in lower case; Chinese and Japanese by single characters and pairs.

    Examples
    --------
    >>> words("Red pens, 红茶杯")
    ['red', 'pens', '红', '红茶', '茶', '茶杯', '杯']
    """
    found = []
    for match in _WORDS.finditer(text.lower()):
        if match["run"] is None:
            found.append(match[0])
        else:
            run = match[0]
            found += [part for start in range(len(run)) for part in dict.fromkeys((run[start], run[start : start + 2]))]
    return found


def learn_encoder(table: ItemTable, known: NDArray[np.int64]) -> ColumnTransformer | None:
    """Fit scikit-learn's encoders to the items that are known; None for a matrix, which is taken as it is."""
    if table.matrix is not None:
        return None
    parts: list[tuple[str, Any, Any]] = []
    for name, column in table.columns.items():
        if isinstance(column, Category):
            # Missing cells are none of these, and so no category.
            parts.append(
                (name, OneHotEncoder(categories=[column.levels.astype(object)], handle_unknown="ignore"), [name])
            )
        elif isinstance(column, list):
            # A vectorizer takes a column, the others a table of one.
            parts.append((name, TfidfVectorizer(analyzer=words), name))
        else:
            parts.append(
                (
                    name,
                    make_pipeline(StandardScaler(), FunctionTransformer(np.nan_to_num, feature_names_out="one-to-one")),
                    [name],
                )
            )
    encoder = ColumnTransformer(parts, sparse_threshold=1.0)
    try:
        # The caller may have told scikit-learn to give frames, which no sparse matrix can be.
        with config_context(transform_output="default"), np.errstate(invalid="ignore"):  # a column of nothing but NaN
            encoder.fit(_as_frame(table).iloc[known])
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise ParameterError(
            "text: a column of texts holds no word of two letters or more in any item that was known at fit."
        ) from error
    return encoder


def unit_vectors(table: ItemTable, encoder: ColumnTransformer | None) -> csr_matrix:
    """The vector of each described item, of length 1; zeros where nothing is known of it."""
    with config_context(transform_output="default"):
        vectors = table.matrix if encoder is None else csr_matrix(encoder.transform(_as_frame(table)))
    # By the largest first: squares of numbers beyond 1e154 are infinite.
    vectors = normalize(normalize(vectors, norm="max"), norm="l2", copy=False)
    vectors.eliminate_zeros()
    vectors.sort_indices()
    return csr_matrix(vectors)


def _as_frame(table: ItemTable) -> Any:
    columns = {
        name: column.to_array()
        if isinstance(column, Category)
        else np.array(column, dtype=object)
        if isinstance(column, list)
        else column
        for name, column in table.columns.items()
    }
    return make_frame(columns, "pandas")
