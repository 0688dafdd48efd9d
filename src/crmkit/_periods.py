"""Periods of time, such as weeks and months: which one a time falls into, and where each begins.

A period has a number, so that neighbours differ by one and gaps are seen by subtraction. Periods
are those of the calendar (weeks begin on Monday), stretches of a fixed length, or plain whole
numbers where a series counts its own steps.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._durations import TIME_UNITS, duration_name, to_microseconds
from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError

__all__ = ["Frequency", "frequency", "infer_frequency"]

_DAY: Final = TIME_UNITS["D"]
_HOUR: Final = _DAY // 24

#: 1970-01-05, where stretches of a fixed length that are no divisor of a day are counted from.
_MONDAY: Final = 4 * _DAY


@dataclass(frozen=True)
class Frequency:
    """One kind of period.

    Attributes
    ----------
    name : str
        ``"h"``, ``"D"``, ``"W"``, ``"M"``, ``"Q"``, ``"Y"``, a fixed duration such as ``"14D"``, or
        ``"I"`` for times that are whole numbers.
    season : int
        Periods after which a pattern usually comes again: 24 hours, 7 days, 52 weeks, 12 months, 4
        quarters; 1 for everything else.

    Examples
    --------
    >>> weeks = frequency("W", "demand")
    >>> number = weeks.number(np.array(["2011-09-01", "2011-09-05"], dtype="M8[us]").view(np.int64))
    >>> number.tolist()
    [2173, 2174]
    >>> weeks.start(number).view("M8[us]").astype("M8[D]").tolist()
    [datetime.date(2011, 8, 29), datetime.date(2011, 9, 5)]
    """

    name: str
    season: int = 1
    months: int = field(default=0, repr=False)
    length: int = field(default=0, repr=False)
    origin: int = field(default=0, repr=False)

    @property
    def counts(self) -> bool:
        """Whether times are whole numbers, and not moments."""
        return self.name == "I"

    def number(self, times_us: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the period into which each time falls.

        Parameters
        ----------
        times_us : array-like of int64
            Microseconds since 1970, wall clock; for ``"I"`` the whole numbers themselves.

        Returns
        -------
        ndarray of int64
            Of the same shape. Days and hours, months, quarters and years count from 1970, weeks and
            other fixed durations from Monday, 1970-01-05.
        """
        times = np.asarray(times_us, dtype=np.int64)
        if self.counts:
            return times
        if self.months:
            return _months(times // _DAY) // self.months
        return (times - self.origin) // self.length

    def start(self, number: ArrayLike) -> NDArray[np.int64]:
        """Return where each period begins.

        Parameters
        ----------
        number : array-like of int64
            As `number` gives them.

        Returns
        -------
        ndarray of int64
            Microseconds since 1970; for ``"I"`` the numbers themselves.
        """
        numbers = np.asarray(number, dtype=np.int64)
        if self.counts:
            return numbers
        if self.months:
            return (numbers * self.months).astype("M8[M]").astype("M8[us]").astype(np.int64)
        return numbers * self.length + self.origin


_NAMED: Final = {
    "h": Frequency("h", 24, length=_HOUR),
    "D": Frequency("D", 7, length=_DAY),
    "W": Frequency("W", 52, length=7 * _DAY, origin=_MONDAY),
    "M": Frequency("M", 12, months=1),
    "Q": Frequency("Q", 4, months=3),
    "Y": Frequency("Y", 1, months=12),
    "I": Frequency("I"),
}

#: Names of the same lengths, as durations and in pandas. Its anchored weeks are the ones that begin on a Monday, and
#: those that it labels by the Sunday in which they end.
_SPELLINGS: Final = {
    "H": "h",
    **dict.fromkeys(["W-MON", "W-SUN"], "W"),
    **dict.fromkeys(["MS", "ME"], "M"),
    **dict.fromkeys(
        ["QS", "QE", *(f"{q}-{month}" for q in ("Q", "QE") for month in ("MAR", "JUN", "SEP", "DEC"))], "Q"
    ),
    **{f"QS-{month}": "Q" for month in ("JAN", "APR", "JUL", "OCT")},
    **dict.fromkeys(["A", "AS", "YS", "YE", "Y-DEC", "YE-DEC", "A-DEC", "YS-JAN", "AS-JAN"], "Y"),
}

_WORDS: Final = {
    **dict.fromkeys(["hour", "hours", "hourly"], "h"),
    **dict.fromkeys(["day", "days", "daily", "d"], "D"),
    **dict.fromkeys(["week", "weeks", "weekly", "w"], "W"),
    **dict.fromkeys(["month", "months", "monthly", "m"], "M"),
    **dict.fromkeys(["quarter", "quarters", "quarterly", "q"], "Q"),
    **dict.fromkeys(["year", "years", "yearly", "annual", "y"], "Y"),
}

_ALLOWED: Final = (
    "one of 'h' (hours), 'D' (days), 'W' (weeks from Monday), 'M' (months), 'Q' (quarters), 'Y' (years), "
    "a duration of a fixed length such as '14D', or 'I' (whole numbers)"
)
_FIXED: Final = re.compile(r"[0-9.\s]+(W|D|h|min|s|ms|us)")
_MULTIPLE: Final = re.compile(r"\s*([0-9.]+)\s*([MQY])[SE]?\s*")


def frequency(name: Any, owner: str) -> Frequency:
    """Return the kind of period that a name means.

    Parameters
    ----------
    name : str
        A name of `Frequency`, a fixed duration, or pandas' name of one of them: ``"MS"``, ``"ME"``,
        ``"QS"``, ``"QE"``, ``"YS"``, ``"YE"``, ``"W-MON"``, ``"1D"`` and the like. A duration as an
        object, and an object of pandas that has such a name (``freqstr``), will do.
    owner : str
        The public function or class whose parameter ``freq`` this is, for the error.

    Returns
    -------
    Frequency
        Equal lengths have one name: ``"7D"`` is ``"W"``, ``"24h"`` is ``"D"``.

    Raises
    ------
    ParameterError
        If there is no such period, or it does not begin where the calendar's does (a week from
        Wednesday, a year from July), or is several months.

    Examples
    --------
    >>> frequency("MS", "demand")
    Frequency(name='M', season=12)
    >>> frequency("2W", "demand")
    Frequency(name='14D', season=1)
    """
    if isinstance(name, Frequency):
        return name
    text = getattr(name, "freqstr", name)
    if not isinstance(text, str):
        return _fixed(name, owner)
    text = text.strip()
    for spelling in (text, text.removeprefix("1").lstrip()):
        known = _SPELLINGS.get(spelling, spelling)
        if known in _NAMED:
            return _NAMED[known]
    if _FIXED.fullmatch(text):
        return _fixed(text, owner)
    raise parameter_error("freq", name, _ALLOWED, owner, _hint(text))


def infer_frequency(times: ArrayLike, owner: str) -> Frequency:
    """Find the longest period of the calendar that begins at every one of the times.

    Parameters
    ----------
    times : array-like
        Moments as ``datetime64``, in any order, or whole numbers, which are a series' own steps.
        Microseconds go in as a view, ``times_us.view("M8[us]")``.
    owner : str
        The public function or class whose parameter ``freq`` was not given, for the error.

    Returns
    -------
    Frequency
        Years, quarters, months, weeks, days or hours; ``"I"`` for whole numbers.

    Raises
    ------
    ParameterError
        If there are fewer than two different times, or some are not at the start of an hour; also if
        all are the same day of the week but not Mondays, or all are the last day of a month:
        these are not days with gaps.

    Examples
    --------
    >>> infer_frequency(np.array(["2024-01-01", "2024-02-01", "2024-03-01"], dtype="M8[us]"), "demand").name
    'M'
    """
    array = np.asarray(times)
    if array.dtype.kind in "iu":
        return _NAMED["I"]
    moments = array.astype("M8[us]", copy=False).view(np.int64)
    every_day = moments // _DAY
    # A product is several times quicker than the rest of a division.
    at_midnight = np.array_equal(every_day * _DAY, moments)
    days = _distinct(every_day)
    if len(days) < 2 and (at_midnight or len(np.unique(moments)) < 2):
        raise _not_inferred(owner, "there are not two different times", "Name it, such as freq='W'.")
    if not at_midnight:
        if bool((moments % _HOUR == 0).all()):
            return _NAMED["h"]
        late = int((moments % _HOUR != 0).sum())
        raise _not_inferred(
            owner,
            f"{late} of {len(moments)} times are not at the start of an hour",
            "Name it, such as freq='D' (each time then counts into its day) or freq='30min'.",
        )
    for name in ("Y", "Q", "M", "W"):
        period = _NAMED[name]
        if np.array_equal(period.start(period.number(days * _DAY)), days * _DAY):
            return period
    _refuse_ends(days, owner)
    return _NAMED["D"]


def _refuse_ends(days: NDArray[np.int64], owner: str) -> None:
    """Refuse days that label a week or a month by another day than its first."""
    if len(np.unique(days % 7)) == 1:
        weekday = np.array(days[0]).astype("M8[D]").item().strftime("%A")
        raise _not_inferred(
            owner,
            f"all times are a {weekday}, and weeks begin on Monday",
            "Name it: with freq='W' each time counts into its week.",
        )
    if bool((_months(days + 1) != _months(days)).all()):
        raise _not_inferred(
            owner,
            "all times are the last day of a month, and months are told by their first",
            "Name it: with freq='M' (or 'Q', 'Y') each time counts into its month.",
        )


def _fixed(value: Any, owner: str) -> Frequency:
    if not isinstance(value, str | dt.timedelta | np.timedelta64):
        raise parameter_error("freq", value, _ALLOWED, owner)
    microseconds = to_microseconds(value, "freq")
    for named in _NAMED.values():
        if named.length == microseconds:
            return named
    return Frequency(duration_name(microseconds), length=microseconds, origin=_MONDAY)


def _months(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the months from 1970 to the one of each day."""
    if days.size:
        low, high = int(days.min()), int(days.max())
        # One look-up a day is several times quicker than the calendar's arithmetic.
        if high - low < days.size:
            return _months_of(np.arange(low, high + 1))[days - low]
    return _months_of(days)


def _months_of(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return days.astype("M8[D]").astype("M8[M]").astype(np.int64)


def _distinct(days: NDArray[np.int64]) -> NDArray[np.int64]:
    if days.size == 0:
        return days
    low, high = int(days.min()), int(days.max())
    if high - low >= days.size:
        return np.unique(days)
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[days - low] = True
    return np.flatnonzero(seen) + low


def _not_inferred(owner: str, reason: str, hint: str) -> ParameterError:
    return ParameterError(f"The 'freq' parameter of {owner} cannot be inferred: {reason}. {hint}")


def _hint(text: str) -> str:
    if text.lower() in _WORDS:
        return f"Write {_WORDS[text.lower()]!r}."
    if text.startswith("W-"):
        return "Weeks begin on Monday: with 'W' each time counts into its week."
    if text[:1] in ("Q", "Y", "A") and "-" in text:
        return "Quarters and years are those of the calendar: say 'M', or number your own periods and say 'I'."
    if text in ("B", "C"):
        return "Days that are never worked are gaps among days: say 'D'."
    multiple = _MULTIPLE.fullmatch(text)
    if multiple:
        return f"Several {multiple[2]!r} have no fixed length: say {multiple[2]!r}, or a duration in days."
    return ""
