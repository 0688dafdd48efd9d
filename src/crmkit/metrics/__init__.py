"""Arrays in, number out; and how sure the number is.

Functions here return floats, as scorers need them. `estimate` turns any such function, of crmkit,
of scikit-learn or of your own, into an `Estimate`: the figure with an interval that knows that the
rows of one customer belong together. Scores are judged by `lift` and `normalised_gini`, in money by
`expected_maximum_profit_churn` and `profit_curve`; probabilities by `brier_decomposition` and
`expected_calibration_error`; decisions, group by group, by `subgroup_table`. Lists of recommended items are
judged by `ndcg_at_k` and its siblings, and by what they show: `catalogue_coverage`, `intra_list_diversity`,
`novelty`, `popularity_bias`. Forecasts are judged by `weighted_absolute_percentage_error`,
`mean_absolute_scaled_error` and `forecast_bias`, their quantiles and intervals by `pinball_loss` and
`interval_coverage`; `population_stability_index` says whether what a model sees has changed. Nothing here loads
scikit-learn.
"""

from __future__ import annotations

from crmkit.metrics._calibration import BrierDecomposition, brier_decomposition, expected_calibration_error
from crmkit.metrics._estimate import Estimate
from crmkit.metrics._forecast import (
    forecast_bias,
    interval_coverage,
    mean_absolute_scaled_error,
    naive_scale,
    pinball_loss,
    weighted_absolute_percentage_error,
)
from crmkit.metrics._profit import (
    ProfitCurve,
    expected_maximum_profit_churn,
    expected_target_fraction,
    maximum_profit_churn,
    profit_curve,
)
from crmkit.metrics._proportion import proportion
from crmkit.metrics._ranking import GainCurve, gain_curve, lift, normalised_gini
from crmkit.metrics._recommendation import (
    hit_rate_at_k,
    map_at_k,
    mrr_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)
from crmkit.metrics._recommendation_variety import (
    catalogue_coverage,
    exposure_gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
)
from crmkit.metrics._resampling import estimate
from crmkit.metrics._stability import population_stability_index, stability_cutoff
from crmkit.metrics._subgroups import subgroup_table

__all__ = [
    "BrierDecomposition",
    "Estimate",
    "GainCurve",
    "ProfitCurve",
    "brier_decomposition",
    "catalogue_coverage",
    "estimate",
    "expected_calibration_error",
    "expected_maximum_profit_churn",
    "expected_target_fraction",
    "exposure_gini",
    "forecast_bias",
    "gain_curve",
    "hit_rate_at_k",
    "interval_coverage",
    "intra_list_diversity",
    "lift",
    "map_at_k",
    "maximum_profit_churn",
    "mean_absolute_scaled_error",
    "mrr_at_k",
    "naive_scale",
    "ndcg_at_k",
    "normalised_gini",
    "novelty",
    "pinball_loss",
    "popularity_bias",
    "population_stability_index",
    "precision_at_k",
    "profit_curve",
    "proportion",
    "recall_at_k",
    "stability_cutoff",
    "subgroup_table",
    "weighted_absolute_percentage_error",
]
