"""Sixteen floats: what is compiled agrees with its plain twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crmkit._numba import kernel
from crmkit._numba._wide_floats import N_LANES, at_least, first_bit, load_floats, lower, spread

FLOATS = arrays(
    np.float32, 2 * N_LANES + 3, elements=st.floats(-(2.0**60), 2.0**60, width=32) | st.sampled_from([0.0, 1.0])
)


@kernel
def compare(values, value):
    one = load_floats(values, 3)
    two = load_floats(values, N_LANES + 3)
    same = spread(value)
    return (
        at_least(one, two),
        at_least(one * two, two + same),
        at_least(lower(one, two), same),
        at_least(same, one),
    )


def bits(truths):
    return sum(1 << place for place, truth in enumerate(truths) if truth)


@given(values=FLOATS, value=st.floats(-4, 4, width=32))
def test_compiled_and_plain(values, value):
    one, two = values[3 : 3 + N_LANES], values[3 + N_LANES :]
    value = np.float32(value)
    expected = (
        bits(one >= two),
        bits(one * two >= two + value),
        bits(np.minimum(one, two) >= value),
        bits(value >= one),
    )
    assert compare(values, value) == expected
    assert compare.py_func(values, value) == expected


@kernel
def lowest(number):
    return first_bit(number)


@given(place=st.integers(0, 62), higher=st.integers(0, 2**62 - 1))
def test_first_bit(place, higher):
    number = (1 << place | higher << (place + 1)) & (2**63 - 1)
    assert lowest(number) == lowest.py_func(number) == place
