"""Numbers that a plain encoder wrote, lane by lane in Python's own integers, are read back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.datasets._lanes import LANES, WHOLE, LaneReader


def chances(numbers, prior, gain, fade):
    """Begin and size of what each number takes of WHOLE, by the model that `take` states."""
    weights = list(prior)
    for at in range(0, len(numbers), LANES):
        unit = WHOLE // sum(weights)
        now = numbers[at : at + LANES]
        yield from ((sum(weights[:number]) * unit, weights[number] * unit) for number in now)
        for number in now:
            weights[number] += gain
        if fade:
            weights = [weight - (weight - before) // 2**fade for weight, before in zip(weights, prior, strict=True)]


def encoded(*parts):
    """The words of parts, each a list of (begin, size), written from the last number to the first."""
    states, words = [2**31] * LANES, []
    places = [(number % LANES, *chance) for part in parts for number, chance in enumerate(part)]
    for lane, low, size in reversed(places):
        if states[lane] >= size * 2**33:
            words.append(states[lane] % 2**32)
            states[lane] //= 2**32
        states[lane] = states[lane] // size * WHOLE + low + states[lane] % size
    return np.array([*(state // 2**32 for state in states), *(state % 2**32 for state in states), *words[::-1]], "u4")


@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=6),
    st.integers(0, 3 * LANES),
    st.integers(0, 2_000),
    st.integers(0, 4),
    st.integers(0, 2**32 - 1),
)
def test_what_was_written_is_read(prior, n, gain, fade, seed):
    rng = np.random.default_rng(seed)
    numbers = np.minimum(rng.geometric(0.4, n) - 1, len(prior) - 1).tolist()
    sizes = rng.integers(1, 5_000, n // 2)
    even = [int(rng.integers(size)) for size in sizes]
    taken = [(number * (WHOLE // int(size)), WHOLE // int(size)) for number, size in zip(even, sizes, strict=True)]
    words = encoded(list(chances(numbers, prior, gain, fade)), taken, list(chances(numbers, prior, gain, fade)))
    reader = LaneReader(words)
    for _ in range(2):
        assert reader.take(n, np.array(prior), gain, fade).tolist() == numbers
        if even:
            assert reader.take_even(sizes).tolist() == even
            sizes, even = sizes[:0], []
    assert len(reader.words) == 0
    assert (reader.states == 2**31).all()


@pytest.mark.parametrize(("share", "bits"), [(0.5, 1.0), (0.1, 0.469), (0.01, 0.0808)])
def test_a_number_takes_as_many_bits_as_it_is_surprising(share, bits):
    """The entropy of a coin, once its chances are known."""
    numbers = (np.random.default_rng(0).random(100_000) < share).astype(int).tolist()
    reader = LaneReader(encoded(list(chances(numbers, [1, 1], 1, 0))))
    size = 32 * len(reader.words) + np.log2(reader.states / 2**31).sum()
    assert size / len(numbers) == pytest.approx(bits, rel=0.1)
