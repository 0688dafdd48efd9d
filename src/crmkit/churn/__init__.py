"""Churn: from events to a decision that pays, without seeing the future.

`ChurnClassifier` says who will leave, by Snapshots of a log or by a table, with calibrated probabilities, and
whom it pays to contact; `ChurnProfit` holds what that costs and earns, and `ProfitCut` where it stops to pay.
`Calibration` says on which rows probabilities were calibrated. `DriftReport` and `drift_over_time` say whether
customers and scores still look as they did.
"""

from __future__ import annotations

from crmkit.churn._calibration import Calibration
from crmkit.churn._churn_classifier import ChurnClassifier
from crmkit.churn._drift import DriftReport, drift_over_time
from crmkit.churn._profit import ChurnProfit, ProfitCut

__all__ = ["Calibration", "ChurnClassifier", "ChurnProfit", "DriftReport", "ProfitCut", "drift_over_time"]
