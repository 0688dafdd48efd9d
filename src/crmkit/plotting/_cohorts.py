"""A heat map of cohorts by age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_bool
from crmkit.cohorts import cohort_table
from crmkit.events import EventLog
from crmkit.plotting._fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection, QuadMesh
    from matplotlib.text import Text

#: Figures are written into cells as long as there are no more of them than this.
_MOST_FIGURES = 700

#: Of more cohorts than this only some are named.
_MOST_NAMES = 45

_TITLES = {
    "customers": "Share of each cohort that buys, by age",
    "purchases": "Purchases per customer of each cohort, by age",
    "money": "Money per customer of each cohort, by age",
}


class CohortDisplay:
    """Draw cohorts by age as a heat map: retention, purchases or money per customer.

    Rows are cohorts, the oldest on top, with their number of customers. Cells of a period that is not
    over are hatched, and what has not been lived stays blank. Colours span the finished cells from age
    1 on; the first column, in which everybody buys, would drown them.

    Parameters
    ----------
    table : ndarray of float64, shape (n_cohorts, n_ages)
        What is shown, per customer; NaN where nothing has been lived yet.
    cohorts : ndarray of datetime64, shape (n_cohorts,)
        First day of each cohort's period.
    sizes : ndarray of int, shape (n_cohorts,)
        Number of customers in each cohort.
    finished : ndarray of bool, shape (n_cohorts, n_ages)
        Which cells belong to a period that is over.
    by : {"week", "month", "quarter", "year"}, default="month"
        What a period is.
    values : {"customers", "purchases", "money"}, default="customers"
        What the table holds.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh
        The heat map.
    hatches_ : matplotlib PatchCollection
        One rectangle for each unfinished cell.
    texts_ : list of matplotlib Text
        The figures in the cells; empty where there are too many to be read.

    See Also
    --------
    from_log : The usual way to make one.
    crmkit.cohorts.cohort_table : The same as a frame.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import CohortDisplay
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> display = CohortDisplay.from_log(log.before("1997-06-10"))
    >>> display.table.round(2)
    array([[1.  , 0.16, 0.12, 0.09, 0.08, 0.02],
           [1.  , 0.16, 0.13, 0.09, 0.03,  nan],
           [1.  , 0.12, 0.12, 0.03,  nan,  nan]])
    >>> [text.get_text() for text in display.texts_[:3]]
    ['100%', '16%', '12%']
    """

    def __init__(
        self,
        table: NDArray[np.float64],
        cohorts: NDArray[np.datetime64],
        sizes: NDArray[np.int64],
        finished: NDArray[np.bool_],
        *,
        by: Literal["week", "month", "quarter", "year"] = "month",
        values: Literal["customers", "purchases", "money"] = "customers",
    ) -> None:
        self.table = table
        self.cohorts = cohorts
        self.sizes = sizes
        self.finished = finished
        self.by = by
        self.values = values

    @classmethod
    def from_log(
        cls,
        log: EventLog,
        by: Literal["week", "month", "quarter", "year"] = "month",
        values: Literal["customers", "purchases", "money"] = "customers",
        kinds: Any = None,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Count, and draw.

        Parameters
        ----------
        log : EventLog
        by : {"week", "month", "quarter", "year"}, default="month"
            Calendar periods.
        values : {"customers", "purchases", "money"}, default="customers"
            What is shown per customer of the cohort.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        CohortDisplay
            Drawn.
        """
        frame = cohort_table(log, by, values, kinds, per_customer=True)
        counts = cohort_table(log, by, "customers", kinds)
        if log.backend == "polars":
            cohorts = frame["cohort"].to_numpy()
            sizes = counts["0"].to_numpy() if frame.height else np.empty(0)
            open_ages = frame["unfinished_age"].to_numpy()
            ages = [frame[name].to_numpy() for name in frame.columns if name.isdecimal()]
            table = np.column_stack(ages) if ages else np.empty((0, 0))
        else:
            cohorts, sizes, table = frame.index.to_numpy(), counts.to_numpy()[:, :1].ravel(), frame.to_numpy()
            lived = np.isfinite(table).sum(axis=1)
            open_ages = lived - 1 if frame.attrs["unfinished"] else np.full(len(table), np.nan)
        finished = np.isfinite(table) & (np.arange(table.shape[1]) != open_ages[:, None])
        days, n = cohorts.astype("M8[D]"), sizes.astype(np.int64)
        return cls(table, days, n, finished, by=by, values=values).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None, annotate: bool = True) -> Self:
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        annotate : bool, default=True
            Whether to write the figures into the cells. Above 700 cells they are left out.

        Returns
        -------
        CohortDisplay
            Itself.
        """
        from matplotlib.ticker import MaxNLocator

        check_bool("annotate", annotate, "CohortDisplay.plot")
        title, xlabel = _TITLES[self.values], f"{self.by}s since the first purchase"
        names = [f"{period_name(day, self.by)}  ({size:,})" for day, size in zip(self.cohorts, self.sizes, strict=True)]
        n_rows, n_columns = self.table.shape
        with fonts_for(title, xlabel, *names):
            if ax is None:
                import matplotlib.pyplot as plt

                size = (min(3 + 0.5 * n_columns, 16), min(1.6 + 0.32 * n_rows, 12))
                _, ax = plt.subplots(figsize=size, layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            low, high = self._limits()
            edges = (np.arange(max(n, 1) + 1) - 0.5 for n in (n_columns, n_rows))
            shown = self.table if self.table.size else np.full((1, 1), np.nan)
            # Cells and not pixels: sharp in a vector format too.
            self.mesh_: QuadMesh = ax.pcolormesh(*edges, shown, cmap="Blues", vmin=low, vmax=high)
            ax.set_ylim(max(n_rows, 1) - 0.5, -0.5)
            self.hatches_: PatchCollection = self._hatch()
            self.texts_: list[Text] = self._write() if annotate and self.table.size <= _MOST_FIGURES else []
            every = -(-n_rows // _MOST_NAMES) or 1
            ax.set_yticks(range(0, n_rows, every), names[::every])
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set_xlabel(xlabel)
            ax.set_title(title)
            ax.grid(visible=False)
        return self

    def _limits(self) -> tuple[float, float]:
        shown = self.table[:, 1:][self.finished[:, 1:]]
        shown = shown if len(shown) else self.table[np.isfinite(self.table)]
        top = float(shown.max(initial=0.0))
        return min(0.0, float(shown.min(initial=0.0))), top if top > 0 else 1.0

    def _hatch(self) -> PatchCollection:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        open_cells = zip(*np.nonzero(np.isfinite(self.table) & ~self.finished), strict=True)
        squares = [Rectangle((age - 0.5, row - 0.5), 1, 1) for row, age in open_cells]
        hatches = PatchCollection(squares, facecolor="none", edgecolor="#8a8a8a", hatch="////", linewidth=0)
        self.ax_.add_collection(hatches)
        return hatches

    def _write(self) -> list[Text]:
        texts = []
        low, high = self.mesh_.get_clim()
        decimals = 0 if self.values == "money" and np.nanmax(self.table, initial=0.0) >= 100 else 2
        for row, age in zip(*np.nonzero(np.isfinite(self.table)), strict=True):
            value = self.table[row, age]
            figure = f"{value:.0%}" if self.values == "customers" else f"{value:,.{decimals}f}"
            ink = "white" if value > low + 0.6 * (high - low) else "black"
            texts.append(self.ax_.text(age, row, figure, ha="center", va="center", fontsize=7.5, color=ink))
        return texts


def period_name(day: np.datetime64, by: str) -> str:
    """What people call the period that begins on a day.

    Examples
    --------
    >>> [period_name(np.datetime64("2024-04-01"), by) for by in ("week", "month", "quarter", "year")]
    ['2024-04-01', '2024-04', '2024 Q2', '2024']
    """
    year, month = str(day.astype("M8[D]")).split("-")[:2] if by != "week" else ("", "")
    names = {"month": f"{year}-{month}", "year": year}
    if by == "quarter":
        return f"{year} Q{(int(month) + 2) // 3}"
    return names.get(by, str(day.astype("M8[D]")))
