"""The clock of a generated log: its span, and seasons as a change of time.

A season multiplies everybody's rate by one function of time, s(t), constant within each day. Events
are drawn on a clock on which that function is flat, Λ(t) = ∫ s(u) du from the start to t, and then
carried back by the inverse of Λ. For processes whose gaps are drawn on that clock this is exact and
costs one interpolation (E. Çınlar, *Introduction to Stochastic Processes*, 1975, chapter 4); nothing
is drawn and thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS, to_microseconds
from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError

__all__ = ["DAY", "WEEK", "Calendar", "check_calendar"]

DAY = TIME_UNITS["D"]
WEEK = TIME_UNITS["W"]

_LAST = int(np.datetime64("2200-01-01", "us").astype(np.int64))  # the last instant that an event log takes
_PERIODS = {"month": 12, "weekday": 7}


@dataclass(frozen=True)
class Calendar:
    """The span of a log, and its clock.

    Attributes
    ----------
    start, span, acquisition : int
        Start of the log in microseconds since 1970-01-01, its length, and the length of the time
        in which customers arrive.
    edges, clock : ndarray of shape (n_days + 1,)
        The midnights, in microseconds since the start, and the clock in weeks at each of them. The
        clock runs from 0 to the length of the span, so that rates per week are means over it.
    """

    start: int
    span: int
    acquisition: int
    edges: NDArray[np.float64]
    clock: NDArray[np.float64]

    @property
    def end(self) -> float:
        """The clock at the end of the span, in weeks."""
        return float(self.clock[-1])

    def elapsed(self, since_start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the clock, in weeks, at microseconds since the start; later ones count as the end."""
        return np.interp(since_start, self.edges, self.clock)

    def since_start(self, elapsed: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the whole microseconds since the start at which the clock shows some weeks."""
        exact = np.interp(elapsed, self.clock, self.edges)
        return np.minimum(exact, self.span - 1).astype(np.int64)

    def arrivals(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Return the clock at which n customers arrive: evenly within the time of acquisition."""
        return rng.random(n) * float(np.interp(self.acquisition, self.edges, self.clock))

    def times(self, since_start: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the instants at microseconds since the start; the array passed becomes them."""
        since_start += self.start
        return since_start.view("datetime64[us]")


def check_calendar(start: object, span: object, acquisition: object, seasonality: object, owner: str) -> Calendar:
    """Return the calendar of a log, after checking the four parameters that make it."""
    first = _check_start(start, owner)
    length = to_microseconds(span, "span")
    if first + length > _LAST:
        raise parameter_error("span", span, f"short enough to end in 2199, after the start {start!r}", owner)
    arrival = to_microseconds(acquisition, "acquisition", allow_zero=True)
    if arrival > length:
        raise parameter_error(
            "acquisition", acquisition, f"no longer than the span, {span!r}", owner, "Customers arrive within the span."
        )
    edges, weights = np.array([0.0, length]), np.ones(1)
    if seasonality is not None:
        edges, weights = _daily_weights(first, length, _check_seasonality(seasonality, owner))
    clock = np.concatenate([[0.0], np.cumsum(weights * np.diff(edges))])
    if clock[-1] <= 0:
        raise parameter_error("seasonality", seasonality, "positive on some day of the span", owner)
    clock *= length / WEEK / clock[-1]
    if np.interp(arrival, edges, clock) <= 0 < arrival:
        raise parameter_error("seasonality", seasonality, "positive on some day of the acquisition", owner)
    return Calendar(first, length, arrival, edges, clock)


def _check_start(start: object, owner: str) -> int:
    allowed = "a day or time without time zone, such as '2023-01-01'"
    if not isinstance(start, str | np.datetime64 | pd.Timestamp) and not hasattr(start, "isoformat"):
        raise parameter_error("start", start, allowed, owner)
    try:
        stamp = pd.Timestamp(start)  # type: ignore[arg-type]  # a date or datetime, or refused below
    except (ValueError, TypeError) as error:
        raise parameter_error("start", start, allowed, owner) from error
    # NaT has a year that is no number.
    if not 1900 <= stamp.year < 2200 or stamp.tz is not None:
        raise parameter_error("start", start, f"{allowed}, from 1900 to 2199", owner)
    return int(np.datetime64(stamp, "us").astype(np.int64))


def _check_seasonality(seasonality: object, owner: str) -> dict[str, NDArray[np.float64]]:
    allowed = (
        "None or a mapping of 'month' to 12 weights (January first), of 'weekday' to 7 (Monday first), or of both; "
        "weights are finite and not negative, and one of each is positive"
    )
    if not isinstance(seasonality, Mapping) or not seasonality or not set(seasonality) <= set(_PERIODS):
        raise parameter_error("seasonality", seasonality, allowed, owner)
    weights = {}
    for period, values in seasonality.items():
        try:
            weights[period] = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ParameterError(str(parameter_error("seasonality", seasonality, allowed, owner))) from error
        right = weights[period].shape == (_PERIODS[period],) and np.isfinite(weights[period]).all()
        if not right or weights[period].min() < 0 or weights[period].max() == 0:
            raise parameter_error("seasonality", seasonality, allowed, owner)
    return weights


def _daily_weights(
    start: int, span: int, seasonality: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of the days of the span, in microseconds since its start, and each day's weight."""
    days = np.arange(start // DAY, -(-(start + span) // DAY))
    edges = np.clip(np.append(days, days[-1] + 1) * DAY - start, 0, span).astype(np.float64)
    weights = np.ones(len(days))
    if "month" in seasonality:
        weights *= seasonality["month"][days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12]
    if "weekday" in seasonality:
        weights *= seasonality["weekday"][(days + 3) % 7]  # 1970-01-01 was a Thursday
    return edges, weights
