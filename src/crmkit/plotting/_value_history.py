"""The chance that one customer is still one, from the first purchase to the end of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS, to_microseconds
from crmkit.events import EventLog, purchases
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.plotting._purchase_models import check_purchase_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D


class AliveHistoryDisplay:
    """Draw how the chance that a customer is still one fell and rose with the purchases.

    At each instant the model sees what had happened by then, with the parameters that it has now. What
    it would have said with the parameters of that time takes a fit for each.

    Parameters
    ----------
    as_of : ndarray of datetime64[us], shape (n_instants,)
        Instants, from the day after the first purchase on.
    probability : ndarray of float64, shape (n_instants,)
        Chance to be alive at each.
    purchase : ndarray of datetime64[us], shape (n_purchases,)
        Days of the purchases, the first included.
    customer : object, default=None
        The id, for the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        The chance.
    purchases_ : matplotlib LineCollection
        The days of the purchases.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import AliveHistoryDisplay
    >>> from crmkit.value import ParetoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> model = ParetoNBD().fit(log.snapshot("1997-10-01"))
    >>> display = AliveHistoryDisplay.from_estimator(model, log, 4)
    >>> len(display.purchase), display.probability[[0, 100, -1]].round(2)
    (4, array([1.  , 0.56, 0.63]))
    """

    def __init__(
        self,
        as_of: NDArray[np.datetime64],
        probability: NDArray[np.float64],
        purchase: NDArray[np.datetime64],
        *,
        customer: Any = None,
    ) -> None:
        self.as_of = as_of
        self.probability = probability
        self.purchase = purchase
        self.customer = customer

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        log: EventLog,
        customer: Any,
        *,
        step: Any = None,
        ax: Axes | None = None,
    ) -> Self:
        """Look at one customer at many instants, and draw.

        Parameters
        ----------
        estimator : purchase model, fitted on snapshots
        log : EventLog
            Drawn to its end.
        customer : object
            The customer's id.
        step : duration, default=None
            Time between instants; a day if None, or the period of `BetaGeoBetaBinomial`.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        AliveHistoryDisplay
            Drawn.
        """
        check_purchase_model(estimator, "AliveHistoryDisplay")
        if not isinstance(log, EventLog):
            raise ParameterError(
                f"The 'log' parameter of AliveHistoryDisplay must be an EventLog. Got {type(log).__name__} instead."
            )
        collapse = estimator._wanted().collapse
        period = TIME_UNITS[collapse] if isinstance(collapse, str) else int(collapse)
        length = period if step is None else to_microseconds(step, "step")
        alone = log.customer(customer)
        seen = purchases(alone.snapshot(), collapse)
        if len(seen.periods) == 0 or seen.periods[0] == 0:
            raise ParameterError(f"Customer {customer!r} has no purchase, so nothing can be said of being alive.")
        end = log.observed_until.astype("M8[us]").astype(np.int64)
        # Counted back from the end, as periods are.
        as_of = np.arange(end, end - int(seen.age[0]) - 1, -length)[::-1].view("M8[us]")
        probability = estimator.alive_probability(alone.snapshots(as_of))
        # The number of purchases rises by one at the end of each day that has one.
        days = np.arange(end, end - int(seen.age[0]) - 1, -period)[::-1].view("M8[us]")
        bought = np.diff(purchases(alone.snapshots(days), collapse).periods, prepend=0.0) > 0
        purchase = (days[bought].astype(np.int64) - period).view("M8[us]")
        return cls(as_of, probability, purchase, customer=customer).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None, **line_options: Any) -> Self:
        """Draw the course and the purchases.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **line_options : object
            Passed on to ``Axes.plot``, such as ``color``.

        Returns
        -------
        AliveHistoryDisplay
            Itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.dates import ConciseDateFormatter

        title = "Chance to be alive" if self.customer is None else f"Chance that customer {self.customer} is alive"
        with fonts_for(title):
            if ax is None:
                _, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            options = {"color": "#0072b2", "label": "P(alive)", **line_options}
            self.line_: Line2D = ax.plot(self.as_of, self.probability, **options)[0]
            self.purchases_: LineCollection = ax.vlines(
                self.purchase,
                0,
                1,
                colors="#d55e00",
                linewidths=1.0,
                linestyles="dotted",
                label="purchase",
            )
            ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
            ax.set_ylim(0, 1.02)
            ax.set_ylabel("P(alive)")
            ax.set_title(title)
            ax.legend(frameon=False, loc="lower left")
        return self
