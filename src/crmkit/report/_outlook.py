"""What today's customers will bring, by models of how often and how much they buy; and whether it would have held."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from crmkit.events import EventLog, Snapshots, purchases
from crmkit.exceptions import SpendWarning
from crmkit.metrics import Estimate, estimate, normalised_gini
from crmkit.report._study import Impossible
from crmkit.value import CLVEstimator, ModifiedBetaGeoNBD, NaiveValue, ValueReport, value_report

Floats = NDArray[np.float64]

_DAY = np.timedelta64(86_400_000_000, "us")

#: Days ahead: the longest of which the history has seen half.
_AHEAD = (364, 91, 28)

#: Days held out: the longest that leaves as much history before them.
_HELD_OUT = (364, 273, 182, 91, 28)

#: Fewer customers who bought again do not tell four parameters.
_FEWEST = 20

#: Customers whose futures are drawn for intervals, and on whom the past is tested. Beyond this, chance
#: averages out, and what is left is the same for all.
_MOST = 10_000

_COVERAGE = 0.9


@dataclass(frozen=True)
class Outlook:
    """What today's customers will do and bring.

    Attributes
    ----------
    days : int
        The horizon.
    span : int
        Days of history.
    columns : dict of str to ndarray
        One value per customer: `alive_probability`, `expected_purchases`, and where there is money
        `expected_spend` per purchase and `value`.
    purchases : Estimate
        All purchases of the horizon.
    money : Estimate or None
        All money of the horizon.
    model : CLVEstimator or ModifiedBetaGeoNBD
        Fitted on today's customers.
    n_drawn : int
        Customers on whom the intervals rest.
    remarks : tuple of (str, dict)
        What is to be said about the fit: keys of the table of strings and their values.
    """

    days: int
    span: int
    columns: dict[str, Floats]
    purchases: Estimate
    money: Estimate | None
    model: Any
    n_drawn: int
    remarks: tuple[tuple[str, dict[str, object]], ...]

    def interval(self, rows: Snapshots) -> Floats:
        """90 % intervals of the money that each of some customers will bring."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said once, of the total
            return np.asarray(self.model.predict_interval(rows, _COVERAGE))


@dataclass(frozen=True)
class Rehearsal:
    """What the same models would have said at an earlier date, beside what came.

    Attributes
    ----------
    days : int
    date : numpy.datetime64
    n_customers : int
    n_known : int
        Customers there were at that date; more than `n_customers` where those were drawn.
    purchases : Estimate
        That the model says.
    purchases_naive, purchases_came : int
        Of the period before, and what came.
    report : ValueReport or None
        Figures of money, of "model" and "naive"; None without money.
    money : Estimate or None
        That the model says.
    gain_error, gain_order : Estimate or None
        Mean error per customer of the naive rule less that of the model; normalised Gini of the model
        less that of the naive rule.
    """

    days: int
    date: np.datetime64
    n_customers: int
    n_known: int
    purchases: Estimate
    purchases_naive: int
    purchases_came: int
    report: ValueReport | None = None
    money: Estimate | None = None
    gain_error: Estimate | None = None
    gain_order: Estimate | None = None


