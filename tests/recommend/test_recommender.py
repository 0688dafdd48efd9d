"""What all recommenders share, on ItemCosineRecommender: lists row by row, and loops over events."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix, csr_array, csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from crmkit import EventLog
from crmkit.events import ItemTargets
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import ndcg_at_k
from crmkit.model_selection import TemporalSplit
from crmkit.recommend import ItemCosineRecommender

# ------------------------------------------------------------------------------------------ oracle


def list_of_row(scores, history, popularity, n, *, candidates, exclude, exclude_seen, fallback):
    """(item, score, is_fallback) of one row; candidates and exclude are sets of places."""
    legal = [
        item
        for item in range(len(scores))
        if item in candidates and item not in exclude and not (exclude_seen and history[item])
    ]
    best = sorted((item for item in legal if scores[item] > 0), key=lambda item: (-scores[item], item))
    rest = sorted((item for item in legal if not scores[item] > 0), key=lambda item: (-popularity[item], item))
    ranked = [(item, scores[item], False) for item in best]
    if fallback is not None:
        ranked += [(item, scores[item], True) for item in rest]
    return ranked[:n]


def seen_before(frame, customer, as_of):
    return frame[(frame.who == customer) & (frame.when < as_of)]


def histories_of(frame, X, items, interaction="binary", halflife=None):
    """Rows × items from the events, one after the other."""
    found = np.zeros((len(X), len(items)))
    for row, (customer, as_of) in enumerate(zip(X.customer_id, X.as_of, strict=True)):
        for event in seen_before(frame, customer, as_of).itertuples():
            if event.what not in items:
                continue
            place = list(items).index(event.what)
            decay = 1.0 if halflife is None else 0.5 ** ((pd.Timestamp(as_of) - event.when) / pd.Timedelta(halflife))
            if interaction == "binary":
                found[row, place] = max(found[row, place], decay)
            else:
                found[row, place] += decay * (event.paid if interaction == "value" else 1.0)
    return found


# ---------------------------------------------------------------------------------------- examples


def orders(seed=0, n=150, customers=14, items=12, text=False):
    """Purchases of 100 days; the last three items are first sold after day 60."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, 100, n))
    what = rng.integers(0, items, n) * rng.integers(0, 2, n)
    what = np.where(day >= 60, what, np.minimum(what, items - 4))
    frame = pd.DataFrame(
        {
            "who": rng.integers(1, customers + 1, n) * 5,
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "what": what * 10,
            "paid": rng.integers(1, 900, n) / 100,
        }
    )
    return frame.assign(who=frame.who.astype(str), what="item " + frame.what.astype(str)) if text else frame


def log_of(frame, **options):
    if "paid" in frame.columns:
        options["value"] = "paid"
    return EventLog.from_frame(frame, customer="who", time="when", item="what", **options)


DATE = "2024-03-05"  # the last items are sold, but not to everybody


@pytest.fixture(scope="module")
def frame():
    return orders()


@pytest.fixture(scope="module", name="X")
def rows_of_frame(frame):
    return log_of(frame).snapshot(DATE, horizon="30D")


@pytest.fixture(scope="module")
def model(X):
    return ItemCosineRecommender(4).fit(X)


def matrix(seed=0, rows=15, items=10, density=0.25):
    rng = np.random.default_rng(seed)
    return csr_matrix(rng.integers(1, 4, (rows, items)) * (rng.random((rows, items)) < density * rng.random(items) * 2))


def lists_of(frame):
    """The rows of a frame of recommendations, customer by customer."""
    frame = frame.to_pandas() if isinstance(frame, pl.DataFrame) else frame
    return {
        customer: list(zip(part["item"], part["score"], part["is_fallback"], strict=True))
        for customer, part in frame.groupby("customer_id")
    }


# --------------------------------------------------------------------------------- lists of a matrix

LIMITS = st.sampled_from([None, "ids", "rows"])


def limits_of(kind, rng, shape):
    """A limit as a caller says it, and the set of places that it names for each row."""
    n_rows, n_items = shape
    if kind is None:
        return None, None
    if kind == "ids":
        ids = rng.permutation(n_items)[: rng.integers(n_items + 1)]
        return rng.choice([list, np.asarray, set])(ids.tolist()), [set(ids.tolist())] * n_rows
    held = rng.random(shape) < 0.4
    return csr_matrix(held * rng.integers(-2, 3, shape).astype(np.int8)), None


