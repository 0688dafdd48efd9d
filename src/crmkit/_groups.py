"""Rows by group: codes of labels in an order that people expect."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import parameter_error
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

    native = groups.to_pandas() if hasattr(groups, "to_pandas") else groups
    keep = isinstance(native, pd.Series | pd.Index | pd.Categorical)
    if not keep:
        native = np.asarray(native) if isinstance(native, np.ndarray) else _objects(native)
    if native.ndim != 1:
        raise parameter_error(name, groups, "one-dimensional, a label for each row", owner)
    values = pd.Series(native)
    if len(values) != n:
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be of length {n:,}. Got length {len(values):,} instead."
        )
    try:
        code, levels = pd.factorize(values)
    except TypeError as error:
        raise parameter_error(name, groups, "text, numbers or dates", owner) from error
    own = list(values.cat.categories) if isinstance(values.dtype, pd.CategoricalDtype) else None
    order = _order(list(levels), own)
    # A last place, which the code -1 of missing labels finds.
    place = np.append(np.argsort(order), len(levels)).astype(np.intp)
    return place[code], [levels[level] for level in order] + ([np.nan] if (code < 0).any() else [])


def _objects(labels: Any) -> NDArray[np.object_]:
    """Labels as they are: numpy would make text of numbers beside text."""
    return np.asarray(labels, dtype=object)


def _order(levels: list[Any], own: list[Any] | None) -> list[int]:
    """The places of the levels, in their own or in ascending order; of several kinds numbers come first."""
    if own is not None:
        place = {label: j for j, label in enumerate(own)}
        return sorted(range(len(levels)), key=lambda level: place[levels[level]])
    try:
        return sorted(range(len(levels)), key=lambda level: levels[level])
    except TypeError:
        ranks = [(0, "", one, "") if isinstance(one, Real) else (1, type(one).__name__, 0, str(one)) for one in levels]
        return sorted(range(len(levels)), key=lambda level: ranks[level])
