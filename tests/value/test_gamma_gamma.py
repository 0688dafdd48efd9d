from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import mpmath as mp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError, SpendWarning
from crmkit.value import GammaGamma
from crmkit.value._gamma_gamma import SpendLikelihood

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gamma_gamma.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01")


@pytest.fixture(scope="module")
def fitted(today):
    return GammaGamma().fit(today)


def drawn(n, p=6.0, q=3.7, v=15.0, seed=0, most=8):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, most, n).astype(float)
    money = rng.gamma(np.maximum(p * x, 1)) / rng.gamma(q, 1 / v, n) / np.maximum(x, 1)
    return np.column_stack([x, np.where(x > 0, money, 0.0)])


# ------------------------------------------------------------------------------------- published


def test_cdnow(fitted):
    golden = GOLDEN["cdnow"]
    found = [fitted.p_, fitted.q_, fitted.v_]
    # The published figures end where an optimiser stopped: their last digit is worth 2.
    np.testing.assert_allclose(found, list(golden["parameters"].values()), rtol=3e-6)
    assert fitted.loglik_ == pytest.approx(golden["loglik"], abs=5e-5)
    assert fitted.n_rows_used_ == golden["customers"]
    assert fitted.n_left_out_ == 2357 - golden["customers"]
    assert fitted.converged_
    assert fitted.aic_ == pytest.approx(6 - 2 * fitted.loglik_)
    assert fitted.bic_ == pytest.approx(3 * np.log(946) - 2 * fitted.loglik_)


def test_cdnow_summary_file(data_folder):
    summary = pd.read_csv(data_folder / "cdnow" / "cdnow_summary_39w.csv")
    fitted = GammaGamma().fit(summary)
    golden, spend = GOLDEN["cdnow_rounded"], GOLDEN["expected_spend"]
    np.testing.assert_allclose([fitted.p_, fitted.q_, fitted.v_], list(golden["parameters"].values()), rtol=1e-5)
    assert fitted.loglik_ == pytest.approx(golden["loglik"], abs=5e-5)
    found = fitted.expected_spend(summary)
    np.testing.assert_allclose(found[np.array(spend["customers"]) - 1], spend["values"], atol=5e-4)
    assert found.mean() == pytest.approx(spend["mean"], abs=1e-4)
    assert fitted.spend_correlation_ == pytest.approx(spend["correlation"], abs=5e-7)


def test_repeat_spend(today):
    golden, money = GOLDEN["repeat_spend"], today.summary()["monetary_value"].dropna()
    found = [len(money), money.mean(), money.std(), money.min(), money.median(), money.max()]
    assert [round(one) for one in found] == [golden[name] for name in golden if name != "source"]


# ------------------------------------------------------------------------------ its own criterion


@given(st.tuples(st.floats(-2, 3), st.floats(-2, 3), st.floats(-2, 6)))
def test_gradient_is_that_of_high_precision_differences(theta):
    table = drawn(40)
    x, money = table[table[:, 0] > 0].T
    weight = np.linspace(0.5, 2, len(x))
    likelihood = SpendLikelihood(x, money, weight)

    def exact(theta):
        p, q, v = map(mp.exp, theta)
        return mp.fsum(
            mp.mpf(wi) * (mp.loggamma(p * xi + q) - mp.loggamma(p * xi) - mp.loggamma(q) + q * mp.log(v)
                  + (p * xi - 1) * mp.log(mi) + p * xi * mp.log(xi) - (p * xi + q) * mp.log(v + xi * mi))
            for xi, mi, wi in zip(map(mp.mpf, x), map(mp.mpf, money), weight, strict=True)
        )  # fmt: skip

    with mp.workdps(40):
        theta = [mp.mpf(one) for one in theta]
        step = mp.mpf(10) ** -12
        slopes = []
        for j in range(3):
            ahead, back = list(theta), list(theta)
            ahead[j] += step
            back[j] -= step
            slopes.append((exact(ahead) - exact(back)) / (2 * step))
        value, gradient = likelihood(np.array(theta, dtype=float))
        truth = exact(theta)
        assert abs(value - truth) <= 1e-10 * max(1, abs(truth))
        for found, slope in zip(gradient, slopes, strict=True):
            assert abs(found - slope) <= 1e-8 * max(1, abs(slope), abs(truth))


