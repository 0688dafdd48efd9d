"""The contract models: published fits, what they must agree with, and what they refuse."""

from __future__ import annotations

import itertools
import json
import pickle
import warnings
from pathlib import Path

import mpmath as mp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from crmkit import EventLog
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate
from crmkit.value import BetaDiscreteWeibull, ShiftedBetaGeometric

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "contracts.json").read_text(encoding="utf-8"))
MODELS = {"ShiftedBetaGeometric": ShiftedBetaGeometric, "BetaDiscreteWeibull": BetaDiscreteWeibull}


def cohort(segment, renewals=7):
    """Rows and their weights: who left at each renewal, and who is left."""
    lost = GOLDEN["lost"][segment][:renewals]
    rows = np.array([(age, 1.0) for age in range(renewals)] + [(renewals, 0.0)])
    return rows, np.array([*lost, 1000 - sum(lost)], dtype=float)


def fitted(model=ShiftedBetaGeometric, segment="regular", renewals=7):
    rows, weight = cohort(segment, renewals)
    return model().fit(rows, sample_weight=weight)


@pytest.mark.parametrize(
    "case", GOLDEN["fits"], ids=lambda case: f"{case['model']}-{case['segment']}-{case['renewals']}"
)
def test_published_fits(case):
    model = fitted(MODELS[case["model"]], case["segment"], case["renewals"])
    assert model.converged_
    np.testing.assert_allclose(list(model.parameters_.values()), case["parameters"], rtol=1e-6)
    assert model.loglik_ == pytest.approx(case["loglik"], rel=1e-12)
    k = len(case["parameters"])
    assert model.aic_ == pytest.approx(2 * k - 2 * case["loglik"])
    assert model.bic_ == pytest.approx(k * np.log(1000) - 2 * case["loglik"])


def test_the_printed_digits():
    """As they stand in the literature and in other people's software."""
    regular, highend = fitted(), fitted(segment="highend")
    assert (round(regular.alpha_, 6), round(regular.beta_, 6)) == (0.704077, 1.182043)
    assert (round(regular.loglik_, 4), round(highend.loglik_, 4)) == (-1680.2652, -1611.1581)
    assert (round(highend.alpha_, 6), round(highend.beta_, 6)) == (0.668088, 3.806095)
    assert round(fitted(BetaDiscreteWeibull).loglik_, 4) == -1679.6028
    assert round(fitted(BetaDiscreteWeibull, "highend").loglik_, 4) == -1605.3142


def test_the_cohorts_as_they_are_stored(data_folder):
    table = pd.read_csv(data_folder / "sbg_retention" / "sbg_retention.csv")
    for segment, years in table.groupby("segment"):
        assert years.sort_values("year")["lost"].tolist()[1:] == GOLDEN["lost"][segment]
        assert years["surviving"].min() == cohort(segment)[1][-1]


@pytest.mark.parametrize("model", MODELS.values())
def test_standard_errors_are_those_of_the_curvature(model):
    fit = fitted(model)
    rows, weight = cohort("regular")

    def loglik(*parameters):
        alpha, beta, *rest = parameters
        c = rest[0] if rest else mp.mpf(1)

        def share(age):
            return mp.beta(alpha, beta + (mp.mpf(age) ** c if age else 0)) / mp.beta(alpha, beta)

        return mp.fsum(
            int(w) * mp.log(share(int(s)) - (share(int(s) + 1) if ended else 0))
            for (s, ended), w in zip(rows, weight, strict=True)
        )

    point = [mp.mpf(value) for value in fit.parameters_.values()]
    k = len(point)
    hessian = mp.matrix(k, k)
    for i, j in itertools.product(range(k), repeat=2):
        order = [0] * k
        order[i] += 1
        order[j] += 1
        hessian[i, j] = mp.diff(loglik, tuple(point), tuple(order))
    covariance = -(hessian**-1)
    np.testing.assert_allclose(fit.standard_errors_, [float(mp.sqrt(covariance[j, j])) for j in range(k)], rtol=1e-4)
    assert fit.covariance_[0, 1] == pytest.approx(float(covariance[0, 1]), rel=1e-4)


def at(model, **parameters):
    """A model of some parameters: fitted on customers whose maximum does not matter."""
    fit = fitted(model)
    for name, value in parameters.items():
        setattr(fit, f"{name}_", value)
    fit._theta = np.log(list(parameters.values()))
    return fit


