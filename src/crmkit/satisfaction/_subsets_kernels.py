"""What predictors add to R², by all subsets of them, from correlations; what they explain is the last column."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

#: Subsets of so many players go down the tree side by side. Rows of 64 numbers take 2 ns a subset, of 32 five.
_LANE_BITS = 6
_LANES = 1 << _LANE_BITS

#: A column of which others leave less than this share of its variance has nothing to add.
LEAST = 1e-10


@kernel
def _sweep(C, column):
    """Take what one column explains out of those after it, above the diagonal; return its gain in R²."""
    n = C.shape[0]
    pivot = C[column, column]
    if pivot <= LEAST:
        return 0.0
    for a in range(column + 1, n):
        share = C[column, a] / pivot
        for b in range(a, n):
            C[a, b] -= share * C[column, b]
    return C[column, n - 1] * C[column, n - 1] / pivot


@kernel
def sweep_first(matrices, n):
    """Sweep matrices (m, c, c) by their first n columns, in place; return what each gains (m, n)."""
    gains = np.empty((len(matrices), n))
    for k in range(len(matrices)):
        for column in range(n):
            gains[k, column] = _sweep(matrices[k], column)
    return gains


@kernel
def shapley_shares(start, stop, matrices, first, shares):
    """Fill in the Shapley values of R² of the q players, for the matrices from `start` to `stop`.

    `first` (q + 1) says where each player's columns begin. A player has the sum of w(|S|) R²(S) over the
    subsets S that hold it, w(s) = (s-1)! (q-s-1)! / (q-1)! and w(q) = 1/q, less what makes the shares sum to R².
    """
    q = len(first) - 1
    weight = np.zeros(q + 1)
    for s in range(1, q):
        weight[s] = 1.0 / (q - 1) if s == 1 else weight[s - 1] * (s - 1) / (q - s)
    weight[q] = 1.0 / q
    for k in range(start, stop):
        sums = _sums(matrices[k], first, weight)
        total = sweep_first(matrices[k : k + 1].copy(), first[q]).sum()
        shares[k] = sums - (sums.sum() - total) / q


@kernel
def _sums(C, first, weight):
    """The sum of each player: lanes hold the subsets of the first players, a tree those of the others.

    A block of the tree is the upper triangle of the columns that remain, entry (a, b) at ``row[a] + b - a``.
    Short rows and the blocks of late players stand first: these are what is touched all the time.
    """
    q = len(first) - 1
    n_lane = min(_LANE_BITS, q - 1)
    head, tail, n = first[n_lane], first[n_lane:] - first[n_lane], q - n_lane
    c = tail[n]
    row, base = np.zeros(c + 1, np.int64), np.zeros(n + 1, np.int64)
    for a in range(c - 1, -1, -1):
        row[a] = row[a + 1] + (c - a if a < c - 1 else 0)
    for player in range(n - 1, -1, -1):  # base[n] is that of no player yet
        base[player - 1 if player else n] = base[player] + row[tail[player]]
    block = np.zeros((base[n] + row[0] + c + 1, _LANES))
    r2, weights = np.zeros((n + 1, _LANES)), np.zeros((n + 1, _LANES))
    swept = np.empty((1 << n_lane, *C.shape))
    members = np.zeros(1 << n_lane, np.int64)
    swept[0] = C
    for lane in range(1 << n_lane):
        if lane > 0:
            player = n_lane - 1
            while not lane >> player & 1:
                player -= 1
            parent = lane - (1 << player)
            members[lane] = members[parent] + 1
            swept[lane] = swept[parent]
            r2[n, lane] = r2[n, parent]
            for column in range(first[player], first[player + 1]):
                r2[n, lane] += _sweep(swept[lane], column)
        for a in range(c):
            for b in range(a, c + 1):
                block[base[n] + row[a] + b - a, lane] = swept[lane, head + a, head + b]
        weights[:, lane] = weight[members[lane] : members[lane] + n + 1]
    of_lane, of_player = _walk(block, row, base, tail, r2, weights)
    sums = np.zeros(q)
    for player in range(q):
        if player < n_lane:
            for lane in range(1 << n_lane):
                sums[player] += of_lane[lane] * (lane >> player & 1)
        else:
            sums[player] = of_player[player - n_lane].sum()
    return sums


@kernel
def _walk(block, row, base, tail, r2, weights):
    """Visit all subsets of the tail, in all lanes at once; return the sums by lane and by player.

    The children of a subset have one more player, after its last one. A child's block is the Schur complement
    of its parent's, so that it is small near the leaves, where nearly all subsets are.
    """
    q = len(tail) - 1
    c = tail[q]
    below = np.zeros((q + 1, _LANES))  # sum over a subset and all its descendants
    below[q] = weights[0] * r2[q]
    of_player = np.zeros((q, _LANES))
    path = np.full(q + 1, q)
    inverse, share = np.empty(_LANES), np.empty(_LANES)
    depth, player = 0, 0
    while depth > 0 or player < q:
        parent = path[depth]
        if player == q:
            player = parent
            depth -= 1
            here, over, ended = of_player[player], below[path[depth]], below[player]
            for lane in range(_LANES):
                here[lane] += ended[lane]
                over[lane] += ended[lane]
        elif tail[player] == c - 1:
            here, over, weight, before = of_player[player], below[parent], weights[depth + 1], r2[parent]
            variance, cross = block[base[parent]], block[base[parent] + 1]
            for lane in range(_LANES):
                gain = cross[lane] * cross[lane] / variance[lane] if variance[lane] > LEAST else 0.0
                value = weight[lane] * (before[lane] + gain)
                here[lane] += value
                over[lane] += value
        else:
            here, over, weight, before = r2[player], below[player], weights[depth + 1], r2[parent]
            here[:] = before
            source = base[parent]
            for column in range(tail[player], tail[player + 1]):
                _sweep_lanes(block, row, source, base[player], column, c, here, inverse, share)
                source = base[player]
            depth += 1
            path[depth] = player
            for lane in range(_LANES):
                over[lane] = weight[lane] * here[lane]
        player += 1
    return below[q], of_player


@kernel
def _sweep_lanes(block, row, source, target, column, c, r2, inverse, share):
    """`_sweep` in every lane, from one block into another."""
    at = source + row[column]
    variance, cross = block[at], block[at + c - column]
    for lane in range(_LANES):
        inverse[lane] = 1.0 / variance[lane] if variance[lane] > LEAST else 0.0
        r2[lane] += cross[lane] * cross[lane] * inverse[lane]
    for a in range(column + 1, c):
        shared = block[at + a - column]
        for lane in range(_LANES):
            share[lane] = shared[lane] * inverse[lane]
        for b in range(a, c + 1):
            old, gone, new = block[source + row[a] + b - a], block[at + b - column], block[target + row[a] + b - a]
            for lane in range(_LANES):
                new[lane] = old[lane] - share[lane] * gone[lane]
