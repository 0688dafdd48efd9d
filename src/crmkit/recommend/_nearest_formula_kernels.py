"""How alike two items are, from what their customers have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel

__all__ = ["Terms", "rank", "similarity"]


class Terms(NamedTuple):
    """The numbers of a formula; arrays have an entry per item."""

    squared: bool
    a: float
    h: float
    p: NDArray[np.float64]
    r: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    g: NDArray[np.float64]


@kernel
def rank(common, owner, other, terms):
    """By what the owner's neighbours are put in order: the similarity, or its square with its sign.

    The square of a cosine is one division of whole numbers, so that similarities which are equal are
    equal to the last bit. A square root before the division would tear some of them apart.
    """
    common = np.float64(common)
    if terms.squared:
        return common * abs(common) / (terms.p[other] * terms.r[owner])
    return common / _denominator(common, owner, other, terms)


@kernel
def similarity(common, owner, other, terms):
    """How alike the owner and another item are."""
    common = np.float64(common)
    if terms.squared:
        return common / np.sqrt(terms.p[other] * terms.r[owner])
    return common / _denominator(common, owner, other, terms)


@kernel
def _denominator(common, owner, other, terms):
    own = terms.a * common + terms.p[other] * terms.r[owner] + terms.u[other] + terms.v[owner]
    return own + terms.h * terms.g[other] * terms.g[owner]
