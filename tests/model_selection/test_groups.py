"""Groups of customers against splitmix64 in Python's whole numbers, and against numbers written down once."""

from __future__ import annotations

import numpy as np

from crmkit.model_selection._groups import customer_groups


def naive_hash(customer, seed):
    """splitmix64 over the letters, in Python's whole numbers."""

    def mix(value):
        value = (value + 0x9E3779B97F4A7C15) % 2**64
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
        return value ^ (value >> 31)

    value = mix(seed)
    for part in [customer % 2**64] if isinstance(customer, int) else map(ord, customer):
        value = mix(value ^ part)
    return value


def test_groups_are_the_same_on_every_machine():
    """Numbers written down once: if they change, users' folds change without their doing."""
    codes = np.arange(6, dtype=np.int32)
    numbers = np.array([0, 1, 2, 7, -5, 2**40], dtype=np.int64)
    texts = np.array(["", "a", "ab", "客户7", "customer 12", "z" * 20])
    for ids in (numbers, texts):
        for seed in (0, 1, 12345):
            expected = [naive_hash(one, seed) % 5 for one in ids.tolist()]
            assert customer_groups(ids, codes, 5, seed).tolist() == expected
    assert customer_groups(numbers, codes, 5, 0).tolist() == GROUPS_OF_NUMBERS
    assert customer_groups(texts, codes, 5, 0).tolist() == GROUPS_OF_TEXTS


GROUPS_OF_NUMBERS = [0, 0, 2, 4, 3, 0]
GROUPS_OF_TEXTS = [0, 2, 0, 0, 3, 0]


def test_a_group_does_not_depend_on_how_ids_are_stored():
    codes = np.array([0, 1, 1, 0], dtype=np.int32)
    short, wide = np.array(["a", "bc"]), np.array(["a", "bc"], dtype="<U40")
    assert customer_groups(short, codes, 7, 3).tolist() == customer_groups(wide, codes, 7, 3).tolist()
    among_others = np.array(["a", "bc", "d", "e"])
    assert customer_groups(among_others, codes, 7, 3).tolist() == customer_groups(short, codes, 7, 3).tolist()


def test_groups_are_even_and_the_seed_moves_them():
    ids, codes = np.arange(50_000), np.arange(50_000, dtype=np.int32)
    one, other = customer_groups(ids, codes, 5, 0), customer_groups(ids, codes, 5, 1)
    # Five standard deviations of a binomial share.
    for groups in (one, other):
        assert np.abs(np.bincount(groups) - 10_000).max() < 5 * np.sqrt(50_000 * 0.2 * 0.8)
    assert abs((one == other).mean() - 0.2) < 0.02
