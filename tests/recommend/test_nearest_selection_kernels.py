"""The K-th of many numbers, and sorting by bits, against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.recommend._nearest_selection_kernels import kth_largest, sort_items


@pytest.mark.parametrize("plain", [False, True])
@given(values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]) | st.floats(-1, 1), min_size=1), data=st.data())
def test_kth_largest(plain, values, data):
    k = data.draw(st.integers(1, len(values)))
    function = kth_largest.py_func if plain else kth_largest
    assert function(np.array([*values, 9.0]), len(values), k) == sorted(values, reverse=True)[k - 1]


@pytest.mark.parametrize("plain", [False, True])
@given(items=st.sets(st.integers(0, 5000), max_size=80).flatmap(lambda items: st.permutations(sorted(items))))
def test_sort_items(plain, items):
    words = np.zeros((5000 >> 5) + 1, dtype=np.int64)
    groups = np.zeros((5000 >> 10) + 1, dtype=np.int64)
    found = np.array([*items, 7], dtype=np.int32)
    (sort_items.py_func if plain else sort_items)(found, len(items), words, groups)
    assert found.tolist() == [*sorted(items), 7]
    assert not words.any()
    assert not groups.any()
