"""EASERecommender against one constrained regression for each item."""

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
from crmkit.recommend import EASERecommender
from crmkit.recommend import _ease as module


def regressions(cells, l2):
    """For each item the ridge regression of its column on all others: what the closed form is to give."""
    n_items = cells.shape[1]
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = [other for other in range(n_items) if other != item]
        x = cells[:, others]
        weights[others, item] = np.linalg.solve(x.T @ x + l2 * np.eye(len(others)), x.T @ cells[:, item])
    return weights


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    l2=st.sampled_from([0.5, 3.0, 200.0]),
    interaction=st.sampled_from(["binary", "value"]),
)
def test_each_item_is_regressed_on_the_others(seed, l2, interaction):
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, size=rng.integers(1, 9, size=2)) * (rng.random() < 0.95)
    X = X * (rng.random(X.shape[1]) < 0.8)
    cells = (X != 0).astype(float) if interaction == "binary" else X.astype(float)
    model = EASERecommender(l2, interaction=interaction).fit(csr_matrix(X))
    expected = regressions(cells, l2)
    np.testing.assert_allclose(model.weights_, expected, atol=1e-11)
    assert not np.diag(model.weights_).any()
    np.testing.assert_allclose(model.decision_function(X), cells @ expected, atol=1e-10)


@pytest.mark.parametrize("block", [1, 3, 7, 20])
def test_blocks_do_not_show(monkeypatch, block):
    X = csr_matrix(np.random.default_rng(0).poisson(0.7, size=(30, 19)))
    expected = EASERecommender(2.0, interaction="count").fit(X).weights_
    monkeypatch.setattr(module, "_BLOCK", block)
    np.testing.assert_allclose(EASERecommender(2.0, interaction="count").fit(X).weights_, expected, atol=1e-12)


def test_counts_of_more_than_a_byte():
    """Each cell is one byte; 300 customers have both items."""
    weights = EASERecommender(100.0).fit(csr_matrix(np.ones((300, 2), dtype=np.int8))).weights_
    assert weights[0, 1] == pytest.approx(300 / 400)


def test_items_without_customers_and_customers_without_items():
    X = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0]])
    model = EASERecommender(1.0).fit(X)
    assert not model.weights_[1].any()
    assert not model.weights_[:, 1].any()
    items, scores = model.recommend(X)
    assert items.tolist() == [[1, -1, -1], [2, 1, -1], [0, 2, 1]]
    assert scores[2].tolist() == [0.0, 0.0, 0.0]


def test_a_negative_score_is_no_recommendation():
    """Items 0 and 1 exclude each other."""
    X = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1], [0, 1, 1]])
    model = EASERecommender(0.1, fallback=None).fit(X)
    assert model.decision_function([[1, 0, 0]])[0, 1] < 0
    assert model.recommend([[1, 0, 0]])[0].tolist() == [[2, -1, -1]]
    assert model.set_params(fallback="popularity").recommend([[1, 0, 0]])[0].tolist() == [[2, 1, -1]]


def test_snapshots():
    orders = pd.DataFrame(
        {
            "who": ["x", "x", "y", "y", "z"],
            "when": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-05", "2024-01-04"]),
            "what": ["tea", "pot", "tea", "cup", "pot"],
        }
    )
    log = EventLog.from_frame(orders, customer="who", time="when", item="what")
    model = EASERecommender(1.0).fit(log.snapshot("2024-01-05"))
    assert model.items_.tolist() == ["pot", "tea"]  # nobody had bought a cup
    np.testing.assert_allclose(model.weights_, regressions(np.array([[1.0, 1], [0, 1], [1, 0]]), 1.0), atol=1e-12)
    lists = model.recommend(log.snapshot("2024-01-05"))
    assert lists[["customer_id", "item"]].to_numpy().tolist() == [["y", "pot"], ["z", "tea"]]
    decayed = EASERecommender(1.0, halflife="1D").fit(log.snapshot("2024-01-05"))
    ages = np.array([[2.0, 4], [np.inf, 3], [1, np.inf]])
    np.testing.assert_allclose(decayed.weights_, regressions(0.5**ages, 1.0), atol=1e-12)


def test_too_many_items_are_refused_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(module, "_free_memory", lambda: 10**9)
    X = csr_matrix((np.ones(2), ([0, 1], [3, 49_999])), shape=(2, 50_000))
    with pytest.raises(
        MemoryError, match=r"needs 20,8\d\d,\d{3},\d{3} bytes for 50,000 × 50,000.*Leave out rare items"
    ):
        EASERecommender().fit(X)
    monkeypatch.setattr(module, "_free_memory", lambda: None)
    assert EASERecommender().fit(np.eye(3)).weights_.shape == (3, 3)


def test_the_system_says_how_much_memory_is_free():
    free = module._free_memory()
    assert free is None or 2**20 < free < 2**50


@pytest.mark.parametrize(("size", "l2"), [(1e200, 200.0), (1e9, 1e-9)])
def test_equations_that_cannot_be_solved(size, l2):
    with pytest.raises(ParameterError, match="cannot be solved in 64-bit numbers.*Pass another l2"):
        EASERecommender(l2, interaction="value").fit(np.full((2, 2), size))


@pytest.mark.parametrize("l2", [0, -1.0, np.inf, "200", None])
def test_l2_must_be_positive(l2):
    with pytest.raises(ValueError, match="'l2' parameter of EASERecommender"):
        EASERecommender(l2).fit(np.eye(2))


def test_pickle_and_threads():
    X = csr_matrix(np.random.default_rng(0).poisson(0.3, size=(300, 40)))
    model = EASERecommender(20.0).fit(X)
    again = pickle.loads(pickle.dumps(model)).set_params(n_jobs=2)
    for one, other in zip(model.recommend(X), again.recommend(X), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.decision_function(X)[7:9], again.decision_function(X[7:9]))


@pytest.mark.parametrize("l2", [200, 300])
def test_movielens(movielens, golden, ndcg, l2):
    items, _ = EASERecommender(l2).fit(movielens.train).recommend(movielens.train)
    expected = golden["movielens"][f"ease_l2_{l2}"]
    assert ndcg(items, movielens.test) == pytest.approx(expected, abs=golden["movielens"]["tolerance"])


@pytest.mark.slow
def test_online_retail(online_retail, golden, ndcg):
    train, figures = online_retail.train, golden["online_retail"]
    model = EASERecommender(500.0).fit(train)
    found = ndcg(model.recommend(train)[0], online_retail.new)
    assert found == pytest.approx(figures["new"]["ease_l2_500"], abs=figures["tolerance"])
    found = ndcg(model.recommend(train, exclude_seen=False)[0], online_retail.test)
    assert found == pytest.approx(figures["any"]["ease_l2_500"], abs=figures["tolerance"])