@settings(max_examples=150)
@given(
    seed=st.integers(0, 10_000),
    n=st.sampled_from([1, 3, 10, 50]),
    candidates=LIMITS,
    exclude=LIMITS,
    exclude_seen=st.sampled_from([None, True, False]),
    by_default=st.booleans(),
    fallback=st.sampled_from(["popularity", None]),
    density=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_lists_of_a_matrix(seed, n, candidates, exclude, exclude_seen, by_default, fallback, density):
    rng = np.random.default_rng(seed)
    train, X = matrix(seed, density=0.3), matrix(seed + 1, rows=6, density=density)
    model = ItemCosineRecommender(3, fallback=fallback, exclude_seen=by_default, interaction="count").fit(train)
    everything = [set(range(10))] * 6
    limits = {}
    for name, kind, nothing in (("candidates", candidates, everything), ("exclude", exclude, [set()] * 6)):
        given_limit, places = limits_of(kind, rng, X.shape)
        if kind == "rows":
            places = [set(np.flatnonzero(row).tolist()) for row in given_limit.toarray()]
        limits[name] = given_limit, nothing if kind is None else places
    items, scores = model.recommend(
        X, n, candidates=limits["candidates"][0], exclude=limits["exclude"][0], exclude_seen=exclude_seen
    )
    assert items.shape == scores.shape == (6, min(n, 10))
    exact = model.decision_function(X)
    for row in range(6):
        expected = list_of_row(
            exact[row],
            X.toarray()[row],
            model.popularity_,
            n,
            candidates=limits["candidates"][1][row],
            exclude=limits["exclude"][1][row],
            exclude_seen=by_default if exclude_seen is None else exclude_seen,
            fallback=fallback,
        )
        length = len(expected)
        assert items[row, :length].tolist() == [item for item, _, _ in expected]
        assert scores[row, :length].tolist() == [score for _, score, _ in expected]
        assert (items[row, length:] == -1).all()
        assert np.isnan(scores[row, length:]).all()


def test_exclude_makes_lists_neither_longer_nor_shorter():
    X = matrix(3, rows=30, items=20)
    model = ItemCosineRecommender().fit(X)
    for exclude in ([], [3], list(range(8))):
        items, _ = model.recommend(X, 5, exclude=exclude)
        assert items.shape == (30, 5)
        assert (items >= 0).all()
        assert not np.isin(items, exclude).any()
    items, _ = model.recommend(X, 5, exclude=range(20))
    assert (items == -1).all()


def test_what_was_seen_never_comes_back():
    """Rows that have nearly everything, where most scores that are left are 0."""
    X = csr_matrix((np.random.default_rng(0).random((40, 12)) < 0.85).astype(float))
    model = ItemCosineRecommender(2).fit(X)
    items, _ = model.recommend(X, 12)
    for row, listed in enumerate(items):
        legal = set(range(12)) - set(X[[row]].indices.tolist())
        assert sorted(listed[listed >= 0].tolist()) == sorted(legal)
        assert (listed[len(legal) :] == -1).all()


def test_rows_with_nothing_get_what_most_customers_have():
    X = matrix(5)
    popular = np.argsort(-np.asarray((X > 0).sum(axis=0)).ravel(), kind="stable")
    items, scores = ItemCosineRecommender().fit(X).recommend(csr_matrix((2, 10)), 4)
    assert items.tolist() == [popular[:4].tolist()] * 2
    assert (scores == 0).all()
    items, scores = ItemCosineRecommender(fallback=None).fit(X).recommend(csr_matrix((2, 10)), 4)
    assert (items == -1).all()
    assert np.isnan(scores).all()


def test_each_row_is_for_itself():
    X = matrix(6, rows=20)
    model = ItemCosineRecommender().fit(X)
    items, scores = model.recommend(X, 5)
    order = np.random.default_rng(0).permutation(20)
    for rows in (order, [7], [3, 3]):
        part = model.recommend(X[rows], 5)
        np.testing.assert_array_equal(part[0], items[rows])
        np.testing.assert_array_equal(part[1], scores[rows])


def test_candidates_of_rows_may_be_in_any_form():
    X = matrix(7)
    model = ItemCosineRecommender().fit(X)
    wanted = matrix(8, density=0.5)
    expected = model.recommend(X, candidates=wanted)
    given_forms = [csr_array(wanted), wanted.tocsc(), wanted.tocoo(), wanted.todok(), wanted.tolil()]
    given_forms += [ItemTargets(wanted, model.items_)]
    reversed_rows = wanted.copy()
    for row in range(15):
        part = slice(*reversed_rows.indptr[row : row + 2])
        reversed_rows.indices[part] = reversed_rows.indices[part][::-1].copy()
    reversed_rows.has_sorted_indices = False
    for form in [*given_forms, reversed_rows]:
        for found, there in zip(model.recommend(X, candidates=form), expected, strict=True):
            np.testing.assert_array_equal(found, there)


def test_a_frame_of_features_is_a_matrix():
    table = pd.DataFrame(matrix(1).toarray(), columns=[f"product {item}" for item in range(10)])
    model = ItemCosineRecommender().fit(table)
    assert model.feature_names_in_.tolist() == list(table.columns)
    np.testing.assert_array_equal(
        model.recommend(table)[0], ItemCosineRecommender().fit(table.to_numpy()).recommend(table.to_numpy())[0]
    )
    with pytest.raises(ValueError, match="feature names"):
        model.recommend(table[table.columns[::-1]])


# ------------------------------------------------------------------------------ lists of snapshots


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("interaction", ["binary", "count", "value"])
@pytest.mark.parametrize("halflife", [None, "20D"])
def test_scores_of_snapshots_from_their_events(text, interaction, halflife):
    frame = orders(1, text=text)
    X = log_of(frame).snapshot(DATE)
    model = ItemCosineRecommender(5, interaction=interaction, halflife=halflife).fit(X)
    before = frame[frame.when < DATE]
    assert model.items_.tolist() == sorted(before.what.unique())
    assert model.popularity_.tolist() == [before[before.what == item].who.nunique() for item in model.items_]
    assert model.n_rows_used_ == len(X) == before.who.nunique()
    history = histories_of(frame, X, model.items_, interaction, halflife)
    by_hand = clone(model).set_params(halflife=None, interaction="value").fit(history)
    np.testing.assert_allclose(model.similarity_.toarray(), by_hand.similarity_.toarray(), rtol=1e-12)
    expected = history @ model.similarity_.toarray().T
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("backend", ["pandas", "polars"])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("fallback", ["popularity", None])
def test_frame_of_recommendations(backend, text, fallback):
    frame = orders(2, text=text)
    X = log_of(frame if backend == "pandas" else pl.from_pandas(frame)).snapshot(DATE)
    model = ItemCosineRecommender(2, fallback=fallback).fit(X)
    found = model.recommend(X, 6)
    assert isinstance(found, pl.DataFrame if backend == "polars" else pd.DataFrame)
    found = found.to_pandas() if backend == "polars" else found
    assert list(found.columns) == ["customer_id", "as_of", "rank", "item", "score", "is_fallback"]
    history, scores = histories_of(frame, X, model.items_), model.decision_function(X)
    lines = []
    for row, customer in enumerate(X.customer_id):
        ranked = list_of_row(
            scores[row],
            history[row],
            model.popularity_,
            6,
            candidates=range(len(model.items_)),
            exclude=(),
            exclude_seen=True,
            fallback=fallback,
        )
        lines += [
            (customer, pd.Timestamp(DATE), rank + 1, model.items_[item], score, filled)
            for rank, (item, score, filled) in enumerate(ranked)
        ]
    assert list(found.itertuples(index=False, name=None)) == lines
    assert found["is_fallback"].any() == (fallback is not None)


def test_the_earlier_rows_of_a_customer_are_not_learnt_from(frame):
    log = log_of(frame)
    many = log.snapshots(["2024-02-01", DATE, "2024-01-15"])
    latest = log.snapshot(DATE)
    model, expected = (ItemCosineRecommender().fit(rows) for rows in (many, latest))
    np.testing.assert_array_equal(model.similarity_.toarray(), expected.similarity_.toarray())
    assert model.n_rows_used_ == len(latest)
    assert model.fitted_on_ == (log.fingerprint, (np.datetime64("2024-01-15"), np.datetime64(DATE)))
    # Each row is answered by what it saw itself.
    early = log.snapshot("2024-01-15")
    found = lists_of(model.recommend(early, 3, exclude_seen=True))
    for customer, listed in found.items():
        assert not {item for item, _, _ in listed} & set(seen_before(frame, customer, "2024-01-15").what)


@pytest.mark.parametrize("order", ["reversed", "shuffled", "twice"])
def test_the_order_of_rows_does_not_matter(frame, order):
    X = log_of(frame).snapshots(["2024-02-01", DATE])
    rows = np.random.default_rng(0).permutation(len(X))
    rows = {"reversed": np.arange(len(X))[::-1], "shuffled": rows, "twice": np.append(rows, rows)}[order]
    model = ItemCosineRecommender(3, interaction="value", halflife="10D")
    expected = clone(model).fit(X).similarity_.toarray()
    np.testing.assert_array_equal(model.fit(X[rows]).similarity_.toarray(), expected)


def test_an_item_first_sold_after_as_of_is_not_recommended(frame):
    log = log_of(frame)
    early = log.snapshot("2024-02-20", horizon="30D")
    later = set(frame.what) - set(frame[frame.when < "2024-02-20"].what)
    assert len(later) == 3
    model = ItemCosineRecommender().fit(early)
    listed = set(model.recommend(early, 100, exclude_seen=False)["item"])
    assert listed == set(model.items_.tolist())
    assert not listed & later
    with pytest.raises(ParameterError, match="candidates holds .*, which is none of the"):
        model.recommend(early, candidates=sorted(later))


def test_limits_by_id(X, model, frame):
    some = model.items_[[1, 4, 5]].tolist()
    for candidates in (some, np.array(some), set(some), pd.Series(some), pl.Series(some)):
        listed = lists_of(model.recommend(X, candidates=candidates, exclude_seen=False))
        assert all({item for item, _, _ in row} == set(some) for row in listed.values())
    listed = lists_of(model.recommend(X, 100, exclude=some))
    for customer, row in listed.items():
        seen = set(seen_before(frame, customer, DATE).what)
        assert sorted(item for item, _, _ in row) == sorted(set(model.items_.tolist()) - set(some) - seen)
    assert len(model.recommend(X, candidates=[])) == 0
    assert len(model.recommend(X, 1, exclude=[])) == len(X)


def test_limits_by_targets(X, model, frame):
    """What comes later, as candidates and as what is excluded; its columns are the whole catalogue."""
    later = X.future_items()
    known = ItemTargets(
        later.csr[:, np.isin(later.items, model.items_)], later.items[np.isin(later.items, model.items_)]
    )
    only = lists_of(model.recommend(X, 100, candidates=known, exclude_seen=False))
    without = lists_of(model.recommend(X, 100, exclude=known, exclude_seen=False))
    for row, customer in enumerate(X.customer_id):
        wanted = set(known.items[known.csr[[row]].indices].tolist())
        assert {item for item, _, _ in only.get(customer, [])} == wanted
        assert {item for item, _, _ in without[customer]} == set(model.items_.tolist()) - wanted


def test_customers_that_the_model_has_never_seen(frame):
    regulars = ItemCosineRecommender().fit(log_of(frame[frame.who <= 40]).snapshot(DATE))
    X = log_of(frame).snapshot(DATE)
    strangers = X[X.customer_id > 40]
    assert len(strangers) > 3
    expected = histories_of(frame, strangers, regulars.items_) @ regulars.similarity_.toarray().T
    np.testing.assert_allclose(regulars.decision_function(strangers), expected, rtol=1e-12)
    assert set(regulars.recommend(strangers, 1)["customer_id"]) == set(strangers.customer_id.tolist())


def test_customers_without_purchases_get_the_fallback(frame):
    log = log_of(frame)
    keys = pd.DataFrame({"who": [778, 777], "on": [DATE, DATE]})
    nobody = log.snapshots_at(keys, customer="who", as_of="on")
    model = ItemCosineRecommender().fit(log.snapshot(DATE))
    found = model.recommend(nobody, 4)
    popular = model.items_[np.argsort(-model.popularity_, kind="stable")[:4]].tolist()
    assert found["item"].tolist() == popular * 2
    assert found["is_fallback"].all()
    assert (found["score"] == 0).all()
    assert len(clone(model).set_params(fallback=None).fit(log.snapshot(DATE)).recommend(nobody)) == 0


def test_a_model_fitted_later_keeps_its_items_from_earlier_rows():
    sales = [(1, "01-01", 10), (1, "01-01", 20), (2, "01-01", 10), (2, "01-02", 20)]
    sales += [(2, "01-10", 30), (3, "01-11", 30)]
    frame = pd.DataFrame([(who, f"2024-{day}", item) for who, day, item in sales], columns=["who", "on", "what"])
    log = EventLog.from_frame(frame, customer="who", time="on", item="what")
    keys = pd.DataFrame({"who": [1, 1, 1], "on": ["2023-12-01", "2024-01-10", "2024-01-11"]})
    rows = log.snapshots_at(keys, customer="who", as_of="on")
    parts = ItemCosineRecommender().fit(log.snapshot("2024-01-06"))
    for model in (
        ItemCosineRecommender().fit(log.snapshot("2024-01-12")),
        parts.partial_fit(log.snapshot("2024-01-12")),
    ):
        found = model.recommend(rows, 3, exclude_seen=False)
        listed = [found["item"][found["as_of"] == on].tolist() for on in rows.as_of]
        assert [sorted(items) for items in listed] == [[], [10, 20], [10, 20, 30]]
        # Whoever names an item says that it was there.
        assert model.recommend(rows, 3, candidates=[30])["item"].tolist() == [30] * 3


def test_items_that_the_model_does_not_know_are_passed_over(frame):
    log = log_of(frame)
    model = ItemCosineRecommender().fit(log.snapshot("2024-02-20"))
    X = log.snapshot("2024-04-01")
    history = histories_of(frame, X, model.items_)
    np.testing.assert_allclose(
        model.decision_function(X), history @ model.similarity_.toarray().T, rtol=1e-12, atol=1e-15
    )


def test_what_faded_to_nothing_was_seen_all_the_same():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 2, 2, 2],
            "when": pd.to_datetime(["2020-01-01", "2024-01-01", "2024-01-01", "2024-01-01", "2024-01-01"]),
            "what": ["pen", "pot", "pen", "pot", "jar"],
        }
    )
    X = log_of(frame).snapshot()
    model = ItemCosineRecommender(halflife="12h").fit(X)  # 2,924 half-lives
    assert lists_of(model.recommend(X)).keys() == {1}
    assert [item for item, _, _ in lists_of(model.recommend(X))[1]] == ["jar"]
    assert model.items_.tolist() == ["jar", "pen", "pot"]


