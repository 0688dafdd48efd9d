"""Groups of customers by a hash of their id that is the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# The constants of splitmix64: G. L. Steele, D. Lea and C. H. Flood (2014), "Fast splittable pseudorandom
# number generators", OOPSLA, figure 17, with the multipliers of variant 13 of Stafford.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def customer_groups(customers: NDArray[Any], codes: NDArray[np.int32], n_groups: int, seed: int) -> NDArray[np.int64]:
    """Return the group, 0 to ``n_groups - 1``, of each row's customer.

    It depends on the id, the number of groups and the seed alone: not on the other customers, and not
    on Python's hash, which differs from process to process.
    """
    # Only ids that are there are hashed: a slice of few rows may share a table of millions of customers.
    used = np.flatnonzero(np.bincount(codes, minlength=len(customers)))
    table = np.zeros(len(customers), dtype=np.int64)
    table[used] = (_hashes(customers[used], seed) % np.uint64(n_groups)).astype(np.int64)
    return table[codes]


def _hashes(ids: NDArray[Any], seed: int) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = np.full(len(ids), _mix(np.array([seed % 2**64], dtype=np.uint64))[0])
    if ids.dtype.kind != "U":
        return _mix(hashes ^ ids.astype(np.uint64))
    width = ids.dtype.itemsize // 4
    letters = np.ascontiguousarray(ids).view(np.uint32).reshape(len(ids), width)
    for column in letters.T:
        # The zeros after the end of a short id are the array's padding, no part of the id.
        hashes = np.where(column > 0, _mix(hashes ^ column.astype(np.uint64)), hashes)
    return hashes


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values + _GAMMA
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
