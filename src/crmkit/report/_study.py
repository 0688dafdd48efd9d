"""The question of the report, asked at dates in the past: who buys again? And what came."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import CrmkitWarning
from crmkit.features import RFMTransformer
from crmkit.metrics import Estimate, estimate
from crmkit.model_selection import Backtest, TemporalSplit, backtest
from crmkit.report._strings import Language, sentence

DAY = np.timedelta64(86_400_000_000, "us")

#: Days within which a customer is asked to buy again: the longest that fits into the history three times. Once for
#: what customers did before the first date, once for the answers to learn from, once for those to test on.
_HORIZONS = (90, 60, 30, 14, 7)
_STEPS_PER_HORIZON = 3
_MOST_TESTS = 4
_MOST_DATES = 16

#: Fewer buyers, or fewer others, are too few to learn three weights from.
_FEWEST = 20
_FEWEST_TESTED = 10

#: Rows on which models are fitted. Beyond this, customers are sampled: more would change the third digit.
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Impossible:
    """Why the question cannot be asked of this log: a key of the table of strings and its values."""

    reason: str
    values: dict[str, object]


@dataclass(frozen=True)
class Study:
    """The question, asked at several dates.

    Attributes
    ----------
    X : Snapshots
        Customers at each date.
    y : ndarray of int
        1 for those who bought again within the horizon.
    days : int
        The horizon.
    in_time : Backtest
        Each of the latest dates, predicted from what was known then.
    n_customers : int
        Customers that were studied, fewer than the log has where they were sampled.
    """

    X: Snapshots
    y: NDArray[np.int64]
    days: int
    in_time: Backtest
    n_customers: int

    @property
    def horizon(self) -> str:
        """The horizon as a duration."""
        return f"{self.days}D"

    @property
    def step(self) -> int:
        """Days from one date to the next."""
        return _step(self.days)

    @cached_property
    def predictions(self) -> dict[str, NDArray[Any]]:
        """The columns of the table of predictions."""
        table = self.in_time.predictions
        return {name: np.asarray(table[name]) for name in ("customer_id", "as_of", "fold", "y", "prediction")}

    @cached_property
    def tested(self) -> NDArray[np.bool_]:
        """Which rows of X were tested in time."""
        return np.isin(self.X.as_of, np.unique(self.predictions["as_of"]))

    @property
    def rule(self) -> NDArray[np.float64]:
        """What "most recent first" says, in the order of the predictions."""
        return np.asarray(self.in_time.baseline_prediction)

    @cached_property
    def gain(self) -> Estimate:
        """The model's AUC less that of the rule, mean over the dates, with customers drawn again.

        The same as `Backtest.gain`, but by ranks of the predictions instead of scikit-learn's scorers,
        which check their input anew in each of some thousand calls: half a second instead of fifteen.
        """
        said = self.predictions
        customers = np.unique(said["customer_id"], return_inverse=True)[1]
        return auc_gain(said["fold"], said["y"], said["prediction"], self.rule, customers)

    @cached_property
    def last(self) -> NDArray[np.bool_]:
        """Which rows of the predictions are of the last date."""
        fold = self.predictions["fold"]
        return np.asarray(fold == fold.max())

    def random_split(self, estimator: Any) -> NDArray[np.float64]:
        """What a random split says about the rows that were tested in time.

        The rows of all dates are shuffled into five parts, and each part is predicted from the others:
        from later dates too, and from the same customer a month before and after.
        """
        split = KFold(5, shuffle=True, random_state=0)
        said = cross_val_predict(estimator, self.X, self.y, cv=split, method="predict_proba")
        return np.asarray(said)[self.tested, 1]

    def in_time_order(self, estimator: Any) -> NDArray[np.float64]:
        """What another model says about the same rows, predicted from what was known then."""
        split = TemporalSplit(n_splits=len(self.in_time.scores))
        said = np.full(len(self.X), np.nan)
        for train, test in split.split(self.X):
            fitted = clone(estimator).fit(self.X[train], self.y[train])
            said[test] = fitted.predict_proba(self.X[test])[:, 1]
        return said[self.tested]

    def probability(self, rows: Snapshots) -> NDArray[np.float64]:
        """The probability of buying again, by the model that has learnt from every date."""
        fitted = model().fit(self.X, self.y)
        return np.asarray(fitted.predict_proba(rows))[:, 1]


def auc(y: NDArray[Any], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve, by ranks; NaN where all are of one class."""
    n_bought = int(y.sum())
    n_pairs = n_bought * (len(y) - n_bought)
    if n_pairs == 0:
        return float("nan")
    return float((rankdata(score)[y == 1].sum() - n_bought * (n_bought + 1) / 2) / n_pairs)


