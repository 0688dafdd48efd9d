"""SatisfactionClassifier: on tables, on snapshots, its odds ratios, and what it refuses."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.features import RFMTransformer, WindowAggregator
from crmkit.satisfaction import SatisfactionClassifier
from crmkit.testing._sample import sample_snapshots


def made_table(n=600, seed=0):
    """Customers, and whether they are satisfied."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "waited": rng.gamma(2, 5, n),
            "plan": rng.choice(["basic", "family", "pro"], n, p=[0.5, 0.3, 0.2]),
            "online": rng.random(n) < 0.5,
        }
    )
    eta = 1.0 - 0.1 * table["waited"] + (table["plan"] == "pro") * 1.2
    return table, (rng.random(n) < expit(eta)).to_numpy().astype(int)


@pytest.fixture(scope="module")
def table():
    return made_table()


@pytest.fixture(scope="module")
def rows():
    return sample_snapshots()


def test_odds_ratios_find_the_truth():
    X, y = made_table(8000, seed=1)
    found = SatisfactionClassifier().fit(X, y).odds_ratios()
    assert list(found.index) == ["waited", "plan=family", "plan=pro", "online"]
    assert (found["n"] == 8000).all()
    for term, truth in {"waited": np.exp(-0.1), "plan=pro": np.exp(1.2), "plan=family": 1.0}.items():
        assert found.loc[term, "low"] < truth < found.loc[term, "high"]
    assert found.loc["plan=pro", "reference"] == "basic"
    assert found.loc["plan=pro", "high"] / found.loc["plan=pro", "low"] < 1.5
    wide = SatisfactionClassifier().fit(X, y).odds_ratios(coverage=0.99)
    assert (wide["low"] < found["low"]).all()
    assert (wide["value"] == found["value"]).all()


def test_an_odds_ratio_is_for_one_more_unit(table):
    X, y = table
    model = SatisfactionClassifier().fit(X, y)
    one = X.iloc[[0, 0]].copy()
    one.iloc[1, 0] += 1
    p = model.predict_proba(one)[:, 1]
    odds = p / (1 - p)
    assert odds[1] / odds[0] == pytest.approx(model.odds_ratios().loc["waited", "value"])


def test_the_mean_probability_is_the_share_of_the_satisfied(table):
    X, y = table
    model = SatisfactionClassifier().fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=1e-12)
    assert model.classes_.tolist() == [0, 1]
    assert model.pos_label_ == 1
    assert roc_auc_score(y == 1, model.predict_proba(X)[:, 1]) > 0.65


def test_labels_and_which_of_them_means_satisfied(table):
    X, y = table
    words = np.where(y == 1, "happy", "unhappy")
    with pytest.raises(ParameterError, match="which of them means satisfied is not known"):
        SatisfactionClassifier().fit(X, words)
    model = SatisfactionClassifier(pos_label="happy").fit(X, words)
    scores = SatisfactionClassifier().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 0], scores.predict_proba(X)[:, 1])
    assert ((model.predict(X) == "happy") == scores.predict(X)).all()
    pd.testing.assert_frame_equal(model.odds_ratios(), scores.odds_ratios())


def test_polars_and_missing_values(table):
    X, y = table
    holed = X.copy()
    holed.loc[::7, "waited"] = np.nan
    holed.loc[::9, "plan"] = None
    model = SatisfactionClassifier().fit(holed, y)
    assert {"waited (missing)", "plan (other)"} <= set(model.odds_ratios().index)
    other = SatisfactionClassifier().fit(pl.from_pandas(holed), y)
    np.testing.assert_allclose(model.predict_proba(holed), other.predict_proba(pl.from_pandas(holed)), rtol=1e-12)


def test_weights_count_rows_and_make_errors_robust(table):
    X, y = table
    model = SatisfactionClassifier()
    plain = model.fit(X, y).odds_ratios()
    ones = clone(model).fit(X, y, sample_weight=np.ones(len(X))).odds_ratios()
    np.testing.assert_allclose(ones["value"], plain["value"], rtol=1e-10)
    np.testing.assert_allclose(np.log(ones["high"] / ones["low"]), np.log(plain["high"] / plain["low"]), rtol=0.25)
    twice = clone(model).fit(pd.concat([X, X]), np.tile(y, 2), sample_weight=np.full(2 * len(X), 0.5))
    np.testing.assert_allclose(twice.odds_ratios()["value"], plain["value"], rtol=1e-9)


