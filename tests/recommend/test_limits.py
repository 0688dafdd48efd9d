"""What may stand in lists, against sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from crmkit.recommend._limits import Limits

N_ITEMS = 6


def legal_of(limits, row, seen=()):
    """The items that one row may be given."""
    items = set(range(N_ITEMS))
    if limits.legal is not None:
        items &= set(np.flatnonzero(limits.legal).tolist())
    if limits.candidates is not None:
        items &= set(limits.candidates[[row]].indices.tolist())
    if limits.banned is not None:
        items -= set(limits.banned[[row]].indices.tolist())
    return items - set(seen) if limits.exclude_seen else items


def rows(*items):
    matrix = np.zeros((len(items), N_ITEMS), dtype=np.int8)
    for row, ones in enumerate(items):
        matrix[row, list(ones)] = 1
    return csr_matrix(matrix)


def test_no_limits_by_default():
    limits = Limits()
    assert legal_of(limits, 0, seen=[1]) == set(range(N_ITEMS))
    assert limits.only(None, N_ITEMS) is limits
    assert limits.without(None, N_ITEMS) is limits
    assert limits.of_rows(slice(0, 2)) == limits


@pytest.mark.parametrize("items", [[], [3], [0, 2, 5], [1, 1]])
def test_places(items):
    places = np.array(items, dtype=np.int64)
    assert legal_of(Limits().only(places, N_ITEMS), 0) == set(items)
    assert legal_of(Limits().without(places, N_ITEMS), 0) == set(range(N_ITEMS)) - set(items)


def test_every_limit_holds_whatever_the_order():
    steps = [
        lambda limits: limits.only(np.array([0, 1, 2, 3]), N_ITEMS),
        lambda limits: limits.without(np.array([1]), N_ITEMS),
        lambda limits: limits.only(rows([1, 2, 4], [0, 3]), N_ITEMS),
        lambda limits: limits.without(rows([0], [3]), N_ITEMS),
    ]
    for order in itertools.permutations(steps):
        limits = Limits(exclude_seen=True)
        for step in order:
            limits = step(limits)
        assert legal_of(limits, 0) == {2}
        assert legal_of(limits, 1) == {0}
        assert legal_of(limits, 0, seen=[2]) == set()


def test_bans_of_rows_add_up():
    first, second = rows([0, 1], [2]), rows([1, 4], [2])
    limits = Limits().without(first, N_ITEMS).without(second, N_ITEMS)
    assert legal_of(limits, 0) == {2, 3, 5}
    assert legal_of(limits, 1) == {0, 1, 3, 4, 5}
    assert first.toarray().sum() == 3
    assert second.toarray().sum() == 3


def test_limits_of_some_rows():
    limits = Limits(True).only(rows([0, 1], [2], [3]), N_ITEMS).without(rows([0], [], [3]), N_ITEMS)
    part = limits.of_rows(slice(1, 3))
    assert part.exclude_seen
    assert legal_of(part, 0) == {2}
    assert legal_of(part, 1) == set()
