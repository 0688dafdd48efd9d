"""Kernels of the beta-geometric/beta-binomial model (Fader, Hardie and Shang, 2010).

A customer has made x purchases at n opportunities, the last at t_x. The likelihood is a sum over how long
she may have lived: to one of the opportunities from t_x to n - 1, or beyond n. Each term follows from the
one before by a rational factor, and all are positive. Relative to the path up to t_x they stay between 0
and 1, so that nothing overflows and nothing cancels.

`parameters` are alpha, beta (of the chance of a purchase) and gamma, delta (of the chance of leaving).
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._random_kernels import beta as beta_variate
from crmkit.value._random_kernels import geometric, uniform
from crmkit.value._special_kernels import digamma, log_gamma_ratio

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(20)
# A path with so small a share of the sum cannot change its last digit.
_NEGLIGIBLE = 1e-18
# So many terms are added up one by one before the rest becomes an integral, whose error is then below 1e-14.
_DIRECT = 20_000


@kernel
def _paths(x, t_x, n, parameters):
    """Weights of having left from t_x to n, and of being alive at n; both relative to the path up to t_x."""
    alpha, beta, gamma, delta = parameters
    left, alive, j = 0.0, 1.0, t_x
    while j < n:
        inverse = 1.0 / ((alpha + beta + j) * (gamma + delta + j))
        left += alive * gamma * (alpha + beta + j) * inverse
        alive *= (beta + j - x) * (delta + j) * inverse
        j += 1.0
        if alive < _NEGLIGIBLE * left and j + 16.0 < n:
            # The rest adds nothing to `left`, and `alive` at n is known in one step.
            return left, alive * math.exp(_log_survival(x, j, n, parameters))
    return left, alive


@kernel
def _log_survival(x, j, n, parameters):
    """Log of the factor by which the weight of being alive falls from j to n without a purchase."""
    alpha, beta, gamma, delta = parameters
    buying = log_gamma_ratio(beta + j - x, n - j) - log_gamma_ratio(alpha + beta + j, n - j)
    return buying + log_gamma_ratio(delta + j, n - j) - log_gamma_ratio(gamma + delta + j, n - j)


@kernel
def _log_path(x, t_x, parameters):
    """Log probability of one order of x purchases at t_x opportunities, the last at t_x, and of living so long."""
    alpha, beta, gamma, delta = parameters
    bought = log_gamma_ratio(alpha, x) + log_gamma_ratio(beta, t_x - x) - log_gamma_ratio(alpha + beta, t_x)
    return bought + (log_gamma_ratio(delta, t_x) - log_gamma_ratio(gamma + delta, t_x))


@kernel
def log_likelihoods(start, stop, x, t_x, n, parameters, out):
    """Log-likelihood of each row."""
    alpha_beta_gamma_delta = (parameters[0], parameters[1], parameters[2], parameters[3])
    for row in range(start, stop):
        left, alive = _paths(x[row], t_x[row], n[row], alpha_beta_gamma_delta)
        out[row] = _log_path(x[row], t_x[row], alpha_beta_gamma_delta) + math.log(left + alive)


@kernel
def _step_back(j, x, parameters, total):
    """The sum of the weights from j on, relative to the path up to j, out of that from j + 1 on; with its derivatives.

    `total` holds the sum and its derivatives by the four parameters.
    """
    alpha, beta, gamma, delta = parameters
    rest, by_alpha, by_beta, by_gamma, by_delta = total
    buying, living = 1.0 / (alpha + beta + j), 1.0 / (gamma + delta + j)
    misses, stays, both = beta + j - x, delta + j, buying * living
    goes_on = misses * stays * both
    return (
        gamma * living + goes_on * rest,
        goes_on * (by_alpha - buying * rest),
        goes_on * (by_beta - buying * rest) + stays * both * rest,
        living * stays * living + goes_on * (by_gamma - living * rest),
        -gamma * living * living + goes_on * (by_delta - living * rest) + misses * both * rest,
    )


@kernel
def likelihood_sums(start, stop, size, x, t_x, n, weight, parameters, out):
    """Weighted log-likelihood of blocks of `size` rows, and its gradient by the logs of the parameters.

    Block b fills ``out[b]``; blocks are always the same, so that their sum is too. Rows of the same x and
    n that stand side by side with falling t_x share one run from n downwards: with a thousand
    opportunities that is a hundred times less work than a run for each.
    """
    alpha, beta, gamma, delta = parameters
    at_alpha, at_beta, at_both = digamma(alpha), digamma(beta), digamma(alpha + beta)
    at_delta, at_life = digamma(delta), digamma(gamma + delta)
    for block in range(start, stop):
        value, by_alpha, by_beta, by_gamma, by_delta = 0.0, 0.0, 0.0, 0.0, 0.0
        j, seen, of = -1.0, -1.0, -1.0
        total = (1.0, 0.0, 0.0, 0.0, 0.0)
        for row in range(block * size, min((block + 1) * size, len(x))):
            bought, last, w = x[row], t_x[row], weight[row]
            if bought != seen or n[row] != of or last > j:
                j, seen, of = n[row], bought, n[row]
                total = (1.0, 0.0, 0.0, 0.0, 0.0)
            while j > last:
                j -= 1.0
                total = _step_back(j, bought, (alpha, beta, gamma, delta), total)
            value += w * (_log_path(bought, last, (alpha, beta, gamma, delta)) + math.log(total[0]))
            both = digamma(alpha + beta + last) - at_both
            life = digamma(gamma + delta + last) - at_life
            by_alpha += w * (total[1] / total[0] + (digamma(alpha + bought) - at_alpha) - both)
            by_beta += w * (total[2] / total[0] + (digamma(beta + last - bought) - at_beta) - both)
            by_gamma += w * (total[3] / total[0] - life)
            by_delta += w * (total[4] / total[0] + (digamma(delta + last) - at_delta) - life)
        out[block, 0] = value
        out[block, 1], out[block, 2] = alpha * by_alpha, beta * by_beta
        out[block, 3], out[block, 4] = gamma * by_gamma, delta * by_delta


@kernel
def alive_probabilities(start, stop, x, t_x, n, parameters, after, out):
    """Chance of being alive at n + after; `after` is a whole number."""
    alpha_beta_gamma_delta = (parameters[0], parameters[1], parameters[2], parameters[3])
    gamma, delta = parameters[2], parameters[3]
    for row in range(start, stop):
        left, alive = _paths(x[row], t_x[row], n[row], alpha_beta_gamma_delta)
        share = alive / (left + alive)
        if after > 0.0:
            z = delta + n[row]
            share *= math.exp(log_gamma_ratio(z, after) - log_gamma_ratio(gamma + z, after))
        out[row] = share


@kernel
def survival_sums(start, stop, n, parameters, horizon, rate, out):
    """Sum over k = 1 ... horizon of P(alive at n + k | alive at n) e^(-rate k), for each n.

    `horizon` is a whole number or infinite; the sum may be infinite too.
    """
    for row in range(start, stop):
        out[row] = _survival_sum(parameters[3] + n[row], parameters[2], horizon, rate)


@kernel
def _survival_sum(z, gamma, horizon, rate):
    """The sum for a chance of leaving that is Beta(gamma, z); term k is G(z+k) G(z+gamma) / (G(z) G(z+gamma+k))."""
    if rate == 0.0 and horizon == np.inf:
        return z / (gamma - 1.0) if gamma > 1.0 else np.inf
    factor = math.exp(-rate)
    # The terms after term k are together less than term k times the smaller of these two, and (z + k) / (gamma - 1).
    longest = min(-1.0 / math.expm1(-rate), horizon) if rate > 0.0 else horizon
    total, term, k = 0.0, 1.0, 0.0
    while k < min(horizon, _DIRECT):
        term *= factor * (z + k) / (gamma + z + k)
        k += 1.0
        total += term
        if term * longest < _NEGLIGIBLE * total or term * (z + k) < _NEGLIGIBLE * total * (gamma - 1.0):
            return total
    return total if k >= horizon else total + term * _survival_tail(z + k, gamma, horizon - k, rate)


@kernel
def _survival_tail(z, gamma, horizon, rate):
    """As `_survival_sum`, by Euler and Maclaurin's formula: for a z so large that a term differs little from the next.

    The integral runs over panels that are even in log(z + k), where the terms are nearly exponential.
    """
    end = z + min(horizon, 50.0 / rate if rate > 0.0 else np.inf)
    width = min(0.5, 10.0 / (1.0 + gamma))
    at_zero = log_gamma_ratio(z, gamma)
    total, low, last = 0.0, math.log(z), math.log(end)
    while low < last:
        high = min(low + width, last)
        half = 0.5 * (high - low)
        for node in range(len(_NODES)):
            y = math.exp(low + half * (1.0 + _NODES[node]))
            term = math.exp(at_zero - log_gamma_ratio(y, gamma) - rate * (y - z))
            total += half * _NODE_WEIGHTS[node] * y * term
        low = high
    total += -0.5 + (rate + math.log1p(gamma / z)) / 12.0
    if horizon < np.inf:
        y = z + horizon
        term = math.exp(at_zero - log_gamma_ratio(y, gamma) - rate * horizon)
        total += term * (0.5 - (rate + math.log1p(gamma / y)) / 12.0)
    return total


@kernel
def expected_purchases(start, stop, x, t_x, n, parameters, sums, out):
    """Expected purchases after n; `sums` has the row's `survival_sums`."""
    alpha_beta_gamma_delta = (parameters[0], parameters[1], parameters[2], parameters[3])
    alpha, beta = parameters[0], parameters[1]
    for row in range(start, stop):
        left, alive = _paths(x[row], t_x[row], n[row], alpha_beta_gamma_delta)
        # Where nobody can be alive the sum over the living may be infinite all the same.
        share = alive / (left + alive)
        out[row] = share * (alpha + x[row]) / (alpha + beta + n[row]) * sums[row] if share > 0.0 else 0.0


