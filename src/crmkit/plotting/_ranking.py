"""How much lists of recommendations find, by their length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from crmkit._validation import check_int
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate
from crmkit.model_selection import RecommendationScorer
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d")

_NAMES = {"ndcg": "NDCG", "hit_rate": "hit rate", "map": "MAP", "mrr": "MRR"}


class RankingDisplay:
    """Draw a metric of recommended lists over their length, for several recommenders, with intervals.

    Parameters
    ----------
    ks : sequence of int
        Lengths of the lists, ascending.
    estimates : dict of str to list of Estimate
        For each recommender the metric at each of `ks`.
    metric : str, default="ndcg"
        Its name, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to ErrorbarContainer
        What was drawn, by the names of the recommenders.

    See Also
    --------
    from_estimators : The usual way to make one.
    crmkit.model_selection.RecommendationScorer : The figures.

    Notes
    -----
    Intervals are from drawing customers again, each recommender's for itself. All are judged by the same
    customers, so intervals that overlap do not say that there is no difference: for that, estimate the
    mean of the difference of `RecommendationScorer.by_row`.

    Examples
    --------
    >>> from crmkit import EventLog, ItemCosineRecommender
    >>> from crmkit.datasets import make_retail
    >>> from crmkit.plotting import RankingDisplay
    >>> from crmkit.recommend import PopularityRecommender
    >>> frame, _ = make_retail(300, 60, random_state=0)
    >>> orders = frame[frame["kind"] == "order"]
    >>> log = EventLog.from_frame(orders, customer="customer_id", time="time", item="item")
    >>> X = log.snapshot("2024-09-01", horizon="90D")
    >>> models = {"item cosine": ItemCosineRecommender().fit(X), "popular": PopularityRecommender().fit(X)}
    >>> display = RankingDisplay.from_estimators(models, X, X.future_items(), ks=(1, 5, 10), metric="recall")
    >>> [round(float(one), 2) for one in display.estimates["popular"]]
    [0.05, 0.28, 0.45]
    """

    def __init__(self, ks: Sequence[int], estimates: Mapping[str, list[Estimate]], metric: str = "ndcg") -> None:
        self.ks = ks
        self.estimates = estimates
        self.metric = metric

    @classmethod
    def from_estimators(
        cls,
        estimators: Any,
        X: Any,
        y: Any,
        *,
        ks: Sequence[int] = (1, 2, 3, 5, 10, 20),
        metric: str = "ndcg",
        exclude_seen: bool | None = None,
        coverage: float = 0.95,
        random_state: int | np.random.Generator | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Judge lists of several lengths, and draw.

        Parameters
        ----------
        estimators : dict of str to fitted recommender
            Names and recommenders of `crmkit.recommend`.
        X : Snapshots, or sparse matrix or array of shape (n, n_items)
            Rows, as the recommenders take them.
        y : ItemTargets, or sparse matrix or array with n rows
            What each row took afterwards, such as ``X.future_items()``.
        ks : sequence of int, default=(1, 2, 3, 5, 10, 20)
            Lengths of the lists.
        metric : {'ndcg', 'precision', 'recall', 'hit_rate', 'map', 'mrr'}, default='ndcg'
            As in `crmkit.model_selection.RecommendationScorer`.
        exclude_seen : bool or None, default=None
            Whether lists leave out what a row has seen, and whether it is asked of them; None is what
            each recommender does, and compares what cannot be compared where these differ.
        coverage : float, default=0.95
            Of the intervals.
        random_state : int, Generator or None, default=0
            By which customers are drawn again.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        RankingDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If there are no estimators or lengths, one is no fitted recommender, or nothing is to be found.
        """
        owner = "RankingDisplay.from_estimators"
        if not isinstance(estimators, Mapping) or not estimators:
            raise ParameterError(
                f"The 'estimators' parameter of {owner} must be a dict of names and fitted recommenders, at least one. "
                f"Got {type(estimators).__name__} instead."
            )
        lengths = sorted({check_int("ks", k, owner, low=1) for k in ks})
        if not lengths:
            raise ParameterError(f"The 'ks' parameter of {owner} must hold at least one length. Got {ks!r} instead.")
        scorers = [RecommendationScorer(metric, k, exclude_seen) for k in lengths]
        estimates = {
            name: [scorer.estimate(one, X, y, coverage=coverage, random_state=random_state) for scorer in scorers]
            for name, one in estimators.items()
        }
        return cls(lengths, estimates, metric).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw a line with error bars for each recommender.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        RankingDisplay
            Itself.
        """
        import matplotlib.pyplot as plt

        xlabel, ylabel = "length of the list, k", f"{_NAMES.get(self.metric, self.metric)}@k"
        with fonts_for(xlabel, ylabel, *self.estimates):
            if ax is None:
                _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            self.lines_: dict[str, ErrorbarContainer] = {}
            for number, (name, found) in enumerate(self.estimates.items()):
                value, low, high = np.array([(float(one), one.low, one.high) for one in found]).T
                # Bars of several recommenders side by side: on an axis of logarithms by a factor.
                place = np.asarray(self.ks) * 1.03 ** (number - (len(self.estimates) - 1) / 2)
                bars = np.clip([value - low, high - value], 0.0, None)
                colour = _COLOURS[number % len(_COLOURS)]
                self.lines_[name] = ax.errorbar(place, value, bars, fmt="o-", capsize=2, color=colour, label=name)
            ax.set_xscale("log")
            ax.set_xticks(list(self.ks), list(map(str, self.ks)))
            ax.minorticks_off()
            ax.set_ylim(bottom=0)
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
            ax.legend(frameon=False)
        return self
