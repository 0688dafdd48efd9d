"""Running the kernels of windows over the rows, customers by customers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import read_only, run_in_ranges
from crmkit.events import Snapshots
from crmkit.features import _windows_kernels as kernels
from crmkit.features._window_columns import Events
from crmkit.features._window_statistics import Plan, Task

#: Rows of one call of a kernel, about: what is known of them stays in the cache from one kernel to the next.
_ROWS = 4_096

#: Events that the customers of one tile have, about: they stay in the cache from one date to the next.
_EVENTS = 32_768


def describe(
    rows: Snapshots, plan: Plan, kinds: Sequence[Any] | None, by_kind: NDArray[Any], session_gap: int, threads: int
) -> NDArray[np.float64]:
    """Every column of a plan, as an array of shape (n_columns, n_rows)."""
    out = np.empty((len(plan.names), len(rows)), dtype=np.float64)
    parts = [Events(rows, kinds, threads), *(Events(rows, [kind], threads) for kind in by_kind)]
    work = [
        (events, [_call(task, events, parts[0], rows, session_gap) for task in tasks])
        for events, tasks in zip(parts, plan.tasks, strict=True)
    ]
    pointers, offsets = rows.pointers, read_only(plan.offsets)
    tiles = row_tiles(rows)
    widest = max((stop - start for tile in tiles for start, stop in tile), default=0)

    def run(first: int, last: int) -> None:
        edges = np.empty((len(work), len(plan.offsets), widest), dtype=np.int64)
        for start, stop in (rows_of_tile for tile in tiles[first:last] for rows_of_tile in tile):
            for part, (events, calls) in enumerate(work):
                own = edges[part]
                kernels.window_edges(
                    start, stop, rows.codes, rows.as_of_us, rows.stop, pointers, events.base, events.rank, events.time,
                    offsets, own,
                )  # fmt: skip
                for kernel, columns, of_all, windows, lines in calls:
                    both = (own, edges[0]) if of_all else (own,)
                    kernel(start, stop, *columns, *both, windows, lines, out)

    run_in_ranges(run, len(tiles), threads=threads, minimum=1 if len(rows) >= 20_000 else len(tiles))
    return out


def _call(
    task: Task, events: Events, all_events: Events, rows: Snapshots, session_gap: int
) -> tuple[Callable[..., None], tuple[Any, ...], bool, NDArray[np.int64], NDArray[np.int64]]:
    """A kernel with the columns that it reads."""
    columns: tuple[Any, ...] = ()
    if task.kernel in ("add_numbers", "compare_numbers", "share_of_sums"):
        columns = events.numbers(task.source)
    if task.kernel == "share_of_sums":
        columns += all_events.numbers(task.source)
    if task.kernel == "count_first":
        columns = (events.before(task.source),)
    if task.kernel in ("describe_edges", "describe_visits"):
        columns = (rows.as_of_us, events.time)
    if task.kernel == "describe_gaps":
        columns = (events.time,)
    if task.kernel == "describe_visits":
        columns += (session_gap,)
    # Arrays come out of a pickle writable, for which kernels would be compiled once more.
    windows, lines = read_only(task.windows), read_only(task.lines)
    return getattr(kernels, task.kernel), columns, task.kernel.startswith("share"), windows, lines


def row_tiles(rows: Snapshots) -> list[list[tuple[int, int]]]:
    """Ranges of rows, in the order in which the log is best read.

    Rows that come date by date, as `EventLog.snapshots` makes them, are taken customers by customers:
    their events are read once, for all dates. Other rows are taken as they come.
    """
    n = len(rows)
    # Within a date customers ascend.
    begins = np.flatnonzero(rows.codes[1:] <= rows.codes[:-1]) + 1
    edges = [0, *begins.tolist(), n] if len(begins) < n // (2 * _ROWS) else []
    if len(edges) < 3:
        return [[(start, min(start + _ROWS, n))] for start in range(0, n, _ROWS)]
    pointers = rows.pointers
    n_tiles = int(max(pointers[-1] // _EVENTS, 1))
    cuts = np.searchsorted(pointers, np.arange(1, n_tiles) * (pointers[-1] // n_tiles)).astype(np.int32)
    bounds = []
    for first, last in itertools.pairwise(edges):
        inner = np.searchsorted(rows.codes[first:last], cuts) + first
        bounds.append([first, *inner.tolist(), last])
    return [
        [(bound[tile], bound[tile + 1]) for bound in bounds if bound[tile] < bound[tile + 1]] for tile in range(n_tiles)
    ]