def auc_gain(date: Any, y: Any, model: Any, rule: Any, customer: Any) -> Estimate:
    """The model's AUC less that of the rule, mean over the dates, with customers drawn again."""
    dates = np.unique(date)

    def gain(date: Any, y: Any, model: Any, rule: Any) -> float:
        own = [date == one for one in dates]
        return float(np.mean([auc(y[one], model[one]) - auc(y[one], rule[one]) for one in own]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmkitWarning)  # of draws in which all are of one class
        return estimate(gain, date, y, model, rule, groups=customer, n_resamples=400, random_state=0)


def signed_log(values: Any) -> NDArray[np.float64]:
    """Bend large amounts, and what refunds have turned negative."""
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(np.sign(array) * np.log1p(np.abs(array)))


def model() -> Pipeline:
    """Return the model of the report: RFM, then logistic regression."""
    return make_pipeline(RFMTransformer(), FunctionTransformer(signed_log), StandardScaler(), LogisticRegression())


def forest() -> Pipeline:
    """Return a model that can learn its rows by heart, to show what a random split makes of that."""
    trees = RandomForestClassifier(n_estimators=12, n_jobs=-1, random_state=0)
    return make_pipeline(RFMTransformer(), trees)


def study_of(log: EventLog, say: Callable[[str], None], language: Language) -> Study | Impossible:
    """Ask who buys again, at dates in the past.

    Returns
    -------
    Study or Impossible
        The second with its reason, where the history is too short or nearly everybody does the same.
    """
    begin, days = log.first_time, horizon_of(log)
    if begin is None or days is None:
        return Impossible("impossible.short", {"days": _span(log), "needed": 3 * _HORIZONS[-1]})
    dates = dates_of(begin, log.observed_until, days)
    chosen = drawn_customers(log, len(dates))
    X = log.snapshots(dates, horizon=f"{days}D", customers=chosen)
    y = X.happens()
    n_tests = _tests(X, y, dates, days)
    if n_tests == 0:
        return Impossible("impossible.few", {"days": days, "bought": int(y.sum()), "rows": len(y), "needed": _FEWEST})
    say(sentence("say.backtest", language, dates=n_tests, rows=f"{len(X):,}"))
    in_time = backtest(model(), X, y, TemporalSplit(n_splits=n_tests))
    return Study(X, y, days, in_time, log.n_customers if chosen is None else len(chosen))


def horizon_of(log: EventLog) -> int | None:
    """Days within which customers are asked to buy again; None where the history is too short for any."""
    return next((days for days in _HORIZONS if _span(log) >= 3 * days), None)


def _span(log: EventLog) -> int:
    return 0 if log.first_time is None else int((log.observed_until - log.first_time) / DAY)


def _step(days: int) -> int:
    return max(days // _STEPS_PER_HORIZON, 1)


def dates_of(begin: np.datetime64, end: np.datetime64, days: int) -> list[np.datetime64]:
    """Return dates whose answers are known, the last one as late as possible."""
    step = _step(days) * DAY
    first, last = begin + days * DAY, end - days * DAY
    dates: list[np.datetime64] = []
    while last >= first and len(dates) < _MOST_DATES:
        dates.append(last)
        last -= step
    return dates[::-1]


def drawn_customers(log: EventLog, n_dates: int) -> NDArray[Any] | None:
    """Customers drawn at random, where at so many dates there are too many of them; None for all."""
    most = _MOST_ROWS // max(n_dates, 1)
    if log.n_customers <= most:
        return None
    return np.sort(np.random.default_rng(0).choice(log.customers, most, replace=False))


def _tests(X: Snapshots, y: NDArray[np.int64], dates: list[np.datetime64], days: int) -> int:
    """Return at how many of the latest dates there are enough answers, both to learn from and to test on."""
    enough = 0
    for date in dates[::-1]:
        known = X.as_of + days * DAY <= date
        for rows in (known, X.as_of == date):
            bought = int(y[rows].sum())
            if min(bought, int(rows.sum()) - bought) < (_FEWEST if rows is known else _FEWEST_TESTED):
                return enough
        enough += 1
        if enough == _MOST_TESTS:
            break
    return enough