X = np.array([[0, 0], [1, 0], [7, 0], [40, 0], [0, 1], [3, 1]])


@pytest.mark.parametrize("delta", [0.0, 0.1])
def test_without_duration_dependence_it_is_the_shifted_beta_geometric_bit_for_bit(delta):
    plain, general = at(ShiftedBetaGeometric, alpha=1.7, beta=2.3), at(BetaDiscreteWeibull, alpha=1.7, beta=2.3, c=1.0)
    for method, arguments in {
        "expected_purchases": (5,), "alive_probability": (2,), "purchase_count_probability": ([0, 2, 5], 5),
        "residual_purchases": (delta,), "discounted_purchases": (600, delta),
    }.items():  # fmt: skip
        one, other = getattr(plain, method)(X, *arguments), getattr(general, method)(X, *arguments)
        assert one.tobytes() == other.tobytes(), method
    assert plain.score(X) == general.score(X)
    assert plain.new_customer_survival(range(9)).tobytes() == general.new_customer_survival(range(9)).tobytes()
    assert plain.customer_rates(X).equals(general.customer_rates(X))
    assert plain.sample(50, 6, 0).equals(general.sample(50, 6, 0))


def test_closed_forms():
    """Retention rate, posterior mean and residual lifetime of the shifted beta-geometric."""
    model = at(ShiftedBetaGeometric, alpha=1.7, beta=2.3)
    ages = np.arange(1, 30)
    np.testing.assert_allclose(model.retention_rate(ages), (2.3 + ages - 1) / (1.7 + 2.3 + ages - 1), rtol=1e-13)
    assert model.retention_rate(3) == model.retention_rate([3])[0]
    np.testing.assert_allclose(model.new_customer_survival(ages), np.cumprod(model.retention_rate(ages)), rtol=1e-13)
    assert model.new_customer_survival(0) == 1.0
    rates = model.customer_rates(X)["churn_probability"]
    np.testing.assert_allclose(rates, [1.7 / 4, 1.7 / 5, 1.7 / 11, 1.7 / 44, 2.7 / 5, 2.7 / 8], rtol=1e-13)
    residual = model.residual_purchases(X, 0.0)
    np.testing.assert_allclose(residual, [2.3 / 0.7, 3.3 / 0.7, 9.3 / 0.7, 42.3 / 0.7, 0, 0], rtol=1e-11)
    assert model.new_customer_purchases(6) == pytest.approx(model.new_customer_survival(range(1, 7)).sum(), rel=1e-13)
    with mp.workdps(40):
        z = 1 / mp.mpf(1.1)
        for s, found in zip((0, 1, 7, 40), model.residual_purchases(X, float(mp.log(mp.mpf(1.1)))), strict=False):
            grown = mp.mpf(2.3) + s
            expected = z * grown / (mp.mpf(1.7) + grown) * mp.hyp2f1(1, grown + 1, mp.mpf(1.7) + grown + 1, z)
            assert found == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("model", [at(ShiftedBetaGeometric, alpha=0.7, beta=1.2),
                                   at(BetaDiscreteWeibull, alpha=0.5, beta=3.0, c=1.6)])  # fmt: skip
def test_predictions_agree_with_each_other(model):
    counts = model.purchase_count_probability(X, range(9), 8)
    np.testing.assert_allclose(counts.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(counts @ np.arange(9), model.expected_purchases(X, 8), rtol=1e-12)
    np.testing.assert_allclose(counts[:, 8], np.where(X[:, 1] == 1, 0, model.alive_probability(X, 8)), rtol=1e-12)
    steps = [model.alive_probability(X, t) for t in range(1, 9)]
    np.testing.assert_allclose(sum(steps), model.expected_purchases(X, 8), rtol=1e-12)
    discounted = sum(step * np.exp(-0.2 * t) for t, step in enumerate(steps, start=1))
    np.testing.assert_allclose(model.discounted_purchases(X, 8, 0.2), discounted, rtol=1e-12)
    long = model.discounted_purchases(X, 4_000, 0.01)
    np.testing.assert_allclose(model.residual_purchases(X, 0.01), long, rtol=1e-12)
    np.testing.assert_array_equal(model.alive_probability(X), 1 - X[:, 1])
    np.testing.assert_array_equal(model.expected_purchases(X, 8)[X[:, 1] == 1], 0.0)
    assert (np.diff(model.expected_purchases(X, 8)[:4]) > 0).all() or model.parameters_.get("c", 1.0) > 1


def test_part_of_a_period_holds_no_renewal():
    """As a value over 52 weeks asks of contracts of 30 days."""
    model = fitted()
    rows, parameters = model._read(X)[0], model._fitted()
    np.testing.assert_array_equal(model._expected(rows, parameters, 12.13), model.expected_purchases(X, 12))
    np.testing.assert_array_equal(
        model._discounted(rows, parameters, 12.13, 0.1), model.discounted_purchases(X, 12, 0.1)
    )
    counts, values = model._futures(rows, np.tile(parameters, (200, 1)), 12.13, 0.1, np.arange(6, dtype=np.uint64))
    assert counts.max() == 12
    assert values.max() == pytest.approx(sum(np.exp(-0.1 * t) for t in range(1, 13)))


contracts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1), st.integers(1, 9)), min_size=4, max_size=30)


