"""Means and standard deviations of the posterior on CDNOW by a long Markov chain, to compare draws with.

    python benchmarks/studies/posterior.py BetaGeoNBD --steps 400000

Random-walk Metropolis on the logarithms of the parameters, with the step of Roberts, Gelman & Gilks
(1997), on the same density that `sample_posterior` draws from by importance weights.
"""

from __future__ import annotations

import argparse

import numpy as np

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.value._purchase_model import PRIOR_SD


def chain(model, steps, rng):
    rows = model._rows

    def log_density(theta):
        return model._sums(rows, model._natural(theta))[0] - 0.5 * float(theta @ theta) / PRIOR_SD**2

    k = len(model._theta)
    root = np.linalg.cholesky(np.linalg.inv(-model._information() + np.eye(k) / PRIOR_SD**2))
    theta, here = model._theta.copy(), log_density(model._theta)
    kept, accepted = np.empty((steps, k)), 0
    for step in range(steps):
        trial = theta + 2.38 / np.sqrt(k) * root @ rng.standard_normal(k)
        there = log_density(trial)
        if np.log(rng.random()) < there - here:
            theta, here, accepted = trial, there, accepted + 1
        kept[step] = theta
    return np.array([model._natural(theta) for theta in kept[steps // 20 :]]), accepted / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["BetaGeoNBD", "ModifiedBetaGeoNBD", "ParetoNBD"])
    parser.add_argument("--steps", type=int, default=400_000)
    parser.add_argument("--logs", action="store_true", help="of the logarithms of the parameters")
    options = parser.parse_args()
    import crmkit.value

    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    model = getattr(crmkit.value, options.model)().fit(log.snapshot("1997-10-01"))
    draws, accepted = chain(model, options.steps, np.random.default_rng(0))
    if options.logs:
        draws = np.log(draws)
    batches = draws[: len(draws) // 20 * 20].reshape(20, -1, draws.shape[1])
    print(f"{options.model}: {options.steps:,} steps, {accepted:.0%} accepted")
    print("mean", draws.mean(axis=0), "+-", batches.mean(axis=1).std(axis=0) / np.sqrt(20))
    print("sd  ", draws.std(axis=0), "+-", batches.std(axis=1).std(axis=0) / np.sqrt(20))
    posterior = model.sample_posterior(20_000, 0)
    weighed = np.log(posterior.draws) if options.logs else posterior.draws
    print("importance: mean", weighed.mean(axis=0), "sd", weighed.std(axis=0), "k", posterior.pareto_k)


if __name__ == "__main__":
    main()
