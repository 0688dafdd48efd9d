"""Kernels of the BG/NBD family: BG/NBD and MBG/NBD, with Erlang-k times between purchases.

While alive a customer buys at times whose gaps are the sum of k exponentials of rate lambda; lambda
follows Gamma(r, alpha) over the customers. After each repeat purchase, and in the modified model
(``at_zero = 1``) after the first one too, the customer drops out with probability p ~ Beta(a, b).
With R = r + k x, A = alpha + T, c = b + x + at_zero the likelihood of a row is

    G(R)/G(r) alpha^r B(a, c)/B(a, b) A^-R { sum_j (R)_j/j! u^j  +  a/(c - 1) (A/(alpha + t_x))^R }

with u = (T - t_x)/A and j = 0 ... k - 1 the phases passed since the last purchase: the first term is
that of being alive, the second that of having dropped out at t_x, which needs x > 0 or at_zero
(Platzer & Reutterer 2016; Fader, Hardie & Lee 2005, eq. 6, for k = 1). Every term is positive.

`parameters` is (r, alpha, a, b). Given that the customer lives, lambda ~ Gamma(R + j, A) in phase j
and p ~ Beta(a, c), independently; predictions are sums over the phases passed within the horizon.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._random_kernels import beta, exponential, gamma, geometric, poisson, uniform
from crmkit.value._special_kernels import digamma, log_add, log_beta, log_gamma_ratio, negative_binomial_tail

#: Rows whose log-likelihoods are added up before the sums are: fixed, so that any number of threads
#: gives the same bits.
BLOCK = 4096

# Sums over purchases are taken term by term up to here. What lies beyond is an integral over p for k = 1
# (10 us; a term takes 10 ns), else one over the number of purchases, exact to 1e-11 where terms change
# as slowly as they do there.
_TERMS = 512
_TERMS_OF_PHASES = 16_384

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


@kernel
def _phases(R, u, k):
    """Sum over the phases j < k of (R)_j / j! u^j, and its derivatives by R and by log u."""
    total, by_R, by_u = 1.0, 0.0, 0.0
    term, slope = 1.0, 0.0
    for j in range(1, k):
        slope += 1.0 / (R + j - 1.0)
        term *= (R + j - 1.0) * u / j
        total += term
        by_R += term * slope
        by_u += term * j
    return total, by_R, by_u


@kernel
def _log_odds_of_death(x, t_x, T, r, alpha, a, b, k, at_zero):
    """Log of the second term of the likelihood over the first factor of the sum."""
    if x == 0.0 and at_zero == 0:
        return -np.inf
    R = r + k * x
    return math.log(a) - math.log(b + x + at_zero - 1.0) + R * math.log1p((T - t_x) / (alpha + t_x))


@kernel
def log_likelihood(start, stop, x, t_x, T, parameters, k, at_zero, out):
    """Log-likelihood of each row, without the factor of the gaps, which no parameter enters."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        R, n = r + k * x[row], x[row] + at_zero
        alive = math.log(_phases(R, (T[row] - t_x[row]) / (alpha + T[row]), k)[0])
        dead = _log_odds_of_death(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        out[row] = (
            log_gamma_ratio(r, k * x[row])
            - k * x[row] * math.log(alpha + T[row])
            - r * math.log1p(T[row] / alpha)
            + log_gamma_ratio(b, n)
            - log_gamma_ratio(a + b, n)
            + log_add(alive, dead)
        )


@kernel
def sums(start, stop, x, t_x, T, weight, parameters, k, at_zero, out):
    """Weighted log-likelihood of each block of rows and its gradient by the logarithms of the parameters.

    Rows come ordered by x: what depends on x alone is worked out when it changes.
    """
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    log_alpha = math.log(alpha)
    for block in range(start, stop):
        seen = -1.0
        value, by_r, by_alpha, by_a, by_b = 0.0, 0.0, 0.0, 0.0, 0.0
        gammas, psi_r, psi_b, psi_ab, log_leaving = 0.0, 0.0, 0.0, 0.0, 0.0
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(x))):
            n = x[row] + at_zero
            R = r + k * x[row]
            c = b + n
            if x[row] != seen:
                seen = x[row]
                gammas = log_gamma_ratio(r, k * seen) + log_gamma_ratio(b, n) - log_gamma_ratio(a + b, n)
                psi_r = digamma(R) - digamma(r)
                psi_b = digamma(c) - digamma(b)
                psi_ab = digamma(a + b) - digamma(a + c)
                log_leaving = math.log(a) - math.log(c - 1.0) if n > 0.0 else 0.0
            A = alpha + T[row]
            gap = T[row] - t_x[row]
            # Differences of logarithms here, log1p in `log_likelihood`: fewer of them, and 1e-12 is enough.
            log_A = math.log(A)
            log_u = log_A - log_alpha
            phases, phases_R, phases_u, top = 1.0, 0.0, 0.0, 0.0
            if k > 1:
                phases, phases_R, phases_u = _phases(R, gap / A, k)
                top = math.log(phases)
            dead, stretch = 0.0, 0.0
            if n > 0.0:
                stretch = log_A - math.log(alpha + t_x[row])
                odds = log_leaving + R * stretch - top
                small = math.exp(-abs(odds))
                dead = (1.0 if odds > 0.0 else small) / (1.0 + small)
                top += max(odds, 0.0) + math.log1p(small)
            alive = 1.0 - dead
            w = weight[row]
            value += w * (gammas - k * x[row] * log_A - r * log_u + top)
            by_r += w * (psi_r - log_u + alive * phases_R / phases + dead * stretch)
            by_alpha += w * (
                r * T[row] / (alpha * A)
                - k * x[row] / A
                - alive * phases_u / (phases * A)
                - dead * R * gap / (A * (alpha + t_x[row]))
            )
            by_a += w * (psi_ab + dead / a)
            by_b += w * (psi_b + psi_ab - (dead / (c - 1.0) if n > 0.0 else 0.0))
        out[block, 0] = value
        out[block, 1] = by_r * r
        out[block, 2] = by_alpha * alpha
        out[block, 3] = by_a * a
        out[block, 4] = by_b * b


