"""What all sections of a report share, made once and when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from crmkit.churn import ChurnProfit
from crmkit.events import EventLog, Snapshots
from crmkit.features import RFMTransformer
from crmkit.report._next_items import ItemTest, NextItems, item_test_of, next_items_of
from crmkit.report._outlook import Outlook, Rehearsal, outlook_of, rehearsal_of
from crmkit.report._pictures import Pen
from crmkit.report._silence import Silence, silence_of
from crmkit.report._strings import Language, sentence
from crmkit.report._study import Impossible, Study, study_of


@dataclass(frozen=True)
class Origin:
    """Where a log comes from, as the first page of its report tells it.

    Attributes
    ----------
    name : str
        Of the file, or of the data set.
    n_rows : int or None
        Rows of the file, where the log does not know all of them.
    dropped : tuple of (rule, count)
        Rows left out before the log was built.
    notes : tuple of str
        What was assumed while reading.
    command : str
        The command that says all that was assumed.
    """

    name: str
    n_rows: int | None = None
    dropped: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    command: str = ""


@dataclass
class Context:
    """A log, the language of its report, and the figures that several sections need.

    Attributes
    ----------
    log : EventLog
    language : {"en", "zh"}
    origin : Origin
    has_money : bool
        Whether the money of the log is real, and not a one for each purchase.
    say : callable
        Told what is being done.
    profit : ChurnProfit or None
        What keeping a customer is worth and trying costs; None for what the data and rules of thumb say.
    """

    log: EventLog
    language: Language = "en"
    origin: Origin = field(default_factory=lambda: Origin(""))
    has_money: bool = True
    say: Callable[[str], None] = lambda _: None
    profit: ChurnProfit | None = None

    def text(self, key: str, **values: object) -> str:
        """Return a sentence of the table of strings, in the language of the report."""
        return sentence(key, self.language, **values)

    @cached_property
    def pen(self) -> Pen:
        """What draws the pictures."""
        return Pen(self.language)

    @cached_property
    def today(self) -> Snapshots:
        """Every customer at the end of the log."""
        return self.log.snapshot()

    @cached_property
    def rfm(self) -> RFMTransformer:
        """RFM with cut points learnt from today's customers."""
        return RFMTransformer(columns="all").fit(self.today)

    @cached_property
    def values(self) -> pd.DataFrame:
        """RFM values and scores of today's customers."""
        return as_pandas(self.rfm.transform(self.today))

    @cached_property
    def study(self) -> Study | Impossible:
        """What a model would have predicted in the past, and what came."""
        return study_of(self.log, self.say, self.language)

    @cached_property
    def outlook(self) -> Outlook | Impossible:
        """What today's customers will do and bring."""
        return outlook_of(self.log, self.today, has_money=self.has_money)

    @cached_property
    def rehearsal(self) -> Rehearsal | Impossible:
        """What the same models would have said earlier, and what came."""
        return rehearsal_of(self.log, has_money=self.has_money)

    @cached_property
    def silence(self) -> Silence | Impossible:
        """Who will fall silent, and whom it pays to contact."""
        return silence_of(self.log, has_money=self.has_money, profit=self.profit)

    @property
    def has_items(self) -> bool:
        """Whether the log says what was bought."""
        return len(self.log.items) > 0

    @cached_property
    def next_items(self) -> NextItems | Impossible:
        """Which items go together, and what today's customers may take next."""
        return next_items_of(self.today)

    @cached_property
    def item_test(self) -> ItemTest | Impossible:
        """What such lists would have found earlier."""
        return item_test_of(self.log)


def as_pandas(frame: object) -> pd.DataFrame:
    """Return a frame of the log's backend as pandas."""
    if isinstance(frame, pd.DataFrame):
        return frame.reset_index(drop=True)
    return frame.to_pandas()  # type: ignore[attr-defined]  # polars is the only other backend
