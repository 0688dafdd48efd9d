"""Shares of R² of linear and logistic models, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._intervals import normal_quantile
from crmkit._numba import run_in_ranges
from crmkit.exceptions import CrmkitError
from crmkit.satisfaction._relative_weights import DEPENDENT, relative_weights, symmetric_root
from crmkit.satisfaction._subsets_kernels import fit_logistic, shapley_shares, sweep_first

Floats = NDArray[np.float64]

#: Resamples of more players move the shares by as much as along some orders alone: .3 s for 500 of 18 by all subsets.
_MOST_RESAMPLED, RESAMPLED = 18, 64

#: The most blocks of rows that are resampled.
_BLOCKS = 1000

#: Runs in which logistic models are fitted, whatever the number of threads.
_CHUNKS = 8

#: What a last step of Newton's method may gain, as a share of the log-likelihood of a constant. As half of it is
#: added, R² is off by less than 1e-9; coefficients are off by its root.
_TOLERANCE, _TIGHT = 1e-6, 1e-14


class Task(NamedTuple):
    """Who shares, and how.

    After `n_controls` columns come those of each player, which begin at ``first`` (q + 1) of the rest. Unless
    all subsets are looked at, it is along `orders` (n, q), each second one the reverse of the one before.
    """

    method: str
    n_controls: int
    first: NDArray[np.int64]
    orders: NDArray[np.int64]
    exact: bool
    n_resamples: int
    coverage: float
    rng: np.random.Generator
    threads: int

    def summed(self, weights: Floats) -> Floats:
        """The sums by player of what columns after the controls have."""
        return np.add.reduceat(weights, self.first[:-1], axis=-1)

    def percentiles(self, resampled: Any) -> Floats:
        """Ends of the intervals (q, 2)."""
        return np.quantile(resampled, [(1 - self.coverage) / 2, (1 + self.coverage) / 2], axis=0).T


class Shares(NamedTuple):
    """What was found; `coefficients` are those of standardised columns, controls first."""

    values: Floats
    standard_errors: Floats
    intervals: Floats | None
    r2: float
    r2_controls: float
    coefficients: Floats
    method: str


def linear_shares(Z: Floats, weight: Floats, C: Floats, swept: Floats, gains: Floats, task: Task) -> Shares:
    """Share out R² of the last row of Z (c + 1, n), standardised, from the correlations and what they are swept."""
    coefficients = np.zeros(len(gains))
    for j in range(len(gains) - 1, -1, -1):  # what depends on earlier columns has 0
        if (row := swept[j])[j] > DEPENDENT:
            coefficients[j] = (row[-1] - row[j + 1 : -1] @ coefficients[j + 1 :]) / row[j]
    left = _controlled(C[None], task.n_controls)
    if task.exact:
        values, errors = _exact(left, task)[0], np.zeros(len(task.first) - 1)
    else:
        values, errors = _mean_gains(_along(left[0], task.orders, task))
    intervals = _bootstrap(Z, weight, left[0], values, task) if task.n_resamples else None
    of_controls = float(gains[: task.n_controls].sum())
    return Shares(values, errors, intervals, float(gains.sum()), of_controls, coefficients, "bootstrap")


def _controlled(matrices: Floats, n_controls: int) -> Floats:
    """Correlations less what the controls explain."""
    if n_controls:
        sweep_first(matrices := matrices.copy(), n_controls)
        matrices = np.triu(matrices[:, n_controls:, n_controls:])
        matrices = matrices + np.swapaxes(np.triu(matrices, 1), 1, 2)
    return matrices


def _exact(matrices: Floats, task: Task) -> Floats:
    if task.method == "johnson":
        scale = _inverse_root(np.diagonal(matrices, axis1=1, axis2=2)[:, :-1])
        R = matrices[:, :-1, :-1] * scale[:, :, None] * scale[:, None, :]
        return task.summed(relative_weights(R, matrices[:, :-1, -1] * scale))
    shares = np.empty((len(matrices), len(task.first) - 1))
    run_in_ranges(shapley_shares, len(shares), matrices, task.first, shares, threads=task.threads, minimum=1)
    return shares


def _along(C: Floats, orders: NDArray[np.int64], task: Task) -> Floats:
    """What each player gains when they come in each of some orders."""
    rank, sizes = np.argsort(orders, axis=1), np.diff(task.first)
    columns = np.argsort(np.repeat(rank, sizes, axis=1), axis=1, kind="stable")
    columns = np.column_stack([columns, np.full(len(orders), len(C) - 1)])
    gains = sweep_first(C[columns[:, :, None], columns[:, None, :]], len(C) - 1)
    return task.summed(np.take_along_axis(gains, np.argsort(columns[:, :-1], axis=1), axis=1))


def _mean_gains(gains: Floats) -> tuple[Floats, Floats]:
    """Means along orders, and their standard errors: those of the means of each order and its reverse."""
    pairs = gains.reshape(-1, 2, gains.shape[1]).mean(axis=1)
    return pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))


def _bootstrap(Z: Floats, weight: Floats, left: Floats, values: Floats, task: Task) -> Floats:
    if task.method == "johnson" or len(values) <= _MOST_RESAMPLED:
        return task.percentiles(np.concatenate([_exact(some, task) for some in _resampled(Z, weight, task)]))
    orders = task.orders[:RESAMPLED]
    found = [_along(C, orders, task).mean(axis=0) for some in _resampled(Z, weight, task) for C in some]
    return task.percentiles(np.maximum(values + found - _along(left, orders, task).mean(axis=0), 0.0))


def _resampled(Z: Floats, weight: Floats, task: Task) -> Iterator[Floats]:
    """Correlations of rows drawn with replacement, some hundred sets of them at a time."""
    c, n = Z.shape
    size = -(-n // _BLOCKS)
    blocks = -(-n // size)
    rows = np.zeros((blocks * size, c + 1))
    rows[task.rng.permutation(n)] = np.vstack([np.ones(n), Z]).T * np.sqrt(weight)[:, None]
    cut = rows.reshape(blocks, size, c + 1)
    moments = (np.swapaxes(cut, 1, 2) @ cut).reshape(blocks, -1)
    for start in range(0, task.n_resamples, 256):
        m = min(256, task.n_resamples - start)
        drawn = task.rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=m)
        sums = (drawn.astype(np.float64) @ moments).reshape(m, c + 1, c + 1)
        sums /= sums[:, :1, :1]
        C = sums[:, 1:, 1:] - sums[:, 1:, :1] * sums[:, :1, 1:]
        scale = _inverse_root(np.diagonal(C, axis1=1, axis2=2))
        yield _controlled(C * scale[:, :, None] * scale[:, None, :], task.n_controls)


def _inverse_root(variance: Floats) -> Floats:
    return np.divide(1.0, np.sqrt(variance), out=np.zeros(variance.shape), where=variance > DEPENDENT)


# -- logistic ---------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """A constant, controls and predictors (c, n); outcomes of 0 and 1; weights."""

    X: Floats
    y: Floats
    weight: Floats


class _Subsets(NamedTuple):
    """Players of subsets (m, q), and credit, parents and edges as in `fit_logistic`: the shares are credit.T @ R²."""

    players: NDArray[np.bool_]
    credit: Floats
    parents: NDArray[np.int64]
    edges: NDArray[np.int64]


def logistic_shares(Z: Floats, y: Floats, weight: Floats, task: Task) -> Shares:
    """Share out McFadden's R² of y, 0 or 1, among columns Z (c, n), standardised."""
    rows, k = _Rows(np.vstack([np.ones(len(y)), Z]), y, weight), 1 + task.n_controls
    (null, controls, full), coefficients = _nested(rows, k)
    r2 = 1 - full / null, 1 - controls / null, coefficients[1:]
    errors = np.zeros(len(task.first) - 1)
    if task.method == "johnson":
        intervals = task.percentiles(_redrawn(rows, task)) if task.n_resamples else None
        return Shares(_kin_shares(rows, task), errors, intervals, *r2, "bootstrap")
    subsets = _all_subsets(len(errors)) if task.exact else _along_orders(task.orders)
    members = np.repeat(subsets.players, np.diff(task.first), axis=1)
    members = np.hstack([np.ones((len(members), k), bool), members])
    influence = np.zeros((_CHUNKS, len(errors) * (task.n_resamples > 0), len(y)))
    fits, _ = _fits(rows, members, subsets, influence, _TOLERANCE, task.threads)
    gained = 1 - fits / null
    values = subsets.credit.T @ gained
    if not task.exact:
        steps = np.diff(gained.reshape(len(task.orders), -1), axis=1)
        values, errors = _mean_gains(np.take_along_axis(steps, np.argsort(task.orders, axis=1), axis=1))
    # Subsets are fitted less closely than the whole: what makes the shares sum to its R² is at most 1e-6.
    values = values + (r2[0] - r2[1] - values.sum()) / len(values)
    intervals = None
    if task.n_resamples:
        # A row's weight moves the log-likelihood of a model by that of the row, as coefficients are at their best.
        share = weight @ y / weight.sum()
        alone = np.where(y > 0, math.log(share), math.log1p(-share))
        moved = weight * (influence.sum(axis=0) + values[:, None] * alone) / null
        spread = np.sqrt((moved * moved).sum(axis=1) * len(y) / (len(y) - 1))
        root = np.sqrt(np.maximum(values, 0.0))
        arm = normal_quantile(task.coverage) * spread / np.maximum(2 * root, np.sqrt(spread) + 1e-300)
        intervals = np.column_stack([np.maximum(root - arm, 0.0) ** 2, (root + arm) ** 2])
    return Shares(values, errors, intervals, *r2, "infinitesimal jackknife")


