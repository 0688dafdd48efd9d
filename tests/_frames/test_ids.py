"""Codes and sorted uniques of identifiers, against sorted sets."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit._frames import factorize, lookup_ids
from crmkit.exceptions import ParameterError

integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    "aab客"
)


def series(values, dtype=None):
    return nw.from_native(pd.Series(values, dtype=dtype, name="id"), series_only=True)


def check(column, expected):
    codes, uniques = factorize(column, "customer")
    assert codes.dtype == np.int32
    assert uniques.dtype.kind in "iU"
    assert uniques.tolist() == sorted({value for value in expected if value is not None})
    assert [uniques[code].item() if code >= 0 else None for code in codes] == expected


@given(st.lists(integers, max_size=30))
@settings(max_examples=60)
def test_integers(values):
    check(series(values, "int64"), values)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
@settings(max_examples=40)
def test_integers_with_nulls(values):
    check(series(values, "Int64"), values)
    check(nw.from_native(pl.Series("id", values, dtype=pl.Int64), series_only=True), values)


@given(st.lists(texts, max_size=30))
@settings(max_examples=80)
def test_texts(values):
    """In the order of code points, as Python sorts, whatever the bytes."""
    check(series(values, "object" if values else "str"), values)
    check(nw.from_native(pl.Series("id", values, dtype=pl.String), series_only=True), values)


@given(st.lists(st.none() | texts, max_size=20))
@settings(max_examples=40)
def test_texts_with_nulls(values):
    check(nw.from_native(pl.Series("id", values, dtype=pl.String), series_only=True), values)
    check(nw.from_native(pl.Series("id", values, dtype=pl.String).cast(pl.Categorical), series_only=True), values)
    check(series(pd.Categorical(values)), values)


@pytest.mark.parametrize("n_levels", [3, 5_000, 60_000])
@pytest.mark.parametrize("form", ["dense", "sparse", "text", "long text"])
def test_tables_that_grow_on_several_threads(n_levels, form):
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, n_levels, 90_000)
    values = {
        "dense": lambda: numbers,
        "sparse": lambda: numbers * 7_919_000_000_003 - 2**40,
        "text": lambda: np.char.add("k", numbers.astype("U6")),
        "long text": lambda: np.char.add("a prefix longer than sixteen bytes, 客户 ", numbers.astype("U6")),
    }[form]()
    codes, uniques = factorize(series(values.astype(object) if values.dtype.kind == "U" else values), "customer")
    expected, inverse = np.unique(values, return_inverse=True)
    np.testing.assert_array_equal(uniques, expected)
    np.testing.assert_array_equal(codes, inverse)


def test_texts_of_a_slice_with_an_offset():
    column = pl.Series("id", ["x" * 30, "b", "客", "a", "b", None, "a"])
    check(nw.from_native(column[2:], series_only=True), ["客", "a", "b", None, "a"])
    check(nw.from_native(pl.concat([column[1:2], column[3:5]], rechunk=False), series_only=True), ["b", "a", "b"])


@pytest.mark.parametrize(
    ("ids", "uniques", "expected"),
    [
        ([3, 9, 5], np.array([3, 5]), [0, -1, 1]),
        (np.int64(5), np.array([3, 5]), [1]),
        ({5}, np.array([3, 5]), [1]),
        (pl.Series([5.0]), np.array([3, 5]), [1]),
        ("b", np.array(["a", "b"]), [1]),
        (["b", "a longer one"], np.array(["a", "b"]), [1, -1]),
        ([5], np.array(["a", "b"]), [-1]),
        ([], np.array([3, 5]), []),
        ([1, 2], np.empty(0, dtype=np.int64), [-1, -1]),
        (pd.Index(["a"]), np.array(["a", "b"]), [0]),
    ],
    ids=repr,
)
def test_lookup(ids, uniques, expected):
    assert lookup_ids(ids, uniques, "customers").tolist() == expected


def test_lookup_of_a_missing_id_is_refused():
    with pytest.raises(ParameterError, match="customers holds a missing id at position 1"):
        lookup_ids(["a", None], np.array(["a"]), "customers")


ODD = {
    "arrow dictionary": pd.Series(pd.arrays.ArrowExtensionArray(pa.array(["b", "a", None]).dictionary_encode())),
    "ordered categories of numbers": pd.Series(pd.Categorical([5, 3, None], categories=[9, 5, 3], ordered=True)),
    "flags with nulls": pd.Series([True, False, None], dtype=object),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arrow dictionary", ["b", "a"]),
        ("ordered categories of numbers", [5, 3]),
        ("flags with nulls", ["True", "False"]),
    ],
)
def test_odd_columns_of_identifiers(name, expected):
    codes, uniques = factorize(nw.from_native(ODD[name], series_only=True), "customer")
    assert uniques[codes[:2]].tolist() == expected
    assert codes[2] == -1


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="this polars has no integers of 128 bits")
def test_identifiers_of_128_bits():
    column = nw.from_native(pl.Series([5, 3, None], dtype=pl.Int128), series_only=True)
    codes, uniques = factorize(column, "customer")
    assert (codes.tolist(), uniques.tolist()) == ([1, 0, -1], [3, 5])
    with pytest.raises(ParameterError, match=r"^customer=.*beyond the 64 bits"):
        factorize(nw.from_native(pl.Series([1, 2**70], dtype=pl.Int128), series_only=True), "customer")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pd.Series([1, 2**70], dtype=object), "beyond the 64 bits"),
        (pd.Series([[1], [2]]), "lists or other containers"),
        (pd.Series([{}, {}]), "lists or other containers"),
        (pd.Series(["\ud800", "a"], dtype=object), "wrong encoding"),
    ],
    ids=["large objects", "lists", "dicts", "surrogate"],
)
def test_what_is_no_identifier_is_refused(values, reason):
    with pytest.raises(ParameterError, match=f"^customer=.*{reason}"):
        factorize(nw.from_native(values, series_only=True), "customer")


def test_an_error_shows_nobodys_id():
    with pytest.raises(ParameterError) as error:
        factorize(series([123456789.5, 1.0]), "customer")
    assert "123456789" not in str(error.value)