def test_empty_snapshots(X, model):
    found = model.recommend(X[:0])
    assert len(found) == 0
    assert list(found.columns) == ["customer_id", "as_of", "rank", "item", "score", "is_fallback"]
    assert model.decision_function(X[:0]).shape == (0, len(model.items_))
    assert len(model.explain(X[:0], model.items_[0])) == 0


@pytest.mark.parametrize("interaction", ["binary", "value"])
@pytest.mark.parametrize("keep", ["target", "source"])
def test_explanations_in_a_frame(frame, interaction, keep):
    X = log_of(frame).snapshot(DATE)
    model = ItemCosineRecommender(4, interaction=interaction, keep=keep, halflife="30D").fit(X)
    history, scores = histories_of(frame, X, model.items_, interaction, "30D"), model.decision_function(X)
    similarity = model.similarity_.toarray()
    for place, item in enumerate(model.items_):
        found = model.explain(X, item)
        assert list(found.columns) == ["customer_id", "as_of", "item", "interaction", "similarity", "contribution"]
        assert found["customer_id"].is_monotonic_increasing
        for row, customer in enumerate(X.customer_id):
            part = found[found["customer_id"] == customer]
            places = np.searchsorted(model.items_, part["item"])
            assert sorted(places) == np.flatnonzero((history[row] > 0) & (similarity[place] != 0)).tolist()
            np.testing.assert_allclose(part["interaction"], history[row, places], rtol=1e-12)
            np.testing.assert_array_equal(part["similarity"], similarity[place, places])
            np.testing.assert_array_equal(part["contribution"], part["interaction"] * part["similarity"])
            assert part["contribution"].is_monotonic_decreasing
            assert math.fsum(part["contribution"]) == pytest.approx(scores[row, place], rel=1e-14)


