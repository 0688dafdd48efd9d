"""What is known of a period before it comes: its place in the calendar, and the named dates in it and beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._frames import column_names, factorize, read_columns, time_column
from crmkit._periods import Frequency
from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

_DAY: Final = TIME_UNITS["D"]
_HOUR: Final = _DAY // 24
_WEEK: Final = 7 * _DAY

#: Each feature, and what it counts within, in microseconds and at the shortest: periods as long as that do not differ.
FEATURES: Final = {
    "minute": _HOUR,
    "hour": _DAY,
    "weekday": _WEEK,
    "day": 28 * _DAY,
    "week": 360 * _DAY,
    "month": 360 * _DAY,
    "quarter": 360 * _DAY,
    "year": np.inf,
    "season": np.inf,
}

#: What comes round, for pairs of sine and cosine.
CYCLES: Final = {"day": _DAY, "week": _WEEK, "year": 360 * _DAY, "season": np.inf}

_ALLOWED: Final = (
    f"a list of names from {{{', '.join(map(repr, FEATURES))}}} and of pairs such as ('year', 2), for two waves of "
    f"sine and cosine in each {', '.join(list(CYCLES)[:-1])} or season"
)
_FRAME: Final = (
    "a frame with a column 'date' (or 'time') and a column 'name', one row for each day, such as "
    "{'date': ['2024-02-10'], 'name': ['Spring Festival']}"
)


@dataclass(frozen=True, eq=False)
class NamedDates:
    """Days that have a name, such as Easter.

    Attributes
    ----------
    days : dict of str to ndarray of int64
        The days of each name since 1970, or the whole numbers of a series that counts its steps; sorted.
    counts : bool
        Whether they are such whole numbers.
    """

    days: dict[str, Numbers]
    counts: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns: each name, and the periods before and after."""
        return tuple(f"{name}{place}" for name in self.days for place in ("", "_before", "_after"))

    def values(self, numbers: Numbers, frequency: Frequency) -> list[Floats]:
        """How many days of each name are in each period, in the one after it, and in the one before it.

        Of a period shorter than a day its day counts, and the days after and before.
        """
        within_days = not self.counts and 0 < frequency.length < _DAY
        at = frequency.start(numbers) // _DAY if within_days else numbers
        columns = []
        for days in self.days.values():
            places = days if self.counts or within_days else frequency.number(days * _DAY)
            known, counts = np.unique(places, return_counts=True)
            for step in (0, 1, -1):
                found = np.minimum(np.searchsorted(known, at + step), len(known) - 1)
                columns.append(np.where(known[found] == at + step, counts[found], 0).astype(np.float64))
        return columns

    def absent(self, low: int, high: int, frequency: Frequency) -> list[str]:
        """The names that have no day in the periods from `low` to `high`."""
        if self.counts:
            first, end = low, high + 1
        else:
            first, end = frequency.start(np.array([low, high + 1])) // _DAY
        return [name for name, days in self.days.items() if not ((days >= first) & (days < end)).any()]


