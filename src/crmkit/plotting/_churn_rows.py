"""What the pictures of churn share: rows with scores, and how models on one axes are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_vector
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

GREY, PALE = "#4d4d4d", "#9e9e9e"

#: Told apart by colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

#: Marks the line of a model, by which the next one on the same axes takes another colour.
MODEL = "model"


class Scored(NamedTuple):
    """Rows: 1.0 for who churned, scores, and the customer of each, None where every row is another one."""

    churned: Floats
    score: Floats
    customers: NDArray[Any] | None


def scored_rows(estimator: Any, X: Any, y: Any, owner: str, *, needs_probability: bool = False) -> Scored:
    """Score rows whose outcome is known by a classifier of two classes."""
    column = churn_column(estimator, owner)
    churned = np.asarray(y) == estimator.classes_[column]
    known = churned | (np.asarray(y) == estimator.classes_[1 - column])
    if np.ndim(y) != 1 or not known.all():
        raise ParameterError(
            f"The 'y' parameter of {owner} must hold the labels that {type(estimator).__name__} was fitted on, one for "
            f"each row. Got {int((~known).sum()):,} others."
        )
    if hasattr(estimator, "predict_proba"):
        score = np.asarray(estimator.predict_proba(X), dtype=np.float64)[:, column]
    elif needs_probability:
        raise ParameterError(
            f"{owner} is about probabilities, and {type(estimator).__name__} has no predict_proba. Put it into "
            "ChurnClassifier, which calibrates its scores."
        )
    else:
        score = np.asarray(estimator.decision_function(X), dtype=np.float64) * (1 if column else -1)
    return check_scored(churned, score, X.codes if isinstance(X, Snapshots) else None, owner)


def check_scored(y_true: Any, y_score: Any, groups: Any, owner: str) -> Scored:
    """Check outcomes, scores and customers that were given."""
    churned = check_vector("y_true", y_true, np.float64, owner)
    score = check_vector("y_score", y_score, np.float64, owner, n=len(churned))
    if not len(churned) or not np.isin(churned, (0.0, 1.0)).all():
        raise ParameterError(
            f"The 'y_true' parameter of {owner} must hold 1 for customers who churned and 0 for the others. Compare "
            "labels first, for example y == 'yes'."
        )
    customers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if customers is not None and customers.shape != churned.shape:
        raise ParameterError(
            f"The 'groups' parameter of {owner} must hold the customer of each of the {len(churned):,} rows."
        )
    return Scored(churned, score, customers)


def churn_column(estimator: Any, owner: str) -> int:
    """Which of the two classes of a fitted classifier is churn."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or len(classes) != 2:
        raise ParameterError(
            f"The 'estimator' parameter of {owner} must be a fitted classifier of two classes. Got "
            f"{type(estimator).__name__} with {'no' if classes is None else len(classes)} classes instead."
        )
    inner = getattr(estimator, "best_estimator_", estimator)
    inner = inner.steps[-1][1] if hasattr(inner, "steps") else inner
    churn = getattr(inner, "pos_label_", None)
    return 1 if churn is None else list(classes).index(churn)


def models_on(ax: Axes) -> int:
    """How many models have been drawn."""
    return sum(line.get_gid() == MODEL for line in ax.lines)


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or new ones."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]
