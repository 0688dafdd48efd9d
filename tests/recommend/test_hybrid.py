"""HybridRecommender against loops that follow its definition; cold customers and items; what a reranker may see."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.model_selection import TemporalSplit
from crmkit.recommend import (
    ContentRecommender,
    EASERecommender,
    HybridRecommender,
    ItemCosineRecommender,
    PopularityRecommender,
)
from crmkit.testing import check_batch_independent, check_future_blind, check_no_mutation, check_pickle


def parts():
    return [("popularity", PopularityRecommender()), ("item", ItemCosineRecommender())]


def shop(seed=0, n=600, n_customers=40, n_items=12, frame=pd.DataFrame):
    rng = np.random.default_rng(seed)
    customers = rng.integers(0, n_customers, n)
    sales = {
        "who": customers,
        "when": (np.datetime64("2024-01-01") + rng.integers(0, 180, n).astype("m8[D]")).astype("M8[us]"),
        # Customers have tastes: half of what they take is of their own sort.
        "sku": np.where(rng.random(n) < 0.5, customers % 3 + 3 * rng.integers(0, 4, n), rng.integers(0, n_items, n)),
    }
    return EventLog.from_frame(frame(sales), customer="who", time="when", item="sku", observed_until="2024-06-30")


def matrix(seed=0, n=30, n_items=12):
    return (np.random.default_rng(seed).random((n, n_items)) < 0.3).astype(float)


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it is given, and says 1 / rank by the second recommender."""

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X):
        chance = 1.0 / X[:, 3]
        return np.column_stack([1 - chance, chance])


# -- the naive way -------------------------------------------------------------------------------


def test_weighted_follows_the_definition():
    X = matrix()
    model = HybridRecommender([*parts(), ("ease", EASERecommender(5.0))], weights=[0.3, 1.0, 2.0]).fit(X)
    single = [PopularityRecommender(), ItemCosineRecommender(), EASERecommender(5.0)]
    expected = np.zeros(X.shape)
    for weight, recommender in zip([0.3, 1.0, 2.0], single, strict=True):
        scores = recommender.fit(X).decision_function(X)
        for row in range(len(X)):
            for item in range(X.shape[1]):
                expected[row, item] += weight * max(scores[row, item], 0) / max(scores[row].max(), 1e-300)
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-12)


def test_switching_follows_the_definition():
    X = matrix(1)
    X[:, 9:] *= np.arange(30)[:, None] < 3
    names = {"popularity": PopularityRecommender(), "ease": EASERecommender(5.0), "item": ItemCosineRecommender()}
    min_items, min_customers, weights = [0, 2, 4], [0, 1, 4], [1.0, 0.5, 2.0]
    model = HybridRecommender(
        list(names.items()), mode="switching", weights=weights, min_items=min_items, min_customers=min_customers
    ).fit(X)
    found = {name: recommender.fit(X).decision_function(X) for name, recommender in names.items()}
    answered = set()
    for row in range(len(X)):
        for item in range(X.shape[1]):
            expected = 0.0
            for number, name in enumerate(names):
                if X[row].sum() >= min_items[number] and X[:, item].sum() >= min_customers[number]:
                    scores, who = found[name][row], number
                    better = sum(other > scores[item] for other in scores)
                    equal = sum(other == scores[item] for other in scores[:item])
                    place = 1 + better + equal
                    expected = weights[number] / (60 + place) if scores[item] > 0 else 0.0
            answered.add(who)
            assert model.decision_function(X[row : row + 1])[0, item] == pytest.approx(expected, rel=1e-12)
    assert answered == {0, 1, 2}


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 6), st.floats(0.01, 10))
def test_one_recommender_is_itself(seed, n, n_items, weight):
    """Whatever the mode and the weight, the lists are those of the only recommender."""
    X = matrix(seed, n, n_items)
    alone = ItemCosineRecommender().fit(X)
    expected, _ = alone.recommend(X, n_items)
    pair = [("item", ItemCosineRecommender())]
    blend = HybridRecommender(pair, weights=[weight]).fit(X)
    np.testing.assert_array_equal(blend.recommend(X, n_items)[0], expected)
    # Two of the same kind switch without a trace.
    twice = HybridRecommender([*pair, ("same", ItemCosineRecommender())], mode="switching", min_items=[0, 2]).fit(X)
    np.testing.assert_array_equal(twice.recommend(X, n_items)[0], expected)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(["weighted", "switching"]), st.booleans())
