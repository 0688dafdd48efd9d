"""Smoothing: moving averages of signals, and charts that raise an alarm when a signal has moved.

A series is a row: `EMASmoother` and `MovingAverageSmoother` take tables of many series and give tables
of the same shape, at the speed at which memory is read. Control charts take one signal, learn from a
period in which all was well, and say when it no longer is.
"""

from __future__ import annotations

from crmkit.smoothing._cusum_chart import CUSUMChart
from crmkit.smoothing._ema import EMASmoother
from crmkit.smoothing._ewma_chart import EWMAChart
from crmkit.smoothing._moving_average import MovingAverageSmoother
from crmkit.smoothing._rate_charts import PChart, UChart

__all__ = ["CUSUMChart", "EMASmoother", "EWMAChart", "MovingAverageSmoother", "PChart", "UChart"]
