"""Scorers of recommenders: in searches, over time, and with an interval."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_matrix
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.metrics import estimate, hit_rate_at_k, map_at_k, mrr_at_k, ndcg_at_k, precision_at_k, recall_at_k
from crmkit.model_selection import RecommendationScorer, TemporalSplit, backtest
from crmkit.recommend import EASERecommender, PopularityRecommender

METRICS = {
    "hit_rate": hit_rate_at_k,
    "map": map_at_k,
    "mrr": mrr_at_k,
    "ndcg": ndcg_at_k,
    "precision": precision_at_k,
    "recall": recall_at_k,
}


@pytest.fixture(scope="module")
def snapshots():
    """Sixty customers of two tastes, who buy again what they bought, at three dates."""
    rng = np.random.default_rng(0)
    n = 1500
    customer = rng.integers(60, size=n)
    item = np.where(rng.random(n) < 0.8, customer % 2 * 15, rng.integers(2, size=n) * 15) + rng.integers(15, size=n)
    time = np.datetime64("2024-01-01") + rng.integers(365, size=n).astype("m8[D]")
    columns = {"customer": customer, "time": time, "item": np.char.add("item ", item.astype(str))}
    log = EventLog.from_frame(columns, customer="customer", time="time", item="item")
    X = log.snapshots(["2024-04-01", "2024-07-01", "2024-10-01"], horizon="60D")
    return X, X.future_items()


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(1)
    before, after = (rng.random((2, 80, 20)) < 0.15).astype(np.int64)
    before[0], after[0] = after[0], before[0]
    return csr_matrix(before), csr_matrix(after)


def naive(metric, model, X, y, k, exclude_seen):
    """Row by row, from the public lists and sets of item ids."""
    lists = model.recommend(X, k, exclude_seen=exclude_seen)
    seen = X.interactions().toarray() > 0
    wanted = y.csr.toarray() > 0
    if exclude_seen:
        wanted &= ~seen
    items = y.items.tolist()
    places = np.full((len(X), k), -1)
    row_of = {key: row for row, key in enumerate(zip(X.customer_id.tolist(), X.as_of.tolist(), strict=True))}
    as_of = lists["as_of"].to_numpy().astype("M8[us]").tolist()
    for customer, day, rank, item in zip(lists["customer_id"], as_of, lists["rank"], lists["item"], strict=True):
        places[row_of[customer, day], rank - 1] = items.index(item)
    return METRICS[metric](wanted, places, k, average=None)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_snapshots(snapshots, metric, exclude_seen):
    X, y = snapshots
    model = EASERecommender(exclude_seen=exclude_seen).fit(X[:60])
    expected = naive(metric, model, X[120:], y[120:], 4, exclude_seen)
    for said in (None, exclude_seen):
        scorer = RecommendationScorer(metric, 4, exclude_seen=said)
        np.testing.assert_allclose(scorer.by_row(model, X[120:], y[120:]), expected, rtol=1e-12)
        assert scorer(model, X[120:], y[120:]) == pytest.approx(np.nanmean(expected))
    assert np.isnan(expected).any() == exclude_seen


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_matrices(matrices, exclude_seen):
    before, after = matrices
    model = EASERecommender().fit(before)
    lists, _ = model.recommend(before, 5, exclude_seen=exclude_seen)
    wanted = after.toarray() > 0
    if exclude_seen:
        wanted &= before.toarray() == 0
    expected = map_at_k(wanted, lists, 5)
    for y in (after, after.toarray()):
        assert RecommendationScorer("map", 5, exclude_seen)(model, before, y) == pytest.approx(expected)


def test_its_ndcg_is_the_score_of_the_model(snapshots):
    X, y = snapshots
    model = EASERecommender(k=7).fit(X[:60])
    assert RecommendationScorer(k=7)(model, X, y) == pytest.approx(model.score(X, y))


def test_items_that_the_model_has_never_seen_are_misses(snapshots):
    X, y = snapshots
    model = PopularityRecommender().fit(X[:3])
    assert len(model.items_) < len(y.items)
    recall = RecommendationScorer("recall", k=len(y.items), exclude_seen=False).by_row(model, X, y)
    wanted = y.csr.toarray() > 0
    known = np.isin(y.items, model.items_)
    expected = wanted[:, known].sum(axis=1) / np.where(wanted.any(axis=1), wanted.sum(axis=1), np.nan)
    np.testing.assert_allclose(recall, expected)


def test_searches_and_cross_validation(snapshots):
    X, y = snapshots
    scorer = RecommendationScorer("precision", k=5)
    search = GridSearchCV(EASERecommender(), {"l2": [1e6, 20.0]}, scoring=scorer, cv=TemporalSplit(2))
    search.fit(X, y)
    scores = cross_val_score(EASERecommender(20.0), X, y, scoring=scorer, cv=TemporalSplit(2))
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(scores.mean())
    assert search.score(X, y) == scorer(search.best_estimator_, X, y)
    several = {"precision": scorer, "again": RecommendationScorer("hit_rate", 1, exclude_seen=False)}
    found = cross_validate(EASERecommender(20.0), X, y, scoring=several, cv=TemporalSplit(2))
    np.testing.assert_array_equal(found["test_precision"], scores)
    assert (found["test_again"] > 0).all()
    with sklearn.config_context(enable_metadata_routing=True):
        # params={}: scikit-learn 1.6 stumbles over its own default here
        again = cross_val_score(EASERecommender(20.0), X, y, scoring=scorer, cv=TemporalSplit(2), params={})
    np.testing.assert_array_equal(again, scores)


def test_searches_over_matrices(matrices):
    before, after = matrices
    scores = cross_val_score(
        PopularityRecommender(), before, after.toarray(), scoring=RecommendationScorer(), cv=KFold(3)
    )
    assert ((scores > 0) & (scores < 1)).all()


def test_a_back_test_names_it(snapshots):
    X, y = snapshots
    result = backtest(PopularityRecommender(), X, y, scoring=RecommendationScorer("recall", 3), cv=TemporalSplit(2))
    assert result.scoring == "recall_at_3"
    assert 0 < result.score < 1


# ----------------------------------------------------------------------------------------- interval


def test_the_interval_draws_customers_with_something_to_find(snapshots):
    X, y = snapshots
    scorer = RecommendationScorer("recall", k=5)
    model = EASERecommender().fit(X[:60])
    by_row = scorer.by_row(model, X, y)
    counted = ~np.isnan(by_row)
    found = scorer.estimate(model, X, y, n_resamples=100, coverage=0.9, random_state=0)
    assert found.value == pytest.approx(scorer(model, X, y))
    assert found.n == len(np.unique(X.customer_id[counted]))
    assert found.coverage == 0.9
    expected = estimate(
        np.mean, by_row[counted], groups=X.customer_id[counted], n_resamples=100, coverage=0.9, random_state=0
    )
    assert found == expected
    same = scorer.estimate(
        model, X, y, groups=[str(one).zfill(2) for one in X.customer_id], n_resamples=100, coverage=0.9, random_state=0
    )
    assert same == found


def test_rows_of_a_matrix_are_customers(matrices):
    before, after = matrices
    model = PopularityRecommender().fit(before)
    assert RecommendationScorer(exclude_seen=False).estimate(model, before, after, n_resamples=50).n == (
        np.unique(after.nonzero()[0]).size
    )


# ------------------------------------------------------------------------------------------ manners


def test_it_is_a_plain_object():
    scorer = RecommendationScorer("mrr", k=np.int64(3))
    assert pickle.loads(pickle.dumps(scorer)) == copy.deepcopy(scorer) == RecommendationScorer("mrr", 3)
    assert repr(RecommendationScorer()) == "RecommendationScorer(metric='ndcg', k=10, exclude_seen=None)"
    assert str(scorer) == "mrr_at_3"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "auc"}, "The 'metric' parameter of RecommendationScorer must be one of {'hit_rate', 'map', 'mrr'"),
        ({"k": 0}, "The 'k' parameter of RecommendationScorer must be an int in the range [1, inf). Got 0 instead."),
        ({"exclude_seen": 1}, "The 'exclude_seen' parameter of RecommendationScorer must be a bool. Got 1 instead."),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ParameterError) as caught:
        RecommendationScorer(**fields)
    assert str(caught.value).startswith(message)


def test_what_it_cannot_score(snapshots):
    X, y = snapshots
    model = PopularityRecommender().fit(X)
    with pytest.raises(ParameterError, match="scores recommenders of crmkit.recommend. Got LinearRegression instead"):
        RecommendationScorer()(LinearRegression(), X, y)
    with pytest.raises(ParameterError, match="120 rows"):
        RecommendationScorer()(model, X, y[:120])
    nothing = type(y)(csr_matrix(y.csr.shape), y.items)
    with pytest.raises(ParameterError, match="none of the 180 rows has a relevant item"):
        RecommendationScorer()(model, X, nothing)
    with pytest.raises(ParameterError, match="at least two"):
        RecommendationScorer().estimate(model, X, nothing)
    with pytest.raises(ParameterError, match="'groups'"):
        RecommendationScorer().estimate(model, X, y, groups=[1, 2])
