"""What compiled code asks of the processor is what the plain functions do."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit._numba import kernel
from crmkit._numba._lines import largest_of_64, prefetch


@kernel
def largest(array, position):
    return largest_of_64(array, position)


@kernel
def total(array, ahead):
    result = 0
    for position in range(len(array)):
        prefetch(array, position + ahead)
        result += array[position]
    return result


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_largest_of_64(dtype):
    limits = np.iinfo(dtype)
    array = np.random.default_rng(0).integers(limits.min, limits.max, 300, dtype=dtype, endpoint=True)
    array[100:170] = limits.min
    array[17], array[250] = limits.max, limits.max
    array.setflags(write=False)
    for position in range(300 - 63):
        found = largest(array, position)
        assert found == largest_of_64(array, position) == array[position : position + 64].max()


def test_each_place_is_looked_at():
    for place in range(64):
        array = np.full(64, -7, dtype=np.int32)
        array[place] = -6
        assert largest(array, 0) == -6


@pytest.mark.parametrize("array", [np.arange(50), np.arange(50, dtype=np.int32), np.arange(50.0)])
@pytest.mark.parametrize("ahead", [0, 8, 10**9, -(10**9)])
def test_a_hint_changes_nothing(array, ahead):
    array.setflags(write=False)
    assert total(array, ahead) == total.py_func(array, ahead) == 1225


def test_strided_arrays_are_refused_when_compiled():
    with pytest.raises(Exception, match="largest_of_64"):
        largest(np.arange(200, dtype=np.int32)[::2], 0)
