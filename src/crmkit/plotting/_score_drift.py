"""How the scores of a model wander over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_vector, parameter_error
from crmkit.churn import DriftReport
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._scored_rows import COLOURS, GREY, churn_column, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

Floats = NDArray[np.float64]

_OWNER = "ScoreDriftDisplay"

#: Ends of the bands, from the outside in, and the median.
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


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
    psi : ndarray of float64, shape (n_dates,)
        0 for the first.
    cutoff : ndarray of float64, shape (n_dates,)
        NaN for the first.
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
    def from_estimator(cls, estimator: Any, X: Snapshots, *, ax: Axes | None = None) -> Self:
        """Score rows of several dates, and draw.

        Parameters
        ----------
        estimator : fitted classifier of two classes, or regressor
            Scores are the probability of churn, the decision function, or the predictions.
        X : Snapshots of n rows
            Of at least two dates.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ScoreDriftDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X are not Snapshots of several dates, or the estimator has no scores that are numbers.
        """
        if not isinstance(X, Snapshots):
            hint = "Scores that are stored are drawn by from_predictions."
            raise parameter_error("X", X, "Snapshots of several dates", _OWNER, hint)
        label = "score"
        if hasattr(estimator, "predict_proba"):
            column, label = churn_column(estimator, _OWNER), "probability of churn"
            said = np.asarray(estimator.predict_proba(X))[:, column]
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
        label : str, default="score"
            What the scores are.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ScoreDriftDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays do not fit, or there are not two dates with scores.
        """
        said = check_vector("y_score", y_score, np.float64, _OWNER, finite=False)
        times = np.asarray(as_of, dtype="M8[us]")
        dates = np.unique(times[np.isfinite(said)]) if times.shape == said.shape else times[:0]
        if len(dates) < 2:
            raise ParameterError(
                f"The 'as_of' parameter of {_OWNER} must hold the date of each of the {len(said):,} scores, at least "
                f"two different ones. Got shape {times.shape} with {len(dates)}."
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