@kernel
def _count_of_living(k, a, b, z, gamma, horizon):
    """P(k purchases at `horizon` opportunities) of somebody alive, with Beta(a, b) and Beta(gamma, z).

    Sums over the number of opportunities i that she lives to see; the logarithm of the scale is carried
    along, as the terms can rise from far below the smallest double.
    """
    scale = log_gamma_ratio(a, k) - log_gamma_ratio(a + b, k) + log_gamma_ratio(z, k) - log_gamma_ratio(gamma + z, k)
    total, term, i = 0.0, 1.0, k
    while i < horizon:
        total += term * gamma / (gamma + z + i)
        term *= (i + 1.0) * (b + i - k) * (z + i) / ((i + 1.0 - k) * (a + b + i) * (gamma + z + i))
        i += 1.0
        if term > 1e200:
            term, total, scale = term * 1e-200, total * 1e-200, scale + 460.51701859880916
    return math.exp(scale + math.log(total + term))


@kernel
def count_probabilities(start, stop, x, t_x, n, parameters, k, horizon, out):
    """P(k purchases at the `horizon` opportunities after n); both are whole numbers."""
    alpha_beta_gamma_delta = (parameters[0], parameters[1], parameters[2], parameters[3])
    alpha, beta, gamma, delta = alpha_beta_gamma_delta
    for row in range(start, stop):
        left, alive = _paths(x[row], t_x[row], n[row], alpha_beta_gamma_delta)
        total = left + alive
        out[row] = left / total if k == 0.0 else 0.0
        if k <= horizon and alive > 0.0:
            a, b = alpha + x[row], beta + n[row] - x[row]
            out[row] += alive / total * _count_of_living(k, a, b, delta + n[row], gamma, horizon)


