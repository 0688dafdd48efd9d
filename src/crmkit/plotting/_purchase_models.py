"""What the pictures of purchase models ask of their estimator."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from crmkit.exceptions import ParameterError
from crmkit.value import (
    BetaDiscreteWeibull,
    BetaGeoBetaBinomial,
    BetaGeoNBD,
    CLVEstimator,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeometric,
)


def check_purchase_model(estimator: Any, owner: str) -> None:
    """Refuse what is not a fitted model of purchases.

    Parameters
    ----------
    estimator : object
    owner : str
        Name of the display, for the error.
    """
    if not isinstance(estimator, BetaGeoNBD | ModifiedBetaGeoNBD | ParetoNBD | BetaGeoBetaBinomial):
        hint = ""
        if isinstance(estimator, CLVEstimator):
            hint = " Pass its purchase_model_."
        elif isinstance(estimator, ShiftedBetaGeometric | BetaDiscreteWeibull):
            hint = " Contracts have no purchases to draw: see HeterogeneityDisplay."
        what = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
        raise ParameterError(
            f"The 'estimator' parameter of {owner} must be a fitted purchase model, such as BetaGeoNBD. Got {what} "
            f"instead.{hint}"
        )
    check_is_fitted(estimator, "loglik_")
