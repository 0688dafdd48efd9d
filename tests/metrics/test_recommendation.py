"""Accuracy of recommendations, against loops that follow the definitions word by word."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_matrix, csr_array, csr_matrix
from sklearn.metrics import ndcg_score

from crmkit.events import ItemTargets
from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    estimate,
    hit_rate_at_k,
    map_at_k,
    mrr_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)

METRICS = {
    "precision": precision_at_k,
    "recall": recall_at_k,
    "hit_rate": hit_rate_at_k,
    "map": map_at_k,
    "mrr": mrr_at_k,
    "ndcg": ndcg_at_k,
}
each_metric = pytest.mark.parametrize("name", METRICS)


def naive(name, relevant, listed, k):
    """One row: a set of items, and a list of items with -1 for empty places."""
    if not relevant:
        return math.nan
    hits = [1 if item in relevant else 0 for item in listed[:k]]
    possible = min(k, len(relevant))
    if name == "precision":
        return sum(hits) / k
    if name == "recall":
        return sum(hits) / len(relevant)
    if name == "hit_rate":
        return float(any(hits))
    if name == "map":
        return sum(sum(hits[: place + 1]) / (place + 1) for place in range(k) if hits[place]) / possible
    if name == "mrr":
        return max((1 / (place + 1) for place in range(k) if hits[place]), default=0.0)
    gain = sum(1 / math.log2(place + 2) for place in range(k) if hits[place])
    return gain / sum(1 / math.log2(place + 2) for place in range(possible))


def matrix_of(relevant, n_items):
    y = np.zeros((len(relevant), n_items), dtype=np.int64)
    for row, items in enumerate(relevant):
        y[row, sorted(items)] = 1
    return y


@st.composite
def cases(draw, least=0):
    """A catalogue, what is relevant to each row, and lists of one length with empty places."""
    n_items = draw(st.integers(1, 8))
    items = st.integers(0, n_items - 1)
    n_places = draw(st.integers(1, 10))
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        relevant = draw(st.sets(items, min_size=min(least, n_items)))
        listed = draw(st.permutations(range(n_items)))[: draw(st.integers(0, min(n_items, n_places)))]
        listed = [*listed, *[-1] * (n_places - len(listed))]
        rows.append((relevant, draw(st.permutations(listed))))  # an empty place may stand anywhere
    relevant, lists = zip(*rows, strict=True)
    return n_items, relevant, np.array(lists), draw(st.integers(1, n_places))


def all_rows(y, lists, k):
    """Values of each row under every metric."""
    return {name: metric(y, lists, k, average=None) for name, metric in METRICS.items()}


@given(case=cases())
def test_each_row_is_what_the_definition_says(case):
    n_items, relevant, lists, k = case
    y = matrix_of(relevant, n_items)
    for name, per_row in all_rows(y, lists, k).items():
        expected = [naive(name, *row, k) for row in zip(relevant, lists.tolist(), strict=True)]
        np.testing.assert_allclose(per_row, expected, rtol=1e-12, err_msg=name)
        if any(relevant):
            mean = METRICS[name](y, lists, k)
            assert type(mean) is float
            assert mean == pytest.approx(np.nanmean(expected))


# Relevant: 3 items, 1 item, none, 5 items. Hits of the first k places: 1 0 1 | 0 1 (empty) | - | 1 1 1
RELEVANT = [{0, 2, 4}, {1}, set(), {0, 1, 2, 3, 4}]
LISTS = [[0, 3, 2, 5], [4, 1, -1, -1], [1, 2, 3, 4], [4, 0, 1, 5]]
THIRD = 1 / math.log2(4)
SECOND = 1 / math.log2(3)


@pytest.mark.parametrize(
    ("name", "k", "expected"),
    [
        ("precision", 3, [2 / 3, 1 / 3, math.nan, 1]),
        ("precision", 4, [2 / 4, 1 / 4, math.nan, 3 / 4]),  # the short list too is divided by four
        ("recall", 3, [2 / 3, 1, math.nan, 3 / 5]),
        ("hit_rate", 1, [1, 0, math.nan, 1]),
        ("mrr", 3, [1, 1 / 2, math.nan, 1]),
        ("map", 3, [(1 + 2 / 3) / 3, 1 / 2, math.nan, 1]),
        ("map", 2, [1 / 2, 1 / 2, math.nan, 1]),  # three are relevant, but two places: divided by two
        ("ndcg", 3, [(1 + THIRD) / (1 + SECOND + THIRD), SECOND, math.nan, 1]),
        ("ndcg", 2, [1 / (1 + SECOND), SECOND, math.nan, 1]),
    ],
)
def test_by_hand(name, k, expected):
    per_row = METRICS[name](matrix_of(RELEVANT, 6), LISTS, k, average=None)
    np.testing.assert_allclose(per_row, expected, rtol=1e-12)


def test_the_discount_is_that_of_scikit_learn():
    """Where all items are ranked and relevance is yes or no, its NDCG is the same figure."""
    rng = np.random.default_rng(0)
    y = (rng.random((40, 12)) < 0.3).astype(int)
    y[:, 0] = 1
    score = rng.random((40, 12))
    lists = np.argsort(-score, axis=1)
    for k in (1, 5, 12):
        assert ndcg_at_k(y, lists, k) == pytest.approx(ndcg_score(y, score, k=k))


@given(case=cases())
def test_values_lie_between_0_and_1(case):
    n_items, relevant, lists, k = case
    for per_row in all_rows(matrix_of(relevant, n_items), lists, k).values():
        assert (np.isnan(per_row) == [not items for items in relevant]).all()
        assert ((per_row >= 0) & (per_row <= 1))[~np.isnan(per_row)].all()


@given(case=cases(least=1))
def test_longer_lists_find_no_less(case):
    n_items, relevant, lists, _ = case
    y = matrix_of(relevant, n_items)
    values = [all_rows(y, lists, k) for k in range(1, lists.shape[1] + 1)]
    for name in ("recall", "hit_rate", "mrr"):
        assert (np.diff([at_k[name] for at_k in values], axis=0) >= 0).all()


@given(case=cases(least=1))
def test_what_stands_behind_place_k_does_not_matter(case):
    n_items, relevant, lists, k = case
    y = matrix_of(relevant, n_items)
    cut = all_rows(y, lists[:, :k], k)
    for name, per_row in all_rows(y, lists, k).items():
        assert per_row.tobytes() == cut[name].tobytes()


@given(case=cases(), random=st.randoms(use_true_random=False))
def test_a_row_does_not_depend_on_the_others(case, random):
    n_items, relevant, lists, k = case
    y = matrix_of(relevant, n_items)
    order = random.sample(range(len(lists)), len(lists))
    shuffled = all_rows(y[order], lists[order], k)
    alone = all_rows(y[:1], lists[:1], k)
    for name, per_row in all_rows(y, lists, k).items():
        assert shuffled[name].tobytes() == per_row[order].tobytes()
        assert alone[name].tobytes() == per_row[:1].tobytes()


@given(relevant=st.sets(st.integers(0, 30), min_size=1), k=st.integers(1, 31))
def test_the_best_list_has_exactly_1(relevant, k):
    listed = [*sorted(relevant), *sorted(set(range(31)) - relevant)]
    found = min(k, len(relevant))
    less = {"precision": found / k, "recall": found / len(relevant)}
    for name, per_row in all_rows(matrix_of([relevant], 31), [listed], k).items():
        assert per_row.tolist() == [less.get(name, 1.0)]


@given(case=cases(least=1))
def test_hits_that_move_up_are_worth_no_less(case):
    n_items, relevant, lists, k = case
    y = matrix_of(relevant, n_items)
    hits_first = np.array(
        [sorted(listed, key=lambda item: item not in items) for items, listed in zip(relevant, lists, strict=True)]
    )
    before = all_rows(y, lists, k)
    for name, per_row in all_rows(y, hits_first, k).items():
        assert (per_row - before[name] >= -1e-15).all()


def test_lists_of_many_places_are_read_in_blocks():
    rng = np.random.default_rng(0)
    n, n_items, k = 700, 3000, 2000
    y = csr_matrix((rng.random((n, n_items)) < 0.01).astype(np.int8))
    lists = np.array([rng.permutation(n_items)[:k] for _ in range(n)])
    assert n * k > 2**20
    expected = np.take_along_axis(y.toarray(), lists, axis=1).sum(axis=1) / k
    np.testing.assert_allclose(precision_at_k(y, lists, k, average=None), expected, rtol=1e-12)


def test_published_figures_of_the_most_popular_films(data_folder):
    golden = json.loads((Path(__file__).parents[1] / "golden" / "recommendation_metrics.json").read_text("utf-8"))
    folder = data_folder / "movielens_100k"
    train, test = np.zeros((2, 943, 1682), dtype=bool)
    train[tuple(np.loadtxt(folder / "mcrec_split_train.tsv.gz", dtype=np.int64)[:, :2].T - 1)] = True
    for line in gzip.decompress((folder / "mcrec_split_test_lists.txt.gz").read_bytes()).decode().splitlines():
        user, *films = map(int, line.split())
        test[user - 1, np.array(films) - 1] = True
    lists = np.argsort(np.where(train, 1, -train.sum(axis=0)), axis=1, kind="stable")[:, :10]
    tolerance = golden["tolerance"]
    assert precision_at_k(test, lists) == pytest.approx(golden["precision_at_10"], abs=tolerance)
    assert recall_at_k(test, lists) == pytest.approx(golden["recall_at_10"], abs=tolerance)
    n_relevant = test.sum(axis=1)
    ideal = np.append(0, np.cumsum(1 / np.log2(np.arange(2, 1684))))
    with np.errstate(invalid="ignore"):  # one user has no film in the test part
        untruncated = ndcg_at_k(test, lists, average=None) * ideal[np.minimum(n_relevant, 10)] / ideal[n_relevant]
    assert np.nanmean(untruncated) == pytest.approx(golden["untruncated_ndcg_at_10"], abs=tolerance)


# ----------------------------------------------------------------------------------- kinds of input


Y = matrix_of(RELEVANT, 6)


@each_metric
@pytest.mark.parametrize(
    "kind",
    [
        csr_matrix, csr_array, csc_matrix, coo_array, np.ndarray.tolist,
        lambda y: y.astype(bool), lambda y: csr_matrix(y.astype(bool)), lambda y: csr_matrix(y.astype(np.uint8)),
        lambda y: ItemTargets(csr_matrix(y), np.array(list("abcdef"))),
        lambda y: y * np.array([[1.0, 7, 0.25, 2, 3, 1e9]]),  # counts do not grade
    ],
)  # fmt: skip  # a line for each kind would be a page
def test_kinds_of_y(name, kind):
    expected = METRICS[name](Y, LISTS, 3, average=None)
    assert METRICS[name](kind(Y), LISTS, 3, average=None).tobytes() == expected.tobytes()


def odd_csr():
    """RELEVANT with unsorted columns, a stored zero, and cells given twice, some of which add up to 0."""
    columns = [4, 0, 2, 3, 1, 5, 5, 4, 3, 2, 1, 0, 0]
    data = [1.0, 1, 1, 0, 1, 2, -2, 1, 1, 1, 1, 0.5, 0.5]
    return csr_matrix((data, columns, [0, 4, 5, 7, 13]), shape=(4, 6))


@each_metric
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_odd_matrices(name, index):
    y = odd_csr()
    y.indices, y.indptr = y.indices.astype(index), y.indptr.astype(index)
    before = [array.copy() for array in (y.data, y.indices, y.indptr)]
    for array in (y.data, y.indices, y.indptr):
        array.setflags(write=False)
    lists = np.array(LISTS)
    lists.setflags(write=False)
    expected = METRICS[name](Y, LISTS, 3, average=None)
    assert METRICS[name](y, lists, 3, average=None).tobytes() == expected.tobytes()
    for array, same in zip((y.data, y.indices, y.indptr), before, strict=True):
        assert (array == same).all()


def test_narrow_counts_given_twice_do_not_wrap_around():
    y = csr_matrix((np.array([64, 64, 64, 64], dtype=np.int8), [0, 0, 0, 0], [0, 4]), shape=(1, 2))
    assert hit_rate_at_k(y, [[0, 1]], 1) == 1.0


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, np.uint64])
def test_kinds_of_lists(dtype):
    lists = np.array([[0, 3, 2, 5], [4, 1, 2, 3], [1, 2, 3, 4], [4, 0, 1, 5]])
    for array in (lists.astype(dtype), np.asfortranarray(lists.astype(dtype)), lists.tolist()):
        assert ndcg_at_k(Y, array, 4) == ndcg_at_k(Y, lists, 4)


# ----------------------------------------------------------------------------------------- interval


def test_the_interval_resamples_customers():
    rng = np.random.default_rng(0)
    customer = np.repeat(np.arange(60), 4)
    liked = rng.integers(0, 20, size=60)[customer]
    y = np.zeros((240, 20), dtype=int)
    y[np.arange(240), liked] = rng.random(240) < 0.9
    lists = np.array([rng.permutation(20) for _ in range(60)])[customer]
    per_row = ndcg_at_k(y, lists, average=None)
    by_customer = estimate(np.nanmean, per_row, groups=customer, random_state=0)
    by_row = estimate(np.nanmean, per_row, random_state=0)
    assert by_customer.value == pytest.approx(ndcg_at_k(y, lists))
    assert by_customer.n == 60
    assert by_customer.high - by_customer.low > 1.5 * (by_row.high - by_row.low)


# ------------------------------------------------------------------------------------------- errors


@each_metric
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "The 'k' parameter of {} must be an int in the range [1, inf). Got 0 instead."),
        ({"k": 2.0}, "The 'k' parameter of {} must be an int in the range [1, inf). Got 2.0 instead."),
        ({"k": 5}, "The 'k' parameter of {} must be at most the number of places of the lists. Got k=5 and 4 places"),
        ({"average": "micro"}, "The 'average' parameter of {} must be one of {{'mean', None}}. Got 'micro' instead."),
        ({"recommended": [[0, 1, 2, 3]] * 3}, "The 'y_true' parameter of {} must have the 3 rows of 'recommended'."),
        ({"recommended": [[0, 1, 1]] * 4}, "The 'recommended' parameter of {} must not name an item twice in a row."),
        ({"recommended": [[0, 1, 6]] * 4}, "The 'recommended' parameter of {} must hold column numbers from 0 to 5"),
        ({"recommended": [[0, 1, -2]] * 4}, "The 'recommended' parameter of {} must hold column numbers from 0 to 5"),
        ({"recommended": [0, 1, 2]}, "The 'recommended' parameter of {} must be an array (rows, places)"),
        ({"recommended": [[0.0, np.nan]] * 4}, "The 'recommended' parameter of {} must be an array (rows, places)"),
        ({"recommended": [["a", "b", "c"]] * 4}, "The 'recommended' parameter of {} must be an array (rows, places)"),
        ({"recommended": [[0], [1, 2]]}, "The 'recommended' parameter of {} must be an array (rows, places)"),
        ({"recommended": (LISTS, LISTS)}, "The 'recommended' parameter of {} must be an array (rows, places)"),
        ({"y_true": [1, 0, 1, 0]}, "The 'y_true' parameter of {} must be a matrix (rows, n_items) of numbers"),
        ({"y_true": [[{1}], [{2}]]}, "The 'y_true' parameter of {} must be a matrix (rows, n_items) of numbers"),
        ({"y_true": [[1], [1, 2]]}, "The 'y_true' parameter of {} must be a matrix (rows, n_items) of numbers"),
        ({"y_true": Y - 1}, "The 'y_true' parameter of {} must not be negative: 0 is not relevant, above 0 is. Got -1"),
        ({"y_true": Y * np.nan}, "The 'y_true' parameter of {} has missing or infinite values. Leave those cells 0."),
        ({"y_true": csr_matrix(np.where(Y, np.inf, 0))}, "The 'y_true' parameter of {} has missing or infinite"),
        ({"y_true": 0 * Y}, "{} is not defined: none of the 4 rows has a relevant item."),
    ],
)  # fmt: skip  # one refused call a line
def test_what_is_refused(name, change, message):
    call = {"y_true": Y, "recommended": LISTS, "k": 3} | change
    with pytest.raises(ParameterError) as caught:
        METRICS[name](**call)
    assert str(caught.value).startswith(message.format(METRICS[name].__name__))


def test_errors_say_what_to_do():
    with pytest.raises(ParameterError, match=r"pass its items\.$"):
        ndcg_at_k(Y, (np.array(LISTS), np.ones((4, 4))), 3)
    with pytest.raises(ParameterError, match=r"Ask for longer lists, recommend\(X, n=9\)"):
        ndcg_at_k(Y, LISTS, 9)
    with pytest.raises(ParameterError, match="1 of 4 rows have duplicates"):
        ndcg_at_k(Y, [*LISTS[:3], [2, 5, 2, 0]], 3)
    with pytest.raises(ParameterError, match="Got 6 in row 1, place 2 instead. Are these ids"):
        ndcg_at_k(Y, [[0, 1, 2], [0, 1, 6], [0, 1, 2], [0, 1, 2]], 3)


def test_several_empty_places_are_no_duplicates():
    assert recall_at_k([[1, 0]], [[-1, -1, 0]], 3) == 1.0


def test_no_rows():
    assert ndcg_at_k(np.zeros((0, 3)), np.zeros((0, 2), dtype=int), 2, average=None).shape == (0,)
    with pytest.raises(ParameterError, match="none of the 0 rows has a relevant item"):
        ndcg_at_k(np.zeros((0, 3)), np.zeros((0, 2), dtype=int), 2)
