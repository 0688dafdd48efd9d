"""What came, what was said, and what it is worth: checks that metrics, model_selection and churn share."""

from __future__ import annotations

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
    if weights.min() < 0 or not weights.sum() > 0:
        raise ParameterError(
            f"The 'sample_weight' parameter of {owner} must not be negative, and not 0 in all rows. "
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
        return check_money("value", value, owner, n=X.shape[0] if hasattr(X, "shape") else len(X), low=None)
    # Not before a column is asked for: it loads pandas and narwhals, which the metrics do without.
    from crmkit._frames import column_names, number_column, read_columns

    if hasattr(X, "columns"):
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
