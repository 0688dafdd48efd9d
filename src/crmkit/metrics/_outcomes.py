"""Checks that the metrics of zeros and ones share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_vector
from crmkit.exceptions import ParameterError

__all__ = ["check_outcomes", "check_probabilities", "check_weights"]

Floats = NDArray[np.float64]


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