@dataclass(frozen=True, eq=False)
class TimeFeatures:
    """Columns that are known in advance: to be had from `read_time_features`."""

    parts: tuple[tuple[str, int], ...] = ()
    dates: NamedDates | None = None
    season: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, whatever the frequency."""
        names = []
        for name, waves in self.parts:
            names += [f"{name}_{wave}_{k}" for k in range(1, waves + 1) for wave in ("sin", "cos")] if waves else [name]
        return (*names, *(self.dates.names if self.dates is not None else ()))

    def check(self, frequency: Frequency, owner: str) -> None:
        """Refuse what periods of this frequency do not have."""
        length = frequency.length or frequency.months * 30 * _DAY
        fitting = [name for name, cycle in FEATURES.items() if length < cycle] if not frequency.counts else ["season"]
        for name, waves in self.parts:
            season = self.season or frequency.season
            if name == "season":
                if season < 2:
                    raise parameter_error(
                        "time_features",
                        name,
                        f"without 'season': periods of freq {frequency.name!r} have none",
                        owner,
                        "Say after how many periods a pattern comes again with season=.",
                    )
                most = (season - 1) / 2
            elif frequency.counts or length >= (CYCLES if waves else FEATURES)[name]:
                raise parameter_error(
                    "time_features",
                    name,
                    f"of {{{', '.join(map(repr, fitting))}}} for periods of freq {frequency.name!r}",
                    owner,
                    "It is the same in all of them." if not frequency.counts else "",
                )
            else:
                most = (CYCLES[name] / length - 1) / 2 if waves else 0
            if waves > most > 0 or (waves and most < 1):
                raise parameter_error(
                    "time_features",
                    (name, waves),
                    f"of at most {int(most)} waves a {name} for periods of freq {frequency.name!r}",
                    owner,
                    "Each wave needs more than two periods.",
                )
        if self.dates is not None and self.dates.counts != frequency.counts:
            theirs, ours = ("whole numbers", "dates") if self.dates.counts else ("dates", "whole numbers")
            raise ParameterError(f"calendar of {owner} holds {theirs}, but the times of X are {ours}: give both alike.")

    def values(self, numbers: Numbers, frequency: Frequency) -> Floats:
        """The columns, shape (n_columns, n), of the periods with these numbers."""
        start = frequency.start(numbers)
        columns: list[Floats] = []
        for name, waves in self.parts:
            if not waves:
                columns.append(self._place(name, numbers, start, frequency))
                continue
            progress = self._progress(name, numbers, start, frequency)
            for k in range(1, waves + 1):
                columns += [np.sin(2 * np.pi * k * progress), np.cos(2 * np.pi * k * progress)]
        if self.dates is not None:
            columns += self.dates.values(numbers, frequency)
        return np.array(columns, dtype=np.float64).reshape(len(columns), len(numbers))

    def _place(self, name: str, numbers: Numbers, start: Numbers, frequency: Frequency) -> Floats:
        if name == "season":
            return (numbers % (self.season or frequency.season)).astype(np.float64)
        days = start // _DAY
        weekday = (days + 3) % 7  # 1970 began on a Thursday
        if name in ("minute", "hour"):
            within = start % _HOUR // (_HOUR // 60) if name == "minute" else start % _DAY // _HOUR
        elif name == "weekday":
            within = weekday
        elif name == "week":
            # A week belongs to the year of its Thursday (ISO 8601).
            thursday = days - weekday + 3
            within = (thursday - _first_day(thursday, "Y")) // 7 + 1
        elif name == "day":
            within = days - _first_day(days, "M") + 1
        else:
            months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
            within = {"month": months % 12 + 1, "quarter": months % 12 // 3 + 1, "year": months // 12 + 1970}[name]
        return within.astype(np.float64)

    def _progress(self, name: str, numbers: Numbers, start: Numbers, frequency: Frequency) -> Floats:
        """The share of the cycle that is over when a period begins."""
        if name == "season":
            season = self.season or frequency.season
            return (numbers % season) / season
        if name == "year":
            first, following = (_first_day(start // _DAY, "Y", step) * _DAY for step in (0, 1))
            return (start - first) / (following - first)
        return (start - (4 * _DAY if name == "week" else 0)) % int(CYCLES[name]) / CYCLES[name]


def read_time_features(time_features: Any, calendar: Any, season: int | None, owner: str) -> TimeFeatures:
    """Read the parameters of what is known in advance.

    Parameters
    ----------
    time_features : iterable of str or (str, int)
        Names of `FEATURES`, and names of `CYCLES` with a number of waves.
    calendar : frame or None
        One row for each day that has a name.
    season : int or None
        Number of periods; that of the frequency if None.
    owner : str
        Who reads, for messages.

    Returns
    -------
    TimeFeatures
    """
    if isinstance(time_features, str | bytes | Mapping) or not isinstance(time_features, Iterable):
        hint = f"Write ({time_features!r},)." if isinstance(time_features, str) and time_features in FEATURES else ""
        raise parameter_error("time_features", time_features, _ALLOWED, owner, hint)
    parts = [_part(part, time_features, owner) for part in time_features]
    names = [name for name, waves in parts if not waves], [name for name, waves in parts if waves]
    if any(len(set(some)) < len(some) for some in names):
        raise parameter_error("time_features", time_features, "a list without repetition", owner)
    return TimeFeatures(tuple(parts), None if calendar is None else _read_dates(calendar, owner), season)


def _part(part: Any, time_features: Any, owner: str) -> tuple[str, int]:
    if isinstance(part, str) and part in FEATURES:
        return str(part), 0
    if isinstance(part, list | tuple) and len(part) == 2:
        name, waves = part
        if isinstance(name, str) and name in CYCLES and isinstance(waves, int | np.integer) and waves >= 1:
            return str(name), int(waves)
    raise parameter_error("time_features", time_features, _ALLOWED, owner, f"{part!r} is neither.")


def _read_dates(calendar: Any, owner: str) -> NamedDates:
    try:
        columns = set(column_names(calendar))
    except ParameterError:
        raise parameter_error("calendar", calendar, _FRAME, owner) from None
    when = [name for name in ("date", "time") if name in columns]
    if len(when) != 1 or "name" not in columns:
        got = f"the columns {sorted(map(str, columns))}"
        raise ParameterError(f"The 'calendar' parameter of {owner} must be {_FRAME}. Got {got} instead.")
    read = read_columns(calendar, [("calendar", when[0]), ("calendar", "name")])
    codes, names = factorize(read["name"], "calendar")
    if not read.n_rows or names.dtype.kind != "U" or (codes < 0).any():
        got = "no rows" if not read.n_rows else "names that are null" if (codes < 0).any() else "names that are no text"
        raise ParameterError(f"The 'calendar' parameter of {owner} must be {_FRAME}. Got {got} instead.")
    counts = read[when[0]].dtype.is_integer()
    if counts:
        if read[when[0]].is_null().any():
            raise ParameterError(f"calendar of {owner} has null in its column {when[0]!r}. Leave these rows out.")
        days = read[when[0]].to_numpy().astype(np.int64)
    else:
        # The days are those of the zone that the column has, be it UTC.
        zone = getattr(read[when[0]].dtype, "time_zone", None)
        found = time_column(read[when[0]], "calendar", zone)
        if found.missing is not None or found.unparseable is not None:
            raise ParameterError(f"calendar of {owner} has a {when[0]} that is null or no date. Correct these rows.")
        days = found.wall // _DAY
    return NamedDates({str(name): np.unique(days[codes == code]) for code, name in enumerate(names)}, counts)


def _first_day(days: Numbers, unit: str, step: int = 0) -> Numbers:
    """The first day of the month or year of each day, or of one some steps later."""
    units = days.astype("M8[D]").astype(f"M8[{unit}]")
    return (units + step).astype("M8[D]").astype(np.int64)