def test_lists_are_legal(seed, mode, exclude_seen):
    X = matrix(seed, 12, 8)
    model = HybridRecommender(parts(), mode=mode, min_items=[0, 3], exclude_seen=exclude_seen).fit(X)
    items, scores = model.recommend(X, 5, exclude=[2])
    for row in range(len(X)):
        listed = items[row][items[row] >= 0]
        legal = [item for item in range(8) if item != 2 and not (exclude_seen and X[row, item])]
        assert len(set(listed)) == len(listed) == min(5, len(legal))
        assert set(listed) <= set(legal)
        assert (np.diff(scores[row][: len(listed)]) <= 0).all()


# -- cold customers and items --------------------------------------------------------------------


def test_new_customers_get_what_is_popular():
    log = shop()
    X = log.snapshot("2024-05-01")
    model = HybridRecommender(parts(), mode="switching", min_items=[0, 1], exclude_seen=False).fit(X)
    rows = log.snapshots_at({"c": [999, 3], "t": ["2024-05-02"] * 2}, customer="c", as_of="t")
    listed = model.recommend(rows, 5)
    stranger = listed[listed.customer_id == 999]
    expected = PopularityRecommender().fit(X).recommend(rows, 5)
    assert stranger.item.tolist() == expected.item[expected.customer_id == 999].tolist()
    assert not stranger.is_fallback.any()
    known = ItemCosineRecommender(exclude_seen=False).fit(X).recommend(rows, 5)
    assert listed.item[listed.customer_id == 3].tolist() == known.item[known.customer_id == 3].tolist()


def goods(n_items=13):
    """Items of three sorts; the last was never sold."""
    since = ["2024-01-01"] * (n_items - 1) + ["2024-05-15"]
    return pd.DataFrame({"sku": np.arange(n_items), "sort": np.arange(n_items) % 3, "since": since}).astype(
        {"sort": "str"}
    )


@pytest.mark.parametrize("mode", ["weighted", "switching"])
def test_new_items_come_by_content_from_their_day_on(mode):
    log = shop()
    X = log.snapshot("2024-05-01")
    content = ContentRecommender(goods(), item="sku", available_from="since")
    model = HybridRecommender(
        [("content", content), ("item", ItemCosineRecommender())], mode=mode, min_customers=[0, 3], exclude_seen=False
    ).fit(X)
    assert model.items_.tolist() == list(range(13))
    before, after = (log.snapshot(day) for day in ("2024-05-10", "2024-05-20"))
    assert not model.recommend(before, 13).item.eq(12).any()
    listed = model.recommend(after, 13)
    own = listed[listed.item == 12]
    assert len(own) == len(after)
    if mode == "switching":
        # Nothing but the first recommender knows it, and so it stands where that one puts it.
        place = content.set_params(exclude_seen=False).fit(X).recommend(after, 13)
        place = place[place.item == 12].set_index("customer_id")
        score = np.where(place.is_fallback, 0, 1 / (60 + place["rank"]))
        np.testing.assert_allclose(own.set_index("customer_id").score, score)
        assert (score > 0).sum() > 30


def test_an_item_without_a_date_is_listed_by_name_alone():
    X = shop().snapshot("2024-05-20")
    content = ContentRecommender(goods().assign(since=None), item="sku", available_from="since")
    model = HybridRecommender([("content", content), *parts()], mode="switching", min_customers=[0, 1, 1]).fit(X)
    assert not model.recommend(X, 13).item.eq(12).any()
    named = model.recommend(X, 2, candidates=[12, 0], exclude_seen=False)
    assert named.item.eq(12).sum() == len(X)
    assert (~named.is_fallback[named.item == 12]).sum() > 30  # the others have nothing of its sort


def test_items_are_matched_by_id():
    """Recommenders that know different items: each speaks for its own."""
    X = shop().snapshot("2024-05-20")
    many = goods(20).assign(sku=np.arange(20) - 4, since="2024-01-01")
    content = ContentRecommender(many, item="sku", available_from="since")
    model = HybridRecommender([("content", content), ("item", ItemCosineRecommender())], weights=[0, 1]).fit(X)
    assert model.items_.tolist() == list(range(-4, 16))
    scores = model.decision_function(X)
    own = ItemCosineRecommender().fit(X).decision_function(X)
    np.testing.assert_allclose(scores[:, 4:16], own / own.max(axis=1, keepdims=True), rtol=1e-12)
    assert (scores[:, :4] == 0).all()


