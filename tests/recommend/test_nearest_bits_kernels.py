"""Sums of bit rows, compiled and plain, against numpy's sums."""

import numpy as np
import pytest

from crmkit.recommend import _nearest_bits_kernels as kernels
from crmkit.recommend._nearest_bits_kernels import BLOCK, MOST_PLANES


def words_of(dense):
    words = np.zeros((len(dense), 8), dtype=np.uint64)
    for column in range(BLOCK):
        word, bit = kernels.bit_of_column(column)
        words[:, word] |= dense[:, column].astype(np.uint64) << np.uint64(bit)
    return words


def count(words, rows):
    planes, waiting = np.full((2, MOST_PLANES, 8), 2**64 - 1, dtype=np.uint64)
    counts = np.empty(BLOCK, dtype=np.float32)
    n_planes = kernels.add_up_rows(words, rows, 0, len(rows), planes, waiting)
    kernels.counts_of_planes(planes, n_planes, np.empty((8, 8), dtype=np.uint64), counts)
    return counts


@pytest.fixture
def dense():
    rng = np.random.default_rng(0)
    return rng.random((700, BLOCK)) < rng.random(BLOCK)


def test_each_column_has_a_bit_of_its_own():
    assert len({kernels.bit_of_column(column) for column in range(BLOCK)}) == BLOCK


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 31, 32, 47, 48, 255, 256, 257, 511, 700])
def test_compiled(dense, n):
    rows = np.random.default_rng(n).permutation(700)[:n].astype(np.int32)
    np.testing.assert_array_equal(count(words_of(dense), rows), dense[rows].sum(axis=0))


def test_more_than_two_octets():
    """70,000 customers: seventeen planes."""
    dense = np.random.default_rng(1).random((100, BLOCK)) < 0.999
    dense[:, 0] = True
    rows = np.repeat(np.arange(100, dtype=np.int32), 700)
    np.testing.assert_array_equal(count(words_of(dense), rows), 700 * dense.sum(axis=0))


@pytest.mark.parametrize("n", [1, 18, 300])
def test_plain_python_gives_the_same(dense, n, monkeypatch):
    words = words_of(dense)
    rows = np.arange(n, dtype=np.int32)
    compiled = count(words, rows)
    for name in ("_full_add", "_add_to_planes", "_exchange", "_turn", "add_up_rows", "counts_of_planes"):
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    np.testing.assert_array_equal(count(words, rows), compiled)
