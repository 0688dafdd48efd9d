"""The report as files: the page with its sections, and the table of customers."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from crmkit._validation import check_bool, check_option, parameter_error
from crmkit.churn import ChurnProfit
from crmkit.events import EventLog
from crmkit.exceptions import EventDataError, FewLevelsWarning, ParameterError
from crmkit.report import (
    _backtest,
    _churn,
    _cohorts,
    _customers,
    _honesty,
    _items,
    _overview,
    _segments,
    _time_machine,
    _value,
)
from crmkit.report._context import Context, Origin, as_pandas
from crmkit.report._figures import day
from crmkit.report._page import Section, note, page, paragraph
from crmkit.report._strings import LANGUAGES, Language

#: The sections of the page, in their order. Each module has a function `section(context)`, which gives None where
#: there is nothing that it could be about.
SECTIONS = (_overview, _segments, _cohorts, _backtest, _honesty, _time_machine, _value, _churn, _items, _customers)

FILE = "report.html"


@dataclass(frozen=True)
class Report:
    """What `write_report` and `report_file` have written.

    Attributes
    ----------
    page : Path
        The report.
    customers : Path
        The table of customers.
    headlines : tuple of str
        What the report says in short.
    """

    page: Path
    customers: Path
    headlines: tuple[str, ...]


def write_report(
    log: EventLog,
    folder: str | Path,
    *,
    name: str = "",
    profit: ChurnProfit | None = None,
    language: Language = "en",
    verbose: bool = False,
) -> Report:
    """Analyse a log, and write the report and the table of its customers into a folder.

    Parameters
    ----------
    log : EventLog
        With at least one purchase.
    folder : path
        Made where it is missing. ``report.html`` and ``customers.csv`` in it are overwritten.
    name : str, default=""
        What the report calls the data.
    profit : ChurnProfit, default=None
        What keeping a customer is worth, one number for all, and what a campaign costs. None: the money that a
        customer who buys brings within the horizon, and shares of it, as the report says.
    language : {"en", "zh"}, default="en"
        English or Chinese.
    verbose : bool, default=False
        Whether to say on standard error what is being done.

    Returns
    -------
    Report
        The two paths, and what the report says in short.

    Raises
    ------
    EventDataError
        If the log has no purchase.
    ParameterError
        If an argument is not allowed.
    OSError
        If the folder cannot be written.

    See Also
    --------
    report_file : The same for a CSV or Parquet file.

    Notes
    -----
    The sections are described in the guide. Nothing random goes into a report that is not drawn with
    a fixed seed: the same log gives the same figures.

    Examples
    --------
    >>> import tempfile
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.report import write_report
    >>> log = EventLog.from_frame(load_cdnow().head(300), customer="customer_id", time="date", value="value")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_report(log.before("1997-01-15"), folder)
    ...     len(report.customers.read_text(encoding="utf-8").splitlines())
    112
    >>> report.headlines[0]
    '111 customers bought on 120 customer-days between 1997-01-01 and 1997-01-14; 7.2% of them...'
    """
    check_option("language", language, LANGUAGES, "write_report")
    say = said_on_stderr if check_bool("verbose", verbose, "write_report") else silent
    return write(log, Path(folder), Origin(name), language=language, say=say, profit=profit)


#: Forests compute in single precision, which ends at 3e38, and sums have to fit as well.
_MOST_MONEY = 1e25


def silent(_: str) -> None:
    """Say nothing."""


def said_on_stderr(what: str) -> None:
    """Say what is being done, apart from the results."""
    print(f"  … {what}", file=sys.stderr, flush=True)


def write(
    log: EventLog,
    folder: Path,
    origin: Origin,
    *,
    language: Language,
    say: Callable[[str], None],
    profit: ChurnProfit | None = None,
) -> Report:
    """Write the two files."""
    check_profit(profit)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    except OSError as error:
        raise OSError(f"The folder {str(folder)!r} cannot be made or written. Name another folder (--out).") from error
    if len(log) == 0 or not len(log.snapshot()):
        raise EventDataError("There is no purchase to report on.")
    most = float(np.nanmax(np.abs(log._store.money), initial=0.0))
    if most > _MOST_MONEY:
        raise EventDataError(
            f"One row holds the money {most:.3g}, more than there is. Correct the column of money, or name another."
        )
    context = Context(log if log.has_money else with_ones(log), language, origin, log.has_money, say, profit)
    with warnings.catch_warnings():
        # The sections say themselves where there are few customers or few levels.
        warnings.simplefilter("ignore", FewLevelsWarning)
        sections = list(filter(None, (_announced(module, context) for module in SECTIONS)))
        say(context.text("say.customers"))
        customers = _customers.write_customers(context, folder)
    path = folder / FILE
    path.write_text(_page_of(context, sections), encoding="utf-8")
    headlines = (re.sub(r"\*\*|`", "", section.headline) for section in sections)
    return Report(path, customers, tuple(filter(None, headlines)))


def check_profit(profit: object) -> None:
    """Refuse a campaign that a page of one figure for all cannot tell."""
    if profit is None:
        return
    if not isinstance(profit, ChurnProfit):
        raise parameter_error("profit", profit, "a ChurnProfit or None", "write_report")
    profit.validate()
    if isinstance(profit.value, str) or np.ndim(profit.value) or profit.budget is not None:
        raise ParameterError("A report takes one value for all customers, and no budget. Pass ChurnProfit(value=60).")


def _announced(module: Any, context: Context) -> Section | None:
    made: Section | None = module.section(context)
    if made is not None:
        context.say(context.text("say.section", title=made.title))
    return made


def _page_of(context: Context, sections: list[Section]) -> str:
    text, log = context.text, context.log
    if not context.has_money:
        sections[0].blocks.insert(0, note(text("page.no_money")))
    if not context.pen.can_draw:
        sections[0].blocks.insert(0, note(text("page.no_pictures")))
    subtitle = text(
        "page.subtitle",
        name=context.origin.name or "crmkit",
        first=day(log.first_time),
        last=day(log.last_time),
        as_of=day(log.observed_until),
    )
    return page(
        language=context.language,
        title=text("page.title"),
        subtitle=subtitle,
        in_short=text("page.in_short"),
        sections=sections,
        footer=[paragraph(text("page.made", version=version("crmkit")))],
    )


def with_ones(log: EventLog) -> EventLog:
    """Give each purchase of a log without money an amount of 1, so that RFM can count lines instead."""
    schema = log._schema
    frame = as_pandas(log.to_frame())  # a frame, not its arrays: those of polars forget the zone of times
    amount = "amount"
    while amount in frame:
        amount += "_"
    return EventLog.from_frame(
        frame.assign(**{amount: 1.0}),
        customer=schema.customer,
        time=schema.time,
        value=amount,
        item=schema.item,
        order=schema.order,
        kind=schema.kind,
        purchases=schema.purchases or None,
        observed_until=log.observed_until,
        tz=schema.tz,
    )
