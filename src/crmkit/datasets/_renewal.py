"""Renewal processes of many customers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Renewals", "draw_renewals"]

Renewals = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Events of each customer, and the times of all events, by customer and then by time."""


def draw_renewals(
    rng: np.random.Generator,
    start: NDArray[np.float64],
    stop: NDArray[np.float64] | float,
    rate: NDArray[np.float64],
    shape: NDArray[np.float64] | float = 1.0,
    most: NDArray[np.int64] | None = None,
) -> Renewals:
    """Draw the events of each customer in ``[start, stop)``; the first is at `start`.

    The gaps are Gamma distributed with mean ``1 / rate`` and the given shape: 1 makes a Poisson
    process, a whole number k an Erlang-k process, and the larger the shape the more regular the
    events. A customer has at most `most` events after the first.

    The loop draws everybody's next event, and ends when nobody has one: it makes as many rounds as
    the busiest customer has events, on ever fewer customers. Work and memory are in proportion to
    the events that come out, and nothing is sorted.
    """
    active = np.arange(len(start))
    latest = start
    rounds = [(active, latest)]
    exponential = np.ndim(shape) == 0 and shape == 1
    while len(active):
        if exponential:
            gap = rng.standard_exponential(len(active))
        else:
            own = shape if np.ndim(shape) == 0 else np.asarray(shape)[active]
            gap = rng.standard_gamma(own, len(active)) / own
        with np.errstate(divide="ignore", over="ignore"):  # a rate that is zero or nearly: never again
            latest = latest + gap / rate[active]
        again = latest < (stop if np.ndim(stop) == 0 else np.asarray(stop)[active])
        if most is not None:
            again &= most[active] >= len(rounds)
        active, latest = active[again], latest[again]
        rounds.append((active, latest))
    counts = np.zeros(len(start), dtype=np.int64)
    for active, _ in rounds:
        counts[active] += 1
    offset = np.cumsum(counts) - counts
    times = np.empty(counts.sum())
    for number, (active, latest) in enumerate(rounds):
        times[offset[active] + number] = latest
    return counts, times
