"""Whole numbers from a file in which each takes about as many bits as it is surprising."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Decoders side by side: more are faster, fewer make a smaller file.
LANES = 256

#: What the chances of all symbols add up to, at most.
WHOLE = 1 << 30

_Ints = NDArray[np.int64]


class LaneReader:
    """Decodes asymmetric numeral systems in many lanes at once, so that numpy is fast enough.

    Each lane holds a state of 31 to 63 bits. Its remainder by `WHOLE` tells the next symbol, and the
    state shrinks by the symbol's chance; a lane below 31 bits takes the next 32 from the file. The
    chances are never stored: they follow from the numbers that were read before. All arithmetic is
    that of int64, so that every machine reads the same.

    Parameters
    ----------
    words : ndarray of uint32
        The upper and the lower halves of the states, then what the lanes take.

    References
    ----------
    J. Duda (2013), "Asymmetric numeral systems", arXiv:1311.2540 (the range variant); F. Giesen (2014),
    "Interleaved entropy coders", arXiv:1402.3392.
    """

    def __init__(self, words: NDArray[np.uint32]) -> None:
        numbers = words.astype(np.int64)
        self.states = numbers[:LANES] << 32 | numbers[LANES : 2 * LANES]
        self.words = numbers[2 * LANES :]

    def take(self, n: int, prior: _Ints, gain: int, fade: int = 0) -> _Ints:
        """The next n numbers, of ``range(len(prior))``.

        Chances are proportional to weights, which are `prior` at first. After each round of `LANES`
        numbers, each of these adds `gain` to its weight, and with `fade` everything above the prior
        loses a part of ``2 ** -fade``.
        """
        weights, found = prior.copy(), np.empty(n, dtype=np.int64)
        for at in range(0, n, LANES):
            ends = np.cumsum(weights)
            unit = WHOLE // ends[-1]
            now = self._find(min(LANES, n - at), unit, ends)
            self._advance((ends[now] - weights[now]) * unit, weights[now] * unit)
            found[at : at + LANES] = now
            np.add.at(weights, now, gain)
            if fade:
                weights -= (weights - prior) >> fade
        return found

    def take_even(self, below: _Ints) -> _Ints:
        """Numbers from 0 up to those of `below`, each as likely as the others."""
        found = np.empty_like(below)
        for at in range(0, len(below), LANES):
            unit = WHOLE // below[at : at + LANES]
            found[at : at + LANES] = now = self._find(len(unit), unit)
            self._advance(now * unit, unit)
        return found

    def _find(self, n: int, unit: int | _Ints, ends: _Ints | None = None) -> _Ints:
        """The symbols of the first n lanes: which of `ends` their remainders, in units, stay below."""
        slots = self.states[:n] % WHOLE // unit
        return slots if ends is None else np.searchsorted(ends, slots, side="right")

    def _advance(self, low: _Ints, size: _Ints) -> None:
        """Leave the symbols, whose remainders begin at `low` and are so many as `size` says."""
        states = self.states[: len(size)]
        states[:] = states // WHOLE * size + states % WHOLE - low
        short = np.flatnonzero(states < 1 << 31)
        states[short] = states[short] << 32 | self.words[: len(short)]
        self.words = self.words[len(short) :]
