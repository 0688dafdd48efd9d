"""Neighbours against a sum over customers in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crmkit.recommend import _nearest, _nearest_by_products
from crmkit.recommend._nearest import Formula, balanced, nearest

# ------------------------------------------------------------------------------------------ oracle


def column(values, n_items):
    return np.broadcast_to(np.asarray(values, dtype=float), n_items).tolist()


def brute_force(dense, formula, n_neighbors, min_support=1):
    """Rows of (item, similarity) of the neighbours, ascending; `dense` has a list per customer."""
    n_items = len(dense[0])
    p, r, u, v, g = (column(getattr(formula, name), n_items) for name in "pruvg")
    rows = []
    for owner in range(n_items):
        others = []
        for other in range(n_items):
            if other == owner:
                continue
            common = 0.0
            for customer in dense:
                if customer[owner] != 0 and customer[other] != 0:
                    common += float(customer[owner]) * float(customer[other])
            if common == 0 or common < min_support:
                others.append((0.0, other, 0.0))
            elif formula.squared:
                product = p[other] * r[owner]
                others.append((common * abs(common) / product, other, common / math.sqrt(product)))
            else:
                below = formula.a * common + p[other] * r[owner] + u[other] + v[owner]
                below += formula.h * g[other] * g[owner]
                others.append((common / below, other, common / below))
        others.sort(key=lambda one: (-one[0], one[1]))
        kept = [(other, value) for _, other, value in others[:n_neighbors] if value != 0]
        rows.append(sorted(kept))
    return rows


def rows_of(result):
    assert result.has_sorted_indices
    assert result.dtype == np.float64
    return [
        list(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        for row in (result[owner] for owner in range(result.shape[0]))
    ]


def ones(dense):
    return csr_matrix(np.asarray(dense, dtype=np.int8))


@pytest.fixture(params=["bits", "counts", "rows"])
def way(request, monkeypatch):
    """The way that `nearest` takes for binary data."""
    monkeypatch.setattr(_nearest, "is_for_bits", lambda *_: request.param == "bits")
    monkeypatch.setattr(_nearest, "is_for_counts", lambda *_: request.param == "counts")
    return request.param


@pytest.fixture(params=["products", "rows"])
def weighted_way(request, monkeypatch):
    """The way that `nearest` takes for values, where it can take both."""
    if request.param == "products":
        monkeypatch.setattr(_nearest_by_products, "_FULL", -1.0)
    else:
        monkeypatch.setattr(_nearest, "is_for_products", lambda *_: False)
    return request.param


# ---------------------------------------------------------------------------------------- examples


def sizes(dense):
    return (np.asarray(dense) != 0).sum(axis=0).astype(float)


def cosine(dense):
    size = sizes(dense)
    return Formula(p=size, r=size, squared=True)


def shrunk_cosine(dense):
    size = np.sqrt(sizes(dense))
    return Formula(p=size, r=size, h=2.5)


def asymmetric(dense):
    size = sizes(dense)
    return Formula(p=size**1.4, r=size**0.6)


def jaccard(dense):
    size = sizes(dense)
    return Formula(a=-1.0, u=size, v=size)


def dice(dense):
    size = sizes(dense)
    return Formula(u=size / 2, v=size / 2)


def tversky(dense):
    size = sizes(dense)
    return Formula(a=1 - 0.3 - 1.5, u=0.3 * size, v=1.5 * size)


def lift(dense):
    size = sizes(dense)
    return Formula(p=size, r=size / len(dense))


def conditional(dense):
    return Formula(u=sizes(dense))


def common_customers(dense):
    return Formula(u=1.0)


FORMULAS = [
    cosine,
    shrunk_cosine,
    asymmetric,
    jaccard,
    dice,
    tversky,
    lift,
    conditional,
    common_customers,
]


@st.composite
def patterns(draw):
    customers = draw(st.integers(1, 24))
    items = draw(st.integers(1, 24))
    density = draw(st.sampled_from([0.02, 0.1, 0.3, 0.8, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    dense = (rng.random((customers, items)) < density * rng.random(items)).astype(int)
    for row in draw(st.lists(st.integers(0, customers - 1), max_size=2)):
        dense[row] = 0
    for item in draw(st.lists(st.integers(0, items - 1), max_size=2)):
        dense[:, item] = 0
    for item in draw(st.lists(st.integers(0, items - 1), max_size=3)):
        dense[:, item] = dense[:, 0]  # ties
    return dense


@given(
    make=st.sampled_from(FORMULAS),
    dense=patterns(),
    n_neighbors=st.integers(1, 30),
    min_support=st.integers(1, 3),
    threads=st.integers(1, 2),
)
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the way is the same for all examples
def test_binary(way, make, dense, n_neighbors, min_support, threads):
    formula = make(dense)
    expected = brute_force(dense.tolist(), formula, n_neighbors, min_support)
    found = nearest(ones(dense), formula, n_neighbors, threads=threads, min_support=min_support)
    assert rows_of(found) == expected


def norms(dense):
    return np.sqrt((np.asarray(dense) ** 2).sum(axis=0))


WEIGHTED = [
    lambda dense: Formula(p=norms(dense), r=norms(dense)),
    lambda dense: Formula(p=norms(dense), r=norms(dense), h=3.0, g=np.linspace(1, 2, dense.shape[1])),
    lambda dense: Formula(p=norms(dense) ** 1.5, r=norms(dense) ** 0.5),
    lambda dense: Formula(u=1.0),
    lambda dense: Formula(p=norms(dense) ** 2, r=norms(dense) ** 2, squared=True),
]


@given(
    make=st.sampled_from(WEIGHTED),
    dense=patterns(),
    n_neighbors=st.integers(1, 30),
    low=st.sampled_from([-3, 1]),
    step=st.sampled_from([1.0, 0.1, 1e-7, 1e100]),
    threads=st.integers(1, 2),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_weighted(weighted_way, make, dense, n_neighbors, low, step, threads):
    rng = np.random.default_rng(0)
    dense = dense * rng.integers(low, 4, dense.shape) * step
    formula = make(dense)
    expected = brute_force(dense.tolist(), formula, n_neighbors, -math.inf)
    assert rows_of(nearest(csr_matrix(dense), formula, n_neighbors, threads=threads)) == expected


# ------------------------------------------------------------------------------------------- cases


def test_others_at_zero_come_before_negative_ones():
    dense = np.array([[1.0, -1.0, -2.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    found = nearest(csr_matrix(dense), Formula(u=1.0), 2, threads=1)
    # Item 0: item 3 at zero, then -1. Item 1: 2.0, then zero.
    assert rows_of(found) == [[(1, -1.0)], [(2, 2.0)], [(1, 2.0)], []]


def test_one_item_and_no_interaction():
    assert nearest(ones([[1]]), Formula(u=1.0), 5, threads=2).toarray().tolist() == [[0.0]]
    assert nearest(ones([[0, 0]]), Formula(u=1.0), 5, threads=2).nnz == 0
    assert nearest(csr_matrix((0, 3), dtype=np.int8), Formula(u=1.0), 5, threads=2).shape == (3, 3)


def test_equal_cosines_go_to_the_lower_item(way):
    """3/sqrt(6*6) and 1/sqrt(2*2) are equal; formulas with a root may tear such pairs apart."""
    rng = np.random.default_rng(5)
    dense = (rng.random((40, 60)) < 0.25).astype(int)
    formula = cosine(dense)
    assert rows_of(nearest(ones(dense), formula, 7, threads=1)) == brute_force(dense.tolist(), formula, 7)


def big(rng, customers=400, items=700, mean=30.0):
    """Activity and popularity as uneven as people are."""
    activity = rng.lognormal(np.log(mean), 1.0, customers)
    popularity = 1.0 / np.arange(1, items + 1) ** 0.9
    chance = np.minimum(1.0, activity[:, None] * popularity / popularity.sum())
    dense = (rng.random((customers, items)) < chance).astype(int)
    return dense[:, rng.permutation(items)]


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shrinkage", [0.0, 2.0])
def test_same_bits_for_any_number_of_threads(way, weighted_way, threads, weighted, shrinkage):
    rng = np.random.default_rng(1)
    dense = big(rng)
    matrix = csr_matrix(dense * rng.gamma(2.0, size=dense.shape)) if weighted else ones(dense)
    formula = Formula(p=norms(matrix.toarray()) + 1, r=norms(matrix.toarray()) + 1, h=shrinkage)
    alone = nearest(matrix, formula, 20, threads=1)
    together = nearest(matrix, formula, 20, threads=threads)
    np.testing.assert_array_equal(together.indptr, alone.indptr)
    np.testing.assert_array_equal(together.indices, alone.indices)
    np.testing.assert_array_equal(together.data, alone.data)


@pytest.mark.parametrize("make", FORMULAS)
@pytest.mark.parametrize("n_neighbors", [20, 2000])
def test_uneven_data(way, make, n_neighbors):
    dense = big(np.random.default_rng(2), *((120, 90) if n_neighbors > 20 else ()))
    formula = make(dense)
    counts = dense.T @ dense
    found = nearest(ones(dense), formula, n_neighbors, threads=2, min_support=1)
    assert rows_of(found) == by_sorting(counts, formula, n_neighbors)


def by_sorting(counts, formula, n_neighbors):
    """As `brute_force`, from the counts of all pairs."""
    n_items = len(counts)
    p, r, u, v, g = (np.array(column(getattr(formula, name), n_items)) for name in "pruvg")
    rows = []
    for owner in range(n_items):
        common = counts[owner].astype(float)
        if formula.squared:
            value = common / np.sqrt(np.maximum(p * r[owner], 1))
            order = common * common / np.maximum(p * r[owner], 1)
        else:
            below = formula.a * common + p * r[owner] + u + v[owner] + formula.h * g * g[owner]
            order = value = np.where(common > 0, common / np.where(common > 0, below, 1), 0)
        order[owner] = 0
        best = [other for other in np.argsort(-order, kind="stable")[:n_neighbors] if order[other] > 0]
        rows.append([(int(other), float(value[other])) for other in sorted(best)])
    return rows


def test_wide_index_arrays(way):
    dense = big(np.random.default_rng(3))
    narrow = ones(dense)
    wide = ones(dense)
    wide.indices = wide.indices.astype(np.int64)
    wide.indptr = wide.indptr.astype(np.int64)
    formula = cosine(dense)
    expected = nearest(narrow, formula, 10, threads=1)
    found = nearest(wide, formula, 10, threads=1)
    assert rows_of(found) == rows_of(expected)
    assert found.indices.dtype == np.int32


def test_the_matrix_is_left_alone_and_may_be_read_only(way):
    matrix = ones(big(np.random.default_rng(4)))
    before = matrix.copy()
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    nearest(matrix, Formula(u=1.0), 10, threads=2)
    assert (matrix != before).nnz == 0


@given(exponents=st.lists(st.integers(-1000, 1000), min_size=1, max_size=5), seed=st.integers(0, 999))
def test_balanced_columns_have_the_same_cosines(exponents, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(6, len(exponents))) * (rng.random((6, len(exponents))) < 0.7)
    raw = np.ldexp(values, exponents)
    scaled, scale = balanced(csr_matrix(raw))
    np.testing.assert_array_equal(scaled.toarray(), raw * scale)
    largest = abs(scaled.toarray()).max(axis=0)
    assert ((largest == 0) | ((largest >= 0.5) & (largest < 1))).all()


def test_huge_and_tiny_values():
    rng = np.random.default_rng(6)
    plain = rng.normal(size=(30, 8)) * (rng.random((30, 8)) < 0.6)
    exponents = np.array([0, 660, -660, 1000, -1000, 3, 0, 900])
    scaled, _ = balanced(csr_matrix(np.ldexp(plain, exponents)))
    found = nearest(scaled, Formula(p=norms(scaled.toarray()), r=norms(scaled.toarray())), 3, threads=1)
    reference, _ = balanced(csr_matrix(plain))
    expected = nearest(reference, Formula(p=norms(reference.toarray()), r=norms(reference.toarray())), 3, threads=1)
    assert rows_of(found) == rows_of(expected)
