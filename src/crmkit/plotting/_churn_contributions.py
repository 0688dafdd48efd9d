"""What each feature adds to the score of a customer, or of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._validation import check_int
from crmkit.exceptions import ParameterError
from crmkit.plotting._axes import COLOURS, GREY, PALE, new_axes
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

Floats = NDArray[np.float64]

_BASE = "base"


class ContributionDisplay:
    """Draw what each feature adds to the log-odds of churn: of one customer, or how much it matters for many.

    Of one row, bars to the right speak for leaving and bars to the left for staying; added to the log-odds of
    a customer who is average in everything, they give those of this one. Of several rows, each bar is the mean
    size of what the feature adds, in either direction.

    Parameters
    ----------
    names : list of str
        Features.
    values : ndarray of float64, shape (n, n_features)
        What each adds in each row.
    base : float
        The log-odds of a customer who is average in everything.
    told : list of str, default=None
        For one row, what the features are, to be written beside their names.
    most : int, default=12
        Bars; what the others add is one more.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer
        From the top down.
    heights_ : dict of str to float
        What is drawn, by feature, from the top down.

    See Also
    --------
    from_estimator, from_frame : The usual ways to make one.
    crmkit.churn.ChurnClassifier.explain : The figures, and what they mean.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.plotting import ContributionDisplay
    >>> parts = pd.DataFrame({"recency_days": [1.5], "frequency": [-0.5], "plan": [0.1], "base": [-1.0]})
    >>> ContributionDisplay.from_frame(parts).heights_
    {'recency_days': 1.5, 'frequency': -0.5, 'plan': 0.1}
    """

    def __init__(
        self, names: list[str], values: Floats, base: float, *, told: list[str] | None = None, most: int = 12
    ) -> None:
        self.names = names
        self.values = values
        self.base = base
        self.told = told
        self.most = most

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, most: int = 12, ax: Axes | None = None) -> Self:
        """Explain rows, and draw.

        Parameters
        ----------
        estimator : fitted ChurnClassifier
        X : Snapshots or table of n rows
            One row, such as ``X[[3]]``, for one customer.
        most : int, default=12
            Bars; what the others add is one more.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ContributionDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the estimator does not explain, or there are no rows.
        """
        if isinstance(estimator, type) or not hasattr(estimator, "explain"):
            raise ParameterError(
                "The 'estimator' parameter of ContributionDisplay must have explain(X), as a fitted "
                f"ChurnClassifier. Got {type(estimator).__name__} instead."
            )
        found = estimator.explain(X)
        told = estimator.feature_table(X) if len(found) == 1 else None
        return cls.from_frame(found, told=told, most=most, ax=ax)

    @classmethod
    def from_frame(cls, contributions: Any, *, told: Any = None, most: int = 12, ax: Axes | None = None) -> Self:
        """Draw contributions that were computed before.

        Parameters
        ----------
        contributions : frame of n rows
            A column of numbers for each feature, and ``base``: what `ChurnClassifier.explain` returns.
        told : frame, default=None
            For one row, what the features are, with columns of the same names.
        most, ax
            As in `from_estimator`.

        Returns
        -------
        ContributionDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If there are no rows, or no column ``base``.
        """
        owner = "ContributionDisplay"
        most = check_int("most", most, owner, low=1)
        names = [str(name) for name in getattr(contributions, "columns", ()) if name != _BASE]
        if not names or _BASE not in contributions.columns or not len(contributions):
            raise ParameterError(
                f"The 'contributions' parameter of {owner} must be a frame of at least one row with a column for each "
                f"feature and the column {_BASE!r}, as ChurnClassifier.explain returns it."
            )
        values = np.column_stack([np.asarray(contributions[name], dtype=np.float64) for name in names])
        texts = None
        if told is not None and len(told) == len(values) == 1:
            texts = [_shown(np.asarray(told[name])[0]) for name in names]
        base = float(np.asarray(contributions[_BASE])[0])
        return cls(names, values, base, told=texts, most=most).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        ContributionDisplay
            Itself.
        """
        one = len(self.values) == 1
        heights = self.values[0] if one else np.abs(self.values).mean(axis=0)
        order = np.argsort(-np.abs(heights), kind="stable")
        shown, rest = order[: self.most], order[self.most :]
        labels = [self.names[j] + ("" if self.told is None else f" = {self.told[j]}") for j in shown]
        drawn = heights[shown]
        self.heights_ = dict(zip([self.names[j] for j in shown], drawn.tolist(), strict=True))
        if len(rest):
            labels.append(f"{len(rest)} others together")
            together = self.values[:, rest].sum(axis=1)
            drawn = np.append(drawn, together[0] if one else np.abs(together).mean())
        title = "What speaks for leaving, and what against" if one else "What the model leans on"
        xlabel = "added to the log-odds of churn" if one else "mean size of what is added to the log-odds of churn"
        with fonts_for(title, xlabel, *labels):
            self.ax_ = ax = new_axes(ax, (6.8, 1.4 + 0.3 * len(labels)))
            self.figure_ = ax.figure
            colours = [COLOURS[1] if one and height > 0 else COLOURS[0] for height in drawn]
            colours[len(shown) :] = [PALE] * (len(labels) - len(shown))
            self.bars_: BarContainer = ax.barh(np.arange(len(labels)), drawn, color=colours, height=0.7)
            ax.bar_label(self.bars_, fmt="{:+.2f}" if one else "{:.2f}", padding=3, fontsize="small", color=GREY)
            ax.set_yticks(np.arange(len(labels)), labels)
            ax.invert_yaxis()
            ax.margins(x=0.15)
            ax.axvline(0.0, color=GREY, linewidth=0.8)
            ax.spines[["top", "right", "left"]].set_visible(False)
            ax.tick_params(axis="y", length=0)
            if one:
                score = self.base + heights.sum()
                xlabel += f"\naverage in everything: {_probability(self.base)}, this customer: {_probability(score)}"
            ax.set(title=title, xlabel=xlabel)
        return self


def _probability(log_odds: float) -> str:
    return f"{1 / (1 + np.exp(-log_odds)):.1%}"


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    if isinstance(value, bool | np.bool_ | str):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
