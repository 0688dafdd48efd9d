from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crmkit.churn import ChurnProfit
from crmkit.events import EventLog
from crmkit.metrics import Estimate, expected_calibration_error
from crmkit.report import _churn, _customers
from crmkit.report._context import Context


@pytest.fixture(scope="module")
def shown(sections, read_page):
    return read_page("".join(sections[_churn].blocks))


def number(cell: str) -> float:
    return float(cell.partition(" (")[0].replace(",", ""))


def told(silence, context, read_page):
    """The section about another silence of the same log."""
    other = Context(context.log)
    pen = SimpleNamespace(can_draw=False)
    other.__dict__.update(silence=silence, values=context.values, today=context.today, pen=pen)
    # The same for all whom one contacts.
    silence.tested.__dict__.setdefault("gain", context.silence.tested.gain)
    made = _churn.section(other)
    return made, read_page("".join(made.blocks))


def test_the_figures_are_those_of_the_silence(shown, sections, context):
    made = context.silence
    contact = made.contact
    assert f"Asked are the {len(made.X)} customers who bought in the last 180 days" in shown.text
    assert f"{made.probability.sum():.0f} ({100 * made.probability.mean():.0f}%)" in shown.text
    headline = sections[_churn].headline
    assert f"**{contact.sum()}** of them is expected to earn **{made.expected_profit[contact].sum():,.2f}**" in headline
    assert f"A customer who is kept is worth {made.profit.value:.2f}, the mean that active customers" in shown.text
    profit = made.profit
    cut = (profit.contact + profit.incentive) / (
        profit.incentive + profit.accept_rate * (profit.value - profit.incentive)
    )
    assert f"more probable than {100 * cut:.0f}%" in shown.text


def test_the_table_counts_what_came(shown, context):
    tested = context.silence.tested
    (table,) = shown.tables
    assert len(table) == 1 + len(tested.dates)
    for row, own in zip(table[1:], tested.dates, strict=True):
        assert row[0] == str(tested.date[own][0])[:10]
        assert number(row[1]) == own.sum()
        assert number(row[2]) == tested.silent[own].sum()
        for cell, contact in zip(row[5:], (tested.contact & own, tested.contact_rule & own, own), strict=True):
            assert number(cell) == pytest.approx(tested.earned[contact].sum(), abs=0.6)
            assert cell.endswith(f"({contact.sum():,})")


def test_the_silent_come_back(shown, context, purchases):
    """Counted from the frame: who of the silent of the first date bought after their silence was over."""
    tested = context.silence.tested
    first = tested.dates[0] & tested.silent
    until = tested.date[0] + np.timedelta64(90, "D")
    back = purchases.loc[purchases["date"] >= until, "customer_id"]
    share = np.isin(context.log.customers[tested.customer[first]], back).mean()
    assert 0 < share < 1
    assert re.search(
        rf"of the {first.sum()} who bought nothing .*? {100 * share:.1f}".removesuffix(".0"), shown.text
    ) or (f"{100 * share:.0f}% have bought since" in shown.text)


def test_the_probabilities_stand_beside_what_came(shown, context):
    tested = context.silence.tested
    gap = expected_calibration_error(tested.silent, tested.probability)
    said, came = (f"{100 * one.mean():.0f}%" for one in (tested.probability, tested.silent))
    assert f"{said} was said and {came} came" in shown.text
    assert f"the two lie {100 * gap:.1f} percentage points apart" in shown.text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "better than the rule"),
        (-0.3, -0.1, "better than the model"),
        (-0.1, 0.1, "model and rule know alike"),
    ],
)
def test_the_verdict_follows_the_interval(low, high, words, context, read_page):
    tested = replace(context.silence.tested)
    tested.__dict__["gain"] = Estimate((low + high) / 2, low, high, n=9, coverage=0.95, method="bootstrap")
    assert words in told(replace(context.silence, tested=tested), context, read_page)[1].text


