"""SatisfactionRegressor: coefficients, limits of the scale, and groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from crmkit.exceptions import ParameterError
from crmkit.model_selection import ConformalRegressor
from crmkit.satisfaction import SatisfactionRegressor
from crmkit.testing._sample import sample_snapshots


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"waited": rng.gamma(2, 5, 500), "plan": rng.choice(["basic", "pro"], 500)})
    y = 8 - 0.2 * X["waited"] + (X["plan"] == "pro") + rng.normal(size=500)
    return X, np.clip(y, 0, 10).to_numpy()


def test_it_is_least_squares(table):
    X, y = table
    model = SatisfactionRegressor().fit(X, y)
    design = np.column_stack([X["waited"], X["plan"] == "pro"]).astype(float)
    naive = LinearRegression().fit(design, y)
    np.testing.assert_allclose(model.predict(X), naive.predict(design), rtol=1e-9)
    found = model.coefficients()
    sign = 1 if "plan=pro" in found.index else -1
    np.testing.assert_allclose(found["value"] * [1, sign], naive.coef_, rtol=1e-8)
    assert found.loc["waited", "low"] < -0.2 < found.loc["waited", "high"]
    # A weight on every row alike changes no figure.
    for scale in (3.0, 1e300, 1e-300):
        weighed = SatisfactionRegressor().fit(X, y, sample_weight=np.full(500, scale)).coefficients()
        np.testing.assert_allclose(weighed[["value", "low", "high"]], found[["value", "low", "high"]], rtol=1e-9)


def test_no_prediction_leaves_the_scale(table):
    X, y = table
    model = SatisfactionRegressor(scale=(0, 10)).fit(X, y)
    said = model.predict(pd.DataFrame({"waited": [0.0, 1000.0], "plan": ["pro", "basic"]}))
    assert said[1] == 0
    assert said[0] <= 10
    with pytest.raises(ParameterError, match=r"answers in y off the scale of 1 to 5"):
        SatisfactionRegressor(scale=(1, 5)).fit(X, y)
    with pytest.raises(ParameterError, match="'scale' parameter"):
        SatisfactionRegressor(scale=5).fit(X, y)


def test_any_regressor_and_its_intervals(table):
    X, y = table
    model = SatisfactionRegressor(RandomForestRegressor(20, random_state=0)).fit(X, y)
    assert model.score(X, y) > 0.8
    with pytest.raises(ParameterError, match="no coefficients with intervals"):
        model.coefficients()
    assert ConformalRegressor(SatisfactionRegressor()).get_params()["estimator__scale"] is None


def test_errors_by_group(table):
    X, y = table
    model = SatisfactionRegressor().fit(X, y)
    found = model.subgroup_table(X, y, "plan")
    assert found["n"].sum() == 500
    for plan, row in found.iterrows():
        members = (X["plan"] == plan).to_numpy()
        error = model.predict(X)[members] - y[members]
        assert row["mean_answer"] == pytest.approx(y[members].mean())
        assert row["gap"] == pytest.approx(error.mean(), abs=1e-12)
        assert row["mean_absolute_error"] == pytest.approx(np.abs(error).mean())
        half = 1.97 * error.std(ddof=1) / np.sqrt(members.sum())
        assert row["gap_high"] - row["gap"] == pytest.approx(half, rel=0.01)


def test_drivers_sum_to_the_share_explained(table):
    X, y = table
    model = SatisfactionRegressor().fit(X, y)
    found = model.drivers(X, y, n_resamples=0)
    assert found.r2_ == pytest.approx(model.score(X, y))
    assert found.importances_.sum() == pytest.approx(found.r2_)


def test_drivers_are_told_in_the_units_of_the_columns(table):
    X, y = table
    found = SatisfactionRegressor().fit(X, y).drivers(X, y, n_resamples=0)
    assert found.performance_[0] == pytest.approx(X["waited"].mean())
    assert np.isnan(found.performance_[1])
    coefficient = SatisfactionRegressor().fit(X, y).coefficients().loc["waited", "value"]
    assert found.coefficients_[0] == pytest.approx(coefficient)
    for taken in ("groups", "model"):
        with pytest.raises(ParameterError, match=f"sets '{taken}' itself"):
            SatisfactionRegressor().fit(X, y).drivers(X, y, **{taken: None})


def test_a_level_of_one_customer_has_an_interval_that_holds():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame({"c": ["a"] * 40 + ["b"] * 19 + ["z"]})
        row = SatisfactionRegressor().fit(X, 3 + rng.normal(size=60)).coefficients().loc["c=z"]
        hits += row["low"] <= 0 <= row["high"]
    assert 0.9 < hits / 200 <= 0.99
    full = SatisfactionRegressor().fit(pd.DataFrame({"c": list("ab")}), [1.0, 2.0]).coefficients()
    assert np.isinf(full[["low", "high"]].to_numpy()).all()


def test_coverage_is_a_share(table):
    X, y = table
    with pytest.raises(ParameterError, match="coverage"):
        SatisfactionRegressor().fit(X, y).subgroup_table(X, y, "plan", coverage=95)


def test_snapshots():
    rows = sample_snapshots()
    model = SatisfactionRegressor(scale=(0, 10)).fit(rows, np.arange(len(rows)) % 11)
    assert model.predict(rows).shape == (len(rows),)
    assert model.coefficients()["n"].iloc[0] == len(np.unique(rows.codes))


@pytest.mark.parametrize("y", [None, [1.0], ["a"] * 500, [np.nan] * 500])
def test_answers_are_needed(table, y):
    with pytest.raises(ValueError, match="y"):
        SatisfactionRegressor().fit(table[0], y)
