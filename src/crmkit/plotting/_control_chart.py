"""A control chart: its statistic between its limits, and the points that signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]

# Blue and orange are told apart by colour-blind readers, and by their lightness in print.
_STATISTIC, _ALARM, _POINTS = "#0072b2", "#d55e00", "#9e9e9e"
_LABELS = {1: "alarm: too high", -1: "alarm: too low"}


class ControlChartDisplay:
    """Draw the statistic of a control chart between its limits, and mark the points that signal.

    Of a `CUSUMChart` both sums are drawn, the downward one below zero. Of an `EWMAChart` the points
    themselves stand behind the statistic. Limits of shares and rates have a step for each point, since
    each has its own size; where there is no observation the lines have a gap.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Dates or numbers, ascending.
    statistics : dict of str to ndarray of float64, shape (n,)
        What is charted, by the names of the legend.
    lower, upper : ndarray of float64, shape (n,)
        The limits.
    signals : ndarray of int64, shape (n,)
        -1, 0 or 1 for each point.
    target : float
        Where the statistics stand in control.
    points : ndarray of float64, shape (n,), default=None
        The points themselves, in the unit of the statistic.
    name : str, default="control chart"
        The title.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The statistics by their names; ``lower``, ``upper`` and ``target``; ``points``, if there are.
    alarms_ : dict of int to Line2D
        The marks of the points that signal 1 and -1, as far as there are.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.plotting import ControlChartDisplay
    >>> from crmkit.smoothing import EWMAChart
    >>> weeks = [51, 48, 50, 52, 49, 50, 51, 47, 50, 52, 52, 54, 51, 53, 52, 54, 50, 53]
    >>> display = ControlChartDisplay.from_estimator(EWMAChart(target=50, sigma=2).fit(weeks), weeks)
    >>> display.alarms_[1].get_xdata()
    array([15, 17])
    """

    def __init__(
        self,
        time: NDArray[Any],
        statistics: dict[str, Floats],
        lower: Floats,
        upper: Floats,
        signals: NDArray[np.int64],
        target: float,
        *,
        points: Floats | None = None,
        name: str = "control chart",
    ) -> None:
        self.time = time
        self.statistics = statistics
        self.lower = lower
        self.upper = upper
        self.signals = signals
        self.target = target
        self.points = points
        self.name = name

    @classmethod
    def from_estimator(cls, chart: Any, X: Any, *, name: str | None = None, ax: Axes | None = None) -> Self:
        """Chart some points, and draw them.

        Parameters
        ----------
        chart : EWMAChart, CUSUMChart, PChart or UChart
            Fitted.
        X : points
            As the chart takes them. A pandas index of dates, periods or numbers gives the places; other
            points are counted from 0.
        name : str, default=None
            The title; the class of the chart if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ControlChartDisplay
            Drawn.
        """
        if isinstance(chart, type) or not hasattr(chart, "_course"):
            raise ParameterError(
                "The 'chart' parameter of ControlChartDisplay must be an EWMAChart, CUSUMChart, PChart or UChart. Got "
                f"{type(chart).__name__} instead."
            )
        points, course = chart._course(X)
        display = cls(
            _places(points.index, len(course.statistic)),
            course.lines,
            course.lower,
            course.upper,
            course.signals,
            course.centre,
            points=course.behind,
            name=type(chart).__name__ if name is None else name,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the chart.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ControlChartDisplay
            Itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.dates import ConciseDateFormatter

        with fonts_for(self.name, *self.statistics, *_LABELS.values()):
            if ax is None:
                _, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            self.lines_: dict[str, Line2D] = {}
            if self.points is not None:
                self._draw("points", self.points, color=_POINTS, marker=".", linestyle="none", label="points")
            for number, (label, values) in enumerate(self.statistics.items()):
                dash, dot = "-" if number == 0 else "-.", "." if self.points is None else None
                self._draw(label, values, color=_STATISTIC, linestyle=dash, marker=dot, label=label)
            edge: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.0, "drawstyle": "steps-mid"}
            self._draw("lower", self.lower, label="limits", **edge)
            self._draw("upper", self.upper, **edge)
            self.lines_["target"] = ax.axhline(self.target, color="black", linewidth=0.8, zorder=1)
            self._mark()
            if self.time.dtype.kind == "M":
                ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
            ax.set_title(self.name)
            ax.legend(frameon=False)
        return self

    def _draw(self, key: str, values: Floats, **style: Any) -> None:
        self.lines_[key] = self.ax_.plot(self.time, values, **style)[0]

    def _mark(self) -> None:
        """Mark each point that signals, on the statistic that lies beyond the limit."""
        self.alarms_: dict[int, Line2D] = {}
        stack = np.array(list(self.statistics.values()))
        for sign, label in _LABELS.items():
            there = self.signals == sign
            if there.any():
                heights = (stack.max(axis=0) if sign > 0 else stack.min(axis=0))[there]
                style: dict[str, Any] = {"marker": "^" if sign > 0 else "v", "linestyle": "none", "zorder": 4}
                self.alarms_[sign] = self.ax_.plot(self.time[there], heights, color=_ALARM, label=label, **style)[0]


def _places(index: pd.Index[Any] | None, n: int) -> NDArray[Any]:
    """Return dates or numbers of an index, and positions where it has none."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index.tz_localize(None).to_numpy()
    if index is not None and index.dtype.kind in "iuf":
        return index.to_numpy()
    return np.arange(n)
