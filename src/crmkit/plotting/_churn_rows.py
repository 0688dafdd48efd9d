"""What the pictures of churn share: rows with scores, and how models on one axes are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._decisions import check_outcomes, churn_class, churn_scores, churners
from crmkit._validation import check_vector
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

#: Marks the line of a model, by which the next one on the same axes takes another colour.
MODEL = "model"


class Scored(NamedTuple):
    """Rows: 1.0 for who churned, scores, and the customer of each, None where every row is another one."""

    churned: Floats
    score: Floats
    customers: NDArray[Any] | None


def scored_rows(
    estimator: Any, X: Any, y: Any, owner: str, *, pos_label: Any = None, needs_probability: bool = False
) -> Scored:
    """Score rows whose outcome is known by a classifier of two classes."""
    column = churn_class(estimator, owner, pos_label)[0]
    churned = churners(estimator, y, column, owner)
    if needs_probability and not hasattr(estimator, "predict_proba"):
        raise ParameterError(
            f"{owner} is about probabilities, and {type(estimator).__name__} has no predict_proba. Put it into "
            "ChurnClassifier, which calibrates its scores."
        )
    score = churn_scores(estimator, X, column)
    return check_scored(churned, score, X.codes if isinstance(X, Snapshots) else None, owner)


def check_scored(y_true: Any, y_score: Any, groups: Any, owner: str) -> Scored:
    """Check outcomes, scores and customers that were given."""
    churned = check_outcomes(y_true, owner)
    score = check_vector("y_score", y_score, np.float64, owner, n=len(churned))
    customers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if customers is not None and customers.shape != churned.shape:
        raise ParameterError(
            f"The 'groups' parameter of {owner} must hold the customer of each of the {len(churned):,} rows."
        )
    return Scored(churned, score, customers)


def models_on(ax: Axes) -> int:
    """How many models have been drawn."""
    return sum(line.get_gid() == MODEL for line in ax.lines)
