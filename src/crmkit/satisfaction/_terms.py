"""The terms of a linear model: numbers, levels beside a reference, and flags of what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._tables import Columns, TableEncoder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """How columns become the matrix of a linear model.

    A number is scaled to standard deviation 1, and flagged where it is missing. Of a category the commonest level
    is the reference and has no column; what is missing, rare or new has one where `fit` saw such rows.

    Attributes
    ----------
    encoder : TableEncoder
    names : list of str
        ``age``, ``age (missing)``, ``plan=gold``, ``plan (other)``.
    source : ndarray of int
        For each term the place of its column in `encoder.names`.
    unit, middle : ndarray of float64
        How much of the column's own unit one step of a term is, and what 0 is.
    references : dict of str to str
        The reference level of each category.
    """

    encoder: TableEncoder
    names: list[str]
    source: NDArray[np.intp]
    unit: Floats
    middle: Floats
    references: dict[str, str]
    places: NDArray[np.intp]

    @classmethod
    def learn(cls, columns: Columns, n: int, weight: Floats) -> Terms:
        """Learn levels, means and scales of some rows."""
        encoder = TableEncoder.learn(columns, weight)
        begin = 0
        names, source, unit, middle, places, references = [], [], [], [], [], {}
        for j, part in enumerate(encoder.parts):
            labels = part.labels
            wide = range(begin, begin + part.width)
            if part.commonest is not None:
                references[part.name] = labels[part.commonest][len(part.name) + 1 :]
            for place, label in zip(wide, labels, strict=True):
                if place - begin != part.commonest:
                    names.append(label)
                    places.append(place)
                    own = place == begin and part.commonest is None
                    unit.append(getattr(part, "scale", 1.0) if own else 1.0)
                    middle.append(getattr(part, "mean", 0.0) if own else 0.0)
                    source.append(j)
            if part.commonest is not None and _has_others(part, columns[part.name], n):
                # -1 - j stands for the rows of column j that have none of its levels.
                names.append(f"{part.name} (other)")
                places.append(-1 - j)
                unit.append(1.0)
                middle.append(0.0)
                source.append(j)
            begin += part.width
        numbers = np.array(unit), np.array(middle)
        return cls(encoder, names, np.array(source, dtype=np.intp), *numbers, references, np.array(places, int))

    def matrix(self, columns: Columns, n: int) -> Floats:
        """The terms of `n` rows, of shape (n, n_terms)."""
        spread = self.encoder.matrix(columns, n)
        out = np.empty((n, len(self.places)))
        for j, place in enumerate(self.places):
            if place >= 0:
                out[:, j] = spread[:, place]
            else:
                out[:, j] = spread[:, self.encoder.source == -1 - place].sum(axis=1) == 0
        return out


def _has_others(part: Any, column: Any, n: int) -> bool:
    levels = np.empty((n, part.width))
    part.fill(column, levels)
    return bool((levels.sum(axis=1) == 0).any())
