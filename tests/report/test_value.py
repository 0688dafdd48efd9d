from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crmkit.datasets import make_purchases
from crmkit.events import EventLog
from crmkit.report import _customers, _value
from crmkit.report._context import Context
from crmkit.report._figures import verdict


@pytest.fixture(scope="module")
def shown(sections, read_page):
    return read_page("".join(sections[_value].blocks))


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def test_the_figures_are_those_of_the_outlook(shown, context):
    outlook = context.outlook
    assert f"{float(outlook.money):,.0f}" in shown.text
    assert f"{outlook.money.low:,.0f} and {outlook.money.high:,.0f}" in shown.text
    assert f"{outlook.columns['alive_probability'].sum():,.0f}" in shown.text
    headline = context.text("value.headline_money", **_value._values(context, outlook))
    assert f"**{float(outlook.money):,.0f}**" in headline


def test_the_best_come_first_and_nameless(shown, context):
    best, _ = shown.tables
    assert len(best) == 11
    worth = [number(row[6]) for row in best[1:]]
    assert worth == sorted(worth, reverse=True)
    table = _customers.customer_table(context)
    top = table.sort_values("value_364D", ascending=False, kind="stable").iloc[0]
    assert number(best[1][1]) == top["frequency"]
    assert number(best[1][2]) == top["recency_days"]
    assert worth[0] == pytest.approx(top["value_364D"], abs=0.5)
    for row in best[1:]:
        low, high = map(number, row[7].split(" – "))
        assert low <= number(row[6]) <= high


def test_a_tenth_and_a_half_by_hand():
    share = _value._shares(np.array([1.0, 6.0, 2.0, 1.0]))
    np.testing.assert_allclose(share, [0, 0.6, 0.8, 0.9, 1])


def test_models_rule_and_what_came_stand_in_one_table(shown, context):
    _, table = shown.tables
    past = context.rehearsal
    assert [row[0] for row in table[1:]] == ["the models", "naive rule", "what came"]
    assert number(table[3][1]) == past.purchases_came
    assert number(table[2][1]) == past.purchases_naive
    assert number(table[3][2]) == pytest.approx(past.report.actual, abs=0.5)
    assert [float(row[5]) for row in table[1:3]] == [
        pytest.approx(float(past.report.estimates[name, "gini"]), abs=6e-4) for name in ("model", "naive")
    ]


def test_the_verdicts_follow_the_intervals(shown, context):
    past = context.rehearsal
    words = {"better": "models err less than", "worse": "rule errs less than", "same": "err alike"}
    assert words[verdict(past.gain_error)] in shown.text
    came = past.purchases_came
    place = "More was" if came > past.purchases.high else "Less was" if came < past.purchases.low else "lie inside"
    assert place in shown.text


def test_the_file_has_what_the_page_adds_up(context):
    table = _customers.customer_table(context)
    assert table["value_364D"].sum() == pytest.approx(float(context.outlook.money))
    assert table["expected_purchases_364D"].sum() == pytest.approx(float(context.outlook.purchases))
    assert table["alive_probability"].between(0, 1).all()
    product = table["expected_purchases_364D"] * table["expected_spend"]
    np.testing.assert_allclose(product, table["value_364D"])


def test_without_money_nothing_is_said_of_it(purchases, read_page):
    context = Context(EventLog.from_frame(purchases, customer="customer_id", time="date"), has_money=False)
    context.__dict__["values"] = pd.DataFrame({"frequency": 1, "recency_days": 1}, index=range(len(context.today)))
    made = _value.section(context)
    shown = read_page("".join(made.blocks))
    assert "spend" not in shown.text
    assert "money" not in shown.text.casefold()
    assert [len(table[0]) for table in shown.tables] == [5, 2]
    assert "expected to buy" in made.headline


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("days", [1, 60])
def test_small_logs_get_a_sentence(language, days, read_page, recwarn):
    frame = pd.DataFrame(
        {"who": [1, 2, 3], "when": pd.date_range("2024-01-01", periods=3, freq=f"{days}D"), "paid": 5.0}
    )
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid")
    made = _value.section(Context(log, language))
    shown = read_page("".join(made.blocks))
    assert made.headline == ""
    assert len(made.blocks) == 1
    words = {("en", 1): "too short to look ahead", ("en", 60): "needs 20 of them",
             ("zh", 1): "不足以展望未来", ("zh", 60): "至少需要 20 位"}  # fmt: skip  # a table
    assert words[language, days] in shown.text


def test_a_past_that_cannot_be_tested_is_said(read_page):
    frame, _ = make_purchases(300, span="7W", acquisition="1W", r=2.0, random_state=0)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value")
    shown = read_page("".join(_value.section(Context(log)).blocks))
    assert "cannot be tested: the history has" in shown.text
    assert len(shown.tables) == 1


def test_in_chinese_the_same_figures(log, context, sections, recwarn):
    made = _value.section(Context(log, "zh"))
    figures = [sorted(re.findall(r"\d[\d,.]*\d|\d", one)) for one in (made.headline, sections[_value].headline)]
    assert figures[0] == figures[1]
    assert len(made.blocks) == len(sections[_value].blocks)
