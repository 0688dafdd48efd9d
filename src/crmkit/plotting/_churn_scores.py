"""Whether what a churn model says holds, and goes on to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._decisions import churn_class, churn_scores, equal_groups
from crmkit._validation import check_int, check_vector, parameter_error
from crmkit.churn import DriftReport
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.metrics import expected_calibration_error, proportion
from crmkit.plotting._axes import COLOURS, GREY, PALE, new_axes
from crmkit.plotting._churn_rows import MODEL, Scored, check_scored, models_on, scored_rows
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer, ErrorbarContainer
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]

#: Ends of the bands, from the outside in, and the median.
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


class ReliabilityDisplay:
    """Draw the share of customers who churned over the probability that was said, with intervals.

    Groups of about equal size, by their probability: where the bar does not reach the diagonal, too much or too
    little was said. Below, how often each probability was said.

    Parameters
    ----------
    said, came : ndarray of float64, shape (n_groups,)
        Mean probability of each group, and share that churned.
    low, high : ndarray of float64, shape (n_groups,)
        Ends of the Wilson interval of the share.
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
        pos_label: Any = None,
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
        pos_label : object, default=None
            The label that means churn. None: that of the estimator; where it has none, 1 or True.
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
            If the estimator says no probabilities of two classes, nothing says which of them means churn, or y does
            not fit it.
        """
        owner = "ReliabilityDisplay.from_estimator"
        rows = scored_rows(estimator, X, y, owner, pos_label=pos_label, needs_probability=True)
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
        bins, coverage, name, ax
            As in `from_estimator`.

        Returns
        -------
        ReliabilityDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or probabilities are not from 0 to 1.
        """
        return cls._draw(check_scored(y_true, y_prob, None, "ReliabilityDisplay"), bins, coverage, name, ax)

    @classmethod
    def _draw(cls, rows: Scored, bins: int, coverage: float, name: str, ax: Axes | None) -> Self:
        n_bins = check_int("bins", bins, "ReliabilityDisplay", low=1)
        came, said = rows.churned, rows.score
        error = expected_calibration_error(came, said, bins=n_bins)
        group = equal_groups(said, np.ones(len(said)), n_bins)
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


