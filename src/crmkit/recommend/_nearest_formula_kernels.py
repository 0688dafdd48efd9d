"""How alike two items are, from what their customers have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel

__all__ = ["Terms", "rank", "similarity", "similarity_of_rank"]


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
def rank(common, owner, other, squared, a, h, p, r, u, v, g):
    """By what the owner's neighbours are put in order: the similarity, or its square with its sign.

    The square of a cosine is one division of whole numbers, so that similarities which are equal are
    equal to the last bit. A square root before the division would tear some of them apart.

    The fields of `Terms` come one by one: a tuple of arrays is copied at each call.
    """
    if squared:
        return common * abs(common) / (p[other] * r[owner])
    return common / (a * common + p[other] * r[owner] + u[other] + v[owner] + h * g[other] * g[owner])


@kernel
def similarity(common, owner, other, squared, a, h, p, r, u, v, g):
    """How alike the owner and another item are."""
    if squared:
        return common / np.sqrt(p[other] * r[owner])
    return common / (a * common + p[other] * r[owner] + u[other] + v[owner] + h * g[other] * g[owner])


@kernel
def similarity_of_rank(order, owner, other, squared, p, r):
    """As `similarity` of whole numbers in common, from the rank, which is positive."""
    if not squared:
        return order
    product = p[other] * r[owner]
    # The number is far below 2^50: what rounding did to its square, rounding undoes.
    return np.rint(np.sqrt(order * product)) / np.sqrt(product)
