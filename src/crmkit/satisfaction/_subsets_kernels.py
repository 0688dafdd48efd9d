"""R² of all subsets of predictors: from correlations C, whose last column is what they explain, or by logistic fits."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

#: Subsets of so many players go down the tree side by side. Rows of 64 numbers take 2 ns a subset, of 32 five.
_LANE_BITS = 6
_LANES = 1 << _LANE_BITS

#: A column of which others leave less than this share of its variance has nothing to add.
LEAST = 1e-10

_MOST_STEPS = 100

#: What rounding may take from a log-likelihood, as a share of that of a constant.
_SLACK = 1e-10


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
    """Sweep matrices (m, c + 1, c + 1) by their first n columns, in place; return what each gains (m, n)."""
    gains = np.empty((len(matrices), n))
    for k in range(len(matrices)):
        for column in range(n):
            gains[k, column] = _sweep(matrices[k], column)
    return gains


@kernel
def shapley_shares(start, stop, matrices, first, shares):
    """Fill in the Shapley values of R² of the q players, for the matrices from `start` to `stop`.

    Their columns begin at ``first`` (q + 1). A player has the sum of w(|S|) R²(S) over the subsets S with it,
    w(s) = (s-1)! (q-s-1)! / (q-1)! and w(q) = 1/q, less what makes the shares sum to R².
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

    A block of the tree is the upper triangle of what remains, entry (a, b) at ``row[a] + b - a``. Short rows and
    blocks of late players, which are touched all the time, stand first.
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

    A child has one more player, after the last one. Its block is the Schur complement of its parent's: small
    near the leaves, where nearly all subsets are.
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


@kernel
def fit_logistic(start, stop, edges, X, y, weight, members, parents, credit, coefficients, found, influence, tolerance):
    """Fit subsets of the columns in chunks from `start` to `stop`; chunk k ends before ``edges[k + 1]``.

    `members` (m, c) are the columns of `X` (c, n) that a subset has, a constant among them, `parents` (m) what
    it is started from, if that is in the chunk. Fills in `coefficients` (m, c) and `found` (m), log-likelihoods, NaN
    where the last of many steps gains more than `tolerance` times that of a constant. Adds the log-likelihood of each
    row, times the `credit` (m, q) of each player, to `influence` (chunks, q, n).
    """
    c, n = X.shape
    eta, slope, curve, rows = np.empty(n), np.empty(n), np.empty(n), np.empty((c, n))
    ones, total = (weight * y).sum(), weight.sum()
    null = ones * np.log(ones / total) + (total - ones) * np.log(1.0 - ones / total)
    least, slack = -tolerance * null, -_SLACK * null
    for chunk in range(start, stop):
        for i in range(edges[chunk], edges[chunk + 1]):
            beta = coefficients[i]
            beta[:] = 0.0
            if parents[i] >= edges[chunk]:
                beta[:] = coefficients[parents[i]] * members[i]
            found[i] = _newton(X, y, weight, np.flatnonzero(members[i]), beta, least, slack, eta, slope, curve, rows)
            for player in range(influence.shape[1]):
                share, mine = credit[i, player], influence[chunk, player]
                for row in range(n):
                    mine[row] += share * eta[row]


@kernel
def _newton(X, y, weight, columns, beta, least, slack, eta, slope, curve, rows):
    """Move `beta` to the greatest log-likelihood and return that; leave each row's in `eta`."""
    k = len(columns)
    hessian, step = np.empty((k, k)), np.zeros(k)
    best = -np.inf
    for _ in range(_MOST_STEPS):
        eta[:] = 0.0
        for column in columns:
            times, values = beta[column], X[column]
            for row in range(len(eta)):
                eta[row] += times * values[row]
        total = _rows(y, weight, eta, slope, curve)
        if total < best - slack:  # too far
            step *= 0.5
            for a in range(k):
                beta[columns[a]] -= step[a]
            continue
        best = total
        for a in range(k):
            scaled, values = rows[a], X[columns[a]]
            for row in range(len(y)):
                scaled[row] = curve[row] * values[row]
            step[a] = _dot(slope, values)
            for b in range(a + 1):
                hessian[a, b] = _dot(scaled, X[columns[b]])
        gain = _solve(hessian, step)
        if gain < least:
            return total + 0.5 * gain
        for a in range(k):
            beta[columns[a]] += step[a]
    return np.nan


@kernel
def _rows(y, weight, eta, slope, curve):
    """The log-likelihood, of each row in `eta`, and its first and second derivative by the predictor."""
    total = 0.0
    for row in range(len(y)):
        small = np.exp(-abs(eta[row]))
        p = (1.0 if eta[row] > 0 else small) / (1.0 + small)
        slope[row] = weight[row] * (y[row] - p)
        curve[row] = weight[row] * small / ((1.0 + small) * (1.0 + small))
        eta[row] = y[row] * eta[row] - max(eta[row], 0.0) - np.log(1.0 + small)
        total += weight[row] * eta[row]
    return total


@kernel
def _solve(A, b):
    """Solve in place by Cholesky; a dependent column gets 0. Return b'A⁻¹b."""
    k = len(b)
    gain = 0.0
    for a in range(k):
        whole = A[a, a]
        for j in range(a):
            for i in range(j):
                A[a, j] -= A[a, i] * A[j, i]
            A[a, j] = A[a, j] / A[j, j] if A[j, j] > 0 else 0.0
            A[a, a] -= A[a, j] * A[a, j]
            b[a] -= A[a, j] * b[j]
        A[a, a] = np.sqrt(A[a, a]) if A[a, a] > LEAST * whole else 0.0
        b[a] = b[a] / A[a, a] if A[a, a] > 0 else 0.0
        gain += b[a] * b[a]
    for a in range(k - 1, -1, -1):
        for j in range(a + 1, k):
            b[a] -= A[j, a] * b[j]
        b[a] = b[a] / A[a, a] if A[a, a] > 0 else 0.0
    return gain


@kernel(fastmath={"reassoc"})  # several sums at once: .2 µs for 2,000 rows instead of 1.5
def _dot(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total