class ScoreDriftDisplay:
    """Draw the scores of each as_of, and how far they have moved from those of the first.

    Above, the median and the bands that hold half and nine tenths of the scores. Below, the population
    stability index against the first as_of; bars above the line, what chance alone stays below in 95 % of
    such comparisons, have another colour.

    Parameters
    ----------
    as_of : ndarray of datetime64, shape (n_dates,)
        Ascending.
    quantiles : ndarray of float64, shape (5, n_dates)
        5 %, 25 %, 50 %, 75 % and 95 % of the scores.
    psi, cutoff : ndarray of float64, shape (n_dates,)
        0 and NaN for the first.
    label : str, default="score"
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Empty: it holds the other two.
    figure_ : matplotlib Figure
    score_ax_, psi_ax_ : matplotlib Axes
        Above and below.
    median_ : Line2D
    bars_ : BarContainer

    See Also
    --------
    from_estimator, from_predictions : The usual ways to make one.
    crmkit.churn.drift_over_time : The figures below, of features too.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.plotting import ScoreDriftDisplay
    >>> rng = np.random.default_rng(0)
    >>> as_of = np.repeat(np.array(["2026-01-01", "2026-02-01", "2026-03-01"], dtype="M8[D]"), 500)
    >>> score = rng.beta(2, 6, 1500) + 0.05 * (as_of == as_of[-1])
    >>> display = ScoreDriftDisplay.from_predictions(as_of, score)
    >>> display.psi.round(3), display.cutoff.round(3)
    (array([0.   , 0.048, 0.243]), array([  nan, 0.068, 0.068]))
    """

    def __init__(
        self, as_of: NDArray[Any], quantiles: Floats, psi: Floats, cutoff: Floats, *, label: str = "score"
    ) -> None:
        self.as_of = as_of
        self.quantiles = quantiles
        self.psi = psi
        self.cutoff = cutoff
        self.label = label

    @classmethod
    def from_estimator(cls, estimator: Any, X: Snapshots, *, pos_label: Any = None, ax: Axes | None = None) -> Self:
        """Score rows of several dates, and draw.

        Parameters
        ----------
        estimator : fitted classifier of two classes, or regressor
            Scores are the probability of churn, the decision function, or the predictions.
        X : Snapshots of n rows
            Of at least two dates.
        pos_label : object, default=None
            The label that means churn. None: that of the estimator; where it has none, 1 or True.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ScoreDriftDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X are not Snapshots of several dates, nothing says which of two classes means churn, or the estimator
            has no scores that are numbers.
        """
        if not isinstance(X, Snapshots):
            hint = "Scores that are stored are drawn by from_predictions."
            raise parameter_error("X", X, "Snapshots of several dates", "ScoreDriftDisplay", hint)
        label = "score"
        if hasattr(estimator, "predict_proba"):
            label = "probability of churn"
            said = churn_scores(estimator, X, churn_class(estimator, "ScoreDriftDisplay", pos_label)[0])
        else:
            said = (estimator.decision_function if hasattr(estimator, "decision_function") else estimator.predict)(X)
        return cls.from_predictions(X.as_of, said, label=label, ax=ax)

    @classmethod
    def from_predictions(cls, as_of: Any, y_score: Any, *, label: str = "score", ax: Axes | None = None) -> Self:
        """Draw from scores that were computed before.

        Parameters
        ----------
        as_of : array of shape (n,)
            The date of each score; at least two different ones.
        y_score : array of shape (n,)
            Scores; NaN where there is none. Those of one date are to be of different customers.
        label, ax
            What the scores are; where to draw.

        Returns
        -------
        ScoreDriftDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or there are not two dates with scores.
        """
        said = check_vector("y_score", y_score, np.float64, "ScoreDriftDisplay", finite=False)
        times = np.asarray(as_of, dtype="M8[us]")
        dates = np.unique(times[np.isfinite(said)]) if times.shape == said.shape else times[:0]
        if len(dates) < 2:
            raise ParameterError(
                f"The 'as_of' parameter of ScoreDriftDisplay must hold the date of each of the {len(said):,} scores, "
                f"at least two different ones. Got shape {times.shape} with {len(dates)}."
            )
        each = [{"score": said[times == date]} for date in dates]
        tables = [DriftReport.from_tables(each[0], one, scores=("score",)).table for one in each[1:]]
        psi, cutoff = (np.array([table[name][0] for table in tables]) for name in ("psi", "cutoff"))
        quantiles = np.array([np.nanquantile(one["score"], _LEVELS) for one in each]).T
        return cls(dates, quantiles, np.append(0.0, psi), np.append(np.nan, cutoff), label=label).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw scores and their moves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None. It is divided in two.

        Returns
        -------
        ScoreDriftDisplay
            Itself.
        """
        from matplotlib.dates import ConciseDateFormatter

        title, ylabel = "Whether scores are what they were", "PSI against first"
        with fonts_for(title, self.label, ylabel):
            self.ax_ = ax = new_axes(ax, (7.2, 5.0))
            self.figure_ = ax.figure
            ax.set_axis_off()
            self.score_ax_ = top = ax.inset_axes((0.0, 0.38, 1.0, 0.62))
            self.psi_ax_ = below = ax.inset_axes((0.0, 0.0, 1.0, 0.32), sharex=top)
            for outer, strength in ((0, 0.15), (1, 0.25)):
                ends = self.quantiles[outer], self.quantiles[-1 - outer]
                label = ("90 % of customers", "50 %")[outer]
                top.fill_between(self.as_of, *ends, color=COLOURS[0], alpha=strength, linewidth=0, label=label)
            self.median_: Line2D = top.plot(self.as_of, self.quantiles[2], color=COLOURS[0], label="median")[0]
            top.legend(edgecolor="none", framealpha=0.8, fontsize="small")
            top.set(title=title, ylabel=self.label)
            top.tick_params(axis="x", labelbottom=False)
            width = 0.6 * np.diff(self.as_of).min()
            colours = [COLOURS[int(psi > cutoff)] for psi, cutoff in zip(self.psi, self.cutoff, strict=True)]
            self.bars_: BarContainer = below.bar(self.as_of, self.psi, width, color=colours)
            below.plot(self.as_of, self.cutoff, color=GREY, linestyle="--", linewidth=1.0, label="by chance")
            below.legend(edgecolor="none", framealpha=0.8, fontsize="small")
            below.set_ylabel(ylabel)
            below.xaxis.set_major_formatter(ConciseDateFormatter(below.xaxis.get_major_locator()))
        return self
