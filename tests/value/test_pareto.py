"""ParetoNBD: published numbers, covariates, odd data, and that nothing hangs on units or order."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.value import ParetoNBD
from crmkit.value._rows import Rows, frozen

GOLDEN, NBD = (
    json.loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("pareto_nbd", "nbd")
)
CDNOW = GOLDEN["cdnow"]["parameters"]


def parameters(named):
    return frozen(np.array([named[name] for name in ("r", "alpha", "s", "beta")]))


def customers(frequency, recency, T):
    columns = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(values, dtype=float)) for values in (frequency, recency, T))
    )
    return Rows(*map(frozen, columns), frozen(np.ones(len(columns[0]))))


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module")
def today(log):
    return log.snapshot("1997-10-01", horizon="39W")


@pytest.fixture(scope="module")
def fitted(today):
    return ParetoNBD().fit(today)


# ------------------------------------------------------------------------------- published numbers


def test_estimates_of_cdnow(fitted):
    golden = GOLDEN["cdnow"]
    assert fitted.parameters_ == pytest.approx(golden["parameters"], rel=2e-6)
    assert fitted.loglik_ == pytest.approx(golden["loglik"], abs=5e-5)
    assert fitted.standard_errors_ == pytest.approx(list(golden["standard_errors"].values()), rel=5e-4)
    assert fitted.converged_


def test_estimates_after_37_weeks(log):
    golden = GOLDEN["cdnow_37_weeks"]
    model = ParetoNBD().fit(log.snapshot(golden["as_of"]))
    assert model.parameters_ == pytest.approx(golden["parameters"], rel=3e-4)
    assert model.loglik_ == pytest.approx(golden["loglik"], abs=5e-5)
    assert model.standard_errors_ == pytest.approx(list(golden["standard_errors"].values()), rel=2e-3)
    # The published estimates are no better.
    assert model._sums(model._rows, parameters(golden["parameters"]))[0] <= model.loglik_


def test_estimates_of_rounded_times(data_folder):
    frame = pd.read_csv(data_folder / "cdnow" / "cdnow_summary_39w.csv")
    model = ParetoNBD().fit(frame)
    assert model.beta_ == pytest.approx(GOLDEN["cdnow_rounded"]["parameters"]["beta"], abs=2e-5)
    assert model.loglik_ == pytest.approx(GOLDEN["cdnow_rounded"]["loglik"], abs=5e-5)


@pytest.fixture(scope="module")
def grocery(data_folder):
    frame = pd.read_csv(data_folder / "grocery" / "grocery_elog.csv", parse_dates=["date"])
    log = EventLog.from_frame(frame, customer="cust", time="date", observed_until="2007-12-31")
    return log.snapshot("2007-01-01", horizon="52W")


def test_estimates_of_grocery(grocery):
    golden, model = GOLDEN["grocery"], ParetoNBD().fit(grocery)
    assert model.parameters_ == pytest.approx(golden["parameters"], rel=1e-5)
    assert model.loglik_ == pytest.approx(golden["loglik"], abs=5e-4)
    expected, actual = model.expected_purchases(grocery, "52W"), grocery.future_purchases()
    assert actual.sum() == golden["holdout"]["actual"]
    assert expected.sum() == pytest.approx(golden["holdout"]["total"], abs=0.5)
    assert np.abs(expected - actual).mean() == pytest.approx(golden["holdout"]["mean_absolute_error"], abs=5e-4)


def check_without_dropout(golden, X, horizon, total):
    """Where nobody drops out it is the NBD model, of which the published estimates are the maximum."""
    found, summary, model = golden["parameters"], X.summary(), ParetoNBD().fit(X)
    at = frozen(np.array([found["r"], found["alpha"], 1e-12, found["alpha"]]))
    rows = customers(summary["frequency"], summary["recency"], summary["T"])
    value, slope = model._sums(rows.distinct()[0], at)
    assert value == pytest.approx(golden["loglik"], abs=5e-4)
    assert slope[:2] == pytest.approx([0.0, 0.0], abs=5e-3)
    expected, actual = model._expected(rows, at, horizon), X.future_purchases()
    assert actual.sum() == golden["holdout"]["actual"]
    assert expected.sum() == pytest.approx(golden["holdout"]["total"], abs=total)
    assert np.abs(expected - actual).mean() == pytest.approx(golden["holdout"]["mean_absolute_error"], abs=5e-4)


def test_without_dropout_on_cdnow(today):
    check_without_dropout(NBD["cdnow"], today, 39.0, 0.005)


def test_without_dropout_on_grocery(grocery):
    check_without_dropout(NBD["grocery"], grocery, 52.0, 0.5)


def test_values_at_the_estimates():
    golden, at, model = GOLDEN["values"], parameters(CDNOW), ParetoNBD()
    best = customers(*golden["customer_1516"].values())
    assert model._expected(best, at, 52.0)[0] == pytest.approx(golden["expected_52_weeks_1516"], abs=5e-5)
    assert model._alive(best, at, 0.0)[0] == pytest.approx(golden["alive_1516"], abs=5e-7)
    assert model._discounted(best, at, np.inf, 0.0027)[0] == pytest.approx(
        golden["residual"]["customer_1516"], abs=2e-4
    )
    silent = customers(0, 0, golden["alive_without_repeats"]["T"])
    assert model._alive(silent, at, 0.0)[0] == pytest.approx(golden["alive_without_repeats"]["value"], abs=5e-7)
    second = golden["expected_39_weeks"]
    usual = customers(second["frequency"], second["recency"], second["T"])
    assert model._expected(usual, at, 39.0)[0] == pytest.approx(second["value"], abs=5e-7)
    assert model._discounted(usual, at, np.inf, 0.0027)[0] == pytest.approx(
        golden["residual"]["second"]["value"], abs=5e-6
    )
    many = golden["expected_52_weeks"]
    found = model._expected(customers(many["frequency"], many["recency"], many["T"]), at, 52.0)
    assert found == pytest.approx(many["values"], rel=2e-5)
    new = GOLDEN["new_customer"]
    nobody = customers(0, 0, 0)
    curve = [model._expected(nobody, parameters(new["parameters"]), float(t))[0] for t in range(10)]
    assert curve == pytest.approx(new["values"], abs=5e-9)
    assert model._expected(nobody, at, 52.0)[0] == pytest.approx(golden["new_customer"]["values"][0], abs=5e-7)


def test_discounted_to_the_end_of_time():
    golden = GOLDEN["residual"]
    rows = customers(golden["frequency"], golden["recency"], golden["T"])
    found = ParetoNBD()._discounted(rows, parameters(golden["parameters"]), np.inf, golden["delta"])
    assert found == pytest.approx(golden["values"], abs=6e-7)


def test_hard_cases():
    golden, model = GOLDEN["hard"], ParetoNBD()
    for name, function, digit in (
        ("alive", lambda rows, at: model._alive(rows, at, 0.0), 1e-8),
        ("loglik", model._log_likelihood, 1e-10),
        ("expected", lambda rows, at: model._expected(rows, at, float(golden["expected"]["horizon"])), 1e-8),
    ):
        case = golden[name]
        rows = customers(case["frequency"], case["recency"], case["T"])
        found = function(rows, parameters(case["parameters"]))
        assert found == pytest.approx(case["values"], rel=0, abs=digit / 2)


def test_values_where_another_optimiser_stopped(fitted, today):
    golden, model, summary = GOLDEN["stopped_short"], fitted, today.summary()
    at = parameters(golden["parameters"])
    best = customers(*GOLDEN["values"]["customer_1516"].values())
    assert model._expected(best, at, 52.0)[0] == pytest.approx(golden["expected_52_weeks_1516"], abs=5e-6)
    case = golden["expected_52_weeks"]
    found = model._expected(customers(case["frequency"], case["recency"], case["T"]), at, 52.0)
    assert np.abs(found - case["values"]) == pytest.approx(0.0, abs=5e-8)
    assert found[2:] == pytest.approx(case["values"][2:], abs=5e-9)
    rows = customers(summary["frequency"], summary["recency"], summary["T"])
    assert model._sums(rows.distinct()[0], at)[0] == pytest.approx(GOLDEN["cdnow"]["loglik"], abs=5e-5)
    bins, table = np.minimum(rows.x, 7).astype(int), GOLDEN["holdout_by_frequency"]
    means = np.bincount(bins, model._expected(rows, at, 39.0)) / np.bincount(bins)
    assert means == pytest.approx(table["expected"], abs=6e-4)


def test_holdout_of_cdnow(fitted, today):
    expected, actual = fitted.expected_purchases(today, "39W"), today.future_purchases()
    golden = GOLDEN["values"]["holdout"]
    assert actual.sum() == golden["actual"]
    assert expected.sum() == pytest.approx(golden["total"], abs=0.006)
    assert np.abs(expected - actual).mean() == pytest.approx(golden["mean_absolute_error"], abs=6e-6)
    table = GOLDEN["holdout_by_frequency"]
    bins = np.minimum(today.summary()["frequency"].to_numpy(), 7).astype(int)
    assert np.bincount(bins).tolist() == table["customers"]
    assert [actual[bins == k].mean() for k in range(8)] == pytest.approx(table["actual"], abs=6e-4)
    # The table is of estimates that end a little earlier: see `stopped_short`.
    assert [expected[bins == k].mean() for k in range(8)] == pytest.approx(table["expected"], abs=1e-3)


def test_tracking_of_cdnow(fitted, today):
    golden, T = GOLDEN["tracking"], today.summary()["T"].to_numpy()
    born, times = T.max() - T, []
    for week in range(19, 26):
        days, customers_of = np.unique(np.round(np.maximum(week - born, 0) * 7), return_counts=True)
        times.append(
            sum(n * fitted.new_customer_purchases(f"{d:.0f}D") for d, n in zip(days, customers_of, strict=True) if d)
        )
    assert np.diff(times) == pytest.approx(golden["expected"], rel=1e-4)
    assert times[1] == pytest.approx(golden["expected_cumulative"]["20"], rel=1e-4)
    assert times[6] == pytest.approx(golden["expected_cumulative"]["25"], rel=1e-4)


# ------------------------------------------------------------------------------------- the model


def test_score_is_the_mean_log_likelihood(fitted, today):
    assert fitted.score(today) * 2357 == pytest.approx(fitted.loglik_, rel=1e-13)


def test_rates_say_what_predictions_say(fitted, today):
    rates = fitted.customer_rates(today)
    assert list(rates.columns) == ["purchase_rate", "dropout_rate"]
    # Over a moment a customer buys at her own rate, if she is alive; and drops out at her own rate.
    rows = fitted._rows
    moment, at = 1e-6, fitted._fitted()
    lives = fitted._alive(rows, at, 0.0)
    bought = fitted._expected(rows, at, moment) / moment / lives
    alive_rate = (at[0] + rows.x) / (at[1] + rows.T)
    assert bought == pytest.approx(alive_rate, rel=1e-5)
    # The mean over customers of what is believed of them is what is believed of customers.
    assert rates["purchase_rate"].mean() == pytest.approx(at[0] / at[1], rel=0.02)


def test_alive_later_is_alive_now_and_no_dropout(fitted, today):
    now, later = fitted.alive_probability(today), fitted.alive_probability(today, "20W")
    T = today.summary()["T"].to_numpy()
    assert later == pytest.approx(now * ((fitted.beta_ + T) / (fitted.beta_ + T + 20)) ** fitted.s_, rel=1e-12)


@settings(max_examples=25)
@given(
    st.tuples(*[st.floats(-4.0, 4.0) for _ in range(4)]),
    st.sampled_from([1e-3, 0.5, 7.0, 365.25]),
)
def test_a_unit_of_time_is_a_factor(logs, factor):
    at = np.exp(np.array(logs))
    rows = customers([0, 1, 4, 30], [0, 3, 17, 29.5], [20, 3, 18, 40])
    other = customers(rows.x, rows.t_x * factor, rows.T * factor)
    scaled = at * np.array([1, factor, 1, factor])
    model = ParetoNBD()
    jacobian = rows.x * np.log(factor)
    assert model._log_likelihood(other, scaled) + jacobian == pytest.approx(model._log_likelihood(rows, at), rel=1e-10)
    assert model._expected(other, scaled, 9.0 * factor) == pytest.approx(model._expected(rows, at, 9.0), rel=1e-10)


@pytest.mark.parametrize("start", [[1e-3, 1e-3, 1e-3, 1e-3], [50, 1e3, 50, 1e4], [1e-2, 1e3, 20, 0.1], [1, 1, 1, 1]])
def test_hostile_starts_end_at_the_same_maximum(today, fitted, start, monkeypatch):
    monkeypatch.setattr(ParetoNBD, "_start", lambda self, rows: np.array(start, dtype=float))
    found = ParetoNBD().fit(today)
    assert found.loglik_ == pytest.approx(fitted.loglik_, abs=1e-6)
    assert found.parameters_ == pytest.approx(fitted.parameters_, rel=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 0, 10]],
        [[3, 5, 10]],
        [[0, 0, 0], [0, 0, 0]],
        [[1, 10, 10]] * 20,
        [[0, 0, t] for t in range(1, 50)],
        [[200, 99.9, 100]] * 50,
        [[1e4, 99.0, 100], [0, 0, 100]],
    ],
)
def test_data_that_tell_little_say_so_or_converge(rows):
    model = ParetoNBD()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(np.array(rows, dtype=float))
    assert model.converged_ != any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    assert np.isfinite(model.expected_purchases(np.array(rows, dtype=float), 10.0)).all()
    assert ParetoNBD(penalty=0.1).fit(np.array(rows, dtype=float)).converged_


def test_order_of_rows_changes_nothing(today):
    frame = today.summary()
    one, other = ParetoNBD().fit(frame), ParetoNBD().fit(frame.sample(frac=1, random_state=1))
    assert one.parameters_ == other.parameters_
    assert one.loglik_ == other.loglik_


# ------------------------------------------------------------------------------------- covariates


@pytest.fixture(scope="module")
def shops():
    """Customers of two kinds, of whom the second buys twice as often and leaves sooner."""
    draws = []
    for kind in (0.0, 1.0):
        at = np.array([0.9, 8.0 / 2.0**kind, 1.1, 20.0 / 1.5**kind])
        seen = pd.DataFrame(ParetoNBD()._sample(frozen(np.full(4000, 39.0)), at, int(kind)))
        shade = np.random.default_rng(1).normal(50, 9, 4000)
        draws.append(seen[["frequency", "recency", "T"]].assign(app=kind, shade=shade))
    return pd.concat(draws, ignore_index=True)


def test_effects_are_found(shops):
    model = ParetoNBD(purchase_covariates=["app"], dropout_covariates=["app"]).fit(shops)
    plain = ParetoNBD().fit(shops)
    errors = model.standard_errors_
    assert len(errors) == 6
    assert abs(model.purchase_coef_[0] - np.log(2.0)) < 4 * errors[4]
    assert abs(model.dropout_coef_[0] - np.log(1.5)) < 4 * errors[5]
    assert list(model.parameters_) == ["r", "alpha", "s", "beta", "purchase_app", "dropout_app"]
    assert model.loglik_ > plain.loglik_ + 50
    assert model.aic_ == pytest.approx(12 - 2 * model.loglik_)
    # Each kind of customer has the predictions of the plain model with shifted alpha and beta.
    second = shops[shops["app"] == 1].head(50)
    shifted = np.array(
        [
            model.r_,
            model.alpha_ * np.exp(-model.purchase_coef_[0]),
            model.s_,
            model.beta_ * np.exp(-model.dropout_coef_[0]),
        ]
    )
    rows = customers(second["frequency"], second["recency"], second["T"])
    assert model.expected_purchases(second, 20.0) == pytest.approx(
        ParetoNBD()._expected(rows, shifted, 20.0), rel=1e-12
    )
    assert (
        model.new_customer_purchases(20.0)
        == ParetoNBD()._expected(customers(0, 0, 0), parameters(model.parameters_), 20.0)[0]
    )


def test_without_effect_it_is_the_plain_model_to_the_bit(shops):
    model = ParetoNBD(purchase_covariates=["shade"], dropout_covariates=["app", "shade"]).fit(shops)
    at = np.append(parameters(model.parameters_), np.zeros(3))
    with_z, plain = model._read(shops)[0], customers(shops["frequency"], shops["recency"], shops["T"])
    for name, args in (
        ("_log_likelihood", ()),
        ("_alive", (3.0,)),
        ("_expected", (39.0,)),
        ("_discounted", (np.inf, 0.01)),
        ("_count_probability", (2, 39.0)),
    ):
        found = getattr(model, name)(with_z.take(slice(0, 300)), at, *args)
        assert np.array_equal(found, getattr(ParetoNBD(), name)(plain.take(slice(0, 300)), at[:4], *args))


def test_slopes_of_effects_are_differences(shops):
    model = ParetoNBD(purchase_covariates=["app", "shade"], dropout_covariates=["shade"]).fit(shops.iloc[::9])
    theta, rows = model._theta + 0.01, model._rows
    slope = model._sums(rows, model._natural(theta))[1]
    for j in range(len(theta)):
        h = np.eye(len(theta))[j] * 1e-4
        ahead, back = (model._log_likelihood(rows, model._natural(theta + sign * h)) for sign in (1, -1))
        assert slope[j] == pytest.approx(float(rows.weight @ (ahead - back)) / 2e-4, rel=1e-5, abs=1e-3)


def test_units_of_covariates_change_their_effects_and_nothing_else(shops):
    few = shops.iloc[::8]
    options = {"purchase_covariates": ["shade"], "dropout_covariates": ["app"], "penalty": 1e-4}
    one, other = ParetoNBD(**options).fit(few), ParetoNBD(**options).fit(few.assign(shade=few["shade"] * 1000))
    assert other.purchase_coef_ == pytest.approx(one.purchase_coef_ / 1000, rel=1e-5)
    assert other.loglik_ == pytest.approx(one.loglik_, rel=1e-10)
    # A penalty pulls effects towards none.
    strong = ParetoNBD(**{**options, "penalty": 10.0}).fit(few)
    assert abs(strong.dropout_coef_[0]) < 0.1 * abs(one.dropout_coef_[0])


def test_covariates_of_a_log(log):
    kinds = pd.DataFrame({"customer_id": log.customers, "even": (log.customers % 2 == 0).astype(float)})
    rows = log.with_attributes(kinds, customer="customer_id").snapshot("1997-10-01")
    model = ParetoNBD(purchase_covariates=["even"]).fit(rows)
    frame = rows.summary().assign(even=rows.attributes()["even"].to_numpy())
    same = ParetoNBD(purchase_covariates=["even"]).fit(frame)
    assert model.purchase_coef_ == pytest.approx(same.purchase_coef_, rel=1e-9)
    assert model.dropout_coef_.shape == (0,)
    assert model.predict_interval(rows[:5], horizon="39W", n_draws=100, random_state=0).shape == (5, 2)
    assert model.sample_posterior(100, random_state=0).names == ("r", "alpha", "s", "beta", "purchase_even")


def test_covariates_that_are_not_there_are_named(shops):
    with pytest.raises(ColumnNotFoundError, match="colour"):
        ParetoNBD(purchase_covariates=["colour"]).fit(shops)
    with pytest.raises(ParameterError, match="dropout_covariates"):
        ParetoNBD(dropout_covariates=[1]).fit(shops)
    with pytest.raises(ParameterError, match="pass a frame"):
        ParetoNBD(dropout_covariates=["app"]).fit(shops[["frequency", "recency", "T"]].to_numpy())
