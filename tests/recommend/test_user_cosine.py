"""UserCosineRecommender against all pairs of customers, in exact arithmetic."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.recommend import UserCosineRecommender

# ------------------------------------------------------------------------------------------ oracle


def neighbours(row, known, n_neighbors, own):
    """Places of the nearest rows of whole numbers, ties to the lower, without any rounding; and cosines."""
    found = {}
    for customer, other in enumerate(known):
        product = sum(a * b for a, b in zip(row, other, strict=True))
        if customer != own and product > 0:
            found[customer] = Fraction(product * product, sum(a * a for a in row) * sum(b * b for b in other))
    best = sorted(found, key=lambda customer: (-found[customer], customer))[:n_neighbors]
    return best, [math.sqrt(found[customer]) for customer in best]


def twin(row, known):
    """The first of the known rows that is the same in every cell, None if there is none."""
    return next((customer for customer, other in enumerate(known) if other == row), None)


def weighted(cells, fitted, weighting, *, k1=1.2, b=0.75):
    """Rows with the weights that another matrix says, by the definition in the docstring."""
    cells, fitted = np.asarray(cells, dtype=float), np.asarray(fitted, dtype=float)
    idf = np.log(len(fitted) / np.maximum((fitted != 0).sum(axis=0), 1))
    if weighting == "bm25":
        length = cells.sum(axis=1, keepdims=True) / (fitted.sum() / len(fitted) or 1.0)
        with np.errstate(invalid="ignore"):
            cells = np.where(cells > 0, cells * (k1 + 1) / (cells + k1 * (1 - b + b * length)), 0.0)
    return cells * idf


@st.composite
def matrices(draw, low=0):
    """Small matrices of whole numbers, with empty rows and rows that are alike."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    dense = rng.integers(low, 4, shape) * (rng.random(shape) < draw(st.sampled_from([0.2, 0.6, 1.0])))
    for customer in rng.integers(shape[0], size=draw(st.integers(0, 3))):
        dense[customer] = dense[0]
    return dense


K = st.integers(1, 13)

# ------------------------------------------------------------------------------------------- tests


@settings(max_examples=120)
@given(dense=matrices(low=-2), n_neighbors=K, interaction=st.sampled_from(["binary", "count"]))
@example(dense=np.ones((1, 1), dtype=int), n_neighbors=3, interaction="binary")
@example(dense=np.zeros((3, 2), dtype=int), n_neighbors=3, interaction="count")
def test_neighbours_and_scores_are_exact(dense, n_neighbors, interaction):
    cells = ((dense != 0).astype(int) if interaction == "binary" else dense).tolist()
    model = UserCosineRecommender(n_neighbors, interaction=interaction).fit(dense)
    customers, similarities = model.similar_customers(dense, n_neighbors)
    scores = model.decision_function(dense)
    for place, row in enumerate(cells):
        best, cosines = neighbours(row, cells, n_neighbors, twin(row, cells))
        assert customers[place][customers[place] >= 0].tolist() == best
        np.testing.assert_allclose(similarities[place][: len(best)], cosines, rtol=1e-15)
        assert np.isnan(similarities[place][len(best) :]).all()
        expected = sum(
            (np.multiply(cosine, cells[customer]) for customer, cosine in zip(best, cosines, strict=True)), 0.0
        )
        np.testing.assert_allclose(scores[place], expected, atol=1e-13)


