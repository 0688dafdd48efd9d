"""What a retention campaign earns, by how many customers it contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit.churn import ChurnProfit
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._scored_rows import (
    COLOURS,
    GREY,
    MODEL,
    PALE,
    Scored,
    check_scored,
    churn_column,
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


_POINT: dict[str, Any] = {"marker": "o", "linestyle": "none", "zorder": 4, "clip_on": False}


class ProfitCurveDisplay:
    """Draw the money that a retention campaign earns over the share of the customers it contacts.

    Customers are contacted in the order of the model, and their outcome is known. The point is what the model's
    own decision earns; the ring is the best that could have been done in this order, which nobody knows
    beforehand. Contacting everybody and nobody are lines across.

    Parameters
    ----------
    fraction : ndarray of float64, shape (n_points,)
        Shares of the customers contacted, from 0 to 1.
    profit : ndarray of float64, shape (n_points,)
        Money per customer, contacted or not.
    low, high : ndarray of float64, shape (n_points,)
        Ends of the interval; NaN where there is none.
    chosen : (float, float), default=None
        Share contacted by the decision, and what it earns per customer.
    n : int, default=None
        Rows, for the total in the legend.
    name : str, default="model"
        In the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        ``curve``, ``decision`` and ``best``; ``everybody``, ``nobody`` and ``random`` on axes that were empty.
    band_ : PolyCollection or None

    See Also
    --------
    from_estimator, from_predictions : The usual ways to make one.
    crmkit.metrics.profit_curve : The figures.

    Examples
    --------
    >>> from crmkit.churn import ChurnProfit
    >>> from crmkit.plotting import ProfitCurveDisplay
    >>> churned, score = [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
    >>> display = ProfitCurveDisplay.from_predictions(churned, score, profit=ChurnProfit(value=100))
    >>> float(display.profit.max()), float(display.fraction[display.profit.argmax()])
    (8.875, 0.875)
    """

    def __init__(
        self,
        fraction: Floats,
        profit: Floats,
        low: Floats,
        high: Floats,
        *,
        chosen: tuple[float, float] | None = None,
        n: int | None = None,
        name: str = "model",
    ) -> None:
        self.fraction = fraction
        self.profit = profit
        self.low = low
        self.high = high
        self.chosen = chosen
        self.n = n
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        profit: ChurnProfit | None = None,
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
            Such as `ChurnClassifier`. Where customers differ in value and it knows probabilities, they are
            contacted in the order of the profit to be expected. Its ``predict`` is the decision.
        X : Snapshots or table of n rows
        y : array of shape (n,)
            The labels that came.
        profit : ChurnProfit, default=None
            The money; that of the estimator if None, and ``ChurnProfit()`` if it has none.
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
        ProfitCurveDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator is no classifier of two classes, y does not fit it, or values are missing.
        """
        owner = "ProfitCurveDisplay.from_estimator"
        rows = scored_rows(estimator, X, y, owner)
        if profit is None:
            profit = getattr(estimator, "profit", None) or ChurnProfit()
        value = profit.values(X)
        if np.ndim(value) and hasattr(estimator, "predict_proba"):
            rows = rows._replace(score=profit.expected_profit(rows.score, value))
        contacted = np.asarray(estimator.predict(X)) == estimator.classes_[churn_column(estimator, owner)]
        earned = profit.expected_profit(rows.churned, value)
        chosen = float(contacted.mean()), float((earned * contacted).mean())
        options: dict[str, Any] = {"coverage": coverage, "n_resamples": n_resamples, "random_state": random_state}
        return cls._draw(rows, earned, chosen, name or type(estimator).__name__, options, owner, ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        profit: ChurnProfit | None = None,
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
        profit : ChurnProfit, default=None
            The money, with one value for all or one for each row; ``ChurnProfit()`` if None.
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
        ProfitCurveDisplay
            Drawn; without a point, as there is no decision.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or hold missing values, or the value of `profit` is the name of a column.
        """
        owner = "ProfitCurveDisplay.from_predictions"
        rows = check_scored(y_true, y_score, groups, owner)
        profit = ChurnProfit() if profit is None else profit
        if isinstance(profit.value, str):
            raise ParameterError(
                f"The value of 'profit' of {owner} names a column, and there are no columns. Pass ChurnProfit with an "
                "array of values, one for each row."
            )
        earned = profit.expected_profit(rows.churned, profit.value)
        options: dict[str, Any] = {"coverage": coverage, "n_resamples": n_resamples, "random_state": random_state}
        return cls._draw(rows, earned, None, name, options, owner, ax)

    @classmethod
    def _draw(
        cls,
        rows: Scored,
        earned: Floats,
        chosen: tuple[float, float] | None,
        name: str,
        options: dict[str, Any],
        owner: str,
        ax: Axes | None,
    ) -> Self:
        curve = curve_of(rows, earned, of_all=False, **options, owner=owner)
        return cls(*curve, chosen=chosen, n=len(earned), name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the curve, its band, the decision, and the plain campaigns beside it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None. On axes that hold a curve already, this one is added.

        Returns
        -------
        ProfitCurveDisplay
            Itself.
        """
        from matplotlib.ticker import PercentFormatter

        title, xlabel, ylabel = (
            "What a campaign earns",
            "customers contacted, highest score first",
            "profit per customer",
        )
        with fonts_for(title, xlabel, ylabel, self.name):
            self.ax_ = ax = new_axes(ax, (6.8, 4.4))
            self.figure_ = ax.figure
            self.lines_: dict[str, Line2D] = {}
            number = models_on(ax)
            colour = COLOURS[number % len(COLOURS)]
            self.lines_["curve"] = ax.plot(self.fraction, self.profit, color=colour, label=self.name, gid=MODEL)[0]
            self.band_: FillBetweenPolyCollection | None = None
            if np.isfinite(self.low).all():
                self.band_ = ax.fill_between(self.fraction, self.low, self.high, color=colour, alpha=0.18, linewidth=0)
            best = int(np.argmax(self.profit))
            points: dict[str, Any] = {} if self.chosen is None else {"decision": self.chosen}
            points["best in hindsight"] = self.fraction[best], self.profit[best]
            for what, (share, money) in points.items():
                own = {"markersize": 8, "markerfacecolor": colour, "markeredgecolor": "black"}
                ring = {"markersize": 12, "markerfacecolor": "none", "markeredgecolor": GREY}
                label = f"{what}: {share:.0%}, {self._money(money)}"
                style = _POINT | (own if what == "decision" else ring)
                self.lines_[what.split(" ")[0]] = ax.plot([share], [money], label=label, **style)[0]
            if not number:
                self._plain(self.profit[-1])
                ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(0, 1))
                ax.xaxis.set_major_formatter(PercentFormatter(1.0))
            ax.legend(edgecolor="none", framealpha=0.8, fontsize="small")
        return self

    def _plain(self, everybody: float) -> None:
        """Draw the campaigns that need no model."""
        style: dict[str, Any] = {"color": PALE, "linewidth": 1.0, "zorder": 1}
        label = f"everybody: {self._money(everybody)}"
        self.lines_["everybody"] = self.ax_.axhline(everybody, linestyle="--", label=label, **style)
        self.lines_["random"] = self.ax_.plot([0, 1], [0, everybody], linestyle=":", label="at random", **style)[0]
        self.lines_["nobody"] = self.ax_.axhline(0.0, label="nobody", **style)

    def _money(self, money: float) -> str:
        """What is earned per customer, and of all of them."""
        return f"{money:,.2f}" if self.n is None else f"{money:,.2f} ({money * self.n:,.0f} in all)"
