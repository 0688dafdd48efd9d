"""Draws from posteriors: against a long Markov chain, and the smoothing of weights against what is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

import crmkit.value
from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.value._posterior import importance_sample, smoothed_weights

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "posterior.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01")


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "source"])
def test_means_and_deviations_are_those_of_a_long_markov_chain(name, today):
    chain = {key: np.array(GOLDEN[name][key]) for key in ("mean", "mean_error", "sd")}
    posterior = getattr(crmkit.value, name)().fit(today).sample_posterior(4_000, random_state=1)
    draws = np.log(posterior.draws) if GOLDEN[name].get("logs") else posterior.draws
    # Four standard errors of both, the draws counting for half as many as they are.
    error = 4 * np.sqrt(chain["mean_error"] ** 2 + chain["sd"] ** 2 / 2_000)
    assert (np.abs(draws.mean(axis=0) - chain["mean"]) < error).all()
    assert draws.std(axis=0) == pytest.approx(chain["sd"], rel=0.08)
    assert posterior.pareto_k < 0.5


def test_a_seed_gives_the_same_draws_and_intervals(today):
    model = crmkit.value.BetaGeoNBD().fit(today)
    assert np.array_equal(model.sample_posterior(200, 3).draws, model.sample_posterior(200, 3).draws)
    interval = model.sample_posterior(200, 3).interval(0.5)
    assert list(interval) == ["r", "alpha", "a", "b"]
    assert interval["r"].low < interval["r"].value < interval["r"].high
    assert interval["r"].coverage == 0.5


def test_too_few_draws_are_refused(today):
    model = crmkit.value.BetaGeoNBD().fit(today)
    with pytest.raises(ParameterError, match="n_draws"):
        model.sample_posterior(10)


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.6])
def test_k_is_the_shape_of_the_tail(shape):
    # The shape of 948 tail values has a standard error of .05 at most; the mean of four is compared.
    samples = [stats.genpareto(shape).rvs(100_000, random_state=seed) + 1.0 for seed in range(4)]
    assert np.mean([smoothed_weights(np.log(weights))[1] for weights in samples]) == pytest.approx(shape, abs=0.08)


def test_smoothed_weights_add_up_and_keep_their_order():
    raw = np.random.default_rng(0).normal(0, 2, 1_000)
    weights, _ = smoothed_weights(raw)
    assert weights.sum() == pytest.approx(1.0)
    order = np.argsort(raw)
    assert (np.diff(weights[order]) >= 0).all()


def test_equal_weights_stay_equal():
    weights, k = smoothed_weights(np.zeros(500))
    assert weights == pytest.approx(np.full(500, 1 / 500))
    assert k == 0.0


def test_a_skewed_density_is_met():
    """The logarithm of a gamma variate of shape 2, mean psi(2) and variance psi'(2), beside a normal variate."""

    def density(theta):
        x, y = theta
        return 2 * x - np.exp(x) - 0.5 * y * y, np.array([2 - np.exp(x), -y])

    draws, k = importance_sample(
        density, np.array([np.log(2.0), 0.0]), np.diag([0.5, 1.0]), 20_000, np.random.default_rng(0)
    )
    assert draws.mean(axis=0) == pytest.approx([0.42278433, 0.0], abs=0.02)
    assert draws.var(axis=0) == pytest.approx([0.64493407, 1.0], rel=0.04)
    assert k < 0.3


def test_a_bent_ridge_is_followed():
    """Rosenbrock's banana: x is normal with variance 4, y is x * x plus a normal variate of variance .01."""

    def density(theta):
        x, y = theta
        off = y - x * x
        return -x * x / 8 - off * off / 0.02, np.array([-x / 4 + 2 * x * off / 0.01, -off / 0.01])

    draws, k = importance_sample(density, np.zeros(2), np.diag([4.0, 0.01]), 20_000, np.random.default_rng(0))
    assert draws[:, 0].var() == pytest.approx(4.0, rel=0.06)
    assert draws[:, 1].mean() == pytest.approx(4.0, rel=0.06)
    assert k < 0.5


def test_weights_that_rest_on_a_few_draws_are_said_so():
    """Across a straight ridge, a Cauchy density is far wider than the bell curve of its mode."""

    def density(theta):
        x, y = theta
        return -x * x / 2 - 4 * np.log1p(1e4 * y * y), np.array([-x, -8e4 * y / (1 + 1e4 * y * y)])

    _, k = importance_sample(density, np.zeros(2), np.diag([1.0, 1e-8]), 2_000, np.random.default_rng(0))
    assert k > 0.5


def test_an_untrusted_posterior_warns(today, monkeypatch):
    model = crmkit.value.BetaGeoNBD().fit(today)
    monkeypatch.setattr(
        "crmkit.value._purchase_model.importance_sample", lambda density, mode, *_: (np.tile(mode, (100, 1)), 0.9)
    )
    with pytest.warns(ConvergenceWarning, match="k = 0.90, above 0.7"):
        model.sample_posterior(100, 0)


def test_many_customers_have_the_density_of_all_though_some_are_asked(today):
    rng = np.random.default_rng(0)
    made = crmkit.value.BetaGeoNBD().fit(today).sample(90_000, rng.uniform(20, 60, 90_000), rng)
    model = crmkit.value.BetaGeoNBD().fit(made)
    assert len(model._rows) > 40_000

    def density(theta):
        return model._sums(model._rows, model._natural(theta))

    stand_in = model._density_of_some(density, model._theta, model._information(), 0.0)
    top, spread = density(model._theta)[0], np.sqrt(np.diag(np.linalg.inv(-model._information())))
    for _ in range(20):
        theta = model._theta + rng.normal(0, 2, 4) * spread
        assert stand_in(theta)[0] - top == pytest.approx(density(theta)[0] - top, rel=0.02, abs=0.05)
