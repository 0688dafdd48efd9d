"""Retention by age, with its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crmkit.cohorts import retention_curve
from crmkit.events import EventLog
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D


class RetentionCurveDisplay:
    """Draw the share of customers who buy at each age, and the band in which it may lie.

    It begins at age 1: at age 0 everybody buys. Several displays can share one Axes: give each a name.

    Parameters
    ----------
    age : ndarray of int, shape (n_ages,)
        Periods since the first purchase.
    value, low, high : ndarray of float64, shape (n_ages,)
        The shares, and the ends of their intervals.
    n : ndarray of int, shape (n_ages,)
        How many customers each rests on.
    by : {"week", "month", "quarter", "year"}, default="month"
        What a period is.
    name : str or None, default=None
        What the legend calls the line; no legend if None.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
    band_ : matplotlib PolyCollection

    See Also
    --------
    from_log : The usual way to make one.
    crmkit.cohorts.retention_curve : The same as a frame.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import RetentionCurveDisplay
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> display = RetentionCurveDisplay.from_log(log)
    >>> display.line_.get_ydata()[:4].round(3)
    array([0.146, 0.123, 0.095, 0.087])
    """

    def __init__(
        self,
        age: NDArray[np.int64],
        value: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        n: NDArray[np.int64],
        *,
        by: Literal["week", "month", "quarter", "year"] = "month",
        name: str | None = None,
    ) -> None:
        self.age = age
        self.value = value
        self.low = low
        self.high = high
        self.n = n
        self.by = by
        self.name = name

    @classmethod
    def from_log(
        cls,
        log: EventLog,
        by: Literal["week", "month", "quarter", "year"] = "month",
        kinds: Any = None,
        *,
        coverage: float = 0.95,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Count, and draw.

        Parameters
        ----------
        log : EventLog
        by : {"week", "month", "quarter", "year"}, default="month"
            Calendar periods.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.
        coverage : float, default=0.95
            Share of such intervals that hold the true share.
        name : str or None, default=None
            What the legend calls the line.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        RetentionCurveDisplay
            Drawn.
        """
        curve = retention_curve(log, by, kinds, coverage=coverage)
        value, low, high, n = (np.asarray(curve[column]) for column in ("value", "low", "high", "n"))
        return cls(np.arange(len(n)), value, low, high, n, by=by, name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None, **line_options: Any) -> Self:
        """Draw the curve and its band.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **line_options : object
            Passed on to ``Axes.plot``, such as ``color``.

        Returns
        -------
        RetentionCurveDisplay
            Itself.
        """
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        title, xlabel, ylabel = "Share of customers who buy, by age", f"{self.by}s since the first purchase", "share"
        with fonts_for(title, xlabel, ylabel, self.name or ""):
            if ax is None:
                import matplotlib.pyplot as plt

                _, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            options = {"marker": "o", "markersize": 3.5, "label": self.name, **line_options}
            later = self.age > 0
            line: Line2D = ax.plot(self.age[later], self.value[later], **options)[0]
            self.line_ = line
            self.band_: PolyCollection = ax.fill_between(
                self.age[later], self.low[later], self.high[later], color=line.get_color(), alpha=0.2, linewidth=0
            )
            # The scale begins at nothing, without a margin below it.
            self.band_.sticky_edges.y.append(0.0)
            ax.update_datalim([(1.0, 0.0)])
            ax.autoscale_view()
            ax.yaxis.set_major_formatter(PercentFormatter(1.0))
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
            ax.set_title(title)
            if self.name is not None:
                ax.legend(frameon=False)
        return self
