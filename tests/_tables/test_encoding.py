"""Columns as a matrix: means and scales, flags of what is missing, one column a level."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit._frames import Category
from crmkit._tables import TableEncoder, refuse_names
from crmkit.exceptions import ParameterError


def category(*cells: str | None) -> Category:
    levels = np.array(sorted({cell for cell in cells if cell is not None}))
    return Category(np.array([-1 if cell is None else np.searchsorted(levels, cell) for cell in cells]), levels)


def test_numbers_are_scaled_and_missing_ones_flagged():
    values = np.array([1.0, 2.0, np.nan, 6.0])
    encoder = TableEncoder.learn({"a": values, "b": np.array([1, 2, 3, 4])})
    matrix = encoder.matrix({"a": values, "b": np.array([1, 2, 3, 4])}, 4)
    known = values[[0, 1, 3]]
    np.testing.assert_allclose(matrix[[0, 1, 3], 0], (known - known.mean()) / known.std(), rtol=1e-14)
    assert matrix[:, 1].tolist() == [0, 0, 1, 0]
    assert matrix[2, 0] == 0
    np.testing.assert_allclose(matrix[:, 2], (np.arange(4) - 1.5) / np.arange(4).std(), rtol=1e-14)
    assert encoder.names == ["a", "b"]
    assert encoder.source.tolist() == [0, 0, 1]
    assert encoder.reference.tolist() == [0, 0, 0]


def test_a_number_that_fit_never_missed_counts_as_the_mean():
    encoder = TableEncoder.learn({"a": np.array([1.0, 3.0])})
    assert encoder.matrix({"a": np.array([np.nan, 2.0])}, 2).tolist() == [[0.0], [0.0]]


def test_weights_are_repeated_rows():
    values, weight = np.array([1.0, 5.0, np.nan, 2.0]), np.array([3.0, 1.0, 2.0, 2.0])
    weighted = TableEncoder.learn({"a": values}, weight)
    repeated = TableEncoder.learn({"a": np.repeat(values, weight.astype(int))})
    np.testing.assert_allclose(weighted.matrix({"a": values}, 4), repeated.matrix({"a": values}, 4), atol=1e-14)


@pytest.mark.parametrize("values", [[7.1] * 5, [np.nan] * 5, [1e308, -1e308, 1e308, 0.0, 1.0], [1e-310] * 5])
def test_extreme_columns_stay_finite(values):
    encoder = TableEncoder.learn({"a": np.array(values)})
    assert np.isfinite(encoder.matrix({"a": np.array(values)}, 5)).all()
    # A constant, and what is all missing, says nothing.
    if len(set(map(str, values))) == 1:
        np.testing.assert_allclose(encoder.matrix({"a": np.array(values)}, 5), 0.0, atol=1e-9)


def test_levels_are_spread_out_and_strangers_are_none_of_them():
    encoder = TableEncoder.learn({"c": category("x", "y", None, "x")})
    assert encoder.matrix({"c": category("x", "y", None, "x")}, 4).tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    assert encoder.matrix({"c": category("new", "y", None)}, 3).tolist() == [[0, 0], [0, 1], [0, 0]]
    assert encoder.reference.tolist() == [1.0, 0.0]
    # Levels are read as they are written, so that codes and order do not matter.
    assert encoder.matrix({"c": Category(np.array([0, 1]), np.array(["y", "x"]))}, 2).tolist() == [[0, 1], [1, 0]]


def test_numbers_where_fit_saw_text_are_read_as_text():
    encoder = TableEncoder.learn({"c": category("1", "2", "1")})
    assert encoder.matrix({"c": np.array([2, 1, 3])}, 3).tolist() == [[0, 1], [1, 0], [0, 0]]


def test_text_where_fit_saw_numbers_is_refused_by_name():
    encoder = TableEncoder.learn({"age": np.array([1.0, 2.0])})
    with pytest.raises(ParameterError, match="'age' held numbers in fit"):
        encoder.matrix({"age": category("a", "b")}, 2)


def test_only_the_commonest_levels_are_told_apart():
    cells = [f"level {number:03}" for number in range(150) for _ in range(1 + (number < 100) + 3)]
    encoder = TableEncoder.learn({"c": category(*cells)})
    assert encoder.matrix({"c": category(*cells)}, len(cells)).shape == (len(cells), 100)
    # The most frequent are the first hundred here.
    assert encoder.matrix({"c": category("level 099", "level 100")}, 2).sum(axis=1).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("cells", "hint"),
    [
        ([f"7590-VH{row}" for row in range(40)], "leave the column out"),
        ([f"{row}.5" for row in range(40)], "to_num"),
    ],
)
def test_names_of_rows_are_refused(cells, hint):
    with pytest.raises(ParameterError, match=hint) as error:
        refuse_names({"customerID": category(*cells)})
    assert "'customerID'" in str(error.value)
    assert cells[0] not in str(error.value)
    # Few rows cannot tell, and half of them alike are no names.
    refuse_names({"customerID": category(*cells[:19])})
    refuse_names({"customerID": category(*cells[:20], *cells[:20]), "n": np.arange(40)})
