"""Columns of identifiers: customers, items, orders and kinds as codes into sorted unique values.

The uniques are one fixed numpy buffer, int64 or unicode, never an object array: those cost 15
times as much when joblib hands them to a worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames._ids_kernels import (
    hash_int_codes,
    hash_text_codes,
    mark_present,
    merge_text_codes,
    pack_words,
    rehash_ints,
    rehash_texts,
    remap_codes,
    remap_dense,
    subtract,
)
from crmkit._numba import run_in_ranges
from crmkit.exceptions import ParameterError

#: An id longer than this is a sentence, that is a wrong column; fixed-width buffers would pay for it in every row.
MAX_ID_LENGTH = 1_000

_INT64 = np.iinfo(np.int64)

#: An integer range up to this many times the rows is looked up in a table instead of hashed.
DENSE_RANGE = 2


def factorize(series: nw.Series[Any], parameter: str) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Codes and sorted unique values of a column of identifiers.

    Parameters
    ----------
    series : narwhals Series
        Whole numbers (whole floats too: a null turns a pandas column of integers into floats),
        text, categories, or UUID objects.
    parameter : str
        What an error message calls the column.

    Returns
    -------
    codes : ndarray of int32, shape (n,)
        Positions in `uniques`, -1 for nulls.
    uniques : ndarray of int64 or unicode, shape (n_unique,)
        Sorted.
    """
    dtype = series.dtype
    if is_all_null(series):
        return np.full(len(series), -1, dtype=np.int32), np.empty(0, dtype="<U1")
    if dtype.is_integer():
        return _factorize_integers(*_integers(series, parameter))
    if dtype.is_float():
        return _factorize_integers(*_whole_floats(series, parameter))
    if isinstance(getattr(series.to_native(), "dtype", None), pd.CategoricalDtype):
        return _factorize_pandas_categorical(series, parameter)
    if dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)
        dtype = series.dtype
    if dtype == nw.Boolean:
        series = series.cast(nw.String)
        dtype = series.dtype
    if dtype == nw.String:
        return _factorize_text(series, parameter)
    if dtype == nw.Object:
        return _factorize_objects(series.to_numpy(), series, parameter)
    raise ParameterError(
        f"{parameter}={series.name!r} is a column of {dtype}. Identifiers are whole numbers, text or categories: "
        "convert the column first, for example to text."
    )


def is_all_null(series: nw.Series[Any]) -> bool:
    """Whether a column has the type of nothing, which polars and Arrow give to columns of nulls."""
    return series.dtype == nw.Unknown and bool(series.is_null().all())


def _integers(series: nw.Series[Any], parameter: str) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    null = _null_mask(series)
    if null is not None:
        series = series.fill_null(0)
    if series.dtype in (nw.Int128, nw.UInt128) and len(series):
        # numpy has no such integers.
        if not (_INT64.min <= series.min() and series.max() <= _INT64.max):
            raise _size_error(parameter, series.name)
        series = series.cast(nw.Int64)
    values = series.to_numpy()
    if values.dtype == np.uint64 and values.size and values.max() > _INT64.max:
        raise _size_error(parameter, series.name)
    return np.ascontiguousarray(values, dtype=np.int64), null


def _whole_floats(series: nw.Series[Any], parameter: str) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    values = np.ascontiguousarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    null: NDArray[np.bool_] | None = np.isnan(values)
    if null is not None and null.any():
        values = np.where(null, 0.0, values)
    else:
        null = None
    broken = ~(np.abs(values) < 2.0**53) | (values != np.rint(values))
    if broken.any():
        # The number itself may be somebody's id, which is for no error message.
        raise ParameterError(
            f"{parameter}={series.name!r} is a column of fractional numbers, and {int(broken.sum()):,} of them are not "
            "whole or are too large to be exact. Identifiers are whole numbers or text: convert the column first, for "
            "example to text."
        )
    return values.astype(np.int64), null


def _null_mask(series: nw.Series[Any]) -> NDArray[np.bool_] | None:
    """The nulls of a column, or None where it has none."""
    null = np.asarray(series.is_null().to_numpy(), dtype=np.bool_)
    return null if null.any() else None