# ----------------------------------------------------------------------------------- score and searches


def naive_ndcg(listed, wanted, k):
    """Of one row; None if there is nothing to be found."""
    if not wanted:
        return None
    hits = sum(1 / math.log2(place + 2) for place, item in enumerate(listed[:k]) if item in wanted)
    return hits / sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))


def naive_score(model, frame, X, *, k, exclude_seen):
    listed = lists_of(model.recommend(X, k))
    values = []
    for customer, as_of in zip(X.customer_id, X.as_of, strict=True):
        end = as_of + X.horizon
        later = frame[(frame.who == customer) & (frame.when >= as_of) & (frame.when < end)]
        wanted = set(later.what) - (set(seen_before(frame, customer, as_of).what) if exclude_seen else set())
        values.append(naive_ndcg([item for item, _, _ in listed.get(customer, [])], wanted, k))
    return np.mean([value for value in values if value is not None])


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("k", [1, 3, 10, 40])
@pytest.mark.parametrize("fallback", ["popularity", None])
@pytest.mark.parametrize("date", ["2024-02-20", DATE])
def test_score_of_snapshots(frame, exclude_seen, k, fallback, date):
    """On the first date three items are new: nobody can recommend them, and they are misses."""
    X = log_of(frame).snapshot(date, horizon="30D")
    model = ItemCosineRecommender(3, exclude_seen=exclude_seen, k=k, fallback=fallback).fit(X)
    expected = naive_score(model, frame, X, k=k, exclude_seen=exclude_seen)
    assert expected < 1
    assert expected > 0 or k == 1
    assert model.score(X, X.future_items()) == pytest.approx(expected, rel=1e-12)