@given(contracts, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_neither_the_order_of_rows_nor_their_grouping_matters(rows, random):
    if {ended for _, ended, _ in rows} != {0, 1}:
        rows = [*rows, (2, 0, 1), (1, 1, 1)]
    table, weight = np.array([row[:2] for row in rows], dtype=float), np.array([row[2] for row in rows], dtype=float)
    order = random.sample(range(len(rows)), len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = ShiftedBetaGeometric(penalty=1e-3).fit(table, sample_weight=weight)
        shuffled = ShiftedBetaGeometric(penalty=1e-3).fit(table[order], sample_weight=weight[order])
        repeated = ShiftedBetaGeometric(penalty=1e-3).fit(np.repeat(table, weight.astype(int), axis=0))
    assert one.parameters_ == shuffled.parameters_ == repeated.parameters_
    assert one.loglik_ == shuffled.loglik_ == repeated.loglik_
    assert (one.n_rows_used_, repeated.n_rows_used_) == (len(rows), weight.sum())
    assert one.score(table, sample_weight=weight) == pytest.approx(one.loglik_ / weight.sum())


@pytest.mark.parametrize(
    ("model", "truth"), [(ShiftedBetaGeometric, [0.7, 1.2]), (BetaDiscreteWeibull, [0.6, 1.5, 1.4])]
)
def test_what_was_simulated_comes_back(model, truth):
    names = ("alpha", "beta", "c")
    customers = at(model, **dict(zip(names, truth, strict=False))).sample(60_000, np.repeat([5, 9, 14], 20_000), 1)
    assert customers.columns.tolist() == ["periods", "ended", "churn_probability"]
    again = model().fit(customers)
    np.testing.assert_allclose(list(again.parameters_.values()), truth, atol=4 * again.standard_errors_.max())
    assert (np.abs(np.array(list(again.parameters_.values())) - truth) < 4 * again.standard_errors_).all()
    posterior = again.sample_posterior(random_state=0)
    assert posterior.pareto_k < 0.5
    np.testing.assert_allclose(
        posterior.mean(), list(again.parameters_.values()), atol=again.standard_errors_.max() / 2
    )
    np.testing.assert_allclose(posterior.sd(), again.standard_errors_, rtol=0.15)


def test_intervals():
    model = fitted()
    bounds = model.predict_interval(X, horizon=5, random_state=0)
    assert bounds.shape == (6, 2)
    assert (bounds[X[:, 1] == 1] == 0).all()
    counts = model.purchase_count_probability(X, range(6), 5)
    inside = [row[int(low) : int(high) + 1].sum() for row, (low, high) in zip(counts, bounds, strict=True)]
    assert min(inside) >= 0.89
    mean = model.predict_interval(X, horizon=5, kind="mean", random_state=0)
    expected = model.expected_purchases(X, 5)
    assert ((mean[:, 0] <= expected) & (expected <= mean[:, 1])).all()
    total = model.total_purchases(X, 5, random_state=0)
    assert total.value == pytest.approx(expected.sum())
    assert total.low < total.value < total.high
    curve = model.new_customer_survival([1, 7, 12], coverage=0.9)
    assert all(isinstance(one, Estimate) for one in curve)
    assert [one.value for one in curve] == model.new_customer_survival([1, 7, 12]).tolist()
    assert curve[0].low < 0.631 < curve[0].high
    assert isinstance(model.retention_rate(2, coverage=0.9), Estimate)
    assert isinstance(model.new_customer_purchases(5, coverage=0.9), Estimate)


@pytest.fixture(scope="module")
def log():
    """Contracts of 400 customers, some of whom only visit."""
    rng = np.random.default_rng(0)
    start = np.datetime64("2024-01-01", "us") + rng.integers(0, 300, 400).astype("m8[D]")
    stays = rng.geometric(rng.beta(1.0, 3.0, 400)) * 30 - 10
    end = start + stays.astype("m8[D]")
    events = pd.concat(
        [
            pd.DataFrame({"who": np.arange(400), "when": start, "what": "join"}),
            pd.DataFrame({"who": np.arange(400), "when": end, "what": "leave"})[end < np.datetime64("2025-06-01")],
            pd.DataFrame({"who": np.arange(390, 420), "when": np.datetime64("2024-03-01", "us"), "what": "visit"}),
        ]
    )
    return EventLog.from_frame(
        events, customer="who", time="when", kind="what", purchases="join", observed_until="2025-06-01"
    )


def test_snapshots(log):
    everybody = log.snapshot(min_events=0, customers=log.customers)
    model = ShiftedBetaGeometric(start="join", end="leave")
    with pytest.warns(CrmkitWarning, match=r"20 of 420 rows see no event of start='join' before their as_of, so they"):
        model.fit(everybody)
    assert model.n_rows_used_ == 400
    with pytest.warns(CrmkitWarning, match="their predictions are NaN"):
        found = model.expected_purchases(everybody, "90D")
    assert np.isnan(found).sum() == 20
    tenure = everybody.tenure("join", "leave", "30D")
    own = tenure.dropna()
    same = ShiftedBetaGeometric().fit(own)
    assert same.parameters_ == model.parameters_
    np.testing.assert_array_equal(same.expected_purchases(own, 3), found[tenure["periods"].notna()])
    np.testing.assert_array_equal(same.fit(own.to_numpy()).expected_purchases(own, 3), found[~np.isnan(found)])
    assert same.fit(pl.from_pandas(own)).parameters_ == model.parameters_
    assert model.fitted_on_[0] == log.fingerprint
    assert model.customer_rates(everybody[:3]).index.names == ["customer_id", "as_of"]
    kept = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        kept.alive_probability(everybody[:9], "30D"), model.alive_probability(everybody[:9], "30D")
    )


def test_each_customer_counts_once(log):
    rows = log.snapshots(["2024-06-01", "2025-01-01", "2025-06-01"])
    many = BetaDiscreteWeibull(start="join", end=["leave"]).fit(rows)
    once = BetaDiscreteWeibull(start=["join"], end="leave").fit(log.snapshot())
    assert many.parameters_ == once.parameters_
    assert many.n_rows_used_ == 400


def test_a_holdout_is_forecast(log):
    """Renewals due in the half year after a date, of the contracts that ran at it."""
    rows = log.snapshot("2024-12-01")
    model = ShiftedBetaGeometric(start="join", end="leave").fit(rows)
    running = log.snapshot("2024-12-01", alive=("join", "leave"))
    later = log.snapshots_at(
        {"who": running.customer_id, "when": np.full(len(running), np.datetime64("2025-05-30", "us"))},
        customer="who", as_of="when",
    )  # fmt: skip
    actual = (
        later.tenure("join", "leave", "30D")["periods"].to_numpy()
        - running.tenure("join", "leave", "30D")["periods"].to_numpy()
    )
    total = model.total_purchases(running, "180D", coverage=0.98, random_state=0)
    assert total.low <= actual.sum() <= total.high


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"needs to know which events are contracts: start=None, end=None. Name kinds of events, such as"),
        ({"start": "join"}, r"start='join', end=None"),
        (
            {"start": "join", "end": "leav"},
            r"end='leav' .* names no kind of event that the log has: it has join, leave",
        ),
        ({"start": "joined", "end": "leave"}, r"start='joined' of ShiftedBetaGeometric names no kind"),
        ({"start": "join", "end": "join"}, r"names a kind both as a start and as an end"),
        ({"start": "join", "end": "leave", "period": "1M"}, r"A month has no fixed length"),
        ({"start": "join", "end": "leave", "period": 30}, r"'period' parameter must be"),
        ({"start": "join", "end": "leave", "penalty": -1.0}, r"'penalty' parameter of ShiftedBetaGeometric"),
    ],
)
def test_refused_on_snapshots(log, options, message):
    with pytest.raises(ValueError, match=message):
        ShiftedBetaGeometric(**options).fit(log.snapshot())