@kernel
def posterior_means(start, stop, x, t_x, n, parameters, buying, leaving):
    """A customer's expected chance of a purchase while alive, and of leaving before an opportunity."""
    alpha, beta, gamma, delta = parameters
    for row in range(start, stop):
        total, alive = 0.0, 1.0
        buys, leaves = 0.0, 0.0
        j = t_x[row]
        while j < n[row] and alive >= _NEGLIGIBLE * total:
            living = 1.0 / (gamma + delta + j)
            weight = alive * gamma * living
            total += weight
            # Who left after j opportunities has seen j of them, and left once.
            buys += weight / (alpha + beta + j)
            leaves += weight * (gamma + 1.0) / (gamma + delta + j + 1.0)
            alive *= (beta + j - x[row]) / (alpha + beta + j) * (delta + j) * living
            j += 1.0
        buying[row] = (alpha + x[row]) * (buys + alive / (alpha + beta + j)) / (total + alive)
        leaving[row] = (leaves + alive * gamma / (gamma + delta + j)) / (total + alive)


@kernel
def simulate(start, stop, x, t_x, n, draws, horizon, rate, seeds, counts, discounted):
    """One future of each row for each draw of the parameters: purchases, and their sum of e^(-rate k)."""
    state = np.empty(1, np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        for draw in range(len(draws)):
            alpha, beta, gamma, delta = draws[draw, 0], draws[draw, 1], draws[draw, 2], draws[draw, 3]
            count, total = 0.0, 0.0
            left, alive = _paths(x[row], t_x[row], n[row], (alpha, beta, gamma, delta))
            if uniform(state) * (left + alive) < alive:
                count, total = _future(
                    state, alpha + x[row], beta + n[row] - x[row], gamma, delta + n[row], horizon, rate
                )
            counts[row, draw] = count
            discounted[row, draw] = total


@kernel
def _future(state, a, b, gamma, z, horizon, rate):
    """Purchases of somebody alive, and their discounted sum."""
    p, q = beta_variate(state, a, b)
    leaves, stays = beta_variate(state, gamma, z)
    end = min(horizon, geometric(state, leaves, stays))
    if rate > 0.0 and horizon == np.inf:
        end = min(end, 50.0 / rate)  # what comes later is worth nothing
    count, total = 0.0, 0.0
    place = 1.0 + geometric(state, p, q)
    while place <= end:
        count += 1.0
        total += math.exp(-rate * place)
        place += 1.0 + geometric(state, p, q)
    return count, total


@kernel
def sample(start, stop, n, parameters, seeds, x, t_x, alive, buying, leaving):
    """New customers observed for n opportunities: purchases, the last one, alive at n, own chances."""
    state = np.empty(1, np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        p, q = beta_variate(state, parameters[0], parameters[1])
        leaves, stays = beta_variate(state, parameters[2], parameters[3])
        lifetime = geometric(state, leaves, stays)
        end = min(n[row], lifetime)
        x[row], t_x[row] = 0.0, 0.0
        place = 1.0 + geometric(state, p, q)
        while place <= end:
            x[row] += 1.0
            t_x[row] = place
            place += 1.0 + geometric(state, p, q)
        alive[row] = 1.0 if lifetime >= n[row] else 0.0
        buying[row], leaving[row] = p, leaves
