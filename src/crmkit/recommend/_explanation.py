"""Why an item has its score: what each purchase contributes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._frames import make_frame
from crmkit.recommend._histories import Histories


def explanation(rows: Histories, similarity: NDArray[np.float64], contribution: NDArray[np.float64]) -> Any:
    """Contributions as a frame of purchases, the largest of each row first; of a plain matrix as a matrix.

    Parameters
    ----------
    rows : Histories
    similarity, contribution : ndarray of float64
        An entry for each of the matrix of `rows`. What contributes nothing is left out.
    """
    matrix = rows.matrix
    if rows.rows is None:
        found = csr_matrix((contribution, matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)
        found.eliminate_zeros()
        return found
    row = np.repeat(np.arange(len(rows)), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -contribution, row))
    order = order[contribution[order] != 0]
    return make_frame(
        {
            "customer_id": rows.rows.customer_id[row[order]],
            "as_of": rows.rows.as_of[row[order]],
            "item": rows.items[matrix.indices[order]],
            "interaction": matrix.data[order].astype(np.float64),
            "similarity": similarity[order],
            "contribution": contribution[order],
        },
        rows.rows.log.backend,
    )