def test_horizons_are_whole_periods(log):
    model = ShiftedBetaGeometric(start="join", end="leave", period="30D").fit(log.snapshot())
    rows = log.snapshot()[:5]
    for wrong, near in (("45D", "60D"), ("5D", "30D"), ("100D", "90D")):
        with pytest.raises(ParameterError, match=rf"horizon='{wrong}' .* multiple of period='30D': .* Pass '{near}'"):
            model.expected_purchases(rows, wrong)
    with pytest.raises(ParameterError, match=r"'horizon' parameter must be a duration|must be"):
        model.expected_purchases(rows, 3)
    assert (model.alive_probability(rows, "0D") == model.alive_probability(rows)).all()
    on_frame = fitted()
    with pytest.raises(ParameterError, match=r"horizon=2.5 .* whole number of periods"):
        on_frame.expected_purchases(X, 2.5)
    with pytest.raises(ParameterError, match=r"horizon='60D', but ShiftedBetaGeometric was fitted on a frame"):
        on_frame.expected_purchases(X, "60D")
    with pytest.raises(ParameterError, match=r"was fitted on a frame or array and got Snapshots"):
        on_frame.expected_purchases(rows, 3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[-1, 0], [2, 1]], r"1 of 2 rows: periods is negative. Row 0 has periods=-1, ended=0"),
        ([[1.5, 0], [2, 1]], r"periods is not a whole number"),
        ([[1, 2], [2, 1]], r"ended is neither 0 nor 1. Row 0 has periods=1, ended=2"),
        ([[1, np.nan], [2, 1]], r"'ended' of X has 1 missing or infinite values"),
        ([[1, 0, 3]], r"takes 2 columns: periods and ended"),
        (np.empty((0, 2)), r"learns from customers with a contract, and X has none"),
    ],
)
@pytest.mark.parametrize("model", MODELS.values())
def test_refused_rows(model, rows, message):
    with pytest.raises(ParameterError, match=message):
        model().fit(rows)


