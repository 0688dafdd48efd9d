"""How exact BG/NBD and MBG/NBD are at the edges: random extreme models and customers against 50 digits.

    python benchmarks/studies/exactness_beta_geo.py --cases 300 --seed 0

Each quantity is compared with the slow oracle of tests/value/oracle_beta_geo.py, quadratures of positive
integrals and sums of positive terms. Printed are, for each quantity and number of phases, the number of
cases, how many miss the demand (log-likelihoods 1e-8 of max(1, |LL|), predictions 1e-8 of their value
where that is above 1e-300), the largest error, and the worst case in full.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
import time
from collections import defaultdict
from pathlib import Path

import mpmath as mp
import numpy as np

from crmkit.value import BetaGeoNBD, ModifiedBetaGeoNBD
from crmkit.value._rows import Rows

_PATH = Path(__file__).parents[2] / "tests" / "value" / "oracle_beta_geo.py"
_SPEC = importlib.util.spec_from_file_location("oracle_beta_geo", _PATH)
oracle = importlib.util.module_from_spec(_SPEC)
sys.modules["oracle_beta_geo"] = oracle
_SPEC.loader.exec_module(oracle)

DEMAND = 1e-8


def ours(model, customer, horizon, delta):
    """Every quantity of one customer by the library, as functions to be called one by one."""
    estimator = (ModifiedBetaGeoNBD if model.modified else BetaGeoNBD)(regularity=model.k)
    estimator.regularity_ = model.k
    columns = [np.array([float(value)]) for value in (customer.x, customer.t_x, customer.T, 1.0, customer.log_gaps)]
    rows, parameters = Rows(*columns), np.array([model.r, model.alpha, model.a, model.b])
    return {
        "loglik": lambda: float((estimator._log_likelihood(rows, parameters) + estimator._constants(rows))[0]),
        "alive": lambda: estimator._alive(rows, parameters, 0.0)[0],
        "alive after": lambda: estimator._alive(rows, parameters, horizon)[0],
        "expected": lambda: estimator._expected(rows, parameters, horizon)[0],
        "P(0)": lambda: estimator._count_probability(rows, parameters, 0, horizon)[0],
        "P(3)": lambda: estimator._count_probability(rows, parameters, 3, horizon)[0],
        "P(40)": lambda: estimator._count_probability(rows, parameters, 40, horizon)[0],
        "purchase rate": lambda: estimator._rates(rows, parameters)["purchase_rate"][0],
        "dropout": lambda: estimator._rates(rows, parameters)["dropout_probability"][0],
        "discounted": lambda: estimator._discounted(rows, parameters, horizon, delta)[0],
        "residual": lambda: estimator._discounted(rows, parameters, np.inf, delta)[0],
    }


def exact(model, customer, horizon, delta, slow):
    """The same by the oracle; the discounted ones, a second each and more, only if `slow`."""
    found = {
        "loglik": lambda: oracle.log_likelihood(model, customer),
        "alive": lambda: oracle.alive(model, customer),
        "alive after": lambda: oracle.alive(model, customer, horizon),
        "expected": lambda: oracle.expected(model, customer, horizon),
        "P(0)": lambda: oracle.count_probability(model, customer, 0, horizon),
        "P(3)": lambda: oracle.count_probability(model, customer, 3, horizon),
        "P(40)": lambda: oracle.count_probability(model, customer, 40, horizon),
        "purchase rate": lambda: oracle.mean_rates(model, customer)[0],
        "dropout": lambda: oracle.mean_rates(model, customer)[1],
    }
    if slow:
        found["discounted"] = lambda: oracle.discounted(model, customer, horizon, delta)
        found["residual"] = lambda: oracle.discounted(model, customer, mp.inf, delta)
    return found


def error_of(name, mine, truth):
    """Relative error; of log-likelihoods above 1 in size, and 0 for what lies below all floats on both sides."""
    if not math.isfinite(mine):
        return math.inf
    if name == "loglik":
        return float(abs(mine - truth) / max(1, abs(truth)))
    if truth < mp.mpf("1e-300"):
        return 0.0 if mine < 1e-299 else math.inf
    return float(abs(mine - truth) / truth)


def campaign(seed, n, slow_every):
    errors, worst, seconds = defaultdict(list), {}, defaultdict(float)
    for number, case in enumerate(oracle.extreme_cases(seed, n)):
        mine = ours(*case)
        for name, function in exact(*case, slow=slow_every > 0 and number % slow_every == 0).items():
            begun = time.perf_counter()
            value = mine[name]()
            seconds[name, case[0].k] += time.perf_counter() - begun
            truth = function()
            error = error_of(name, value, truth)
            errors[name, case[0].k].append(error)
            if error >= max(errors[name, case[0].k]):
                worst[name, case[0].k] = (case, value, mp.nstr(truth, 17))
    return errors, worst, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow-every", type=int, default=10, help="discounted values for every so many cases; 0: none")
    options = parser.parse_args()
    errors, worst, seconds = campaign(options.seed, options.cases, options.slow_every)
    for key in sorted(errors):
        found = np.array(errors[key])
        missed = int((found > DEMAND).sum())
        print(
            f"{key[0]:14} k={key[1]} {len(found):5} cases {missed:4} missed  largest {found.max():.1e}  "
            f"median {np.median(found):.1e}  {1e6 * seconds[key] / len(found):8.0f} us"
        )
        if missed:
            case, value, truth = worst[key]
            print(f"    {case}\n    found {value!r}, exact {truth}")


if __name__ == "__main__":
    main()
