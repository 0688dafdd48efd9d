"""A file of purchases, read as a frame: what was said about it, what was assumed, and what could not be read."""

from __future__ import annotations

import csv
import difflib
import io
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crmkit.exceptions import ColumnNotFoundError, CrmkitError, EventDataError, ParameterError
from crmkit.report._dates import read_times
from crmkit.report._encoding import find_encoding, open_bytes
from crmkit.report._headings import guess_columns
from crmkit.report._numbers import read_numbers

_SEPARATORS = ",;\t|"
_PEEK_LINES = 20
_BEYOND = "(beyond the headings)"
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"SQLite": "a database",
}


@dataclass
class FileReading:
    """A file of events, as a frame.

    Attributes
    ----------
    frame : DataFrame
        Its usable columns, under their own headings.
    columns : dict of role to heading
        What each column was taken for.
    n_rows : int
        Rows of the file.
    encoding, separator : str or None
        How the text is written; None for Parquet.
    time_formats : tuple of str
        The forms in which times were read.
    dropped : list of (rule, count)
        Rows left out while reading.
    """

    frame: pd.DataFrame
    columns: dict[str, str]
    n_rows: int
    encoding: str | None = None
    separator: str | None = None
    time_formats: tuple[str, ...] = ()
    dropped: list[tuple[str, int]] = field(default_factory=list)