@kernel
def _alive(x, t_x, T, r, alpha, a, b, k, at_zero):
    """P(alive at T) of a row."""
    dead = _log_odds_of_death(x, t_x, T, r, alpha, a, b, k, at_zero)
    if dead == -np.inf:
        return 1.0
    phases = math.log(_phases(r + k * x, (T - t_x) / (alpha + T), k)[0])
    return math.exp(phases - log_add(phases, dead))


@kernel
def _survival(a, c, m):
    """E[(1 - p)^m] for p ~ Beta(a, c)."""
    # Both forms are the same; the one with the smaller argument has the smaller terms and loses less.
    if a < m:
        return math.exp(log_gamma_ratio(c, a) - log_gamma_ratio(c + m, a))
    return math.exp(log_gamma_ratio(c, m) - log_gamma_ratio(a + c, m))


@kernel
def _phases_between(R, odds, first, last):
    """P(first <= N <= last) of a negative binomial count N, as a sum of its terms; real `first`."""
    log_term = (
        -log_beta(R, first) - math.log(first) - R * math.log1p(odds) - first * math.log1p(1.0 / odds)
        if first > 0.0
        else -R * math.log1p(odds)
    )
    term = math.exp(log_term)
    total, x, n = 0.0, odds / (1.0 + odds), first
    while n <= last:
        total += term
        term *= (R + n) / (n + 1.0) * x
        n += 1.0
    return total


@kernel
def _living_on(R, odds, a, c, k, j, future):
    """What a living customer in phase j will do: N more phases pass, M = (N + j) // k purchases if nothing ends.

    For ``future = 0`` the expected purchases before dropping out, E sum_{m=1}^M (1-p)^(m-1); for
    ``future = 1`` the chance to outlive them, E (1-p)^M. N is negative binomial: a Poisson count whose
    mean is `odds` times a Gamma(R) variate; p ~ Beta(a, c).
    """
    if odds == 0.0:
        return 0.0 if future == 0 else 1.0
    mean = R * odds
    # N lies within nine standard deviations and forty e-folds of its geometric tail.
    highest = mean + 9.0 * math.sqrt(mean * (1.0 + odds)) + 40.0 * (1.0 + odds) + k
    if k == 1 and highest > _TERMS:
        return _mean_over_p(R, odds, a, c, future, 0.0)
    return _sum_over_phases(R, odds, a, c, k, j, future, highest)


