"""How many of the churners are among the customers with the highest scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_option
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._scored_rows import (
    COLOURS,
    MODEL,
    PALE,
    Scored,
    check_scored,
    curve_of,
    models_on,
    new_axes,
    scored_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import FillBetweenPolyCollection
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]


class GainDisplay:
    """Draw the share of the churners found, or the lift, over the share of the customers contacted.

    Parameters
    ----------
    fraction : ndarray of float64, shape (n_points,)
        Shares of the customers, highest scores first, from 0 to 1.
    gain : ndarray of float64, shape (n_points,)
        Shares of all churners that are among them.
    low, high : ndarray of float64, shape (n_points,)
        Ends of the interval; NaN where there is none.
    base_rate : float
        Share of churners among all: perfect scores find them in as large a share of the customers.
    name : str, default="model"
        In the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        ``curve``, and on axes that were empty ``random`` and ``perfect``.
    band_ : PolyCollection or None

    See Also
    --------
    from_estimator, from_predictions : The usual ways to make one.
    ProfitCurveDisplay : The same in money.
    crmkit.metrics.gain_curve, crmkit.metrics.lift : The figures.

    Examples
    --------
    >>> from crmkit.plotting import GainDisplay
    >>> display = GainDisplay.from_predictions([1, 0, 1, 0], [0.9, 0.4, 0.4, 0.1])
    >>> display.fraction, display.gain
    (array([0.  , 0.25, 0.75, 1.  ]), array([0. , 0.5, 1. , 1. ]))
    """

    def __init__(
        self, fraction: Floats, gain: Floats, low: Floats, high: Floats, *, base_rate: float, name: str = "model"
    ) -> None:
        self.fraction = fraction
        self.gain = gain
        self.low = low
        self.high = high
        self.base_rate = base_rate
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        kind: Literal["gain", "lift"] = "gain",
        name: str | None = None,
        coverage: float = 0.95,
        n_resamples: int = 200,
        random_state: int | np.random.Generator | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Score rows that the model has not seen, and draw.

        Parameters
        ----------
        estimator : fitted classifier of two classes
        X : Snapshots or table of n rows
        y : array of shape (n,)
            The labels that came.
        kind : {"gain", "lift"}, default="gain"
            What is drawn.
        name : str, default=None
            In the legend; the class of the estimator if None.
        coverage : float, default=0.95
            Of the band, from drawing customers with all their rows.
        n_resamples : int, default=200
            How often; 0 draws no band.
        random_state : int, Generator or None, default=0
            By which customers are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        GainDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator is no classifier of two classes, or y does not fit it or holds no churner.
        """
        owner = "GainDisplay.from_estimator"
        options: dict[str, Any] = {"coverage": coverage, "n_resamples": n_resamples, "random_state": random_state}
        rows = scored_rows(estimator, X, y, owner)
        return cls._draw(rows, name or type(estimator).__name__, options, owner, kind, ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        kind: Literal["gain", "lift"] = "gain",
        groups: Any = None,
        name: str = "model",
        coverage: float = 0.95,
        n_resamples: int = 200,
        random_state: int | np.random.Generator | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Draw from outcomes and scores.

        Parameters
        ----------
        y_true : array of shape (n,)
            1 for customers who churned, 0 for the others.
        y_score : array of shape (n,)
            Higher for those to be contacted first.
        kind : {"gain", "lift"}, default="gain"
            What is drawn.
        groups : array of shape (n,), default=None
            The customer of each row; every row is another one if None.
        name : str, default="model"
            In the legend.
        coverage : float, default=0.95
            Of the band, from drawing customers with all their rows.
        n_resamples : int, default=200
            How often; 0 draws no band.
        random_state : int, Generator or None, default=0
            By which customers are drawn.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        GainDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit or hold missing values, or nobody churned.
        """
        owner = "GainDisplay.from_predictions"
        options: dict[str, Any] = {"coverage": coverage, "n_resamples": n_resamples, "random_state": random_state}
        return cls._draw(check_scored(y_true, y_score, groups, owner), name, options, owner, kind, ax)

    @classmethod
    def _draw(cls, rows: Scored, name: str, options: dict[str, Any], owner: str, kind: Any, ax: Axes | None) -> Self:
        if not rows.churned.any():
            raise ParameterError(f"{owner} draws the share of the churners found, and nobody churned. Take more rows.")
        check_option("kind", kind, {"gain", "lift"}, owner)
        curve = curve_of(rows, rows.churned, of_all=True, **options, owner=owner)
        return cls(*curve, base_rate=float(rows.churned.mean()), name=name).plot(kind=kind, ax=ax)

    def plot(self, *, kind: Literal["gain", "lift"] = "gain", ax: Axes | None = None) -> Self:
        """Draw the curve, its band, and what scores at random and perfect ones would find.

        Parameters
        ----------
        kind : {"gain", "lift"}, default="gain"
            The share of the churners found; or how many times as many churners as at random.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None. On axes that hold a curve already, this one is added.

        Returns
        -------
        GainDisplay
            Itself.
        """
        from matplotlib.ticker import PercentFormatter

        of_lift = check_option("kind", kind, {"gain", "lift"}, "GainDisplay.plot") == "lift"
        title = "How concentrated churners are" if of_lift else "How many churners are found"
        xlabel, ylabel = "customers, highest score first", "lift" if of_lift else "share of all churners"
        # Nobody has no lift; and a share of nearly nobody an unsteady one.
        shown = self.fraction >= (0.01 if of_lift else 0.0)
        x = self.fraction[shown]
        heights = [one[shown] / x if of_lift else one for one in (self.gain, self.low, self.high)]
        with fonts_for(title, xlabel, ylabel, self.name):
            self.ax_ = ax = new_axes(ax, (5.6, 4.6))
            self.figure_ = ax.figure
            number = models_on(ax)
            colour = COLOURS[number % len(COLOURS)]
            label = f"{self.name} (lift at 10 %: {np.interp(0.1, self.fraction, self.gain) / 0.1:.2f})"
            self.lines_: dict[str, Line2D] = {"curve": ax.plot(x, heights[0], color=colour, label=label, gid=MODEL)[0]}
            self.band_: FillBetweenPolyCollection | None = None
            if np.isfinite(self.low).all():
                self.band_ = ax.fill_between(x, heights[1], heights[2], color=colour, alpha=0.18, linewidth=0)
            if not number:
                self._references(of_lift=of_lift)
                ax.xaxis.set_major_formatter(PercentFormatter(1.0))
                if not of_lift:
                    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
                ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(0, 1))
                ax.set_ylim(bottom=0)
            ax.legend(edgecolor="none", framealpha=0.8, loc="upper right" if of_lift else "lower right")
        return self

    def _references(self, *, of_lift: bool) -> None:
        x = np.unique(np.append(np.linspace(0.01 if of_lift else 0.0, 1, 100), self.base_rate))
        found = {"random": x, "perfect": np.minimum(x / self.base_rate, 1.0)}
        for (name, gain), dash in zip(found.items(), ("--", ":"), strict=True):
            style: dict[str, Any] = {"color": PALE, "linewidth": 1.0, "linestyle": dash, "zorder": 1}
            self.lines_[name] = self.ax_.plot(x, gain / x if of_lift else gain, label=name, **style)[0]
