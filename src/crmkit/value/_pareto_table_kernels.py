"""Kernels that add up the Pareto/NBD likelihood of many rows, as its fit needs it again and again.

With H(t) = s int_t^inf F/(beta + u) du and K(t) = R int_t^inf F/(alpha + u) du, which add up to F(t),
the sum in the likelihood of a row is

    F(T) + s int_{t_x}^T F(t)/(beta + t) dt = H(t_x) + K(T):

two positive functions of one time each, for all rows that share x, alpha and beta: a *group*. For
groups of many rows their logarithms, and the derivatives of these by the logarithms of the
parameters, are tabulated as Chebyshev series in log(min(alpha, beta) + t), in panels; a row then
costs two series and an exponential. Since derivatives are linear in the coefficients, rows only add
up the weights of the Chebyshev polynomials. Rows of small groups are worked out one by one.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._pareto_kernels import lapse, log_likelihood_and_slopes
from crmkit.value._special_kernels import digamma, log_gamma_ratio

#: Coefficients of a series. The next ones are below 1e-13 of the first on panels of this width.
ORDER = 16
_WIDTH = 2.0

#: Rows that are added up before the sums are: fixed, so that any number of threads gives the same bits.
PIECE = 4096

# Pieces are worked on in so many rounds, so that each thread gets groups of every x.
_ROUNDS = 32

# A table costs as much as so many rows of the exact sum, for each of its panels.
_ROWS_OF_A_PANEL = 12

_angles = np.pi * (np.arange(ORDER)[::-1] + 0.5) / ORDER
_POINTS = np.cos(_angles)
_TO_SERIES = 2.0 / ORDER * np.cos(np.outer(np.arange(ORDER), _angles))
_TO_SERIES[0] *= 0.5


@kernel
def groups(x, t_x, T, purchase_z, dropout_z, edges, low, high):
    """Runs of rows with equal x and covariates: where they begin and end, their lowest t_x and highest T.

    Returns their number; the arrays have room for as many as there are rows.
    """
    n_groups = 0
    for row in range(len(x)):
        same = row > 0 and x[row] == x[row - 1]
        for j in range(purchase_z.shape[1]):
            same = same and purchase_z[row, j] == purchase_z[row - 1, j]
        for j in range(dropout_z.shape[1]):
            same = same and dropout_z[row, j] == dropout_z[row - 1, j]
        if not same:
            edges[n_groups] = row
            low[n_groups], high[n_groups] = t_x[row], T[row]
            n_groups += 1
        low[n_groups - 1] = min(low[n_groups - 1], t_x[row])
        high[n_groups - 1] = max(high[n_groups - 1], T[row])
    edges[n_groups] = len(x)
    return n_groups


@kernel
def pieces(edges, begins, ends, group_of):
    """Groups cut into pieces of at most PIECE rows; returns their number."""
    n_pieces = 0
    for g in range(len(edges) - 1):
        for begin in range(edges[g], edges[g + 1], PIECE):
            begins[n_pieces], ends[n_pieces] = begin, min(begin + PIECE, edges[g + 1])
            group_of[n_pieces] = g
            n_pieces += 1
    return n_pieces


@kernel
def plan(edges, low, high, alpha, beta, span, first_panel):
    """Extent of each group in log time, and where its panels begin in the table: none if it has few rows.

    Times of the rows ``edges[g]`` to ``edges[g + 1]`` of group g lie between `low` and `high`.
    """
    first_panel[0] = 0
    for g in range(len(low)):
        span[g] = math.log1p((high[g] - low[g]) / (min(alpha[g], beta[g]) + low[g]))
        wanted = max(1.0, np.ceil(span[g] / _WIDTH))
        worth = edges[g + 1] - edges[g] >= _ROWS_OF_A_PANEL * wanted
        first_panel[g + 1] = first_panel[g] + (np.int64(wanted) if worth else 0)


@kernel
def _tabulate(R, r, s, alpha, beta, low, span, n_panels, values):
    """Ln H and ln K at the points of all panels, each with its derivatives by log r, alpha, s and beta."""
    near = min(alpha, beta) + low
    d, d_la, d_lb, d_ia, d_ib, p, p_la, p_lb, p_ia, p_ib = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    later = np.inf
    for j in range(n_panels * ORDER - 1, -1, -1):
        place = span * (j // ORDER + 0.5 + 0.5 * _POINTS[j % ORDER]) / n_panels
        passed = near * math.expm1(place)
        a, b = alpha + low + passed, beta + low + passed
        length = later - place
        t_d, t_d_la, t_d_lb, t_d_ia, t_d_ib, t_p, t_p_la, t_p_lb, t_p_ia, t_p_ib = lapse(R, s, a, b, length)
        left, la, lb = 0.0, 0.0, 0.0
        if length < np.inf:
            other = math.log1p(min(a, b) * math.expm1(length) / max(a, b))
            la, lb = (length, other) if a < b else (other, length)
            left = math.exp(-R * la - s * lb)
        d_la, d_lb = t_d_la + left * (d_la + la * d), t_d_lb + left * (d_lb + lb * d)
        p_la, p_lb = t_p_la + left * (p_la + la * p), t_p_lb + left * (p_lb + lb * p)
        d_ia, d_ib, p_ia, p_ib = t_d_ia + left * d_ia, t_d_ib + left * d_ib, t_p_ia + left * p_ia, t_p_ib + left * p_ib
        d, p = t_d + left * d, t_p + left * p
        later = place
        log_a, log_b = math.log(a), math.log(b)
        values[0, 0, j] = math.log(d) - R * log_a - s * log_b
        values[0, 1, j] = -r * (log_a + d_la / d)
        values[0, 2, j] = -alpha * R * d_ia / d
        values[0, 3, j] = 1.0 - s * (log_b + d_lb / d)
        values[0, 4, j] = -beta * (s + 1.0) * d_ib / d
        values[1, 0, j] = math.log(p) - R * log_a - s * log_b
        values[1, 1, j] = r * (1.0 / R - log_a - p_la / p)
        values[1, 2, j] = -alpha * (R + 1.0) * p_ia / p
        values[1, 3, j] = -s * (log_b + p_lb / p)
        values[1, 4, j] = -beta * s * p_ib / p


@kernel
def fill(start, stop, x, r, alpha, s, beta, low, span, first_panel, table):
    """Series of some groups; `x`, `alpha` and `beta` are those of the groups."""
    for g in range(start, stop):
        n_panels = first_panel[g + 1] - first_panel[g]
        if n_panels == 0:
            continue
        values = np.empty((2, 5, n_panels * ORDER))
        _tabulate(r + x[g], r, s, alpha[g], beta[g], low[g], span[g], n_panels, values)
        for panel in range(n_panels):
            for term in range(2):
                for part in range(5):
                    for k in range(ORDER):
                        total = 0.0
                        for j in range(ORDER):
                            total += _TO_SERIES[k, j] * values[term, part, panel * ORDER + j]
                        table[first_panel[g] + panel, term, part, k] = total


@kernel
def _polynomials(z, out):
    """Chebyshev polynomials of the first kind."""
    out[0], out[1] = 1.0, z
    for k in range(1, ORDER // 2):
        out[2 * k] = 2.0 * out[k] * out[k] - 1.0
        out[2 * k + 1] = 2.0 * out[k] * out[k + 1] - z


@kernel
def _series(coefficients, polynomials):
    even, odd = 0.0, 0.0
    for k in range(0, ORDER, 2):
        even += coefficients[k] * polynomials[k]
        odd += coefficients[k + 1] * polynomials[k + 1]
    return even + odd


@kernel
def _add_tabulated(begin, end, t_x, T, weight, near, low, span, table, out):
    """Weighted sum over rows of one group of log(H + K), and its derivatives, from the table of the group."""
    n_panels = len(table)
    scale = n_panels / span if span > 0.0 else 0.0
    at_last, at_now = np.empty(ORDER), np.empty(ORDER)
    moments = np.zeros((n_panels, 2, ORDER))
    value, seen, last, dropped = 0.0, np.nan, 0, 0.0
    for row in range(begin, end):
        if t_x[row] != seen:
            seen = t_x[row]
            place = math.log1p((seen - low) / near) * scale
            last = min(int(place), n_panels - 1)
            _polynomials(2.0 * (place - last) - 1.0, at_last)
            dropped = _series(table[last, 0, 0], at_last)
        place = math.log1p((T[row] - low) / near) * scale
        now = min(int(place), n_panels - 1)
        _polynomials(2.0 * (place - now) - 1.0, at_now)
        lasting = _series(table[now, 1, 0], at_now)
        small = math.exp(-abs(dropped - lasting))
        value += weight[row] * (max(dropped, lasting) + math.log1p(small))
        large = weight[row] / (1.0 + small)
        small *= large
        of_dropped, of_lasting = (large, small) if dropped > lasting else (small, large)
        for k in range(ORDER):
            moments[last, 0, k] += of_dropped * at_last[k]
            moments[now, 1, k] += of_lasting * at_now[k]
    out[0] += value
    for panel in range(n_panels):
        for term in range(2):
            for part in range(1, 5):
                out[part] += _series(table[panel, term, part], moments[panel, term])


@kernel
def in_rounds(position, n):
    """The piece that is worked on at a position: all numbers below n once, every 32nd after another."""
    long = n % _ROUNDS
    length = n // _ROUNDS + 1
    if position < long * length:
        return position // length + position % length * _ROUNDS
    position -= long * length
    length -= 1
    return long + position // length + position % length * _ROUNDS


@kernel
def add_up(
    start, stop, begins, ends, group_of, rows_x, t_x, T, weight,
    x, r, alpha, s, beta, low, span, first_panel, table, out,
):  # fmt: skip
    """Weighted log-likelihood and its derivatives by log r, alpha, s and beta, for some pieces of groups.

    A piece is the rows from `begins` to `ends`, and has a row of `out`.
    """
    for position in range(start, stop):
        piece = in_rounds(position, len(begins))
        g = group_of[piece]
        begin, end = begins[piece], ends[piece]
        out[piece] = 0.0
        if first_panel[g + 1] == first_panel[g]:
            for row in range(begin, end):
                found = log_likelihood_and_slopes(rows_x[row], t_x[row], T[row], r, alpha[g], s, beta[g])
                for part in range(5):
                    out[piece, part] += weight[row] * found[part]
            continue
        near = min(alpha[g], beta[g]) + low[g]
        panels = table[first_panel[g] : first_panel[g + 1]]
        _add_tabulated(begin, end, t_x, T, weight, near, low[g], span[g], panels, out[piece])
        total = 0.0
        for row in range(begin, end):
            total += weight[row]
        counted = digamma(r + x[g]) - digamma(r) if x[g] > 0.0 else 0.0
        log_alpha, log_beta = math.log(alpha[g]), math.log(beta[g])
        out[piece, 0] += total * (log_gamma_ratio(r, x[g]) + r * log_alpha + s * log_beta)
        out[piece, 1] += total * r * (counted + log_alpha)
        out[piece, 2] += total * r
        out[piece, 3] += total * s * log_beta
        out[piece, 4] += total * s
