"""How much of all value the best customers bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_vector
from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


class ValueConcentrationDisplay:
    """Draw the share of all value that the best customers bring, over their share of the customers.

    One line takes the predicted values in their own order: how concentrated value is said to be. With
    what followed, a second line takes the actual values in the order of the *predictions*, which is what
    somebody gains who acts on them, and a third the actual values in their own order, which nobody can
    know beforehand. It is the Lorenz curve, read from the best downwards.

    Parameters
    ----------
    customers : ndarray of float64, shape (n_points,)
        Shares of the customers, from 0 to 1.
    shares : dict of str to ndarray of float64, shape (n_points,)
        Shares of all value that the best bring: ``predicted``, and ``actual by prediction`` and ``actual``
        where it is known.
    gini : dict of str to float
        Twice the area between each line and the diagonal: 0 where all bring the same, near 1 where one
        brings all.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The lines by the names of `shares`.

    See Also
    --------
    from_estimator, from_predictions : The usual ways to make one.
    crmkit.metrics.normalised_gini : The Gini of the second line over that of the third.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.plotting import ValueConcentrationDisplay
    >>> display = ValueConcentrationDisplay.from_predictions(np.array([60.0, 25.0, 10.0, 5.0]))
    >>> display.customers, display.shares["predicted"]
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0.  , 0.6 , 0.85, 0.95, 1.  ]))
    >>> round(display.gini["predicted"], 3)
    0.45
    """

    def __init__(
        self, customers: NDArray[np.float64], shares: dict[str, NDArray[np.float64]], gini: dict[str, float]
    ) -> None:
        self.customers = customers
        self.shares = shares
        self.gini = gini

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, ax: Axes | None = None) -> Self:
        """Predict the values of customers, and draw.

        Parameters
        ----------
        estimator : fitted estimator whose ``predict`` gives values
            Such as `CLVEstimator` or `CLVRegressor`.
        X : Snapshots of n rows
        y : array of n numbers, default=None
            The values that followed, such as ``X.future_value()``.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ValueConcentrationDisplay
            Drawn.
        """
        if not hasattr(estimator, "predict"):
            raise ParameterError(
                f"The 'estimator' parameter of ValueConcentrationDisplay must have predict, which gives values. "
                f"{type(estimator).__name__} has not: pass its expectations to from_predictions."
            )
        return cls.from_predictions(estimator.predict(X), y, ax=ax)

    @classmethod
    def from_predictions(cls, values: Any, y: Any = None, *, ax: Axes | None = None) -> Self:
        """Add up values from the best down, and draw.

        Parameters
        ----------
        values : array of n numbers
            Predicted values, or actual ones if there is nothing to compare. Rows without a prediction
            (NaN) are left out.
        y : array of n numbers, default=None
            The values that followed.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ValueConcentrationDisplay
            Drawn.
        """
        owner = "ValueConcentrationDisplay"
        predicted = check_vector("values", values, np.float64, owner, finite=False)
        known = np.isfinite(predicted)
        columns = {"predicted": (predicted[known], predicted[known])}
        if y is not None:
            actual = check_vector("y", y, np.float64, owner, n=len(predicted))[known]
            columns |= {"actual by prediction": (actual, predicted[known]), "actual": (actual, actual)}
        shares, gini = {}, {}
        for name, (amounts, order) in columns.items():
            if not amounts.sum() > 0:
                raise ParameterError(
                    f"{owner} draws shares of all value, but the {name} values add up to {amounts.sum():g}."
                )
            shares[name] = _shares(amounts, order)
            # The area under straight lines between even points is a plain mean.
            gini[name] = float((shares[name][1:] + shares[name][:-1]).mean() - 1.0)
        customers = np.linspace(0.0, 1.0, int(known.sum()) + 1)
        return cls(customers, shares, gini).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the curves and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ValueConcentrationDisplay
            Itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.ticker import PercentFormatter

        title, xlabel, ylabel = "Value that the best customers bring", "best customers", "share of all value"
        colours = {"predicted": "#0072b2", "actual by prediction": "#d55e00", "actual": "#4d4d4d"}
        with fonts_for(title, xlabel, ylabel):
            if ax is None:
                _, ax = plt.subplots(figsize=(5.6, 5.0), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            # A line of a million points looks like one of a thousand.
            kept = np.unique(np.linspace(0, len(self.customers) - 1, min(len(self.customers), 1001)).astype(np.int64))
            self.lines_: dict[str, Line2D] = {}
            for name, share in self.shares.items():
                label = f"{name} (Gini {self.gini[name]:.2f})"
                colour = colours.get(name)
                self.lines_[name] = ax.plot(self.customers[kept], share[kept], color=colour, label=label)[0]
            ax.plot([0, 1], [0, 1], color="#bdbdbd", linestyle="--", linewidth=1.0)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter(PercentFormatter(1.0))
            ax.set_xlim(0, 1)
            ax.set_title(title)
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
            ax.legend(frameon=False, loc="lower right")
        return self


def _shares(amounts: NDArray[np.float64], order: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running share of the amounts from the highest of the order down; rows of one rank share their sum evenly."""
    ranks, place, counts = np.unique(-order, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=amounts, minlength=len(ranks)) / counts
    return np.concatenate([[0.0], np.cumsum(np.repeat(means, counts))]) / amounts.sum()
