"""The matrices of customers and items on which recommenders are compared, drawn or read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

#: Customers and items of MovieLens-20M; a customer there has 144 ratings on average, 20 at least, with a
#: standard deviation of 230.
ML20M = (138_493, 26_744)
#: Customers, items and interactions of the LastFM set of HetRec 2011, where hardly anybody has over 50 artists.
LASTFM = (1_892, 17_632, 92_834)


def movielens(*, taste: bool, n_customers: int = ML20M[0], n_items: int = ML20M[1], seed: int = 0) -> sparse.csr_matrix:
    """Ones in the shape of MovieLens-20M: log-normal activity, popularity as rank^-0.9, items in no order.

    With `taste` there are 50 kinds of items. Each customer likes three of them, and takes three in four
    items from there; otherwise popularity alone decides, and items are alike by chance only.
    """
    rng = np.random.default_rng(seed)
    spread = np.log1p((230 / 144) ** 2)
    activity = rng.lognormal(np.log(144) - spread / 2, np.sqrt(spread), n_customers)
    activity = np.clip(activity.round().astype(np.int64), 20, n_items // 4)
    popularity = np.arange(1.0, n_items + 1) ** -0.9
    name = rng.permutation(n_items).astype(np.int64)
    if not taste:
        ends = np.cumsum(popularity) / popularity.sum()
        return distinct(activity, n_items, lambda customer: name[place(ends, rng.random(len(customer)))])
    n_kinds = 50
    kind = rng.integers(n_kinds, size=n_items)
    liked = rng.integers(n_kinds, size=(n_customers, 3))
    order = np.argsort(kind, kind="stable")
    of_kind = np.bincount(kind, popularity, minlength=n_kinds)
    ends = np.cumsum(popularity[order])
    begin = np.concatenate(([0.0], np.cumsum(of_kind)))

    def draw(customer: np.ndarray) -> np.ndarray:
        chance = rng.random(len(customer))
        which = rng.integers(4, size=len(customer))
        kinds = liked[customer, np.minimum(which, 2)]
        at = np.where(which < 3, begin[kinds] + chance * of_kind[kinds], chance * begin[-1])
        return name[order[place(ends, at)]]

    return distinct(activity, n_items, draw)


def lastfm(seed: int = 0) -> sparse.csr_matrix:
    """Ones in the shape of LastFM: 49 items for each customer, most items with one customer."""
    n_customers, n_items, n = LASTFM
    rng = np.random.default_rng(seed)
    popularity = (np.arange(1.0, n_items + 1) + 25) ** -1.2
    ends = np.cumsum(popularity) / popularity.sum()
    # Every item has a customer: those are dealt out first, and the rest is drawn.
    activity = np.bincount(np.arange(n) % n_customers, minlength=n_customers)
    first = rng.permutation(np.arange(n_items) % n_customers) * n_items + np.arange(n_items)
    matrix = distinct(activity, n_items, lambda customer: place(ends, rng.random(len(customer))), first, 20)
    return matrix[:, rng.permutation(n_items)].sorted_indices()


def place(ends: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which of the intervals that end there each number falls into."""
    return np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)


def distinct(activity, n_items, draw, first=None, rounds=5) -> sparse.csr_matrix:
    """Draw for each customer what is missing to so many different items, some rounds long.

    Cells are customer * n_items + item. Who likes few items, and takes many, ends with fewer.
    """
    cells = np.empty(0, np.int64) if first is None else np.sort(first)
    for _ in range(rounds):
        missing = activity - np.bincount(cells // n_items, minlength=len(activity))
        customer = np.repeat(np.arange(len(activity)), missing)
        cells = np.sort(np.concatenate((cells, customer * n_items + draw(customer))))
        cells = cells[np.diff(cells, prepend=-1) > 0]
    start = np.searchsorted(cells, np.arange(len(activity) + 1) * n_items).astype(np.int32)
    shape = (len(activity), n_items)
    return sparse.csr_matrix((np.ones(len(cells)), (cells % n_items).astype(np.int32), start), shape=shape)


def with_counts(X: sparse.csr_matrix, seed: int = 1) -> sparse.csr_matrix:
    """The same cells with numbers of purchases: 1, 2, ... with half as many each time."""
    return filled(X, np.random.default_rng(seed).geometric(0.5, X.nnz).astype(np.float64))


def with_money(X: sparse.csr_matrix, seed: int = 2) -> sparse.csr_matrix:
    """The same cells with log-normal amounts."""
    return filled(X, np.round(np.random.default_rng(seed).lognormal(3, 1, X.nnz), 2))


def with_idf(X: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same cells, times log(n_items / items of the customer)."""
    n_own = np.diff(X.indptr)
    return filled(X, X.data * np.repeat(np.log(X.shape[1] / np.maximum(n_own, 1)), n_own))


def filled(X: sparse.csr_matrix, data: np.ndarray) -> sparse.csr_matrix:
    """The cells of X with other data."""
    return sparse.csr_matrix((data, X.indices, X.indptr), shape=X.shape)


def movielens_100k() -> sparse.csr_matrix:
    """All ratings as ones."""
    names = ["customer", "item", "rating", "time"]
    frame = pd.read_csv(folder() / "movielens_100k" / "u.data.gz", sep="\t", names=names)
    return ones(frame["customer"], frame["item"])


def online_retail() -> sparse.csr_matrix:
    """Who has bought what, from December 2010 to December 2011."""
    frame = pd.read_csv(folder() / "online_retail" / "online_retail_2010_2011.csv.gz", dtype={"stock_code": str})
    return ones(frame["customer_id"], frame["stock_code"])


def ones(customer: pd.Series, item: pd.Series) -> sparse.csr_matrix:
    """A one for each pair that occurs."""
    row, column = (pd.factorize(ids, sort=True)[0] for ids in (customer, item))
    pairs = sparse.csr_matrix((np.ones(len(row)), (row, column)))
    return filled(pairs, np.ones(pairs.nnz))


def folder() -> Path:
    """Where the real data are."""
    if "CRMKIT_DATA" not in os.environ:
        raise SystemExit("Set CRMKIT_DATA to the folder of real data sets, or leave these cases out with --only.")
    return Path(os.environ["CRMKIT_DATA"])