def test_the_table_kept_by_a_model_is_its_likelihood(today, fitted):
    summary = today.summary()
    x, money = summary[summary["frequency"] > 0][["frequency", "monetary_value"]].to_numpy().T
    likelihood = SpendLikelihood(x, money, np.ones(len(x)))
    rng = np.random.default_rng(0)
    for theta in fitted._theta + rng.normal(0, 0.5, (20, 3)):
        assert fitted._likelihood(theta) == pytest.approx(likelihood(theta)[0], rel=1e-12)
    assert fitted._likelihood(fitted._theta + np.array([0, 0, 1e3])) == -np.inf


def test_nothing_nearby_is_better(fitted):
    at = fitted._likelihood(fitted._theta)
    for move in np.random.default_rng(1).normal(0, 1e-3, (50, 3)):
        assert fitted._likelihood(fitted._theta + move) < at


def test_score_is_the_mean_log_likelihood(today, fitted):
    assert fitted.score(today) == pytest.approx(fitted.loglik_ / 946, rel=1e-12)


def test_standard_errors_cover(fitted):
    """Of 100 data sets the 95 % intervals of ln p, ln q and ln v hold the truth in about 95."""
    hits = np.zeros(3)
    for seed in range(100):
        model = GammaGamma().fit(drawn(600, seed=seed))
        found = np.array([model.p_, model.q_, model.v_])
        hits += np.abs(np.log(found / [6.0, 3.7, 15.0])) < 1.96 * model.standard_errors_ / found
    assert (hits >= 88).all()


def test_posterior_agrees_with_a_grid(fitted):
    """Means and standard deviations of the logs, against the density on a fine grid."""
    draws = np.log(fitted.sample_posterior(8000, random_state=0).draws)
    steps = np.linspace(-5, 5, 31)
    root = np.linalg.cholesky(fitted._spread)
    points = fitted._theta + np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) @ root.T
    logs = np.array([fitted._likelihood(point) - ((point - fitted._centre) ** 2).sum() / 18 for point in points])
    weights = np.exp(logs - logs.max())
    mean = np.average(points, axis=0, weights=weights)
    sd = np.sqrt(np.average((points - mean) ** 2, axis=0, weights=weights))
    assert (np.abs(draws.mean(axis=0) - mean) < 0.06 * sd).all()
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.05)


# ------------------------------------------------------------------------------------ invariances


def test_order_of_rows_changes_no_bit():
    table = drawn(3000)
    order = np.random.default_rng(0).permutation(len(table))
    one, other = GammaGamma().fit(table), GammaGamma().fit(table[order])
    assert (one.p_, one.q_, one.v_, one.loglik_) == (other.p_, other.q_, other.v_, other.loglik_)
    assert (one.predict_interval(table)[order] == other.predict_interval(table[order])).all()


def test_weights_are_replications():
    table = drawn(500)
    weight = np.random.default_rng(0).integers(0, 4, 500)
    one, other = GammaGamma().fit(table, sample_weight=weight), GammaGamma().fit(np.repeat(table, weight, axis=0))
    np.testing.assert_allclose([one.p_, one.q_, one.v_], [other.p_, other.q_, other.v_], rtol=1e-7)
    assert one.loglik_ == pytest.approx(other.loglik_, rel=1e-12)
    assert one.score(table, sample_weight=weight) == pytest.approx(other.score(np.repeat(table, weight, axis=0)))


