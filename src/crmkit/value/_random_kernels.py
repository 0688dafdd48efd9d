"""Random numbers inside kernels, on a state that is a uint64 array of length one.

Every row of a simulation has a state of its own, whose seed is a hash of what the row contains. So a row's
draws depend neither on its place nor on the number of threads. The generator is SplitMix64 (Steele, Lea and
Flood, 2014), whose output is a good hash of any counter.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# The normal distribution in 256 layers of equal area (Marsaglia and Tsang, 2000): the edge of the last
# layer, from which the tail runs, and the area of each.
_TAIL, _AREA = 3.6541528853610088, 0.00492867323399


def _layers():
    edges = np.empty(257)
    edges[0], edges[1], edges[256] = _AREA / math.exp(-0.5 * _TAIL * _TAIL), _TAIL, 0.0
    for layer in range(2, 256):
        edges[layer] = math.sqrt(-2.0 * math.log(math.exp(-0.5 * edges[layer - 1] ** 2) + _AREA / edges[layer - 1]))
    return edges, np.exp(-0.5 * edges**2)


_EDGES, _HEIGHTS = _layers()
_STEPS = 2.0**-52 * _EDGES


@kernel
def mix(bits):
    """A hash of 64 bits: each bit of the result depends on all of them."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@kernel
def mixed_seed(seed, number):
    """The seed of the stream that has this number among those of a seed."""
    return mix(mix(np.uint64(seed) + _GOLDEN) ^ (np.uint64(number) + _GOLDEN))


@kernel
def row_seed(seed, a, b, c):
    """A seed from a seed and the bits of three floats; 0.0 and -0.0 are one number."""
    seed = mixed_seed(seed, np.float64(a + 0.0).view(np.uint64))
    seed = mixed_seed(seed, np.float64(b + 0.0).view(np.uint64))
    return mixed_seed(seed, np.float64(c + 0.0).view(np.uint64))


@kernel
def next_bits(state):
    """64 random bits."""
    state[0] += _GOLDEN
    return mix(state[0])


@kernel
def uniform(state):
    """Uniform in (0, 1): never 0 and never 1."""
    return (np.float64(next_bits(state) >> np.uint64(12)) + 0.5) * 2.220446049250313e-16


@kernel
def exponential(state):
    """Exponential with mean 1."""
    return -math.log(uniform(state))


@kernel
def normal(state):
    """Standard normal, by the ziggurat; the bits of layer, sign and place are distinct (Doornik, 2005).

    8 ns a draw with the rare part in a function of its own, 16 with it in place, 21 by the polar method.
    """
    while True:
        bits = next_bits(state)
        layer = bits & np.uint64(255)
        place = np.float64(bits >> np.uint64(12)) * _STEPS[layer]
        if place >= _EDGES[layer + np.uint64(1)]:
            place = _outside(state, layer, place)
            if place < 0.0:
                continue
        return -place if bits & np.uint64(256) else place


@kernel
def _outside(state, layer, place):
    """A place outside the part of a layer that is all below the curve, or in the tail; -1 if above the curve."""
    if layer == 0:
        place = exponential(state) / _TAIL
        while 2.0 * exponential(state) < place * place:
            place = exponential(state) / _TAIL
        return place + _TAIL
    low, high = _HEIGHTS[layer], _HEIGHTS[layer + np.uint64(1)]
    return place if low + uniform(state) * (high - low) < math.exp(-0.5 * place * place) else -1.0


@kernel
def _gamma_from_one(state, shape):
    """Gamma variate for a shape of at least 1 (Marsaglia and Tsang, 2000)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            u = uniform(state)
            x *= x
            if u < 1.0 - 0.0331 * x * x or math.log(u) < 0.5 * x + d * (1.0 - v + math.log(v)):
                return d * v


@kernel
def gamma(state, shape):
    """Gamma variate with scale 1; not a number unless 0 < shape < inf."""
    if not 0.0 < shape < np.inf:
        return np.nan
    if shape >= 1.0:
        return _gamma_from_one(state, shape)
    return math.exp(log_gamma_variate(state, shape))


@kernel
def log_gamma_variate(state, shape):
    """The logarithm of a gamma variate with scale 1: finite where the variate itself underflows."""
    if not 0.0 < shape < np.inf:
        return np.nan
    if shape >= 1.0:
        return math.log(_gamma_from_one(state, shape))
    # A variate of shape + 1, times a uniform to the power 1 / shape.
    return math.log(_gamma_from_one(state, shape + 1.0)) - exponential(state) / shape


@kernel
def beta(state, a, b):
    """Beta variate p together with 1 - p, each with its own full precision."""
    if a >= 1.0 and b >= 1.0:
        x, y = gamma(state, a), gamma(state, b)
        return x / (x + y), y / (x + y)
    odds = log_gamma_variate(state, a) - log_gamma_variate(state, b)
    small = math.exp(-abs(odds))
    large, small = 1.0 / (1.0 + small), small / (1.0 + small)
    return (large, small) if odds > 0.0 else (small, large)


@kernel
def poisson(state, mean):
    """Poisson variate as an int64, for means up to 1e15; -1 for others and for those that are no number."""
    if not 0.0 <= mean <= 1e15:
        return np.int64(-1)
    if mean >= 10.0:
        return _poisson_from_ten(state, mean)
    # Arrivals until time is up, as a product of uniforms.
    limit, product, count = math.exp(-mean), uniform(state), np.int64(0)
    while product > limit:
        product *= uniform(state)
        count += 1
    return count


@kernel
def _poisson_from_ten(state, mean):
    """Poisson variate by transformed rejection (Hormann, 1993: PTRS)."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        us = 0.5 - abs(u)
        k = np.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return np.int64(k)
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= _log_poisson(k, mean):
            return np.int64(k)


@kernel
def _log_poisson(k, mean):
    """Log probability of k, without the cancellation of k log(mean) - mean - lgamma(k + 1)."""
    if k < 10.0:
        return k * math.log(mean) - mean - math.lgamma(k + 1.0)
    # Stirling's series; with d = (k - mean) / mean the rest is mean ((1 + d) log(1 + d) - d).
    d = (k - mean) / mean
    deviance = mean * ((1.0 + d) * math.log1p(d) - d)
    square = 1.0 / (k * k)
    series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / k
    return -deviance - series - 0.5 * math.log(6.283185307179586 * k)


@kernel
def geometric(state, p, q):
    """Failures before the first success, as a float; p is the chance of success and q is 1 - p.

    Infinite without success (p = 0), and where the number does not fit.
    """
    if not (p > 0.0 and q > 0.0):
        return 0.0 if p > 0.0 else np.inf
    return np.floor(exponential(state) / -(math.log1p(-p) if p < 0.5 else math.log(q)))


@kernel
def fill_row_seeds(start, stop, a, b, c, seed, seeds):
    """A seed for each row of three columns."""
    for row in range(start, stop):
        seeds[row] = row_seed(seed, a[row], b[row], c[row])


@kernel
def number_equal(sorted_seeds, out):
    """A seed of its own for each of several equal ones: mixed with its number among them."""
    number = 0
    for row in range(len(sorted_seeds)):
        number = number + 1 if row > 0 and sorted_seeds[row] == sorted_seeds[row - 1] else 0
        out[row] = mixed_seed(sorted_seeds[row], number)
