"""The customers nearest to each row, and what they have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit.recommend._nearest_selection_kernels import kth_largest

__all__ = ["Known", "Nearest", "Rows", "Scratch", "add_histories", "nearest_customers"]


class Rows(NamedTuple):
    """Rows to be compared: items ascending, sums of squares, and what values were multiplied by before.

    Here as below, empty values are ones.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    values: NDArray[np.float64]
    squares: NDArray[np.float64]
    scales: NDArray[np.float64]


class Known(NamedTuple):
    """The customers of each item, ascending, with sums of squares and scales as those of rows."""

    indptr: NDArray[np.int64]
    customers: NDArray[np.int32]
    values: NDArray[np.float64]
    squares: NDArray[np.float64]
    scales: NDArray[np.float64]


class Scratch(NamedTuple):
    """What one range of rows writes to: an entry per customer each. `stamps` starts with -1."""

    sums: NDArray[np.float64]
    stamps: NDArray[np.int64]
    touched: NDArray[np.int32]
    found: NDArray[np.int32]
    ranks: NDArray[np.float64]
    ordered: NDArray[np.float64]


class Nearest(NamedTuple):
    """The nearest customers of each row, best first, (n_rows, n_neighbors): -1 and NaN where there is none."""

    customers: NDArray[np.int32]
    similarities: NDArray[np.float64]


@kernel
def nearest_customers(start, stop, rows, known, shrinkage, itself, raw_rows, raw_known, scratch, nearest):
    """Find the nearest customers of rows start to stop, of equal ones the lower first.

    Parameters
    ----------
    rows, known : Rows, Known
        What is compared. No product of two of their rows overflows.
    shrinkage : float
    itself : ndarray of int64, shape (n_rows,)
        The customer that each row is, -1 for none; empty if rows have no names.
    raw_rows, raw_known : tuple of indptr, items and values
        For rows without names: of the customers that equal a row in every cell the first is taken for
        the row itself.
    scratch : Scratch
    nearest : Nearest
        Receives them; filled with -1 and NaN before.
    """
    sums, found, ranks = scratch.sums, scratch.found, scratch.ranks
    n_neighbors = nearest.customers.shape[1]
    for row in range(start, stop):
        n = _add_products(row, rows, known, scratch)
        own = itself[row] if len(itself) > 0 else _twin(row, n, raw_rows, raw_known, scratch.touched)
        n_found = 0
        for place in range(n):
            customer = scratch.touched[place]
            rank = _rank(row, customer, rows, known, shrinkage, sums[customer])
            if customer != own and rank > 0.0:
                found[n_found] = customer
                ranks[n_found] = rank
                n_found += 1
        kept = _keep_largest(n_found, n_neighbors, scratch)
        found[:kept].sort()
        for place in range(kept):
            ranks[place] = -_rank(row, found[place], rows, known, shrinkage, sums[found[place]])
        order = np.argsort(ranks[:kept], kind="mergesort")  # stable: of equal ones the lower stays first
        for place in range(kept):
            customer = found[order[place]]
            rank = -ranks[order[place]]
            nearest.customers[row, place] = customer
            if shrinkage == 0.0:
                rank = sums[customer] / np.sqrt(rows.squares[row] * known.squares[customer])
            nearest.similarities[row, place] = rank


@kernel
def add_histories(start, stop, nearest, known, out):
    """Add up what the nearest customers of rows start to stop have, times similarity, best first.

    Parameters
    ----------
    nearest : Nearest
    known : tuple of indptr, items and values
        What customers have.
    out : ndarray of float64, shape (n_rows, n_items)
        Zeros; receives the sums.
    """
    indptr, items, values = known
    for row in range(start, stop):
        for place in range(nearest.customers.shape[1]):
            customer = nearest.customers[row, place]
            if customer < 0:
                break
            similarity = nearest.similarities[row, place]
            for entry in range(indptr[customer], indptr[customer + 1]):
                out[row, items[entry]] += similarity * values[entry] if len(values) > 0 else similarity


@kernel
def _rank(row, customer, rows, known, shrinkage, product):
    """What neighbours are ranked by: the similarity, or without shrinkage its square times that of the row.

    That square is one rounded division, so that those that are equal stay equal.
    """
    other = known.squares[customer]
    if shrinkage == 0.0:
        return product * abs(product) / other
    # Scales are powers of two, so the term beside products of scaled values is that beside raw ones.
    term = shrinkage * rows.scales[row] * known.scales[customer]
    return product / (np.sqrt(rows.squares[row] * other) + term)


@kernel
def _add_products(row, rows, known, scratch):
    """Add up the products of the row with customers, items ascending; return how many customers were touched."""
    sums, stamps = scratch.sums, scratch.stamps  # a sum that comes back to 0 was touched all the same
    n = 0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        item = rows.items[entry]
        value = rows.values[entry] if len(rows.values) > 0 else 1.0
        for place in range(known.indptr[item], known.indptr[item + 1]):
            customer = known.customers[place]
            if stamps[customer] != row:
                stamps[customer] = row
                sums[customer] = 0.0
                scratch.touched[n] = customer
                n += 1
            sums[customer] += value * known.values[place] if len(known.values) > 0 else value
    return n


@kernel
def _twin(row, n, raw_rows, raw_known, touched):
    """The first of the n touched customers that equals the row in every cell, or -1."""
    indptr, items, values = raw_rows
    known_indptr, known_items, known_values = raw_known
    begin, length = indptr[row], indptr[row + 1] - indptr[row]
    twin = -1
    for place in range(n):
        customer = touched[place]
        other = known_indptr[customer]
        if known_indptr[customer + 1] - other != length or (twin >= 0 and customer > twin):
            continue
        same = True
        for step in range(length):
            if items[begin + step] != known_items[other + step]:
                same = False
                break
            if len(values) > 0 and values[begin + step] != known_values[other + step]:
                same = False
                break
        if same:
            twin = customer
    return twin


@kernel
def _keep_largest(n, k, scratch):
    """Put the k of n found customers with the largest ranks in front, of equal ones the lower; return their number."""
    if n <= k:
        return n
    found, ranks = scratch.found, scratch.ranks
    scratch.ordered[:n] = ranks[:n]
    limit = kth_largest(scratch.ordered, n, k)
    kept = 0
    equal = 0
    for place in range(n):
        if ranks[place] == limit:
            scratch.touched[equal] = found[place]
            equal += 1
        elif ranks[place] > limit:
            found[kept] = found[place]
            kept += 1
    scratch.touched[:equal].sort()
    for place in range(k - kept):
        found[kept + place] = scratch.touched[place]
    return k
