"""Work on threads that take it piece by piece, and the matrix that is made of the pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["Part", "by_parts", "on_threads", "ranges_of_work"]

#: Lengths of rows, columns and values.
Part = tuple[NDArray[np.int64], NDArray[Any], NDArray[np.float64]]


def ranges_of_work(work: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Return edges of ranges with about the same work, none of them empty."""
    done = np.concatenate(([0], np.cumsum(work, dtype=np.float64)))
    wanted = done[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(done, wanted)
    return np.unique(np.concatenate(([0], inner, [len(work)])))


def on_threads(run: Callable[[Iterator[int]], None], tasks: int, threads: int) -> None:
    """Call `run` in each thread with the tasks that it takes, one at a time, from a common heap."""
    heap = iter(range(tasks))
    lock = threading.Lock()

    def taken() -> Iterator[int]:
        while True:
            with lock:
                task = next(heap, None)
            if task is None:
                return
            yield task

    threads = max(1, min(threads, tasks))
    if threads == 1:
        run(taken())
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(run, taken()) for _ in range(threads - 1)]
        run(taken())
    for other in others:
        other.result()


def by_parts(parts: Sequence[Part]) -> csr_matrix:
    """Return the square matrix whose rows are those of all parts, one after the other."""
    lengths, columns, values = map(np.concatenate, zip(*parts, strict=True))
    n_items = len(lengths)
    pointers = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(lengths, out=pointers[1:])
    index: Any = np.int64 if pointers[-1] > np.iinfo(np.int32).max else np.int32
    result = csr_matrix((n_items, n_items))
    # Not by its constructor, which reads all indices once more.
    result.data, result.indices, result.indptr = values, columns.astype(index, copy=False), pointers.astype(index)
    result.has_sorted_indices = True
    result.has_canonical_format = True
    return result