@settings(max_examples=60)
@given(
    dense=matrices(),
    new=matrices(),
    n_neighbors=K,
    weighting=st.sampled_from([None, "idf", "bm25"]),
    shrinkage=st.sampled_from([0.0, 2.5]),
)
def test_weights_and_shrinkage_of_new_rows(dense, new, n_neighbors, weighting, shrinkage):
    """New rows are weighted by what the fitted ones say, and their neighbours' interactions are not."""
    n_items = min(dense.shape[1], new.shape[1])
    dense, new = dense[:, :n_items], new[:, :n_items]
    model = UserCosineRecommender(n_neighbors, weighting=weighting, shrinkage=shrinkage, interaction="count").fit(dense)
    known, rows = (x if weighting is None else weighted(x, dense, weighting) for x in (dense, new))
    size = np.outer(np.linalg.norm(rows, axis=1), np.linalg.norm(known, axis=1)) + shrinkage
    with np.errstate(invalid="ignore"):
        similarity = np.where(rows @ known.T != 0, rows @ known.T / size, 0.0)
    for place, row in enumerate(new.tolist()):
        own = twin(row, dense.tolist())
        if own is not None:
            similarity[place, own] = 0.0
    # Ties that rounding breaks may be broken otherwise: compare what is kept by value.
    best = -np.sort(-similarity, axis=1)[:, :n_neighbors]
    found = model.similar_customers(new, n_neighbors)[1]
    np.testing.assert_allclose(np.nan_to_num(found), np.where(best > 0, best, 0)[:, : found.shape[1]], atol=1e-14)
    if n_neighbors >= len(dense):
        np.testing.assert_allclose(model.decision_function(new), similarity @ dense, atol=1e-12)


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("weighting", [None, "idf"])
def test_the_unit_of_money_changes_no_cosine(size, weighting):
    dense = np.random.default_rng(0).integers(0, 4, (9, 5)).astype(float)  # nothing cancels
    plain, scaled = (
        UserCosineRecommender(4, weighting=weighting, interaction="value").fit(dense * unit) for unit in (1.0, size)
    )
    expected, found = plain.similar_customers(dense), scaled.similar_customers(dense * size)
    np.testing.assert_array_equal(expected[0], found[0])
    np.testing.assert_allclose(expected[1], found[1], rtol=1e-13)


def test_shrinkage_is_measured_in_the_unit_of_the_interactions():
    dense = np.array([[3.0, 0.0], [3.0, 1.0], [0.0, 2.0]])
    for unit in (1.0, 1e100, 1e-100):
        model = UserCosineRecommender(shrinkage=2.0 * unit**2, interaction="value").fit(dense * unit)
        assert model.similar_customers(dense[:1] * unit, 1)[1][0, 0] == pytest.approx(9 / (3 * math.sqrt(10) + 2))


def test_products_that_cancel_list_nobody_twice():
    """The product with the second row is 1 - 1 + 1."""
    dense = np.array([[1, 1, 1], [1, -1, 1], [0, 0, 1]])
    customers, _ = UserCosineRecommender(interaction="count").fit(dense).similar_customers(dense[:1])
    assert customers.tolist() == [[2, 1, -1]]


def test_a_row_of_a_matrix_is_taken_for_the_first_customer_that_equals_it():
    dense = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]])
    model = UserCosineRecommender(interaction="count").fit(dense)
    assert model.similar_customers([[1, 1, 0]])[0].tolist() == [[1, 2, -1]]
    assert model.similar_customers([[2, 2, 0]])[0].tolist() == [[0, 1, 2]]


def test_weights_do_not_hide_who_a_row_is():
    """Everybody has the first item, so that under idf only the second is compared: rows 0 and 2 look alike there."""
    dense = np.array([[1, 1, 0], [1, 0, 1], [2, 1, 0]])
    model = UserCosineRecommender(weighting="idf", interaction="count").fit(dense)
    customers, similarities = model.similar_customers(dense)
    assert customers.tolist() == [[2, -1, -1], [-1, -1, -1], [0, -1, -1]]
    assert similarities[0, 0] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def log():
    orders = pd.DataFrame(
        {
            "who": ["ann", "ann", "ann", "bob", "bob", "cid", "dan"],
            "when": pd.to_datetime(
                ["2024-01-01", "2024-01-02", "2024-02-01", "2024-01-01", "2024-01-03", "2024-01-04", "2024-01-05"]
            ),
            "what": ["tea", "pot", "cup", "tea", "pot", "tea", "jug"],
        }
    )
    return EventLog.from_frame(orders, customer="who", time="when", item="what")


def test_snapshots_are_matched_by_customer(log):
    model = UserCosineRecommender().fit(log.snapshot("2024-01-31"))
    assert model.customers_.tolist() == ["ann", "bob", "cid", "dan"]
    # bob equals ann, and is her nearest; that she bought a cup since does not make her her own neighbour.
    for day in ("2024-01-31", "2024-02-02"):
        found = model.similar_customers(log.snapshot(day))
        assert list(found.columns) == ["customer_id", "as_of", "rank", "neighbour", "similarity"]
        ann = found[found["customer_id"] == "ann"]
        assert ann["neighbour"].tolist() == ["bob", "cid"]
        assert ann["rank"].tolist() == [1, 2]
        np.testing.assert_allclose(ann["similarity"], [1.0, 1 / math.sqrt(2)])
        assert "dan" not in found["customer_id"].tolist()
    new = EventLog.from_frame(
        {"who": ["eve"], "when": np.array(["2024-01-09"], dtype="M8[us]"), "what": ["tea"]},
        customer="who",
        time="when",
        item="what",
    )
    assert model.similar_customers(new.snapshot())["neighbour"].tolist() == ["cid", "ann", "bob"]