def test_score_when_the_model_knows_more_than_y(frame):
    X = log_of(frame).snapshot(DATE, horizon="30D")
    model = ItemCosineRecommender(3, k=4, exclude_seen=False).fit(X)
    y = X.future_items()
    few = np.sort(np.random.default_rng(0).permutation(len(y.items))[:4])
    found = model.score(X, ItemTargets(y.csr[:, few], y.items[few]))
    listed = lists_of(model.recommend(X, 4))
    values = [
        naive_ndcg([item for item, _, _ in listed[customer]], set(y.items[few][y.csr[row, few].toarray()[0] > 0]), 4)
        for row, customer in enumerate(X.customer_id)
    ]
    assert found == pytest.approx(np.mean([value for value in values if value is not None]), rel=1e-12)


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_score_of_a_matrix(exclude_seen):
    X, later = matrix(2), matrix(3)
    model = ItemCosineRecommender(3, k=4, exclude_seen=exclude_seen).fit(X)
    items, _ = model.recommend(X, 4)
    values = []
    for row in range(15):
        wanted = set(later[[row]].indices.tolist()) - (set(X[[row]].indices.tolist()) if exclude_seen else set())
        values.append(naive_ndcg(items[row].tolist(), wanted, 4))
    expected = pytest.approx(np.mean([value for value in values if value is not None]), rel=1e-12)
    forms = [later, csr_array(later), later.tocoo(), later.todok(), later.toarray(), later.toarray().tolist()]
    for y in [*forms, later.astype(bool), pd.DataFrame(later.toarray()), ItemTargets(later, np.arange(10))]:
        assert model.score(X, y) == expected


