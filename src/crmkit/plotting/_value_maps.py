"""Maps of what a purchase model says of any number of purchases and time of the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_int
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._purchase_models import check_purchase_model
from crmkit.value import BetaGeoBetaBinomial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

#: Columns of a map, and at most so many rows.
_CELLS = 100

_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


class _Map:
    """What the two maps share: a grid of histories, of one length, and a colour for each."""

    _title: ClassVar[str]
    _label: ClassVar[str]

    def __init__(
        self,
        frequency: NDArray[np.float64],
        recency: NDArray[np.float64],
        values: NDArray[np.float64],
        T: float,
        *,
        unit: str = "",
    ) -> None:
        self.frequency = frequency
        self.recency = recency
        self.values = values
        self.T = T
        self.unit = unit

    def plot(self, *, ax: Axes | None = None, **mesh_options: Any) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **mesh_options : object
            Passed on to ``Axes.pcolormesh``, such as ``cmap``.

        Returns
        -------
        FrequencyRecencyDisplay or AliveProbabilityDisplay
            Itself.
        """
        import matplotlib.pyplot as plt

        time = f" ({self.unit})" if self.unit else ""
        xlabel, ylabel = f"last purchase after the first{time}", "repeat purchases"
        title = f"{self._title}, {self.T:.3g} {self.unit or 'time units'} after the first"
        with fonts_for(title, xlabel, ylabel, self._label):
            if ax is None:
                _, ax = plt.subplots(figsize=(7, 4.8), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            options = {"cmap": "viridis", "shading": "nearest", "rasterized": True, **mesh_options}
            self.mesh_: QuadMesh = ax.pcolormesh(
                self.recency, self.frequency, np.ma.masked_invalid(self.values), **options
            )
            self.colorbar_ = ax.figure.colorbar(self.mesh_, ax=ax, label=self._label)
            ax.set_title(title)
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
        return self

    @classmethod
    def _draw(
        cls,
        estimator: Any,
        function: Callable[[Any], NDArray[np.float64]],
        T: Any,
        max_frequency: int | None,
        ax: Axes | None,
    ) -> Self:
        """Work out the function on the grid, and draw it."""
        seen = estimator._rows
        length = float(seen.T.max()) if T is None else estimator._length(T, "T")
        top = (
            int(seen.x.max())
            if max_frequency is None
            else check_int("max_frequency", max_frequency, cls.__name__, low=1)
        )
        frequency = np.unique(np.rint(np.linspace(0, top, min(top, _CELLS) + 1)))
        discrete = isinstance(estimator, BetaGeoBetaBinomial)
        steps = np.linspace(0, length, _CELLS + 1)
        recency = np.unique(np.rint(steps)) if discrete else steps
        x, t_x = (axis.ravel() for axis in np.meshgrid(frequency, recency, indexing="ij"))
        possible = ((x == 0) == (t_x == 0)) & ((x <= t_x) | (not discrete))
        x, t_x = x[possible], t_x[possible]
        values = np.full(len(possible), np.nan)
        values[possible] = function(estimator._histories(x, t_x, np.full(len(x), length)))
        unit = "opportunities" if discrete else _UNITS[estimator.time_unit] if estimator._on_snapshots else ""
        return cls(frequency, recency, values.reshape(len(frequency), -1), length, unit=unit).plot(ax=ax)


class FrequencyRecencyDisplay(_Map):
    """Draw expected purchases over the number of repeat purchases and the time of the last one.

    Many purchases are good, and better the later the last one was: one who bought often and then fell
    silent has left. The map is of customers observed for the same time T, and worked out for its cells,
    some 10,000, however many customers there are.

    Parameters
    ----------
    frequency : ndarray of float64, shape (n_frequencies,)
        Repeat purchases of the rows of the map.
    recency : ndarray of float64, shape (n_recencies,)
        Time from the first to the last purchase of its columns.
    values : ndarray of float64, shape (n_frequencies, n_recencies)
        Expected purchases; NaN where there is no such history.
    T : float
        Time since the first purchase, of all of them.
    unit : str, default=""
        Unit of time.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh
    colorbar_ : matplotlib Colorbar

    See Also
    --------
    from_estimator : The usual way to make one.
    AliveProbabilityDisplay : The same map of the chance to be alive.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import FrequencyRecencyDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> model = BetaGeoNBD().fit(log.snapshot("1997-10-01"))
    >>> display = FrequencyRecencyDisplay.from_estimator(model, "39W")
    >>> display.values.shape, display.values[10, [50, 100]].round(2)
    ((30, 101), array([0.23, 6.81]))
    """

    _title, _label = "Expected purchases", "expected purchases"

    def __init__(
        self,
        frequency: NDArray[np.float64],
        recency: NDArray[np.float64],
        values: NDArray[np.float64],
        T: float,
        *,
        unit: str = "",
    ) -> None:
        super().__init__(frequency, recency, values, T, unit=unit)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        horizon: Any,
        *,
        T: Any = None,
        max_frequency: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Predict for a grid of histories, and draw.

        Parameters
        ----------
        estimator : purchase model, fitted
            One with covariates shows customers whose covariates are zero.
        horizon : duration, or number for a model that was fitted on a frame
            How far ahead purchases are expected.
        T : duration or number, default=None
            Time since the first purchase; the longest of the fit if None.
        max_frequency : int, default=None
            Largest number of repeat purchases; the largest of the fit if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        FrequencyRecencyDisplay
            Drawn.
        """
        check_purchase_model(estimator, "FrequencyRecencyDisplay")
        parameters = estimator._fitted()
        length = estimator._length(horizon, "horizon")
        return cls._draw(estimator, lambda rows: estimator._expected(rows, parameters, length), T, max_frequency, ax)


class AliveProbabilityDisplay(_Map):
    """Draw the chance to be alive over the number of repeat purchases and the time of the last one.

    Parameters
    ----------
    frequency : ndarray of float64, shape (n_frequencies,)
        Repeat purchases of the rows of the map.
    recency : ndarray of float64, shape (n_recencies,)
        Time from the first to the last purchase of its columns.
    values : ndarray of float64, shape (n_frequencies, n_recencies)
        The probabilities; NaN where there is no such history.
    T : float
        Time since the first purchase, of all of them.
    unit : str, default=""
        Unit of time.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh
    colorbar_ : matplotlib Colorbar

    See Also
    --------
    from_estimator : The usual way to make one.
    FrequencyRecencyDisplay : The same map of expected purchases.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import AliveProbabilityDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> model = BetaGeoNBD().fit(log.snapshot("1997-10-01"))
    >>> display = AliveProbabilityDisplay.from_estimator(model)
    >>> display.values[10, [50, 100]].round(3)
    array([0.031, 0.935])
    """

    _title, _label = "Chance to be alive", "P(alive)"

    def __init__(
        self,
        frequency: NDArray[np.float64],
        recency: NDArray[np.float64],
        values: NDArray[np.float64],
        T: float,
        *,
        unit: str = "",
    ) -> None:
        super().__init__(frequency, recency, values, T, unit=unit)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        after: Any = 0,
        T: Any = None,
        max_frequency: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Predict for a grid of histories, and draw.

        Parameters
        ----------
        estimator : purchase model, fitted
            One with covariates shows customers whose covariates are zero.
        after : duration or number, default=0
            How much later they shall be alive.
        T : duration or number, default=None
            Time since the first purchase; the longest of the fit if None.
        max_frequency : int, default=None
            Largest number of repeat purchases; the largest of the fit if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        AliveProbabilityDisplay
            Drawn.
        """
        check_purchase_model(estimator, "AliveProbabilityDisplay")
        parameters = estimator._fitted()
        length = estimator._length(after, "after", allow_zero=True)
        return cls._draw(estimator, lambda rows: estimator._alive(rows, parameters, length), T, max_frequency, ax)
