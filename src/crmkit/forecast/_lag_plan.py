"""Which features are made of series, for all of their periods at once or for the next one only."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import instant_name
from crmkit._numba import read_only, run_in_ranges
from crmkit._numba._rolling import rolling
from crmkit._periods import Frequency
from crmkit._validation import check_float, check_int, parameter_error
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.forecast._calendar_features import TimeFeatures, read_time_features
from crmkit.forecast._lag_kernels import (
    EMA,
    LAG,
    MAX,
    MEAN,
    MEDIAN,
    MIN,
    STD,
    STRETCH,
    SUM,
    fill_averages,
    fill_known,
    fill_lags,
    fill_next,
    fill_windows,
    move_levels,
    start_levels,
)
from crmkit.forecast._panel import Panel

#: Largest lag, window, shift and season, far beyond any series: what is larger is a slip.
_MOST: Final = 10_000_000

STATISTICS: Final = {"mean": MEAN, "sum": SUM, "std": STD, "min": MIN, "max": MAX, "median": MEDIAN}


@dataclass(frozen=True, eq=False)
class LagPlan:
    """Features of the periods of series: to be had from `read_lag_plan`.

    Columns come in this order: lags, windows, exponential averages, then what is known in advance. All
    but the last are made of values at least `shift` periods old, of the same series.

    Attributes
    ----------
    lags : tuple of int
    rolling : tuple of (str, int)
        Statistic and window.
    ema : tuple of float
    shift : int
    times : TimeFeatures
        What is known in advance.
    """

    lags: tuple[int, ...] = ()
    rolling: tuple[tuple[str, int], ...] = ()
    ema: tuple[float, ...] = ()
    shift: int = 1
    times: TimeFeatures = TimeFeatures()  # noqa: RUF009  it is frozen

    @property
    def lag_names(self) -> tuple[str, ...]:
        """The names of the columns that are made of values."""
        windows = (f"{statistic}_{window}" for statistic, window in self.rolling)
        return (*(f"lag_{lag}" for lag in self.lags), *windows, *(f"ema_{alpha!r}" for alpha in self.ema))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return (*self.lag_names, *self.times.names)

    @property
    def longest(self) -> int:
        """How many periods of history fill every column; exponential averages, which fill at once, need `shift`.

        An exponential average goes on changing with older history, ever less.
        """
        windows = [self.shift + window - 1 for _, window in self.rolling]
        return max([*self.lags, *windows, self.shift if self.ema else 0, 0])

    def matrix(
        self, panel: Panel, *, ahead: int = 0, threads: int | None = None, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Features of every period of every series.

        Parameters
        ----------
        panel : Panel
        ahead : int, default=0
            What is known in advance is taken of the period so much later than the row's own: with
            ``ahead=h - 1`` a row fits the value h - 1 periods after it, as it is forecast h steps ahead.
        threads : int, default=None
        out : ndarray of the type of the values, shape (n_columns or more, n_values), default=None
            Where to write, one row a column; rows beyond those of the plan are left alone.

        Returns
        -------
        ndarray of shape (n_values, n_columns)
            Of the type of the values, column after column in memory; NaN where the history is too short or
            lacks a value. It is a view of `out`, if that is given.
        """
        n = len(panel.values)
        if out is None:
            out = np.empty((len(self.names), n), dtype=panel.values.dtype)
        values, pointers = read_only(panel.values), read_only(panel.pointers)
        n_lags, n_values = len(self.lags), len(self.lag_names)
        for column, lag in enumerate(self.lags):
            run_in_ranges(fill_lags, n, values, pointers, column, lag, out, threads=threads)
        for family in ((SUM, MEAN), (STD,), (MIN,), (MAX,)):
            self._fill_windows(family, values, pointers, threads, out)
        for column, (statistic, window) in enumerate(self.rolling, n_lags):
            if statistic == "median" and window > panel.lengths.max(initial=0):
                out[column] = np.nan
            elif statistic == "median":
                rolling(values, pointers, window, None, "median", out[column], shift=self.shift, threads=threads)
        averages, alphas = out[n_values - len(self.ema) : n_values], np.array(self.ema)
        table, table_at = self._known(panel.frequency, panel.first, panel.lengths, ahead)
        table = read_only(table, panel.values.dtype)

        def series(start: int, stop: int) -> None:
            # Ranges of values, so that threads have equal work; a series belongs to where it begins.
            low, high = np.searchsorted(pointers[:-1], [start, stop])
            fill_averages(low, high, values, pointers, alphas, self.shift, averages)
            fill_known(low, high, pointers, table, table_at, out[n_values:])

        run_in_ranges(series, n, threads=threads)
        return out[: len(self.names)].T

    def _fill_windows(
        self,
        family: tuple[int, ...],
        values: NDArray[Any],
        pointers: NDArray[np.int64],
        threads: int | None,
        out: NDArray[Any],
    ) -> None:
        """Fill the columns of windows whose statistics are made of the same parts."""
        kinds, windows, _ = self._columns()
        is_one = np.isin(kinds, family)
        never_full = windows > np.diff(pointers).max(initial=0)
        out[np.flatnonzero(is_one & never_full)] = np.nan
        columns = np.flatnonzero(is_one & ~never_full)
        if not len(columns):
            return
        kinds, windows = kinds[columns], windows[columns]
        longest = int(windows.max())
        room = max(STRETCH, 4 * longest) + longest

        def some(start: int, stop: int) -> None:
            levels = np.empty((2 * longest.bit_length(), room))
            fill_windows(
                start, stop, values, pointers, kinds, columns, windows, self.shift, levels, np.empty((2, room)), out
            )

        run_in_ranges(some, len(values), threads=threads)

    def recursion(self, panel: Panel, steps: int, *, threads: int | None = None) -> Recursion:
        """Start to go on from the ends of the series, for at most so many periods.

        Parameters
        ----------
        panel : Panel
            For exponential averages all of it is read, else the last `longest` periods.
        steps : int
        threads : int, default=None

        Returns
        -------
        Recursion
        """
        return Recursion(self, panel, steps, threads)

    def warn_of_absent(self, panel: Panel, *, stacklevel: int) -> None:
        """Warn of named dates that have no day in the periods of a panel; `stacklevel` as `warnings.warn` counts."""
        if self.times.dates is None:
            return
        first, last = int(panel.first.min()), int(panel.last.max())
        absent = self.times.dates.absent(first, last, panel.frequency)
        if absent:
            low, high = panel.frequency.start([first, last]).tolist()
            said = f"{low} to {high}" if panel.frequency.counts else f"{instant_name(low)} to {instant_name(high)}"
            warnings.warn(
                f"calendar: {', '.join(map(repr, absent))} has no day in the periods of X, from {said}, so nothing can "
                "be learnt of it: its columns are 0. Look at its dates, or leave it out.",
                CrmkitWarning,
                stacklevel=stacklevel,
            )

    def _columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """What the kernels need to know of each column: kind, length, alpha."""
        kinds = [LAG] * len(self.lags) + [STATISTICS[name] for name, _ in self.rolling] + [EMA] * len(self.ema)
        lengths = [*self.lags, *(window for _, window in self.rolling), *(0 for _ in self.ema)]
        alphas = [0.0] * (len(kinds) - len(self.ema)) + list(self.ema)
        return (np.array(kinds, dtype=np.int64), np.array(lengths, dtype=np.int64), np.array(alphas, dtype=np.float64))

    def _room(self) -> int:
        return max((window for _, window in self.rolling), default=1)

    def _known(
        self, frequency: Frequency, first: NDArray[np.int64], lengths: NDArray[np.int64], ahead: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What is known in advance by period, and where in that table each series begins."""
        if not self.times.names or not len(first):
            return np.empty((0, 0)), np.zeros(len(first), dtype=np.int64)
        low, high = int(first.min()), int((first + lengths).max())
        if high - low <= 2 * int(lengths.sum()) + 100_000:
            numbers, at = np.arange(low, high), first - low
        else:  # series that are ages apart: nobody wants a table of all that lies between
            at = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            numbers = np.arange(int(lengths.sum())) + np.repeat(first - at, lengths)
        return self.times.values(numbers + ahead, frequency), at


class Recursion:
    """The features of the next period of each series, one period after another.

    They are, to the last bit, those that `LagPlan.matrix` gives once the values are there. It belongs to
    one forecast and changes as it goes on; the panel and the plan do not.
    """

    def __init__(self, plan: LagPlan, panel: Panel, steps: int, threads: int | None) -> None:
        self.plan, self.steps, self.threads = plan, steps, threads
        self.dtype = panel.values.dtype
        self.kinds, self.lengths, self.alphas = plan._columns()
        n, width = len(panel), min(plan.longest, int(panel.lengths.max(initial=0)))
        #: The last values of each series and room for those to come; NaN before its first.
        self.tails = np.full((n, width + steps), np.nan)
        back = panel.pointers[1:, None] - np.arange(width, 0, -1)
        self.tails[:, :width] = np.where(back >= panel.pointers[:-1, None], panel.values[np.maximum(back, 0)], np.nan)
        self.begin = self.at = width
        self.levels, self.weights = np.empty((2, n, len(self.kinds)))
        if plan.ema:
            values, pointers = read_only(panel.values), read_only(panel.pointers)
            self._run(start_levels, values, pointers, self.kinds, self.alphas, plan.shift, self.levels, self.weights)
        self.known, self.known_at = plan._known(panel.frequency, panel.last + 1, np.full(n, 2 * steps), 0)

    def rows(self, ahead: int = 0) -> NDArray[Any]:
        """Features of the next period.

        Parameters
        ----------
        ahead : int, default=0
            As in `LagPlan.matrix`, less than `steps`.

        Returns
        -------
        ndarray of shape (n_series, n_columns)
            Of the type of the panel's values, column after column in memory.
        """
        out = np.empty((len(self.plan.names), len(self.tails)), dtype=self.dtype)
        # Longer windows than what is known are not full.
        room, shift = min(self.plan._room(), max(self.at, 1)), self.plan.shift

        def some(start: int, stop: int) -> None:
            scratch = np.empty((2, room))
            fill_next(start, stop, self.tails, self.at, self.kinds, self.lengths, shift, self.levels, scratch, out)

        self._run(some)
        step = self.at - self.begin
        if self.plan.times.names:
            out[len(self.kinds) :] = self.known[:, self.known_at + step + ahead]
        return out.T

    def add(self, values: NDArray[Any]) -> None:
        """Go on by a period, in which these were the values of the series, shape (n_series,)."""
        # As the panel would hold them: float32 stays what it is.
        self.tails[:, self.at] = np.asarray(values).astype(self.dtype)
        self.at += 1
        known = self.at - self.plan.shift
        if self.plan.ema and known >= 0:
            self._run(move_levels, self.tails, known, self.kinds, self.alphas, self.levels, self.weights)

    def _run(self, function: Any, *args: Any) -> None:
        run_in_ranges(function, len(self.tails), *args, threads=self.threads, minimum=2_000)


def read_lag_plan(
    *,
    lags: Any = (),
    rolling: Any = (),
    ema: Any = (),
    shift: Any = 1,
    time_features: Any = (),
    calendar: Any = None,
    season: int | None = None,
    owner: str,
) -> LagPlan:
    """Read the parameters of features; see `crmkit.forecast.LagFeatures` for what they mean.

    Raises
    ------
    ParameterError
        It names the parameter. What only the frequency decides, `TimeFeatures.check` refuses.
    """
    shift = check_int("shift", shift, owner, low=1, high=_MOST)
    numbers = tuple(
        check_int("lags", lag, owner, low=1, high=_MOST)
        for lag in _listed("lags", lags, "lags such as [1, 2, 12]", owner)
    )
    if numbers and min(numbers) < shift:
        raise parameter_error(
            "lags",
            lags,
            f"a list of ints of at least shift={shift}",
            owner,
            "Values of later periods are not known with that shift.",
        )
    windows = []
    for pair in _listed("rolling", rolling, _PAIRS, owner):
        if not (
            isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) and pair[0] in STATISTICS
        ):
            raise parameter_error("rolling", rolling, _PAIRS, owner, f"{pair!r} is no such pair.")
        windows.append(
            (str(pair[0]), check_int("rolling", pair[1], owner, low=2 if pair[0] == "std" else 1, high=_MOST))
        )
    alphas = tuple(
        check_float("ema", alpha, owner, low=0, high=1, closed="right")
        for alpha in _listed("ema", ema, "weights such as [0.3]", owner)
    )
    if season is not None:
        season = check_int("season", season, owner, low=1, high=_MOST)
    plan = LagPlan(numbers, tuple(windows), alphas, shift, read_time_features(time_features, calendar, season, owner))
    repeated = {name for name in plan.names if plan.names.count(name) > 1}
    if repeated:
        parameters = {"lags": numbers, "rolling": tuple(windows), "ema": alphas}
        which = next((name for name, given in parameters.items() if len(set(given)) < len(given)), "calendar")
        raise ParameterError(
            f"The {which!r} parameter of {owner} makes columns of one name: {sorted(repeated)}. "
            + ("Name these dates otherwise." if which == "calendar" else "Name each once.")
        )
    return plan


_PAIRS: Final = (
    f"a list of pairs of a statistic of {{{', '.join(map(repr, STATISTICS))}}} and a window, such as ('mean', 4)"
)


def _listed(name: str, value: Any, allowed: str, owner: str) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        hint = f"Write ({value!r},)." if isinstance(value, int | float) and not isinstance(value, bool) else ""
        raise parameter_error(name, value, allowed if allowed.startswith("a ") else f"a list of {allowed}", owner, hint)
    return list(value)
