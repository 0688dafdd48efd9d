"""One regressor for all series: what it learns from, and how it goes on from the ends of histories."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.parallel import Parallel, delayed

from crmkit._compat import one_openmp_thread
from crmkit.exceptions import ParameterError
from crmkit.forecast._lag_plan import LagPlan
from crmkit.forecast._panel import Panel
from crmkit.forecast._targets import Scale, Target, levels, levels_before

#: Last known values whose mean stands in for a forecast.
STAND_IN = 8

#: What a regressor that reckons in float32 can still hold, and its errors' squares too.
_LARGEST = 1e18

#: Rows that vector instructions take at once are at most so many.
_BLOCK = 64

#: Rows from which gradient boosting gains by threads; below, where cores are busy, they cost up to a hundredfold.
_MANY_ROWS = 100_000

Future = dict[str, NDArray[np.float64]] | None


class Fallbacks(NamedTuple):
    """For which series something simpler stands in, shape (n_series,): too short, or grown beyond all bounds."""

    short: NDArray[np.bool_]
    lost: NDArray[np.bool_]


@dataclass(frozen=True)
class Recipe:
    """How series become a regression, before anything is learnt.

    Attributes
    ----------
    plan : LagPlan
    target : Target
    exogenous : tuple of str
        Columns beside those of the plan.
    steps : int
        Of the direct strategy, one model each; 0 for the recursive one.
    takes_nan : bool
        Whether the regressor takes missing features.
    """

    plan: LagPlan
    target: Target
    exogenous: tuple[str, ...]
    steps: int
    takes_nan: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that the regressor sees."""
        return (*self.plan.names, *self.exogenous)

    @property
    def scales(self) -> bool:
        """Whether each row is in units of the level before it."""
        return isinstance(self.target, Scale)

    @property
    def longest(self) -> int:
        """Periods of history that a forecast needs."""
        return self.plan.longest + self.target.reach

    def history(self, panel: Panel) -> Panel:
        """The panel as forecasts begin with it: what cannot be modelled is missing, and filled in if need be."""
        values = panel.values
        if self.target.lowest > -np.inf:
            values = np.where(values < self.target.lowest, values.dtype.type(np.nan), values)
        if not self.takes_nan and np.isnan(values).any():
            values = fill_with_last_known(values, panel.pointers)
        return replace(panel, values=values)

    def modelled(self, panel: Panel) -> Panel:
        """The panel of what is modelled."""
        return replace(panel, values=self.target.forward(panel.values, panel.pointers))

    def rows(
        self, panel: Panel, modelled: Panel, ahead: int, threads: int | None
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.int64]]:
        """All that can be learnt from of forecasts `ahead` + 1 steps away: features, what comes, and positions."""
        n, own = len(panel.values), len(self.plan.names)
        table = np.empty((own + len(self.exogenous), n), dtype=panel.values.dtype)
        self.plan.matrix(modelled, ahead=ahead, threads=threads, out=table)
        position = np.arange(n) - np.repeat(panel.pointers[:-1], panel.lengths)
        left = np.repeat(panel.lengths, panel.lengths) - position - 1
        last = n - ahead
        coming = np.full(n, np.nan)
        coming[:last] = modelled.values[ahead:]
        if self.scales:
            level = levels_before(panel.values, panel.pointers)
            level[level == 0] = np.nan
            table[: len(self.plan.lag_names)] /= level
            coming /= level
        for row, name in enumerate(self.exogenous, start=own):
            table[row] = np.nan
            table[row, :last] = panel.exogenous[name][ahead:]
        usable = (position >= self.longest) & (left >= ahead) & ~np.isnan(coming)
        kept = np.flatnonzero(usable & self._known(table))
        for row in table:  # in place: of many series this is most of the memory
            row[: len(kept)] = row[kept]
        return table[:, : len(kept)].T, coming[kept], kept

    def _known(self, table: NDArray[Any]) -> NDArray[np.bool_]:
        """Which columns of a table, one for each row of the regression, say enough.

        That is everything, or anything of the series where the regressor takes missing features.
        """
        rows = table[: len(self.plan.lag_names)] if self.takes_nan else table
        if not len(rows):
            return np.ones(table.shape[1], dtype=np.bool_)
        known = [~np.isnan(row) for row in rows]
        return np.logical_or.reduce(known) if self.takes_nan else np.logical_and.reduce(known)


