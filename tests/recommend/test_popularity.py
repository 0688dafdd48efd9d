"""PopularityRecommender against sums by loops."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.recommend import PopularityRecommender
from crmkit.testing import logs, snapshots

DAY = np.timedelta64(1, "D")


def totals(X, interaction, halflife_days=None):
    """By item the sum over customers, each by the latest row; decayed to the latest as_of of all."""
    found = {}
    store = X.log.to_frame()
    names = list(store.columns)
    latest = {}
    for row, customer in enumerate(X.customer_id.tolist()):
        if customer not in latest or X.as_of[row] > X.as_of[latest[customer]]:
            latest[customer] = row
    now = max((X.as_of[row] for row in latest.values()), default=None)
    for customer, row in latest.items():
        events = store[(store[names[0]] == customer) & (store["time"] < X.as_of[row])]
        cells = {}
        for event in events.itertuples():
            age = (now - np.datetime64(event.time)) / DAY
            weight = 1.0 if halflife_days is None else 0.5 ** (age / halflife_days)
            if interaction == "value":
                cells[event.item] = cells.get(event.item, 0.0) + weight * event.value
            elif interaction == "count":
                cells[event.item] = cells.get(event.item, 0.0) + weight
            else:
                cells[event.item] = max(cells.get(event.item, 0.0), weight)
        for item, value in cells.items():
            found[item] = found.get(item, 0.0) + value
    return found


@pytest.fixture(scope="module")
def rows():
    """Three customers, one of whom was last looked at long ago."""
    orders = pd.DataFrame(
        {
            "customer": [1, 1, 1, 2, 2, 3, 3],
            "time": pd.to_datetime(["2024-01-01", "2024-01-09", "2024-02-20", "2024-01-05"] + ["2024-02-25"] * 3),
            "item": ["a", "b", "b", "a", "c", "c", "c"],
            "value": [5.0, 1.0, 1.0, 7.0, 2.0, 2.0, 0.5],
        }
    )
    options = {"customer": "customer", "time": "time", "item": "item", "value": "value"}
    log = EventLog.from_frame(orders, **options, observed_until="2024-04-01")
    keys = pd.DataFrame(
        {"who": [1, 2, 3, 1], "at": pd.to_datetime(["2024-03-01", "2024-01-20", "2024-03-01", "2024-01-03"])}
    )
    return log.snapshots_at(keys, customer="who", as_of="at")


@pytest.mark.parametrize("interaction", ["binary", "count", "value"])
@pytest.mark.parametrize("halflife", [None, 20])
def test_totals(rows, interaction, halflife):
    model = PopularityRecommender(interaction=interaction, halflife=halflife and f"{halflife}D").fit(rows)
    expected = totals(rows, interaction, halflife)
    assert model.items_.tolist() == sorted(expected)
    np.testing.assert_allclose(model.totals_, [expected[item] for item in model.items_], rtol=1e-12)


def test_who_was_last_looked_at_long_ago_does_not_count_as_new(rows):
    """Customer 2, as of 20 January, bought `a` 15 days before; on 1 March that is 56 days ago."""
    model = PopularityRecommender(halflife="28D").fit(rows)
    assert model.totals_[0] == pytest.approx(0.5 ** (60 / 28) + 0.5 ** (56 / 28))


@settings(max_examples=60)
@given(dense=st.integers(0, 2**32 - 1), interaction=st.sampled_from(["binary", "count", "value"]), n=st.integers(1, 9))
def test_lists_are_the_best_by_brute_force(dense, interaction, n):
    rng = np.random.default_rng(dense)
    X = rng.integers(-2, 4, size=rng.integers(1, 9, size=2)) * (rng.random() < 0.9)
    cells = (X != 0).astype(float) if interaction == "binary" else X.astype(float)
    model = PopularityRecommender(interaction=interaction).fit(X)
    score, customers = cells.sum(axis=0), (X != 0).sum(axis=0)
    np.testing.assert_array_equal(model.totals_, score)
    np.testing.assert_array_equal(model.popularity_, customers)
    items, scores = model.recommend(X, n)
    for row in range(len(X)):
        legal = [item for item in range(X.shape[1]) if X[row, item] == 0]
        ranked = sorted(
            legal, key=lambda item: (score[item] <= 0, -score[item] if score[item] > 0 else -customers[item], item)
        )[:n]
        assert items[row][items[row] >= 0].tolist() == ranked
        np.testing.assert_array_equal(scores[row][: len(ranked)], score[ranked])


@settings(max_examples=40)
@given(X=snapshots(logs(items=True, money=True, kinds=False, min_events=1, ids="int"), horizon=False))
def test_of_any_log_only_what_rows_see_is_counted(X):
    seen = X.interactions("binary")
    if seen.nnz == 0:
        with pytest.raises(ParameterError, match="no row of X has bought"):
            PopularityRecommender().fit(X)
        return
    model = PopularityRecommender().fit(X)
    latest = {customer: max(X.as_of[X.customer_id == customer]) for customer in X.customer_id.tolist()}
    last = [row for row in range(len(X)) if X.as_of[row] == latest[X.customer_id[row].item()]]
    kept = {X.customer_id[row].item(): row for row in last}
    expected = np.asarray(seen[list(kept.values())].sum(axis=0)).ravel()
    assert model.items_.tolist() == X.log.items[expected > 0].tolist()
    np.testing.assert_array_equal(model.totals_, expected[expected > 0])


def test_money_that_was_given_back_fills_lists_last_and_marked():
    orders = pd.DataFrame(
        {
            "customer": [1, 2, 1, 1, 2, 3],
            "time": pd.to_datetime(
                ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
            ),
            "item": ["a", "a", "b", "a", "a", "c"],
            "value": [5.0, 5.0, 9.0, -6.0, -5.5, 1.0],
        }
    )
    log = EventLog.from_frame(orders, customer="customer", time="time", item="item", value="value")
    lists = (
        PopularityRecommender(interaction="value", exclude_seen=False).fit(log.snapshot()).recommend(log.snapshot()[:1])
    )
    assert lists["item"].tolist() == ["b", "c", "a"]
    assert lists["is_fallback"].tolist() == [False, False, True]
    assert lists["score"].tolist() == [9.0, 1.0, -1.5]


@pytest.mark.parametrize("interaction", ["binary", "count"])
def test_learning_in_parts_is_learning_at_once(rows, interaction):
    log = rows.log
    at_once = PopularityRecommender(interaction=interaction).fit(log.snapshot("2024-03-05"))
    in_parts = PopularityRecommender(interaction=interaction)
    for day in ("2024-01-03", "2024-01-07", "2024-02-21", "2024-03-05"):
        in_parts.partial_fit(log.snapshot(day))
    assert in_parts.items_.tolist() == at_once.items_.tolist()
    assert in_parts.totals_.tolist() == at_once.totals_.tolist()
    matrix = csr_matrix(np.arange(12).reshape(4, 3) % 4)
    grown = PopularityRecommender(interaction=interaction).fit(matrix[:1]).partial_fit(matrix[1:])
    assert grown.totals_.tolist() == PopularityRecommender(interaction=interaction).fit(matrix).totals_.tolist()


def test_what_a_half_life_remembers_decays_with_the_days(rows):
    model = PopularityRecommender(halflife="10D").fit(rows.log.snapshot("2024-02-01"))
    before = dict(zip(model.items_.tolist(), model.totals_.tolist(), strict=True))
    model.partial_fit(rows.log.snapshot("2024-02-21"))
    # a was bought on 1 and 5 January, and by nobody since.
    assert model.totals_[0] == pytest.approx(before["a"] / 4)


def test_customers_of_whom_nothing_is_known_get_the_list_too():
    model = PopularityRecommender().fit(np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0]]))
    items, scores = model.recommend(np.zeros((1, 3)), n=5)
    assert items.tolist() == [[1, 0, 2]]
    assert scores.tolist() == [[3.0, 1.0, 1.0]]


def test_pickle_and_threads(rows):
    model = PopularityRecommender(halflife="9D").fit(rows)
    again = pickle.loads(pickle.dumps(model)).set_params(n_jobs=2)
    pd.testing.assert_frame_equal(model.recommend(rows), again.recommend(rows))


def test_bad_parameters():
    with pytest.raises(ParameterError, match="halflife='20D', but a matrix has no times"):
        PopularityRecommender(halflife="20D").fit(np.eye(2))
    with pytest.raises(ValueError, match="'interaction' parameter"):
        PopularityRecommender(interaction="counts").fit(np.eye(2))


def test_movielens(movielens, golden, ndcg):
    model = PopularityRecommender().fit(movielens.train)
    items, _ = model.recommend(movielens.train)
    expected = golden["movielens"]["popularity"]
    assert ndcg(items, movielens.test) == pytest.approx(expected, abs=golden["movielens"]["tolerance"])
    assert model.score(movielens.train, movielens.test) == pytest.approx(ndcg(items, movielens.test), abs=1e-12)


def test_online_retail(online_retail, golden, ndcg):
    model = PopularityRecommender().fit(online_retail.train)
    items, _ = model.recommend(online_retail.train)
    expected = golden["online_retail"]["new"]["popularity"]
    assert ndcg(items, online_retail.new) == pytest.approx(expected, abs=golden["online_retail"]["tolerance"])
    assert (np.diff(online_retail.new.indptr) > 0).sum() == golden["online_retail"]["customers"]["new"]
