"""How exact Pareto/NBD is at the edges: random extreme models and customers against 50 digits.

    python benchmarks/studies/exactness_pareto.py --cases 300 --seed 0

Each quantity is compared with the slow oracle of tests/value/oracle_pareto.py, quadratures of positive
integrals. Printed are, for each quantity, the number of cases, how many miss the demand (log-likelihoods
1e-8 of max(1, |LL|), predictions 1e-8 of their value where that is above 1e-300), and the largest error
with the case that has it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections import defaultdict
from pathlib import Path

import mpmath as mp
import numpy as np

from crmkit.value import ParetoNBD
from crmkit.value._rows import Rows, frozen

_PATH = Path(__file__).parents[2] / "tests" / "value" / "oracle_pareto.py"
_SPEC = importlib.util.spec_from_file_location("oracle_pareto", _PATH)
oracle = importlib.util.module_from_spec(_SPEC)
sys.modules["oracle_pareto"] = oracle
_SPEC.loader.exec_module(oracle)

DEMAND = 1e-8


def pairs(customer, rng):
    """Name, what the library says and what is so, for every quantity of one customer."""
    model = ParetoNBD()
    columns = [frozen(np.array([value])) for value in (customer.x, customer.t_x, customer.T, 1.0)]
    rows = Rows(*columns)
    at = frozen(np.array([customer.r, customer.alpha, customer.s, customer.beta]))
    horizon, delta = 10 ** rng.uniform(-3, 4), 10 ** rng.uniform(-6, 3)
    n = int(10 ** rng.uniform(0, 3.5))
    # The count that is most likely, so that probabilities are not all next to nothing.
    usual = int(min((customer.r + customer.x) / (customer.alpha + customer.T) * horizon, 5000))
    found, exact = model._rates(rows, at), oracle.rates(customer)
    yield "log_likelihood", model._log_likelihood(rows, at), oracle.log_likelihood(customer)
    yield "alive_probability", model._alive(rows, at, 0.0), oracle.alive(customer, 0)
    yield "alive_probability later", model._alive(rows, at, horizon), oracle.alive(customer, horizon)
    yield "purchase_rate", found["purchase_rate"], exact[0]
    yield "dropout_rate", found["dropout_rate"], exact[1]
    yield "expected_purchases", model._expected(rows, at, horizon), oracle.discounted(customer, horizon, 0)
    yield (
        "discounted_purchases",
        model._discounted(rows, at, horizon, delta),
        oracle.discounted(customer, horizon, delta),
    )
    yield "residual_purchases", model._discounted(rows, at, np.inf, delta), oracle.discounted(customer, np.inf, delta)
    for count in (0, 1, n, usual):
        probability = model._count_probability(rows, at, count, horizon)
        yield "purchase_count_probability", probability, oracle.count(customer, count, horizon)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    begun, errors = time.perf_counter(), defaultdict(list)
    for _ in range(options.cases):
        customer = oracle.random_customer(rng)
        for name, found, exact in pairs(customer, rng):
            if name == "log_likelihood":
                size = max(mp.mpf(1), abs(exact))
            elif exact < mp.mpf("1e-300"):
                continue
            else:
                size = exact
            error = float(abs(mp.mpf(float(found[0])) - exact) / size)
            errors[name].append((error if np.isfinite(found[0]) else np.inf, customer))
    print(f"{options.cases} customers, seed {options.seed}, {time.perf_counter() - begun:.0f} s")
    for name, list_of in errors.items():
        missed = sum(error > DEMAND for error, _ in list_of)
        worst, customer = max(list_of, key=lambda pair: pair[0])
        print(f"{name:27} {len(list_of):5} cases  {missed} missed  largest error {worst:.1e}  {customer}")


if __name__ == "__main__":
    main()
