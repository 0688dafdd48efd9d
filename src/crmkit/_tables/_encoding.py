"""Columns of customers as the matrix that a learner takes: numbers scaled, categories spread out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import Category
from crmkit.exceptions import ParameterError

Floats = NDArray[np.float64]
Column = NDArray[Any] | Category

#: Rarer levels than so many are all alike: what is learnt of a handful of customers is noise.
_MOST_LEVELS = 100

#: With fewer rows a column of names cannot be told from a column of categories.
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class _Number:
    """Scaled to mean 0 and standard deviation 1; a missing value is the mean, and a flag where `fit` saw some."""

    name: str
    mean: float
    scale: float
    has_missing: bool

    @property
    def width(self) -> int:
        return 1 + self.has_missing

    @property
    def commonest(self) -> int | None:
        return None

    @property
    def labels(self) -> list[str]:
        return [self.name, f"{self.name} (missing)"][: self.width]

    def fill(self, column: Column, out: Floats) -> None:
        if isinstance(column, Category):
            raise ParameterError(
                f"The column {self.name!r} held numbers in fit, and holds text or categories now. Convert it first."
            )
        values = np.asarray(column, dtype=np.float64)
        missing = np.isnan(values)
        out[:, 0] = (values - self.mean) / self.scale
        out[missing, 0] = 0.0
        if self.has_missing:
            out[:, 1] = missing


@dataclass(frozen=True)
class _Levels:
    """A column for each level that `fit` saw; any other level, and a missing value, is zero in all of them."""

    name: str
    levels: NDArray[np.str_]
    commonest: int | None

    @property
    def width(self) -> int:
        return len(self.levels)

    @property
    def labels(self) -> list[str]:
        return [f"{self.name}={level}" for level in self.levels]

    def fill(self, column: Column, out: Floats) -> None:
        # Flags and numbers are levels as well, where fit saw text: they are compared as they are written.
        codes, levels = _as_levels(column)
        place = np.searchsorted(self.levels, levels) if len(self.levels) else np.zeros(len(levels), dtype=np.intp)
        known = np.zeros(len(levels), dtype=bool)
        inside = place < len(self.levels)
        known[inside] = self.levels[place[inside]] == levels[inside]
        target = np.append(np.where(known, place, -1), -1)[codes]
        out[:] = 0.0
        rows = np.flatnonzero(target >= 0)
        out[rows, target[rows]] = 1.0


@dataclass(frozen=True)
class TableEncoder:
    """How columns become a matrix; learnt from the training rows.

    Attributes
    ----------
    parts : tuple
        One for each column.
    """

    parts: tuple[_Number | _Levels, ...]

    @classmethod
    def learn(cls, columns: Mapping[str, Column], weight: Floats | None = None) -> TableEncoder:
        """Learn means, scales and levels; `weight` is that of each row."""
        return cls(tuple(_part(name, column, weight) for name, column in columns.items()))

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [part.name for part in self.parts]

    @property
    def source(self) -> NDArray[np.intp]:
        """For each column of the matrix the place in `names` that it comes from."""
        return np.repeat(np.arange(len(self.parts)), [part.width for part in self.parts])

    @property
    def reference(self) -> Floats:
        """A row of means and commonest levels."""
        row = np.zeros(len(self.source))
        ends = np.cumsum([part.width for part in self.parts])
        for part, end in zip(self.parts, ends, strict=True):
            if part.commonest is not None:
                row[end - part.width + part.commonest] = 1.0
        return row

    def matrix(self, columns: Mapping[str, Column], n: int) -> Floats:
        """The columns of `n` rows."""
        # A column after the other in memory: trees say twice as much a second of such a matrix.
        out = np.empty((n, len(self.source)), order="F")
        begin = 0
        for part in self.parts:
            if part.name not in columns:
                # A table has been compared with that of fit; another log may lack customer columns.
                raise ParameterError(
                    f"X lacks {part.name!r}, of which the model has learnt. If it is a column of customers, give it to "
                    "the log by with_attributes."
                )
            part.fill(columns[part.name], out[:, begin : begin + part.width])
            begin += part.width
        return out


def _part(name: str, column: Column, weight: Floats | None) -> _Number | _Levels:
    if not isinstance(column, Category):
        values = np.asarray(column, dtype=np.float64)
        missing = np.isnan(values)
        if missing.all():
            return _Number(name, 0.0, 1.0, False)
        known = values[~missing]
        # Half the largest first: squares of numbers near the limit would be infinite.
        unit = max(float(np.abs(known).max()), 1e-300)
        of_known = None if weight is None or not weight[~missing].sum() > 0 else weight[~missing]
        mean = float(np.average(known / unit, weights=of_known))
        spread = float(np.sqrt(np.average((known / unit - mean) ** 2, weights=of_known)))
        # A constant differs from its own mean by rounding.
        scale = spread if spread > 1e-12 * max(abs(mean), 1e-300) else 1.0 / unit
        return _Number(name, mean * unit, scale * unit, bool(missing.any()))
    codes, levels = _as_levels(column)
    seen = np.bincount(codes[codes >= 0], minlength=len(levels))
    used = np.flatnonzero(seen)
    common = np.sort(used[np.argsort(-seen[used], kind="stable")[:_MOST_LEVELS]])
    return _Levels(name, levels[common], int(seen[common].argmax()) if len(common) else None)


def _as_levels(column: Column) -> tuple[NDArray[Any], NDArray[np.str_]]:
    """Codes into sorted texts, -1 where missing."""
    if isinstance(column, Category):
        texts, places = np.unique(column.levels.astype(np.str_), return_inverse=True)
        return np.append(places, -1)[column.codes], texts
    missing = np.isnan(np.asarray(column, dtype=np.float64))
    texts, codes = np.unique(np.asarray(column).astype(np.str_), return_inverse=True)
    return np.where(missing, -1, codes), texts


def refuse_names(columns: Mapping[str, Column]) -> None:
    """Refuse a column that names its rows, one a customer: what is learnt of a name says nothing of anybody else."""
    for name, column in columns.items():
        if not isinstance(column, Category):
            continue
        used = np.unique(column.codes[column.codes >= 0])
        n = int((column.codes >= 0).sum())
        if n < _FEWEST_ROWS or len(used) <= n / 2:
            continue
        hint = "An id says nothing of other customers: leave the column out."
        if sum(_is_number(str(level)) for level in column.levels[used[:100]]) > 0.9 * min(len(used), 100):
            hint = "It holds numbers written as text: convert it, for example with pandas.to_numeric(errors='coerce')."
        raise ParameterError(
            f"The column {name!r} of X is text with {len(used):,} different values for {n:,} customers, nearly one for "
            f"each. {hint}"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