@kernel
def _sum_over_phases(R, odds, a, c, k, j, future, highest):
    """`_living_on`, phase by phase."""
    x, mean = odds / (1.0 + odds), R * odds
    last = int(min(highest, k * _TERMS_OF_PHASES - j - 1.0))  # the end of a purchase's phases
    # Terms may be below all floats before they grow: they are kept times exp(-offset). What survives may
    # fall below them too while the probabilities of n rise, so for ``future = 1`` a term is their product.
    offset = -R * math.log1p(odds)
    term, total = 1.0, 0.0
    survives, expected, bought, left = 1.0, 0.0, 0, k - j
    n = 0
    while n <= last:
        total += term * expected if future == 0 else term
        term *= (R + n) / (n + 1.0) * x
        n += 1
        left -= 1
        if left == 0:
            left = k
            share = (c + bought) / (a + c + bought)
            if future == 0:
                expected += survives
                survives *= share
            else:
                term *= share
            bought += 1
        if term > 1e250:
            term *= 1e-250
            total *= 1e-250
            offset += 575.6462732485115
        if n > mean and term * (bought + 1.0) < 1e-18 * total:
            break
    # In two steps, for the first may be below all floats where the total is above them.
    total *= math.exp(0.5 * offset)
    total *= math.exp(0.5 * offset)
    if n <= last or n > highest:
        return total
    if future == 0:
        total += expected * negative_binomial_tail(float(n), R, odds)
    # From the next purchase on the sum is an integral, on panels that grow with the count but do not
    # outgrow the spread of N.
    low = bought + 0.5 - future
    spread = 2.0 * math.sqrt(mean * (1.0 + odds)) / k
    while True:
        width, part = min(0.5 * low, spread), 0.0
        for node in range(len(_NODES)):
            part += width * _WEIGHTS[node] * _far_term(R, odds, a, c, k, j, future, low + width * _NODES[node])
        total += part
        low += width
        if (part < 1e-17 * total and low * k > mean) or low > 1e300:
            return total


@kernel
def _far_term(R, odds, a, c, k, j, future, m):
    """Term m of the sums over purchases, for real m."""
    if future == 0:
        return _survival(a, c, m - 1.0) * negative_binomial_tail(m * k - j, R, odds)
    return _survival(a, c, m) * _phases_between(R, odds, m * k - j, m * k - j + k - 0.5)


@kernel
def _log_of_p(R, odds, future, scaled_rate, p):
    """Log of what a customer with chance p will do; see `_mean_over_p`."""
    if future == 0:
        return math.log(-math.expm1(-R * math.log1p(p * odds))) - math.log(p)
    if future == 1:
        return -R * math.log1p(p * odds)
    return math.log(_discounted_rate(R, scaled_rate, p))


@kernel
def _mean_over_p(R, odds, a, c, future, scaled_rate):
    """Mean over p ~ Beta(a, c) of what `_living_on` sums, for k = 1; for ``future = 2`` of `_discounted_rate`.

    The trapezoid rule in logit p: the integrand is analytic and its tails are geometric, so the rule
    converges faster than any power of its step and the tails are closed by their ratio.
    """
    centre = _mode_of_logit(R, odds, a, c, future)
    p = 1.0 / (1.0 + math.exp(-centre))
    h = min(0.3, 0.6 / math.sqrt(1e-300 + (a + c + R) * p * (1.0 - p)))
    log_norm = log_beta(a, c)
    total = 0.0
    for side in range(2):
        step = h if side == 0 else -h
        v = centre if side == 0 else centre - h
        before, ratio_before = 0.0, -1.0
        for _ in range(200_000):
            # Both p and 1 - p without a difference.
            log_p = -math.log1p(math.exp(-v)) if v > -700.0 else v
            log_q = -math.log1p(math.exp(v)) if v < 700.0 else -v
            p = math.exp(log_p)
            if p < 1e-290:
                break
            value = math.exp(a * log_p + c * log_q - log_norm + _log_of_p(R, odds, future, scaled_rate, p))
            total += value
            ratio = value / before if before > 0.0 else -1.0
            if ratio < 1.0 and value < 1e-18 * total:
                break
            if 0.0 < ratio < 1.0 and abs(ratio - ratio_before) < 1e-15 * (2.0 - ratio) and abs(v) > 30.0:
                total += value * ratio / (1.0 - ratio)
                break
            before, ratio_before = value, ratio
            v += step
    return total * h


