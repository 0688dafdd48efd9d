"""The n best legal items of a row, against plain sorting."""

from __future__ import annotations

import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse import csr_matrix

from crmkit.recommend import _serving, _serving_chosen_kernels, _serving_kernels, _serving_sketch_kernels
from crmkit.recommend._serving import ItemLists, choose_by_lists, choose_by_scores, score_by_lists


def scores_one_by_one(by_source, histories):
    """Sum over the row's items in ascending order, one float at a time."""
    scores = np.zeros(histories.shape)
    for row in range(histories.shape[0]):
        for entry in range(histories.indptr[row], histories.indptr[row + 1]):
            item, weight = histories.indices[entry], float(histories.data[entry])
            for position in range(by_source.indptr[item], by_source.indptr[item + 1]):
                scores[row, by_source.indices[position]] += weight * by_source.data[position]
    return scores


def best_one_by_one(scores, histories, n, *, exclude_seen, order=None, legal=None, banned=None, candidates=None):
    n_rows, n_items = scores.shape
    items, best = np.full((n_rows, n), -1, np.int32), np.full((n_rows, n), np.nan)
    is_fallback = np.zeros((n_rows, n), bool)
    allowed = np.ones(scores.shape, bool) if candidates is None else candidates.toarray() != 0
    if exclude_seen:
        allowed &= histories.toarray() == 0
    if banned is not None:
        allowed &= banned.toarray() == 0
    if legal is not None:
        allowed &= legal
    for row in range(n_rows):
        listed = [item for item in range(n_items) if allowed[row, item] and scores[row, item] > 0]
        listed.sort(key=lambda item: (-scores[row, item], item))
        filled = [] if order is None else [item for item in order if allowed[row, item] and not scores[row, item] > 0]
        for place, item in enumerate((listed + filled)[:n]):
            items[row, place], best[row, place] = item, scores[row, item]
            is_fallback[row, place] = place >= len(listed)
    return items, best, is_fallback


def assert_same(chosen, expected):
    for name, found, wanted in zip(chosen._fields, chosen, expected, strict=True):
        np.testing.assert_array_equal(found, wanted, err_msg=name)
        assert found.dtype == wanted.dtype


def random_csr(rng, n_rows, n_columns, density, values):
    matrix = csr_matrix(np.where(rng.random((n_rows, n_columns)) < density, 1.0, 0.0))
    matrix.data = rng.choice(values, matrix.nnz)
    matrix.indices = matrix.indices.astype(np.int32)
    return matrix


# Few different values, so that ties are the rule; huge ones, so that sums depend on their order.
VALUES = {"ties": [0.25, 0.5, 1.0], "signs": [-1.0, -0.5, 0.5, 1.0], "order": [1e16, 1.0, 0.1, -1e16, 1 / 3]}


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_items = draw(st.sampled_from([0, 1, 8])), draw(st.sampled_from([1, 2, 7, 64, 65, 300]))
    values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
    by_source = random_csr(rng, n_items, n_items, draw(st.sampled_from([0.0, 0.02, 0.3])), values)
    histories = random_csr(rng, n_rows, n_items, draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])), [0.5, 1.0, -3.0])
    if draw(st.booleans()):
        histories.data = np.ones(histories.nnz, np.int8)
    rules = {"exclude_seen": draw(st.booleans())}
    if draw(st.booleans()):
        rules["order"] = rng.permutation(n_items)
    if draw(st.booleans()):
        rules["legal"] = rng.random(n_items) < 0.5
    for name in ("banned", "candidates"):
        if draw(st.booleans()):
            rules[name] = random_csr(rng, n_rows, n_items, 0.3, [1.0])
    popularity = rng.integers(0, 5, n_items)
    return by_source, popularity, histories, draw(st.sampled_from([0, 1, 3, 10, 400])), rules


@settings(max_examples=100)
@given(problem=problems())
def test_best_are_those_of_a_plain_sort(problem):
    by_source, popularity, histories, n, rules = problem
    similarity = ItemLists.from_csr(by_source, popularity)
    scores = scores_one_by_one(by_source, histories)
    found = score_by_lists(similarity, histories)
    assert found.tobytes() == scores.tobytes()
    expected = best_one_by_one(scores, histories, n, **rules)
    assert_same(choose_by_lists(similarity, histories, n, **rules), expected)
    assert_same(choose_by_scores(scores, histories, n, **rules), expected)


def long_problem(n_rows=3000, n_items=500):
    rng = np.random.default_rng(3)
    by_source = random_csr(rng, n_items, n_items, 0.1, rng.random(1000) - 0.1)
    activity = rng.choice([0.0, 0.01, 0.05, 0.3], (n_rows, 1))
    histories = csr_matrix((rng.random((n_rows, n_items)) < activity).astype(np.int8))
    return ItemLists.from_csr(by_source, rng.random(n_items)), by_source, histories


