"""Pictures: one Display class for each question, in scikit-learn's manner.

A Display is made from an estimator, a splitter or a result, holds what it draws as arrays, and keeps
the artists it drew as ``ax_`` and ``figure_``, so that they can be changed. matplotlib, the extra
``plot``, is imported when something is drawn and not before.
"""

from __future__ import annotations

from crmkit.plotting._churn_contributions import ContributionDisplay
from crmkit.plotting._churn_curves import GainDisplay, ProfitCurveDisplay
from crmkit.plotting._churn_scores import ReliabilityDisplay, ScoreDriftDisplay
from crmkit.plotting._cohorts import CohortDisplay
from crmkit.plotting._control_chart import ControlChartDisplay
from crmkit.plotting._fonts import fonts_for, has_glyphs
from crmkit.plotting._ranking import RankingDisplay
from crmkit.plotting._retention import RetentionCurveDisplay
from crmkit.plotting._surveys import DriverDisplay, GapDisplay, IndexDisplay, LikertDisplay
from crmkit.plotting._temporal_split import TemporalSplitDisplay
from crmkit.plotting._value_concentration import ValueConcentrationDisplay
from crmkit.plotting._value_frequency import CalibrationByFrequencyDisplay, PurchaseCountDisplay
from crmkit.plotting._value_heterogeneity import HeterogeneityDisplay
from crmkit.plotting._value_history import AliveHistoryDisplay
from crmkit.plotting._value_maps import AliveProbabilityDisplay, FrequencyRecencyDisplay
from crmkit.plotting._value_tracking import TrackingDisplay

__all__ = [
    "AliveHistoryDisplay",
    "AliveProbabilityDisplay",
    "CalibrationByFrequencyDisplay",
    "CohortDisplay",
    "ContributionDisplay",
    "ControlChartDisplay",
    "DriverDisplay",
    "FrequencyRecencyDisplay",
    "GainDisplay",
    "GapDisplay",
    "HeterogeneityDisplay",
    "IndexDisplay",
    "LikertDisplay",
    "ProfitCurveDisplay",
    "PurchaseCountDisplay",
    "RankingDisplay",
    "ReliabilityDisplay",
    "RetentionCurveDisplay",
    "ScoreDriftDisplay",
    "TemporalSplitDisplay",
    "TrackingDisplay",
    "ValueConcentrationDisplay",
    "fonts_for",
    "has_glyphs",
]