def test_what_does_not_exist_yet_has_no_say_in_the_scale():
    log = shop()
    X = log.snapshot("2024-05-01")
    scores = []
    for since in ("2024-05-15", "2030-01-01"):
        table = pd.concat([goods(12), goods(13).tail(1).assign(sort="0")]).assign(since=["2024-01-01"] * 12 + [since])
        content = ContentRecommender(table, item="sku", available_from="since")
        for mode in ("weighted", "switching"):
            model = HybridRecommender([("content", content), *parts()], mode=mode, min_items=[0, 9, 9])
            scores.append(model.fit(X).decision_function(X)[:, :12])
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_array_equal(scores[1], scores[3])


# -- the reranker --------------------------------------------------------------------------------


def test_reranker_sees_what_is_said():
    log = shop()
    X = log.snapshots(["2024-03-01", "2024-04-01"], horizon="30D")
    y = X.future_items()
    model = HybridRecommender(parts(), reranker=Recorder(), n_candidates=4).fit(X, y)
    late = X.where(after="2024-04-01")
    popular, item = PopularityRecommender().fit(X), ItemCosineRecommender().fit(X)
    blend = HybridRecommender(parts()).fit(X).decision_function(late)
    times, future = late.interactions("count").toarray(), late.future_items().csr.toarray()
    expected, labels = [], []
    for row in range(len(late)):
        scores = [popular.decision_function(late[row])[0], item.decision_function(late[row])[0]]
        rank = [np.argsort(np.argsort(-values, kind="stable")) + 1 for values in scores]
        rank = [np.where(values > 0, np.minimum(r, 5), 5) for values, r in zip(scores, rank, strict=True)]
        best = [recommender.recommend(late[row], 4) for recommender in (popular, item)]
        wanted = sorted({sku for listed in best for sku in listed.item[~listed.is_fallback]})
        for sku in wanted:
            known = [scores[0][sku], rank[0][sku], scores[1][sku], rank[1][sku], blend[row, sku]]
            expected.append([*known, popular.popularity_[sku], (times[row] > 0).sum(), times[row, sku]])
            labels.append(future[row, sku] > 0)
    np.testing.assert_allclose(model.reranker_.X_, expected, rtol=1e-12)
    np.testing.assert_array_equal(model.reranker_.y_, labels)
    assert model.reranker_features_ == [
        "popularity_score", "popularity_rank", "item_score", "item_rank",
        "blend", "n_customers", "n_items", "n_purchases_of_item",
    ]  # fmt: skip


def test_reranker_never_learns_from_earlier_rows():
    """What followed an earlier row of a customer is known to the recommenders: it must not be an answer."""
    log = shop()
    X = log.snapshots(["2024-03-01", "2024-04-01"], horizon="30D")
    late = X.where(after="2024-04-01")
    both = HybridRecommender(parts(), reranker=Recorder()).fit(X, X.future_items())
    alone = HybridRecommender(parts(), reranker=Recorder()).fit(late, late.future_items())
    np.testing.assert_array_equal(both.reranker_.X_, alone.reranker_.X_)
    np.testing.assert_array_equal(both.reranker_.y_, alone.reranker_.y_)


def test_lists_come_in_the_order_of_the_reranker():
    X = matrix(2)
    X[:, 0] = np.maximum(X[:, 0], X.sum(axis=1) == 0)  # item cosine has something to say of every row
    model = HybridRecommender(parts(), reranker=Recorder(), n_candidates=12, fallback=None).fit(X, matrix(3))
    items, scores = model.recommend(X, 3)
    alone, _ = ItemCosineRecommender(fallback=None).fit(X).recommend(X, 3)
    np.testing.assert_array_equal(items, alone)
    all_scores = model.decision_function(X)
    for row in range(len(X)):
        for item, score in zip(items[row], scores[row], strict=True):
            assert item < 0 or all_scores[row, item] == score


def test_named_candidates_are_all_looked_at():
    X = matrix(4, 30, 12)
    model = HybridRecommender(parts(), reranker=Recorder(), n_candidates=1, exclude_seen=False, fallback=None)
    model.fit(X, matrix(5, 30, 12))
    full = ItemCosineRecommender(exclude_seen=False).fit(X).decision_function(X)
    for name in range(12):
        items, scores = model.recommend(X, 1, candidates=[name])
        assert (items[full[:, name] > 0, 0] == name).all()
        assert np.isfinite(scores[full[:, name] > 0]).all()


