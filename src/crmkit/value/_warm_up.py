"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from crmkit.events import EventLog
from crmkit.value import _random_kernels
from crmkit.value._beta_geo import BetaGeoNBD, ModifiedBetaGeoNBD
from crmkit.value._beta_geo_beta_binomial import BetaGeoBetaBinomial
from crmkit.value._clv import CLVEstimator
from crmkit.value._contracts import BetaDiscreteWeibull
from crmkit.value._learned import NaiveValue
from crmkit.value._pareto import ParetoNBD
from crmkit.value._purchase_model import PurchaseModel


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    with warnings.catch_warnings():
        # What is fitted here need not have a maximum.
        warnings.simplefilter("ignore")
        for model in (BetaGeoNBD(), ModifiedBetaGeoNBD(regularity=2), ParetoNBD()):
            _use(model, histories())
        _use(BetaGeoBetaBinomial(), np.ceil(histories()))
        _use(BetaDiscreteWeibull(), np.column_stack([np.arange(400) % 9, np.arange(400) % 2]))
        _value(histories())
    _draw()
    _learn()


def histories(n: int = 400) -> Any:
    """Repeat purchases, recency and T of customers, most of them distinct."""
    row = np.arange(n)
    x = (row % 5).astype(np.float64)
    T = 20.0 + row % 19
    return np.column_stack([x, np.where(x > 0, T * (0.2 + 0.7 * (row % 11) / 11), 0.0), T])


def _use(model: PurchaseModel, X: Any) -> None:
    model.fit(X)
    model.score(X)
    model.expected_purchases(X, 10.0)
    model.alive_probability(X, 5.0)
    model.purchase_count_probability(X[:5], [0, 2], 10.0)
    model.residual_purchases(X[:5], 0.01)
    model.discounted_purchases(X[:5], 10.0, 0.01)
    # Long enough for the sums that end as integrals.
    model.expected_purchases(X[:2], 1e6)
    model.customer_rates(X)
    model.predict_interval(X, horizon=10.0, n_draws=100, random_state=0)
    model.sample(5, 10.0, 0)


def _value(X: Any) -> None:
    table = np.column_stack([X, 10.0 + np.arange(len(X)) % 7])
    clv = CLVEstimator(horizon=10.0).fit(table)
    clv.spend_model_.score(table[:, [0, 3]])
    clv.spend_model_.predict_interval(table[:5, [0, 3]])
    clv.predict(table)
    clv.predict_interval(table)
    clv.total_value(table[:5], n_draws=100)
    clv.predict_interval(table[:5], kind="mean")


def _draw() -> None:
    state = np.zeros(1, dtype=np.uint64)
    _random_kernels.poisson(state, 3.0)
    _random_kernels.poisson(state, 30.0)
    _random_kernels.geometric(state, 0.5, 0.5)
    for a in (0.5, 2.0):
        _random_kernels.beta(state, a, 2.0)


def _learn() -> None:
    events = {"customer": [1, 1, 2], "time": np.array(["2024-01-01", "2024-01-03", "2024-01-03"], dtype="M8[us]")}
    log = EventLog.from_frame({**events, "value": [1.0, 2.0, 3.0]}, customer="customer", time="time", value="value")
    rows = log.snapshot("2024-01-03", horizon="1D")
    NaiveValue().fit(rows).predict(rows)
