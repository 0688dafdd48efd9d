"""Models of customer value side by side, with a naive rule beside them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._durations import duration_name, instant_name, to_microseconds
from crmkit._frames import make_frame
from crmkit._validation import check_float, check_generator, check_int, check_vector, parameter_error
from crmkit.events import Snapshots
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate, estimate
from crmkit.value._clv import CLVEstimator
from crmkit.value._learned import NaiveValue, check_value_rows

Floats = NDArray[np.float64]

_OWNER = "value_report"
_FIGURES = ("total", "mae", "rmse", "spearman", "gini", "decile_error")
_HEADS = ("total", "MAE", "RMSE", "Spearman", "Gini", "decile error")


@dataclass(frozen=True, eq=False, repr=False)
class ValueReport:
    """What `value_report` returns: figures of each model, and their calibration by decile.

    Attributes
    ----------
    table : frame
        One row per model and figure: ``model``, ``figure``, ``value``, ``low``, ``high``. The figures
        are ``total`` (predicted over actual), ``mae``, ``rmse``, ``spearman`` (rank correlation),
        ``gini`` (normalised) and ``decile_error`` (the mean distance of the deciles' predicted and
        actual money, over the mean actual money).
    deciles : frame
        One row per model and tenth of the rows by prediction, 1 the highest: ``model``, ``decile``,
        ``n``, ``predicted`` and ``actual`` (money per row), ``low`` and ``high`` of actual.
    estimates : dict of (str, str) to Estimate
        By model and figure.
    n_customers : int
    actual : float
        Money of all rows.
    """

    table: Any
    deciles: Any
    estimates: dict[tuple[str, str], Estimate]
    n_customers: int
    actual: float

    def __repr__(self) -> str:
        models = list(dict.fromkeys(model for model, _ in self.estimates))
        lines = [f"ValueReport({self.actual:,.0f} from {self.n_customers:,} customers)"]
        cells = [["model", *_HEADS]]
        for model in models:
            codes = (".2f", ",.0f", ",.0f", ".3f", ".3f", ".2f")
            own = [self.estimates[model, figure] for figure in _FIGURES]
            # Small amounts, such as numbers of purchases, need their decimals.
            small = float(own[1]) < 10
            codes = (".2f", ".2f", ".2f", *codes[3:]) if small else codes
            cells.append([model, *(f"{one:{code}}" for one, code in zip(own, codes, strict=True))])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        return "\n".join(lines)


def value_report(
    estimators: Any,
    X: Snapshots,
    y: ArrayLike,
    *,
    coverage: float = 0.95,
    n_resamples: int = 200,
    random_state: Any = 0,
) -> ValueReport:
    """Set fitted models of customer value side by side, on rows that they have not seen.

    A naive rule is always among them: customers spend what they spent in the last period of the same
    length. A model that does not beat it is not worth its trouble.

    Parameters
    ----------
    estimators : dict of str to estimator, list of estimators, or estimator
        Fitted, on earlier dates; each has ``predict(X)``, the money of each row within the horizon of X.
        Those of a list are named after their class.
    X : Snapshots of n rows
        With a label window.
    y : array-like of shape (n,)
        What came: ``X.future_value()``.
    coverage : float, default=0.95
        Of the intervals.
    n_resamples : int, default=200
        How often customers are drawn for the intervals.
    random_state : int, Generator, RandomState or None, default=0
        Where the draws come from. All models and figures see the same draws.

    Returns
    -------
    ValueReport
        With the frames ``table`` and ``deciles``, and ``estimates``, the figures with intervals.

    Raises
    ------
    ParameterError
        If X are not Snapshots with money and a label window, y does not fit them or is the same in all
        rows, or an estimator predicts something else than one finite number a row.

    Warns
    -----
    CrmkitWarning
        If a model has learnt from what lies after the first as_of of X.

    See Also
    --------
    crmkit.model_selection.backtest : One model over several dates, one figure.
    crmkit.metrics.normalised_gini : What the ranking of all customers is worth.

    Notes
    -----
    Look at the total first: a model that says half of what comes is wrong however well it ranks, and
    mean errors reward it, since the median customer buys nothing. MAE favours predictions near the
    median, RMSE depends on a handful of the largest customers; rank correlation looks at everybody alike,
    the Gini coefficient at who brings the money.

    Intervals are made by resampling customers (`crmkit.metrics.estimate`), with the models as given.
    They say how far another sample of customers would have differed; what another year would have
    brought, they cannot.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import NaiveValue, value_report
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshot("1997-10-01", horizon="39W")
    >>> value_report({}, X, X.future_value())
    ValueReport(70,976 from 2,357 customers)
    model              total          MAE           RMSE              Spearman                  Gini       decile error
    naive  2.44 [2.14, 2.85]  62 [56, 71]  172 [98, 293]  0.393 [0.357, 0.427]  0.680 [0.620, 0.730]  1.44 [1.14, 1.85]

    These customers all came in the first quarter of 1997, and the last 39 weeks hold their first purchases.
    """
    coverage = check_float("coverage", coverage, _OWNER, low=0, high=1, closed="neither")
    n_resamples = check_int("n_resamples", n_resamples, _OWNER, low=1)
    seed = check_generator("random_state", random_state, _OWNER).integers(2**32)
    models = _named(estimators)
    check_value_rows(X, _OWNER)
    came = check_vector("y", y, np.float64, _OWNER, n=len(X))
    if len(X) == 0 or came.min() == came.max() or came.sum() <= 0:
        raise ParameterError(
            "value_report needs rows that differ in y, and money in all: otherwise there is nothing to rank or to add "
            "up. Take more customers, or a longer horizon."
        )
    models["naive"] = NaiveValue().fit(X)
    estimates: dict[tuple[str, str], Estimate] = {}
    deciles = []
    for name, model in models.items():
        if name != "naive":
            _refuse_leaks(name, model, X)
            _warn_of_another_window(name, model, X)
        said = _said(name, model, X)
        judge = _Judge(came, said)
        for figure in _FIGURES:
            estimates[name, figure] = estimate(
                getattr(judge, figure), np.arange(len(X)), groups=X.codes, coverage=coverage,
                n_resamples=n_resamples, random_state=int(seed),
            )  # fmt: skip
        deciles.append(_deciles(name, judge, X, coverage, n_resamples, int(seed)))
    table = {
        "model": np.array([model for model, _ in estimates]),
        "figure": np.array([figure for _, figure in estimates]),
        **{end: np.array([getattr(one, end) for one in estimates.values()]) for end in ("value", "low", "high")},
    }
    joined = {column: np.concatenate([part[column] for part in deciles]) for column in deciles[0]}
    backend = X.log.backend
    n_customers = len(np.unique(X.codes))
    return ValueReport(
        make_frame(table, backend), make_frame(joined, backend), estimates, n_customers, float(came.sum())
    )


def _named(estimators: Any) -> dict[str, Any]:
    if not isinstance(estimators, Mapping):
        several = estimators if isinstance(estimators, list | tuple) else [estimators]
        names = [type(one).__name__ for one in several]
        if len(set(names)) < len(names):
            raise parameter_error("estimators", names, "of different classes, or a dict that names them", _OWNER)
        estimators = dict(zip(names, several, strict=True))
    for name, model in estimators.items():
        if not isinstance(name, str) or name == "naive":
            raise parameter_error("estimators", name, "named by str other than 'naive'", _OWNER)
        if isinstance(model, type) or not hasattr(model, "predict"):
            raise parameter_error("estimators", model, "fitted estimators with predict(X)", _OWNER)
    return dict(estimators)


def _refuse_leaks(name: str, model: Any, X: Snapshots) -> None:
    """Warn of a model that knows what the rows are asked about."""
    # A pipeline's last step knows.
    last = model[-1] if hasattr(model, "steps") else model
    until = getattr(last, "learned_until_", None)
    if until is None:
        fitted_on = getattr(last, "fitted_on_", None)
        until = fitted_on[1][1] if fitted_on is not None and fitted_on[1] is not None else None
    first = X.as_of.min()
    if until is not None and until > first:
        warnings.warn(
            f"{name} has learnt from what happened until {instant_name(until)}, and is judged from "
            f"{instant_name(first)} on: its figures are too good. Fit it on rows whose labels end before.",
            CrmkitWarning,
            stacklevel=3,
        )


def _warn_of_another_window(name: str, model: Any, X: Snapshots) -> None:
    """Warn of a model that values another stretch of time than the labels do."""
    last = model[-1] if hasattr(model, "steps") else model
    if not isinstance(last, CLVEstimator):
        return
    own, gap = to_microseconds(last.horizon, "horizon"), X.window.gap
    if own != X.window.horizon or gap:
        behind = f" after a gap of {duration_name(gap)}" if gap else ""
        warnings.warn(
            f"{name} values the {duration_name(own)} from as_of on, and y is about "
            f"{duration_name(X.window.horizon or 0)}{behind}: they are not comparable. Give both the same horizon.",
            CrmkitWarning,
            stacklevel=3,
        )


def _said(name: str, model: Any, X: Snapshots) -> Floats:
    said = np.asarray(model.predict(X))
    numbers = said.dtype.kind in "iuf"
    if said.shape != (len(X),) or not numbers or not np.isfinite(said).all():
        missing = int((~np.isfinite(said)).sum()) if numbers else 0
        raise ParameterError(
            f"The estimator {name!r} must predict one finite number for each of the {len(X):,} rows. Got an array of "
            f"{said.dtype} of shape {said.shape}, with {missing:,} values missing or infinite."
        )
    return said.astype(np.float64)


class _Order:
    """The order of some values, from which ranks in a sample of the rows are found without sorting."""

    def __init__(self, values: Floats) -> None:
        found, self.of_row, counts = np.unique(values, return_inverse=True, return_counts=True)
        self.n = len(found)
        self.counts = counts

    def centred_ranks(self, rows: NDArray[np.intp]) -> Floats:
        """Ascending ranks of the rows among themselves, less their mean; ties share theirs."""
        level = self.of_row[rows]
        counts = np.bincount(level, minlength=self.n)
        return (np.cumsum(counts) - (counts + len(rows)) / 2)[level]


class _Judge:
    """The figures of one model, of any rows."""

    def __init__(self, came: Floats, said: Floats) -> None:
        self.came, self.said = came, said
        self.by_came, self.by_said = _Order(came), _Order(said)
        # The highest tenth first; equal predictions by position, since a decile must have its tenth.
        order = np.argsort(-said, kind="stable")
        self.n_deciles = min(10, len(said))
        self.decile = np.empty(len(said), dtype=np.int64)
        self.decile[order] = np.arange(len(said)) * self.n_deciles // len(said)

    def total(self, rows: NDArray[np.intp]) -> float:
        return float(self.said[rows].sum() / self.came[rows].sum())

    def mae(self, rows: NDArray[np.intp]) -> float:
        return float(np.abs(self.said[rows] - self.came[rows]).mean())

    def rmse(self, rows: NDArray[np.intp]) -> float:
        return float(np.sqrt(((self.said[rows] - self.came[rows]) ** 2).mean()))

    def spearman(self, rows: NDArray[np.intp]) -> float:
        one, other = self.by_came.centred_ranks(rows), self.by_said.centred_ranks(rows)
        spread = float(np.sqrt((one @ one) * (other @ other)))
        # A constant has no order, and so none in common with anything.
        return float(one @ other) / spread if spread > 0 else 0.0

    def gini(self, rows: NDArray[np.intp]) -> float:
        came = self.came[rows]
        return float(came @ self.by_said.centred_ranks(rows) / (came @ self.by_came.centred_ranks(rows)))

    def decile_error(self, rows: NDArray[np.intp]) -> float:
        missed = np.bincount(self.decile[rows], self.said[rows] - self.came[rows])
        return float(np.abs(missed).sum() / self.came[rows].sum())


def _deciles(
    name: str, judge: _Judge, X: Snapshots, coverage: float, n_resamples: int, seed: int
) -> dict[str, NDArray[Any]]:
    lines = []
    for decile in range(judge.n_deciles):
        own = np.flatnonzero(judge.decile == decile)
        came = judge.came[own]
        # Where one customer is all, there is nobody to resample.
        several = len(np.unique(X.codes[own])) > 1
        found = (
            estimate(np.mean, came, groups=X.codes[own], coverage=coverage, n_resamples=n_resamples, random_state=seed)
            if several
            else Estimate(float(came.mean()), -np.inf, np.inf, n=1, coverage=coverage, method="none")
        )
        lines.append((name, decile + 1, len(own), judge.said[own].mean(), found.value, found.low, found.high))
    columns = ("model", "decile", "n", "predicted", "actual", "low", "high")
    return {column: np.array(values) for column, values in zip(columns, zip(*lines, strict=True), strict=True)}
