"""Repeat purchases over time: those that happened and those that a model expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS, duration_name, to_microseconds
from crmkit._validation import check_option
from crmkit.events import Snapshots, purchases
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._purchase_models import check_purchase_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_TITLES = {"incremental": "Repeat purchases per {step}", "cumulative": "Repeat purchases so far"}


class TrackingDisplay:
    """Draw the repeat purchases of a group of customers over time, beside those that a model expects.

    What a model expects here are its *unconditional* expectations: from each customer's first purchase
    on, whatever came after it. So the picture shows whether the model knows the course of buying, both
    where it learnt and, behind the dashed line, where it did not.

    Parameters
    ----------
    end : ndarray of datetime64[us], shape (n_steps,)
        End of each stretch of time.
    actual : ndarray of int, shape (n_steps,)
        Repeat purchases in it.
    expected : ndarray of float64, shape (n_steps,)
        Those that the model expects.
    learnt_until : numpy.datetime64
        What came later the model has not seen.
    step : str, default="7D"
        Length of a stretch, for the labels.
    name : str, default="model"
        Name of the model in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The lines ``actual`` and ``expected``, and the vertical ``learnt_until``.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import TrackingDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> display = TrackingDisplay.from_estimator(BetaGeoNBD().fit(today), today)
    >>> display.actual[19:25], display.expected[19:25].round(1)
    (array([73, 55, 70, 33, 56, 99]), array([76.9, 74.9, 73. , 71.3, 69.7, 68.2]))
    """

    def __init__(
        self,
        end: NDArray[np.datetime64],
        actual: NDArray[np.int64],
        expected: NDArray[np.float64],
        learnt_until: np.datetime64,
        *,
        step: str = "7D",
        name: str = "model",
    ) -> None:
        self.end = end
        self.actual = actual
        self.expected = expected
        self.learnt_until = learnt_until
        self.step = step
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Snapshots,
        *,
        step: Any = "7D",
        kind: Literal["incremental", "cumulative"] = "incremental",
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Count and expect the repeat purchases of the customers of some rows, and draw them.

        Parameters
        ----------
        estimator : purchase model
            Fitted on snapshots, without covariates.
        X : Snapshots of n rows
            Whose customers are followed, as far as they have a purchase: from the first purchase of all
            to the end of the log. With later customers than those of the fit their own start counts.
        step : duration, default="7D"
            Length of the stretches, the first of which begins with the first day of all. For
            `BetaGeoBetaBinomial` a multiple of its period, beginning after the first period of all.
        kind : {"incremental", "cumulative"}, default="incremental"
            Purchases of each stretch, or all up to its end.
        name : str, default=None
            Name of the model in the legend; that of its class if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        TrackingDisplay
            Drawn.
        """
        check_option("kind", kind, set(_TITLES), "TrackingDisplay.from_estimator")
        check_purchase_model(estimator, "TrackingDisplay")
        if not isinstance(X, Snapshots):
            raise ParameterError(
                f"The 'X' parameter of TrackingDisplay must be Snapshots, whose log goes on. Got {type(X).__name__} "
                "instead."
            )
        if any(getattr(estimator, f"{part}_covariates", ()) for part in ("purchase", "dropout")):
            raise ParameterError(
                "TrackingDisplay follows a group of customers by the expectation of a new one, which a model with "
                "covariates does not have. Fit one without, or compare sums of expected_purchases(X, horizon)."
            )
        length = to_microseconds(step, "step")
        collapse = estimator._wanted().collapse
        births, counts = _births(X, collapse)
        # A first purchase is at some time of its day: as in the papers, age counts from the day's beginning.
        births = births - TIME_UNITS[collapse] if isinstance(collapse, str) else births
        ends = np.arange(births[0] + length, X.log.observed_until.astype(np.int64) + 1, length)
        actual = np.diff([0, *(_repeats(X, end, collapse) for end in ends.view("M8[us]"))])
        expected = np.diff(_expected(estimator, births, counts, ends), prepend=0.0)
        learnt_until = estimator.fitted_on_[1][1] if estimator.fitted_on_ else X.as_of.max()
        name = type(estimator).__name__ if name is None else name
        display = cls(ends.view("M8[us]"), actual, expected, learnt_until, step=duration_name(length), name=name)
        return display.plot(kind=kind, ax=ax)

    def plot(self, *, kind: Literal["incremental", "cumulative"] = "incremental", ax: Axes | None = None) -> Self:
        """Draw both courses.

        Parameters
        ----------
        kind : {"incremental", "cumulative"}, default="incremental"
            Purchases of each stretch, or all up to its end.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        TrackingDisplay
            Itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.dates import ConciseDateFormatter

        check_option("kind", kind, set(_TITLES), "TrackingDisplay.plot")
        title, ylabel = _TITLES[kind].format(step=self.step), "repeat purchases"
        with fonts_for(title, ylabel, self.name):
            if ax is None:
                _, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            drawn = [np.cumsum(part) if kind == "cumulative" else part for part in (self.actual, self.expected)]
            self.lines_: dict[str, Line2D] = {}
            self.lines_["actual"] = ax.plot(self.end, drawn[0], color="#4d4d4d", label="actual")[0]
            self.lines_["expected"] = ax.plot(self.end, drawn[1], color="#d55e00", label=self.name)[0]
            self.lines_["learnt_until"] = ax.axvline(
                self.learnt_until,  # type: ignore[arg-type] # matplotlib's types know no dates
                color="black",
                linestyle="--",
                linewidth=1.0,
                label="learnt until",
            )
            ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
            ax.set_ylim(bottom=0)
            ax.set_ylabel(ylabel)
            ax.set_title(title)
            ax.legend(frameon=False)
        return self


def _births(X: Snapshots, collapse: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct ends of the period of the first purchase, in microseconds, and how many customers have each."""
    _, first = np.unique(X.codes, return_index=True)
    rows = X[first]
    found = purchases(rows, collapse)
    bought = found.periods > 0
    if not bought.any():
        raise ParameterError("TrackingDisplay follows customers from their first purchase on, and X has none with one.")
    return np.unique(rows.as_of_us[bought] - found.age[bought].astype(np.int64), return_counts=True)


def _repeats(X: Snapshots, end: np.datetime64, collapse: Any) -> int:
    """Repeat purchases of the customers of X before an instant."""
    periods = purchases(X.log.snapshot(end, customers=np.unique(X.customer_id)), collapse).periods
    return int((periods - 1.0).sum())


def _expected(
    estimator: Any, births: NDArray[np.int64], counts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Expected repeat purchases until each end: one expectation for each distinct age, not for each customer."""
    ages = np.maximum(ends[:, None] - births, 0)
    distinct, place = np.unique(ages, return_inverse=True)
    new = [0.0 if age == 0 else estimator.new_customer_purchases(np.timedelta64(age, "us")) for age in distinct]
    return np.array(new)[place.reshape(ages.shape)] @ counts