def test_score_of_one_item_for_each_row():
    X = matrix(2)
    model = ItemCosineRecommender(3, k=4).fit(X)
    y = np.random.default_rng(0).integers(0, 10, 15)
    dense = np.zeros((15, 10))
    dense[np.arange(15), y] = 1
    assert model.score(X, y) == model.score(X, dense) == model.score(X, y.tolist()) == model.score(X, pd.Series(y))


def test_score_of_lists_that_are_shorter_than_k():
    X = matrix(2)
    model = ItemCosineRecommender(k=30, fallback=None).fit(X)
    y = matrix(3)
    items, _ = model.recommend(X, 30)
    padded = np.pad(items, ((0, 0), (0, 20)), constant_values=-1)
    new = y - y.multiply(X > 0)
    assert model.score(X, y) == pytest.approx(ndcg_at_k(new, padded, 30), rel=1e-12)


def test_score_with_nothing_to_be_found():
    X = matrix(2)
    model = ItemCosineRecommender().fit(X)
    with pytest.warns(CrmkitWarning, match="No row of X takes an item afterwards"):
        assert np.isnan(model.score(X, X))
    with pytest.warns(CrmkitWarning, match="no NDCG"):
        assert np.isnan(model.score(X, csr_matrix((15, 10))))


def test_searches_in_time_order():
    frame = orders(4, n=600, customers=40)
    log = log_of(frame)
    X = log.snapshots(["2024-01-20", "2024-02-01", "2024-02-15", "2024-03-01"], horizon="10D")
    y = X.future_items()
    cv = TemporalSplit(n_splits=2)
    model = ItemCosineRecommender(5)
    found = cross_val_score(model, X, y, cv=cv, error_score="raise")
    by_hand = [clone(model).fit(X[train]).score(X[test], y[test]) for train, test in cv.split(X)]
    assert found.tolist() == by_hand
    assert (found > 0).all()
    grid = {"n_neighbors": [1, 5], "weighting": [None, "idf"], "halflife": [None, "20D"]}
    search = GridSearchCV(model, grid, cv=cv, error_score="raise").fit(X, y)
    assert search.cv_results_["mean_test_score"].shape == (8,)
    best = clone(model).set_params(**search.best_params_)
    assert search.best_score_ == pytest.approx(cross_val_score(best, X, y, cv=cv).mean(), rel=1e-12)
    assert search.score(X, y) == best.fit(X).score(X, y)


# --------------------------------------------------------------------------------------- bad input

NOT_NUMBERS = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_cells_that_are_no_numbers(value, sparse):
    good = matrix(0).toarray().astype(float)
    model = ItemCosineRecommender().fit(good)
    bad = good.copy()
    bad[2, 3] = value
    bad = csr_matrix(bad) if sparse else bad
    for call in (model.recommend, model.decision_function, clone(model).fit, clone(model).partial_fit):
        with pytest.raises(ValueError, match="Input X contains (NaN|infinity)"):
            call(bad)
    with pytest.raises(ValueError, match="Input X contains (NaN|infinity)"):
        model.explain(bad, 0)
    assert model.recommend(good)[0].shape == (15, 10)


def test_cells_that_add_up_to_infinity():
    X = csr_matrix((np.full(3, 1e308), np.array([0, 0, 1]), np.array([0, 3])), shape=(1, 2))
    with pytest.raises(ParameterError, match="several times, and add up to infinity. Scale X down"):
        ItemCosineRecommender(interaction="value").fit(X)


def test_wrong_number_of_items():
    model = ItemCosineRecommender().fit(matrix())
    for call in (model.recommend, model.decision_function, model.partial_fit):
        with pytest.raises(ValueError, match="X has 9 features, but ItemCosineRecommender is expecting 10 features"):
            call(matrix(items=9))


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "3", None, np.nan])
def test_lists_of_no_length(X, model, n):
    with pytest.raises(ParameterError, match="'n' parameter of ItemCosineRecommender.recommend must be an int.*Got"):
        model.recommend(X, n)
    with pytest.raises(ParameterError, match="'n' parameter of ItemCosineRecommender.similar_items must be.*Got"):
        model.similar_items(model.items_[0], n)


@pytest.mark.parametrize("exclude_seen", [1, "no", 0.0])
def test_exclude_seen_is_a_switch(X, model, exclude_seen):
    with pytest.raises(ParameterError, match="'exclude_seen' parameter of ItemCosineRecommender.recommend must be"):
        model.recommend(X, exclude_seen=exclude_seen)


