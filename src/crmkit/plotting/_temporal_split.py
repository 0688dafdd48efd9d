"""A picture of the folds of a temporal split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.model_selection import Fold, TemporalSplit
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection

# Blue, orange and grey are told apart by colour-blind readers, and by their lightness in print.
_COLOURS = {"train": "#0072b2", "purged": "#bdbdbd", "test": "#d55e00"}
_LABELS = {"train": "training rows", "purged": "purged: label not complete", "test": "test rows"}


class Chop(NamedTuple):
    """What one fold does, by as_of.

    Attributes
    ----------
    split_time : numpy.datetime64
        First as_of of the test block.
    as_of : dict of str to ndarray of datetime64[us]
        The distinct as_ofs of the rows that are ``train``, ``purged`` and ``test``.
    n_rows : dict of str to ndarray of int
        How many rows there are at each.
    """

    split_time: np.datetime64
    as_of: dict[str, NDArray[np.datetime64]]
    n_rows: dict[str, NDArray[np.int64]]


class TemporalSplitDisplay:
    """Draw what each fold of a `TemporalSplit` trains on, leaves out and tests.

    A dot stands for the rows of one as_of, the line behind it for the window of their labels. No line
    of a training row crosses the split time.

    Parameters
    ----------
    chops : list of Chop
        One for each fold.
    window : tuple of two numpy.timedelta64, or None
        Where the labels of a row begin and end after its as_of.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    dots_ : dict of str to PathCollection
        The dots of ``train``, ``purged`` and ``test`` rows.
    windows_ : dict of str to LineCollection
        Their label windows; empty without labels.
    split_lines_ : LineCollection
        The split time of each fold.

    See Also
    --------
    from_splitter : The usual way to make one.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.model_selection import TemporalSplit
    >>> from crmkit.plotting import TemporalSplitDisplay
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> display = TemporalSplitDisplay.from_splitter(TemporalSplit(3), X)
    >>> display.ax_.get_title()
    'Train on the past, test on what came later'
    >>> len(display.chops[0].as_of["train"]), len(display.chops[0].as_of["purged"])
    (8, 2)
    """

    def __init__(self, chops: list[Chop], window: tuple[np.timedelta64, np.timedelta64] | None = None) -> None:
        self.chops = chops
        self.window = window

    @classmethod
    def from_splitter(cls, splitter: TemporalSplit, X: Snapshots, *, ax: Axes | None = None) -> Self:
        """Split rows, and draw the folds.

        Parameters
        ----------
        splitter : TemporalSplit
        X : Snapshots of n rows
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        TemporalSplitDisplay
            Drawn.
        """
        if not isinstance(splitter, TemporalSplit):
            raise ParameterError(
                "The 'splitter' parameter of TemporalSplitDisplay must be a TemporalSplit, which knows times. Got "
                f"{type(splitter).__name__} instead."
            )
        chops = [_chop(fold, X) for fold in splitter.folds(X)]
        horizon = X.horizon
        display = cls(chops, None if horizon is None else (X.gap, X.gap + horizon))
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the folds, the earliest on top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        TemporalSplitDisplay
            Itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.collections import LineCollection
        from matplotlib.dates import ConciseDateFormatter

        title, xlabel = "Train on the past, test on what came later", "as_of"
        with fonts_for(title, xlabel, *_LABELS.values()):
            if ax is None:
                _, ax = plt.subplots(figsize=(8, 1.2 + 0.55 * len(self.chops)), layout="constrained")
            ax.xaxis_date()
            ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
            self.ax_, self.figure_ = ax, ax.figure
            self.dots_: dict[str, PathCollection] = {}
            self.windows_: dict[str, LineCollection] = {}
            for part in _COLOURS:
                self._draw_part(part)
            splits = _days([chop.split_time for chop in self.chops])
            lines = [[(day, fold - 0.4), (day, fold + 0.4)] for fold, day in enumerate(splits)]
            self.split_lines_ = LineCollection(lines, colors="black", linewidths=1.2, label="split time")
            ax.add_collection(self.split_lines_)
            ax.autoscale_view()
            ax.set_ylim(len(self.chops) - 0.5, -0.5)
            ax.set_yticks(range(len(self.chops)), [f"fold {number}" for number in range(len(self.chops))])
            ax.set_xlabel(xlabel)
            ax.set_title(title)
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return self

    def _draw_part(self, part: str) -> None:
        from matplotlib.collections import LineCollection

        days = np.concatenate([_days(chop.as_of[part]) for chop in self.chops])
        folds = np.repeat(np.arange(len(self.chops)), [len(chop.as_of[part]) for chop in self.chops])
        if not len(days):
            return
        colour = _COLOURS[part]
        # Windows of neighbouring as_ofs overlap: a small step down for each keeps them apart.
        steps = np.concatenate([_steps(chop, part) for chop in self.chops])
        heights = folds + 0.07 * (steps % 5 + 1)
        if self.window is not None:
            begin, end = (edge / np.timedelta64(1, "D") for edge in self.window)
            segments = [[(day + begin, y), (day + end, y)] for day, y in zip(days, heights, strict=True)]
            lines = LineCollection(segments, colors=colour, linewidths=1.5, alpha=0.6)
            self.windows_[part] = lines
            self.ax_.add_collection(lines)
        self.dots_[part] = self.ax_.scatter(days, folds, s=28, color=colour, zorder=3, label=_LABELS[part])


def _chop(fold: Fold, X: Snapshots) -> Chop:
    as_of, n_rows = {}, {}
    for part in _COLOURS:
        as_of[part], n_rows[part] = np.unique(X.as_of[getattr(fold, part)], return_counts=True)
    return Chop(fold.split_time, as_of, n_rows)


def _steps(chop: Chop, part: str) -> NDArray[np.intp]:
    """Return the position of a part's as_ofs among all that the fold draws."""
    return np.searchsorted(np.unique(np.concatenate(list(chop.as_of.values()))), chop.as_of[part])


def _days(instants: Any) -> NDArray[np.float64]:
    """Return instants as matplotlib counts them: days since 1970."""
    from matplotlib.dates import date2num

    return np.asarray(date2num(np.asarray(instants, dtype="M8[us]")), dtype=np.float64)
