"""Every tool of scikit-learn that takes rows takes Snapshots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  importing it is what enables it
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import make_purchases
from crmkit.events import Snapshots
from crmkit.model_selection import TemporalSplit

TEMPORAL = TemporalSplit(3)
DISJOINT = TemporalSplit(3, customers="disjoint", n_customer_groups=3)
SPLITTERS = [TEMPORAL, DISJOINT, TimeSeriesSplit(3), KFold(3, shuffle=True, random_state=0), StratifiedKFold(3)]


@pytest.fixture(scope="module")
def log():
    frame, _ = make_purchases(100, span="60W", r=0.9, alpha=5.0, random_state=0)
    frame["item"] = np.arange(len(frame)) % 7
    return EventLog.from_frame(
        frame, customer="customer_id", time="time", value="value", item="item", observed_until="2024-02-25"
    )


@pytest.fixture(scope="module", name="X")
def rows(log):
    return log.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="45D")


@pytest.fixture(scope="module", name="y")
def target(X):
    return X.churned()


@pytest.fixture
def model():
    return make_pipeline(RFMTransformer(), StandardScaler(), LogisticRegression())


GRID = {"logisticregression__C": [0.01, 1.0], "rfmtransformer__n_bins": [3, 5]}


def test_train_test_split(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    assert isinstance(X_train, Snapshots)
    assert len(X_train) + len(X_test) == len(X)
    assert np.array_equal(X_train.churned(), y_train)
    assert np.array_equal(X_test.churned(), y_test)


@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_cross_val_score(X, y, model, cv):
    scores = cross_val_score(model, X, y, cv=cv, scoring="roc_auc", error_score="raise")
    by_hand = []
    for train, test in cv.split(X, y):
        fitted = clone(model).fit(X[train], y[train])
        by_hand.append(cross_val_auc(y[test], fitted.predict_proba(X[test])[:, 1]))
    np.testing.assert_allclose(scores, by_hand)


def cross_val_auc(y, score):
    """Compare all pairs, one by one."""
    pairs = score[y == 1][:, None] - score[y == 0][None, :]
    return np.mean((pairs > 0) + (pairs == 0) / 2)


def test_group_k_fold(X, y, model):
    cv = GroupKFold(3)
    assert np.isfinite(cross_val_score(model, X, y, cv=cv, groups=X.customer_id, error_score="raise")).all()
    for train, test in cv.split(X, y, X.customer_id):
        assert set(X[train].customer_id).isdisjoint(X[test].customer_id)


def test_cross_validate(X, y, model):
    found = cross_validate(
        model,
        X,
        y,
        cv=TEMPORAL,
        scoring=["roc_auc", "average_precision"],
        return_train_score=True,
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )  # fmt: skip  one argument after the other
    assert len(found["estimator"]) == 3
    for (_, test), indices in zip(TEMPORAL.split(X), found["indices"]["test"], strict=True):
        assert np.array_equal(test, indices)


def test_cross_val_predict(X, y, model):
    assert cross_val_predict(model, X, y, cv=KFold(3), method="predict_proba").shape == (len(X), 2)
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(model, X, y, cv=TEMPORAL)


@pytest.mark.slow
def test_two_processes(X, y, model):
    one, two = (cross_val_score(model, X, y, cv=TEMPORAL, n_jobs=jobs, error_score="raise") for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)
    search = GridSearchCV(model, GRID, cv=TEMPORAL, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ == GridSearchCV(model, GRID, cv=TEMPORAL, error_score="raise").fit(X, y).best_score_


@pytest.mark.parametrize("cv", [TEMPORAL, DISJOINT, KFold(3)], ids=repr)
def test_grid_search(X, y, model, cv):
    search = GridSearchCV(model, GRID, cv=cv, scoring="roc_auc", error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (len(X),)
    assert search.score(X, y) > 0.5


def test_randomized_search(X, y, model):
    search = RandomizedSearchCV(model, GRID, n_iter=3, cv=TEMPORAL, random_state=0, error_score="raise").fit(X, y)
    assert search.predict_proba(X).shape == (len(X), 2)


@pytest.mark.parametrize("resource", ["n_samples", "logisticregression__max_iter"])
def test_halving_search(X, y, model, resource):
    # With fewer rows than all, folds are drawn within a random part of each fold's training rows.
    options = {"max_resources": 200, "min_resources": 100} if resource != "n_samples" else {"min_resources": 300}
    search = HalvingGridSearchCV(
        model, GRID, cv=TEMPORAL, factor=2, resource=resource, random_state=0, error_score="raise", **options
    )
    assert search.fit(X, y).predict(X).shape == (len(X),)


@pytest.mark.parametrize("outer", [TEMPORAL, DISJOINT], ids=repr)
def test_a_search_within_cross_validation(X, y, model, outer):
    inner = TemporalSplit(2, customers=outer.customers, n_customer_groups=3)
    search = GridSearchCV(model, GRID, cv=inner, scoring="roc_auc", error_score="raise")
    assert np.isfinite(cross_val_score(search, X, y, cv=outer, error_score="raise")).all()


def test_metadata_routing(X, y, model):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(model, GRID, cv=TEMPORAL, error_score="raise")
        # scikit-learn 1.6.0 trips over its own default params=None here.
        scores = cross_val_score(search, X, y, cv=TemporalSplit(2), params={}, error_score="raise")
        assert np.isfinite(scores).all()


def test_curves_and_permutation_test(X, y, model):
    sizes, train_scores, _ = learning_curve(model, X, y, cv=TEMPORAL, train_sizes=[0.5, 1.0], error_score="raise")
    assert sizes[1] == min(len(train) for train, _ in TEMPORAL.split(X))
    assert train_scores.shape == (2, 3)
    train_scores, test_scores = validation_curve(
        model, X, y, param_name="logisticregression__C", param_range=[0.1, 1.0], cv=TEMPORAL, error_score="raise"
    )
    assert train_scores.shape == test_scores.shape == (2, 3)
    score, shuffled, p = permutation_test_score(
        model, X, y, cv=TEMPORAL, n_permutations=5, scoring="roc_auc", random_state=0
    )
    assert score > shuffled.mean()
    assert p == pytest.approx(1 / 6)


def test_thresholds(X, y, model):
    tuned = TunedThresholdClassifierCV(model, cv=TEMPORAL, scoring="balanced_accuracy").fit(X, y)
    assert 0 < tuned.best_threshold_ < 1
    fixed = FixedThresholdClassifier(model.fit(X, y), threshold=tuned.best_threshold_).fit(X, y)
    assert np.array_equal(fixed.predict(X), tuned.predict(X))
    # This path asks the splitter for its number of folds without showing it the rows.
    once = TunedThresholdClassifierCV(model, cv=TemporalSplit(1), refit=False).fit(X, y)
    assert once.predict(X).shape == (len(X),)
    nested = cross_val_score(
        TunedThresholdClassifierCV(model, cv=TemporalSplit(2)), X, y, cv=TEMPORAL, error_score="raise"
    )
    assert np.isfinite(nested).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(X, y, model, method):
    calibrated = CalibratedClassifierCV(model, cv=TEMPORAL, method=method).fit(X, y)
    assert len(calibrated.calibrated_classifiers_) == 3
    assert calibrated.predict_proba(X).shape == (len(X), 2)


def test_calibration_display(X, y, model):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'plot'")
    display = CalibrationDisplay.from_estimator(model.fit(X, y), X, y, n_bins=4)
    assert len(display.prob_true) <= 4


def test_ensembles(X, y, model):
    members = [("rfm", model), ("none", DummyClassifier())]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    stacking = StackingClassifier(members, cv=KFold(3)).fit(X, y)
    for ensemble in (voting, stacking):
        assert ensemble.predict_proba(X).shape == (len(X), 2)
        assert np.isfinite(cross_val_score(ensemble, X, y, cv=TEMPORAL, error_score="raise")).all()


def test_dummy_classifier(X, y):
    assert np.isfinite(cross_val_score(DummyClassifier(), X, y, cv=TEMPORAL, error_score="raise")).all()


def test_feature_union_and_set_output(X, y):
    union = FeatureUnion(
        [("rfm", RFMTransformer()), ("summary", FunctionTransformer(lambda rows: rows.summary()[["T"]]))]
    )
    model = make_pipeline(union, StandardScaler(), LogisticRegression())
    assert np.isfinite(cross_val_score(model, X, y, cv=TEMPORAL, error_score="raise")).all()
    table = make_pipeline(RFMTransformer(), StandardScaler()).set_output(transform="pandas").fit_transform(X)
    assert table.columns.tolist() == ["recency_days", "frequency", "monetary"]
    assert table.index.names == ["customer_id", "as_of"]


def test_pipelines_remember_with_memory(X, y, tmp_path):
    model = make_pipeline(RFMTransformer(), LogisticRegression(), memory=str(tmp_path))
    first = model.fit(X, y).predict_proba(X)
    assert np.array_equal(model.fit(X, y).predict_proba(X), first)


class Popularity(BaseEstimator):
    """Recommends to everybody what was bought most."""

    def fit(self, X, y):
        self.best_ = int(np.argmax(np.asarray(y.csr.sum(axis=0))))
        return self

    def score(self, X, y):
        return float((y.csr[:, [self.best_]].toarray() > 0).mean())


def test_items_as_y(X):
    y = X.future_items()
    scores = cross_val_score(Popularity(), X, y, cv=TEMPORAL, error_score="raise")
    by_hand = [Popularity().fit(X[train], y[train]).score(X[test], y[test]) for train, test in TEMPORAL.split(X)]
    assert scores.tolist() == by_hand
    assert cross_val_score(Popularity(), X, y, cv=KFold(3), error_score="raise").shape == (3,)


def test_what_does_not_work_says_so(X, y, model):
    """These two turn X into an array of numbers; crmkit's own permutation_importance takes the second's place."""
    with pytest.raises(TypeError, match="put a feature transformer first"):
        BaggingClassifier(model).fit(X, y)
    with pytest.raises(TypeError, match="put a feature transformer first"):
        permutation_importance(model.fit(X, y), X, y)
    with pytest.raises(TypeError, match="put a feature transformer first"):
        LogisticRegression().fit(X, y)
