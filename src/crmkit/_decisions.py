"""What came, what was said, and what it is worth: checks that metrics, model_selection and churn share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_float, check_vector, parameter_error
from crmkit.exceptions import ColumnNotFoundError, ParameterError

__all__ = [
    "check_accept_rate",
    "check_campaign",
    "check_money",
    "check_outcomes",
    "check_probabilities",
    "check_weights",
    "churn_class",
    "churn_column",
    "churn_scores",
    "churners",
    "equal_groups",
    "innermost",
    "mean_accept_rate",
    "value_of_rows",
]

Floats = NDArray[np.float64]
AcceptRate = float | tuple[float, float]


def check_outcomes(values: Any, owner: str, name: str = "y_true", n: int | None = None) -> Floats:
    """Return zeros and ones as floats; there must be at least one row."""
    outcomes: Floats = check_vector(name, values, np.float64, owner, n=n)
    if not len(outcomes):
        raise ParameterError(f"The {name!r} parameter of {owner} is empty: there is nothing to judge.")
    other = (outcomes != 0) & (outcomes != 1)
    if other.any():
        raise ParameterError(
            f"The {name!r} parameter of {owner} must hold 0 and 1 alone. Got {outcomes[other.argmax()]:g} at position "
            f"{other.argmax()} instead. Compare with the class that counts first, for example y == 'Yes'."
        )
    return outcomes


def check_probabilities(values: Any, n: int, owner: str, name: str = "y_prob") -> Floats:
    """Return probabilities; what is outside [0, 1] is a score."""
    probabilities: Floats = check_vector(name, values, np.float64, owner, n=n)
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be probabilities from 0 to 1. Got "
            f"{probabilities[outside.argmax()]:g} at position {outside.argmax()} instead. Take predict_proba of a "
            "calibrated model; other scores have no level to be judged."
        )
    return probabilities


def check_weights(values: Any, n: int, owner: str) -> Floats | None:
    """Return how much each row counts, or None where all count alike."""
    if values is None:
        return None
    weights: Floats = check_vector("sample_weight", values, np.float64, owner, n=n)
    if weights.min() < 0 or not weights.any():
        raise ParameterError(
            f"The 'sample_weight' parameter of {owner} must not be negative, and not zero in all rows. "
            f"Got {weights.min():g} at position {weights.argmin()} instead."
        )
    return weights


def check_accept_rate(value: Any, owner: str) -> AcceptRate:
    """Return a rate from 0 to 1, or two parameters of a beta distribution."""
    if not isinstance(value, tuple | list):
        return check_float("accept_rate", value, owner, low=0, high=1)
    if len(value) != 2:
        raise parameter_error("accept_rate", value, "a float from 0 to 1, or a pair of floats above 0", owner)
    a, b = (check_float("accept_rate", part, owner, low=0, closed="neither") for part in value)
    return a, b


def check_money(name: str, value: Any, owner: str, *, n: int | None, low: float | None) -> float | Floats:
    """Return one amount, or one for each of `n` rows; not below `low`."""
    if np.ndim(value) == 0:
        return check_float(name, value, owner, low=low)
    amounts: Floats = check_vector(name, value, np.float64, owner, n=n)
    if low is not None and len(amounts) and amounts.min() < low:
        raise ParameterError(
            f"The {name!r} parameter of {owner} must not be below {low:g}. "
            f"Got {amounts.min():g} at position {amounts.argmin()} instead."
        )
    return amounts


def mean_accept_rate(rate: AcceptRate) -> float:
    """Return the mean share of contacted churners who stay."""
    return rate[0] / (rate[0] + rate[1]) if isinstance(rate, tuple | list) else rate


def check_campaign(campaign: Any, owner: str) -> None:
    """Check value, incentive, contact and accept_rate, wherever they stand."""
    if not isinstance(campaign.value, str):
        check_money("value", campaign.value, owner, n=None, low=None)
    for name in ("incentive", "contact"):
        amount = getattr(campaign, name)
        if np.ndim(amount):
            raise parameter_error(name, amount, "a float", owner)
        check_money(name, amount, owner, n=None, low=0)
    check_accept_rate(campaign.accept_rate, owner)


def value_of_rows(value: Any, X: Any, owner: str) -> float | Floats:
    """Return what the customer of each row is worth: a number for all, or one for each row of X."""
    if not isinstance(value, str):
        return check_money("value", value, owner, n=_n_rows(X) if np.ndim(value) else None, low=None)
    # Not before a column is asked for: it loads pandas and narwhals, which the metrics do without.
    from crmkit._frames import column_names, number_column, read_columns

    if hasattr(X, "columns") or _is_dict(X):
        frame, hint = X, ""
    elif hasattr(X, "attributes"):
        frame, hint = X.attributes(), " Customer columns come from EventLog.with_attributes."
    else:
        hint = "Pass X as a frame that has this column, or as snapshots whose attributes have it."
        raise ParameterError(f"The 'value' parameter of {owner} names a column, but X is a {type(X).__name__}. {hint}")
    if value not in column_names(frame):
        raise ColumnNotFoundError(f"{ColumnNotFoundError.from_name('value', value, column_names(frame))}{hint}")
    amounts = number_column(read_columns(frame, [("value", value)])[value], "value")
    bad = ~np.isfinite(amounts)
    if bad.any():
        raise ParameterError(
            f"The column {value!r}, the 'value' parameter of {owner}, is missing or infinite in {int(bad.sum()):,} of "
            f"{len(amounts):,} rows; the first is row {int(bad.argmax())}. Fill it in, such as with the mean of the "
            "known values, or leave these rows out."
        )
    return amounts


def _n_rows(X: Any) -> int:
    if _is_dict(X):
        X = next(iter(X.values()), ())
    return int(X.shape[0] if hasattr(X, "shape") else len(X))


def _is_dict(X: Any) -> bool:
    # One of the sparse matrices is a mapping.
    return isinstance(X, Mapping) and not hasattr(X, "shape")


def innermost(estimator: Any) -> Any:
    """Return the model inside fitted searches and at the end of pipelines."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        steps = getattr(estimator, "steps", None)
        if inner is None and isinstance(steps, list):
            inner = steps[-1][1]
        if inner is None or hasattr(estimator, "pos_label_"):
            return estimator
        estimator = inner


