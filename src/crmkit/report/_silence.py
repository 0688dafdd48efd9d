"""Who will fall silent and whom it pays to contact, by a model of churn; and whether it would have held."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit.churn import ChurnClassifier, ChurnProfit
from crmkit.events import EventLog, Snapshots, purchases
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate, estimate
from crmkit.report._study import DAY, Impossible, auc_gain, dates_of, drawn_customers, horizon_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Active is who bought within so many horizons. The others are silent already.
_ACTIVE = 2

#: Latest dates that are learnt from: what made customers leave long ago says less.
_MOST_DATES = 6
_MOST_TESTS = 2

#: Fewer silent customers, or others, are too few to learn from, and to test on.
_FEWEST = 40
_FEWEST_TESTED = 10

#: Rows of customers at dates to learn from. Beyond this, customers are drawn.
_MOST_ROWS = 20_000

#: Assumed where nothing is said: the costs as shares of the value, and the share of those offered something who
#: would have left and stay.
_INCENTIVE, _CONTACT, _ACCEPT = 0.1, 0.01, 0.1


@dataclass(frozen=True)
class Tested:
    """What was said of customers at earlier dates, and what came.

    Attributes
    ----------
    date, customer : ndarray
        The rows.
    silent : ndarray of bool
        Who bought nothing within the horizon.
    probability, idle : ndarray
        Of that, by the model; and days since the last purchase, by which the rule orders.
    contact, contact_rule : ndarray of bool
        Whom it pays to contact, by each of them.
    earned : ndarray
        What contacting each brings on average, knowing what came; 0 without money.
    """

    date: NDArray[np.datetime64]
    customer: NDArray[Any]
    silent: Flags
    probability: Floats
    idle: Floats
    contact: Flags
    contact_rule: Flags
    earned: Floats

    @property
    def dates(self) -> list[Flags]:
        """Which rows are of each date."""
        return [self.date == one for one in np.unique(self.date)]

    @cached_property
    def gain(self) -> Estimate:
        """AUC of the model less that of the rule, mean over the dates."""
        return auc_gain(self.date, self.silent, self.probability, self.idle, self.customer)

    def money(self, weight: Any) -> Estimate:
        """What contacting some of the customers would have earned, or one choice of them more than another."""
        return estimate(np.sum, self.earned * weight, groups=self.customer, n_resamples=400, random_state=0)


@dataclass(frozen=True)
class Silence:
    """Who will fall silent, and whom it pays to contact.

    Attributes
    ----------
    days, active_days : int
        The horizon, and within how many days a customer has bought to be asked about.
    n_rows, first, drawn : int, numpy.datetime64, bool
        Customers at dates that were learnt from, the first date, and whether they were drawn at random.
    X, probability : Snapshots, ndarray
        Today's active customers, and of each to buy nothing within the horizon.
    profit, assumed : ChurnProfit or None, bool
        What keeping a customer is worth and trying costs, None without money; and whether nobody said it.
    tested : Tested
    """

    days: int
    active_days: int
    n_rows: int
    first: np.datetime64
    drawn: bool
    X: Snapshots
    probability: Floats
    profit: ChurnProfit | None
    assumed: bool
    tested: Tested

    @property
    def expected_profit(self) -> Floats:
        """Of contacting each customer; missing without money."""
        if self.profit is None:
            return np.full(len(self.X), np.nan)
        return self.profit.expected_profit(self.probability, self.profit.value)

    @property
    def contact(self) -> Flags:
        """Whom it pays to contact."""
        return self.expected_profit > 0


def silence_of(log: EventLog, *, has_money: bool, profit: ChurnProfit | None = None) -> Silence | Impossible:
    """Ask who falls silent: of today's customers, and at dates in the past.

    Returns
    -------
    Silence or Impossible
        The second with its reason, where the history is too short, nobody is active, or nearly all do the same.
    """
    days, begin = horizon_of(log), log.first_time
    if days is None or begin is None:
        return Impossible("honesty.impossible", {})
    active = _ACTIVE * days
    today = log.snapshot(active_within=f"{active}D")
    if not len(today):
        return Impossible("churn.nobody", {"days": active})
    dates = dates_of(begin, log.observed_until, days)
    chosen = drawn_customers(log, len(dates))
    X = log.snapshots(dates, horizon=f"{days}D", active_within=f"{active}D", customers=chosen)
    y = X.churned()
    tests = _tests(X, y, days)
    if not tests:
        return Impossible("churn.few", {"days": days, "silent": int(y.sum()), "rows": len(y), "needed": _FEWEST})
    assumed = profit is None
    if profit is None:
        profit = _assumed(X, y) if has_money else None
    known = _latest(X, np.ones(len(X), dtype=np.bool_))
    n_rows, first = int(known.sum()), X.as_of[known].min()
    drawn = chosen is not None or n_rows < (X.as_of >= first).sum()
    try:
        tested, said = _tested(X, y, tests, profit), _churn(_fitted(X[known], y[known]), today)
    except ParameterError as error:  # a column of the customers, such as their names
        return Impossible("churn.refused", {"why": error})
    return Silence(days, active, n_rows, first, drawn, today, said, profit, assumed, tested)


def _assumed(X: Snapshots, y: NDArray[np.int64]) -> ChurnProfit | None:
    """What a customer who does buy brings within the horizon, and costs in proportion to it."""
    came = X.future_value()[y == 0]
    value = float(came.mean()) if len(came) else 0.0
    if not value > 0:
        return None
    return ChurnProfit(value, _INCENTIVE * value, _CONTACT * value, _ACCEPT)


def _latest(X: Snapshots, rows: Flags) -> Flags:
    """Those of some rows that are of the latest dates; where they are too many, of customers drawn at random."""
    latest = rows & np.isin(X.as_of, np.unique(X.as_of[rows])[-_MOST_DATES:])
    n_rows, customers = int(latest.sum()), np.unique(X.codes[latest])
    if n_rows <= _MOST_ROWS:
        return np.asarray(latest)
    most = len(customers) * _MOST_ROWS // n_rows
    return np.asarray(latest & np.isin(X.codes, np.random.default_rng(0).choice(customers, most, replace=False)))


def _tests(X: Snapshots, y: NDArray[np.int64], days: int) -> list[tuple[Flags, Flags]]:
    """Rows to learn from and to test on, for the latest dates that are a horizon apart, oldest first."""
    tests: list[tuple[Flags, Flags]] = []
    while len(X) and len(tests) < _MOST_TESTS:
        dates = np.unique(X.as_of)
        date = dates[max(np.searchsorted(dates, dates[-1] - len(tests) * days * DAY, "right") - 1, 0)]
        known, test = _latest(X, X.as_of + days * DAY <= date), X.as_of == date
        for rows, fewest in ((known, _FEWEST), (test, _FEWEST_TESTED)):
            silent = int(y[rows].sum())
            if min(silent, int(rows.sum()) - silent) < fewest:
                return tests[::-1]
        tests.append((known, test))
    return tests[::-1]


def _tested(X: Snapshots, y: NDArray[np.int64], tests: list[tuple[Flags, Flags]], profit: ChurnProfit | None) -> Tested:
    """Learn at each date from what was known then, and say who falls silent."""
    parts: list[tuple[Any, ...]] = []
    for known, test in tests:
        said, idle = _churn(_fitted(X[known], y[known]), X[test]), _idle(X[test])
        contact = rule = np.zeros(len(said), dtype=np.bool_)
        earned = np.zeros(len(said))
        if profit is not None:
            contact = profit.expected_profit(said, profit.value) > 0
            # The rule says no probability: whom it would contact is what earned most until then.
            rule = idle >= profit.cut(y[known], _idle(X[known])).threshold
            earned = profit.expected_profit(y[test], profit.value)
        parts.append((X.as_of[test], X.codes[test], y[test] == 1, said, idle, contact, rule, earned))
    return Tested(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _fitted(X: Snapshots, y: NDArray[np.int64]) -> ChurnClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that say nothing in a small log
        return ChurnClassifier(random_state=0).fit(X, y)


def _churn(model: ChurnClassifier, X: Snapshots) -> Floats:
    return np.asarray(model.predict_proba(X)[:, 1], dtype=np.float64)


def _idle(X: Snapshots) -> Floats:
    return purchases(X, "D", full=False).since_last / (DAY / np.timedelta64(1, "us"))
