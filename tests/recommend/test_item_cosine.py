"""ItemCosineRecommender against all pairs of items in exact decimal arithmetic."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix, csc_matrix, csr_array, csr_matrix
from sklearn.base import clone

from crmkit.exceptions import ParameterError
from crmkit.recommend import ItemCosineRecommender

# ------------------------------------------------------------------------------------------ oracle


def weighted_cells(dense, weighting):
    """Rows of Decimals, weighted by the definitions in the docstrings."""
    n_items = len(dense[0])
    cells = [[Decimal(value) for value in row] for row in dense]
    if weighting == "bm25":
        lengths = [sum(column) for column in zip(*cells, strict=True)]
        mean = sum(lengths) / n_items or Decimal(1)
        damping = [Decimal("1.2") * (1 - Decimal("0.75") + Decimal("0.75") * length / mean) for length in lengths]
        cells = [
            [x * Decimal("2.2") / (x + damp) if x else x for x, damp in zip(row, damping, strict=True)] for row in cells
        ]
    if weighting is not None:
        taken = [sum(value != 0 for value in row) for row in dense]
        cells = [
            [x * (Decimal(n_items) / n).ln() if x else x for x in row] for row, n in zip(cells, taken, strict=True)
        ]
    return cells


def power(square, exponent):
    """A square to an exponent of [0, 1]: what Decimal says, but 1 for the exponent 0."""
    return square ** Decimal(exponent) if exponent else Decimal(1)


def all_similarities(dense, *, weighting=None, shrinkage=0.0, asymmetry=0.5):
    """(similarity, size) of target × source; the size is the similarity if all products were positive."""
    with localcontext(prec=60, Emax=99_999, Emin=-99_999):
        cells = weighted_cells(dense, weighting)
        n_items = len(cells[0])
        squares = [sum(row[item] ** 2 for row in cells) for item in range(n_items)]
        found = [[(Decimal(0), Decimal(0))] * n_items for _ in range(n_items)]
        for target, source in itertools.permutations(range(n_items), 2):
            products = [row[target] * row[source] for row in cells]
            if not any(products):
                continue
            below = power(squares[source], asymmetry) * power(squares[target], 1 - asymmetry) + Decimal(shrinkage)
            found[target][source] = sum(products) / below, sum(map(abs, products)) / below
        return found


def assert_nearest(found, exact, n_neighbors, keep):
    """That K nearest were found, up to what rounding can do."""
    found = found.toarray() if keep == "target" else found.toarray().T
    for owner, row in enumerate(found):
        pairs = {
            other: exact[owner][other] if keep == "target" else exact[other][owner]
            for other in range(len(row))
            if other != owner
        }
        noise = {other: Decimal("1e-12") * size for other, (_, size) in pairs.items()}
        value = {other: one for other, (one, _) in pairs.items()}
        kept = np.flatnonzero(row).tolist()
        assert owner not in kept
        assert len(kept) <= n_neighbors
        ranked = sorted(value, key=lambda other: (-value[other], other))
        last = ranked[n_neighbors - 1] if len(ranked) > n_neighbors else None
        limit, slack = (None, None) if last is None else (value[last], noise[last])
        for other in kept:
            assert abs(Decimal(row[other]) - value[other]) <= noise[other]
            assert limit is None or value[other] >= limit - slack - noise[other]
        for other in value.keys() - set(kept):
            # A float of the smallest size cannot be told from 0.
            is_zero = abs(value[other]) <= max(noise[other], Decimal("1e-290"))
            assert is_zero or (limit is not None and value[other] <= limit + slack + noise[other])


def exact_neighbours(counts, owner, n_neighbors):
    """Of whole numbers: the nearest by cosine, ties to the lower item, without any rounding."""
    products = (counts.T @ counts).tolist()
    squares = [products[item][item] for item in range(len(products))]
    order = {}
    for other, common in enumerate(products[owner]):
        if other != owner:
            order[other] = Fraction(common * abs(common), squares[owner] * squares[other]) if common else Fraction(0)
    best = sorted(order, key=lambda other: (-order[other], other))[:n_neighbors]
    return sorted(other for other in best if order[other])


# ---------------------------------------------------------------------------------------- examples

DENSITIES = [0.05, 0.3, 0.8, 1.0]


@st.composite
def counts(draw, low=0, most=7):
    """Small matrices of whole numbers, with empty rows, empty items and items that are alike."""
    customers, items = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = rng.random((customers, items)) < draw(st.sampled_from(DENSITIES))
    dense = rng.integers(low, 5, (customers, items)) * held
    if draw(st.booleans()):
        dense[rng.integers(customers)] = 0
    if draw(st.booleans()):
        dense[:, rng.integers(items)] = 0
    for item in rng.integers(items, size=draw(st.integers(0, 3))):
        dense[:, item] = dense[:, 0]
    return dense


K = st.integers(1, 9)
KEEP = st.sampled_from(["target", "source"])


@settings(max_examples=60)
@given(dense=counts(low=-3, most=10), n_neighbors=K, keep=KEEP, interaction=st.sampled_from(["binary", "count"]))
@example(dense=np.ones((1, 1), dtype=int), n_neighbors=1, keep="target", interaction="binary")
@example(dense=np.ones((1, 5), dtype=int), n_neighbors=2, keep="source", interaction="count")
@example(dense=np.zeros((3, 4), dtype=int), n_neighbors=2, keep="target", interaction="count")
def test_neighbours_of_whole_numbers_are_exact(dense, n_neighbors, keep, interaction):
    model = ItemCosineRecommender(n_neighbors, keep=keep, interaction=interaction).fit(dense)
    values = (dense != 0).astype(int) if interaction == "binary" else dense
    lists = model.similarity_ if keep == "target" else model.similarity_.T.tocsr()
    size = np.sqrt((values.astype(float) ** 2).sum(axis=0))
    for owner in range(dense.shape[1]):
        neighbours = exact_neighbours(values, owner, n_neighbors)
        row = lists[[owner]]
        assert sorted(row.indices.tolist()) == neighbours
        expected = [float(values[:, owner] @ values[:, other]) / size[owner] / size[other] for other in neighbours]
        np.testing.assert_allclose(row.toarray()[0, neighbours], expected, rtol=1e-15)


@settings(max_examples=60)
@given(
    dense=counts(most=6),
    n_neighbors=K,
    keep=KEEP,
    weighting=st.sampled_from([None, "idf", "bm25"]),
    shrinkage=st.sampled_from([0.0, 0.5, 20]),
    asymmetry=st.sampled_from([0, 0.2, 0.5, 1.0]),
    interaction=st.sampled_from(["binary", "count", "value"]),
)
def test_every_form_of_the_cosine(dense, n_neighbors, keep, weighting, shrinkage, asymmetry, interaction):
    how = {"weighting": weighting, "shrinkage": shrinkage, "asymmetry": asymmetry}
    model = ItemCosineRecommender(n_neighbors, keep=keep, interaction=interaction, **how).fit(dense)
    values = (dense != 0).astype(int) if interaction == "binary" else dense
    assert_nearest(model.similarity_, all_similarities(values.tolist(), **how), n_neighbors, keep)


@settings(max_examples=60)
@given(
    dense=counts(low=-4, most=6),
    n_neighbors=K,
    keep=KEEP,
    exponents=st.lists(st.sampled_from([0, 0, 3, 498, -664]), min_size=6, max_size=6),
    weighting=st.sampled_from([None, "idf"]),
    shrinkage=st.sampled_from([0.0, 0.5, 1e60]),
    asymmetry=st.sampled_from([0.2, 0.5, 1.0]),
)
def test_negative_huge_and_tiny_values(dense, n_neighbors, keep, exponents, weighting, shrinkage, asymmetry):
    """Items of 1e150 beside items of 1e-200."""
    if len(set(exponents[: dense.shape[1]])) > 1:
        asymmetry = 0.5  # otherwise similarities themselves are no numbers
    values = np.ldexp(dense.astype(float), np.array(exponents)[: dense.shape[1]])
    how = {"weighting": weighting, "shrinkage": shrinkage, "asymmetry": asymmetry}
    model = ItemCosineRecommender(n_neighbors, keep=keep, interaction="value", **how).fit(values)
    assert np.isfinite(model.similarity_.data).all()
    assert_nearest(model.similarity_, all_similarities(values.tolist(), **how), n_neighbors, keep)


@pytest.mark.parametrize("size", [1e150, 1e-200])
@pytest.mark.parametrize("weighting", [None, "idf", "bm25"])
def test_the_unit_of_money_changes_no_cosine(size, weighting):
    rng = np.random.default_rng(0)
    values = np.round(rng.gamma(1.0, 20.0, (30, 9)) * (rng.random((30, 9)) < 0.5), 2)
    model = ItemCosineRecommender(4, weighting=weighting, interaction="value")
    plain, scaled = model.fit(values).similarity_, clone(model).fit(values * size).similarity_
    if weighting == "bm25" and size < 1:
        # Values are compared with the mean length of items, so only their ratio counts in it as well.
        plain = clone(model).fit(values * 1e-3).similarity_
    if weighting != "bm25":
        np.testing.assert_allclose(scaled.toarray(), plain.toarray(), rtol=1e-12)
    assert (scaled.data > 0).all()
    assert scaled.nnz == plain.nnz


def test_values_of_all_sizes_in_one_item():
    rng = np.random.default_rng(1)
    values = 10.0 ** rng.uniform(-40, 40, (6, 5)) * (rng.random((6, 5)) < 0.8)
    model = ItemCosineRecommender(3, interaction="value").fit(values)
    assert_nearest(model.similarity_, all_similarities(values.tolist()), 3, "target")


@settings(max_examples=40)
@given(
    dense=counts(),
    n_neighbors=K,
    weighting=st.sampled_from([None, "idf", "bm25"]),
    shrinkage=st.sampled_from([0.0, 3.0]),
    asymmetry=st.sampled_from([0.3, 0.5]),
)
def test_of_items_that_are_alike_the_lower_is_the_neighbour(dense, n_neighbors, weighting, shrinkage, asymmetry):
    how = {"weighting": weighting, "shrinkage": shrinkage, "asymmetry": asymmetry}
    model = ItemCosineRecommender(n_neighbors, interaction="count", **how).fit(dense)
    similarity = model.similarity_.toarray()
    for low, high in itertools.combinations(range(dense.shape[1]), 2):
        if (dense[:, low] == dense[:, high]).all():
            for owner in set(range(dense.shape[1])) - {low, high}:
                assert similarity[owner, high] == 0 or similarity[owner, low] == similarity[owner, high]


def test_zero_comes_before_negative_similarities():
    values = np.array([[1.0, -1.0, -2.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    two = ItemCosineRecommender(2, interaction="value").fit(values).similarity_.toarray()
    three = ItemCosineRecommender(3, interaction="value").fit(values).similarity_.toarray()
    assert np.flatnonzero(two[0]).tolist() == [1]  # item 3 at 0, then the less negative of two
    assert np.flatnonzero(three[0]).tolist() == [1, 2]
    assert (three[0, [1, 2]] < 0).all()


# -------------------------------------------------------------------------------- forms of matrices

TYPES = [np.int8, np.int32, np.int64, np.uint8, np.uint16, np.uint64, np.bool_, np.float32, np.float64, np.longdouble]


def messy(rng, dense, dtype, form):
    """A sparse matrix equal to `dense`, with cells in pieces, stored zeros and columns out of order."""
    entries = []
    for row, column in np.argwhere(dense):
        value = int(dense[row, column])
        pieces = [1, value - 1] if value > 1 and dtype != np.bool_ else [value]
        entries += [(row, column, piece) for piece in pieces if piece]
    zeros = rng.integers(0, dense.shape, (3, 2))
    entries += [(row, column, 0) for row, column in zeros]
    rows, columns, data = (np.array(part) for part in zip(*rng.permutation(entries).tolist(), strict=True))
    if form == "coo":
        return coo_matrix((data.astype(dtype), (rows, columns)), shape=dense.shape)
    major, minor = (columns, rows) if form == "csc" else (rows, columns)
    order = np.argsort(major, kind="stable")
    n_major = dense.shape[form == "csc"]
    pointers = np.searchsorted(major[order], np.arange(n_major + 1))
    kind = {"csc": csc_matrix, "csr_array": csr_array}.get(form, csr_matrix)
    matrix = kind((data[order].astype(dtype), minor[order], pointers), shape=dense.shape)
    if form == "wide":
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


def parts_of(matrix):
    names = [name for name in ("data", "indices", "indptr", "row", "col") if hasattr(matrix, name)]
    return {name: getattr(matrix, name).copy() for name in names}


@settings(max_examples=150)
@given(
    dense=counts(),
    dtype=st.sampled_from(TYPES),
    form=st.sampled_from(["csr", "csr_array", "wide", "csc", "coo", "dense"]),
    interaction=st.sampled_from(["binary", "count"]),
    seed=st.integers(0, 999),
)
def test_any_type_and_form_of_matrix(dense, dtype, form, interaction, seed):
    dense = (dense > 0).astype(int) if dtype == np.bool_ else dense
    X = dense.astype(dtype) if form == "dense" else messy(np.random.default_rng(seed), dense, dtype, form)
    before = parts_of(X) if form != "dense" else {"data": X.copy()}
    expected = ItemCosineRecommender(3, interaction=interaction).fit(csr_matrix(dense.astype(np.float64)))
    model = ItemCosineRecommender(3, interaction=interaction).fit(X)
    assert_same_csr(model.similarity_, expected.similarity_)
    np.testing.assert_array_equal(model.popularity_, (dense != 0).sum(axis=0))
    np.testing.assert_array_equal(model.decision_function(X), expected.decision_function(dense.astype(np.float64)))
    np.testing.assert_array_equal(model.recommend(X, 3)[0], expected.recommend(csr_matrix(dense.astype(float)), 3)[0])
    model.explain(X, 0)
    after = parts_of(X) if form != "dense" else {"data": X}
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
        assert after[name].dtype == array.dtype


def assert_same_csr(found, expected):
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.data, expected.data)


def test_floats_of_two_bytes():
    """scipy has no sparse matrix of them."""
    dense = np.random.default_rng(0).integers(0, 4, (9, 5)).astype(np.float16)
    model = ItemCosineRecommender(interaction="count").fit(dense)
    assert_same_csr(model.similarity_, clone(model).fit(dense.astype(float)).similarity_)
    np.testing.assert_array_equal(model.decision_function(dense), model.decision_function(dense.astype(float)))


def test_arrays_that_cannot_be_written():
    X = csr_matrix(np.random.default_rng(0).integers(0, 3, (20, 8)).astype(float))
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
    model = ItemCosineRecommender(interaction="count").fit(X)
    assert model.partial_fit(X).recommend(X)[0].shape == (20, 8)


def test_the_model_does_not_change_with_the_matrix_that_it_was_fitted_on():
    X = csr_matrix(np.random.default_rng(0).integers(0, 3, (20, 8)).astype(float))
    new = X[:4].copy()
    model, once = ItemCosineRecommender(interaction="count").fit(X), X.copy()
    X.data[:] = 99
    X.indices[:] = 0
    expected = ItemCosineRecommender(interaction="count").fit(once).partial_fit(new)
    assert_same_csr(model.partial_fit(new).similarity_, expected.similarity_)


def uneven(rng, customers=600, items=300, mean=12.0):
    """Activity and popularity as uneven as people are."""
    activity = rng.lognormal(np.log(mean), 1.0, customers)
    popularity = 1.0 / np.arange(1, items + 1) ** 0.9
    chance = np.minimum(1.0, activity[:, None] * popularity / popularity.sum())
    dense = rng.integers(1, 5, (customers, items)) * (rng.random((customers, items)) < chance)
    return csr_matrix(dense[:, rng.permutation(items)].astype(float))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"interaction": "count", "keep": "source"},
        {"weighting": "idf", "shrinkage": 2.0},
        {"weighting": "bm25", "interaction": "value", "asymmetry": 0.7},
    ],
)
@pytest.mark.parametrize("n_jobs", [2, 3, -1])
def test_same_bits_for_any_number_of_threads(how, n_jobs):
    X = uneven(np.random.default_rng(2))
    alone = ItemCosineRecommender(20, **how).fit(X)
    together = ItemCosineRecommender(20, n_jobs=n_jobs, **how).fit(X)
    assert_same_csr(together.similarity_, alone.similarity_)
    np.testing.assert_array_equal(together.decision_function(X), alone.decision_function(X))
    for found, expected in zip(together.recommend(X, 12), alone.recommend(X, 12), strict=True):
        np.testing.assert_array_equal(found, expected)


# ------------------------------------------------------------------------------------ large numbers


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_])
def test_pairs_that_many_customers_have(dtype):
    X = csr_matrix(np.tile(np.array([[1, 1, 0]], dtype=dtype), (70_000, 1)))
    for interaction in ("binary", "count"):
        model = ItemCosineRecommender(interaction=interaction).fit(X)
        assert model.similarity_.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
        assert model.popularity_.tolist() == [70_000, 70_000, 0]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_cells_given_more_often_than_their_type_can_count(dtype):
    """300 purchases of one item, each a one of one byte."""
    pointers = np.array([0, 301, 302])
    X = csr_matrix((np.ones(302, dtype), np.append(np.zeros(300, int), [1, 1]), pointers), shape=(2, 2))
    model = ItemCosineRecommender(interaction="count").fit(X)
    assert model.similarity_[0, 1] == pytest.approx(300 / (300 * math.sqrt(2)), rel=1e-15)
    assert model.decision_function(X)[0].tolist() == [model.similarity_[0, 1], 300 * model.similarity_[0, 1]]


def test_counts_of_more_than_32_bits():
    values = np.array([[2**31 - 1, 2**31 - 1, 1], [2**31, 3, 0], [2**40, 0, 2**33]], dtype=np.int64)
    model = ItemCosineRecommender(interaction="count").fit(csr_matrix(values))
    assert_nearest(model.similarity_, all_similarities(values.tolist()), 2, "target")
    np.testing.assert_allclose(
        model.decision_function(values), values @ model.similarity_.toarray().T.astype(float), rtol=1e-14
    )


def test_a_catalogue_whose_pairs_have_no_32_bit_number():
    """50,000 items, 2.5e9 pairs; counted in a dictionary."""
    rng = np.random.default_rng(3)
    n_items = 50_000
    baskets = [
        sorted({int(item) for item in np.append(rng.integers(0, n_items, 4), n_items - 1 - rng.integers(0, 40, 3))})
        for _ in range(1_500)
    ]
    X = csr_matrix(
        (np.ones(sum(map(len, baskets))), np.concatenate(baskets), np.cumsum([0, *map(len, baskets)])),
        shape=(len(baskets), n_items),
    )
    size = np.zeros(n_items, dtype=int)
    common = {}
    for basket in baskets:
        size[basket] += 1
        for one, other in itertools.permutations(basket, 2):
            common.setdefault(one, {}).setdefault(other, 0)
            common[one][other] += 1
    model = ItemCosineRecommender(3).fit(X)
    assert (np.diff(model.similarity_.indptr) > 0).sum() == len(common)
    for item, others in common.items():
        order = {other: Fraction(n * n, int(size[other])) for other, n in others.items()}
        best = sorted(order, key=lambda other: (-order[other], other))[:3]
        assert model.similarity_[[item]].indices.tolist() == sorted(best)
    items, _ = model.recommend(X[:50], 10)
    for row, basket in zip(items, baskets, strict=False):
        assert len(set(row.tolist()) - set(basket)) == 10


# --------------------------------------------------------------------- scores and their explanations


@pytest.mark.parametrize("keep", ["target", "source"])
@pytest.mark.parametrize("interaction", ["binary", "count"])
def test_explanations_add_up_to_the_score(keep, interaction):
    X = uneven(np.random.default_rng(4), customers=40, items=25)
    model = ItemCosineRecommender(6, keep=keep, interaction=interaction, weighting="idf").fit(X)
    scores = model.decision_function(X)
    history = (X > 0).astype(float) if interaction == "binary" else X
    np.testing.assert_allclose(scores, (history @ model.similarity_.T).toarray(), rtol=1e-14, atol=1e-300)
    for item in range(25):
        parts = model.explain(X, item)
        assert parts.shape == X.shape
        assert (parts.data != 0).all()
        added = [sum(parts[[row]].data.tolist()) for row in range(len(scores))]
        assert added == scores[:, item].tolist()  # in this order even the last bit is that of the score
        np.testing.assert_allclose(parts.toarray(), history.multiply(model.similarity_[[item]]).toarray())
    items, listed = model.recommend(X, 25, exclude_seen=False)
    np.testing.assert_array_equal(listed, np.take_along_axis(scores, items, axis=1))


@pytest.mark.parametrize("keep", ["target", "source"])
def test_similar_items(keep):
    X = uneven(np.random.default_rng(5), customers=60, items=30)
    model = ItemCosineRecommender(7, keep=keep, asymmetry=0.3, shrinkage=1.0).fit(X)
    lists = model.similarity_.toarray() if keep == "target" else model.similarity_.toarray().T
    for item in range(30):
        order = [other for other in np.argsort(-lists[item], kind="stable") if lists[item, other]]
        items, similarities = model.similar_items(item, 5)
        assert items.tolist() == order[:5]
        assert item not in items
        assert similarities.tolist() == lists[item, order[:5]].tolist()
        assert len(model.similar_items(item, 100)[0]) == len(order) <= 7


def test_keep_says_whose_list_is_cut():
    """Everybody has item 0; the others are rare."""
    X = np.column_stack([np.ones(6), np.eye(6)[:, :4]])
    target, source = (ItemCosineRecommender(1, keep=keep).fit(X).similarity_.toarray() for keep in ("target", "source"))
    assert ((target > 0).sum(axis=1) == 1).all()
    assert ((source > 0).sum(axis=0) == 1).all()
    assert target[1:, 0].tolist() == source[0, 1:].tolist() == [1 / math.sqrt(6)] * 4


def test_asymmetry_divides_by_the_source_or_by_the_target():
    X = np.array([[1, 1], [1, 0], [1, 0], [0, 1], [1, 0]])  # 4 and 2 customers, 1 in common
    by_source = ItemCosineRecommender(asymmetry=1.0).fit(X).similarity_.toarray()
    by_target = ItemCosineRecommender(asymmetry=0).fit(X).similarity_.toarray()
    assert by_source.tolist() == [[0, 1 / 2], [1 / 4, 0]]
    assert by_target.tolist() == [[0, 1 / 4], [1 / 2, 0]]


def test_shrinkage_by_hand():
    X = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0]])
    found = ItemCosineRecommender(shrinkage=4.0).fit(X).similarity_.toarray()
    assert found[0, 1] == 4 / (4 + 4)
    assert found[0, 2] == pytest.approx(2 / (math.sqrt(8) + 4), rel=1e-15)


def test_bm25_refuses_negative_values():
    X = np.array([[1.0, -2.0], [1.0, 1.0]])
    with pytest.raises(ParameterError, match="bm25.*negative.*'idf' or None"):
        ItemCosineRecommender(weighting="bm25", interaction="value").fit(X)
    assert ItemCosineRecommender(weighting="bm25").fit(X).similarity_.shape == (2, 2)


@pytest.mark.parametrize("weighting", ["idf", "bm25"])
def test_customers_with_everything_say_nothing_under_idf(weighting):
    X = np.array([[1, 1, 1], [1, 1, 1]])
    model = ItemCosineRecommender(weighting=weighting).fit(X)
    assert model.similarity_.nnz == 0
    assert model.recommend(X, 2, exclude_seen=False)[0].tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"n_neighbors": 2.5}, "n_neighbors"),
        ({"weighting": "tfidf"}, "weighting"),
        ({"shrinkage": -1}, "shrinkage"),
        ({"asymmetry": 1.1}, "asymmetry"),
        ({"keep": "both"}, "keep"),
        ({"interaction": "rating"}, "interaction"),
        ({"fallback": "random"}, "fallback"),
        ({"exclude_seen": "no"}, "exclude_seen"),
        ({"k": 0}, "k"),
        ({"n_jobs": "2"}, "n_jobs"),
    ],
)
def test_parameters_that_are_refused(wrong, named):
    with pytest.raises(ValueError, match=f"'{named}' parameter of ItemCosineRecommender must be .*Got"):
        ItemCosineRecommender(**wrong).fit(np.eye(3))


# ------------------------------------------------------------------------------------------ golden


@pytest.mark.parametrize(
    ("figure", "how"),
    [
        ("item_cosine_100_target", {}),
        ("item_cosine_100_source", {"keep": "source"}),
        ("item_cosine_20_target", {"n_neighbors": 20}),
        ("item_cosine_20_source", {"n_neighbors": 20, "keep": "source"}),
        ("item_cosine_idf_100_target", {"weighting": "idf"}),
    ],
)
def test_movielens(movielens, golden, ndcg, figure, how):
    model = ItemCosineRecommender(**how).fit(movielens.train)
    expected, tolerance = golden["movielens"][figure], golden["movielens"]["tolerance"]
    assert model.score(movielens.train, movielens.test) == pytest.approx(expected, abs=tolerance)
    items, _ = model.recommend(movielens.train)
    assert ndcg(items, movielens.test) == pytest.approx(expected, abs=tolerance)
    assert model.score(movielens.train, movielens.test) == pytest.approx(ndcg(items, movielens.test), rel=1e-12)


@pytest.mark.parametrize(
    ("sort", "figure", "how"),
    [
        ("new", "item_cosine_100_target", {}),
        ("new", "item_cosine_100_source", {"keep": "source"}),
        ("new", "item_cosine_idf_100_target", {"weighting": "idf"}),
        ("any", "item_cosine_100_target", {"exclude_seen": False}),
    ],
)
def test_online_retail(online_retail, golden, ndcg, sort, figure, how):
    model = ItemCosineRecommender(**how).fit(online_retail.train)
    test = online_retail.new if sort == "new" else online_retail.test
    expected, tolerance = golden["online_retail"][sort][figure], golden["online_retail"]["tolerance"]
    items, _ = model.recommend(online_retail.train)
    assert ndcg(items, test) == pytest.approx(expected, abs=tolerance)
    assert model.score(online_retail.train, online_retail.test) == pytest.approx(expected, abs=tolerance)


def test_snapshots_of_online_retail_give_the_lists_of_its_matrix(online_retail):
    matrix = ItemCosineRecommender().fit(online_retail.train)
    rows = ItemCosineRecommender().fit(online_retail.X)
    np.testing.assert_array_equal(rows.items_, online_retail.items)
    assert_same_csr(rows.similarity_, matrix.similarity_)
    items, scores = matrix.recommend(online_retail.train)
    frame = rows.recommend(online_retail.X)
    np.testing.assert_array_equal(frame["item"], online_retail.items[items.ravel()])
    np.testing.assert_array_equal(frame["score"], scores.ravel())
