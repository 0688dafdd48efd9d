"""Whether as many customers churn as a model says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_int
from crmkit.metrics import expected_calibration_error, proportion
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._scored_rows import COLOURS, MODEL, PALE, Scored, check_scored, models_on, new_axes, scored_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer, ErrorbarContainer

Floats = NDArray[np.float64]


class ReliabilityDisplay:
    """Draw the share of customers who churned over the probability that was said, with intervals.

    Rows are put into groups of about equal size by their probability; groups whose bar does not reach the
    diagonal were told too much or too little. Below, how often each probability was said.

    Parameters
    ----------
    said : ndarray of float64, shape (n_groups,)
        Mean probability of each group.
    came : ndarray of float64, shape (n_groups,)
        Share that churned.
    low, high : ndarray of float64, shape (n_groups,)
        Ends of the Wilson interval.
    counts : ndarray of int64, shape (n_bars,)
        Rows by probability, in equal steps from 0 to 1.
    error : float
        `crmkit.metrics.expected_calibration_error` of as many groups.
    name : str, default="model"
        In the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : ErrorbarContainer
    bars_ : BarContainer or None
        Of the counts; None on axes that held another model already.

    See Also
    --------
    from_estimator, from_predictions : The usual ways to make one.
    sklearn.calibration.CalibrationDisplay : Without intervals and counts.
    crmkit.metrics.brier_decomposition : What the gap costs.

    Notes
    -----
    Intervals take rows as independent. With several rows of one customer they are too short: take one date.

    Examples
    --------
    >>> from crmkit.plotting import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions([0, 0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
    >>> display.said, display.came.round(2)
    (array([0.2, 0.8]), array([0.33, 0.67]))
    """

    def __init__(
        self,
        said: Floats,
        came: Floats,
        low: Floats,
        high: Floats,
        counts: NDArray[np.int64],
        error: float,
        *,
        name: str = "model",
    ) -> None:
        self.said = said
        self.came = came
        self.low = low
        self.high = high
        self.counts = counts
        self.error = error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        bins: int = 10,
        coverage: float = 0.95,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Ask a model for probabilities of rows that it has not seen, and draw.

        Parameters
        ----------
        estimator : fitted classifier of two classes
            With ``predict_proba``.
        X : Snapshots or table of n rows
        y : array of shape (n,)
            The labels that came.
        bins : int, default=10
            How many groups.
        coverage : float, default=0.95
            Of the intervals.
        name : str, default=None
            In the legend; the class of the estimator if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ReliabilityDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator says no probabilities of two classes, or y does not fit it.
        """
        rows = scored_rows(estimator, X, y, "ReliabilityDisplay.from_estimator", needs_probability=True)
        return cls._draw(rows, bins, coverage, name or type(estimator).__name__, ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        bins: int = 10,
        coverage: float = 0.95,
        name: str = "model",
        ax: Axes | None = None,
    ) -> Self:
        """Draw from outcomes and probabilities.

        Parameters
        ----------
        y_true : array of shape (n,)
            1 for customers who churned, 0 for the others.
        y_prob : array of shape (n,)
            Probabilities that they churn.
        bins : int, default=10
            How many groups.
        coverage : float, default=0.95
            Of the intervals.
        name : str, default="model"
            In the legend.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ReliabilityDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit or hold missing values, or probabilities are not from 0 to 1.
        """
        return cls._draw(check_scored(y_true, y_prob, None, "ReliabilityDisplay"), bins, coverage, name, ax)

    @classmethod
    def _draw(cls, rows: Scored, bins: int, coverage: float, name: str, ax: Axes | None) -> Self:
        n_bins = check_int("bins", bins, "ReliabilityDisplay", low=1)
        came, said = rows.churned, rows.score
        error = expected_calibration_error(came, said, bins=n_bins)
        # Equal probabilities stay together, each where the middle of its rows stands.
        level, group, count = np.unique(said, return_inverse=True, return_counts=True)
        if len(level) > n_bins:
            middle = (np.cumsum(count) - count / 2) / len(said)
            group = np.unique(
                np.minimum(middle * n_bins + 1e-9, n_bins - 1).astype(np.intp)[group], return_inverse=True
            )[1]
        size = np.bincount(group)
        shares = [
            proportion(int(k), int(n), coverage=coverage)
            for k, n in zip(np.bincount(group, weights=came), size, strict=True)
        ]
        value, low, high = np.array([(float(one), one.low, one.high) for one in shares]).T
        counts = np.histogram(said, bins=50, range=(0.0, 1.0))[0]
        return cls(np.bincount(group, weights=said) / size, value, low, high, counts, error, name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw points with bars, the diagonal, and the counts below.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None. On axes that hold another model already, this one is added.

        Returns
        -------
        ReliabilityDisplay
            Itself.
        """
        from matplotlib.ticker import PercentFormatter

        title, xlabel, ylabel = (
            "Whether as many churn as it says",
            "probability of churn that was said",
            "share that churned",
        )
        with fonts_for(title, xlabel, ylabel, self.name):
            self.ax_ = ax = new_axes(ax, (5.2, 5.0))
            self.figure_ = ax.figure
            number = models_on(ax)
            colour = COLOURS[number % len(COLOURS)]
            self.bars_: BarContainer | None = None
            if not number:
                ax.plot([0, 1], [0, 1], color=PALE, linestyle="--", linewidth=1.0, label="as it should be")
                edges = np.linspace(0, 1, len(self.counts) + 1)
                # A fifth of the height is for the counts.
                heights = 0.2 * self.counts / max(self.counts.max(), 1)
                self.bars_ = ax.bar(edges[:-1], heights, np.diff(edges), align="edge", color=PALE, alpha=0.35)
                ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1))
                for axis in (ax.xaxis, ax.yaxis):
                    axis.set_major_formatter(PercentFormatter(1.0))
            away = np.clip([self.came - self.low, self.high - self.came], 0.0, None)
            label = f"{self.name} (mean gap {self.error:.1%})"
            self.points_: ErrorbarContainer = ax.errorbar(
                self.said, self.came, away, fmt="o-", markersize=4, capsize=2, linewidth=1.2, color=colour, label=label
            )
            self.points_[0].set_gid(MODEL)
            ax.legend(frameon=False, loc="upper left")
        return self
