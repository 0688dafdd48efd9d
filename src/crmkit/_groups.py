"""Rows by group: codes of labels in an order that people expect."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit.exceptions import ParameterError

__all__ = ["group_codes"]


def group_codes(groups: Any, n: int, owner: str, name: str = "groups") -> tuple[NDArray[np.intp], list[Any]]:
    """Return the code of each row, and the labels: in their own order if they have one, else ascending.

    Rows without a label are a group of their own, the last one, labelled NaN. Categories that no row has are left
    out.

    Parameters
    ----------
    groups : array-like of shape (n,)
        Labels or numbers; a column of any frame.
    n : int
        How many there must be.
    owner, name : str
        Whose parameter it is, and its name.

    Examples
    --------
    >>> code, labels = group_codes(["b", None, "a", "b"], 4, "subgroup_table")
    >>> code.tolist(), labels
    ([1, 2, 0, 1], ['a', 'b', nan])
    """
    import pandas as pd

    if hasattr(groups, "to_pandas"):
        groups = groups.to_pandas()
    keep = isinstance(groups, pd.Series | pd.Categorical)
    plain = keep or (isinstance(groups, np.ndarray) and groups.dtype.kind in "iufbM")
    values = pd.Series(groups if plain else np.asarray(groups, dtype=object))
    if len(values) != n:
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be of length {n:,}. Got length {len(values):,} instead."
        )
    code, levels = pd.factorize(values)
    own = list(values.cat.categories) if isinstance(values.dtype, pd.CategoricalDtype) else None
    order = sorted(range(len(levels)), key=lambda level: own.index(levels[level]) if own else _rank(levels[level]))
    # A last place, which the code -1 of missing labels finds.
    place = np.append(np.argsort(order), len(levels)).astype(np.intp)
    return place[code], [levels[level] for level in order] + ([np.nan] if (code < 0).any() else [])


def _rank(label: Any) -> tuple[int, Any]:
    """Numbers before dates before text, each in its own order."""
    if isinstance(label, int | float | np.number):
        return 0, label
    return (1, label) if hasattr(label, "isoformat") else (2, str(label))