@kernel
def _mode_of_logit(R, odds, a, c, future):
    """Where the integrand over logit p is largest, or near it."""
    low, high = -690.0, 690.0
    for _ in range(60):
        v = 0.5 * (low + high)
        p, q = 1.0 / (1.0 + math.exp(-v)), 1.0 / (1.0 + math.exp(v))
        slope = a * q - c * p
        if future == 1:
            slope -= R * odds * p * q / (1.0 + p * odds)
        if slope > 0.0:
            low = v
        else:
            high = v
    return 0.5 * (low + high)


@kernel
def _discounted_rate(R, scaled_rate, p):
    """int_0^inf e^(-z s) R (1 + p s)^-(R+1) ds for z = `scaled_rate`: purchases for ever, discounted.

    It is (R/p) e^w E_{R+1}(w) at w = z/p, by the continued fraction of the exponential integral (DLMF
    8.19.17) or, where that is slow, on doubling panels.
    """
    w, n = scaled_rate / p, R + 1.0
    if w > 0.1:
        lentz = w + n
        c, d = 1e300, 1.0 / lentz
        value = d
        for i in range(1, 10_000):
            step = -i * (n - 1.0 + i)
            lentz += 2.0
            d = 1.0 / (step * d + lentz)
            c = lentz + step / c
            value *= c * d
            if abs(c * d - 1.0) < 1e-16:
                break
        return R / p * value
    low, width, total = 0.0, min(1.0, 2.0 / n), 0.0
    while True:
        part = 0.0
        for node in range(len(_NODES)):
            s = low + width * _NODES[node]
            part += _WEIGHTS[node] * math.exp(-w * s - n * math.log1p(s))
        total += part * width
        low += width
        width = low
        if part * width < 1e-17 * total:
            return R / p * total


@kernel
def alive(start, stop, x, t_x, T, parameters, k, at_zero, after, out):
    """P(alive at T + after) of each row."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        now = _alive(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        if after > 0.0:
            now *= _over_phases(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero, after, 1)
        out[row] = now


@kernel
def _over_phases(x, t_x, T, r, alpha, a, b, k, at_zero, horizon, future):
    """`_living_on` of a living customer, averaged over the phases that may have passed since t_x."""
    R, A, c = r + k * x, alpha + T, b + x + at_zero
    odds = horizon / A
    if k == 1:
        return _living_on(R, odds, a, c, 1, 0, future)
    u = (T - t_x) / A
    term, weight, total = 1.0, 0.0, 0.0
    for j in range(k):
        if j > 0:
            term *= (R + j - 1.0) * u / j
        weight += term
        if term > 0.0:
            total += term * _living_on(R + j, odds, a, c, k, j, future)
    return total / weight


@kernel
def expected(start, stop, x, t_x, T, parameters, k, at_zero, horizon, out):
    """Expected purchases of each row in (T, T + horizon]."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        now = _alive(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        out[row] = now * _over_phases(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero, horizon, 0)


