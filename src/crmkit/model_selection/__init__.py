"""Back-testing in time order: splits that cannot leak, honest tables of scores, and importances.

`TemporalSplit` reads as_of, customer and label window from `crmkit.events.Snapshots`, so every search
and cross-validation of scikit-learn tests on the future without ``groups=``. `backtest` gives the long
table of predictions with a naive baseline beside each score, and `permutation_importance` works for
pipelines that take snapshots, which scikit-learn's own refuses. `ConformalRegressor` puts intervals around the
predictions of any regressor; `ConformalIntervals` makes them from predictions and what came.
`RecommendationScorer` scores recommenders by what came after, `ProfitScorer` churn models by the money
that their ranking or their decisions earn.
"""

from __future__ import annotations

from crmkit.model_selection._backtest import Backtest, backtest
from crmkit.model_selection._conformal import ConformalIntervals, ConformalRegressor
from crmkit.model_selection._importance import permutation_importance
from crmkit.model_selection._profit_scoring import ProfitScorer
from crmkit.model_selection._recommendation_scoring import RecommendationScorer
from crmkit.model_selection._split import Fold, TemporalSplit, temporal_train_test_split

__all__ = [
    "Backtest",
    "ConformalIntervals",
    "ConformalRegressor",
    "Fold",
    "ProfitScorer",
    "RecommendationScorer",
    "TemporalSplit",
    "backtest",
    "permutation_importance",
    "temporal_train_test_split",
]