def test_refused_calls():
    model = fitted()
    with pytest.raises(NotFittedError):
        ShiftedBetaGeometric().retention_rate(1)
    with pytest.raises(
        ParameterError, match=r"'periods' parameter of ShiftedBetaGeometric.retention_rate .* \[1, inf\)"
    ):
        model.retention_rate(0)
    with pytest.raises(ParameterError, match=r"'periods' parameter"):
        model.new_customer_survival([1.5])
    with pytest.raises(ParameterError, match=r"'delta' parameter"):
        model.residual_purchases(X, -0.1)
    with pytest.raises(ParameterError, match=r"T of ShiftedBetaGeometric.sample must be whole numbers"):
        model.sample(2, [1.0, 2.5])
    with pytest.raises(ParameterError, match=r"sample_weight"):
        ShiftedBetaGeometric().fit(X, sample_weight=[-1.0] * 6)


@pytest.mark.parametrize(
    "rows",
    [[[3, 0]] * 20, [[0, 1]] * 20, [[5, 1]], [[1, 1], [1, 1], [1, 0]]],
    ids=["nobody left", "all", "one", "three"],
)
@pytest.mark.parametrize("model", MODELS.values())
def test_data_that_do_not_tell_are_said_to(model, rows):
    with pytest.warns(ConvergenceWarning, match="has no maximum that the data tell"):
        fit = model().fit(rows)
    assert not fit.converged_
    assert np.isfinite(fit.expected_purchases(rows, 5)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert np.isfinite(fit.predict_interval(rows, horizon=5, random_state=0)).all()
        assert np.isfinite(model(penalty=1e-3).fit(rows).residual_purchases(rows, 0.05)).all()


def test_it_is_an_estimator():
    model = clone(BetaDiscreteWeibull(start="a", end=["b"], period="365D", penalty=0.5))
    assert model.get_params() == {"start": "a", "end": ["b"], "period": "365D", "penalty": 0.5, "max_iter": 200}
