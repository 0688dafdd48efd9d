"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import numpy as np

from crmkit.events import EventLog
from crmkit.smoothing._cusum_chart import CUSUMChart
from crmkit.smoothing._ema import EMASmoother
from crmkit.smoothing._ewma_chart import EWMAChart
from crmkit.smoothing._moving_average import MovingAverageSmoother


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    _exponential()
    _windows()
    _charts()


def _exponential() -> None:
    row = np.arange(20)
    frame = {"customer": row % 3, "time": np.datetime64("2024-01-01", "us") + row.astype("m8[D]"), "value": row + 1.0}
    X = EventLog.from_frame(frame, customer="customer", time="time", value="value").snapshot()
    for adjust in (False, True):
        EMASmoother(halflife="7D", adjust=adjust).fit(X).transform(X)
        EMASmoother(alpha="auto", adjust=adjust).fit(X).transform(X)
    gaps = np.where(row % 7 == 3, np.nan, row).reshape(4, 5)
    for values in (gaps, gaps.astype(np.float32)):
        complete = np.nan_to_num(values)
        for table in (values, complete, np.asfortranarray(values), np.asfortranarray(complete)):
            EMASmoother(alpha="auto").fit_transform(table)
        EMASmoother().update(values)
        for adjust in (False, True):
            EMASmoother(adjust=adjust).transform_groups(values.ravel(), row // 5)


def _windows() -> None:
    for statistic in ("mean", "median"):  # the kernels of the mean are those of the others, too
        MovingAverageSmoother(3, statistic=statistic).fit_transform(np.ones((2, 5)))


def _charts() -> None:
    for chart in (EWMAChart(target=0, sigma=1), CUSUMChart(target=0, sigma=1)):
        chart.fit([]).predict([0.5, 4.0])
