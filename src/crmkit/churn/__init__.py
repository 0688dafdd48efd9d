"""Churn: from events to a decision that pays, without seeing the future."""

from __future__ import annotations

from crmkit.churn._profit import ChurnProfit, ProfitCut

__all__ = ["ChurnProfit", "ProfitCut"]