def test_money_is_told_as_it_came(context, read_page):
    """Whether the model earns more than the rule, and more than contacting everybody."""
    made, tested = context.silence, context.silence.tested
    all_of, none = np.ones(len(tested.silent), dtype=bool), np.zeros(len(tested.silent), dtype=bool)
    won = tested.silent.astype(bool)
    for contact, rule, words in (
        (won, ~won, "more than by the rule"),
        (~won, won, "less than by the rule"),
        (won, won, "cannot be told apart from what the rule"),
        (none, none, "promised 0.00"),
        (all_of, none, "Contacting everybody would have earned as much"),
    ):
        other = replace(made, tested=replace(tested, contact=contact, contact_rule=rule))
        assert words in told(other, context, read_page)[1].text


def test_the_file_has_what_the_page_adds_up(context, log):
    made, table = context.silence, _customers.customer_table(context)
    asked = table["churn_probability_90D"].notna()
    assert asked.sum() == len(made.X)
    np.testing.assert_array_equal(table.loc[asked, "customer_id"], made.X.customer_id)
    assert (table.loc[asked, "recency_days"] <= 180).all()
    assert (table.loc[~asked, "recency_days"] > 180).all()
    assert table.loc[~asked, ["expected_profit", "contact"]].isna().all(axis=None)
    assert table["churn_probability_90D"].sum() == pytest.approx(made.probability.sum())
    assert table["contact"].sum() == made.contact.sum()
    assert ((table["expected_profit"] > 0) == (table["contact"] == 1)).all()


def test_the_file_of_a_log_without_money(log):
    columns = list(_customers.customer_table(Context(log, has_money=False)))
    assert "churn_probability_90D" in columns
    assert not {"expected_profit", "contact"} & set(columns)


def test_without_money_nothing_is_said_of_it(context, read_page):
    made, shown = told(replace(context.silence, profit=None), context, read_page)
    assert "earned" not in shown.text
    assert "contacting" not in shown.text
    assert [len(table[0]) for table in shown.tables] == [5]
    assert "earn" not in made.headline


def test_what_the_reader_says_is_taken(context, read_page):
    given = replace(context.silence, profit=ChurnProfit(40, 4, 1, 0.5), assumed=False)
    made, shown = told(given, context, read_page)
    assert "worth 40.00, as was said. Contacting somebody costs 1.00, and an offer that is taken 4.00" in shown.text
    nobody = replace(given, profit=ChurnProfit(4, 5, 1, 0.5))
    made, shown = told(nobody, context, read_page)
    assert "contacting pays for nobody" in shown.text
    assert "0 (0%)" in shown.text
    assert "earn" not in made.headline


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("days", [1, 60])
def test_small_logs_get_a_sentence(language, days, read_page, recwarn):
    frame = pd.DataFrame(
        {"who": [1, 2, 3], "when": pd.date_range("2024-01-01", periods=3, freq=f"{days}D"), "paid": 5.0}
    )
    made = _churn.section(Context(EventLog.from_frame(frame, customer="who", time="when", value="paid"), language))
    shown = read_page("".join(made.blocks))
    assert made.headline == ""
    assert len(made.blocks) == 1
    words = {("en", 1): "needs the test on the past", ("en", 60): "cannot be told here",
             ("zh", 1): "需要用历史检验", ("zh", 60): "无法判断谁会沉默"}  # fmt: skip  # a table
    assert words[language, days] in shown.text


def test_in_chinese_the_same_figures(log, context, sections, recwarn):
    chinese = Context(log, "zh")
    chinese.__dict__["silence"] = context.silence
    made = _churn.section(chinese)
    figures = [sorted(re.findall(r"\d[\d,.]*\d|\d", one)) for one in (made.headline, sections[_churn].headline)]
    assert figures[0] == figures[1]
    assert len(made.blocks) == len(sections[_churn].blocks)