@pytest.mark.parametrize("name", ["candidates", "exclude"])
def test_limits_that_are_refused(X, model, name):
    for ids, message in (
        ([0, 999], f"{name} holds 999, which is none of the .* items .*items_"),
        (["pot"], f"{name} holds 'pot', which is none of the .* items"),
        ([[0], [10]], f"{name} must be ids in one dimension"),
        ([0, None], f"{name} holds a missing id"),
        (np.ones(len(model.items_), dtype=bool), f"{name} holds flags, and wants ids"),
        (pd.DataFrame({"what": [0]}), f"{name} is a DataFrame. Pass its column"),
        (csr_matrix((len(X), len(model.items_))), f"{name} is a plain matrix.*Pass ItemTargets"),
        (X.future_items()[:2], f"{name} has 2 rows, and X has {len(X)}. Pass one for each row"),
    ):
        with pytest.raises(ParameterError, match=message):
            model.recommend(X, **{name: ids})
    by_matrix = ItemCosineRecommender().fit(matrix())
    for limit, message in (
        ([-1], f"{name} holds -1, which is none of the 10 items"),
        ([10], f"{name} holds 10, which is none of the 10 items"),
        (matrix(rows=3), f"{name} has 3 rows, and X has 15"),
        (matrix(items=9), f"{name} has 9 columns for 10 items"),
    ):
        with pytest.raises(ParameterError, match=message):
            by_matrix.recommend(matrix(), **{name: limit})


@pytest.mark.parametrize("item", [999, -1, "pot", None, 1.5, [10], (10,), np.nan, np.array([10, 20])])
def test_items_that_are_not_known(X, model, item):
    for call in (model.similar_items, lambda wrong: model.explain(X, wrong)):
        with pytest.raises(ParameterError, match="item=.* is none of the .* items that ItemCosineRecommender knows"):
            call(item)


def test_the_other_kind_of_rows(X, model, frame):
    by_matrix = ItemCosineRecommender().fit(matrix())
    for call in (by_matrix.recommend, by_matrix.decision_function, by_matrix.partial_fit):
        with pytest.raises(ParameterError, match="fitted on a matrix, and cannot read Snapshots. Pass what"):
            call(X)
    rows = clone(model).fit(X)
    for call in (rows.recommend, rows.decision_function, rows.partial_fit):
        with pytest.raises(ParameterError, match="fitted on Snapshots, and cannot read csr_matrix. Pass what"):
            call(matrix())
    for call in (rows.recommend, by_matrix.recommend, rows.fit, rows.partial_fit):
        with pytest.raises(ParameterError, match=r"X is an EventLog. .*log.snapshot\(\)"):
            call(X.log)
    with pytest.raises((ValueError, TypeError)):  # a table of events: scikit-learn says why it is no matrix
        rows.fit(frame)


def test_items_of_another_sort(X, model):
    text = log_of(orders(text=True).assign(who=lambda table: table.who.astype(int))).snapshot(DATE)
    with pytest.raises(ParameterError, match="items of X are text, .* whole numbers.*Build the log from ids"):
        model.recommend(text)


@pytest.mark.parametrize("halflife", ["30D", "0D", 30, "soon"])
def test_halflife_that_cannot_be_used(X, halflife):
    with pytest.raises(ParameterError, match="halflife"):
        ItemCosineRecommender(halflife=halflife).fit(matrix())
    if halflife != "30D":
        with pytest.raises(ParameterError, match="'halflife' parameter must be .*Got"):
            ItemCosineRecommender(halflife=halflife).fit(X)


def test_rows_to_learn_nothing_from(X, frame):
    with pytest.raises(ParameterError, match="no row of X has bought an item before its as_of. X has 0 rows"):
        ItemCosineRecommender().fit(X[:0])
    keys = pd.DataFrame({"who": [5, 10], "on": ["2023-12-01", "2023-12-02"]})
    nobody = X.log.snapshots_at(keys, customer="who", as_of="on")
    with pytest.raises(ParameterError, match="no row of X has bought an item before its as_of. X has 2 rows"):
        ItemCosineRecommender().fit(nobody)
    no_items = EventLog.from_frame(frame[["who", "when"]], customer="who", time="when").snapshot(DATE)
    with pytest.raises(ParameterError, match="log has no items. Name their column as item="):
        ItemCosineRecommender().fit(no_items)
    with pytest.raises(ParameterError, match="log has no items"):
        ItemCosineRecommender().fit(X).recommend(no_items)
    no_money = log_of(frame[["who", "when", "what"]]).snapshot(DATE)
    with pytest.raises(ParameterError, match="log has no money. Name value= or price="):
        ItemCosineRecommender(interaction="value").fit(no_money)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (matrix(rows=3), "'y' parameter of ItemCosineRecommender.score has 3 rows, and X has 15"),
        (matrix(items=9), "y has 9 columns for 10 items"),
        (np.full((15, 10), np.nan), "'y' parameter .*missing"),
        (-np.ones((15, 10)), "'y' parameter .*negative"),
        (np.zeros((15, 10, 2)), r"'y' parameter .*shape \(15, 10, 2\)"),
        (np.full((15, 10), "pot"), "'y' parameter .*<U3"),
        (np.full(15, 10), "'y' parameter .* whole numbers from 0 to 9. Got .*10"),
        (np.full(15, -1), "'y' parameter .* whole numbers from 0 to 9"),
        (np.full(15, 1.5), "'y' parameter .* whole numbers from 0 to 9"),
        (np.zeros(14, dtype=int), "'y' parameter .* 14 rows"),
    ],
)
def test_targets_that_are_refused(y, message):
    with pytest.raises(ParameterError, match=message):
        ItemCosineRecommender().fit(matrix()).score(matrix(), y)