def _all_subsets(q: int) -> _Subsets:
    """All subsets, each started from that without its first player."""
    number = np.arange(1 << q)
    players = (number[:, None] >> np.arange(q) & 1).astype(bool)
    share = [math.factorial(s) * math.factorial(q - s - 1) / math.factorial(q) for s in range(q)]
    size = players.sum(axis=1)[:, None]
    credit = np.where(players, np.array([0.0, *share])[size], -np.array([*share, 0.0])[size])
    return _Subsets(
        players, credit, (number & number - 1) - (number == 0), len(number) * np.arange(_CHUNKS + 1) // _CHUNKS
    )


def _along_orders(orders: NDArray[np.int64]) -> _Subsets:
    """The subsets along orders, from none to all, each started from the one before it."""
    n, q = orders.shape
    rank, size = np.argsort(orders, axis=1)[:, None, :], np.arange(q + 1)[None, :, None]
    credit = ((rank == size - 1).astype(float) - (rank == size)) / n
    edges = n * np.arange(_CHUNKS + 1) // _CHUNKS * (q + 1)
    return _Subsets((rank < size).reshape(-1, q), credit.reshape(-1, q), np.arange(n * (q + 1)) - 1, edges)


def _fits(
    rows: _Rows, members: NDArray[np.bool_], subsets: _Subsets, influence: Floats, tolerance: float, threads: int
) -> tuple[Floats, Floats]:
    """Log-likelihoods of models of some of the columns, and their coefficients."""
    edges = subsets.edges
    coefficients, found = np.empty(members.shape), np.empty(len(members))
    arrays = (edges, *rows, members, subsets.parents, subsets.credit, coefficients, found, influence, tolerance)
    run_in_ranges(fit_logistic, len(edges) - 1, *arrays, threads=threads, minimum=1)
    if np.isnan(found).any():
        raise CrmkitError("A logistic model of the drivers did not converge. Is the range of a column huge?")
    return found, coefficients