def test_the_unit_of_weights_is_a_row(table):
    X, y = table
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    found = SatisfactionClassifier().fit(X, y, sample_weight=weight).odds_ratios()
    large = SatisfactionClassifier().fit(X, y, sample_weight=weight * 1e6).odds_ratios()
    # Jeffreys' prior is worth a few rows: without it odds ratios are a little farther from 1.
    np.testing.assert_allclose(large["value"], found["value"], rtol=0.05)
    np.testing.assert_allclose(large["high"] / large["low"], found["high"] / found["low"], rtol=0.05)
    huge = SatisfactionClassifier().fit(X, y, sample_weight=weight * 1e300).odds_ratios()
    np.testing.assert_allclose(huge[["value", "low"]], large[["value", "low"]], rtol=1e-4)
    with pytest.raises(ParameterError, match="a weight of 1 counts as one row"):
        SatisfactionClassifier().fit(X, y, sample_weight=weight / weight.sum())


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        GaussianNB(),
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=20),
        LinearSVC(),
    ],
)
def test_any_classifier_is_calibrated(table, estimator):
    X, y = table
    model = SatisfactionClassifier(estimator, random_state=0).fit(X, y)
    assert model.calibration_ == "sigmoid"
    assert isinstance(model.estimator_, CalibratedClassifierCV)
    assert abs(model.predict_proba(X)[:, 1].mean() - y.mean()) < 0.05
    with pytest.raises(ParameterError, match="no coefficients with intervals"):
        model.odds_ratios()


def test_calibration_may_be_left_out(table):
    X, y = table
    model = SatisfactionClassifier(GaussianNB(), calibration=None).fit(X, y)
    assert isinstance(model.estimator_, GaussianNB)
    with pytest.raises(ParameterError, match="predict_proba, unless it is calibrated"):
        SatisfactionClassifier(LinearSVC(), calibration=None).fit(X, y)
    steps = SatisfactionClassifier(calibration="isotonic", random_state=0).fit(X, y)
    assert steps.calibration_ == "isotonic"
    plain = SatisfactionClassifier().fit(X, y)
    pd.testing.assert_frame_equal(steps.odds_ratios(), plain.odds_ratios())


def test_one_row_of_a_class_is_not_calibrated():
    with pytest.warns(CrmkitWarning, match="nothing is calibrated"):
        model = SatisfactionClassifier(GaussianNB()).fit(np.arange(8.0).reshape(-1, 1), [0] * 7 + [1])
    assert model.calibration_ is None


def test_subgroups_by_name_and_by_array(table):
    X, y = table
    model = SatisfactionClassifier().fit(X, y)
    found = model.subgroup_table(X, y, "plan")
    assert list(found.index) == ["basic", "family", "pro"]
    assert found["n"].sum() == len(X)
    # A dummy for each plan leaves no gap between what was said and came, but for the prior.
    assert found["calibration_gap"].abs().max() < 0.01
    pd.testing.assert_frame_equal(model.subgroup_table(X, y, X["plan"].to_numpy()), found)
    with pytest.raises(ColumnNotFoundError, match="plan"):
        model.subgroup_table(X, y, "plans")


def test_drivers_share_out_what_the_features_explain(table):
    X, y = table
    model = SatisfactionClassifier().fit(X, y)
    found = model.drivers(X, y, n_resamples=0)
    assert list(found.driver_names_) == ["waited", "plan", "online"]
    assert found.importances_.sum() == pytest.approx(found.r2_)
    assert found.importances_[2] < found.importances_[:2].min()