def read_events(
    path: Path,
    given: Mapping[str, str | None],
    *,
    time_format: str | None = None,
    encoding: str | None = None,
    tz: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> FileReading:
    """Read the columns of a CSV or Parquet file that make up an event log.

    Parameters
    ----------
    path : Path
        CSV with a line of headings, possibly compressed by gzip, or Parquet.
    given : mapping of role to heading or None
        The columns that the caller named.
    time_format, encoding : str, default=None
        How times and text are written; found out if None.
    tz : str, default=None
        The zone whose days are meant.
    say : callable, default=None
        Told what is being done.

    Returns
    -------
    FileReading

    Raises
    ------
    EventDataError, ColumnNotFoundError, ParameterError
        With one line that names the file or the column, and the next step.
    """
    _check_file(path)
    with open_bytes(path) as file:
        start = _first_bytes(file, path)
    if start.startswith(b"PAR1"):
        reading = _read_parquet(path, given)
    else:
        _check_text(start, path)
        say(f"{path.name}: finding its encoding")
        reading = _read_csv(path, given, find_encoding(path, encoding), say)
    if reading.n_rows == 0:
        raise EventDataError(f"{path} has headings but no rows.")
    return _typed(reading, time_format, tz, say)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise EventDataError(f"{path} is a folder. Name a CSV or Parquet file.")
    if not path.exists():
        near = difflib.get_close_matches(path.name, [one.name for one in path.parent.glob("*")], n=1)
        raise EventDataError(f"{path} does not exist.{f' Did you mean {near[0]!r}?' if near else ''}")
    if path.stat().st_size == 0:
        raise EventDataError(f"{path} is empty.")


def _first_bytes(file: Any, path: Path) -> bytes:
    try:
        start = bytes(file.read(4096))
    except (OSError, EOFError) as error:
        raise EventDataError(f"{path} cannot be read: {error}.") from error
    if not start.strip():
        raise EventDataError(f"{path} is empty.")
    return start


def _check_text(start: bytes, path: Path) -> None:
    what = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if what is None and b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "no text"
    if what is None and start.lstrip()[:1] in {b"<", b"{"}:
        what = "HTML or XML" if start.lstrip().startswith(b"<") else "JSON"
    if what is not None:
        raise EventDataError(f"{path} is not a table but {what}. Save it as CSV (UTF-8) or Parquet.")


def _read_parquet(path: Path, given: Mapping[str, str | None]) -> FileReading:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise CrmkitError(f"{path} is Parquet, which needs pyarrow: pip install pyarrow, or save it as CSV.") from error
    try:
        columns = _choose([str(name) for name in pq.read_schema(path).names], given)
        frame = pd.read_parquet(path, columns=list(dict.fromkeys(columns.values())))
    except (OSError, ValueError) as error:
        if isinstance(error, CrmkitError):
            raise
        raise EventDataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    return FileReading(frame.reset_index(drop=True), columns, len(frame))


def _read_csv(path: Path, given: Mapping[str, str | None], encoding: str, say: Callable[[str], None]) -> FileReading:
    separator, headings = _headings(path, encoding)
    columns = _choose(headings, given)
    say(f"{path.name}: reading {', '.join(dict.fromkeys(columns.values()))} ({encoding})")
    names = [*_distinct(headings), _BEYOND]
    wanted = [*dict.fromkeys(columns.values()), _BEYOND]
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        next(row for row in csv.reader(text, delimiter=separator) if row)  # the headings, replaced by ours
        try:
            frame = pd.read_csv(
                _Headed(names, separator, text), sep=separator, usecols=wanted, dtype=str, skipinitialspace=True,
                index_col=False,
            )  # fmt: skip  # two lines say it
        except (pd.errors.ParserError, ValueError) as error:
            raise EventDataError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error
    n_rows, long = len(frame), frame.pop(_BEYOND).notna().to_numpy()
    dropped = [("line with too many cells", int(long.sum()))] if long.any() else []
    return FileReading(frame[~long].reset_index(drop=True), columns, n_rows, encoding, separator, (), dropped)


class _Headed(io.TextIOBase):
    """The rows of a file under a line of headings of our own.

    That line has one heading more than the file, for the cells beyond its headings: pandas would cut
    them off, and a 12,50 without quotes would become 12.
    """

    def __init__(self, names: list[str], separator: str, rows: io.TextIOWrapper) -> None:
        line = io.StringIO()
        csv.writer(line, delimiter=separator).writerow(names)
        self._line = line.getvalue()
        self._rows = rows

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        line, self._line = self._line, ""
        return line or self._rows.read(size)


def _distinct(headings: list[str]) -> list[str]:
    """Give the later of two equal headings a number, so that the first keeps its name."""
    seen: dict[str, int] = {}
    names = []
    for heading in headings:
        seen[heading] = seen.get(heading, 0) + 1
        names.append(heading if seen[heading] == 1 else f"{heading}.{seen[heading]}")
    return names


def _headings(path: Path, encoding: str) -> tuple[str, list[str]]:
    """Find what stands between the cells, by the first lines of the file."""
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        lines = [line for line in itertools.islice(text, _PEEK_LINES) if line.strip()]
    if not lines:
        raise EventDataError(f"{path} is empty.")

    def cells(separator: str) -> list[int]:
        """How many cells each line has; empty ones at its end are none."""
        rows = csv.reader(lines, delimiter=separator)
        return [max((place for place, cell in enumerate(row, 1) if cell.strip()), default=0) for row in rows]

    def fit(separator: str) -> tuple[bool, int]:
        counts = cells(separator)
        alike = sum(count == counts[0] for count in counts) * 2 > len(counts)
        return alike and counts[0] > 1, counts[0]

    separator = max(_SEPARATORS, key=fit)
    n_headings, *others = cells(separator)
    if n_headings < 2:
        raise EventDataError(
            f"{path} is not a table: its first line is not cells separated by comma, semicolon, tab or |. It must hold "
            "the headings."
        )
    if sum(count > n_headings for count in others) * 2 > len(others):
        raise EventDataError(
            f"{path} has {n_headings} headings, and more cells in most of its lines. Put numbers and texts that hold a "
            f"{separator!r} in quotes."
        )
    return separator, [name.strip() for name in next(csv.reader(lines, delimiter=separator, skipinitialspace=True))]


def _choose(headings: list[str], given: Mapping[str, str | None]) -> dict[str, str]:
    for role, name in given.items():
        if name is not None and name not in headings:
            said = str(ColumnNotFoundError.from_name(role, name, headings))
            raise ColumnNotFoundError(said.replace(f"{role}=", f"--{role} ", 1).replace("the frame", "the file", 1))
    columns = guess_columns(headings, given)
    if given.get("price") is not None and "quantity" not in columns:
        raise ParameterError("--price needs --quantity: the money of a line is price times quantity.")
    for role, what in (("customer", "who bought"), ("time", "when")):
        if role not in columns:
            raise ParameterError(f"Say with --{role} which column tells {what}. The columns are {headings}.")
    return columns


def _typed(reading: FileReading, time_format: str | None, tz: str | None, say: Callable[[str], None]) -> FileReading:
    """Read times and numbers, and leave out the rows in which they cannot be read."""
    frame, columns = reading.frame.copy(), reading.columns
    say("reading times and numbers")
    times = read_times(frame[columns["time"]], f"--time {columns['time']!r}", time_format)
    if tz is None and str(getattr(times.times.dtype, "tz", None)) == "UTC":
        raise ParameterError(
            f"--time {columns['time']!r} holds times of UTC. Say with --tz whose days are meant, such as "
            "--tz Europe/London, or --tz UTC."
        )
    frame[columns["time"]] = times.times
    unreadable = {"unparseable time": times.unreadable}
    for role in ("value", "price", "quantity"):
        if role in columns:
            name = columns[role]
            frame[name], broken = read_numbers(frame[name], f"--{role} {name!r}")
            unreadable[f"not a number in {name}"] = broken
    frame[columns["customer"]] = _ids(frame[columns["customer"]])
    dropped = [(rule, int(mask.sum())) for rule, mask in unreadable.items() if mask.any()]
    keep = ~np.logical_or.reduce(list(unreadable.values()))
    reading.frame = frame if keep.all() else frame[keep].reset_index(drop=True)
    reading.dropped += dropped
    reading.time_formats = times.formats
    return reading


def _ids(cells: pd.Series) -> pd.Series:
    """Read ids that are whole numbers as such: a missing one turns 17850 into 17850.0 in many programs."""
    if cells.dtype.kind == "f":
        whole = cells.dropna()
        return cells.astype("Int64") if bool((whole == np.floor(whole)).all()) else cells
    if cells.dtype.kind in "iub" or not pd.api.types.is_string_dtype(cells.dropna()):
        return cells
    text = cells.str.strip()
    text = text.where(text != "")
    filled = text.dropna()
    # A leading zero is part of the id, and 19 digits do not fit.
    if len(filled) and bool(filled.str.fullmatch(r"(?:0|[1-9]\d{0,17})(?:\.0+)?").all()):
        return pd.to_numeric(text.str.replace(r"\.0+$", "", regex=True)).astype("Int64")
    return text
