"""One analysed log for all sections, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser
from types import ModuleType

import pandas as pd
import pytest

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.report import _write
from crmkit.report._context import Context, Origin
from crmkit.report._page import Section


class Page(HTMLParser):
    """What a page shows: its tags with their attributes, its words, its tables as lists of rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="session")
def purchases() -> pd.DataFrame:
    """Return the purchases of every third customer of CDNOW: enough to learn from, and quick."""
    frame = load_cdnow()
    return frame[frame["customer_id"].isin(frame["customer_id"].unique()[::3])]


@pytest.fixture(scope="session")
def log(purchases) -> EventLog:
    return EventLog.from_frame(purchases, customer="customer_id", time="date", value="value")


@pytest.fixture(scope="session")
def context(log) -> Context:
    return Context(log, origin=Origin("a third of CDNOW"))


@pytest.fixture(scope="session")
def sections(context) -> dict[ModuleType, Section]:
    return {module: module.section(context) for module in _write.SECTIONS}


@pytest.fixture(scope="session")
def read_page():
    return Page
