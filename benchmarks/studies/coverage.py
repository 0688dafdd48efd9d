"""Do the intervals of the purchase models hold what they promise? Simulated data sets, refitted one by one.

    python benchmarks/studies/coverage.py BetaGeoNBD --sets 1000

Each data set has as many customers as the CDNOW sample, observed as long as they were, and is drawn
from the model at its CDNOW estimates; the model is fitted to it, and its 90 % intervals for
parameters, expectations and outcomes of the next 39 weeks are compared with the truth. Printed: the
share of intervals that hold it, with its standard error.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.value import _purchase_model as base
from crmkit.value._rows import frozen

HORIZON, COVERAGE = 39.0, 0.9


def future(truth, rng):
    """What each customer really buys in the horizon, from what nobody sees."""
    purchases = truth["alive"] * truth["purchase_rate"] * HORIZON
    if "dropout_rate" in truth:
        lived = np.minimum(rng.exponential(size=len(truth)) / truth["dropout_rate"], HORIZON)
        return rng.poisson(purchases * lived / HORIZON).astype(float)
    # The purchase after which one drops out is geometric.
    last = rng.geometric(np.clip(truth["dropout_probability"], 1e-12, 1.0))
    return np.minimum(rng.poisson(purchases), np.where(truth["alive"] > 0, last, 0)).astype(float)


def inside(draws, truth):
    low, high = np.quantile(draws, [0.5 - COVERAGE / 2, 0.5 + COVERAGE / 2], axis=0)
    return (low <= truth) & (truth <= high)


def one(model, true, lengths, seed, n_draws):
    rng = np.random.default_rng(seed)
    truth = model.sample(len(lengths), lengths, rng)
    X = truth[["frequency", "recency", "T"]]
    bought = future(truth, rng)
    fitted = type(model)().fit(X)
    posterior = fitted.sample_posterior(n_draws, rng)
    found = dict(zip(posterior.names, inside(posterior.draws, true), strict=True))
    rows, _ = fitted._read(X)
    few, _ = rows.distinct()
    draws = frozen(posterior.draws)
    some = draws[:: max(1, n_draws // 100)]
    means = [few.weight @ fitted._expected(few, frozen(draw), HORIZON) for draw in some]
    found["expected total"] = inside(means, few.weight @ model._expected(few, true, HORIZON))
    new = fitted._new_customer()
    means = [fitted._expected(new, frozen(draw), HORIZON)[0] for draw in draws]
    found["expected, new customer"] = inside(means, model._expected(new, true, HORIZON)[0])
    seeds = frozen(rng.integers(2**63, size=len(rows), dtype=np.uint64))
    counts = fitted._futures(rows, draws, HORIZON, 0.0, seeds)[0]
    found["outcome total"] = inside(counts.sum(axis=0), bought.sum())
    low = np.quantile(counts, 0.5 - COVERAGE / 2, axis=1, method="lower")
    high = np.quantile(counts, 0.5 + COVERAGE / 2, axis=1, method="higher")
    found["outcome, each customer"] = ((low <= bought) & (bought <= high)).mean()
    below, at = (counts < bought[:, None]).mean(axis=1), (counts == bought[:, None]).mean(axis=1)
    pit = np.histogram(below + rng.random(len(rows)) * at, np.linspace(0, 1, 11))[0] / len(rows)
    return found, pit, posterior.pareto_k, fitted.converged_


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["BetaGeoNBD", "ModifiedBetaGeoNBD", "ParetoNBD"])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=400)
    options = parser.parse_args()
    import crmkit.value

    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    X = log.snapshot("1997-10-01")
    frame = X.summary()[["frequency", "recency", "T"]]
    model = getattr(crmkit.value, options.model)().fit(frame)
    true, lengths = model._fitted(), frame["T"].to_numpy()
    start, results, pits, ks, failed = time.perf_counter(), [], [], [], 0
    for seed in range(options.sets):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, pit, k, converged = one(model, true, lengths, seed, options.draws)
        results.append(found)
        pits.append(pit)
        ks.append(k)
        failed += not converged
    seconds = time.perf_counter() - start
    print(f"{options.model}: {options.sets} data sets of {len(lengths):,} customers, {seconds:.0f} s")
    untrusted = np.mean(np.array(ks) > 0.7)
    print(f"not converged: {failed}; Pareto k: median {np.median(ks):.2f}, above .7 in {untrusted:.1%}")
    for name in results[0]:
        shares = np.array([found[name] for found in results], dtype=float)
        print(f"{name:<26} {shares.mean():7.1%} +- {shares.std() / np.sqrt(len(shares)):.1%}")
    print("randomised PIT by tenths, of all customers:", np.round(np.mean(pits, axis=0), 4))
    print(f"prior: normal in the logarithms, standard deviation {base.PRIOR_SD}")


if __name__ == "__main__":
    main()
