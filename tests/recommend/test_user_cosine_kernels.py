from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from crmkit.recommend._user_cosine_kernels import Known, Nearest, Rows, Scratch, add_histories, nearest_customers


def closed(array, dtype):
    array = np.array(array, dtype=dtype)
    array.flags.writeable = False
    return array


def arrays(matrix, *, ones):
    values = np.empty(0) if ones else matrix.data
    return closed(matrix.indptr, np.int64), closed(matrix.indices, np.int32), closed(values, np.float64)


def run(kernels, rows, known, *, ones, n_neighbors, shrinkage, itself):
    """Neighbours and scores, by the kernels or by the functions that they were compiled from."""
    nearest_customers, add_histories = kernels
    n, customers = rows.shape[0], known.shape[0]
    squares = [closed(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel(), np.float64) for matrix in (rows, known)]
    scales = [closed(np.ones(len(one)), np.float64) for one in squares]
    nearest = Nearest(np.full((n, n_neighbors), -1, np.int32), np.full((n, n_neighbors), np.nan))
    scratch = Scratch(
        np.empty(customers), np.full(customers, -1), np.empty(customers, np.int32), np.empty(customers, np.int32),
        np.empty(customers), np.empty(customers),
    )  # fmt: skip
    nearest_customers(
        0, n, Rows(*arrays(rows, ones=ones), squares[0], scales[0]),
        Known(*arrays(known.tocsc(), ones=ones), squares[1], scales[1]), shrinkage, closed(itself, np.int64),
        arrays(rows, ones=ones), arrays(known, ones=ones), scratch, nearest,
    )  # fmt: skip
    out = np.zeros(rows.shape)
    frozen = Nearest(closed(nearest.customers, np.int32), closed(nearest.similarities, np.float64))
    add_histories(0, n, frozen, arrays(known, ones=ones), out)
    return nearest, out


@pytest.mark.parametrize("ones", [True, False])
@pytest.mark.parametrize("shrinkage", [0.0, 1.5])
@pytest.mark.parametrize("named", [True, False])
def test_compiled_and_plain(ones, shrinkage, named):
    rng = np.random.default_rng(7)
    values = np.ones((12, 8)) if ones else rng.integers(-2, 4, (12, 8)).astype(np.float64)
    known = csr_matrix((rng.random((12, 8)) < 0.4) * values)
    known.eliminate_zeros()
    rows = known[:6]
    itself = [0, 1, 2, -1, 4, 11] if named else []
    how = {"ones": ones, "n_neighbors": 3, "shrinkage": shrinkage, "itself": itself}
    plain = (nearest_customers.py_func, add_histories.py_func)
    compiled = run((nearest_customers, add_histories), rows, known, **how)
    expected = run(plain, rows, known, **how)
    np.testing.assert_array_equal(compiled[0].customers, expected[0].customers)
    np.testing.assert_allclose(compiled[0].similarities, expected[0].similarities, rtol=1e-15)
    np.testing.assert_allclose(compiled[1], expected[1], rtol=1e-14)
    for place, own in enumerate(itself):
        assert own not in compiled[0].customers[place]