def churn_column(classes: Any, estimator: Any, pos_label: Any = None) -> int | None:
    """Return which of two classes means churn, or None where nobody says so.

    That is what the caller says, else the ``pos_label_`` of the model, else 1 or True beside a lower number.
    """
    found = np.asarray(classes)
    label = getattr(innermost(estimator), "pos_label_", None) if pos_label is None else pos_label
    if label is None:
        return 1 if found.dtype.kind in "biuf" and found[1] == 1 else None
    # numpy finds no text equal to a number, but says so with a warning.
    same = [isinstance(one, str) == isinstance(label, str) and bool(one == label) for one in found.tolist()]
    return same.index(True) if True in same else None


def churn_class(estimator: Any, owner: str, pos_label: Any = None) -> tuple[int, Any]:
    """Return which of the two classes of a fitted classifier means churn, and its label."""
    classes, name = getattr(estimator, "classes_", None), type(estimator).__name__
    if classes is None or len(classes) != 2:
        raise ParameterError(
            f"{owner} takes fitted classifiers of two classes. Got {name} with "
            f"{'no' if classes is None else len(classes)} classes instead. Where the training rows of a fold hold one "
            "class only, take fewer or later folds."
        )
    column = churn_column(classes, estimator, pos_label)
    if column is None:
        labels = np.asarray(classes).tolist()
        raise ParameterError(
            f"{owner} does not know which of the labels {labels} of {name} means churn: "
            f"{'it is said nowhere' if pos_label is None else f'pos_label={pos_label!r} is none of them'}. "
            f"Pass pos_label={labels[0]!r} or pos_label={labels[1]!r}."
        )
    return column, classes[column]


def churners(estimator: Any, y: Any, column: int, owner: str) -> NDArray[np.bool_]:
    """Return whose label in y means churn; labels that the model does not know are refused."""
    labels, classes = np.asarray(y), estimator.classes_
    churned = np.asarray(labels == classes[column])
    known = churned | np.asarray(labels == classes[1 - column])
    if labels.ndim != 1 or not known.all():
        raise ParameterError(
            f"The 'y' parameter of {owner} must hold the labels that {type(estimator).__name__} was fitted on, "
            f"{np.asarray(classes).tolist()}, one for each row. Got {int((~known).sum()):,} others."
        )
    return churned


def churn_scores(estimator: Any, X: Any, column: int) -> Floats:
    """Return probabilities of churn, or decisions that are higher for who churns."""
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X), dtype=np.float64)[:, column]
    return np.asarray(estimator.decision_function(X), dtype=np.float64) * (1 if column else -1)


def equal_groups(values: Floats, weight: Floats, bins: int) -> NDArray[np.intp]:
    """Return the group of each row: about equally much weight in each, and equal values never parted."""
    level, group = np.unique(values, return_inverse=True)
    if len(level) > bins:
        held = np.bincount(group, weights=weight)
        # Each value goes where the middle of its rows stands.
        middle = (np.cumsum(held) - held / 2) / held.sum()
        group = np.minimum((bins * middle + 1e-9).astype(np.intp), bins - 1)[group]
    return np.unique(group, return_inverse=True)[1]