def outlook_of(log: EventLog, today: Snapshots, *, has_money: bool) -> Outlook | Impossible:
    """Fit the models on today's customers, and look ahead.

    Returns
    -------
    Outlook or Impossible
        The second with its reason, where the history is too short or too few customers bought again.
    """
    span = 0 if log.first_time is None else int((log.observed_until - log.first_time) / _DAY)
    days = next((days for days in _AHEAD if 2 * span >= days), None)
    if days is None:
        return Impossible("value.short", {"days": span, "needed": _AHEAD[-1] // 2})
    again, paid = _repeaters(today)
    if again < _FEWEST:
        return Impossible("value.few", {"again": again, "needed": _FEWEST})
    with_money = has_money and paid >= _FEWEST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpendWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = _fitted(today, days, with_money=with_money)
        columns = _columns(model, today, days)
    remarks = _remarks(model, again) if with_money else []
    if has_money and not with_money:
        remarks.append(("value.unpaid_all", {"paid": paid, "needed": _FEWEST}))
    if with_money and not np.isfinite(columns["value"]).all():
        # Only how often they buy can be told.
        model, with_money = model.purchase_model_, False
        columns = {name: columns[name] for name in ("alive_probability", "expected_purchases")}
    if not _purchase_model(model).converged_:
        remarks.append(("value.not_told", {}))
    if 2 * days > 3 * span:
        remarks.append(("value.far", {"days": days, "span": span}))
    some = _drawn(today)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        bought = _scaled(_total_purchases(model, some, days), columns["expected_purchases"])
        money = _scaled(model.total_value(some, _COVERAGE, n_draws=200), columns["value"]) if with_money else None
    if any(issubclass(one.category, ConvergenceWarning) for one in said):
        remarks.append(("value.too_narrow", {}))
    return Outlook(days, span, columns, bought, money, model, len(some), tuple(remarks))


def rehearsal_of(log: EventLog, *, has_money: bool) -> Rehearsal | Impossible:
    """Fit the models on an earlier date, and count what came.

    Returns
    -------
    Rehearsal or Impossible
    """
    span = 0 if log.first_time is None else int((log.observed_until - log.first_time) / _DAY)
    days = next((days for days in _HELD_OUT if span >= 2 * days), None)
    if days is None:
        return Impossible("value.untested", {"days": span, "needed": 2 * _HELD_OUT[-1]})
    date = log.observed_until - days * _DAY
    known = log.snapshot(date, horizon=f"{days}D")
    X = _drawn(known)
    again, paid = _repeaters(X)
    if again < _FEWEST:
        return Impossible("value.untested_few", {"date": str(date)[:10], "again": again, "needed": _FEWEST})
    came = X.future_value() if has_money else np.zeros(len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpendWarning)  # said of today's customers
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Fewer who pay, and a sample of the customers for an interval may hold none of them.
        with_money = has_money and min(paid, int((came > 0).sum())) >= _FEWEST and came.sum() > 0
        model = _fitted(X, days, with_money=with_money)
        made = Rehearsal(
            days,
            date,
            len(X),
            len(known),
            _total_purchases(model, X, days),
            _last_purchases(X, days),
            int(X.future_purchases().sum()),
        )
        said = model.predict(X) if with_money else np.zeros(len(X))
        if not with_money or not np.isfinite(said).all():
            return made
        naive = NaiveValue().fit(X).predict(X)
        return replace(
            made,
            report=value_report({"model": model}, X, came),
            money=model.total_value(X, _COVERAGE, n_draws=200),
            gain_error=_gain(_less_error, X, came, said, naive),
            gain_order=_gain(_more_order, X, came, said, naive),
        )


def _repeaters(X: Snapshots) -> tuple[int, int]:
    """How many customers bought again, and how many of them for money."""
    seen = purchases(X, "D")
    again = seen.periods > 1
    return int(again.sum()), int((again & (seen.repeat_money > 0)).sum())


def _fitted(X: Snapshots, days: int, *, with_money: bool) -> Any:
    return CLVEstimator(horizon=f"{days}D").fit(X) if with_money else ModifiedBetaGeoNBD().fit(X)


def _purchase_model(model: Any) -> Any:
    return model.purchase_model_ if isinstance(model, CLVEstimator) else model


def _columns(model: Any, X: Snapshots, days: int) -> dict[str, Floats]:
    if isinstance(model, CLVEstimator):
        frame = model.predict_components(X)
        names = ("alive_probability", "expected_purchases", "expected_spend", "value")
        return {name: np.asarray(frame[name], dtype=np.float64) for name in names}
    expected = model.expected_purchases(X, f"{days}D")
    return {"alive_probability": model.alive_probability(X), "expected_purchases": expected}


def _total_purchases(model: Any, X: Snapshots, days: int) -> Estimate:
    found: Estimate = _purchase_model(model).total_purchases(X, f"{days}D", _COVERAGE, n_draws=200, random_state=0)
    return found


def _scaled(of_some: Estimate, of_all: Floats) -> Estimate:
    """The interval of customers drawn at random, for all of them: too wide by chance that would average out."""
    total, ratio = float(of_all.sum()), float(of_all.sum()) / float(of_some) if float(of_some) else 1.0
    low, high = of_some.low * ratio, of_some.high * ratio
    return Estimate(total, low, high, n=len(of_all), coverage=of_some.coverage, method=of_some.method)


def _remarks(model: CLVEstimator, again: int) -> list[tuple[str, dict[str, object]]]:
    """What the fit of the spend model is warned of."""
    spend, remarks = model.spend_model_, list[tuple[str, dict[str, object]]]()
    correlation = model.spend_correlation_
    # As CLVEstimator warns: strong, and not by chance.
    if abs(correlation) >= 0.2 and abs(correlation) * np.sqrt(spend.n_rows_used_) > 3:
        remarks.append((f"value.correlated_{'up' if correlation > 0 else 'down'}", {"r": f"{correlation:.2f}"}))
    if spend.n_rows_used_ < again:
        remarks.append(("value.unpaid", {"customers": f"{again - spend.n_rows_used_:,}", "again": f"{again:,}"}))
    if spend.q_ <= 1:
        remarks.append(("value.no_mean", {"q": f"{spend.q_:.2f}"}))
    elif not spend.converged_:
        remarks.append(("value.spend_not_told", {}))
    return remarks


def _drawn(X: Snapshots) -> Snapshots:
    """All rows, or so many of them drawn at random, in their order."""
    if len(X) <= _MOST:
        return X
    return X[np.sort(np.random.default_rng(0).choice(len(X), _MOST, replace=False))]


def _last_purchases(X: Snapshots, days: int) -> int:
    """Purchases of the same customers in the last period before as_of."""
    before = X.log.snapshot(X.as_of[0] - days * _DAY)
    before = before[np.isin(before.codes, X.codes)]
    return int(purchases(X, "D").periods.sum() - purchases(before, "D").periods.sum())


def _gain(function: Callable[..., float], X: Snapshots, came: Floats, said: Floats, naive: Floats) -> Estimate:
    return estimate(function, came, said, naive, groups=X.codes, n_resamples=200, random_state=0)


def _less_error(came: Floats, said: Floats, naive: Floats) -> float:
    return float(np.abs(naive - came).mean() - np.abs(said - came).mean())


def _more_order(came: Floats, said: Floats, naive: Floats) -> float:
    return float(normalised_gini(came, said) - normalised_gini(came, naive))