@kernel
def discounted(start, stop, x, t_x, T, parameters, k, at_zero, horizon, delta, out):
    """Expected sum of e^(-delta s) over the purchases of each row at T + s, s <= horizon (or infinity).

    With E(s) the purchases expected until T + s it is e^(-delta h) E(h) + delta int_0^h e^(-delta s) E(s) ds:
    positive throughout. Infinite horizons need no integral over s.
    """
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        R, A, c = r + k * x[row], alpha + T[row], b + x[row] + at_zero
        now = _alive(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        if horizon == np.inf:
            if k == 1:
                out[row] = now * _mean_over_p(R, 0.0, a, c, 2, delta * A)
            else:
                out[row] = now * _for_ever_in_phases(R, A, (T[row] - t_x[row]) / A, delta, a, c, k)
            continue
        end = min(horizon, 45.0 / delta)
        total = math.exp(-delta * end) * _over_phases(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero, end, 0)
        low, width = 0.0, A * min(0.5, 4.0 / R)
        while low < end:
            high = min(low + min(width, 4.0 / delta), end)
            for node in range(len(_NODES)):
                s = low + (high - low) * _NODES[node]
                seen = _over_phases(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero, s, 0)
                total += (high - low) * _WEIGHTS[node] * delta * math.exp(-delta * s) * seen
            low = high
            width = max(width, low)
        out[row] = now * total


@kernel
def _for_ever_in_phases(R, A, u, delta, a, c, k):
    """All purchases to come of a living customer, discounted: a mean over lambda of a mean over p.

    A phase is worth g = lambda / (lambda + delta) of the next, so in phase j purchases are worth
    g^(k-j) / (1 - (1 - p) g^k). Trapezoids in log lambda and in logit p, as in `_mean_over_p`; the
    nodes of p serve all lambda.
    """
    p, share = _nodes_of_p(a, c)
    h = min(0.2, 0.5 / math.sqrt(R + k))
    centre = math.log((R + 0.5) / A)
    log_norm = math.lgamma(R)
    total, weight = 0.0, _phases(R, u, k)[0]
    for side in range(2):
        step = h if side == 0 else -h
        v = centre if side == 0 else centre - h
        before = np.inf
        while True:
            rate = math.exp(v)
            log_g = -math.log1p(delta / rate)
            value, log_term = 0.0, 0.0
            for j in range(k):
                if j > 0:
                    # The phase's weight and its density of lambda: u^j (A lambda)^j / j!.
                    log_term += math.log(u * A / j) + v if u > 0.0 else -np.inf
                value += math.exp(R * (v + math.log(A)) - A * rate - log_norm + log_term + (k - j) * log_g)
            lost, mean = -math.expm1(k * log_g), 0.0
            for node in range(len(p)):
                mean += share[node] / (lost + p[node] * (1.0 - lost))
            value *= mean
            total += value
            if value < 1e-18 * total and value <= before:
                break
            if total == 0.0 and abs(v - centre) > 1e3:
                break
            before = value
            v += step
    return total * h / weight


@kernel
def _nodes_of_p(a, c):
    """Nodes of p ~ Beta(a, c) in logit p and their shares; the tails, where nothing changes, in the last ones."""
    h = min(0.3, 0.6 / math.sqrt(a * c / (a + c)))
    centre = math.log(a / c)
    log_norm = log_beta(a, c)
    top = -a * math.log1p(math.exp(-centre)) - c * math.log1p(math.exp(centre))
    before, after = 0, 0
    for side in range(2):
        v, steps = centre, 0
        while -90.0 < v < 45.0 and -a * math.log1p(math.exp(-v)) - c * math.log1p(math.exp(v)) > top - 44.0:
            v += h if side == 1 else -h
            steps += 1
        if side == 0:
            before = steps
        else:
            after = steps
    p, share = np.empty(before + after + 1), np.empty(before + after + 1)
    for node in range(len(p)):
        v = centre + (node - before) * h
        log_p = -math.log1p(math.exp(-v))
        p[node] = math.exp(log_p)
        share[node] = h * math.exp(a * log_p - c * math.log1p(math.exp(v)) - log_norm)
    # Geometric series of what is beyond both ends.
    share[0] /= -math.expm1(-a * h)
    share[-1] /= -math.expm1(-c * h)
    return p, share


@kernel
def count_probability(start, stop, x, t_x, T, parameters, k, at_zero, n, horizon, out):
    """P(n purchases of each row in (T, T + horizon])."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        R, A, c = r + k * x[row], alpha + T[row], b + x[row] + at_zero
        u, odds = (T[row] - t_x[row]) / A, horizon / A
        term, weight, total = 1.0, 0.0, 0.0
        for j in range(k):
            if j > 0:
                term *= (R + j - 1.0) * u / j
            weight += term
            if term == 0.0:
                continue
            if n == 0:
                part = _phases_between(R + j, odds, 0.0, k - j - 0.5)
            else:
                first = float(n * k - j)
                part = _survival(a, c, float(n)) * _phases_between(R + j, odds, first, first + k - 0.5)
                dies = _survival(a, c, n - 1.0) * a / (a + c + n - 1.0)
                part += dies * negative_binomial_tail(first, R + j, odds)
            total += term * part
        now = _alive(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        out[row] = now * total / weight
        if n == 0:
            dead = _log_odds_of_death(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
            if dead > -np.inf:
                out[row] += math.exp(dead - log_add(math.log(_phases(R, u, k)[0]), dead))


@kernel
def rates(start, stop, x, t_x, T, parameters, k, at_zero, purchase_rate, dropout_probability):
    """Posterior means of each row's own lambda / k and p, over its being alive or not."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    for row in range(start, stop):
        R, A, c = r + k * x[row], alpha + T[row], b + x[row] + at_zero
        total, _, phases = _phases(R, (T[row] - t_x[row]) / A, k)
        now = _alive(x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero)
        purchase_rate[row] = (now * (R + phases / total) / A + (1.0 - now) * R / (alpha + t_x[row])) / k
        dropout_probability[row] = (now * a + (1.0 - now) * (a + 1.0)) / (a + c)


@kernel
def _phase_of(state, R, u, k):
    """A phase drawn from those that may have passed since the last purchase."""
    if k == 1:
        return 0
    left = uniform(state) * _phases(R, u, k)[0]
    term = 1.0
    for j in range(k):
        if j > 0:
            term *= (R + j - 1.0) * u / j
        left -= term
        if left < 0.0:
            return j
    return k - 1


@kernel
def simulate(start, stop, x, t_x, T, draws, k, at_zero, horizon, delta, seeds, counts, discounted):
    """One future of each row for each draw of the parameters: purchases in the horizon, and their discounted sum."""
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        for draw in range(draws.shape[0]):
            r, alpha, a, b = draws[draw, 0], draws[draw, 1], draws[draw, 2], draws[draw, 3]
            counts[row, draw] = 0.0
            discounted[row, draw] = 0.0
            if not _lives(state, x[row], t_x[row], T[row], r, alpha, a, b, k, at_zero):
                continue
            R, A = r + k * x[row], alpha + T[row]
            j = _phase_of(state, R, (T[row] - t_x[row]) / A, k)
            mean_gap = A / gamma(state, R + j)
            c = b + x[row] + at_zero
            if delta == 0.0:
                counts[row, draw] = _number_bought(state, mean_gap, a, c, k, j, horizon)
                discounted[row, draw] = counts[row, draw]
            else:
                p, _ = beta(state, a, c)
                counts[row, draw], discounted[row, draw] = _buy_until(state, mean_gap, p, k, j, horizon, delta)


@kernel
def _lives(state, x, t_x, T, r, alpha, a, b, k, at_zero):
    """Whether a customer is alive, drawn. For k = 1 from the odds: a third of the time of `_alive`."""
    n = x + at_zero
    if n == 0.0:
        return True
    if k > 1:
        return uniform(state) <= _alive(x, t_x, T, r, alpha, a, b, k, at_zero)
    odds = a / (b + n - 1.0) * math.exp((r + x) * math.log1p((T - t_x) / (alpha + t_x)))
    return uniform(state) * (1.0 + odds) <= 1.0


@kernel
def _number_bought(state, mean_gap, a, c, k, j, horizon):
    """The number alone: the phases that pass, and the purchase after which one drops out.

    Few purchases are drawn one by one as from Polya's urn, in which each that is survived counts for the
    next, so no beta variate is drawn: the simulation takes half the time.
    """
    mean = horizon / mean_gap
    most = np.floor((np.float64(poisson(state, mean)) + j) / k) if mean <= 1e15 else 1e15
    if most <= 64.0:
        bought = 0.0
        while bought < most:
            bought += 1.0
            if uniform(state) * (a + c + bought - 1.0) < a:
                break
        return bought
    p, q = beta(state, a, c)
    return min(geometric(state, p, q) + 1.0, most)


@kernel
def _buy_until(state, mean_gap, p, k, j, horizon, delta):
    """Purchases of one living customer until the horizon or dropping out: their number and discounted sum."""
    s, bought, value = 0.0, 0.0, 0.0
    while True:
        for _ in range(j, k):
            s += mean_gap * exponential(state)
        j = 0
        if not s <= horizon:
            return bought, value
        bought += 1.0
        value += math.exp(-delta * s)
        if uniform(state) < p:
            return bought, value


@kernel
def sample(start, stop, T, parameters, k, at_zero, seeds, out):
    """New customers observed for T: purchases, time of the last, log gaps, alive, lambda / k and p."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        rate = gamma(state, r) / alpha
        p, _ = beta(state, a, b)
        lives = at_zero == 0 or uniform(state) >= p
        bought, last, log_gaps = 0.0, 0.0, 0.0
        while lives and rate > 0.0:
            gap = 0.0
            for _ in range(k):
                gap += exponential(state) / rate
            if last + gap > T[row]:
                break
            bought += 1.0
            last += gap
            log_gaps += math.log(gap)
            lives = uniform(state) >= p
        out[0, row] = bought
        out[1, row] = last
        out[2, row] = log_gaps
        out[3, row] = 1.0 if lives else 0.0
        out[4, row] = rate / k
        out[5, row] = p