@pytest.mark.parametrize("unit", [1e-6, 7.1, 1e9])
@pytest.mark.parametrize("penalty", [0.0, 5.0])
def test_currencies(unit, penalty):
    table = drawn(800)
    one, other = GammaGamma(penalty=penalty).fit(table), GammaGamma(penalty=penalty).fit(table * [1.0, unit])
    np.testing.assert_allclose([other.p_, other.q_, other.v_], [one.p_, one.q_, one.v_ * unit], rtol=1e-6)
    assert other.loglik_ == pytest.approx(one.loglik_ - one.n_rows_used_ * np.log(unit), rel=1e-9)
    np.testing.assert_allclose(other.expected_spend(table * [1.0, unit]), one.expected_spend(table) * unit, rtol=1e-6)


def test_frames_of_every_kind(make_frame):
    table = drawn(200)
    frame = make_frame({"frequency": table[:, 0], "monetary_value": table[:, 1], "other": np.arange(200)})
    one, other = GammaGamma().fit(frame), GammaGamma().fit(table)
    assert (one.p_, one.q_, one.v_) == (other.p_, other.q_, other.v_)
    assert (one.expected_spend(frame) == other.expected_spend(table)).all()


def test_snapshots_give_each_customer_once(today):
    rows = today.log.snapshots(["1997-06-01", "1997-10-01"])
    one, other = GammaGamma().fit(rows), GammaGamma().fit(today)
    assert (one.p_, one.loglik_) == (other.p_, other.loglik_)
    assert len(one.expected_spend(rows)) == len(rows)


def test_money_of_rows_without_repeats_is_not_looked_at():
    table = drawn(300)
    other = np.where(table[:, [0, 0]] == 0, [0, np.nan], table)
    frame = pl.DataFrame({"frequency": other[:, 0], "monetary_value": other[:, 1]})
    assert GammaGamma().fit(frame).loglik_ == GammaGamma().fit(table).loglik_


# ------------------------------------------------------------------------------------- predictions


def test_intervals_hold_what_they_are_about():
    rng = np.random.default_rng(3)
    p, q, v = 6.0, 3.7, 15.0
    x = rng.integers(0, 8, 4000).astype(float)
    level = rng.gamma(q, 1 / v, 4000)
    money = np.where(x > 0, rng.gamma(np.maximum(p * x, 1)) / level / np.maximum(x, 1), 0.0)
    table, following = np.column_stack([x, money]), rng.gamma(p, size=4000) / level
    model = GammaGamma().fit(table)
    interval = model.predict_interval(table, coverage=0.9, random_state=1)
    covered = (interval[:, 0] <= following) & (following <= interval[:, 1])
    assert covered.mean() == pytest.approx(0.9, abs=0.02)
    assert covered[x == 0].mean() == pytest.approx(0.9, abs=0.05)
    narrow = model.predict_interval(table, coverage=0.9, kind="mean")
    truth = p * (v + x * money) / (p * x + q - 1)
    assert ((narrow[:, 0] <= truth) & (truth <= narrow[:, 1])).mean() > 0.5
    assert (narrow[:, 1] - narrow[:, 0] < interval[:, 1] - interval[:, 0]).all()


def test_intervals_repeat_and_do_not_depend_on_the_batch(today, fitted):
    whole = fitted.predict_interval(today)
    assert (whole == fitted.predict_interval(today)).all()
    assert (whole[100:103] == fitted.predict_interval(today[100:103])).all()
    assert (whole != fitted.predict_interval(today, random_state=1)).any()


# ----------------------------------------------------------------------------------- bad and hard


def test_zeros_and_refunds_are_left_out_counted_and_said():
    table = drawn(300)
    bad = np.vstack([table, [[2.0, 0.0], [1.0, -5.0], [3.0, -0.01]]])
    with pytest.warns(SpendWarning, match="3 of .* no money, or less.*refunds='drop'"):
        model = GammaGamma().fit(bad)
    assert model.loglik_ == GammaGamma().fit(table).loglik_
    assert model.n_left_out_ == (table[:, 0] == 0).sum() + 3
    # At prediction money of zero or less counts as none.
    expected = model.expected_spend(np.array([[2.0, 0.0], [2.0, -5.0]]))
    assert expected[0] == expected[1] == pytest.approx(model.p_ * model.v_ / (2 * model.p_ + model.q_ - 1))


