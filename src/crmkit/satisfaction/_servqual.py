"""Gaps between what was expected of a service and what was perceived."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crmkit._decisions import Floats
from crmkit._validation import parameter_error
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.metrics import Estimate
from crmkit.satisfaction._answers import read_answers
from crmkit.satisfaction._indices import mean_of, shares, warn_incomplete

#: The dimensions of the questionnaire of 22 items, and how many each has.
_STANDARD = {"tangibles": 4, "reliability": 5, "responsiveness": 4, "assurance": 4, "empathy": 5}


@dataclass(frozen=True)
class Servqual:
    """What `servqual` returns: gaps, negative where the service falls short.

    Attributes
    ----------
    overall : Estimate
        Gaps of the dimensions by their importance.
    dimensions, items : dict of str to Estimate
    importance : dict of str to float
        Of each dimension; sums to 1.
    """

    overall: Estimate
    dimensions: dict[str, Estimate]
    items: dict[str, Estimate] = field(repr=False)
    importance: dict[str, float]

    def to_frame(self) -> pd.DataFrame:
        """Return all gaps as a table.

        Returns
        -------
        pandas.DataFrame
            Columns ``level`` (overall, dimension, item), ``name``, ``importance``, ``value``, ``low``, ``high``, ``n``.
        """
        rows = [("overall", "overall", 1.0, self.overall)]
        rows += [("dimension", name, self.importance[name], gap) for name, gap in self.dimensions.items()]
        rows += [("item", name, np.nan, gap) for name, gap in self.items.items()]
        table = [(*row, gap.value, gap.low, gap.high, gap.n) for *row, gap in rows]
        return pd.DataFrame(table, columns=["level", "name", "importance", "value", "low", "high", "n"])


def servqual(
    expectations: Any,
    perceptions: Any,
    *,
    scale: Any = (1, 7),
    dimensions: Mapping[str, Any] | None = None,
    importance: Mapping[str, float] | None = None,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Servqual:
    """Service quality: perceptions less expectations, by item, by dimension and overall.

    Parameters
    ----------
    expectations, perceptions : frame or array of shape (n, k)
        The same items asked twice of the same respondents: in one order, or with the same names. Names are those
        of `perceptions`.
    scale
        As of `rating_mean`, of all items, or in a mapping of each.
    dimensions : mapping of str to list, default=None
        Items of each, by name or position. None: the standard 22, four of tangibles, five of reliability, four of
        responsiveness, four of assurance and five of empathy.
    importance : mapping of str to float, default=None
        Points of each dimension, in any unit; None: all alike.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Servqual
        Means of the respondents' own gaps. Theirs of a dimension is the mean of the items that they answered
        twice; who lacks a whole dimension is left out of the overall gap, and counted in a warning.

    Examples
    --------
    >>> from crmkit.satisfaction import servqual
    >>> expected, perceived = [[7, 6, 5], [6, 6, 7], [7, 7, 6]], [[5, 6, 5], [5, 4, 6], [6, 5, 6]]
    >>> parts = {"speed": [0, 1], "manners": [2]}
    >>> f"{servqual(expected, perceived, dimensions=parts, importance={'speed': 70, 'manners': 30}).overall:.2f}"
    '-1.03 [-1.84, -0.23]'
    """
    owner = "servqual"
    before, after = (
        read_answers(answers, scale, f"{owner}({name})", not_applicable=not_applicable)
        for name, answers in {"expectations": expectations, "perceptions": perceptions}.items()
    )
    if before.values.shape != after.values.shape:
        shapes = f"Got the shapes {before.values.shape} and {after.values.shape}."
        raise ParameterError(f"{owner} takes the same items of the same respondents twice. {shapes}")
    names = after.names
    # Items of other names, such as E1 and P1, and those of arrays, go by their order.
    order = [before.names.index(name) for name in names] if set(names) == set(before.names) else slice(None)
    gaps = after.values - before.values[:, order]
    places = _places(dimensions, names)
    points: Any = dict.fromkeys(places, 1) if importance is None else importance
    if not isinstance(points, Mapping) or set(points) != set(places):
        raise parameter_error("importance", importance, f"a mapping of {list(places)} to points, or None", owner)
    share = shares("importance", [points[name] for name in places], len(places), owner)
    own = np.column_stack([_row_means(gaps[:, items]) for items in places.values()])
    warn_incomplete(own, owner)

    def estimate(gap: Floats) -> Estimate:
        return mean_of(gap, sample_weight, coverage, owner)

    return Servqual(
        estimate((own * share).sum(axis=1)),
        {name: estimate(own[:, j]) for j, name in enumerate(places)},
        {name: estimate(gaps[:, j]) for j, name in enumerate(names)},
        dict(zip(places, share.tolist(), strict=True)),
    )


def _row_means(gaps: Floats) -> Floats:
    there = ~np.isnan(gaps)
    with np.errstate(invalid="ignore"):
        return np.where(there, gaps, 0.0).sum(axis=1) / there.sum(axis=1)


def _places(dimensions: Any, names: list[str]) -> dict[str, list[int]]:
    """Return the positions of each dimension's items."""
    if dimensions is None:
        if len(names) != 22:
            raise ParameterError(
                f"The standard questionnaire of servqual has 22 items. Got {len(names)}: say what belongs together, "
                "dimensions={'reliability': ['q1', 'q2'], …}."
            )
        items = iter(range(22))
        return {name: list(itertools.islice(items, n)) for name, n in _STANDARD.items()}
    allowed = "a mapping of each dimension to a list of items, or None"
    parts = list(dimensions.values()) if isinstance(dimensions, Mapping) else []
    if not parts or not all(isinstance(part, list | tuple) and part for part in parts):
        raise parameter_error("dimensions", dimensions, allowed, "servqual")
    keys = {key: j for j, name in enumerate(names) for key in (name, j)}
    for item in itertools.chain(*parts):
        if item not in keys:
            raise ColumnNotFoundError.from_name("dimensions", item, names)
    return {str(name): [keys[item] for item in part] for name, part in dimensions.items()}
