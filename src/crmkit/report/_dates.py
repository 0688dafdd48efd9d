"""Dates as people write them in files, and the refusal to guess which number is the day."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmkit.exceptions import EventDataError, ParameterError

_DATE = re.compile(
    r"(?P<year_first>\d{4}(?P<a>[-/.年])\d{1,2}(?P<b>[-/.月])\d{1,2}(?P<end>日?))"
    r"|(?P<compact>\d{8}(?:\d{6}|\d{4})?(?!\d))"
    r"|(?P<two>\d{1,2}(?P<c>[-/.])\d{1,2}(?P=c)(?P<year>\d{4}|\d{2})(?!\d))"
)
_TIME = re.compile(
    r"(?P<gap>[T ]?\s*)\d{1,2}(?P<h>[:时])\d{2}(?P<m>分?)(?P<second>:?\d{2}(?P<s>秒?)(?P<fraction>\.\d+)?)?"
    r"(?P<half>\s*[AaPp][Mm])?(?P<zone>\s*(?:Z|[+-]\d{2}:?\d{2}))?$"
)
_EPOCH = {"s": 1000, "ms": 1}
_LAYOUTS = 8
_TELL = "Say its form with --time-format, such as '%d/%m/%Y %H:%M'."


@dataclass(frozen=True)
class Times:
    """A column of times that was read.

    Attributes
    ----------
    times : Series of datetimes
        Missing where a cell is empty or cannot be read.
    unreadable : ndarray of bool
        Which cells hold something that is not a time.
    formats : tuple of str
        The forms in which text was read.
    """

    times: pd.Series
    unreadable: np.ndarray
    formats: tuple[str, ...] = ()


def read_times(cells: pd.Series, name: str, time_format: str | None = None) -> Times:
    """Read a column of times.

    Parameters
    ----------
    cells : Series
        Datetimes, dates, text, or numbers such as 20111209.
    name : str
        What an error calls the column.
    time_format : str, default=None
        A form of `datetime.datetime.strptime`, or "s" or "ms" for numbers counted since 1970. By
        default it is found, and refused if the day and the month cannot be told apart.

    Returns
    -------
    Times

    Raises
    ------
    EventDataError
        If most cells are no times, or the form is ambiguous over the whole column.
    """
    if time_format in _EPOCH:
        since = pd.to_numeric(cells, errors="coerce") * _EPOCH[str(time_format)]
        return _checked(cells, pd.to_datetime(since, unit="ms", errors="coerce"), name, (str(time_format),))
    if cells.dtype.kind == "M":
        return Times(cells, np.zeros(len(cells), dtype=np.bool_))
    if cells.dtype == object and not cells.map(lambda cell: isinstance(cell, str) or pd.isna(cell)).all():
        return Times(pd.to_datetime(cells, errors="coerce"), np.zeros(len(cells), dtype=np.bool_))
    text = _as_text(cells)
    if time_format is not None:
        try:
            times = pd.to_datetime(text, format=time_format, errors="coerce")
        except ValueError as error:
            raise ParameterError(f"--time-format {time_format!r} is not a form of dates: {error}.") from error
        return _checked(text, times, name, (time_format,))
    return _found(text, name)


def _as_text(cells: pd.Series) -> pd.Series:
    if cells.dtype.kind in "iuf":
        return cells.map(lambda cell: f"{cell:.0f}", na_action="ignore").astype("str")
    return cells.astype("str").where(cells.notna()).str.strip()


def _found(text: pd.Series, name: str) -> Times:
    """Read text layout by layout: each is that of the first cell that the earlier ones could not read."""
    filled = text[text.notna() & (text != "")]
    unique = pd.Series(filled.unique())  # a day has many orders
    readings: list[tuple[str, pd.Series]] = []
    left = unique
    for _ in range(_LAYOUTS):
        if left.empty:
            break
        options = _forms(left.iloc[0])
        if not options:
            left = left.iloc[1:] if not readings else _next_known(left)
            continue
        form, times = _only_reading(left, options, name)
        readings.append((form, times[times.notna()]))
        left = left[times.isna()]
    zoned = {"%z" in form for form, _ in readings}
    if len(zoned) > 1:
        raise EventDataError(f"{name} mixes times with a zone and times without one. Give all of them a zone, or none.")
    if readings:
        by_text = pd.concat([pd.Series(times.array, index=unique[times.index]) for _, times in readings])
        times = filled.map(by_text).reindex(text.index)
    else:
        times = pd.Series(pd.NaT, index=text.index)
    return _checked(text, times, name, tuple(dict.fromkeys(form for form, _ in readings)))


def _next_known(left: pd.Series) -> pd.Series:
    """Skip the cells whose form is not known."""
    known = left.map(lambda cell: bool(_forms(cell)))
    return left[known]


def _forms(cell: str) -> list[str]:
    """Return the forms in which a cell may be meant: several where day and month may be swapped."""
    date = _DATE.match(cell)
    if date is None:
        return []
    time = _time_form(cell[date.end() :])
    if time is None:
        return []
    if date["year_first"]:
        return [f"%Y{date['a']}%m{date['b']}%d{date['end']}{time}"]
    if date["compact"]:
        return [{8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(date["compact"])] + time]
    c, year = date["c"], "%Y" if len(date["year"]) == 4 else "%y"
    forms = [f"%d{c}%m{c}{year}", f"%m{c}%d{c}{year}"]
    if year == "%y":
        forms.append(f"%y{c}%m{c}%d")
    return [form + time for form in forms]


def _time_form(rest: str) -> str | None:
    if not rest.strip():
        return ""
    found = _TIME.match(rest.rstrip())
    if found is None:
        return None
    hour = "%I" if found["half"] else "%H"
    seconds = ""
    if found["second"]:
        seconds = f"{':' if found['second'].startswith(':') else ''}%S{found['s']}{'.%f' if found['fraction'] else ''}"
    half = f"{' ' if found['half'].startswith(' ') else ''}%p" if found["half"] else ""
    zone = f"{' ' if found['zone'].startswith(' ') else ''}%z" if found["zone"] else ""
    return f"{found['gap']}{hour}{found['h']}%M{found['m']}{seconds}{half}{zone}"


def _only_reading(cells: pd.Series, forms: list[str], name: str) -> tuple[str, pd.Series]:
    """Read cells in the one form that reads all that any of the forms can read."""
    # Offsets may differ from row to row; the log is told its zone by --tz.
    parsed = {form: pd.to_datetime(cells, format=form, errors="coerce", utc="%z" in form) for form in forms}
    readable = {form: times.notna().to_numpy() for form, times in parsed.items()}
    most = np.logical_or.reduce(list(readable.values()))
    whole = [form for form in forms if (readable[form] == most).all()]
    different = [form for form in whole[1:] if not parsed[form].equals(parsed[whole[0]])]
    if len(whole) == 1 or (whole and not different):
        return whole[0], parsed[whole[0]]
    if whole:
        two = " or ".join(f"--time-format {form!r}" for form in whole[:2])
        raise EventDataError(f"{name} holds {cells.iloc[0]!r}, in which either number may be the day. Say {two}.")
    raise EventDataError(
        f"{name} mixes dates that begin with the day and dates that begin with the month, such as {cells.iloc[0]!r}. "
        f"Make them one form, or say one with --time-format {forms[0]!r}: rows in another one are then left out."
    )


def _checked(cells: pd.Series, times: pd.Series, name: str, formats: tuple[str, ...]) -> Times:
    empty = cells.isna().to_numpy() | (cells.astype("str") == "").to_numpy()
    unreadable = times.isna().to_numpy() & ~empty
    if unreadable.sum() * 2 > (~empty).sum():
        row = int(np.argmax(unreadable))
        cell = str(cells.iloc[row])
        said = f"It does not have the form {formats[0]!r}." if formats else _TELL
        if re.fullmatch(r"\d{10}|\d{13}", cell):
            said = f"If it counts from 1970, say --time-format {'s' if len(cell) == 10 else 'ms'}."
        raise EventDataError(f"{name} holds {cell!r} in row {row + 1}, which cannot be read as a time. {said}")
    return Times(times, unreadable, formats)
