"""Rows with long histories: rounded sums find the candidates, exact scores decide."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse import csr_matrix

from crmkit.recommend import _serving
from crmkit.recommend import _serving_sketch_kernels as kernels
from crmkit.recommend._serving import ItemLists, choose_by_lists, choose_by_scores, score_by_lists

# What rounds alike and is not alike, what differs by many orders, what cancels, what is close to the ends of floats.
VALUES = {
    "plain": lambda rng, n: rng.random(n),
    "alike": lambda rng, n: 0.5 + rng.integers(0, 4, n) * 1e-9,
    "orders": lambda rng, n: 10.0 ** rng.uniform(-9, 3, n),
    "signs": lambda rng, n: rng.normal(size=n),
    "below": lambda rng, n: -rng.random(n),
    "tiny": lambda rng, n: rng.random(n) * 1e-300,
    "huge": lambda rng, n: rng.random(n) * 1e300,
}
WEIGHTS = {
    "ones": lambda rng, n: np.ones(n, np.int8),
    "counts": lambda rng, n: rng.integers(1, 9, n).astype(float),
    "floats": lambda rng, n: rng.normal(size=n),
    "orders": lambda rng, n: 10.0 ** rng.uniform(-9, 3, n),
    "decayed": lambda rng, n: 2.0 ** rng.uniform(-1074, -1000, n),
    "huge": lambda rng, n: rng.random(n) * 1e200,
}


def problem(seed, values, weights, n_rows=6, n_items=200):
    rng = np.random.default_rng(seed)
    by_source = csr_matrix((rng.random((n_items, n_items)) < 0.3).astype(float))
    by_source.data = VALUES[values](rng, by_source.nnz)
    histories = csr_matrix((rng.random((n_rows, n_items)) < rng.choice([0.02, 0.2, 0.8], (n_rows, 1))).astype(float))
    histories.data = WEIGHTS[weights](rng, histories.nnz)
    return ItemLists.from_csr(by_source, rng.random(n_items)), by_source, histories


def without_sketch(similarity):
    none = np.empty(0)
    return replace(similarity, sketch=kernels.Sketch(none, none, 1.0, 0.0, none, none, none))


def sketch_a_row(similarity, histories, row, n):
    """Run the kernel itself; return whether the sketch sufficed, and the items."""
    lists, sketch, place_of, item_at = similarity.arrays()
    chosen = _serving._nothing_chosen(histories.shape[0], n)
    scratch = _serving._Scratch(histories.shape[1]).sketch
    done = kernels.choose_by_sketch(
        row, 10**9, _serving._rows(histories), lists, sketch, place_of, item_at,
        _serving._rules(True, None, None, None, None), scratch, chosen,
    )  # fmt: skip
    assert not scratch.sums.any()
    assert not scratch.marks.any()
    return done, chosen.items[row]


def assert_same(chosen, expected):
    for found, wanted in zip(chosen, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1), values=st.sampled_from(sorted(VALUES)), weights=st.sampled_from(sorted(WEIGHTS)),
    n=st.sampled_from([1, 10, 60]), masked=st.booleans(), exclude_seen=st.booleans(),
)  # fmt: skip
def test_lists_are_those_of_exact_sums(seed, values, weights, n, masked, exclude_seen):
    similarity, _, histories = problem(seed, values, weights)
    rules = {"exclude_seen": exclude_seen, "order": np.arange(200)}
    if masked:
        rng = np.random.default_rng(seed)
        rules["legal"] = rng.random(200) < 0.5
        rules["banned"] = csr_matrix((rng.random(histories.shape) < 0.2).astype(float))
    with np.errstate(over="ignore"):
        scores = score_by_lists(similarity, histories)
    expected = choose_by_scores(scores, histories, n, **rules)
    assert_same(choose_by_lists(similarity, histories, n, **rules), expected)
    assert_same(choose_by_lists(without_sketch(similarity), histories, n, **rules), expected)


@pytest.mark.parametrize("values", ["plain", "alike", "orders", "signs", "below"])
@pytest.mark.parametrize("weights", ["ones", "counts", "floats", "orders"])
def test_rounded_sums_are_as_close_as_they_say(values, weights):
    similarity, by_source, histories = problem(8, values, weights, n_items=100)
    lists, sketch, place_of, _ = similarity.arrays()
    rows = _serving._rows(histories)
    tightest = 0.0
    for row in range(histories.shape[0]):
        scale = kernels._scale(row, rows, sketch)
        if scale == 0.0:
            assert histories[row].nnz == 0
            continue
        sums = np.zeros(128, np.int32)
        error = kernels._add_rounded(row, scale, rows, lists, sketch, sums)
        assert np.abs(sums.astype(np.int64)).max() < 2**31 - 1
        exact = np.array([Fraction(float(value)) for value in histories[row].toarray()[0]])
        for target in range(0, 100, 7):
            score = np.dot(exact, [Fraction(value) for value in by_source[:, [target]].toarray()[:, 0].tolist()])
            off = abs(int(sums[place_of[target]]) - score * Fraction(scale) / Fraction(sketch.unit))
            assert off <= error
            tightest = max(tightest, float(off / error))
    if values == "plain":
        assert tightest > 0.005  # the bound is not a blank cheque


def test_it_does_the_work_where_it_should():
    similarity, _, histories = problem(1, "plain", "ones", n_rows=40)
    used = [sketch_a_row(similarity, histories, row, 10)[0] for row in range(40)]
    long = np.diff(histories.indptr) > 20
    assert np.mean(np.array(used)[long]) > 0.9
    expected = choose_by_lists(without_sketch(similarity), histories, 10, exclude_seen=True)
    for row in np.flatnonzero(used):
        np.testing.assert_array_equal(sketch_a_row(similarity, histories, row, 10)[1], expected.items[row])


@pytest.mark.parametrize(
    ("values", "weights", "why"),
    [
        ("tiny", "decayed", "products are lost among the smallest floats"),
        ("huge", "huge", "products are infinite"),
        ("below", "ones", "no score is positive"),
    ],
)
def test_it_declines_what_it_cannot_tell(values, weights, why):
    similarity, _, histories = problem(2, values, weights, n_rows=20)
    assert not any(sketch_a_row(similarity, histories, row, 10)[0] for row in range(20)), why


def test_what_differs_in_the_last_bit_is_told_apart():
    n_items = 128
    values = np.full((2, n_items), 0.5)
    values[1, 100] = np.nextafter(1.0, 2.0) - 0.5
    values[1, 90] = np.nextafter(0.5, 0)
    by_source = csr_matrix(np.vstack([values, np.zeros((n_items - 2, n_items))]))
    histories = csr_matrix(np.eye(2, n_items).sum(axis=0, keepdims=True).astype(np.int8))
    similarity = ItemLists.from_csr(by_source, np.arange(n_items)[::-1])
    done, items = sketch_a_row(similarity, histories, 0, 4)
    assert done
    np.testing.assert_array_equal(items, [100, 2, 3, 4])
    np.testing.assert_array_equal(choose_by_lists(similarity, histories, 4, exclude_seen=True).items[0], [100, 2, 3, 4])


@pytest.mark.parametrize("values", [[], [0.0], [np.inf, 1.0]])
def test_nothing_to_round_by(values):
    by_source = csr_matrix((values, (range(len(values)), range(1, len(values) + 1))), shape=(3, 3))
    similarity = ItemLists.from_csr(by_source, np.ones(3))
    assert len(similarity.sketch.entries) == 0
    chosen = choose_by_lists(similarity, csr_matrix(np.array([[1, 0, 0]], np.int8)), 2, exclude_seen=True)
    np.testing.assert_array_equal(chosen.items, [[1, -1]] if values == [np.inf, 1.0] else [[-1, -1]])


def test_more_items_than_sixteen_bits():
    n_items = 2**16 + 70
    rng = np.random.default_rng(5)
    sources, targets = rng.integers(0, 40, 30_000), rng.integers(0, n_items, 30_000)
    by_source = csr_matrix((rng.integers(1, 9, 30_000) / 8, (sources, targets)), shape=(n_items, n_items))
    histories = csr_matrix(np.ones((1, 40), np.int8))
    histories.resize((1, n_items))
    similarity = ItemLists.from_csr(by_source, rng.random(n_items))
    assert len(similarity.sketch.entries) == 0
    scores = np.asarray(by_source.sum(axis=0)).ravel()  # exact: eighths
    scores[:40] = 0.0
    best = np.lexsort((np.arange(n_items), -scores))[:20]
    chosen = choose_by_lists(similarity, histories, 20, exclude_seen=True)
    np.testing.assert_array_equal(chosen.items[0], best)
    np.testing.assert_array_equal(chosen.scores[0], scores[best])


def test_a_transpose_that_is_there_is_shared():
    _, by_source, histories = problem(4, "plain", "ones")
    by_target = by_source.T.tocsr()
    by_target.sort_indices()
    similarity = ItemLists.from_csr(by_source, np.arange(200), by_target)
    assert np.shares_memory(similarity.sketch.values, by_target.data)
    expected = choose_by_lists(ItemLists.from_csr(by_source, np.arange(200)), histories, 5, exclude_seen=True)
    assert_same(choose_by_lists(similarity, histories, 5, exclude_seen=True), expected)