def test_no_mean_is_said():
    table = drawn(3000, q=0.7)
    with pytest.warns(SpendWarning, match="q = .* no mean over customers.*penalty"):
        model = GammaGamma().fit(table)
    assert model.expected_spend(np.array([[0.0, 0.0]]))[0] == np.inf
    assert np.isfinite(model.expected_spend(table[table[:, 0] > 0])).all()


@pytest.mark.parametrize(
    "table",
    [
        [[3, 20.0]],
        [[1, 5.0], [1, 5.0], [1, 5.0]],
        [[1, 5.0], [200, 5.0]],
        [[20_000, 1e6], [20_000, 1e-6]],
    ],
)
def test_tiny_data_converge_or_say_why(table):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = GammaGamma().fit(np.array(table, dtype=float))
    assert model.converged_ or any(issubclass(one.category, ConvergenceWarning) for one in said)
    assert np.isfinite([model.p_, model.q_, model.v_, model.loglik_]).all()
    calm = GammaGamma(penalty=1.0).fit(np.array(table, dtype=float))
    assert calm.converged_
    assert np.isfinite(calm.sample_posterior(50, random_state=0).draws).all()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 2)), "repeat purchases and money above zero, and none of the 3"),
        (np.ones((3, 3)), "frequency and monetary_value, or an array of these two"),
        (np.array([[1.5, 2.0]]), "whole number"),
        (np.array([[-1.0, 2.0]]), "whole number"),
        (np.array([[1.0, np.nan]]), "must be a finite number where frequency > 0"),
        (np.array([[np.nan, 1.0]]), "frequency"),
        (pd.DataFrame({"frequency": [1]}), "monetary_value"),
        (pd.DataFrame({"frequency": [None, 1.0], "monetary_value": [1.0, 2.0]}), "frequency .* missing in 1 of 2"),
    ],
)
def test_what_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        GammaGamma().fit(X)


def test_more_that_is_refused(today, fitted):
    with pytest.raises(ParameterError, match=r"log\.snapshot"):
        GammaGamma().fit(today.log)
    with pytest.raises(ParameterError, match="fitted on Snapshots"):
        fitted.expected_spend(drawn(5))
    with pytest.raises(ParameterError, match="sample_weight"):
        GammaGamma().fit(drawn(5), sample_weight=[-1, 1, 1, 1, 1])
    with pytest.raises(NotFittedError):
        GammaGamma().expected_spend(today)
    with pytest.raises(ParameterError, match="kind"):
        fitted.predict_interval(today, kind="both")
    moneyless = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date").snapshot("1997-10-01")
    with pytest.raises(ParameterError, match="the log has none"):
        GammaGamma().fit(moneyless)


def test_it_is_an_estimator(today, fitted):
    assert clone(GammaGamma(penalty=2.0)).get_params() == {"penalty": 2.0, "max_iter": 200}
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.expected_spend(today) == fitted.expected_spend(today)).all()
    search = GridSearchCV(GammaGamma(), {"penalty": [0.0, 100.0]}, cv=3).fit(today)
    assert search.best_params_["penalty"] == 0.0


def test_a_flat_ridge_is_no_maximum():
    """All spend the same, however often they buy: p and q may be any large numbers."""
    x = np.arange(1.0, 41.0)
    with pytest.warns(ConvergenceWarning, match="no maximum"):
        model = GammaGamma().fit(np.column_stack([x, np.full(40, 10.0)]))
    assert not model.converged_
    assert model.expected_spend(np.array([[3.0, 10.0]])) == pytest.approx([10.0], rel=1e-3)
