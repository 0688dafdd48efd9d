"""Views for kernels: contiguous, of one type, and not to be written."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit._numba import read_only


def test_a_clean_array_is_not_copied():
    array = np.arange(4.0)
    view = read_only(array)
    assert np.shares_memory(view, array)
    assert array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0


@pytest.mark.parametrize("array", [np.arange(8.0)[::2], np.arange(4), [0, 2]])
def test_anything_else_is(array):
    view = read_only(array, np.float64)
    assert view.dtype == np.float64
    assert view.flags.c_contiguous
    assert not view.flags.writeable
    np.testing.assert_array_equal(view, array)
