"""The best others of every item, in a store for each thread, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_store_kernels import Store, merge_stores
from crmkit.recommend._nearest_tasks import by_parts, on_threads

__all__ = ["Stores", "room_for"]

# A thread may write to so many bytes, and all together to as many more as the result has.
_THREAD_BYTES = 64 << 20


def room_for(n_items: int, n_neighbors: int, threads: int, other_bytes: int) -> int:
    """Return how many others of an item a thread may hold beside other bytes, 0 if memory is too small."""
    allowed = _THREAD_BYTES + 12 * n_items * n_neighbors // threads - other_bytes
    for room in (2 * n_neighbors, n_neighbors + max(n_neighbors // 4, 8)):
        if 12 * n_items * room <= allowed:
            return room
    return 0


class Stores:
    """Stores with the same room, one for each thread."""

    def __init__(self, threads: int, n_items: int, room: int) -> None:
        self._ranks = np.empty((threads, n_items, room))
        self._others = np.empty((threads, n_items, room), dtype=np.int32)
        self._sizes = np.zeros((threads, n_items), dtype=np.int32)
        self._free = iter(range(threads))

    def take(self) -> Store:
        """A store that no thread has taken yet."""
        thread = next(self._free)
        _, n_items, room = self._ranks.shape
        return Store(
            ranks=self._ranks[thread],
            others=self._others[thread],
            sizes=self._sizes[thread],
            limits=np.zeros(n_items),
            limit_others=np.full(n_items, n_items, dtype=np.int32),
            spare_ranks=np.empty(room),
            spare_others=np.empty(room, dtype=np.int32),
        )

    def merged(self, place_of: NDArray[np.int32], terms: Terms, n_neighbors: int) -> csr_matrix:
        """The best K others of every item."""
        threads, n_items, _ = self._ranks.shape
        edges = [n_items * part // threads for part in range(threads + 1)]
        parts: list[Any] = [None] * threads

        def merge(tasks: Iterator[int]) -> None:
            for task in tasks:
                start, stop = edges[task], edges[task + 1]
                lengths = np.empty(stop - start, dtype=np.int64)
                columns = np.empty((stop - start) * n_neighbors, dtype=np.int32)
                values = np.empty((stop - start) * n_neighbors)
                stored = (self._ranks, self._others, self._sizes)
                out = (lengths, columns, values)
                filled = merge_stores(start, stop, place_of, *stored, n_neighbors, terms, *out)
                parts[task] = lengths, columns[:filled], values[:filled]

        on_threads(merge, threads, threads)
        return by_parts(parts)
