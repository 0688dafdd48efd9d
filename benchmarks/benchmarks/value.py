"""Speed of the purchase, contract and spend models, and of customer value; log-likelihoods that must not move."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from crmkit import EventLog, value
from crmkit.datasets import load_cdnow, make_purchases

HORIZON = 26.0


def purchase_log(n_customers, model="bg_nbd"):
    """The first nine months of new customers, who buy as those of CDNOW."""
    frame, _ = make_purchases(n_customers, model=model, span="39W", acquisition="13W", random_state=0)
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2023-10-01")


def donations(n_customers):
    """Who gave at which of six appeals, with chances of their own to give and to leave."""
    rng = np.random.default_rng(0)
    gives, leaves = rng.beta(1.2, 0.75, n_customers), rng.beta(0.66, 2.78, n_customers)
    appeal = np.arange(1, 7)
    given = (rng.random((n_customers, 6)) < gives[:, None]) & (rng.geometric(leaves)[:, None] > appeal)
    return pd.DataFrame({"frequency": given.sum(axis=1), "recency": (given * appeal).max(axis=1), "n_periods": 6})


def contracts(n_customers):
    """Renewals survived, of up to seven, with chances of one's own to leave."""
    rng = np.random.default_rng(0)
    left = rng.geometric(rng.beta(0.7, 1.2, n_customers)) - 1
    seen = rng.integers(1, 8, n_customers)
    return pd.DataFrame({"periods": np.minimum(left, seen), "ended": (left < seen).astype(float)})


def histories(n_customers, collapse="D"):
    """The columns of the purchase models, with the sum of log gaps."""
    return purchase_log(n_customers).snapshot().summary(collapse=collapse, gaps=True)


MODELS = {
    "BG/NBD": (value.BetaGeoNBD, histories),
    "BG/NBD, regularity found": (lambda: value.BetaGeoNBD(regularity="auto"), histories),
    "BG/NBD, instants": (value.BetaGeoNBD, lambda n: histories(n, None)),
    "MBG/NBD": (value.ModifiedBetaGeoNBD, histories),
    "Pareto/NBD": (value.ParetoNBD, histories),
    "Pareto/NBD, instants": (value.ParetoNBD, lambda n: histories(n, None)),
    "BG/BB": (value.BetaGeoBetaBinomial, donations),
    "sBG": (value.ShiftedBetaGeometric, contracts),
    "BdW": (value.BetaDiscreteWeibull, contracts),
}


class Fit:
    """Maximum likelihood, from a table; standard errors apart, as they are worked out when asked for."""

    params = [list(MODELS), [2_357, 100_000]]
    param_names = ["model", "n_customers"]
    timeout = 600

    def setup(self, model, n_customers):
        self.make, rows = MODELS[model]
        self.X = rows(n_customers)
        self.time_fit()
        self.fitted = self.make().fit(self.X)

    def time_fit(self, *_):
        self.make().fit(self.X)

    def time_standard_errors(self, *_):
        self.fitted._hessian = None
        self.fitted.standard_errors_  # noqa: B018  worked out here

    def time_score(self, *_):
        self.fitted.score(self.X)

    def track_iterations(self, *_):
        return self.fitted.n_iter_


class Predict:
    """What each model says of ten thousand customers."""

    params = list(MODELS)
    param_names = ["model"]
    timeout = 600

    def setup(self, model):
        make, rows = MODELS[model]
        self.X = rows(10_000)
        self.model = make().fit(self.X)
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)(model)

    def time_expected_purchases(self, model):
        self.model.expected_purchases(self.X, HORIZON)

    def time_alive_probability(self, model):
        self.model.alive_probability(self.X)

    def time_purchase_count_probability(self, model):
        self.model.purchase_count_probability(self.X, 2, HORIZON)

    def time_residual_purchases(self, model):
        self.model.residual_purchases(self.X, 0.0027)

    def time_discounted_purchases(self, model):
        self.model.discounted_purchases(self.X, HORIZON, 0.0027)

    def time_customer_rates(self, model):
        self.model.customer_rates(self.X)


class Uncertainty:
    """Draws from the posterior, and what they say of two thousand customers."""

    params = list(MODELS)
    param_names = ["model"]
    timeout = 600

    def setup(self, model):
        make, rows = MODELS[model]
        self.X = rows(2_357)
        self.model = make().fit(self.X)
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)(model)

    def time_sample_posterior(self, model):
        self.model.sample_posterior(1_000, random_state=0)

    def time_interval_of_outcomes(self, model):
        self.model.predict_interval(self.X, horizon=HORIZON, random_state=0)

    def time_interval_of_means(self, model):
        self.model.predict_interval(self.X, horizon=HORIZON, kind="mean", n_draws=100, random_state=0)

    def time_total(self, model):
        self.model.total_purchases(self.X, HORIZON, random_state=0)

    def track_pareto_k(self, model):
        return self.model.sample_posterior(1_000, random_state=0).pareto_k


class Spend:
    """Gamma-Gamma on those who bought again."""

    params = [1_000, 100_000]
    param_names = ["n_customers"]
    timeout = 600

    def setup(self, n_customers):
        self.X = purchase_log(n_customers).snapshot().summary()
        self.model = value.GammaGamma().fit(self.X)
        self.model.predict_interval(self.X[:100])

    def time_fit(self, n_customers):
        value.GammaGamma().fit(self.X)

    def time_expected_spend(self, n_customers):
        self.model.expected_spend(self.X)

    def time_sample_posterior(self, n_customers):
        self.model.sample_posterior(1_000, random_state=0)

    def time_interval(self, n_customers):
        self.model.predict_interval(self.X[:10_000])


class Value:
    """Purchase and spend model together, from a log that is there to money with intervals."""

    params = [2_357, 50_000]
    param_names = ["n_customers"]
    timeout = 600

    def setup(self, n_customers):
        self.X = purchase_log(n_customers).snapshot()
        self.model = value.CLVEstimator().fit(self.X)
        self.model.predict(self.X)
        self.model.predict_interval(self.X[:1_000])

    def time_fit(self, n_customers):
        value.CLVEstimator().fit(self.X)

    def time_predict(self, n_customers):
        self.model.predict(self.X)

    def time_interval(self, n_customers):
        self.model.predict_interval(self.X)

    def peakmem_interval(self, n_customers):
        self.model.predict_interval(self.X)


class LogLikelihood:
    """The maxima of the CDNOW sample, 39 weeks: figures that must not move."""

    params = ["BG/NBD", "MBG/NBD", "Pareto/NBD", "Gamma-Gamma"]
    param_names = ["model"]

    def setup(self, model):
        log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
        self.X = log.snapshot("1997-10-01")

    def track_log_likelihood(self, model):
        make = value.GammaGamma if model == "Gamma-Gamma" else MODELS[model][0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return make().fit(self.X).loglik_
