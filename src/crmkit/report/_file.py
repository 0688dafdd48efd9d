"""From a file to its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crmkit._decisions import mean_accept_rate
from crmkit._frames import instants
from crmkit._validation import check_bool, check_option
from crmkit.churn import ChurnProfit
from crmkit.events import EventLog
from crmkit.exceptions import EventDataError, ParameterError
from crmkit.report._context import Origin
from crmkit.report._headings import command
from crmkit.report._read_file import FileReading, read_events
from crmkit.report._strings import LANGUAGES, Language, sentence
from crmkit.report._write import Report, check_profit, said_on_stderr, silent, write


def report_file(
    path: str | Path,
    folder: str | Path = "crmkit-report",
    *,
    customer: str | None = None,
    time: str | None = None,
    value: str | None = None,
    price: str | None = None,
    quantity: str | None = None,
    item: str | None = None,
    order: str | None = None,
    kind: str | None = None,
    purchases: str | None = None,
    time_format: str | None = None,
    encoding: str | None = None,
    tz: str | None = None,
    as_of: str | None = None,
    profit: ChurnProfit | None = None,
    language: Language = "en",
    verbose: bool = False,
) -> Report:
    r"""Analyse a CSV or Parquet file, and write the report and the table of its customers into a folder.

    Columns that are not named are taken by their headings, in English or Chinese; rows that cannot
    be purchases are left out and counted in the report, and so is everything that was assumed.

    Parameters
    ----------
    path : path
        CSV with a line of headings, possibly compressed by gzip, or Parquet.
    folder : path, default="crmkit-report"
        Made where it is missing. ``report.html`` and ``customers.csv`` in it are overwritten.
    customer, time, value, price, quantity, item, order, kind : str, default=None
        Headings of the columns, as in `EventLog.from_frame`.
    purchases : str, default=None
        The kinds that are purchases, separated by commas; needed with `kind`.
    time_format : str, default=None
        How times are written, as in `datetime.datetime.strptime`; or "s" or "ms" for numbers counted
        since 1970. Found out if None, and refused where the day and the month cannot be told apart.
    encoding : str, default=None
        How text is written. If None, UTF-8, GB18030 and Latin-1 are tried.
    tz : str, default=None
        Time zone whose days are meant; needed where the file holds times of UTC.
    as_of : str, default=None
        Report as if it were this day: nothing at or after it is looked at.
    profit : ChurnProfit, default=None
        What a campaign earns and costs, as in `write_report`.
    language : {"en", "zh"}, default="en"
        Language of the report.
    verbose : bool, default=False
        Whether to say what is being done on standard error, and what was assumed on standard output.

    Returns
    -------
    Report
        The two paths, and what the report says in short.

    Raises
    ------
    EventDataError
        If the file is not a table of purchases; it says in one line why.
    ColumnNotFoundError, ParameterError
        If a column is not there, or an argument is not allowed.
    OSError
        If the file cannot be read or the folder cannot be written.

    See Also
    --------
    write_report : The same for an event log.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from crmkit.report import report_file
    >>> rows = "客户ID,下单时间,金额\n1,2024/1/5,20\n2,2024/1/9,35\n1,2024/2/1,15\n,2024/2/2,9\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "orders.csv")
    ...     _ = file.write_text(rows, encoding="gb18030")
    ...     report = report_file(file, folder)
    >>> report.headlines[0]
    '2 customers bought on 3 customer-days between 2024-01-05 and 2024-02-01; 50% of them...'
    """
    check_option("language", language, LANGUAGES, "report_file")
    check_bool("verbose", verbose, "report_file")
    check_profit(profit)
    path = Path(path)
    say = said_on_stderr if verbose else silent
    given = {
        "customer": customer, "time": time, "value": value, "price": price, "quantity": quantity, "item": item,
        "order": order, "kind": kind,
    }  # fmt: skip  # the roles of columns, in their order
    _check(given, purchases)
    reading = read_events(path, given, time_format=time_format, encoding=encoding, tz=tz, say=say)
    options = {
        **{role: reading.columns.get(role) for role in given},
        "purchases": purchases,
        "time_format": time_format or (reading.time_formats[0] if len(reading.time_formats) == 1 else None),
        "encoding": encoding or reading.encoding,
        "tz": tz,
        "as_of": as_of,
        "campaign": None if profit is None else _campaign(profit),
        "language": language if language != "en" else None,
    }
    notes = tuple(_notes(reading, language))
    origin = Origin(path.name, reading.n_rows, tuple(reading.dropped), notes, command(str(path), options))
    if verbose:
        print(sentence("say.assumed", language, what="; ".join(notes)))
        print(sentence("say.command", language, command=origin.command), flush=True)
    say(sentence("say.log", language, rows=f"{len(reading.frame):,}"))
    log = _log(path, reading, purchases, tz)
    if as_of is not None:
        log = _before(log, as_of)
    return write(log, Path(folder), origin, language=language, say=say, profit=profit)


def _check(given: dict[str, str | None], purchases: str | None) -> None:
    if given["value"] is not None and given["price"] is not None:
        raise ParameterError("Give --value, the money of the line, or --price with --quantity, but not both.")
    if given["kind"] is not None and purchases is None:
        raise ParameterError("--kind needs --purchases: say which kinds are purchases, such as --purchases order.")
    if purchases is not None and given["kind"] is None:
        raise ParameterError("--purchases needs --kind: say which column holds the kinds.")


def _campaign(profit: ChurnProfit) -> str:
    """What `--campaign` takes."""
    rate = mean_accept_rate(profit.accept_rate)
    return ",".join(f"{one:.12g}" for one in (profit.value, profit.incentive, profit.contact, rate))


def _notes(reading: FileReading, language: Language) -> list[str]:
    columns = ", ".join(f"{role} = {name}" for role, name in reading.columns.items())
    notes = [sentence("read.columns", language, columns=columns)]
    if not {"value", "price"} & reading.columns.keys():
        notes.append(sentence("read.no_money", language))
    if reading.encoding is not None:
        notes.append(sentence("read.encoding", language, encoding=reading.encoding))
    if reading.time_formats:
        notes.append(sentence("read.time", language, forms=", ".join(reading.time_formats)))
    return notes


def _log(path: Path, reading: FileReading, purchases: str | None, tz: str | None) -> EventLog:
    kinds = None if purchases is None else [kind.strip() for kind in purchases.split(",")]
    columns: dict[str, Any] = dict(reading.columns)
    log = EventLog.from_frame(reading.frame, **columns, purchases=kinds, tz=tz, invalid="drop")
    if len(log) and len(log.snapshot()):
        return log
    counted = zip(log.quality["rule"], log.quality["rows"], strict=True)
    found = [f"{rule} ({count:,})" for rule, count in (*reading.dropped, *counted) if count and rule != "dropped"]
    kinds_found = f" The kinds are {[str(kind) for kind in log.kinds]}." if kinds is not None else ""
    faults = ", ".join(found) or "no fault"
    raise EventDataError(f"{path} has no row that is a purchase, of {reading.n_rows:,}. Found: {faults}.{kinds_found}")


def _before(log: EventLog, as_of: str) -> EventLog:
    """The log as it was on a day."""
    end = instants(as_of, "--as-of", log.tz)[0].astype("M8[us]")
    if end > log.observed_until:
        last = str(log.observed_until)[:10]
        raise ParameterError(f"--as-of {as_of}: the data end on {last}. Take that day or an earlier one.")
    if log.first_time is None or end <= log.first_time:
        raise ParameterError(f"--as-of {as_of}: the data begin on {str(log.first_time)[:10]}. Take a later day.")
    return log.before(as_of)
