"""Durations such as ``"90D"``, and their arithmetic in whole microseconds.

A duration has a fixed length. Months and years have none (a month is 28 to 31 days), so they are
refused here; only `TIME_UNITS`, which scale figures such as ``recency``, know an average month.
"""

from __future__ import annotations

import datetime as dt
import re
from fractions import Fraction
from typing import Final

import numpy as np

from crmkit.exceptions import ParameterError

__all__ = ["TIME_UNITS", "duration_name", "instant_name", "time_unit_microseconds", "to_microseconds"]

_MICROSECONDS: Final = {
    "W": 604_800_000_000,
    "D": 86_400_000_000,
    "h": 3_600_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}

TIME_UNITS: Final = {
    "D": _MICROSECONDS["D"],
    "W": _MICROSECONDS["W"],
    "M": 2_629_800_000_000,  # 30.4375 days, a twelfth of the year below
    "Y": 31_557_600_000_000,  # 365.25 days
}
"""Microseconds of each unit in which figures such as ``recency`` and ``T`` are given."""

# numpy's fixed units in microseconds; "ns" and finer are fractions of one.
_NUMPY_UNITS: Final = {
    **{unit: Fraction(size) for unit, size in _MICROSECONDS.items() if unit != "min"},
    "m": Fraction(_MICROSECONDS["min"]),
    "ns": Fraction(1, 10**3),
    "ps": Fraction(1, 10**6),
    "fs": Fraction(1, 10**9),
    "as": Fraction(1, 10**12),
}

# 10,000 years: far beyond every log, and three such durations added to a time still fit in int64.
_LONGEST: Final = 10_000 * TIME_UNITS["Y"]

_TEXT: Final = re.compile(r"\s*(?P<sign>[+-]?)\s*(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?P<unit>[^\W\d_]+)\s*")
_BARE_NUMBER: Final = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*")

_MONTHS: Final = frozenset(["M", "MS", "ME", "mo", "mon", "month", "months"])
_QUARTERS: Final = frozenset(["Q", "QS", "QE", "q", "quarter", "quarters"])
_YEARS: Final = frozenset(["Y", "YS", "YE", "y", "yr", "yrs", "year", "years", "A", "a"])
_OTHER_SPELLINGS: Final = {
    **dict.fromkeys(["w", "wk", "wks", "week", "weeks"], "W"),
    **dict.fromkeys(["d", "day", "days"], "D"),
    **dict.fromkeys(["H", "hr", "hrs", "hour", "hours"], "h"),
    **dict.fromkeys(["T", "mins", "minute", "minutes", "Min", "MIN"], "min"),
    **dict.fromkeys(["S", "sec", "secs", "second", "seconds"], "s"),
    **dict.fromkeys(["L", "millisecond", "milliseconds"], "ms"),
    **dict.fromkeys(["U", "µs", "μs", "microsecond", "microseconds"], "us"),
}

_ALLOWED: Final = (
    f"a number and a unit of fixed length ({', '.join(_MICROSECONDS)}), such as '90D' or '36h', or a datetime.timedelta"
)


def to_microseconds(value: object, name: str, *, allow_zero: bool = False) -> int:
    """Return a duration in whole microseconds.

    Parameters
    ----------
    value : str, datetime.timedelta, pandas.Timedelta or numpy.timedelta64
        The duration: a number and one of the units ``W D h min s ms us``, such as ``"90D"``,
        ``"1.5h"`` or ``"500ms"``, or an object of a fixed length.
    name : str
        Name of the parameter, for the error.
    allow_zero : bool, default=False
        Whether a duration of zero is legal.

    Returns
    -------
    int
        Microseconds, positive (or zero where that is allowed).

    Raises
    ------
    ParameterError
        If the value is a bare number, has a unit without a fixed length (month, quarter, year), is
        negative, is zero where that is not allowed, is missing, is not a whole number of
        microseconds, or is longer than 10,000 years.

    Examples
    --------
    >>> to_microseconds("36h", "horizon")
    129600000000
    >>> to_microseconds("0D", "gap", allow_zero=True)
    0
    """
    exact = _exact_microseconds(value, name)
    if exact.denominator != 1:
        raise _refusal(name, value, "It is not a whole number of microseconds, the precision of an event log.")
    if exact < 0:
        raise _refusal(name, value, "A duration cannot be negative.")
    if exact == 0 and not allow_zero:
        raise _refusal(name, value, "This duration must be longer than zero.")
    if exact > _LONGEST:
        raise _refusal(name, value, "It is longer than 10,000 years.")
    return int(exact)


