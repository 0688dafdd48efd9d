"""Answers to a survey, indices of them, what drives them, and where service falls short."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crmkit._validation import check_option, check_vector, parameter_error, warn
from crmkit.exceptions import ColumnNotFoundError
from crmkit.metrics import Estimate
from crmkit.plotting._axes import COLOURS, GREY, PALE, new_axes
from crmkit.plotting._fonts import fonts_for
from crmkit.satisfaction import DriverAnalysis, answer_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

#: Part of the width that has no room for a number; steps that each have one; steps that the legend holds.
_NARROW, _FEW, _LEGEND = 0.07, 7, 11

#: What to do in each corner of the grid: left or right, below or above.
_ADVICE = {(0, 1): "work on this", (1, 1): "keep it up", (0, 0): "can wait", (1, 0): "perhaps too much"}


class _SurveyDisplay:
    """A picture with names that are as long as questions."""

    ax_: Axes
    bars_: Any
    points_: Any
    _size: tuple[float, float] | None = None

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        object
            Itself.
        """
        labels = self._prepare()
        height = 1.3 + sum(0.35 + 0.19 * label.count("\n") for label in labels)
        with fonts_for(*labels, *(value for value in vars(self).values() if isinstance(value, str | list))):
            self.ax_ = new_axes(ax, self._size or (8.4, height))
            self.figure_ = self.ax_.figure
            self._draw(self.ax_, labels)
        return self

    def _prepare(self) -> list[str]:
        """Check, put into order, and return the names in it."""
        raise NotImplementedError

    def _draw(self, ax: Axes, labels: list[str]) -> None:
        raise NotImplementedError

    def _draw_rows(self, value: Floats, away: Floats, colours: list[str] | None = None) -> None:
        """Draw intervals in rows, and bars if they have colours."""
        rows = np.arange(len(value))
        style: dict[str, Any] = {"fmt": "o", "color": COLOURS[0]}
        if colours is not None:
            self.bars_ = self.ax_.barh(rows, value, height=0.7, color=colours)
            self.ax_.axvline(0.0, color=GREY, linewidth=0.8)
            style = {"fmt": "none", "ecolor": GREY, "capsize": 2}
        self.points_ = self.ax_.errorbar(value, rows, xerr=away, elinewidth=1.2, **style)

    def _name_rows(self, labels: list[str], texts: Iterable[str]) -> None:
        """Write names to the left of rows, and texts to the right; the first on top."""
        ax = self.ax_
        ax.set_yticks(np.arange(len(labels)), labels, parse_math=False)
        ax.set_ylim(len(labels) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
        for row, text in enumerate(texts):
            _write(ax, text, (1.0, row), 4, color=GREY, xycoords=ax.get_yaxis_transform())


class LikertDisplay(_SurveyDisplay):
    """Draw the answers to questions as bars to both sides of the middle of their scale.

    Low answers stand to the left, high ones to the right, those of the middle astride; the question with the best
    answers is on top. At the ends stand the shares of both sides, and at the right how many answered.

    Parameters
    ----------
    counts : frame of shape (n_questions, n_steps)
        What `crmkit.satisfaction.answer_counts` returns.
    neutral : pair of steps, default=None
        The first and the last one that count for neither side, such as ``(7, 8)`` where 0 to 6 are detractors. None:
        the middle one of an odd number.
    title : str, default="What they answered"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of step to BarContainer
        Each from the top down.
    shares_ : frame of shape (n_questions, n_steps)
        What is drawn, from the top down; zeros where nobody answered.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.plotting import LikertDisplay
    >>> answers = pd.DataFrame({"easy to reach": [5, 4, 4, 2, None], "friendly": [5, 5, 4, 3, 5]})
    >>> LikertDisplay.from_answers(answers, scale=(1, 5)).shares_
                     1     2    3    4     5
    friendly       0.0  0.00  0.2  0.2  0.60
    easy to reach  0.0  0.25  0.0  0.5  0.25
    """

    def __init__(self, counts: pd.DataFrame, *, neutral: Any = None, title: str = "What they answered") -> None:
        self.counts = counts
        self.neutral = neutral
        self.title = title

    @classmethod
    def from_answers(
        cls,
        X: Any,
        *,
        neutral: Any = None,
        title: str = "What they answered",
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Count answers, and draw.

        Parameters
        ----------
        X : frame or array of shape (n_respondents, n_questions)
        neutral, title, ax
            As in the class, and in `plot`.
        **options
            `scale`, `reverse`, `not_applicable` and `sample_weight` of `crmkit.satisfaction.answer_counts`. The legend
            says the texts of a scale that has some.

        Returns
        -------
        LikertDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If answers are no steps of the scale, questions have different ones, or `neutral` are no steps.
        """
        return cls(answer_counts(X, **options), neutral=neutral, title=title).plot(ax=ax)

    def _prepare(self) -> list[str]:
        steps, n = list(self.counts.columns), self.counts.sum(axis=1)
        pair = [len(steps) // 2, (len(steps) - 1) // 2]
        if self.neutral is not None:
            pair = [steps.index(step) for step in self.neutral if step in steps]
            if len(pair) != 2 or len(self.neutral) != 2 or pair[0] > pair[1]:
                raise parameter_error("neutral", self.neutral, f"two of the steps {steps}, ascending", "LikertDisplay")
        self._first, self._last = pair[0], pair[1] + 1
        shares = self.counts.div(n.where(n > 0, 1), axis=0)
        left = shares.iloc[:, : self._first].sum(axis=1) + shares.iloc[:, self._first : self._last].sum(axis=1) / 2
        left = left.where(n > 0, left.max())  # takes no room
        order = np.lexsort((left, n == 0))
        self.shares_, self._left, self._n = shares.iloc[order], left.to_numpy()[order], n.iloc[order]
        self._steps = list(map(str, steps))
        return [_wrapped(name) for name in self.shares_.index]

    def _draw(self, ax: Axes, labels: list[str]) -> None:
        shares, begin, steps = self.shares_.to_numpy().T, -self._left, self._steps
        span = (1.0 + np.ptp(begin)) / 0.84
        # Room for the shares at the ends.
        ax.set_xlim(begin.min() - 0.08 * span, begin.max() + 1 + 0.08 * span)
        self.bars_ = {}
        for j, colour in enumerate(_colours(self._first, self._last, len(steps))):
            bars = ax.barh(np.arange(len(labels)), shares[j], 0.72, begin, color=colour, edgecolor="w", label=steps[j])
            begin = begin + shares[j]
            self.bars_[self.shares_.columns[j]] = bars
            if len(steps) <= _FEW:
                texts = [f"{one:.0%}" if one > _NARROW * span else "" for one in shares[j]]
                dark = colour @ (0.3, 0.6, 0.1) < 0.6
                ax.bar_label(bars, texts, label_type="center", fontsize="small", color="w" if dark else "k")
        for row in np.flatnonzero(self._n):
            _write(ax, f"{shares[: self._first, row].sum():.0%}", (-self._left[row], row), -3)
            _write(ax, f"{shares[self._last :, row].sum():.0%}", (1 - self._left[row], row), 3)
        self._name_rows(labels, [f"n = {one:,.0f}" for one in self._n])
        ax.spines["bottom"].set_visible(False)
        ax.axvline(0.0, color=GREY, linewidth=0.8, zorder=3 * (self._first == self._last))
        ax.set(title=self.title, xticks=[])
        shown = list(self.bars_.values())[:: 1 if len(steps) <= _LEGEND else len(steps) - 1]
        ncols = max(1, min(len(shown), 90 // (6 + max(map(len, steps)))))
        style: dict[str, Any] = {"frameon": False, "fontsize": "small", "handlelength": 1.0, "columnspacing": 1.2}
        ax.legend(handles=shown, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=ncols, **style)


class IndexDisplay(_SurveyDisplay):
    """Draw an index over time or by segment, with its intervals and how many answers each rests on.

    Over time a line runs through the points, and bars below count the answers. Segments stand below each other.

    Parameters
    ----------
    table : frame of n_segments rows
        Columns ``segment``, ``value``, ``low``, ``high`` and ``n``: what `crmkit.satisfaction.index_table` returns.
    kind : {'time', 'segments'}, default=None
        What is drawn. None: time if the segments are dates or periods. Others, such as ``"2026-W07"``, stand at equal
        distances along the time.
    label : str, default="index"
        What the axis says.
    reference : Estimate or float, default=None
        The index of all, or a goal: a line, with the band of its interval.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Over time it is empty, and holds the next two.
    index_ax_, count_ax_ : matplotlib Axes
        Over time.
    figure_ : matplotlib Figure
    points_ : ErrorbarContainer
    bars_ : BarContainer
        The counts, over time.

    See Also
    --------
    ControlChartDisplay : Which weeks are more than chance.

    Notes
    -----
    Of twenty intervals of 95 %, one misses although nothing has changed; and two that overlap may still differ:
    estimate the difference, as `crmkit.satisfaction.nps_difference` does.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.plotting import IndexDisplay
    >>> table = pd.DataFrame(
    ...     {"segment": ["north", "south"], "value": [12, 31], "low": [2, 20], "high": [22, 42], "n": 240}
    ... )
    >>> IndexDisplay.from_table(table, label="NPS").ax_.get_xlabel()
    'NPS'
    """

    def __init__(
        self, table: Any, *, kind: str | None = None, label: str = "index", reference: Estimate | float | None = None
    ) -> None:
        self.table = table
        self.kind = kind
        self.label = label
        self.reference = reference

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        kind: str | None = None,
        label: str = "index",
        reference: Estimate | float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a table of figures.

        Parameters
        ----------
        table, kind, label, reference, ax
            As in the class, and in `plot`.

        Returns
        -------
        IndexDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ColumnNotFoundError, crmkit.exceptions.ParameterError
            If a column is not there, or holds no numbers.
        """
        return cls(table, kind=kind, label=label, reference=reference).plot(ax=ax)

    def _prepare(self) -> list[str]:
        kind = check_option("kind", self.kind, ("time", "segments", None), "IndexDisplay")
        columns: list[Any] = []
        for name in ("segment", "value", "low", "high", "n"):
            if name not in getattr(self.table, "columns", ()):
                raise ColumnNotFoundError.from_name("table", name, getattr(self.table, "columns", ()))
            columns.append(self.table[name])
        segment = list(columns[0])
        self._figures = [check_vector("table", one, np.float64, "IndexDisplay", finite=False) for one in columns[1:]]
        times = _times(segment)
        self._place = self._size = None
        if kind == "time" or (kind is None and times is not None):
            self._place, self._size = np.arange(len(segment)) if times is None else times, (8.0, 4.8)
            lost = self._figures[3][pd.isna(self._place)].sum()
            if lost:
                said = f"IndexDisplay leaves out {lost:,.0f} answers that have no time."
                warn(said)
        return ["missing" if pd.isna(one) else _wrapped(one) for one in segment]

    def _draw(self, ax: Axes, labels: list[str]) -> None:
        value, low, high, n = self._figures
        if self._place is not None:
            self._draw_course(ax, labels, self._place)
            return
        self._draw_rows(value, _arms(value, low, high))
        self._name_rows(labels, [f"n = {one:,.0f}" for one in n])
        _draw_reference(ax.axvline, ax.axvspan, self.reference)
        ax.grid(axis="x", alpha=0.3)
        ax.set_xlabel(self.label)

    def _draw_course(self, ax: Axes, labels: list[str], place: NDArray[Any]) -> None:
        from matplotlib.dates import ConciseDateFormatter

        value, low, high, n = self._figures
        ax.set_axis_off()
        self.index_ax_ = top = ax.inset_axes((0.0, 0.26, 1.0, 0.74))
        self.count_ax_ = below = ax.inset_axes((0.0, 0.0, 1.0, 0.2), sharex=top)
        order = np.argsort(place, kind="stable")[: np.count_nonzero(~pd.isna(place))]
        place = place[order]
        away = _arms(value, low, high)[:, order]
        self.points_ = top.errorbar(place, value[order], away, fmt="o-", ms=4, elinewidth=1.0, color=COLOURS[0])
        _draw_reference(top.axhline, top.axhspan, self.reference)
        self.bars_ = below.bar(place, n[order], 0.7 * np.diff(place).min() if len(place) > 1 else 0.7, color=PALE)
        if place.dtype.kind == "M":
            below.xaxis.set_major_formatter(ConciseDateFormatter(below.xaxis.get_major_locator()))
        else:
            few = place[:: -(-len(place) // 8)]
            below.set_xticks(few, [labels[j] for j in few], parse_math=False)
        for part, text in ((top, self.label), (below, "answers")):
            part.set_ylabel(text)
            part.spines[["top", "right"]].set_visible(False)
        top.grid(axis="y", alpha=0.3)
        top.tick_params(axis="x", labelbottom=False)


class DriverDisplay(_SurveyDisplay):
    """Draw how much each driver explains, alone or over how well one does in it.

    Bars stand for parts of R², the largest first, with their intervals. The grid [1]_ has importance over
    performance, divided at the means: what is important and goes badly stands above on the left.

    Parameters
    ----------
    names : list of str
        Drivers.
    importances : ndarray of float64, shape (p,)
        The part of R² of each.
    intervals : ndarray of float64, shape (p, 2), default=None
        Their ends.
    performance : ndarray of float64, shape (p,), default=None
        How well each does: draw the grid. Mean answers on one scale, or shares of high ones.
    label : str, default="part of R²"
        What importance is, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer
        From the top down; not in the grid.
    points_ : ErrorbarContainer
        The intervals; in the grid with the points.
    labels_ : list of Annotation
        The names in the grid, placed for the size that the figure has when it is drawn.

    Notes
    -----
    Importance is what goes together with satisfaction among those who answered, which need not be what changes it.
    The means tell drivers from their average, not good from bad.

    References
    ----------
    .. [1] J. A. Martilla and J. C. James (1977). "Importance-performance analysis". Journal of Marketing 41(1), 77-79.
       :doi:`10.2307/1250495`

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.plotting import DriverDisplay
    >>> [float(bar.get_width()) for bar in DriverDisplay(["price", "staff"], np.array([0.1, 0.3])).plot().bars_]
    [0.3, 0.1]
    """

    def __init__(
        self,
        names: list[str],
        importances: Floats,
        intervals: Floats | None = None,
        performance: Floats | None = None,
        *,
        label: str = "part of R²",
    ) -> None:
        self.names = names
        self.importances = importances
        self.intervals = intervals
        self.performance = performance
        self.label = label

    @classmethod
    def from_estimator(
        cls, analysis: Any, *, kind: str = "bars", performance: Any = None, ax: Axes | None = None
    ) -> Self:
        """Draw an analysis of drivers.

        Parameters
        ----------
        analysis : fitted DriverAnalysis
        kind : {'bars', 'grid'}, default='bars'
        performance : array of shape (p,), default=None
            As in the class, for the grid. None: the means that the analysis has.
        ax
            As in `plot`.

        Returns
        -------
        DriverDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If it is no such analysis, or there are not as many figures of performance as drivers.
        """
        if not isinstance(analysis, DriverAnalysis):
            raise parameter_error("analysis", analysis, "a fitted DriverAnalysis", "DriverDisplay")
        check_is_fitted(analysis)
        names = list(analysis.driver_names_)
        if check_option("kind", kind, ("bars", "grid"), "DriverDisplay") == "grid":
            given = analysis.performance_ if performance is None else performance
            performance = check_vector("performance", given, np.float64, "DriverDisplay", n=len(names))
        measure = "McFadden's R²" if analysis.model == "logistic" else "R²"
        return cls(
            names,
            analysis.importances_,
            analysis.importance_intervals_,
            performance if kind == "grid" else None,
            label=f"part of {measure} (in all {analysis.importances_.sum():.2f})",
        ).plot(ax=ax)

    def _prepare(self) -> list[str]:
        self._size = None if self.performance is None else (7.2, 5.6)
        self._order = np.argsort(-self.importances, kind="stable")
        return [_wrapped(self.names[j], 40 if self.performance is None else 24) for j in self._order]

    def _draw(self, ax: Axes, labels: list[str]) -> None:
        height = self.importances[self._order]
        away = np.zeros((2, len(height)))
        if self.intervals is not None:
            away = _arms(height, *self.intervals[self._order].T)
        if self.performance is None:
            self._draw_rows(height, away, [COLOURS[0]] * len(height))
            self._name_rows(labels, [f"{one:.3f}" for one in height])
            ax.set(title="How much each driver explains", xlabel=self.label)
            return
        points = np.column_stack([self.performance[self._order], height])
        self.points_ = ax.errorbar(points[:, 0], height, away, fmt="o", color=COLOURS[0], ecolor=PALE, elinewidth=1.0)
        for line, mean in zip((ax.axvline, ax.axhline), points.mean(axis=0), strict=True):
            line(mean, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
        ax.margins(0.12)
        ax.set(title="Importance and performance", xlabel="performance", ylabel=self.label)
        for (x, y), text in _ADVICE.items():
            side: dict[str, Any] = {"ha": ("left", "right")[x], "va": ("bottom", "top")[y]}
            ax.text(0.01 + 0.98 * x, 0.01 + 0.98 * y, text, transform=ax.transAxes, color=PALE, **side)
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "small", "parse_math": False}
        self.labels_ = [
            ax.annotate(label, at, (0, 0), textcoords="offset points", **style)
            for label, at in zip(labels, points, strict=True)
        ]
        root: Any = ax.figure.canvas.figure
        root.draw_without_rendering()
        sizes = np.array([text.get_window_extent().size for text in self.labels_])
        taken = np.array([text.get_window_extent().extents for text in ax.texts[: len(_ADVICE)]])
        offsets = _offsets(ax.transData.transform(points), sizes / 2, taken, np.array([ax.bbox.extents]))
        for name, offset in zip(self.labels_, offsets * 72 / root.dpi, strict=True):
            name.set_position(tuple(offset))


class GapDisplay(_SurveyDisplay):
    """Draw gaps between what customers got and what they expected, with intervals.

    Bars to the left fall short. Grey ones may be chance: their interval holds zero.

    Parameters
    ----------
    gaps : dict of str to Estimate
        Perception less expectation, by dimension or item.
    importance : dict of str to float, default=None
        Shares, to be written beside the names.
    overall : Estimate, default=None
        The gap of all, a line with its band.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer
        From the top down, as the gaps come.
    points_ : ErrorbarContainer
        The intervals.

    Examples
    --------
    >>> from crmkit.metrics import Estimate
    >>> from crmkit.plotting import GapDisplay
    >>> gaps = {"tangibles": Estimate(-0.4, -0.6, -0.2, n=120, coverage=0.95, method="t")}
    >>> [float(bar.get_width()) for bar in GapDisplay(gaps).plot().bars_]
    [-0.4]
    """

    def __init__(
        self,
        gaps: Mapping[str, Estimate],
        *,
        importance: Mapping[str, float] | None = None,
        overall: Estimate | None = None,
    ) -> None:
        self.gaps = gaps
        self.importance = importance
        self.overall = overall

    @classmethod
    def from_servqual(cls, result: Any, *, level: str = "dimensions", ax: Axes | None = None) -> Self:
        """Draw the gaps of SERVQUAL.

        Parameters
        ----------
        result : Servqual
            What `crmkit.satisfaction.servqual` returns.
        level : {'dimensions', 'items'}, default='dimensions'
            Which gaps.
        ax
            As in `plot`.

        Returns
        -------
        GapDisplay
            Drawn.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If it is no such result, or another level.
        """
        check_option("level", level, ("dimensions", "items"), "GapDisplay")
        if not hasattr(result, "overall"):
            raise parameter_error("result", result, "what crmkit.satisfaction.servqual returns", "GapDisplay")
        importance = result.importance if level == "dimensions" else None
        return cls(getattr(result, level), importance=importance, overall=result.overall).plot(ax=ax)

    def _prepare(self) -> list[str]:
        shares = self.importance or {}
        return [_wrapped(f"{name} ({shares[name]:.0%})" if name in shares else name) for name in self.gaps]

    def _draw(self, ax: Axes, labels: list[str]) -> None:
        value, low, high = np.array([(float(one), one.low, one.high) for one in self.gaps.values()]).T
        colours = np.where(high < 0, COLOURS[1], np.where(low > 0, COLOURS[0], PALE))
        self._draw_rows(value, _arms(value, low, high), colours.tolist())
        _draw_reference(ax.axvline, ax.axvspan, self.overall)
        self._name_rows(labels, [f"{one:+.2f}" for one in value])
        said = ["perceived less expected"]
        if self.overall is not None:
            said.append(f"overall, dashed: {self.overall:+.2f}")
        if self.importance:
            said.append("in brackets: importance")
        ax.set(title="Where service falls short", xlabel="\n".join(said))


def _wrapped(name: object, width: int = 40) -> str:
    """Break a name into at most three lines; Chinese letters are twice as wide."""
    text = str(name)
    wide = max(text, default="") >= "\u2e80"
    return "\n".join(textwrap.wrap(text, width // (1 + wide), max_lines=3, placeholder=" …"))


def _write(ax: Axes, text: str, at: Any, away: int, **style: Any) -> None:
    """Write a text so many points to the right of a place, or to the left if less than 0."""
    side = "left" if away > 0 else "right"
    ax.annotate(text, at, (away, 0), textcoords="offset points", va="center", ha=side, fontsize="small", **style)


def _arms(value: Any, low: Any, high: Any) -> Floats:
    """Lengths of the arms of error bars; none where an end is missing or infinite."""
    return np.nan_to_num(np.clip([value - low, high - value], 0.0, None), posinf=0.0)


def _draw_reference(line: Any, band: Any, reference: Estimate | float | None) -> None:
    """Draw a figure behind the others: a line, with the band of its interval."""
    if reference is not None:
        line(float(reference), color=GREY, linestyle="--", linewidth=1.0, zorder=0)
    if isinstance(reference, Estimate) and math.isfinite(reference.high - reference.low):
        band(reference.low, reference.high, color=GREY, alpha=0.12, linewidth=0, zorder=0)


def _colours(first: int, last: int, n: int) -> list[Floats]:
    """Orange before the middle and blue behind it, the stronger the farther; told apart by colour-blind readers."""
    from matplotlib.colors import to_rgb

    orange, pale, blue = map(np.array, map(to_rgb, (COLOURS[1], "#e3e3e3", COLOURS[0])))
    away = [min(j - first, 0) / max(first, 1) + max(j - last + 1, 0) / max(n - last, 1) for j in range(n)]
    return [pale + abs(one) * ((orange if one < 0 else blue) - pale) for one in away]


def _times(segment: list[Any]) -> Any:
    """Dates of segments that are dates or periods, and None of all others."""
    kind = pd.api.types.infer_dtype(segment, skipna=True)
    if kind == "period":
        return pd.PeriodIndex(segment).to_timestamp().to_numpy()
    if kind in ("date", "datetime", "datetime64"):
        return pd.to_datetime(pd.Series(segment)).dt.tz_localize(None).to_numpy()
    return None


def _offsets(points: Floats, half: Floats, taken: Floats, frame: Floats) -> Floats:
    """From points to the middles of their labels, in pixels: where each covers least of all else, three times over."""
    angles = np.arange(16) * np.pi / 8
    around = np.column_stack([np.cos(angles), np.sin(angles)])
    taken = np.vstack([taken, np.hstack([points - 5, points + 5])])
    middle = points.copy()
    for j in [*range(len(points))] * 3:
        tried = points[j] + np.vstack([around * (half[j] + away) for away in (7, 16, 27)])
        boxes = np.hstack([tried - half[j], tried + half[j]])
        others = np.delete(np.hstack([middle - half, middle + half]), j, axis=0)
        cost = _overlap(boxes, np.vstack([others, taken])) - 3 * _overlap(boxes, frame)
        middle[j] = tried[np.argmin(cost + np.repeat([0, 6, 30], len(around)))]
    return middle - points


def _overlap(boxes: Floats, others: Floats) -> Floats:
    """Area that each box shares with other ones; boxes are left, lower, right, upper."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0.0, None).prod(axis=2).sum(axis=1)
