"""Rows × items from matrices and snapshots, against dense arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.recommend._histories import (
    Histories,
    canonical,
    check_same_items,
    history_of_matrix,
    history_of_snapshots,
    with_columns,
    with_rows,
)


def assert_canonical(matrix):
    """As it says of itself, and in truth."""
    assert matrix.has_canonical_format
    again = csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    assert again.has_canonical_format
    assert matrix.data.all()
    assert len(matrix.data) == len(matrix.indices) == matrix.indptr[-1] == matrix.nnz


@st.composite
def cells(draw):
    """(shape, rows, columns, values) of cells in any order, some twice, some zero, some that cancel."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    n = draw(st.sampled_from([0, 1, 5, 30]))
    return shape, rng.integers(0, shape[0], n), rng.integers(0, shape[1], n), rng.integers(-2, 4, n)


def matrix_of(given_cells, dtype=np.float64):
    shape, rows, columns, values = given_cells
    order = np.argsort(rows, kind="stable")
    pointers = np.searchsorted(rows[order], np.arange(shape[0] + 1))
    return csr_matrix((values[order].astype(dtype), columns[order], pointers), shape=shape)


def dense_of(given_cells):
    shape, rows, columns, values = given_cells
    dense = np.zeros(shape)
    np.add.at(dense, (rows, columns), values)
    return dense


@given(given_cells=cells(), dtype=st.sampled_from([np.int8, np.int64, np.float32]), binary=st.booleans())
def test_canonical(given_cells, dtype, binary):
    matrix, dense = matrix_of(given_cells, dtype), dense_of(given_cells)
    before = [array.copy() for array in (matrix.data, matrix.indices, matrix.indptr)]
    found = canonical(matrix, binary=binary)
    assert_canonical(found)
    assert found.dtype == (np.int8 if binary else np.float64)
    np.testing.assert_array_equal(found.toarray(), dense != 0 if binary else dense)
    for array, there in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(array, there)


def test_a_row_that_begins_where_the_last_one_ended():
    """Columns may fall from one row to the next, and may not within a row; rows without cells lie between."""
    good = csr_matrix((np.ones(4), np.array([1, 2, 0, 1]), np.array([0, 0, 2, 2, 4, 4])), shape=(5, 3))
    found = canonical(good, binary=False)
    assert np.shares_memory(found.indices, good.indices)  # nothing to do, nothing copied
    bad = csr_matrix((np.arange(1.0, 5), np.array([2, 1, 0, 1]), np.array([0, 0, 2, 2, 4, 4])), shape=(5, 3))
    assert canonical(bad, binary=False).indices.tolist() == [1, 2, 0, 1]
    assert canonical(bad, binary=False).data.tolist() == [2, 1, 3, 4]


def test_narrow_integers_do_not_wrap_around():
    ones = csr_matrix((np.ones(256, np.int8), np.zeros(256, int), np.array([0, 256])), shape=(1, 1))
    assert canonical(ones, binary=False).toarray().tolist() == [[256.0]]
    assert canonical(ones, binary=True).toarray().tolist() == [[1]]
    coo = ones.tocoo()
    assert canonical(coo, binary=False).toarray().tolist() == [[256.0]]


def test_sums_that_are_no_numbers():
    twice = csr_matrix((np.full(2, 1.7e308), np.zeros(2, int), np.array([0, 2])), shape=(1, 1))
    with pytest.raises(ParameterError, match="several times, and add up to infinity"):
        canonical(twice, binary=False)


@pytest.mark.parametrize("wrap", [np.asarray, csr_matrix, csr_array])
def test_history_of_a_matrix(wrap):
    dense = np.array([[0.0, 2.5, 0.0], [1.0, 0.0, -1.0]])
    found = history_of_matrix(wrap(dense), binary=False)
    assert found.matrix.toarray().tolist() == dense.tolist()
    assert found.items.tolist() == [0, 1, 2]
    assert found.customers is found.as_of is found.rows is None
    assert len(found) == 2
    assert history_of_matrix(wrap(dense), binary=True).matrix.toarray().tolist() == [[0, 1, 0], [1, 0, 1]]


