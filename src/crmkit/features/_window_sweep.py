"""Running the kernels of windows over the rows, customers by customers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import read_only, run_in_ranges
from crmkit.events import Snapshots
from crmkit.features import _window_numbers_kernels, _windows_kernels
from crmkit.features._window_columns import Events
from crmkit.features._window_statistics import Plan, Task

#: Rows of one call of a kernel, at most: what is known of them stays in the cache from one kernel to the next.
_ROWS = 4_000

#: Rows for which a further thread is worth its start.
_FEWEST = 20_000


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
    keys = (rows.codes, rows.as_of_us, rows.stop, rows.pointers)
    offsets = read_only(plan.offsets)

    def run(batches: Iterator[NDArray[np.int64]], widest: int) -> None:
        edges = np.empty((len(work), len(offsets), widest), dtype=np.int64)
        for batch in batches:
            for part, (events, calls) in enumerate(work):
                own = edges[part]
                _windows_kernels.window_edges(batch, *keys, events.base, events.rank, events.time, offsets, own)
                for kernel, columns, of_all, windows, lines in calls:
                    both = (own, edges[0]) if of_all else (own,)
                    kernel(batch, *columns, *both, windows, lines, out)

    runs = ascending_runs(rows)
    if len(runs) > 2:
        widest = max(_ROWS, len(runs))
        n_customers = len(rows.customers)
        run_in_ranges(
            lambda first, last: run(by_customer(rows.codes, runs, first, last, widest), widest),
            n_customers, threads=threads, minimum=n_customers * _FEWEST // len(rows),
        )  # fmt: skip
    else:
        widest = min(_ROWS, len(rows))
        run_in_ranges(
            lambda first, last: run(in_order(first, last), widest), len(rows), threads=threads, minimum=_FEWEST
        )
    return out


def _call(
    task: Task, events: Events, all_events: Events, rows: Snapshots, session_gap: int
) -> tuple[Callable[..., None], tuple[Any, ...], bool, NDArray[np.int64], NDArray[np.int64]]:
    """A kernel with the columns that it reads, and whether it compares with all events."""
    columns: tuple[Any, ...] = ()
    of_numbers = task.kernel in ("add_numbers", "compare_numbers", "share_of_sums")
    if of_numbers:
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
    kernel = getattr(_window_numbers_kernels if of_numbers else _windows_kernels, task.kernel)
    # Arrays come out of a pickle writable, for which kernels would be compiled once more.
    return kernel, columns, task.kernel.startswith("share"), read_only(task.windows), read_only(task.lines)


def ascending_runs(rows: Snapshots) -> NDArray[np.int64]:
    """Edges of the runs of rows whose customers ascend, as those of one date do; nothing if they are not worth it.

    Many rows of few dates are taken customer by customer: their events are read once, for all dates.
    """
    n, codes = len(rows), rows.codes
    if n < _ROWS:
        return np.empty(0, dtype=np.int64)
    begins = np.flatnonzero(codes[1:] <= codes[:-1]) + 1
    if (len(begins) + 1) * len(rows.customers) > 4 * n:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([[0], begins, [n]])


def by_customer(
    codes: NDArray[np.int32], runs: NDArray[np.int64], first: int, last: int, widest: int
) -> Iterator[NDArray[np.int64]]:
    """Batches of the rows of some customers, those of one customer together."""
    cursors, ends = runs[:-1].copy(), runs[1:]
    for run, (begin, end) in enumerate(itertools.pairwise(runs)):
        cursors[run] += np.searchsorted(codes[begin:end], np.int32(first))
    rows = np.empty(widest, dtype=np.int64)
    while first < last:
        first, count = _windows_kernels.next_rows(first, last, cursors, ends, codes, rows)
        yield rows[:count]


def in_order(first: int, last: int) -> Iterator[NDArray[np.int64]]:
    """Batches of rows as they come."""
    for start in range(first, last, _ROWS):
        yield np.arange(start, min(start + _ROWS, last))