def _factorize_integers(
    values: NDArray[np.int64], null: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    if null is not None:
        codes = np.full(len(values), -1, dtype=np.int32)
        codes[~null], uniques = _factorize_integers(np.ascontiguousarray(values[~null]), None)
        return codes, uniques
    n = len(values)
    codes = np.empty(n, dtype=np.int32)
    if n == 0:
        return codes, values
    low, high = int(values.min()), int(values.max())
    if high - low <= DENSE_RANGE * n + 1_000:
        present = np.zeros(high - low + 1, dtype=np.uint8)
        # Threads may write the same 1 into the same byte: harmless, and faster than two tables.
        run_in_ranges(mark_present, n, values, low, present)
        if present.all():
            run_in_ranges(subtract, n, values, low, codes)
            return codes, np.arange(low, high + 1)
        ranks = np.cumsum(present, dtype=np.int32) - np.int32(1)
        run_in_ranges(remap_dense, n, values, low, ranks, codes)
        return codes, np.flatnonzero(present) + low
    # Sparse: one hash table a thread, their keys then sorted together.
    tables = run_in_ranges(_hash_integers, n, values, codes)
    keys = np.concatenate([keys for _, _, keys in tables])
    order = np.argsort(keys)
    is_new = np.append(True, np.diff(keys[order]) != 0)
    ranks = np.empty(len(keys), dtype=np.int32)
    ranks[order] = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    taken = 0
    for start, stop, own in tables:
        run_in_ranges(remap_codes, stop - start, ranks[taken : taken + len(own)], codes[start:stop])
        taken += len(own)
    return codes, keys[order[is_new]]


def _hash_integers(
    start: int, stop: int, values: NDArray[np.int64], codes: NDArray[np.int32]
) -> tuple[int, int, NDArray[np.int64]]:
    room = _first_room(stop - start)
    keys = np.zeros(room, dtype=np.int64)
    table = np.full(4 * room, -1, dtype=np.int32)
    row, count = hash_int_codes(start, stop, 0, values, codes, table, keys)
    while row < stop:
        keys = np.concatenate([keys, np.zeros(3 * len(keys), dtype=np.int64)])
        table = np.full(4 * len(keys), -1, dtype=np.int32)
        rehash_ints(count, table, keys)
        row, count = hash_int_codes(row, stop, count, values, codes, table, keys)
    return start, stop, keys[:count]


def _first_room(rows: int) -> int:
    """Room for a distinct id in every eight rows, at least: a power of two, as the tables need it."""
    return 1 << max(10, (rows // 8).bit_length())


def _hash_texts(
    start: int, stop: int, offsets: NDArray[np.int64], words: NDArray[np.uint64], codes: NDArray[np.int32]
) -> tuple[int, int, int, NDArray[np.int32], NDArray[np.int64]]:
    room = _first_room(stop - start)
    texts = np.zeros((room, 8), dtype=np.int64)
    table = np.full(4 * room, -1, dtype=np.int32)
    row, count = hash_text_codes(start, stop, 0, offsets, words, codes, table, texts)
    while row < stop:
        table, texts = _more_text_room(words, count, texts, 4 * len(texts))
        row, count = hash_text_codes(row, stop, count, offsets, words, codes, table, texts)
    return start, stop, count, table, texts


def _more_text_room(
    words: NDArray[np.uint64], count: int, texts: NDArray[np.int64], room: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    larger = np.zeros((room, 8), dtype=np.int64)
    larger[:count] = texts[:count]
    table = np.full(4 * room, -1, dtype=np.int32)
    rehash_texts(count, words, table, larger)
    return table, larger


def _factorize_text(series: nw.Series[Any], parameter: str) -> tuple[NDArray[np.int32], NDArray[np.str_]]:
    try:
        import pyarrow as pa
    except ImportError:
        return _factorize_objects(series.to_numpy(), series, parameter)
    try:
        column = series.to_arrow()
    except UnicodeEncodeError as error:
        raise ParameterError(
            f"{parameter}={series.name!r} holds text with half of a surrogate pair, which is no character: the file "
            "was read in the wrong encoding. Read it again, or replace these with .str.encode('utf-8', 'replace')."
        ) from error
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = column.cast(pa.large_string())
    null = _null_mask(series)
    if null is not None:
        codes = np.full(len(column), -1, dtype=np.int32)
        codes[~null], uniques = _factorize_arrow(column.drop_null(), parameter, series.name)
        return codes, uniques
    return _factorize_arrow(column, parameter, series.name)


def _factorize_arrow(column: Any, parameter: str, name: str) -> tuple[NDArray[np.int32], NDArray[np.str_]]:
    """Hash the bytes where they lie: pandas.factorize takes 5 s for 10 M strings, this .5 s."""
    n = len(column)
    codes = np.empty(n, dtype=np.int32)
    if n == 0:
        return codes, np.empty(0, dtype="<U1")
    _, offset_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[column.offset : column.offset + n + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.empty(0, dtype=np.uint8)
    if np.any(data[offsets[0] : offsets[-1]] == 0):
        raise _nul_error(parameter, name)
    words = np.zeros(int(offsets[-1]) // 8 + 3, dtype=np.uint64)
    words.view(np.uint8)[: offsets[-1]] = data[: offsets[-1]]
    (_, _, count, table, texts), *others = run_in_ranges(_hash_texts, n, offsets, words, codes)
    for start, stop, more, _, own in others:
        if count + more > len(texts):
            table, texts = _more_text_room(words, count, texts, 1 << (count + more).bit_length())
        ranks = np.empty(more, dtype=np.int32)
        count = merge_text_codes(offsets, words, own[:more, -1].copy(), count, table, texts, ranks)
        run_in_ranges(remap_codes, stop - start, ranks, codes[start:stop])
    firsts = texts[:count, -1].copy()
    lengths = offsets[firsts + 1] - offsets[firsts]
    if lengths.max() > 4 * MAX_ID_LENGTH:
        raise _length_error(parameter, name)
    order = np.lexsort(pack_words(offsets, data, firsts, int(lengths.max()))[::-1])
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    run_in_ranges(remap_codes, n, ranks, codes)
    texts = column.take(firsts[order]).to_numpy(zero_copy_only=False)
    return codes, _unicode(texts, parameter, name)


def _factorize_objects(
    values: NDArray[Any], series: nw.Series[Any], parameter: str
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    try:
        positions, found = pd.factorize(np.asarray(values, dtype=object))
    except TypeError as error:
        raise ParameterError(
            f"{parameter}={series.name!r} holds lists or other containers. Identifiers are whole numbers or text: "
            "give one to each row, for example with .explode()."
        ) from error
    codes = positions.astype(np.int32)
    kinds = {type(value) for value in found}
    if kinds <= {bool, np.bool_}:
        found = np.array([str(value) for value in found], dtype=object)
        kinds = {str}
    if kinds <= {uuid.UUID, str, np.str_}:
        if any("\0" in str(value) for value in found):
            raise _nul_error(parameter, series.name)
        uniques: NDArray[Any] = _unicode([str(value) for value in found], parameter, series.name)
    elif all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        if not all(_INT64.min <= value <= _INT64.max for value in found):
            raise _size_error(parameter, series.name)
        uniques = np.array(found, dtype=np.int64)
    else:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ParameterError(
            f"{parameter}={series.name!r} mixes objects of type {names}. Identifiers are whole numbers or text, "
            "one of the two in a column: convert the column first, for example with .astype(str)."
        )
    uniques, ranks = np.unique(uniques, return_inverse=True)
    known = codes >= 0
    codes[known] = ranks.astype(np.int32)[codes[known]]
    return codes, uniques


def _factorize_pandas_categorical(series: nw.Series[Any], parameter: str) -> tuple[NDArray[np.int32], NDArray[Any]]:
    native = series.to_native()
    raw = native.cat.codes.to_numpy().astype(np.int32)
    categories = pd.Series(native.cat.categories.to_numpy(), name=series.name)
    ranks, levels = factorize(nw.from_native(categories, series_only=True), parameter)
    used = np.zeros(len(levels), dtype=np.bool_)
    codes = np.where(raw >= 0, np.append(ranks, np.int32(-1))[raw], np.int32(-1))
    used[codes[codes >= 0]] = True
    # A category that no row has is no customer.
    new = np.append(np.cumsum(used, dtype=np.int32) - np.int32(1), np.int32(-1))
    return new[codes], levels[used]


def _unicode(texts: Any, parameter: str, name: str) -> NDArray[np.str_]:
    if len(texts) == 0:
        return np.empty(0, dtype="<U1")
    longest = max(map(len, texts))
    if longest > MAX_ID_LENGTH:
        raise _length_error(parameter, name)
    return np.array(texts, dtype=f"<U{max(longest, 1)}")


def _size_error(parameter: str, name: str) -> ParameterError:
    return ParameterError(
        f"{parameter}={name!r} holds whole numbers beyond the 64 bits of an id, -2**63 to 2**63 - 1. "
        "Convert the column to text."
    )


def _length_error(parameter: str, name: str) -> ParameterError:
    return ParameterError(
        f"{parameter}={name!r} holds text longer than {MAX_ID_LENGTH:,} characters, so it is hardly a column of "
        "identifiers. Name another column, or shorten it."
    )


def _nul_error(parameter: str, name: str) -> ParameterError:
    return ParameterError(
        f"{parameter}={name!r} holds text with NUL characters, which numpy's text cannot keep apart. "
        "Strip them, for example with .str.replace."
    )


def check_same_sort(ids: NDArray[Any], uniques: NDArray[Any], said: str) -> None:
    """Refuse text where ids are numbers, and numbers where they are text: none would be found."""
    if len(ids) and len(uniques) and ids.dtype.kind != uniques.dtype.kind:
        sorts = ["text" if array.dtype.kind == "U" else "whole numbers" for array in (ids, uniques)]
        raise ParameterError(f"{said} holds {sorts[0]}, the customer ids of the log are {sorts[1]}. Convert them.")


def lookup_ids(ids: Any, uniques: NDArray[Any], parameter: str, *, same_sort: bool = False) -> NDArray[np.int64]:
    """Positions of some ids in a sorted array of unique ids, -1 where it does not hold them."""
    wanted = _like(ids, uniques, parameter)
    if same_sort:
        check_same_sort(wanted, uniques, parameter)
    if len(uniques) == 0 or len(wanted) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    if wanted.dtype.kind != uniques.dtype.kind:
        return np.full(len(wanted), -1, dtype=np.int64)
    positions = np.minimum(np.searchsorted(uniques, wanted), len(uniques) - 1)
    return np.where(uniques[positions] == wanted, positions, -1)


def _like(ids: Any, uniques: NDArray[Any], parameter: str) -> NDArray[Any]:
    """The ids as one array of int64 or text; the ids of an empty log may be either."""
    if (
        isinstance(ids, str | uuid.UUID)
        or not isinstance(ids, Iterable)
        or (isinstance(ids, np.ndarray) and ids.ndim == 0)
    ):
        ids = [ids]
    if not isinstance(ids, np.ndarray):
        native = nw.from_native(ids, allow_series=True, pass_through=True)
        if isinstance(native, nw.DataFrame | nw.LazyFrame | Mapping):
            raise ParameterError(f"{parameter} is a {type(ids).__name__}. Pass its column of ids.")
        ids = native.to_numpy() if isinstance(native, nw.Series) else list(ids)
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ParameterError(f"{parameter} must be ids in one dimension. Got an array of shape {array.shape}.")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind in "US":
        return array.astype(np.str_)
    if array.size == 0:
        return np.empty(0, dtype=uniques.dtype)
    series = nw.from_native(pd.Series(array, name=parameter), series_only=True)
    codes, found = factorize(series, parameter)
    if (codes < 0).any():
        raise ParameterError(f"{parameter} holds a missing id at position {int(np.argmax(codes < 0))}.")
    return found[codes]