def _nested(rows: _Rows, k: int) -> tuple[Floats, Floats]:
    """Log-likelihoods of a constant, the first k columns, and all; the coefficients of all."""
    c, n = rows.X.shape
    members = np.arange(c) < np.array([[1], [k], [c]])
    chain = _Subsets(members, np.zeros((3, 0)), np.arange(3) - 1, np.array([0, 3]))
    found, coefficients = _fits(rows, members, chain, np.zeros((1, 0, n)), _TIGHT, 1)
    return found, coefficients[-1]


def _kin_shares(rows: _Rows, task: Task) -> Floats:
    """Share out what the columns add to the controls' R² by the squared coefficients of their uncorrelated kin."""
    k, weight = 1 + task.n_controls, rows.weight / rows.weight.sum()
    root, fixed, own = np.sqrt(weight), rows.X[:k], rows.X[k:]
    own = own - np.linalg.lstsq((fixed * root).T, (own * root).T, rcond=DEPENDENT)[0].T @ fixed
    own *= _inverse_root((own * own) @ weight)[:, None]
    to_own, from_own = symmetric_root((own * weight) @ own.T)
    (null, controls, full), coefficients = _nested(rows._replace(X=np.vstack([fixed, from_own @ own])), k)
    squares = (to_own @ from_own @ coefficients[k:]) ** 2  # the shortest ones, where columns depend on each other
    return task.summed((to_own * to_own) @ squares) * ((controls - full) / null / (squares.sum() or 1.0))


def _redrawn(rows: _Rows, task: Task) -> list[Floats]:
    """`_kin_shares` of rows drawn with replacement; draws of one class are left out."""
    n, found = len(rows.y), []
    for _ in range(task.n_resamples):
        weight = rows.weight * task.rng.multinomial(n, np.full(n, 1 / n))
        if 0 < weight @ rows.y < weight.sum():
            found.append(_kin_shares(rows._replace(weight=weight), task))
    return found