@pytest.mark.parametrize("weights", ["ones", "floats"])
def test_same_bits_for_any_number_of_threads(weights):
    similarity, _, histories = long_problem()
    if weights == "floats":
        histories = histories.astype(np.float64)
        histories.data[:] = np.random.default_rng(1).random(histories.nnz)
    rules = {"exclude_seen": True, "order": np.arange(500)}
    one = choose_by_lists(similarity, histories, 10, threads=1, **rules)
    scores = score_by_lists(similarity, histories, threads=1)
    for threads in (2, 5, None):
        assert_same(choose_by_lists(similarity, histories, 10, threads=threads, **rules), one)
        assert_same(choose_by_scores(scores, histories, 10, threads=threads, **rules), one)
        assert score_by_lists(similarity, histories, threads=threads).tobytes() == scores.tobytes()


def test_answer_of_a_row_is_its_own():
    similarity, _, histories = long_problem(200)
    together = choose_by_lists(similarity, histories, 10, exclude_seen=True, order=np.arange(500))
    for row in range(200):
        alone = choose_by_lists(similarity, histories[row], 10, exclude_seen=True, order=np.arange(500))
        assert_same(alone, tuple(array[row : row + 1] for array in together))


def test_plain_python_gives_the_same(monkeypatch):
    similarity, _, histories = long_problem(40, 150)
    rules = {"exclude_seen": True, "order": np.arange(150), "candidates": histories[::-1]}

    def everything():
        scores = score_by_lists(similarity, histories)
        lists = [choose_by_lists(similarity, histories, 20, **rules) for rules in ({"exclude_seen": False}, rules)]
        return scores, lists, choose_by_scores(scores, histories, 20, **rules)

    compiled = everything()
    for module in (_serving_chosen_kernels, _serving_sketch_kernels, _serving_kernels, _serving):
        for name, found in vars(module).copy().items():
            if hasattr(found, "py_func"):
                monkeypatch.setattr(module, name, found.py_func)
    plain = everything()
    assert plain[0].tobytes() == compiled[0].tobytes()
    for found, expected in zip([*plain[1], plain[2]], [*compiled[1], compiled[2]], strict=True):
        assert_same(found, expected)


def test_ties_go_to_the_lower_item_whatever_is_popular():
    by_source = csr_matrix(np.array([[0, 1.0, 1.0, 1.0, 2.0]] + [[0] * 5] * 4))
    history = csr_matrix(np.array([[1, 0, 0, 0, 0]], dtype=np.int8))
    for popularity in ([5, 4, 3, 2, 1], [1, 2, 3, 4, 5]):
        chosen = choose_by_lists(ItemLists.from_csr(by_source, popularity), history, 3, exclude_seen=True)
        np.testing.assert_array_equal(chosen.items, [[4, 1, 2]])
        np.testing.assert_array_equal(chosen.scores, [[2.0, 1.0, 1.0]])


def test_fallback_shows_the_score_of_the_row():
    by_source = csr_matrix(np.array([[0, 0.5, -0.25, 0.0]] + [[0.0] * 4] * 3))
    history = csr_matrix(np.array([[1, 0, 0, 0]], dtype=np.int8))
    similarity = ItemLists.from_csr(by_source, np.arange(4))
    chosen = choose_by_lists(similarity, history, 4, exclude_seen=True, order=np.array([0, 3, 2, 1]))
    np.testing.assert_array_equal(chosen.items, [[1, 3, 2, -1]])
    np.testing.assert_array_equal(chosen.scores, [[0.5, 0.0, -0.25, np.nan]])
    np.testing.assert_array_equal(chosen.is_fallback, [[False, True, True, False]])
    again = choose_by_lists(similarity, history, 4, exclude_seen=False, order=np.array([0, 3, 2, 1]))
    np.testing.assert_array_equal(again.items, [[1, 0, 3, 2]])


def test_scores_that_are_not_numbers_are_never_chosen():
    scores = np.array([[np.nan, 1.0, np.inf, -np.inf, -0.0, 2.0]])
    nothing = csr_matrix((1, 6))
    chosen = choose_by_scores(scores, nothing, 6, exclude_seen=True)
    np.testing.assert_array_equal(chosen.items, [[2, 5, 1, -1, -1, -1]])
    filled = choose_by_scores(scores, nothing, 6, exclude_seen=True, order=np.arange(6))
    np.testing.assert_array_equal(filled.items, [[2, 5, 1, 0, 3, 4]])
    np.testing.assert_array_equal(filled.is_fallback, [[False] * 3 + [True] * 3])


def test_nothing_is_written_to_and_pickles_answer_alike():
    similarity, by_source, histories = long_problem(50)
    before = [array.copy() for array in (by_source.data, by_source.indices, histories.data, histories.indices)]
    expected = choose_by_lists(similarity, histories, 5, exclude_seen=True)
    for array in (histories.data, histories.indices, histories.indptr):
        array.setflags(write=False)
    again = pickle.loads(pickle.dumps(similarity))
    signatures = len(_serving_kernels.choose_from_lists.signatures)
    assert_same(choose_by_lists(again, histories, 5, exclude_seen=True), expected)
    assert len(_serving_kernels.choose_from_lists.signatures) == signatures == 1
    for array, old in zip((by_source.data, by_source.indices, histories.data, histories.indices), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_wide_index_types():
    similarity, _, histories = long_problem(50)
    wide = histories.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    rules = {"exclude_seen": True, "order": np.arange(500)}
    assert_same(choose_by_lists(similarity, wide, 5, **rules), choose_by_lists(similarity, histories, 5, **rules))