def test_repeats_are_candidates_where_they_are_wanted():
    X = shop().snapshot("2024-04-01", horizon="60D")
    y = X.future_items()
    times = {}
    for exclude_seen in (True, False):
        model = HybridRecommender(parts(), reranker=Recorder(), exclude_seen=exclude_seen).fit(X, y)
        times[exclude_seen] = model.reranker_.X_[:, -1]
    assert (times[True] == 0).all()
    assert times[False].max() > 1


def test_refresh_catches_up_and_keeps_the_reranker():
    log = shop(n=1_000)
    X, today = log.snapshot("2024-03-01", horizon="60D"), log.snapshot("2024-05-01")
    model = HybridRecommender(parts(), reranker=Recorder(), exclude_seen=False).fit(X, X.future_items())
    reranker = model.reranker_
    before = model.recommend(today)
    assert model.refresh(today) is model
    assert model.reranker_ is reranker
    assert model.fitted_on_[1][1] == np.datetime64("2024-05-01")
    own = PopularityRecommender().fit(today)
    np.testing.assert_array_equal(model.named_recommenders_["popularity"].totals_, own.totals_)
    np.testing.assert_array_equal(model.popularity_, own.popularity_)
    assert not model.recommend(today).equals(before)
    blend = HybridRecommender(parts()).fit(X).refresh(today)
    assert blend.recommend(today).equals(HybridRecommender(parts()).fit(today).recommend(today))


def test_refresh_refuses_what_the_reranker_does_not_know():
    X = shop().snapshot("2024-03-01")
    model = HybridRecommender(parts()).fit(X)
    with pytest.raises(ParameterError, match="was fitted on Snapshots"):
        model.refresh(matrix())
    with pytest.raises(ParameterError, match="recommenders are now"):
        model.set_params(recommenders=parts()[:1]).refresh(X)
    with pytest.raises(NotFittedError):
        HybridRecommender(parts()).refresh(X)


