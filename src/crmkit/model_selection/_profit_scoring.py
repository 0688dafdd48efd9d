"""Scoring churn models by money, in searches and cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crmkit._decisions import (
    check_campaign,
    churn_class,
    churn_scores,
    churners,
    mean_accept_rate,
    value_of_rows,
)
from crmkit._validation import check_option, parameter_error
from crmkit.metrics import expected_maximum_profit_churn, maximum_profit_churn

__all__ = ["ProfitScorer"]

_METRICS = ("expected_maximum_profit", "maximum_profit", "profit")


@dataclass(frozen=True)
class ProfitScorer:
    """Score a churn model by what a retention campaign earns; for ``scoring=`` of searches and cross-validation.

    It is called as ``scorer(model, X, y)`` with a fitted classifier, rows, and what came. The result is
    money per row; higher is better. What a customer is worth is read from X itself, as it was known at each
    row's as_of, so that folds need no routed metadata.

    Attributes
    ----------
    metric : {'expected_maximum_profit', 'maximum_profit', 'profit'}, default='expected_maximum_profit'
        The first two judge the order of the scores, as `crmkit.metrics.expected_maximum_profit_churn` and
        `crmkit.metrics.maximum_profit_churn` do. ``'profit'`` judges decisions: what contacting the rows
        that ``model.predict`` calls churners earns, which may be a loss.
    value : float or str, default=200
        What it is worth to keep a customer; or the name of the column of ``X.attributes()``, or of the frame
        X, that holds it for each row.
    incentive, contact : float, default=10 and 1
        What an accepted offer costs, and what contacting costs.
    accept_rate : (float, float) or float, default=(6, 14)
        Parameters of the beta distribution of the share of contacted churners who accept and stay, or the
        share itself. ``'maximum_profit'`` and ``'profit'`` take the mean.
    pos_label : object, default=None
        The label that means churn. None: the model's ``pos_label_``; where it has none, 1 or True.

    Raises
    ------
    crmkit.exceptions.ParameterError
        When it is made, if a field is not one of the above. When it is called, if the model is not a
        classifier of two classes, nothing says which of them means churn, y holds other labels, or values are
        missing.
    crmkit.exceptions.ColumnNotFoundError
        When it is called, if X has no such column.

    Notes
    -----
    The ``pos_label_`` of a pipeline is that of its last step, of a search that of its best estimator. Scores are
    the model's ``predict_proba``, else its ``decision_function``.

    Examples
    --------
    Who falls silent, and is worth an offer? The value of each customer is a column of the attributes:

    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from crmkit import EventLog, RFMTransformer
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.model_selection import ProfitScorer, TemporalSplit
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> worth = pd.DataFrame({"customer_id": log.customers, "worth": 50.0 + log.customers % 100})
    >>> log = log.with_attributes(worth, customer="customer_id")
    >>> X = log.snapshots(["1997-07-01", "1997-10-01", "1998-01-01", "1998-04-01"], horizon="90D")
    >>> model = make_pipeline(RFMTransformer(), LogisticRegression())
    >>> scorer = ProfitScorer(value="worth", incentive=5)
    >>> cross_val_score(model, X, X.churned(), cv=TemporalSplit(2), scoring=scorer).round(2)
    array([22.07, 23.13])
    """

    metric: str = "expected_maximum_profit"
    value: float | str = 200
    incentive: float = 10
    contact: float = 1
    accept_rate: float | tuple[float, float] = (6, 14)
    pos_label: Any = None

    def __post_init__(self) -> None:
        owner = "ProfitScorer"
        check_option("metric", self.metric, _METRICS, owner)
        check_campaign(self, owner)
        if not isinstance(self.value, str) and np.ndim(self.value):
            hint = "Folds hold some of the rows only: put the values into a column of the attributes or of X."
            raise parameter_error("value", self.value, "a float or the name of a column", owner, hint)
        if self.metric == "expected_maximum_profit" and not isinstance(self.accept_rate, tuple | list):
            hint = "For one rate, take metric='maximum_profit'."
            raise parameter_error("accept_rate", self.accept_rate, "a pair of floats above 0", owner, hint)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        column, churn = churn_class(estimator, "ProfitScorer", self.pos_label)
        value = value_of_rows(self.value, X, "ProfitScorer")
        outcome = churners(estimator, y, column, "ProfitScorer")
        if self.metric == "profit":
            chosen = np.asarray(estimator.predict(X)) == churn
            rate = mean_accept_rate(self.accept_rate)
            kept = outcome * rate * (value - self.incentive) - ~outcome * self.incentive - self.contact
            return float(np.mean(chosen * kept))
        money = {"value": value, "incentive": self.incentive, "contact": self.contact}
        score = churn_scores(estimator, X, column)
        if self.metric == "expected_maximum_profit" and isinstance(self.accept_rate, tuple | list):
            return expected_maximum_profit_churn(outcome, score, accept_rate=self.accept_rate, **money)
        return maximum_profit_churn(outcome, score, accept_rate=mean_accept_rate(self.accept_rate), **money)

    def __str__(self) -> str:
        return self.metric
