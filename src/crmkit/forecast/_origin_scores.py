"""Scores of forecasts made at past origins, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import make_frame
from crmkit._validation import check_option
from crmkit.exceptions import ParameterError
from crmkit.forecast._panel_series import Panel
from crmkit.metrics import Estimate, estimate

#: Name of the baseline.
BASELINE = "seasonal_naive"

#: Metrics, each a sum over forecasts divided by another.
METRICS = ("mae", "wape", "mase", "bias", "pinball", "coverage")


@dataclass(frozen=True, eq=False)
class Pooled:
    """All forecasts of all models, a row each: arrays of shape (n_rows,).

    `model`, `origin` and `series` are positions, `step` counts from 1; `scale` is what MASE divides by, NaN
    where it is not defined, and `coverage` what the intervals were made for.
    """

    model: NDArray[np.int64]
    origin: NDArray[np.int64]
    series: NDArray[np.int64]
    step: NDArray[np.int64]
    y: NDArray[np.float64]
    scale: NDArray[np.float64]
    forecast: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    coverage: float | None

    def pair(self, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each row adds above and below the line of a metric; nothing where the actual value is unknown."""
        y, error = self.y, self.forecast - self.y
        if metric == "wape":
            above, below = np.abs(error), np.abs(y)
        elif metric == "mase":
            above, below = np.abs(error) / self.scale, np.ones(len(y))
        elif metric == "bias":
            above, below = error, y
        elif metric == "pinball":
            tail = (1 - (self.coverage or 0.0)) / 2
            above, below = (_pinball(y, self.low, tail) + _pinball(y, self.high, 1 - tail)) / 2, np.ones(len(y))
        elif metric == "coverage":
            missed = np.where(np.isnan(y + self.low + self.high), np.nan, 0.0)
            above, below = missed + ((self.low <= y) & (y <= self.high)), np.ones(len(y))
        else:
            above, below = np.abs(error), np.ones(len(y))
        known = ~np.isnan(above) & ~np.isnan(error)
        return np.where(known, above, 0.0), np.where(known, below, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class RollingOrigin:
    """What `rolling_origin` returns: forecasts at past origins, and their scores.

    Attributes
    ----------
    predictions : frame
        One row for each model, origin, series and step: ``model``, ``origin`` (the beginning of the first
        period forecast: what was before it is known), the columns of series and time by their own names,
        ``step`` (from 1), ``actual`` (NaN where missing), ``forecast``, ``low``, ``high`` and
        ``is_fallback``. Rows of a model stand together.
    scores : frame
        One row a model, smallest ``mase`` first: ``model``, ``n`` (forecasts whose actual value is known),
        ``mae``, ``wape``, ``mase``, ``bias``, ``pinball`` and ``coverage``; see the notes of
        `rolling_origin`. Beside the models stands ``"seasonal_naive"``.
    by_step, by_series : frame
        The same for each step, and for each series. Computed when first asked for.
    season : int
        Periods of a season in ``mase``.
    interval_coverage : float or None
        The coverage that intervals were made for.
    """

    predictions: Any
    scores: Any
    season: int
    interval_coverage: float | None
    _panel: Panel
    _models: list[str]
    _rows: Pooled

    # Cached, and so written beside the frozen fields.
    @cached_property
    def by_step(self) -> Any:
        return self._table("step", np.arange(1, int(self._rows.step.max()) + 1), self._rows.step - 1)

    @cached_property
    def by_series(self) -> Any:
        return self._table(self._panel.names[0], self._panel.ids, self._rows.series)

    def estimate(self, model: str, metric: str = "mase", *, coverage: float = 0.95) -> Estimate:
        """Give a score with its interval.

        Parameters
        ----------
        model : str
            One of ``scores["model"]``.
        metric : str, default="mase"
            A column of `scores`.
        coverage : float, default=0.95
            Of the interval around the score.

        Returns
        -------
        Estimate
            From resampling series, each with all its forecasts; of a single series from resampling
            origins, which have to be several.
        """
        return self._estimate([model], metric, coverage)

    def gain(self, model: str, metric: str = "mase", *, coverage: float = 0.95) -> Estimate:
        """Give how much smaller a score is than that of the seasonal naive, with its interval.

        Parameters
        ----------
        model : str
            One of ``scores["model"]``.
        metric : {"mae", "wape", "mase", "pinball"}, default="mase"
            A column of `scores` that is better the smaller it is.
        coverage : float, default=0.95
            Of the interval around the gain.

        Returns
        -------
        Estimate
            Above 0 where the model is better. If the interval holds 0, the seasonal naive may be as good.
        """
        check_option("metric", metric, {"mae", "wape", "mase", "pinball"}, "RollingOrigin.gain")
        return self._estimate([BASELINE, model], metric, coverage)

    def _estimate(self, models: list[str], metric: str, coverage: float) -> Estimate:
        owner = "RollingOrigin.estimate"
        for model in models:
            check_option("model", model, self._models, owner)
        check_option("metric", metric, METRICS, owner)
        rows = self._rows
        alone = len(np.unique(rows.series)) == 1
        units, codes = np.unique(rows.origin if alone else rows.series, return_inverse=True)
        if len(units) < 2:
            raise ParameterError(
                "One series at one origin has one error a step, which says nothing about how sure its scores are. Pass "
                "n_origins=2 or more to rolling_origin, or more series."
            )
        sums = []
        for model in models:
            own = rows.model == self._models.index(model)
            sums += [_sums(part[own], codes[own], len(units)) for part in rows.pair(metric)]
        if any(not np.any(below) for below in sums[1::2]):
            raise ParameterError(
                f"The metric {metric!r} is not defined for these series and models, so it has no interval. See the "
                "notes of rolling_origin."
            )

        def score(*columns: NDArray[np.float64]) -> float:
            found = [_ratio(a.sum(), b.sum()) for a, b in zip(columns[::2], columns[1::2], strict=True)]
            return float(found[0] - found[1]) if len(found) == 2 else float(found[0])

        return estimate(score, *sums, coverage=coverage, random_state=0)

    def _table(self, name: str, levels: NDArray[Any], codes: NDArray[np.int64]) -> Any:
        """Scores of each model at each of some levels, where it has forecasts."""
        n = len(levels)
        n_cells = len(self._models) * n
        cells = self._rows.model * n + codes
        present = np.bincount(cells, minlength=n_cells) > 0
        columns = {
            "model": np.repeat(np.array(self._models), n)[present],
            name: np.tile(levels, len(self._models))[present],
        }
        scores = score_cells(self._rows, cells, n_cells)
        return make_frame(columns | {metric: column[present] for metric, column in scores.items()}, self._panel.backend)

    def __repr__(self) -> str:
        rows = self._rows
        n_series, n_origins = len(np.unique(rows.series)), len(np.unique(rows.origin))
        plural = "" if n_origins == 1 else "s"
        head = f"RollingOrigin({n_series:,} series, {n_origins:,} origin{plural}, steps 1 to {int(rows.step.max())})"
        cells = [[name, *(_cell(value) for value in np.asarray(self.scores[name]))] for name in self.scores.columns]
        widths = [max(map(len, column)) for column in cells]
        padded = [[cell.rjust(width) for cell in column] for column, width in zip(cells, widths, strict=True)]
        return "\n".join([head, *("  ".join(line) for line in zip(*padded, strict=True))])


def score_cells(rows: Pooled, cells: NDArray[np.int64], n_cells: int) -> dict[str, NDArray[Any]]:
    """Each metric of the rows of each cell, NaN where it is not defined."""
    found: dict[str, NDArray[Any]] = {}
    for metric in METRICS:
        above, below = (_sums(part, cells, n_cells) for part in rows.pair(metric))
        if metric == "mae":
            found["n"] = below.astype(np.int64)
        found[metric] = _ratio(above, below)
    return found


def _pinball(y: NDArray[np.float64], quantile: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return np.maximum(share * (y - quantile), (share - 1) * (y - quantile))


def _sums(values: NDArray[np.float64], cells: NDArray[np.int64], n_cells: int) -> NDArray[np.float64]:
    return np.bincount(cells, weights=values, minlength=n_cells).astype(np.float64)


def _ratio(above: Any, below: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / below)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:z.3f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)
