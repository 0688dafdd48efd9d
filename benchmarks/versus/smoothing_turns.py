"""Contestants in turns: medians by the clock and of processors, what they found, and what was asked for."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: The weight of a new value in all exponential means.
ALPHA = 0.3


@dataclass(frozen=True)
class Asked:
    """Of `own` it is asked that it takes at most `times` as long as `rival`, with so many threads."""

    own: str
    rival: str
    times: float
    threads: int = 2


@dataclass(frozen=True)
class Size:
    """How much there is to do."""

    rows: int
    series: int
    events: int
    repeats: int
    threads: int


def write(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def take_turns(
    contestants: Mapping[str, Callable[[], object]], repeats: int, *, settled: bool = False
) -> dict[str, tuple[float, float]]:
    """Median seconds of each, by the clock and of processors, in rounds of another order each.

    Who comes next finds memory as the one before left it, which can cost as much as the work. If `settled`, each is
    called twice when it is its turn, and the second call counts: the first one gets the memory from the system.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        for name in rng.permutation(list(contestants)).tolist():
            if settled:
                contestants[name]()
            gc.collect()
            begin = time.perf_counter(), time.process_time()
            kept = contestants[name]()
            seconds[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
            del kept
    return {name: tuple(statistics.median(part) for part in zip(*runs, strict=True)) for name, runs in seconds.items()}


def shown(seconds: float) -> str:
    """A duration in the unit that suits it."""
    unit, name = next((pair for pair in ((1, "s"), (1e-3, "ms")) if seconds >= pair[0]), (1e-6, "us"))
    return f"{seconds / unit:.3g} {name}"


def show(
    title: str,
    medians: Mapping[str, tuple[float, float]],
    said: Mapping[str, str],
    asked: tuple[Asked, ...],
    threads: int,
) -> None:
    """One line a contestant: seconds, ratios to the first, what was found beside; then what was asked for."""
    clock, processors = next(iter(medians.values()))
    write(f"{title}, {threads} threads")
    for name, (by_clock, busy) in medians.items():
        note = f"  {said[name]}" if name in said else ""
        write(
            f"  {name:<34}{shown(by_clock):>9} {by_clock / clock:8.2f} x   "
            f"processors {shown(busy):>9} {busy / processors:8.2f} x{note}"
        )
    for ask in asked:
        if ask.threads == threads and {ask.own, ask.rival} <= set(medians):
            has = [medians[ask.own][part] / medians[ask.rival][part] for part in (0, 1)]
            write(
                f"  asked: {ask.own} <= {ask.times:.4g} x {ask.rival}; has {has[0]:.3g} x "
                f"(processors {has[1]:.3g} x): {'yes' if has[0] <= ask.times else 'NO'}"
            )


def agree(ours: Any, theirs: Any, name: str, tolerance: float) -> str:
    """How far an answer is from ours, which must not be far; missing values stand at the same places."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        raise RuntimeError(f"{name} gives other rows, or other missing values.")
    far = float(np.nanmax(np.abs(a - b) / np.maximum(1.0, np.abs(a)), initial=0.0))
    if far > tolerance:
        raise RuntimeError(f"{name} gives other numbers: {far:.1e} apart.")
    return f"within {far:.0e}"


def smoother(threads: int, **options: Any) -> Any:
    """Ours."""
    from crmkit.smoothing import EMASmoother

    return EMASmoother(alpha=ALPHA, n_jobs=threads, **options)
