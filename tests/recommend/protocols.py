"""Real data, split as the published and measured figures of tests/golden/recommend.json were."""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from crmkit import EventLog
from crmkit.events import Snapshots


@dataclass(frozen=True)
class Split:
    """What customers did before, and what they did after: rows are customers, columns items of training.

    Attributes
    ----------
    train : csr_matrix
        Number of orders with the item; ones for films.
    test : csr_matrix
        Ones for what came after, of the items of training.
    new : csr_matrix
        Those ones of `test` that are not in `train`.
    items : ndarray
        Ids of the columns, sorted.
    X : Snapshots or None
        The rows as snapshots, where the data have times.
    """

    train: csr_matrix
    test: csr_matrix
    new: csr_matrix
    items: np.ndarray
    X: Snapshots | None


@functools.cache
def movielens(folder: Path) -> Split:
    """MovieLens-100k, the fixed 80/20 split: 943 users, 942 of them with test items, 1,682 films.

    All 1,682 films are columns, whether or not training has them; none of those is in a list of the best ten.
    """
    folder = folder / "movielens_100k"
    train = np.loadtxt(folder / "mcrec_split_train.tsv.gz", dtype=np.int64)[:, :2] - 1
    lines = gzip.decompress((folder / "mcrec_split_test_lists.txt.gz").read_bytes()).decode().splitlines()
    pairs = [(int(user) - 1, int(item) - 1) for user, *items in map(str.split, lines) for item in items]
    before, after = _ones(train, (943, 1_682)), _ones(np.array(pairs), (943, 1_682))
    return Split(before, after, after, np.arange(1, 1_683), None)


@functools.cache
def online_retail(folder: Path) -> Split:
    """Online Retail 2010-12 to 2011-12, training before 2011-10-01, test from then to the end on 2011-12-09.

    The rows are the 3,616 customers of training, the columns its 3,508 items; items and customers that only come
    later are left out. 1,835 customers buy at least one of the items later, 1,753 one that they had not bought.
    """
    frame = pd.read_csv(folder / "online_retail" / "online_retail_2010_2011.csv.gz", dtype={"stock_code": str})
    columns = {"customer": "customer_id", "time": "invoice_date", "item": "stock_code", "order": "invoice"}
    log = EventLog.from_frame(frame, price="unit_price", quantity="quantity", **columns)
    X = log.snapshot("2011-10-01", horizon="70D")
    times = pd.to_datetime(frame.invoice_date)
    orders = frame[times < "2011-10-01"].drop_duplicates(["customer_id", "stock_code", "invoice"])
    items = np.unique(orders.stock_code)
    train = csr_matrix(
        (
            np.ones(len(orders)),
            (np.searchsorted(X.customer_id, orders.customer_id), np.searchsorted(items, orders.stock_code)),
        ),
        shape=(len(X), len(items)),
    )
    test = X.future_items().csr[:, np.searchsorted(log.items, items)]
    test = (test > 0).astype(np.float64)
    new = test - test.multiply(train > 0)
    new.eliminate_zeros()
    return Split(train, test.tocsr(), new.tocsr(), items, X)


def ndcg(ranked: np.ndarray, test: csr_matrix, k: int = 10) -> float:
    """Mean NDCG@k over the rows with a test item, the naive way.

    Parameters
    ----------
    ranked : ndarray, shape (n, at least k)
        Columns, the best first; -1 where a list ends.
    test : csr_matrix, shape (n, n_items)

    Returns
    -------
    float
        The ideal list has min(k, number of test items) hits.
    """
    gains = []
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    for row, columns in enumerate(ranked[:, :k]):
        wanted = set(test.indices[test.indptr[row] : test.indptr[row + 1]].tolist())
        if wanted:
            hits = sum(discount[place] for place, column in enumerate(columns.tolist()) if column in wanted)
            gains.append(hits / discount[: min(k, len(wanted))].sum())
    return float(np.mean(gains))


def _ones(pairs: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    return csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)
