"""What is earned, and who is found, by contacting more and more of the customers with the highest scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._decisions import churn_class, innermost
from crmkit._validation import check_float, check_generator, check_int, check_option
from crmkit.churn import ChurnProfit
from crmkit.exceptions import ParameterError
from crmkit.plotting._axes import COLOURS, GREY, PALE, new_axes
from crmkit.plotting._churn_rows import MODEL, Scored, check_scored, models_on, scored_rows
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import FillBetweenPolyCollection
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]

#: Points of a curve; more are not seen.
_N_POINTS = 401

_POINT: dict[str, Any] = {"marker": "o", "linestyle": "none", "zorder": 4, "clip_on": False}


class ProfitCurveDisplay:
    """Draw the money that a retention campaign earns over the share of the customers it contacts.

    The point is what the model's own decision earns; the ring is the best that could have been done in its order,
    which nobody knows beforehand. Contacting everybody and nobody are lines across.

    Parameters
    ----------
    fraction, profit : ndarray of float64, shape (n_points,)
        Shares of the customers contacted, from 0 to 1, and money per customer, contacted or not.
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
        pos_label: Any = None,
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
        pos_label : object, default=None
            The label that means churn. None: that of the estimator; where it has none, 1 or True.
        name : str, default=None
            In the legend; the class of the estimator if None.
        coverage, n_resamples, random_state : default=0.95, 200, 0
            Of the band, from drawing customers with all their rows; 0 resamples draw none.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ProfitCurveDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator is no classifier of two classes, nothing says which of them means churn, or y does not
            fit it.
        """
        owner = "ProfitCurveDisplay.from_estimator"
        rows = scored_rows(estimator, X, y, owner, pos_label=pos_label)
        if profit is None:
            profit = getattr(innermost(estimator), "profit", None) or ChurnProfit()
        value = profit.values(X)
        if np.ndim(value) and hasattr(estimator, "predict_proba"):
            rows = rows._replace(score=profit.expected_profit(rows.score, value))
        contacted = np.asarray(estimator.predict(X)) == churn_class(estimator, owner, pos_label)[1]
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
        name, coverage, n_resamples, random_state, ax
            As in `from_estimator`.

        Returns
        -------
        ProfitCurveDisplay
            Drawn; without a point, as there is no decision.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or the value of `profit` is the name of a column.
        """
        owner = "ProfitCurveDisplay.from_predictions"
        rows = check_scored(y_true, y_score, groups, owner)
        profit = ChurnProfit() if profit is None else profit
        if isinstance(profit.value, str):
            raise ParameterError(
                f"The value of 'profit' of {owner} names a column. Pass ChurnProfit with an array of values instead."
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


class GainDisplay:
    """Draw the share of the churners found, or the lift, over the share of the customers contacted.

    Parameters
    ----------
    fraction, gain : ndarray of float64, shape (n_points,)
        Shares of the customers, highest scores first, and of all churners that are among them.
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
        pos_label: Any = None,
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
        pos_label : object, default=None
            The label that means churn. None: that of the estimator; where it has none, 1 or True.
        name : str, default=None
            In the legend; the class of the estimator if None.
        coverage, n_resamples, random_state : default=0.95, 200, 0
            Of the band, from drawing customers with all their rows; 0 resamples draw none.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        GainDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator is no classifier of two classes, nothing says which of them means churn, or y does not
            fit it or holds no churner.
        """
        owner = "GainDisplay.from_estimator"
        options: dict[str, Any] = {"coverage": coverage, "n_resamples": n_resamples, "random_state": random_state}
        rows = scored_rows(estimator, X, y, owner, pos_label=pos_label)
        return cls._draw(rows, name or type(estimator).__name__, options, owner, kind, ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        groups: Any = None,
        kind: Literal["gain", "lift"] = "gain",
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
        groups : array of shape (n,), default=None
            The customer of each row; every row is another one if None.
        kind, name, coverage, n_resamples, random_state, ax
            As in `from_estimator`.

        Returns
        -------
        GainDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or nobody churned.
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


class Curve(NamedTuple):
    """A curve over shares of the rows from 0 to 1, and its interval."""

    fraction: Floats
    height: Floats
    low: Floats
    high: Floats


def curve_of(
    rows: Scored,
    amount: Floats,
    *,
    of_all: bool,
    coverage: float,
    n_resamples: int,
    random_state: Any,
    owner: str,
) -> Curve:
    """Add up amounts from the best score down, per row or as a share of all; the band is from drawing customers."""
    coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    check_int("n_resamples", n_resamples, owner, low=0)
    rng = check_generator("random_state", random_state, owner)
    order = np.argsort(-rows.score, kind="stable")
    amount, customers = amount[order], (np.arange(len(order)) if rows.customers is None else rows.customers)[order]
    last = np.append(np.flatnonzero(np.diff(rows.score[order])), len(order) - 1)
    # Corners of the curve, among them the highest and the end.
    kept = np.linspace(0, len(last) - 1, min(len(last), _N_POINTS)).astype(np.intp)
    last = last[np.unique(np.append(kept, np.argmax(np.cumsum(amount)[last])))]
    starts = np.append(0, last[:-1] + 1)

    def curve(weight: Floats) -> tuple[Floats, Floats]:
        taken, held = (np.append(0.0, np.cumsum(np.add.reduceat(one, starts))) for one in (weight, weight * amount))
        with np.errstate(invalid="ignore"):
            return taken / taken[-1], held / (held if of_all else taken)[-1]

    fraction, height = curve(np.ones(len(order)))
    n = int(customers.max()) + 1
    drawn = np.full((max(n_resamples, 1), len(fraction)), np.nan)
    for one in drawn[:n_resamples]:
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        one[:] = np.interp(fraction, *curve(times[customers].astype(np.float64)))
    # A sample without a churner has no share of them.
    drawn = drawn if np.isnan(drawn).all() else drawn[~np.isnan(drawn).any(axis=1)]
    low, high = np.quantile(drawn, [(1 - coverage) / 2, (1 + coverage) / 2], axis=0)
    return Curve(fraction, height, low, high)