@dataclass(frozen=True, eq=False)
class LagRegression:
    """A recipe, and the regressors that were fitted by it: one, or one for each step."""

    recipe: Recipe
    regressors: tuple[Any, ...]
    n_rows: int
    threads: int | None

    @property
    def reach(self) -> int | None:
        """Last periods of a series without missing values that its forecasts depend on; None is all."""
        if self.recipe.plan.ema or self.recipe.scales:
            return None
        return max(self.recipe.longest, STAND_IN)

    def _is_short(self, history: Panel, rows: NDArray[Any]) -> NDArray[np.bool_]:
        target = self.recipe.target
        base = target.back(np.zeros((len(history), max(target.reach, 1))), history.values, history.pointers)
        return (
            (history.lengths < self.recipe.longest)
            | ~self.recipe._known(rows.T)
            | np.isnan(base).any(axis=1)
            | np.isnan(stand_ins(history.values, history.pointers, 1))
        )

    def forecast(self, panel: Panel, steps: int, future: Future) -> tuple[NDArray[np.float64], Fallbacks]:
        """The next values of each series, shape (n_series, steps), and for which something simpler stands in.

        That is the mean of the last known values, for series that are too short and for those whose forecasts
        grow beyond all bounds; NaN for one without any known value.
        """
        recipe = self.recipe
        history = recipe.history(panel)
        recursion = recipe.plan.recursion(recipe.modelled(history), steps, threads=self.threads)
        level = levels(history.values, history.pointers) if recipe.scales else np.ones(len(panel))
        said = np.empty((len(panel), steps))
        lost = np.zeros(len(panel), dtype=np.bool_)
        # At past origins, where a column that was to be known in advance is not.
        blind = np.isnan([future[name] for name in recipe.exogenous]).any(axis=(0, 2)) if future else lost
        for step in range(steps):
            own = recursion.rows(step if recipe.steps else 0)
            if not step:
                short = self._is_short(history, own) | blind
            rows = self._rows(own, level, future, step)
            lost |= (np.abs(rows[: len(panel)]) > _LARGEST).any(axis=1)
            rows[: len(panel)][short | lost] = 0.0
            with _threads(len(rows)):
                answers = self.regressors[step if recipe.steps else 0].predict(rows)
            said[:, step] = np.asarray(answers, dtype=np.float64).reshape(len(rows))[: len(panel)] * level
            lost |= ~(np.abs(said[:, step]) <= _LARGEST)
            if not recipe.steps and step + 1 < steps:
                recursion.add(np.where(lost, 0.0, said[:, step]))
        found = recipe.target.back(said, history.values, history.pointers)
        lost = ~short & (lost | ~(np.abs(found) <= _LARGEST).all(axis=1))
        if (short | lost).any():
            found[short | lost] = stand_ins(panel.values, panel.pointers, STAND_IN)[short | lost, None]
        return found, Fallbacks(short, lost)

    def _rows(self, own: NDArray[Any], level: NDArray[np.float64], future: Future, step: int) -> NDArray[Any]:
        """What the regressor is given, shape (n_series or more, n_columns).

        Whole blocks of rows, and none left out: how a regressor adds up a row, and so its last bit, may hang on
        where the row stands among the others.
        """
        recipe, n = self.recipe, len(own)
        rows = np.zeros((len(recipe.names), -(-n // _BLOCK) * _BLOCK), dtype=own.dtype).T
        rows[:n, : own.shape[1]] = own
        if recipe.scales:
            rows[:n, : len(recipe.plan.lag_names)] /= np.where(level > 0, level, 1.0)[:, None]
        for column, name in enumerate(recipe.exogenous, start=own.shape[1]):
            rows[:n, column] = (future or {})[name][:, step]
        return rows


def learn(
    regressor: Any, recipe: Recipe, panel: Panel, *, threads: int | None = None, n_jobs: int | None = None
) -> LagRegression:
    """Fit the regressor, or one for each step.

    Raises
    ------
    ParameterError
        If there is nothing to learn from.
    """
    modelled = recipe.modelled(panel)

    def fit(ahead: int) -> tuple[Any, int]:
        features, coming, kept = recipe.rows(panel, modelled, ahead, threads)
        if not len(kept):
            raise ParameterError(
                f"DemandForecaster has nothing to learn from: no series has {recipe.longest:,} known periods (lags, "
                f"windows and target_transform) before a known value{f' {ahead + 1:,} steps ahead' if ahead else ''}; "
                f"the longest has {int(panel.lengths.max()):,} periods. Pass longer series, shorter lags or another "
                "target_transform."
            )
        with _threads(len(kept)):
            return clone(regressor).fit(features, coming), len(kept)

    if recipe.steps > 1:
        fitted = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(fit)(ahead) for ahead in range(recipe.steps))
    else:
        fitted = [fit(0)]
    return LagRegression(recipe, tuple(model for model, _ in fitted), fitted[0][1], threads)


def _threads(n_rows: int) -> AbstractContextManager[object]:
    return one_openmp_thread() if n_rows < _MANY_ROWS else nullcontext()


def takes_missing(regressor: Any) -> bool:
    """Whether a regressor says that it takes missing features; those that say nothing do not."""
    return hasattr(regressor, "__sklearn_tags__") and bool(get_tags(regressor).input_tags.allow_nan)


def fill_with_last_known(values: NDArray[Any], pointers: NDArray[np.int64]) -> NDArray[Any]:
    """Values with the last known one of the same series where one is missing; NaN before the first known."""
    known = np.where(np.isnan(values), -1, np.arange(len(values)))
    last = np.maximum.accumulate(known)
    begins = np.repeat(pointers[:-1], np.diff(pointers))
    return np.where(last >= begins, values[np.maximum(last, 0)], np.nan).astype(values.dtype)


def stand_ins(values: NDArray[Any], pointers: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Mean of the last n known values of each series, shape (n_series,); NaN where there is none."""
    known = np.flatnonzero(~np.isnan(values))
    stops = np.searchsorted(known, pointers[1:])
    starts = np.maximum(np.searchsorted(known, pointers[:-1]), stops - n)
    places = starts[:, None] + np.arange(n)
    inside = places < stops[:, None]
    if not len(known):
        return np.full(len(stops), np.nan)
    last = np.where(inside, values[known[np.where(inside, places, 0)]], 0.0).astype(np.float64)
    counts = inside.sum(axis=1)
    return np.where(counts > 0, last.sum(axis=1) / np.maximum(counts, 1), np.nan)
