"""What a regressor is asked for instead of the values themselves, and the way back from its answers.

A target looks at each series for itself. `forward` turns the values of a panel into those that are
modelled, of equal number; `back` turns forecasts of these into forecasts of the values, given the
history that they follow. Where a value is missing (NaN), so is what is made of it; the way back starts
from the last value that is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pointers = NDArray[np.int64]


class Target(ABC):
    """One way to model values: to be had from `target`."""

    #: Values before a position that are needed to make the one at it.
    reach: int = 0
    #: Least value that can be modelled, and that forecasts can have.
    lowest: float = -np.inf

    @abstractmethod
    def forward(self, values: Floats, pointers: Pointers) -> Floats:
        """Give what is modelled of values, both of shape (n,): series i is ``values[pointers[i]:pointers[i + 1]]``."""

    @abstractmethod
    def back(self, said: NDArray[np.float64], values: Floats, pointers: Pointers) -> NDArray[np.float64]:
        """Give forecasts of values, shape (n_series, steps), from those of what is modelled.

        Row i follows directly after series i of `values`; NaN where the history does not reach back far enough.
        """


class Plain(Target):
    """The values themselves."""

    def forward(self, values: Floats, pointers: Pointers) -> Floats:  # noqa: ARG002  all targets are called alike
        return values

    def back(self, said: NDArray[np.float64], values: Floats, pointers: Pointers) -> NDArray[np.float64]:  # noqa: ARG002  likewise
        return said


class Log(Target):
    """log(1 + value): growth and noise in proportion to the level, and zeros allowed."""

    lowest = 0.0

    def forward(self, values: Floats, pointers: Pointers) -> Floats:  # noqa: ARG002  likewise
        return np.log1p(values)

    def back(self, said: NDArray[np.float64], values: Floats, pointers: Pointers) -> NDArray[np.float64]:  # noqa: ARG002  likewise
        with np.errstate(over="ignore"):  # whoever forecasts sees inf and says so
            return np.expm1(said)


class Scale(Plain):
    """The values; whoever learns divides features and outcome of each row by the level before it: `levels_before`.

    A level of the whole series would tell the rows what is still to come.
    """


@dataclass(frozen=True)
class Difference(Target):
    """Value less the one `lag` periods before it."""

    lag: int = 1

    @property
    def reach(self) -> int:  # type: ignore[override]  # read as the attribute is
        return self.lag

    def forward(self, values: Floats, pointers: Pointers) -> Floats:
        changes = np.full(len(values), np.nan, dtype=values.dtype)
        changes[self.lag :] = values[self.lag :] - values[: -self.lag]
        changes[_first(pointers, self.lag)] = np.nan
        return changes

    def back(self, said: NDArray[np.float64], values: Floats, pointers: Pointers) -> NDArray[np.float64]:
        steps = said.shape[1]
        path = np.empty((len(said), self.lag + steps))
        path[:, : self.lag] = _last_of_each_phase(values, pointers, self.lag)
        for step in range(steps):
            path[:, self.lag + step] = path[:, step] + said[:, step]
        return path[:, self.lag :]


@dataclass(frozen=True)
class Chain(Target):
    """One target made of what another gives."""

    outer: Target
    inner: Target

    @property
    def reach(self) -> int:  # type: ignore[override]  # read as the attribute is
        return self.outer.reach + self.inner.reach

    @property
    def lowest(self) -> float:  # type: ignore[override]  # likewise
        return self.outer.lowest

    def forward(self, values: Floats, pointers: Pointers) -> Floats:
        return self.inner.forward(self.outer.forward(values, pointers), pointers)

    def back(self, said: NDArray[np.float64], values: Floats, pointers: Pointers) -> NDArray[np.float64]:
        between = self.inner.back(said, self.outer.forward(values, pointers), pointers)
        return self.outer.back(between, values, pointers)


_OF_SEASON: Final[dict[str | None, Callable[[int], Target]]] = {
    None: lambda season: Plain(),  # noqa: ARG005  all are made alike
    "scale": lambda season: Scale(),  # noqa: ARG005  likewise
    "log": lambda season: Log(),  # noqa: ARG005  likewise
    "difference": lambda season: Difference(),  # noqa: ARG005  likewise
    "seasonal_difference": Difference,
    "log_difference": lambda season: Chain(Log(), Difference()),  # noqa: ARG005  likewise
    "log_seasonal_difference": lambda season: Chain(Log(), Difference(season)),
}

#: Names of the targets, the simplest first.
TARGETS: Final = tuple(_OF_SEASON)


def target(name: str | None, season: int) -> Target:
    """Make a target.

    Parameters
    ----------
    name : str or None
        One of `TARGETS`. None models the values themselves, "log" is log(1 + value).
    season : int
        Periods of a season.

    Returns
    -------
    Target

    Examples
    --------
    >>> import numpy as np
    >>> modelled = target("difference", season=12)
    >>> history, pointers = np.array([5.0, 7.0, 8.0, 100.0, 90.0]), np.array([0, 3, 5])
    >>> modelled.forward(history, pointers)
    array([ nan,   2.,   1.,  nan, -10.])
    >>> modelled.back(np.array([[1.0, 1.0], [-5.0, 0.0]]), history, pointers)
    array([[ 9., 10.],
           [85., 85.]])
    """
    return _OF_SEASON[name](season)


def levels(values: Floats, pointers: Pointers) -> NDArray[np.float64]:
    """Mean size of the known values of each series, shape (n_series,); 0 where nothing is known."""
    known = ~np.isnan(values)
    found = _sums(np.where(known, np.abs(values), 0.0), pointers) / np.maximum(_sums(known, pointers), 1.0)
    return np.where(found >= np.finfo(values.dtype).tiny, found, 0.0)  # nothing can be divided by what is smaller


def levels_before(values: Floats, pointers: Pointers) -> NDArray[np.float64]:
    """Mean size of the known values before each value of the same series, shape (n,); 0 where nothing is known."""
    known = ~np.isnan(values)
    sizes = np.where(known, np.abs(values), 0.0).astype(np.float64)
    sums, counts = np.zeros(len(values)), np.zeros(len(values))
    # Series by series: their digits do not depend on what their neighbours hold.
    for begin, end in zip(pointers[:-1].tolist(), pointers[1:].tolist(), strict=True):
        if begin == end:
            continue
        np.cumsum(sizes[begin : end - 1], out=sums[begin + 1 : end])
        np.cumsum(known[begin : end - 1], out=counts[begin + 1 : end])
    found = sums / np.maximum(counts, 1.0)
    return np.where(found >= np.finfo(values.dtype).tiny, found, 0.0)


def _sums(column: NDArray[Any], pointers: Pointers) -> NDArray[np.float64]:
    """Sum of each series on its own: its digits do not depend on what its neighbours hold."""
    sums = np.zeros(len(pointers) - 1)
    filled = np.flatnonzero(np.diff(pointers))
    if len(filled):
        sums[filled] = np.add.reduceat(column, pointers[filled], dtype=np.float64)
    return sums


def _first(pointers: Pointers, n: int) -> NDArray[np.int64]:
    """Positions of the first n values of each series, or of all that it has."""
    positions = pointers[:-1, None] + np.arange(n)
    return positions[positions < pointers[1:, None]]


def _last_of_each_phase(values: Floats, pointers: Pointers, lag: int) -> NDArray[np.float64]:
    """What the next `lag` differences are added to, shape (n_series, lag).

    Column j is the value `lag` periods before step j + 1. Where it is missing, the one a further `lag`
    before it is taken, and so on; NaN where the series knows none.
    """
    phases = np.empty((len(pointers) - 1, lag))
    for phase in range(lag):
        positions = pointers[1:] - lag + phase
        inside = positions >= pointers[:-1]
        found = np.where(inside, values[np.where(inside, positions, 0)] if len(values) else np.nan, np.nan)
        asked = np.flatnonzero(np.isnan(found) & inside)
        while len(asked):
            positions[asked] -= lag
            asked = asked[positions[asked] >= pointers[:-1][asked]]
            found[asked] = values[positions[asked]]
            asked = asked[np.isnan(found[asked])]
        phases[:, phase] = found
    return phases
