"""Distinct rows: what numpy's unique finds, whatever the order of the input and the number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.value import _grouping_kernels as kernels
from crmkit.value._rows import Rows, frozen

pytestmark = pytest.mark.kernels


def rows_of(table, weight=None):
    x, t_x, T = (frozen(np.array(column, dtype=float)) for column in np.reshape(table, (-1, 3)).T)
    return Rows(x, t_x, T, frozen(np.ones(len(x)) if weight is None else np.array(weight, dtype=float)))


def as_table(rows):
    return np.column_stack([rows.x, rows.t_x, rows.T, rows.weight])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=60), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_same_as_unique_in_any_order(table, random):
    found, inverse = rows_of(table).distinct()
    unique, counts = np.unique(np.reshape(table, (-1, 3)), axis=0, return_counts=True)
    assert len(found) == len(unique)
    ours = as_table(found)
    assert np.array_equal(ours[np.lexsort(ours[:, 2::-1].T)], np.column_stack([unique, counts]))
    assert np.array_equal(as_table(found)[inverse, :3], np.reshape(table, (-1, 3)))
    shuffled = list(table)
    random.shuffle(shuffled)
    assert np.array_equal(as_table(rows_of(shuffled).distinct()[0]), as_table(found))


def test_rows_come_in_the_order_of_their_counts():
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.integers(0, 9, 5_000), rng.random((5_000, 2))])
    assert (np.diff(rows_of(table).distinct()[0].x) >= 0).all()


def test_counts_beyond_sixteen_bits_are_ordered_too():
    found, _ = rows_of([(70_000, 1, 2), (3, 1, 2), (65_537, 1, 2)]).distinct()
    assert found.x.tolist() == [3.0, 65_537.0, 70_000.0]


def test_many_rows_on_any_number_of_threads(monkeypatch):
    rng = np.random.default_rng(0)
    table = np.floor(rng.random((60_000, 3)) * 30)
    alone = as_table(rows_of(table).distinct()[0])
    monkeypatch.setattr("crmkit._numba._threads.n_threads", lambda: 7)
    assert np.array_equal(as_table(rows_of(table).distinct()[0]), alone)
    assert alone[:, 3].sum() == 60_000


def test_minus_zero_is_zero():
    assert len(rows_of([(0.0, 0.0, 1.0), (0.0, -0.0, 1.0)]).distinct()[0]) == 1


def test_weights_add_up_and_gaps_are_averaged():
    rows = rows_of([(1, 1, 2), (1, 1, 2), (0, 0, 2)], weight=[2.0, 1.0, 5.0])
    rows = Rows(rows.x, rows.t_x, rows.T, rows.weight, frozen(np.array([3.0, 6.0, 0.0])))
    found, _ = rows.distinct()
    assert found.weight.tolist() == [5.0, 3.0]
    assert found.log_gaps.tolist() == [0.0, 4.0]


def test_covariates_keep_customers_apart():
    rows = rows_of([(1, 1, 2), (1, 1, 2), (1, 1, 2)])
    rows = Rows(rows.x, rows.t_x, rows.T, rows.weight, None, frozen(np.array([[1.0], [2.0], [1.0]])))
    found, _ = rows.distinct()
    assert sorted(found.weight.tolist()) == [1.0, 2.0]


def test_equal_hashes_of_unequal_rows_are_told_apart():
    columns = frozen(np.array([[5, 3, 5, 3]], dtype=np.uint64))
    hashes, weight = frozen(np.full(4, 77, dtype=np.uint64)), frozen(np.ones(4))
    table, ends = np.zeros((1, 24), dtype=np.int32), np.zeros(1, dtype=np.int64)
    first, sums = np.empty(4, dtype=np.int64), np.empty(4)
    kernels.fill_table(0, 1, columns, hashes, weight, 16, table, ends, first, sums)
    rows, places = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.int64)
    assert kernels.read_table(table, ends, rows, places) == 2
    assert columns[0][rows[:2]].tolist() == [3, 5]
    assert first.tolist() == [0, 1, 0, 1]


def test_the_kernels_are_what_they_say_in_python():
    columns = frozen(np.arange(6, dtype=np.uint64).reshape(2, 3) % 2)
    with np.errstate(over="ignore"):
        ours, theirs = np.empty(3, dtype=np.uint64), np.empty(3, dtype=np.uint64)
        kernels.hash_rows(0, 3, columns, ours)
        kernels.hash_rows.py_func(0, 3, columns, theirs)
    assert np.array_equal(ours, theirs)