def log_of():
    frame = pd.DataFrame(
        {
            "who": ["ann", "ann", "ann", "bob"],
            "when": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-11", "2024-01-21"]),
            "what": ["pen", "pen", "jar", "pot"],
            "paid": [1.0, 2.0, 4.0, 8.0],
        }
    )
    return EventLog.from_frame(frame, customer="who", time="when", item="what", value="paid")


@pytest.mark.parametrize(
    ("interaction", "halflife", "expected"),
    [
        ("binary", None, [[1, 1, 0], [0, 0, 1]]),
        ("count", None, [[1, 2, 0], [0, 0, 1]]),
        ("value", None, [[4, 3, 0], [0, 0, 8]]),
        ("binary", "10D", [[0.5, 0.5, 0], [0, 0, 1]]),
        ("count", "10D", [[0.5, 0.75, 0], [0, 0, 1]]),
    ],
)
def test_history_of_snapshots(interaction, halflife, expected):
    log = log_of()
    # Bob's order is at the very start of a day, and his row sees it a microsecond later.
    times = np.array(["2024-01-21", "2024-01-21T00:00:00.000001"], dtype="M8[us]")
    keys = pd.DataFrame({"who": ["ann", "bob"], "on": times})
    X = log.snapshots_at(keys, customer="who", as_of="on")
    found = history_of_snapshots(X, interaction, halflife)
    assert_canonical(found.matrix)
    np.testing.assert_allclose(found.matrix.toarray(), expected, rtol=1e-9)
    assert found.matrix.dtype == (np.int8 if interaction == "binary" and halflife is None else np.float64)
    assert found.items.tolist() == ["jar", "pen", "pot"]
    assert found.customers.tolist() == ["ann", "bob"]
    assert found.as_of.tolist() == X.as_of.tolist()
    assert found.rows is X


def test_some_rows():
    X = log_of().snapshot()
    found = history_of_snapshots(X, "count", None).take(slice(1, 2))
    assert found.matrix.toarray().tolist() == [[0, 0, 1]]
    assert found.customers.tolist() == ["bob"]
    assert len(found) == len(found.as_of) == len(found.rows) == 1
    assert found.items.tolist() == ["jar", "pen", "pot"]
    assert len(history_of_matrix(np.eye(3), binary=True).take(np.array([2, 0]))) == 2


def test_other_columns():
    found = history_of_snapshots(log_of().snapshot(), "count", None)
    items = np.array(["cup", "jar", "pot", "tin"])
    other = found.of_items(items)
    assert_canonical(other.matrix)
    assert other.items is items
    assert other.matrix.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert found.of_items(found.items) is found
    assert found.of_items(np.array([], dtype="U3")).matrix.shape == (2, 0)


def test_ids_of_another_sort():
    text, numbers = np.array(["1", "2"]), np.array([1, 2])
    found = Histories(csr_matrix(np.eye(2)), text)
    with pytest.raises(ParameterError, match="items of X are text, and those that were learnt are whole numbers"):
        found.of_items(numbers)
    with pytest.raises(ParameterError, match="items of X are whole numbers, and those that were learnt are text"):
        check_same_items(numbers, text)
    check_same_items(numbers[:0], text)


@given(given_cells=cells(), seed=st.integers(0, 999), n_more=st.integers(0, 3))
def test_with_columns_and_rows(given_cells, seed, n_more):
    rng = np.random.default_rng(seed)
    matrix = canonical(matrix_of(given_cells), binary=False)
    n_rows, n_items = matrix.shape
    places = np.sort(rng.permutation(n_items + n_more)[:n_items])
    places[rng.random(n_items) < 0.3] = -1
    expected = np.zeros((n_rows, n_items + n_more))
    expected[:, places[places >= 0]] = matrix.toarray()[:, places >= 0]
    found = with_columns(matrix, places, n_items + n_more)
    assert_canonical(found)
    np.testing.assert_array_equal(found.toarray(), expected)
    places = np.sort(rng.permutation(n_rows + n_more)[:n_rows])
    expected = np.zeros((n_rows + n_more, n_items))
    expected[places] = matrix.toarray()
    found = with_rows(matrix, places, n_rows + n_more)
    assert_canonical(found)
    np.testing.assert_array_equal(found.toarray(), expected)
