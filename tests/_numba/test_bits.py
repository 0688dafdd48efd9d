"""The highest bit: compiled, plain, and by counting down."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crmkit._numba import kernel
from crmkit._numba._bits import last_bit


@kernel
def of(bits):
    return last_bit(bits)


@given(st.integers(1, 2**63 - 1))
def test_compiled_and_plain(bits):
    expected = max(place for place in range(63) if bits >> place & 1)
    assert of(np.int64(bits)) == expected
    assert of.py_func(np.int64(bits)) == expected
    assert last_bit(bits) == expected