def test_snapshots_with_attributes(rows):
    y = rows.churned()
    model = SatisfactionClassifier().fit(rows, y)
    assert model.fitted_on_[0] == rows.log.fingerprint
    assert not hasattr(model, "n_features_in_")
    found = model.odds_ratios()
    assert found["n"].iloc[0] == len(np.unique(rows.codes)) < len(rows)
    assert model.predict_proba(rows).shape == (len(rows), 2)
    few = SatisfactionClassifier(features=[RFMTransformer(), "attributes"]).fit(rows, y)
    assert "recency_days" in few.feature_names_
    both = SatisfactionClassifier(features=["auto", WindowAggregator(["90D"], ["count"])]).fit(rows, y)
    assert both.feature_names_ == [*model.feature_names_, "count_events_90D"]
    with pytest.raises(ParameterError, match="fitted on Snapshots, and X is a DataFrame"):
        model.predict(made_table()[0])
    with pytest.raises(ParameterError, match="fitted on a table, and X is a Snapshots"):
        SatisfactionClassifier().fit(*made_table()).predict(rows)
    with pytest.raises(ValueError, match="features"):
        SatisfactionClassifier(features="everything").fit(rows, y)


def test_answers_of_a_survey_to_a_log():
    rng = np.random.default_rng(0)
    n = 300
    orders = pd.DataFrame({"customer": rng.integers(0, n, 3000), "value": rng.gamma(2, 20, 3000)})
    orders["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.random(3000) * 200, "D")
    customers = pd.DataFrame({"customer": np.arange(n), "region": rng.choice(["north", "south"], n)})
    log = EventLog.from_frame(orders, customer="customer", time="time", value="value")
    log = log.with_attributes(customers, customer="customer")
    asked = pd.DataFrame({"customer": np.arange(n), "asked": pd.Timestamp("2026-07-01")})
    X = log.snapshots_at(asked, customer="customer", as_of="asked")
    south = (X.attributes()["region"] == "south").to_numpy()
    y = rng.random(n) < 0.3 + 0.4 * south
    model = SatisfactionClassifier(features=["attributes"]).fit(X, y)
    ratio = model.odds_ratios().iloc[0]
    assert ratio["low"] > 1 if ratio.name == "region=south" else ratio["high"] < 1
    table = model.subgroup_table(X, y, "region")
    assert list(table.index) == ["north", "south"]


def test_searches_copies_and_pickles(table):
    X, y = table
    search = GridSearchCV(SatisfactionClassifier(KNeighborsClassifier()), {"estimator__n_neighbors": [3, 25]}, n_jobs=2)
    assert search.fit(X, y).best_params_["estimator__n_neighbors"] == 25
    scores = cross_val_score(SatisfactionClassifier(), X, y, scoring=None)
    assert scores.mean() > 0.6
    model = SatisfactionClassifier().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict_proba(X.iloc[[5]])[0], model.predict_proba(X)[5])


def test_terms_that_say_the_same_are_named(table):
    X, y = table
    with pytest.warns(CrmkitWarning, match=r"'minutes' are combinations"):
        model = SatisfactionClassifier().fit(X.assign(minutes=60 * X["waited"]), y)
    assert model.odds_ratios().loc["minutes"].isna().loc["value"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SatisfactionClassifier().fit(X.assign(constant=1), y)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({}, None, "requires y"),
        ({}, "scores", "Only binary"),
        ({"estimator": LogisticRegression}, "y", "not its class"),
        ({"calibration": "beta"}, "y", "calibration"),
        ({"pos_label": "yes"}, "y", "is not one of the labels"),
        ({}, "short", "They must be equally many"),
        ({}, "holed", "NaN"),
    ],
)
def test_what_is_refused(table, options, kind, message):
    X, y = table
    scores = y * np.arange(len(y))
    holed = np.where(y == 1, np.nan, y)
    y = {"y": y, "short": y[:-1], "holed": holed, "scores": scores, None: None}[kind]
    model = SatisfactionClassifier(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "terms_")


def test_a_failing_fit_leaves_the_model_as_it_was(table):
    X, y = table
    model = SatisfactionClassifier().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ParameterError):
        model.fit(X.head(10), y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_names_of_customers_are_refused(table):
    X, y = table
    with pytest.raises(ParameterError, match="'id' of X is text with 600 different values"):
        SatisfactionClassifier().fit(X.assign(id=[f"c{i}" for i in range(len(X))]), y)
    with pytest.raises(ParameterError, match="takes none in its fit"):
        SatisfactionClassifier(KNeighborsClassifier()).fit(X, y, np.full(len(X), 2))
