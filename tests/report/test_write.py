from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit.churn import ChurnProfit
from crmkit.events import EventLog
from crmkit.exceptions import EventDataError, ParameterError
from crmkit.report import _write, write_report

TITLES = (
    "What the data hold",
    "Who the customers are: RFM segments",
    "Who stays: cohorts",
    "Who buys again? A test on the past",
    "The honesty box: what a random split would have promised",
    "The time machine: predicted then, counted now",
    "What today's customers will bring",
    "Who will fall silent, and whom it pays to contact",
    "The table of customers",
)


def loads_nothing(text: str, shown) -> None:
    """Assert that a page is one file: no script, no address of anything outside it."""
    names = {tag for tag, _ in shown.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form", "video", "audio"}
    for _, attributes in shown.tags:
        assert not {name for name in attributes if name.startswith("on")}
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
    outside = re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|url\(|@import|//", outside)


@pytest.fixture(scope="module")
def written(log, tmp_path_factory):
    return write_report(log, tmp_path_factory.mktemp("report"), name="A <shop>")


@pytest.fixture(scope="module")
def text(written) -> str:
    return written.page.read_text(encoding="utf-8")


def test_all_sections_are_there(written, text, read_page):
    shown = read_page(text)
    assert shown.open == []
    for title in TITLES:
        assert title in shown.text
    # With that of the headlines, and without that of items, which CDNOW does not name.
    assert len(shown.attributes("section")) == len(_write.SECTIONS)
    assert [one["href"][1:] for one in shown.attributes("a")] == [one["id"] for one in shown.attributes("section")[1:]]


def test_the_page_is_one_file(text, read_page):
    loads_nothing(text, read_page(text))
    assert len(text) < 1_000_000


def test_every_picture_says_what_it_shows(text, read_page):
    pictures = read_page(text).attributes("img")
    assert len(pictures) == 9
    assert all(len(one["alt"]) > 30 for one in pictures)


def test_names_are_escaped(text):
    assert "A &lt;shop&gt;" in text
    assert "<shop>" not in text


def test_no_customer_is_named(text, log):
    """The page is forwarded; ids stay in the table."""
    words = set(re.findall(r"\b\d{4,}\b", re.sub(r"base64,[^\"]+", "", text)))
    ids = {str(one) for one in log.customers if one >= 3000}
    assert not words & ids


def test_headlines_are_those_of_the_page(written, text, read_page):
    shown = read_page(text).text
    assert len(written.headlines) == 8
    for headline in written.headlines:
        assert " ".join(headline.split()) in shown


def test_another_frame_gives_the_same_files(written, text, purchases, tmp_path):
    """Nothing depends on chance, on the time of day, or on the library that held the rows."""
    import polars as pl

    log = EventLog.from_frame(pl.from_pandas(purchases), customer="customer_id", time="date", value="value")
    again = write_report(log, tmp_path, name="A <shop>")
    assert again.page.read_text(encoding="utf-8") == text
    assert again.customers.read_bytes() == written.customers.read_bytes()


def test_in_chinese(log, tmp_path, read_page, recwarn):
    report = write_report(log.before("1998-01-01"), tmp_path, language="zh")
    text = report.page.read_text(encoding="utf-8")
    shown = read_page(text)
    assert shown.attributes("html") == [{"lang": "zh-CN"}]
    assert "客户分析报告" in shown.text
    assert "诚实栏" in shown.text
    assert not any(title in shown.text for title in TITLES)
    loads_nothing(text, shown)
    assert "冠军客户" in set(pd.read_csv(report.customers)["segment"])


def test_without_matplotlib_the_page_says_so(log, tmp_path, monkeypatch, read_page):
    from crmkit.report import _pictures

    monkeypatch.setattr(_pictures.importlib.util, "find_spec", lambda _: None)
    shown = read_page(write_report(log.before("1997-01-20"), tmp_path).page.read_text(encoding="utf-8"))
    assert shown.attributes("img") == []
    assert "matplotlib is not installed" in shown.text
    assert len(shown.tables) == 4


SMALL = {
    "one purchase": {"who": [1], "when": ["2024-01-05"], "paid": [5.0]},
    "one customer": {"who": [1] * 3, "when": ["2024-01-05", "2024-03-01", "2025-02-01"], "paid": [5.0] * 3},
    "three customers": {"who": [1, 2, 3] * 20, "when": pd.date_range("2024-01-01", periods=60), "paid": [5.0] * 60},
    "all free": {"who": [1, 2], "when": ["2024-01-05", "2024-02-05"], "paid": [0.0, 0.0]},
    "all refunded": {"who": [1, 1], "when": ["2024-01-05", "2024-02-05"], "paid": [5.0, -5.0]},
    "more refunded than bought": {"who": [1, 1, 2], "when": ["2024-01-05", "2024-02-05", "2024-02-05"],
                                  "paid": [5.0, -9.0, 1.0]},
    "one day": {"who": range(300), "when": ["2024-01-05"] * 300, "paid": range(300)},
    "one instant of the day": {"who": range(300), "when": ["2024-01-05 08:26:11.5"] * 300, "paid": range(300)},
}  # fmt: skip  # one log a line


@pytest.mark.parametrize("data", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_small_logs_get_a_report_that_says_what_it_cannot_do(data, language, tmp_path, read_page, recwarn):
    log = EventLog.from_frame(pd.DataFrame(data), customer="who", time="when", value="paid")
    report = write_report(log, tmp_path, language=language)
    shown = read_page(report.page.read_text(encoding="utf-8"))
    words = {"en": "too short to test a prediction|cannot be tested here", "zh": "不足以检验预测|无法检验预测"}
    assert re.search(words[language], shown.text)
    assert "nan" not in shown.text.casefold()
    frame = pd.read_csv(report.customers)
    assert len(frame) == log.n_customers
    assert not [name for name in frame if "probability_" in name]


def test_a_log_without_money_is_told_apart(purchases, tmp_path, read_page):
    log = EventLog.from_frame(purchases, customer="customer_id", time="date").before("1997-01-20")
    shown = read_page(write_report(log, tmp_path).page.read_text(encoding="utf-8"))
    assert "The file names no money" in shown.text
    assert "spent" not in shown.text.replace("money spent", "")
    assert "Spent so far" not in shown.text


def test_ones_stand_in_for_money_only(purchases):
    frame = purchases.assign(amount="x")
    log = EventLog.from_frame(frame, customer="customer_id", time="date", kind="amount", purchases="x")
    ones = _write.with_ones(log)
    assert ones.observed_until == log.observed_until
    pd.testing.assert_frame_equal(ones.to_frame().drop(columns="amount_"), log.to_frame())
    np.testing.assert_array_equal(ones.to_frame()["amount_"], 1.0)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_ones_keep_the_clock_of_a_zone(kind):
    times = [dt.datetime(2024, 1, day, 3) for day in (1, 2)]
    frame = pd.DataFrame({"who": [1, 2], "when": pd.DatetimeIndex(times).tz_localize("Asia/Shanghai")})
    if kind == "polars":
        zoned = pl.col("when").dt.replace_time_zone("Asia/Shanghai")
        frame = pl.DataFrame({"who": [1, 2], "when": times}).with_columns(zoned)
    log = EventLog.from_frame(frame, customer="who", time="when")
    ones = _write.with_ones(log)
    assert (ones.first_time, ones.last_time) == (log.first_time, log.last_time)
    assert log.first_time == np.datetime64("2024-01-01T03:00", "us")


def test_nothing_to_report_on(tmp_path):
    empty = EventLog.from_frame({"c": np.array([], int), "t": np.array([], "M8[us]"), "v": np.array([])},
                                customer="c", time="t", value="v")  # fmt: skip  # one call
    with pytest.raises(EventDataError, match="There is no purchase to report on"):
        write_report(empty, tmp_path)


def test_arguments_are_checked(log, tmp_path):
    with pytest.raises(ParameterError, match="'language' parameter of write_report must be one of {'en', 'zh'}"):
        write_report(log, tmp_path, language="fr")
    with pytest.raises(ParameterError, match="'verbose'"):
        write_report(log, tmp_path, verbose="yes")
    with pytest.raises(ParameterError, match="'profit' parameter of write_report must be a ChurnProfit or None"):
        write_report(log, tmp_path, profit=60)
    for profit in (ChurnProfit(value="margin"), ChurnProfit(value=np.ones(3)), ChurnProfit(budget=1)):
        with pytest.raises(ParameterError, match="one value for all customers, and no budget"):
            write_report(log, tmp_path, profit=profit)
    with pytest.raises(ParameterError, match="'accept_rate'"):
        write_report(log, tmp_path, profit=ChurnProfit(accept_rate=2))


def test_money_beyond_all_money_is_refused(tmp_path):
    frame = pd.DataFrame({"c": [1, 2], "t": ["2024-01-01", "2024-02-01"], "v": [1e300, 2.5]})
    log = EventLog.from_frame(frame, customer="c", time="t", value="v")
    with pytest.raises(EventDataError, match=r"One row holds the money 1e\+300"):
        write_report(log, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(log, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"The folder '.*file' cannot be made or written. Name another folder"):
        write_report(log, tmp_path / "file")
