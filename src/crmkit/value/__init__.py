"""Customer lifetime value: what customers will buy and bring, for how long, and how sure that is.

Purchase models for shops, where nobody says goodbye, and contract models for subscriptions; models
of spend; and the cash-flow formulas that turn payments into a value of today.
"""

from crmkit.value._beta_geo import BetaGeoNBD, ModifiedBetaGeoNBD
from crmkit.value._beta_geo_beta_binomial import BetaGeoBetaBinomial
from crmkit.value._cash_flow import (
    acquisition_cost,
    cumulative_value,
    discounted_value,
    ltv_to_cac,
    payback_periods,
    single_event_value,
)
from crmkit.value._clv import CLVEstimator
from crmkit.value._contracts import BetaDiscreteWeibull, ShiftedBetaGeometric
from crmkit.value._gamma_gamma import GammaGamma
from crmkit.value._learned import CLVRegressor, NaiveValue
from crmkit.value._pareto import ParetoNBD
from crmkit.value._posterior import Posterior
from crmkit.value._report import ValueReport, value_report

__all__ = [
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoNBD",
    "CLVEstimator",
    "CLVRegressor",
    "GammaGamma",
    "ModifiedBetaGeoNBD",
    "NaiveValue",
    "ParetoNBD",
    "Posterior",
    "ShiftedBetaGeometric",
    "ValueReport",
    "acquisition_cost",
    "cumulative_value",
    "discounted_value",
    "ltv_to_cac",
    "payback_periods",
    "single_event_value",
    "value_report",
]
