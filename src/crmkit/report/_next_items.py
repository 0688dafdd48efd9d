"""Which items go together and what each customer may take next; and whether such lists would have held."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import CrmkitWarning
from crmkit.metrics import Estimate, estimate
from crmkit.model_selection import RecommendationScorer
from crmkit.recommend import (
    ItemCosineRecommender,
    ItemSimilarityRecommender,
    PopularityRecommender,
    RepeatPurchaseRecommender,
)
from crmkit.report._study import Impossible

_DAY = np.timedelta64(86_400_000_000, "us")

#: Days within which a customer is to buy: the longest that fits into the history three times.
_HORIZONS = (90, 60, 30, 14, 7)

#: Customers to learn from, and to test on. Beyond this they are drawn: more would change the third digit.
_MOST_LEARNT = 100_000
_MOST_TESTED = 5_000

#: With fewer customers who bought several items, or who bought after the date of the test, chance says all.
_FEWEST = 20

#: Common customers that a pair needs, the first number that leaves a pair.
_SUPPORTS = (10, 3)
_MOST_PAIRS = 10

#: Length of the lists that are tested.
K = 10


@dataclass(frozen=True)
class Pair:
    """Two items that the same customers buy.

    Attributes
    ----------
    items : tuple of str
        The more popular first.
    customers : tuple of int
        Who bought each.
    both : int
        Who bought both.
    share : float
        Of those who bought either, who bought both.
    lift : float
        How many times as many bought both as would by chance.
    """

    items: tuple[str, str]
    customers: tuple[int, int]
    both: int
    share: float
    lift: float


@dataclass(frozen=True)
class Trial:
    """One question of the test: a recommender and a rule, asked for the same.

    Attributes
    ----------
    n : int
        Customers who bought something that was asked for.
    found, found_rule : Estimate
        Share of them with a hit among ten items.
    ndcg, ndcg_rule : float
    gain : Estimate
        `found` less `found_rule`.
    """

    n: int
    found: Estimate
    found_rule: Estimate
    ndcg: float
    ndcg_rule: float
    gain: Estimate


@dataclass(frozen=True)
class ItemTest:
    """What lists would have found at an earlier date.

    Attributes
    ----------
    days : int
    date : numpy.datetime64
    n_customers : int
        Customers who bought in the days after it, and were asked about.
    repeats : float
        Share of what they bought, as pairs of customer and item, that they had bought before.
    new, again : Trial
        Items new to the customer, by what goes with theirs; and any items, by what they bought most often.
    """

    days: int
    date: np.datetime64
    n_customers: int
    repeats: float
    new: Trial
    again: Trial


@dataclass(frozen=True)
class NextItems:
    """What goes together, and what today's customers may take next.

    Attributes
    ----------
    n_learnt : int
        Customers learnt from.
    n_items : int
        Items that they bought.
    support : int
        Common customers that each of `pairs` has at least.
    pairs : list of Pair
        Those that go together most.
    model : ItemCosineRecommender
        Fitted on today's customers.
    """

    n_learnt: int
    n_items: int
    support: int
    pairs: list[Pair]
    model: ItemCosineRecommender

    def first(self, rows: Snapshots) -> NDArray[Any]:
        """The item that each row may take next, new to its customer; None where all are known."""
        listed = self.model.recommend(rows, n=1)
        found = np.full(rows.log.n_customers, None, dtype=object)
        found[np.searchsorted(rows.log.customers, np.asarray(listed["customer_id"]))] = np.asarray(listed["item"])
        return np.asarray(found[rows.codes])


def next_items_of(today: Snapshots) -> NextItems | Impossible:
    """Compare the items of a log.

    Returns
    -------
    NextItems or Impossible
        The second with its reason, where too few customers bought several items.
    """
    X = _drawn(today, _MOST_LEARNT)
    bought = X.interactions("binary")
    several = int((np.diff(bought.indptr) > 1).sum())
    if several < _FEWEST:
        return Impossible("items.few", {"customers": several, "needed": _FEWEST})
    model = ItemCosineRecommender().fit(X)
    support, pairs = 0, list[Pair]()
    for support in _SUPPORTS:
        pairs = _pairs(X, support)
        if pairs:
            break
    return NextItems(len(X), len(model.items_), support, pairs, model)


def _pairs(X: Snapshots, support: int) -> list[Pair]:
    model = ItemSimilarityRecommender("jaccard", _MOST_PAIRS, min_support=support).fit(X)
    found = model.similarity_.tocoo()
    # A pair may stand in the list of one of its items alone, or in both.
    low, high = np.minimum(found.row, found.col), np.maximum(found.row, found.col)
    _, once = np.unique(low.astype(np.int64) * len(model.items_) + high, return_index=True)
    best = once[np.lexsort((high[once], low[once], -found.data[once]))][:_MOST_PAIRS]
    pairs = []
    for one in best:
        first, second = sorted((int(low[one]), int(high[one])), key=lambda place: (-model.popularity_[place], place))
        customers, share = (int(model.popularity_[first]), int(model.popularity_[second])), float(found.data[one])
        both = round(share * sum(customers) / (1 + share))
        lift = both * len(X) / (customers[0] * customers[1])
        pairs.append(Pair((str(model.items_[first]), str(model.items_[second])), customers, both, share, lift))
    return pairs


def item_test_of(log: EventLog) -> ItemTest | Impossible:
    """Make lists at an earlier date, and look what came.

    Returns
    -------
    ItemTest or Impossible
    """
    span = 0 if log.first_time is None else int((log.observed_until - log.first_time) / _DAY)
    days = next((days for days in _HORIZONS if span >= 3 * days), None)
    if days is None:
        return Impossible("items.short", {"days": span, "needed": 3 * _HORIZONS[-1]})
    date = log.observed_until - days * _DAY
    known = log.snapshot(date, horizon=f"{days}D")
    if not len(known):
        return Impossible("items.untested", {"date": str(date)[:10], "days": days, "customers": 0, "needed": _FEWEST})
    X = _drawn(known[np.diff(known.future_items().csr.indptr) > 0], _MOST_TESTED)
    came = _ones(X.future_items().csr)
    new = _ones(came - came.multiply(_ones(X.interactions("binary"))))
    asked = int((np.diff(new.indptr) > 0).sum())
    if asked < _FEWEST:
        values = {"date": str(date)[:10], "days": days, "customers": asked, "needed": _FEWEST}
        return Impossible("items.untested", values)
    learnt = _drawn(known, _MOST_LEARNT)
    rule = PopularityRecommender().fit(learnt)
    trials = [
        _trial(model.fit(learnt), rule, X, new=new_only)
        for model, new_only in ((ItemCosineRecommender(), True), (RepeatPurchaseRecommender(), False))
    ]
    return ItemTest(days, date, len(X), 1 - float(new.sum() / came.sum()), trials[0], trials[1])


def _trial(model: Any, rule: PopularityRecommender, X: Snapshots, *, new: bool) -> Trial:
    y = X.future_items()
    hits, hits_rule, ndcg, ndcg_rule = (
        RecommendationScorer(metric, min(K, len(rule.items_)), exclude_seen=new).by_row(one, X, y)
        for metric in ("hit_rate", "ndcg")
        for one in (model, rule)
    )
    asked = ~np.isnan(hits)
    found, found_rule, gain = (_mean(values[asked]) for values in (hits, hits_rule, hits - hits_rule))
    return Trial(int(asked.sum()), found, found_rule, float(ndcg[asked].mean()), float(ndcg_rule[asked].mean()), gain)


def _mean(values: NDArray[np.float64]) -> Estimate:
    """The mean, with customers drawn again: each has one row here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmkitWarning)
        return estimate(np.mean, values, n_resamples=400, random_state=0)


def _ones(matrix: csr_matrix) -> csr_matrix:
    """A one wherever there is anything."""
    found = csr_matrix(matrix, dtype=np.float64, copy=True)
    found.eliminate_zeros()
    found.data[:] = 1.0
    return found


def _drawn(X: Snapshots, most: int) -> Snapshots:
    """All rows, or so many of them drawn at random, in their order."""
    if len(X) <= most:
        return X
    return X[np.sort(np.random.default_rng(0).choice(len(X), most, replace=False))]