@pytest.mark.parametrize(
    "reranker", [RandomForestClassifier(10, random_state=0), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_reranked_by_scikit_learn(reranker):
    X = shop(n=2_000).snapshot("2024-04-01", horizon="60D")
    y = X.future_items()
    model = HybridRecommender(parts(), reranker=reranker, n_candidates=8, exclude_seen=False)
    listed = model.fit(X, y).recommend(X, 5)
    assert listed.score.between(0, 1).all()
    assert 0 < model.score(X, y) <= 1


def test_reranked_on_snapshots_passes_our_checks():
    log = shop()
    X = log.snapshots(["2024-03-01", "2024-04-01"], horizon="30D")
    y = X.future_items()
    content = ContentRecommender(goods(), item="sku", available_from="since")
    reranker = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
    model = HybridRecommender([*parts(), ("content", content)], reranker=reranker, n_candidates=5)
    for check in (check_future_blind, check_batch_independent, check_no_mutation, check_pickle):
        check(model, X, y)


def test_rows_in_batches_are_as_in_one(monkeypatch):
    X, y = matrix(6, 40, 9), matrix(7, 40, 9)
    model = HybridRecommender(parts(), reranker=Recorder(), n_candidates=3).fit(X, y)
    items, scores = model.recommend(X, 4)
    monkeypatch.setattr("crmkit.recommend._recommender._BATCH", 9 * 7)
    again = HybridRecommender(parts(), reranker=Recorder(), n_candidates=3).fit(X, y)
    np.testing.assert_array_equal(again.reranker_.X_, model.reranker_.X_)
    np.testing.assert_array_equal(again.recommend(X, 4)[0], items)
    np.testing.assert_array_equal(again.recommend(X, 4)[1], scores)


# -- as scikit-learn's composites ----------------------------------------------------------------


def test_parameters_by_name():
    model = HybridRecommender(parts())
    model.set_params(item__n_neighbors=7, weights=[1, 2])
    assert model.get_params()["item__n_neighbors"] == 7
    assert clone(model).recommenders[1][1].n_neighbors == 7
    model.set_params(item=EASERecommender())
    assert isinstance(model.recommenders[1][1], EASERecommender)
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(nobody__k=3)


def test_recommenders_are_not_touched():
    named = parts()
    model = HybridRecommender(named).fit(matrix())
    assert model.recommenders is named
    assert not hasattr(named[0][1], "items_")
    assert hasattr(model.named_recommenders_["popularity"], "items_")


def test_searched_over_time():
    X = shop(n=1_500).snapshots(["2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"], horizon="28D")
    search = GridSearchCV(
        HybridRecommender(parts(), exclude_seen=False),
        {"weights": [[0, 1], [1, 1]], "item__n_neighbors": [2, 10]},
        cv=TemporalSplit(n_splits=2),
    )
    search.fit(X, X.future_items())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_pickled_on_threads_and_polars():
    X = shop().snapshot("2024-05-01")
    model = HybridRecommender(parts()).fit(X)
    listed = model.recommend(X)
    assert pickle.loads(pickle.dumps(model)).recommend(X).equals(listed)
    assert HybridRecommender(parts(), n_jobs=2).fit(X).recommend(X).equals(listed)
    other = shop(frame=pl.DataFrame).snapshot("2024-05-01")
    found = HybridRecommender(parts()).fit(other).recommend(other)
    assert isinstance(found, pl.DataFrame)
    assert found["item"].to_list() == listed.item.tolist()


def test_sparse_as_dense():
    X, y = matrix(8), matrix(9)
    for kind in (csr_matrix, pd.DataFrame):
        model = HybridRecommender(parts(), reranker=Recorder()).fit(kind(X), csr_matrix(y))
        dense = HybridRecommender(parts(), reranker=Recorder()).fit(X, y)
        np.testing.assert_array_equal(model.decision_function(kind(X)), dense.decision_function(X))


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"recommenders": None}, "'recommenders' parameter"),
        ({"recommenders": []}, "'recommenders' parameter"),
        ({"recommenders": [PopularityRecommender()]}, "'recommenders' parameter"),
        ({"recommenders": [("item", LogisticRegression())]}, "'recommenders' parameter"),
        ({"recommenders": [*parts(), parts()[0]]}, "name 'popularity'"),
        ({"recommenders": [("mode", PopularityRecommender())]}, "name 'mode'"),
        ({"recommenders": [("a__b", PopularityRecommender())]}, "name 'a__b'"),
        ({"weights": [1]}, "a list of 2 numbers"),
        ({"weights": [1, -1]}, "a list of 2 numbers"),
        ({"weights": [1, float("nan")]}, "a list of 2 numbers"),
        ({"weights": [0, 0]}, "positive for one recommender"),
        ({"mode": "switching"}, "needs min_items= or min_customers="),
        ({"mode": "switching", "min_items": [1, 2]}, "0 for the first recommender"),
        ({"mode": "switching", "min_items": [0, 1.5]}, "a list of 2 whole numbers"),
        ({"reranker": LogisticRegression()}, "call fit"),
    ],
)
def test_refused(parameters, words):
    with pytest.raises(ParameterError, match=words):
        HybridRecommender(**{"recommenders": parts(), **parameters}).fit(matrix())


def test_a_reranker_needs_answers_of_both_kinds():
    X = matrix()
    model = HybridRecommender(parts(), reranker=LogisticRegression())
    with pytest.raises(ParameterError, match="None of the"):
        model.fit(X, X)  # exclude_seen: what the row has already is no candidate
    with pytest.raises(ParameterError, match="Every one of the"):
        model.fit(X, np.ones_like(X))
    with pytest.raises(ParameterError, match="rows"):
        model.fit(X, X[:5])


# -- films ---------------------------------------------------------------------------------------


def test_genres_add_to_item_cosine(movielens, golden, data_folder):
    """Published: +.0075 of NDCG, untruncated, for the same idea (Ferrari Dacrema et al. 2021, table 46)."""
    lines = gzip.decompress((data_folder / "movielens_100k" / "u.item.gz").read_bytes()).decode("latin-1").splitlines()
    genres = ContentRecommender(np.array([line.split("|")[5:] for line in lines], dtype=float))
    item = ("item", ItemCosineRecommender())
    alone = golden["movielens"]["item_cosine_100_target"]
    model = HybridRecommender([item, ("popular", PopularityRecommender())], weights=[1, 0.2]).fit(movielens.train)
    assert model.score(movielens.train, movielens.test) == pytest.approx(0.4025, abs=0.002)
    table = pd.DataFrame(genres.item_features)
    table.columns = [f"genre {column}" for column in table.columns]
    model = HybridRecommender([item, ("genres", ContentRecommender(table))], weights=[1, 0.1]).fit(movielens.train)
    found = model.score(movielens.train, movielens.test)
    assert found == pytest.approx(0.3956, abs=0.002)
    assert found > alone + 0.004
