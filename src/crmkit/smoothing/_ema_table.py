"""Exponential moving averages of the rows of a table: which kernel smooths which rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import read_only, run_in_ranges
from crmkit.smoothing._ema_kernels import (
    complete_columns,
    complete_rows,
    complete_shares,
    gappy_rows,
    step_columns,
    step_rows,
)
from crmkit.smoothing._smoother import refuse_infinite

Floats = NDArray[np.float64]

#: Rows and times of a tile of `step_rows`.
TILE: Final = (32, 64)

#: So many series tell whether those after them have gaps.
_FIRST: Final = 64


class Rule(NamedTuple):
    """How values are averaged, as the kernels take it.

    Attributes
    ----------
    fading : ndarray of float64, shape (n_times,)
        What is left of all weights from one time to the next.
    new : float
        Weight of a new value, before it is divided by the sum.
    adjust, ignore_na : bool
    min_periods : int
    """

    fading: Floats
    new: float
    adjust: bool
    ignore_na: bool
    min_periods: int


class State(NamedTuple):
    """Mean, weight and number of values of each series so far."""

    means: Floats
    old: Floats
    counts: Floats

    @classmethod
    def of(cls, n_series: int) -> State:
        """The state of series that have not begun."""
        return cls(*np.zeros((3, n_series)))

    def copy(self) -> State:
        """The same, to be changed."""
        return State(*(part.copy() for part in self))


def smooth_table(values: NDArray[Any], rule: Rule, threads: int, owner: str) -> NDArray[Any]:
    """Smooth the rows of a table into one that lies in memory as it does.

    Raises
    ------
    ParameterError
        If a value is infinite.
    """
    by_columns = values.flags.f_contiguous and not values.flags.c_contiguous
    lying = read_only(values.T if by_columns else values)
    out = np.empty(lying.shape, dtype=lying.dtype)
    state = smooth_into(lying, rule, threads, out, by_columns=by_columns)
    smoothed = out.T if by_columns else out
    lost = ~np.isfinite(state.means)
    if lost.any():
        refuse_infinite(values, owner)
        # Their values are further apart than a float64 holds: a quarter of them is not.
        smoothed[lost] = 4.0 * smooth_table(values[lost] / 4.0, rule, 1, owner)
    return smoothed


def smooth_into(
    values: NDArray[Any], rule: Rule, threads: int, out: NDArray[Any], *, by_columns: bool = False
) -> State:
    """Smooth series as if no value were missing, and those again where one is.

    Parameters
    ----------
    values : ndarray, read-only
        Of shape (n_series, n_times), or (n_times, n_series) where a series is a column.
    out : ndarray of the same shape and type
        It is filled.

    Returns
    -------
    State
        Of the means only those in the end are right; where they are not finite, a value was infinite or
        two were too far apart.
    """
    # Series are the first axis of this view, however they lie.
    means = out.T if by_columns else out
    state = State.of(len(means))
    shares = complete_shares(rule.fading, rule.new, rule.adjust)
    complete, with_gaps = (complete_columns, _columns_with_gaps) if by_columns else (complete_rows, _rows_with_gaps)

    def gaps(first: int, last: int) -> NDArray[np.intp]:
        complete(first, last, values, shares, out, state.means)
        means[first:last, : rule.min_periods - 1] = np.nan
        return first + np.flatnonzero(~np.isfinite(state.means[first:last]))

    def smooth(start: int, stop: int) -> None:
        for first, last, probe in _stretches(start, stop):
            few = gaps(first, probe)
            if len(few) > (probe - first) // 4:
                state.means[first:probe] = 0.0
                with_gaps(first, last, values, rule, state, out)
                continue
            few = few if probe == last else gaps(first, last)
            if len(few):
                some = read_only(values[:, few] if by_columns else values[few])
                again, done = State.of(len(few)), np.empty(some.shape, dtype=out.dtype)
                with_gaps(0, len(few), some, rule, again, done)
                means[few], state.means[few] = done.T if by_columns else done, again.means

    run_in_ranges(smooth, len(means), threads=threads, minimum=1)
    return state


def carry(values: NDArray[Any], rule: Rule, state: State, threads: int) -> NDArray[Any]:
    """Smooth further values of series, of shape (n_series, n_times), and carry their state on."""
    out = np.empty(values.shape, dtype=values.dtype)
    settings = (*rule[:-1], float(rule.min_periods), *state, out, *TILE)
    run_in_ranges(step_rows, len(values), read_only(values), *settings, threads=threads, minimum=1)
    return out


def _rows_with_gaps(first: int, last: int, values: NDArray[Any], rule: Rule, state: State, out: NDArray[Any]) -> None:
    fading = float(rule.fading[-1])
    if rule.min_periods == 1 and not rule.adjust and (rule.fading == fading).all():
        gappy_rows(first, last, values, fading, rule.new, rule.ignore_na, out, state.means)
    else:
        step_rows(first, last, values, *rule[:-1], float(rule.min_periods), *state, out, *TILE)


def _columns_with_gaps(
    first: int, last: int, values: NDArray[Any], rule: Rule, state: State, out: NDArray[Any]
) -> None:
    step_columns(first, last, values, *rule[:-1], float(rule.min_periods), *state, out)


def _stretches(start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of series, ever longer, each with the end of its first few, which tell whether most have gaps."""
    size = 8 * _FIRST
    while start < stop:
        yield start, min(start + size, stop), min(start + _FIRST, stop)
        start, size = start + size, 8 * size
