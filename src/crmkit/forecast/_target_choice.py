"""Which target a regressor forecasts best from past origins, with the seasonal naive beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from crmkit.forecast._forecaster import AT_ONCE, scales_over
from crmkit.forecast._lag_regression import LagRegression
from crmkit.forecast._origin_scores import BASELINE
from crmkit.forecast._panel_series import Panel, stacked
from crmkit.forecast._targets import TARGETS, Difference

#: At most so many origins, over at most so many of the last periods and a third of all.
_ORIGINS, _PERIODS = 12, 26

#: A simpler target is taken if its error is at most this much larger: in proportion, and by rounding.
_TIE, _ROUNDING = 1.01, 1e-6

#: Values of series that are looked at, at least; more do not make the choice better.
_SAMPLE = 500_000


def candidates(panel: Panel, season: int) -> list[str | None]:
    """The targets that make sense, the simplest first: no logs of what is negative, no season of one period."""
    negative = bool((panel.values < 0).any())
    return [
        name
        for name in TARGETS
        if not (negative and name is not None and name.startswith("log"))
        and not (season == 1 and name is not None and "seasonal" in name)
        and not (name == "scale" and len(panel) == 1)
    ]


def choose_target(
    panel: Panel,
    steps: int,
    season: int,
    exogenous: tuple[str, ...],
    fit: Callable[[str | None, Panel], LagRegression],
    n_jobs: int | None = None,
) -> tuple[str | None, dict[str, NDArray[Any]] | None]:
    """Fit with each target before the first of some past origins, and forecast from all of them.

    Parameters
    ----------
    panel : Panel
        What there is to learn from; nothing else is looked at. Of very many series some are, evenly spread.
    steps, season : int
    exogenous : tuple of str
    fit : callable
        Gives the regression of a target.
    n_jobs : int, default=None
        Threads.

    Returns
    -------
    name : str or None
        Of those that the regressor takes, the one of the smallest root mean squared scaled error, or a
        simpler one that comes within 1 % of it; None, the values themselves, where there is too little to
        compare.
    scores : dict of str to ndarray, or None
        Columns target_transform, rmsse, mase, mae, wape, bias.
    """
    panel = panel.take(np.arange(0, len(panel), max(1, len(panel.values) // _SAMPLE)))
    end, span = int(panel.last.max()) + 1, int(panel.lengths.max())
    periods = min(max(min(season, _PERIODS), 2 * steps), span // 3)
    if periods < steps:
        return None, None
    n_origins = min(_ORIGINS, periods - steps + 1)
    origins = np.unique(np.linspace(end - periods, end - steps, n_origins).round().astype(np.int64))
    early = panel.before(int(origins[0]))
    seen = [panel.until(int(origin)) for origin in origins]
    if not len(early) or not any(map(len, seen)):
        return None, None
    judged = _Judge(panel, seen, origins, steps, season, exogenous)
    names = candidates(panel, season)

    def score(name: str | None) -> NDArray[np.float64] | None:
        try:
            model = fit(name, early)
        except ValueError:  # nothing to learn from, so early; or a regressor that takes no negative outcomes
            return None
        # Forecasts that go astray lose by what stands in for them.
        return judged.scores(lambda history, steps, future: model.forecast(history, steps, future)[0])

    found = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(score)(name) for name in names)
    kept = [(name, scores) for name, scores in zip(names, found, strict=True) if scores is not None]
    if not kept:
        return None, None
    losses = np.array([scores[0] for _, scores in kept])
    if np.isnan(losses).all():
        losses = np.array([scores[2] for _, scores in kept])
    best = int(np.flatnonzero(losses <= _TIE * np.nanmin(losses) + _ROUNDING)[0]) if not np.isnan(losses).all() else 0
    table = np.array([*(scores for _, scores in kept), judged.scores(judged.seasonal_naive)])
    labels = np.array([*("none" if name is None else name for name, _ in kept), BASELINE])
    columns = dict(zip(("rmsse", "mase", "mae", "wape", "bias"), table.T, strict=True))
    return kept[best][0], {"target_transform": labels, **columns}


class _Judge:
    """What came after each origin, and how far forecasts were from it."""

    def __init__(
        self,
        panel: Panel,
        seen: list[Panel],
        origins: NDArray[np.int64],
        steps: int,
        season: int,
        exogenous: tuple[str, ...],
    ) -> None:
        self.steps, self.season = steps, season
        at_once = max(1, AT_ONCE // max(len(panel.values), 1))
        self.histories = [stacked(seen[k : k + at_once]) for k in range(0, len(seen), at_once)]
        pairs = list(zip(seen, origins, strict=True))
        self.actual = np.concatenate([panel.ahead(known.ids, int(o), steps)[0] for known, o in pairs])
        ahead = [panel.exogenous_ahead(exogenous, known.ids, int(o), steps) or {} for known, o in pairs]
        self.future = {name: np.concatenate([part[name] for part in ahead]) for name in exogenous}
        # Missing in advance: such periods are not forecast, and not judged.
        lost = np.isnan(list(self.future.values())).any(axis=0) if exogenous else np.zeros(1, dtype=np.bool_)
        self.actual = np.where(lost, np.nan, self.actual)
        self.future = {name: np.nan_to_num(column) for name, column in self.future.items()}
        places = np.concatenate([np.searchsorted(panel.ids, known.ids) for known in seen])
        self.places, self.n_series = places, len(panel)
        self.scale = np.concatenate([_scale(known, season) for known in seen])
        self.root = np.concatenate([_root_scale(known) for known in seen])

    def scores(self, forecast: Callable[[Panel, int, Any], NDArray[np.float64]]) -> NDArray[np.float64]:
        """rmsse, mase, mae, wape and bias."""
        said, at = [], 0
        for history in self.histories:
            rows = slice(at, at + len(history))
            said.append(
                forecast(history, self.steps, {name: column[rows] for name, column in self.future.items()} or None)
            )
            at += len(history)
        errors = np.concatenate(said) - self.actual
        known = ~np.isnan(errors)
        total = float(np.abs(self.actual[known]).sum()) or np.nan
        off = np.abs(errors[known]).sum()
        return np.array(
            [
                self._rmsse(errors),
                _mean(np.abs(errors) / self.scale[:, None]),
                off / max(int(known.sum()), 1) if known.any() else np.nan,
                off / total,
                errors[known].sum() / total,
            ]
        )

    def seasonal_naive(self, panel: Panel, steps: int, future: Any) -> NDArray[np.float64]:  # noqa: ARG002  as the others
        """The last known value of the season; the last known one where there is none."""
        seasonal, last = (
            Difference(lag).back(np.zeros((len(panel), steps)), panel.values, panel.pointers)
            for lag in (self.season, 1)
        )
        return np.where(np.isnan(seasonal), last, seasonal)

    def _rmsse(self, errors: NDArray[np.float64]) -> float:
        """The root of each series' mean squared error in its own unit, on the average over series."""
        squares = (errors / self.root[:, None]) ** 2
        known = ~np.isnan(squares)
        counts = np.bincount(self.places, weights=known.sum(axis=1), minlength=self.n_series)
        sums = np.bincount(self.places, weights=np.where(known, squares, 0.0).sum(axis=1), minlength=self.n_series)
        return float(np.sqrt(sums[counts > 0] / counts[counts > 0]).mean()) if (counts > 0).any() else np.nan


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _scale(panel: Panel, season: int) -> NDArray[np.float64]:
    """Mean absolute change over a season; from one period to the next if there is none; NaN if there is none either."""
    over_season, over_period = scales_over(panel, season)[0], scales_over(panel, 1)[0]
    scale = np.where(over_season > 0, over_season, over_period)
    return np.where(scale > 0, scale, np.nan)


def _root_scale(panel: Panel) -> NDArray[np.float64]:
    """Root mean squared change from one period to the next; NaN where there is none."""
    squares = Difference(1).forward(panel.values, panel.pointers).astype(np.float64) ** 2
    codes, known = panel.codes(), ~np.isnan(squares)
    sums = np.bincount(codes[known], weights=squares[known], minlength=len(panel))
    counts = np.bincount(codes[known], minlength=len(panel))
    return np.where(sums > 0, np.sqrt(sums / np.maximum(counts, 1)), np.nan)
