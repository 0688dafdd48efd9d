"""Wide words: what is compiled agrees with its plain twin, and both with whole numbers of Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crmkit._numba import kernel
from crmkit._numba._wide_words import N_BITS, load_wide, no_bits, shifted_left, shifted_right, store_wide

WORD = st.integers(0, 2**N_BITS - 1)
ALL = 2**64 - 1


@kernel
def combine(words, by, mask):
    """Rows 2 to 7 from rows 0 and 1."""
    one = load_wide(words, 0)
    two = load_wide(words, 1)
    store_wide(words, 2, one & two)
    store_wide(words, 3, one | two)
    store_wide(words, 4, one ^ two)
    store_wide(words, 5, shifted_left(one, by, mask))
    store_wide(words, 6, shifted_right(one, by, mask))
    store_wide(words, 7, no_bits())


def rows(*numbers):
    raw = b"".join(number.to_bytes(N_BITS // 8, "little") for number in numbers)
    words = np.full((8, 8), ALL, dtype=np.uint64)
    words[: len(numbers)] = np.frombuffer(raw, dtype="<u8").reshape(-1, 8)
    return words


def number(row):
    return int.from_bytes(row.astype("<u8").tobytes(), "little")


@given(one=WORD, two=WORD, by=st.integers(0, 63), mask=st.integers(0, ALL))
def test_compiled_and_plain(one, two, by, mask):
    compiled = rows(one, two)
    plain = compiled.copy()
    combine(compiled, np.uint64(by), np.uint64(mask))
    combine.py_func(plain, by, mask)
    np.testing.assert_array_equal(compiled, plain)
    assert [number(row) for row in plain[:5]] == [one, two, one & two, one | two, one ^ two]
    first = [int(word) for word in plain[0]]
    assert [int(word) for word in plain[5]] == [(word << by) & ALL & mask for word in first]
    assert [int(word) for word in plain[6]] == [(word >> by) & mask for word in first]
    assert number(plain[7]) == 0


def test_a_loaded_word_does_not_change_with_its_row():
    @kernel
    def swap(words):
        one = load_wide(words, 0)
        store_wide(words, 0, load_wide(words, 1))
        store_wide(words, 1, one)

    for function in (swap, swap.py_func):
        words = rows(1, 2)
        function(words)
        assert [number(row) for row in words[:2]] == [2, 1]
