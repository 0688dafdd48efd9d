"""Reading tables of item features, and their unit vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from crmkit.exceptions import ParameterError
from crmkit.recommend._item_features import NEVER, learn_encoder, read_item_table, unit_vectors, words


def vectors_of(features, text=None):
    table = read_item_table(features, None, text, None, None)
    return unit_vectors(table, learn_encoder(table, np.arange(len(table)))).toarray()


def test_rows_are_sorted_by_id():
    goods = pd.DataFrame(
        {
            "id": ["b", "c", "a"],
            "size": [1.0, 2.0, 3.0],
            "sort": ["x", None, "y"],
            "name": ["one", None, "three"],
            "day": ["2024-01-02", None, "2024-01-01"],
        }
    )
    table = read_item_table(goods, "id", "name", "day", None)
    assert table.ids.tolist() == ["a", "b", "c"]
    assert table.columns["size"].tolist() == [3.0, 1.0, 2.0]
    assert table.columns["sort"].to_array().tolist() == ["y", "x", None]
    assert table.columns["name"] == ["three", "one", ""]
    assert table.since.tolist()[:2] == [np.datetime64(day, "us").astype(int) for day in ("2024-01-01", "2024-01-02")]
    assert table.since[2] == NEVER


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix, csr_array, np.ndarray.tolist, np.float32, np.int8])
def test_matrices_of_every_kind(kind):
    features = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]])
    np.testing.assert_allclose(vectors_of(kind(features)), [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-7)


def test_the_callers_table_is_not_changed():
    features = csr_matrix(np.array([[3.0, 4.0], [1.0, 2.0]]))
    before = features.data.copy()
    vectors_of(features)
    np.testing.assert_array_equal(features.data, before)


def test_numbers_are_standardised():
    sizes = np.array([1.0, 2.0, 6.0])
    weights = np.array([5.0, 1.0, 0.0])
    found = vectors_of(pd.DataFrame({"size": sizes, "weight": weights}))
    standard = np.column_stack([(column - column.mean()) / column.std() for column in (sizes, weights)])
    np.testing.assert_allclose(found, standard / np.linalg.norm(standard, axis=1)[:, None], rtol=1e-12)


def test_a_constant_and_a_missing_column_say_nothing():
    found = vectors_of(pd.DataFrame({"size": [1.0, 2.0], "same": [7, 7], "none": [np.nan, np.nan]}))
    np.testing.assert_array_equal(found, [[-1, 0, 0], [1, 0, 0]])


def test_categories_of_numbers_are_named_as_text():
    found = vectors_of(pd.DataFrame({"year": ["1995", "1996", "1995"]}))
    np.testing.assert_array_equal(found, [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize("dtype", ["category", "string", "object"])
def test_categories_of_every_dtype(dtype):
    found = vectors_of(pd.DataFrame({"sort": pd.Series(["x", None, "y", "x"], dtype=dtype)}))
    np.testing.assert_array_equal(found, [[1, 0], [0, 0], [0, 1], [1, 0]])


def test_a_missing_flag_is_no_category():
    found = vectors_of(pl.DataFrame({"gift": [True, None, False, True]}))
    np.testing.assert_array_equal(found, [[0, 1], [0, 0], [1, 0], [0, 1]])


def test_levels_of_new_items_are_levels_too():
    table = read_item_table(pd.DataFrame({"sort": ["x", "x", "new", "new"]}), None, None, None, None)
    encoder = learn_encoder(table, np.array([0, 1]))
    np.testing.assert_array_equal(unit_vectors(table, encoder).toarray(), [[0, 1], [0, 1], [1, 0], [1, 0]])


def test_huge_and_tiny_features_keep_their_direction():
    found = vectors_of(np.array([[3e200, 4e200], [3e-200, 4e-200]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red pens, a 12-pack!", ["red", "pens", "12", "pack"]),
        ("Crème brûlée", ["crème", "brûlée"]),
        ("红茶杯", ["红", "红茶", "茶", "茶杯", "杯"]),
        ("iPhone手机壳", ["iphone", "手", "手机", "机", "机壳", "壳"]),
        ("ペン2本", ["ペ", "ペン", "ン", "本"]),
        ("", []),
        ("a b", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@given(st.text())
def test_words_are_parts_of_the_text(text):
    found = words(text)
    assert all(word in text.lower() for word in found)
    assert found == words(text.upper().lower()) or text.upper().lower() != text.lower()


@pytest.mark.parametrize(
    "features",
    [object(), "goods", 3, [], {}, b"90D", ["D", 1], np.zeros(3), np.zeros((2, 2, 2)), [[1, 2], [3]], np.array([[1j]])],
)
def test_what_is_no_table_is_refused_by_name(features):
    with pytest.raises(ParameterError, match="item_features"):
        read_item_table(features, None, None, None, None)


@pytest.mark.parametrize("parameter", ["item", "text", "available_from"])
@pytest.mark.parametrize("value", [object(), 3, -1, float("nan"), {}, b"90D", [1], ["D", 1]])
def test_what_is_no_key_is_refused_by_name(parameter, value):
    arguments = {"item": "id", "text": None, "available_from": None, parameter: value}
    goods = pd.DataFrame({"id": [1, 2], "size": [1.0, 2.0]})
    with pytest.raises((ValueError, TypeError), match=parameter):
        read_item_table(goods, **arguments, zone=None)


def test_columns_without_names_are_refused():
    with pytest.raises(ParameterError, match="rename them first"):
        read_item_table(pd.DataFrame([[1, 2], [3, 4]]), None, None, None, None)


def test_dates_are_no_features():
    goods = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    with pytest.raises(ParameterError, match=r"item_features='day' is a column of Datetime"):
        read_item_table(goods, None, None, None, None)