def test_targets_without_ids(X, model):
    with pytest.raises(ParameterError, match=r"y is a plain matrix.*X.future_items\(\)"):
        model.score(X, X.future_items().csr)
    with pytest.raises(ParameterError, match="'y' parameter .* has 3 rows, and X has"):
        model.score(X, X.future_items()[:3])


def test_before_fit(X):
    model = ItemCosineRecommender()
    for call in (model.recommend, model.decision_function, lambda rows: model.explain(rows, 1), model.similar_items):
        with pytest.raises(NotFittedError):
            call(X)


def test_a_fit_that_fails_leaves_the_model_as_it_was(X):
    model = ItemCosineRecommender().fit(X)
    expected = model.recommend(X)
    bad = np.array([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad)
    with pytest.raises(ParameterError, match="negative"):
        clone(model).set_params(weighting="bm25", interaction="value").fit(np.array([[-1.0, 1.0]]))
    pd.testing.assert_frame_equal(model.recommend(X), expected)


# ----------------------------------------------------------------------------- the caller's matrices


def flags_of(X):
    """What scipy remembers of a matrix; asking the matrix itself would make it look."""
    return {name: vars(X)[name] for name in ("_has_sorted_indices", "_has_canonical_format") if name in vars(X)}


@pytest.mark.parametrize("form", ["canonical", "unsorted", "twice", "zeros", "wide"])
def test_matrices_are_never_changed(form):
    def make():
        data, indices, indptr = np.array([2.0, 1, 3, 1, 1]), np.array([0, 2, 1, 0, 3]), np.array([0, 2, 3, 5])
        if form == "unsorted":
            indices = np.array([2, 0, 1, 3, 0])
        elif form == "twice":
            indices = np.array([2, 2, 1, 0, 0])
        elif form == "zeros":
            data = np.array([2.0, 0, 3, 0, 1])
        X = csr_matrix((data, indices, indptr), shape=(3, 4))
        if form == "wide":
            X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
        return X

    X, y, candidates, exclude, new = (make() for _ in range(5))
    model = ItemCosineRecommender(interaction="count", exclude_seen=False).fit(X)
    model.recommend(X, candidates=candidates, exclude=exclude)
    model.recommend(X, exclude_seen=True, exclude=exclude)
    model.decision_function(X)
    model.score(X, y)
    model.set_params(exclude_seen=True).score(X, y[[1, 2, 0]])
    model.explain(X, 2).data[:] = 7.0
    model.partial_fit(new)
    untouched = make()
    for given_matrix in (X, y, candidates, exclude, new):
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(given_matrix, name), getattr(untouched, name))
            assert getattr(given_matrix, name).dtype == getattr(untouched, name).dtype
        assert flags_of(given_matrix) == flags_of(untouched)


def test_dense_arrays_are_never_changed():
    X = matrix().toarray()
    y, before = X.copy(), X.copy()
    model = ItemCosineRecommender(interaction="count").fit(X)
    model.recommend(X, exclude_seen=False)
    model.partial_fit(X)
    model.set_params(exclude_seen=False).score(X, y)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(y, before)


# ------------------------------------------------------------------------------------------- models


def test_a_pickle_answers_alike(X, model):
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.recommend(X), model.recommend(X))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))


def test_threads_of_the_caller_may_share_a_model(X, model):
    expected = model.recommend(X), model.decision_function(X)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: (model.recommend(X), model.decision_function(X)), range(12)))
    for lists, scores in answers:
        pd.testing.assert_frame_equal(lists, expected[0])
        np.testing.assert_array_equal(scores, expected[1])


def test_predictions_change_nothing(X):
    model = ItemCosineRecommender().fit(X)
    before = pickle.dumps(model)
    model.recommend(X)
    model.recommend(X, 3, exclude=[0], exclude_seen=False)
    model.score(X, X.future_items())
    model.explain(X, model.items_[0])
    model.similar_items(model.items_[0])
    assert pickle.dumps(model) == before


def test_many_narrow_cells_of_a_coo_matrix_add_up():
    """A way to count purchases: a one of one byte for each, as many as there are."""
    who, what = np.zeros(257, dtype=int), np.append(np.zeros(256, dtype=int), 1)
    X = coo_matrix((np.ones(257, dtype=np.int8), (who, what)), shape=(1, 3))
    model = ItemCosineRecommender(interaction="count").fit(X)
    assert model.popularity_.tolist() == [1, 1, 0]
    assert model.decision_function(X).tolist() == [[1.0, 256.0, 0.0]]
    assert model.recommend(X, 3)[0].tolist() == [[2, -1, -1]]
    assert model.recommend(X, 3, exclude=X, exclude_seen=False)[0].tolist() == [[2, -1, -1]]
