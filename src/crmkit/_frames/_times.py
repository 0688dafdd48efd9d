"""Columns of times as int64 microseconds of wall-clock time in one zone.

In a zone with summer time one hour of autumn is read twice from the clock. Wall-clock time alone
cannot tell the two passes apart, so a `TimeColumn` carries the instants too where that matters.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames._ids import is_all_null
from crmkit.exceptions import ParameterError

_OFFSET = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)\s*$")
_ISO_DAY = re.compile(r"^\s*\d{4}-\d{1,2}-\d{1,2}|^\s*\d{8}\b")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
_MISSING = np.iinfo(np.int64).min


@dataclass(frozen=True)
class TimeColumn:
    """A column of times.

    Attributes
    ----------
    wall : ndarray of int64, shape (n,)
        Microseconds since 1970 on the wall clock of `zone`; the least int64 where `missing`.
    missing : ndarray of bool or None
        Cells that are null.
    unparseable : ndarray of bool or None
        Text that is not a date.
    zone : str or None
        Zone of the wall clock.
    aware : bool
        The cells themselves said their zone.
    second_pass : ndarray of bool or None
        Cells in the second pass of an hour that the clock shows twice; None where there are none.
    """

    wall: NDArray[np.int64]
    missing: NDArray[np.bool_] | None
    unparseable: NDArray[np.bool_] | None
    zone: str | None
    aware: bool
    second_pass: NDArray[np.bool_] | None


def time_column(series: nw.Series[Any], parameter: str, tz: str | None) -> TimeColumn:
    """Read a column of times.

    Parameters
    ----------
    series : narwhals Series
        Dates, times of any unit, naive or aware, or text in ISO 8601 order (year first).
    tz : str or None
        Labels naive times, converts aware ones. An aware column keeps its own zone without it,
        save UTC: databases store instants in UTC, and whose days those are has to be said.
    """
    native = series.to_native()
    if isinstance(native, pd.Series) and isinstance(native.dtype, pd.DatetimeTZDtype):
        # narwhals 2 knows no dtype for zones such as America/New_York, with a _ or - or digit in the name.
        utc = native.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return _aware(utc, None, str(native.dtype.tz), parameter, series.name, tz)
    # A column of nothing has no unit that could be guessed wrongly, whatever type it was given.
    if len(series) == 0 or is_all_null(series):
        return _naive(np.full(len(series), np.datetime64("NaT", "us")), None, tz)
    dtype = series.dtype
    if dtype == nw.Date:
        series = series.cast(nw.Datetime("us"))
        dtype = series.dtype
    if isinstance(dtype, nw.Datetime):
        if dtype.time_zone is None:
            return _naive(series.to_numpy(), None, tz)
        utc = np.asarray(series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy())
        return _aware(utc, None, dtype.time_zone, parameter, series.name, tz)
    if dtype in (nw.String, nw.Object, nw.Categorical):
        return _objects(np.asarray(series.to_numpy(), dtype=object), parameter, series.name, tz)
    raise ParameterError(
        f"{parameter}={series.name!r} is a column of {dtype}, not of times. Numbers are not read as times, since "
        "their unit would be a guess: convert them first, for example with pandas.to_datetime(..., unit='s')."
    )


def _microseconds(times: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    micro = np.ascontiguousarray(np.asarray(times).astype("M8[us]", copy=False)).view(np.int64)
    missing = micro == _MISSING if micro.size and micro.min() == _MISSING else None
    return micro, missing


def _naive(times: NDArray[Any], unparseable: NDArray[np.bool_] | None, tz: str | None) -> TimeColumn:
    wall, missing = _microseconds(times)
    if missing is not None and unparseable is not None:
        missing = missing & ~unparseable
    return TimeColumn(wall, missing, unparseable, tz if tz is None else check_zone(tz), False, None)


def _aware(
    utc: NDArray[Any], unparseable: NDArray[np.bool_] | None, zone: str, parameter: str, name: str, tz: str | None
) -> TimeColumn:
    if tz is None and _is_utc(zone):
        raise ParameterError(
            f"{parameter}={name!r} holds times in UTC. Days are the days of one zone: say which with tz=, for example "
            "tz='Europe/London', or tz='UTC' if days of UTC are meant."
        )
    zone = check_zone(zone if tz is None else tz)
    micro, missing = _microseconds(utc)
    index = pd.DatetimeIndex(micro.view("M8[us]")).tz_localize("UTC").tz_convert(zone)
    wall, _ = _microseconds(index.tz_localize(None).to_numpy())
    if missing is not None and unparseable is not None:
        missing = missing & ~unparseable
    return TimeColumn(wall, missing, unparseable, zone, True, _second_pass(wall, micro, zone))


def _second_pass(wall: NDArray[np.int64], utc: NDArray[np.int64], zone: str) -> NDArray[np.bool_] | None:
    """Where the same wall clock, read in its first pass, would be an earlier instant."""
    naive = pd.DatetimeIndex(wall.view("M8[us]"))
    first = naive.tz_localize(zone, ambiguous=np.ones(len(wall), dtype=np.bool_), nonexistent="shift_forward")
    instants, _ = _microseconds(first.tz_convert("UTC").tz_localize(None).to_numpy())
    second = instants < utc
    return second if second.any() else None


def _objects(cells: NDArray[Any], parameter: str, name: str, tz: str | None) -> TimeColumn:
    """Text and Python objects, cell by cell where pandas cannot read them at once."""
    missing = np.asarray(pd.isna(cells), dtype=np.bool_)
    given = cells[~missing]
    numpy_times = np.array([isinstance(cell, np.datetime64) for cell in given], dtype=np.bool_)
    if numpy_times.any():
        given[numpy_times] = [pd.Timestamp(cell.astype("M8[us]")) for cell in given[numpy_times]]
    text = np.array([isinstance(cell, str) for cell in given], dtype=np.bool_)
    aware = np.array(
        [
            bool(_OFFSET.search(cell)) if isinstance(cell, str) else getattr(cell, "tzinfo", None) is not None
            for cell in given
        ],
        dtype=np.bool_,
    )
    # A text that does not begin with a year is not ISO 8601, and reading it would be a guess.
    broken = np.array([isinstance(cell, str) and not _ISO_DAY.match(cell) for cell in given], dtype=np.bool_)
    foreign = [cell for cell, is_text in zip(given, text, strict=True) if not is_text and not hasattr(cell, "year")]
    said = parameter if name == parameter else f"{parameter}={name!r}"  # dates that a caller wrote are no column
    if foreign:
        raise ParameterError(
            f"{said} holds {foreign[0]!r}, which is not a time. Convert what is not first, "
            "for example with pandas.to_datetime."
        )
    aware &= ~broken
    if aware.any() and not aware[~broken].all():
        raise ParameterError(
            f"{said} mixes naive times with times that say their zone ({int(aware.sum()):,} of "
            f"{len(given):,}). Give all of them a zone, or none."
        )
    parsed = np.full(len(cells), np.datetime64("NaT"), dtype="M8[us]")
    is_aware = bool(aware.any())
    readable = given.copy()
    readable[broken] = None
    values = pd.to_datetime(
        pd.Series(readable),
        format="ISO8601" if text.any() else None,
        errors="coerce",
        utc=is_aware,
    )
    parsed[~missing] = (values.dt.tz_localize(None) if is_aware else values).to_numpy().astype("M8[us]")
    unparseable = np.isnat(parsed) & ~missing
    bad = unparseable if unparseable.any() else None
    if not is_aware:
        return _naive(parsed, bad, tz)
    zones = {_zone_of(cell) for cell in given[aware]}
    return _aware(parsed, bad, zones.pop() if len(zones) == 1 else "UTC", parameter, name, tz)


def _zone_of(cell: Any) -> str:
    """The zone that a cell says; text says an offset, which is no zone whose days could be meant."""
    return "UTC" if isinstance(cell, str) else str(cell.tzinfo)


def _is_utc(zone: str) -> bool:
    return zone in {"UTC", "Etc/UTC", "UCT", "Zulu", "GMT", "Etc/GMT", "UTC+00:00", "+00:00"}


def check_zone(zone: Any) -> str:
    """The name of a zone that exists."""
    try:
        pd.DatetimeIndex([]).tz_localize(zone if isinstance(zone, str) else "")
    except Exception as error:
        raise ParameterError(
            f"tz={zone!r} is not a time zone. Give an IANA name such as 'Europe/London' or 'Asia/Shanghai'."
        ) from error
    return str(zone)


def instants(values: Any, parameter: str, zone: str | None) -> NDArray[np.int64]:
    """Read dates that a caller gives (``"2011-09-01"``, datetimes, an index) as wall-clock microseconds.

    Aware times are converted to the zone of the log, naive ones are read on its clock.
    """
    plain = _plain_instants(values)
    if plain is not None:
        return plain
    if (
        isinstance(values, str)
        or not isinstance(values, Iterable)
        or (isinstance(values, np.ndarray) and values.ndim == 0)
    ):
        values = values.reshape(1) if isinstance(values, np.ndarray) else [values]
    if isinstance(values, pd.DatetimeIndex):
        series = nw.from_native(pd.Series(values), series_only=True)
    else:
        native = nw.from_native(values, series_only=True, pass_through=True)
        series = native if isinstance(native, nw.Series) else _series_of(values, parameter)
    # Without a zone of the log any will do: aware times are refused below, in words that fit.
    column = time_column(series, parameter, zone or "UTC")
    if column.aware and zone is None:
        raise ParameterError(
            f"{parameter} says a time zone but the log has none. Give a naive time, or build the log with tz=."
        )
    for broken in (column.missing, column.unparseable):
        if broken is not None and broken.any():
            cell = series[int(np.argmax(broken))]
            raise ParameterError(
                f"{parameter} holds {cell!r}, which is not a date. Write dates with the year first, such as "
                "'2011-09-01' or '2011-09-01 12:30'."
            )
    return column.wall


def instant(value: Any, parameter: str, zone: str | None) -> int:
    """Read one date, as `instants` does."""
    micro = instants(value, parameter, zone)
    if len(micro) != 1:
        raise ParameterError(f"{parameter} must be one date, such as '2011-09-01'. Got {len(micro)} of them.")
    return int(micro[0])


def _plain_instants(values: Any) -> NDArray[np.int64] | None:
    """A few naive dates, read without a detour through a series (5 ms); None for everything else."""
    cells = values if isinstance(values, list | tuple) else [values]
    for cell in cells:
        naive = isinstance(cell, dt.datetime) and cell.tzinfo is None
        if not (naive or isinstance(cell, np.datetime64) or (isinstance(cell, str) and _PLAIN.fullmatch(cell))):
            return None
    try:
        micro = np.array([np.datetime64(cell, "us") for cell in cells], dtype="M8[us]").view(np.int64)
    except (ValueError, TypeError):  # pandas.NaT is a datetime that numpy cannot read
        return None
    return None if (micro == _MISSING).any() else micro


def _series_of(values: Iterable[Any], parameter: str) -> nw.Series[Any]:
    if not isinstance(values, np.ndarray):
        values = list(values)
    elif values.ndim != 1:
        raise ParameterError(f"{parameter} must be dates in one dimension. Got an array of shape {values.shape}.")
    if isinstance(values, list):
        values = pd.Series(values, dtype=object)
    return nw.from_native(pd.Series(values, name=parameter), series_only=True)


def localize(wall: NDArray[np.int64], zone: str, second_pass: NDArray[np.bool_] | None) -> pd.DatetimeIndex:
    """Wall-clock microseconds as aware times."""
    first = np.ones(len(wall), dtype=np.bool_) if second_pass is None else ~second_pass
    return pd.DatetimeIndex(wall.view("M8[us]")).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
