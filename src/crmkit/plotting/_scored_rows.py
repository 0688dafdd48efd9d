"""What the pictures of churn share: rows with scores, and curves over the share of them, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_float, check_generator, check_int, check_vector
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

#: Points of a curve; more are not seen.
_N_POINTS = 401


class Scored(NamedTuple):
    """Rows: 1.0 for who churned, scores, and the customer of each, None where every row is another one."""

    churned: Floats
    score: Floats
    customers: NDArray[Any] | None


class Curve(NamedTuple):
    """A curve over shares of the rows from 0 to 1, and its interval."""

    fraction: Floats
    height: Floats
    low: Floats
    high: Floats


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
            f"The 'y_true' parameter of {owner} must hold 1 for customers who churned and 0 for the others, at least "
            "one row. Compare labels first, for example y == 'yes'."
        )
    customers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if customers is not None and customers.shape != churned.shape:
        raise ParameterError(
            f"The 'groups' parameter of {owner} must hold the customer of each of the {len(churned):,} rows. Got shape "
            f"{np.shape(groups)}."
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


def curve_of(
    rows: Scored,
    amount: Floats,
    *,
    of_all: bool,
    coverage: float,
    n_resamples: int,
    random_state: Any,
    owner: str,
) -> Curve:
    """Add up amounts from the best score down, per row or as the share of them all; the band is from drawing customers.

    Rows of one score are taken together: between them the curve is straight.
    """
    coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    check_int("n_resamples", n_resamples, owner, low=0)
    rng = check_generator("random_state", random_state, owner)
    n = len(amount)
    order = np.argsort(-rows.score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(rows.score[order])), n - 1)
    amount, customers = amount[order], (np.arange(n) if rows.customers is None else rows.customers)[order]
    n_customers = int(customers.max()) + 1

    def curve(weight: Floats | None) -> tuple[Floats, Floats]:
        taken = last + 1.0 if weight is None else np.cumsum(weight)[last]
        held = np.cumsum(amount if weight is None else weight * amount)[last]
        total = held[-1] if of_all else taken[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.append(0.0, taken / taken[-1]), np.append(0.0, held / total)

    fraction, height = curve(None)
    # Corners of the curve, among them the highest.
    kept = np.linspace(0, len(fraction) - 1, min(len(fraction), _N_POINTS)).astype(np.intp)
    kept = np.unique(np.append(kept, np.argmax(height)))
    fraction, height = fraction[kept], height[kept]
    if not n_resamples:
        return Curve(fraction, height, np.full(len(kept), np.nan), np.full(len(kept), np.nan))
    drawn = np.empty((n_resamples, len(kept)))
    for one in drawn:
        times = np.bincount(rng.integers(n_customers, size=n_customers), minlength=n_customers)
        one[:] = np.interp(fraction, *curve(times[customers].astype(np.float64)))
    low, high = np.nanquantile(drawn, [(1 - coverage) / 2, (1 + coverage) / 2], axis=0)
    return Curve(fraction, height, low, high)


def models_on(ax: Axes) -> int:
    """How many models have been drawn."""
    return sum(line.get_gid() == MODEL for line in ax.lines)


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or new ones."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]
