"""Customers by how often they have bought: what came later, and how many there are of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_int, check_vector
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._purchase_models import check_purchase_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

#: Customers are put into so many groups of similar length of observation where it differs for all of them.
_MOST_LENGTHS = 400


class CalibrationByFrequencyDisplay:
    """Draw the mean number of later purchases of customers who have bought as often, beside the expected one.

    The model sees what happened up to the as_of of the rows; what it expects is held against what
    followed.

    Parameters
    ----------
    frequency : ndarray of int, shape (n_groups,)
        Repeat purchases; the last group has as many or more.
    n : ndarray of int, shape (n_groups,)
        Customers in each group.
    actual, expected : ndarray of float64, shape (n_groups,)
        Mean number of later purchases; NaN in a group without customers.
    name : str, default="model"
        Name of the model in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The lines ``actual`` and ``expected``.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import CalibrationByFrequencyDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01", horizon="39W")
    >>> display = CalibrationByFrequencyDisplay.from_estimator(BetaGeoNBD().fit(today), today)
    >>> display.actual.round(2)
    array([0.24, 0.7 , 1.39, 1.56, 2.53, 2.95, 3.86, 6.36])
    >>> display.expected.round(2)
    array([0.23, 0.52, 1.04, 1.52, 2.16, 2.65, 3.5 , 6.16])
    """

    def __init__(
        self,
        frequency: NDArray[np.int64],
        n: NDArray[np.int64],
        actual: NDArray[np.float64],
        expected: NDArray[np.float64],
        *,
        name: str = "model",
    ) -> None:
        self.frequency = frequency
        self.n = n
        self.actual = actual
        self.expected = expected
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        horizon: Any = None,
        max_frequency: int = 7,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Predict, compare and draw.

        Parameters
        ----------
        estimator : purchase model, fitted
        X : Snapshots with a horizon, or frame or array, as in `fit`
        y : array of n numbers, default=None
            Purchases that followed in the horizon; ``X.future_purchases()`` if None.
        horizon : duration, or number for a frame, default=None
            How long `y` looks ahead; the horizon of the rows if None.
        max_frequency : int, default=7
            Customers with as many repeat purchases or more are one group.
        name : str, default=None
            Name of the model in the legend; that of its class if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        CalibrationByFrequencyDisplay
            Drawn.
        """
        owner = "CalibrationByFrequencyDisplay.from_estimator"
        check_purchase_model(estimator, "CalibrationByFrequencyDisplay")
        top = check_int("max_frequency", max_frequency, owner, low=1)
        on_snapshots = isinstance(X, Snapshots)
        if (y is None or horizon is None) and (not on_snapshots or X.horizon is None):
            raise ParameterError(
                f"{owner} compares with what followed: pass Snapshots with a horizon, or both y and horizon."
            )
        later = X.future_purchases() if y is None else y
        later = check_vector("y", later, np.float64, owner, n=len(X))
        expected = estimator.expected_purchases(X, X.horizon if horizon is None else horizon)
        bought = np.isfinite(expected)  # a row without any purchase has no expectation
        frequency = np.minimum(estimator._read_rows(X)[0].x, top).astype(np.int64)
        n = np.bincount(frequency, minlength=top + 1)
        with np.errstate(invalid="ignore"):
            means = [np.bincount(frequency, weights=v[bought], minlength=top + 1) / n for v in (later, expected)]
        name = type(estimator).__name__ if name is None else name
        return cls(np.arange(top + 1), n, *means, name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw both means of each group.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        CalibrationByFrequencyDisplay
            Itself.
        """
        title, xlabel, ylabel = "Later purchases by repeat purchases so far", "repeat purchases so far", "mean later"
        with fonts_for(title, xlabel, ylabel, self.name):
            ax = _axes(ax)
            self.ax_, self.figure_ = ax, ax.figure
            options: dict[str, Any] = {"marker": "o", "markersize": 4.5}
            self.lines_: dict[str, Line2D] = {
                "actual": ax.plot(self.frequency, self.actual, color="#4d4d4d", label="actual", **options)[0],
                "expected": ax.plot(self.frequency, self.expected, color="#d55e00", label=self.name, **options)[0],
            }
            _count_ticks(ax, self.frequency)
            ax.set_ylim(bottom=0)
            _write(ax, title, xlabel, ylabel)
        return self


class PurchaseCountDisplay:
    """Draw how many customers have bought how often, beside the number that the model expects.

    Both are of the customers of the fit: the picture shows whether the model can take the shape of the
    data at all. It says nothing of later times.

    Parameters
    ----------
    count : ndarray of int, shape (n_counts,)
        Repeat purchases; the last has as many or more.
    actual, expected : ndarray of float64, shape (n_counts,)
        Numbers of customers.
    name : str, default="model"
        Name of the model in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of str to BarContainer
        The bars ``actual`` and ``expected``.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import PurchaseCountDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> display = PurchaseCountDisplay.from_estimator(BetaGeoNBD().fit(log.snapshot("1997-10-01")))
    >>> display.actual[:4], display.expected[:4].round()
    (array([1411.,  439.,  214.,  100.]), array([1408.,  460.,  192.,  101.]))
    """

    def __init__(
        self,
        count: NDArray[np.int64],
        actual: NDArray[np.float64],
        expected: NDArray[np.float64],
        *,
        name: str = "model",
    ) -> None:
        self.count = count
        self.actual = actual
        self.expected = expected
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, max_count: int = 7, name: str | None = None, ax: Axes | None = None
    ) -> Self:
        """Add up the probabilities of the customers of the fit, and draw.

        Parameters
        ----------
        estimator : purchase model, fitted without covariates
        max_count : int, default=7
            As many repeat purchases or more are one bar.
        name : str, default=None
            Name of the model in the legend; that of its class if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        PurchaseCountDisplay
            Drawn. With more than 400 different lengths of observation, similar ones are taken as one.
        """
        check_purchase_model(estimator, "PurchaseCountDisplay")
        top = check_int("max_count", max_count, "PurchaseCountDisplay.from_estimator", low=1)
        parameters, rows = estimator._fitted(), estimator._rows
        lengths, weights = _lengths(rows.T, rows.weight)
        expected = np.zeros(top + 1)
        for length, weight in zip(lengths.tolist(), weights.tolist(), strict=True):
            new = estimator._new_customer()
            for count in range(top):
                if length > 0:
                    expected[count] += weight * estimator._count_probability(new, parameters, count, length)[0]
                else:
                    expected[count] += weight * (count == 0)
        expected[top] = max(rows.n_customers - expected.sum(), 0.0)
        counts = np.minimum(rows.x, top).astype(np.int64)
        actual = np.bincount(counts, weights=rows.weight, minlength=top + 1).astype(np.float64)
        name = type(estimator).__name__ if name is None else name
        return cls(np.arange(top + 1), actual, expected, name=name).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the bars side by side.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        PurchaseCountDisplay
            Itself.
        """
        title, xlabel, ylabel = "Customers by repeat purchases", "repeat purchases", "customers"
        with fonts_for(title, xlabel, ylabel, self.name):
            ax = _axes(ax)
            self.ax_, self.figure_ = ax, ax.figure
            self.bars_: dict[str, BarContainer] = {
                "actual": ax.bar(self.count - 0.2, self.actual, width=0.4, color="#4d4d4d", label="actual"),
                "expected": ax.bar(self.count + 0.2, self.expected, width=0.4, color="#d55e00", label=self.name),
            }
            _count_ticks(ax, self.count)
            _write(ax, title, xlabel, ylabel)
        return self


def _lengths(T: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct lengths of observation and the customers of each; means of similar ones if they are many."""
    lengths, place = np.unique(T, return_inverse=True)
    if len(lengths) > _MOST_LENGTHS:
        place = np.searchsorted(np.linspace(lengths[0], lengths[-1], _MOST_LENGTHS + 1)[1:-1], T, side="right")
    weights = np.bincount(place, weights=weight).astype(np.float64)
    kept = weights > 0
    return np.bincount(place, weights=weight * T)[kept] / weights[kept], weights[kept]


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7, 4.2), layout="constrained")[1]


def _count_ticks(ax: Axes, counts: NDArray[np.int64]) -> None:
    """Write whole numbers below, the last as one or more."""
    shown = counts if len(counts) <= 20 else counts[:: -(-len(counts) // 20)]
    ax.set_xticks(shown, [f"{count}+" if count == counts[-1] else str(count) for count in shown])


def _write(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.legend(frameon=False)