def test_a_matrix_gives_what_snapshots_give(log):
    X = log.snapshot()
    matrix = X.interactions("binary")
    named, unnamed = UserCosineRecommender(2).fit(X), UserCosineRecommender(2).fit(matrix)
    np.testing.assert_allclose(named.decision_function(X), unnamed.decision_function(matrix), rtol=1e-15)


@pytest.mark.parametrize("weighting", [None, "idf", "bm25"])
def test_learning_in_parts_is_learning_at_once(log, weighting):
    X = log.snapshot()
    at_once = UserCosineRecommender(weighting=weighting, interaction="count").fit(X)
    in_parts = UserCosineRecommender(weighting=weighting, interaction="count")
    for day in ("2024-01-02", "2024-01-05"):
        in_parts.partial_fit(log.snapshot(day))
    in_parts.partial_fit(X)
    np.testing.assert_array_equal(in_parts.decision_function(X), at_once.decision_function(X))
    pd.testing.assert_frame_equal(in_parts.similar_customers(X), at_once.similar_customers(X))


def test_the_neighbours_that_are_asked_are_those_that_are_named():
    dense = np.random.default_rng(1).poisson(0.5, (60, 12))
    model = UserCosineRecommender(7, interaction="count").fit(dense)
    customers, similarities = model.similar_customers(dense, 7)
    expected = np.einsum("rk,rki->ri", np.nan_to_num(similarities), dense[customers] * (customers >= 0)[:, :, None])
    np.testing.assert_allclose(model.decision_function(dense), expected, atol=1e-13)


def test_same_bits_for_any_number_of_threads_and_after_a_pickle():
    dense = csr_matrix(np.random.default_rng(2).poisson(0.2, (500, 40)))
    model = UserCosineRecommender(20, weighting="bm25", interaction="count").fit(dense)
    again = pickle.loads(pickle.dumps(model)).set_params(n_jobs=3)
    np.testing.assert_array_equal(model.decision_function(dense), again.decision_function(dense))
    np.testing.assert_array_equal(model.decision_function(dense)[100:107], again.decision_function(dense[100:107]))


def test_the_model_does_not_change_with_the_matrix_that_it_was_fitted_on():
    dense = csr_matrix(np.random.default_rng(2).poisson(0.5, (20, 6)).astype(float))
    model = UserCosineRecommender(interaction="count").fit(dense)
    before = model.decision_function(np.eye(6))
    dense.data[:] = 9.0
    dense.indices[:] = 0
    np.testing.assert_array_equal(model.decision_function(np.eye(6)), before)


def test_rows_with_nothing_in_common_get_the_fallback():
    model = UserCosineRecommender().fit(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]))
    assert model.recommend([[0, 0, 1, 0], [0, 0, 0, 0]])[0].tolist() == [[0, 1, 3, -1], [0, 1, 2, 3]]
    assert model.set_params(fallback=None).recommend([[0, 0, 1, 0]])[0].tolist() == [[-1] * 4]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"weighting": "tfidf"}, "weighting"),
        ({"shrinkage": -1.0}, "shrinkage"),
        ({"interaction": "money"}, "interaction"),
    ],
)
def test_parameters_that_are_refused(wrong, named):
    with pytest.raises(ValueError, match=f"'{named}' parameter of UserCosineRecommender"):
        UserCosineRecommender(**wrong).fit(np.eye(3))


def test_bm25_refuses_negative_values():
    with pytest.raises(ParameterError, match="weighting='bm25', but some interactions are negative"):
        UserCosineRecommender(weighting="bm25", interaction="value").fit([[1.0, -2.0]])


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_similar_customers_refuses_other_numbers(n):
    with pytest.raises(ParameterError, match="'n' parameter of UserCosineRecommender.similar_customers"):
        UserCosineRecommender().fit(np.eye(3)).similar_customers(np.eye(3), n)


def test_movielens(movielens, golden, ndcg):
    model = UserCosineRecommender(50).fit(movielens.train)
    found = ndcg(model.recommend(movielens.train)[0], movielens.test)
    assert found == pytest.approx(golden["movielens"]["user_cosine_50"], abs=0.003)