def duration_name(microseconds: int) -> str:
    """Return the text of a duration, in the largest unit up to a day that divides it.

    Weeks are given in days, so that equal durations have one name: columns are named by it.

    Parameters
    ----------
    microseconds : int
        The duration.

    Returns
    -------
    str
        Such as ``"90D"``; `to_microseconds` reads it back.

    Examples
    --------
    >>> duration_name(to_microseconds("2W", "window"))
    '14D'
    >>> duration_name(5_400_000_000)
    '90min'
    """
    if microseconds == 0:
        return "0D"
    unit, size = next((unit, size) for unit, size in _MICROSECONDS.items() if unit != "W" and microseconds % size == 0)
    return f"{microseconds // size}{unit}"


def instant_name(instant: int | np.integer | np.datetime64) -> str:
    """Return the text of an instant, without the time of day where it is midnight.

    Parameters
    ----------
    instant : int or numpy.datetime64
        Whole numbers are microseconds since 1970.

    Returns
    -------
    str
        In ISO 8601 form.

    Examples
    --------
    >>> instant_name(np.datetime64("2011-09-01", "us"))
    '2011-09-01'
    >>> instant_name(5_400_000_000)
    '1970-01-01T01:30:00'
    """
    moment = instant if isinstance(instant, np.datetime64) else np.datetime64(int(instant), "us")
    return str(moment.astype("M8[us]")).removesuffix(".000000").removesuffix("T00:00:00")


def time_unit_microseconds(unit: object, name: str = "time_unit") -> int:
    """Return the microseconds of a unit in which figures are given.

    Parameters
    ----------
    unit : {'D', 'W', 'M', 'Y'}
        Day, week, month of 30.4375 days or year of 365.25 days.
    name : str, default='time_unit'
        Name of the parameter, for the error.

    Returns
    -------
    int
        Microseconds of one unit.

    Raises
    ------
    ParameterError
        If the unit is none of these.

    Examples
    --------
    >>> time_unit_microseconds("W")
    604800000000
    """
    if isinstance(unit, str) and unit in TIME_UNITS:
        return TIME_UNITS[unit]
    raise ParameterError(
        f"The {name!r} parameter must be one of 'D' (day), 'W' (week), 'M' (30.4375 days) or 'Y' (365.25 days). "
        f"Got {unit!r} instead."
    )


def _exact_microseconds(value: object, name: str) -> Fraction:
    # numpy.timedelta64 first: it is a number to Python (a subclass of numpy.signedinteger).
    if isinstance(value, np.timedelta64):
        return _from_numpy(value, name)
    if isinstance(value, dt.timedelta):
        whole = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        # pandas.Timedelta is a timedelta that also holds nanoseconds.
        return whole + Fraction(getattr(value, "nanoseconds", 0), 1_000)
    if isinstance(value, str):
        return _from_text(value, name)
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        raise _refusal(name, value, f"A bare number has no unit: write '{value}D' if these are days.")
    raise _refusal(name, value)


def _from_numpy(value: np.timedelta64, name: str) -> Fraction:
    unit, multiple = np.datetime_data(value.dtype)
    if np.isnat(value):
        raise _refusal(name, value, "It is missing.")
    if unit in ("Y", "M"):
        raise _refusal(name, value, _no_fixed_length("month" if unit == "M" else "year"))
    if unit not in _NUMPY_UNITS:
        raise _refusal(name, value, "It has no unit: write numpy.timedelta64(90, 'D') if these are days.")
    return int(value.astype(np.int64)) * multiple * _NUMPY_UNITS[unit]


def _from_text(text: str, name: str) -> Fraction:
    match = _TEXT.fullmatch(text)
    if match is None:
        if _BARE_NUMBER.fullmatch(text):
            raise _refusal(name, text, f"A bare number has no unit: write '{text.strip()}D' if these are days.")
        raise _refusal(name, text)
    unit = match["unit"]
    if unit not in _MICROSECONDS:
        raise _refusal(name, text, _unit_hint(match["number"], unit))
    number = Fraction(match["number"])
    return (-number if match["sign"] == "-" else number) * _MICROSECONDS[unit]


def _unit_hint(number: str, unit: str) -> str:
    if unit in _MONTHS:
        return _no_fixed_length("month")
    if unit in _QUARTERS:
        return _no_fixed_length("quarter")
    if unit in _YEARS:
        return _no_fixed_length("year")
    if unit == "m":
        return f"'m' may mean minutes or months: write '{number}min' for minutes, or months in days."
    if unit in _OTHER_SPELLINGS:
        return f"Write '{number}{_OTHER_SPELLINGS[unit]}'."
    return f"{unit!r} is not a unit."


def _no_fixed_length(unit: str) -> str:
    lengths, days = {"month": ("28 to 31", 30), "quarter": ("90 to 92", 91), "year": ("365 or 366", 365)}[unit]
    return f"A {unit} has no fixed length, it is {lengths} days: say '{days}D' instead."


def _refusal(name: str, value: object, hint: str = "") -> ParameterError:
    return ParameterError(f"The {name!r} parameter must be {_ALLOWED}. Got {value!r} instead. {hint}".rstrip())
