"""What the log holds, and what was wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crmkit.report._context import Context, as_pandas
from crmkit.report._figures import day, money, number, percent, ratio
from crmkit.report._page import Section, code, figure, note, paragraph, table, tiles
from crmkit.report._pictures import BLUE, GREY, only_horizontal
from crmkit.report._strings import STRINGS

_DAY = 86_400_000_000

#: Rules that count rows which were kept; rows that break any other rule were left out.
_KEPT = ("exact duplicate", "refund", "refund before any purchase", "last day ends early", "late row")


def section(context: Context) -> Section:
    """The section."""
    text, log = context.text, context.log
    days = _purchase_days(context)
    per_customer = np.bincount(days["customer"])
    repeat = ratio(int((per_customer > 1).sum()), int((per_customer > 0).sum()))
    blocks = [tiles(_tiles(context, days, repeat))]
    if context.pen.can_draw and len(days):
        blocks.append(_picture(context, days, per_customer))
    blocks += _quality(context)
    headline = text(
        "overview.headline",
        customers=number(int((per_customer > 0).sum())),
        purchases=number(len(days)),
        first=day(log.first_time),
        last=day(log.last_time),
        repeat=percent(repeat),
    )
    return Section("log", text("overview.title"), blocks, headline)


def _purchase_days(context: Context) -> pd.DataFrame:
    """One row per customer and day with a purchase: the customer's number, the day, and whether it is the first."""
    log = context.log
    frame = as_pandas(log.to_frame())
    roles = log.roles()
    columns = list(frame.columns[:2])
    events = frame[columns] if len(roles) == 0 else frame.loc[roles == 1, columns]
    times = events[columns[1]]
    days = pd.DataFrame(
        {
            "customer": np.searchsorted(log.customers, events[columns[0]].to_numpy().astype(log.customers.dtype)),
            "day": (times.dt.tz_localize(None) if times.dt.tz is not None else times).dt.floor("D"),
        }
    ).drop_duplicates(ignore_index=True)
    # The log is sorted by customer and time, so the first row of a customer is the first purchase.
    days["first"] = ~days["customer"].duplicated()
    return days


def _tiles(context: Context, days: pd.DataFrame, repeat: float) -> list[tuple[str, str]]:
    text, log = context.text, context.log
    shown = [
        (number(days["customer"].nunique()), text("overview.customers")),
        (number(len(days)), text("overview.purchases")),
    ]
    if context.has_money:
        spent = float(np.nansum(context.values["monetary"]))
        shown.append((money(spent), text("overview.money")))
        shown.append((money(ratio(spent, len(days))), text("overview.mean")))
    shown.append((percent(repeat), text("overview.repeat")))
    if len(log.items):
        shown.append((number(len(log.items)), text("overview.items")))
    return shown


def _picture(context: Context, days: pd.DataFrame, per_customer: np.ndarray) -> str:
    pen = context.pen
    span = (days["day"].max() - days["day"].min()).days
    unit, width = ("M", 0.8) if span > 150 else ("W", 0.8) if span > 28 else ("D", 0.8)
    period = days["day"].dt.to_period(unit)
    periods = pd.period_range(period.min(), period.max(), freq=unit)
    first = period[days["first"]].value_counts().reindex(periods, fill_value=0).to_numpy()
    again = period[~days["first"]].value_counts().reindex(periods, fill_value=0).to_numpy()
    names = [str(one) if unit == "M" else str(one.start_time.date()) for one in periods]
    groups = _groups(per_customer)

    def paint(left: Any, right: Any) -> None:
        place = np.arange(len(periods))
        left.bar(place, first, width, color=GREY, label=pen.label("overview.first"))
        left.bar(place, again, width, bottom=first, color=BLUE, label=pen.label("overview.again"))
        every = max(1, -(-len(periods) // 7))
        left.set_xticks(place[::every], names[::every], fontsize=8.5)
        left.set_title(pen.label(f"overview.per_{unit}"))
        left.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
        bars = right.bar(list(groups), list(groups.values()), 0.8, color=BLUE)
        right.bar_label(bars, [f"{count:,}" for count in groups.values()], fontsize=8.5, color="#5a6675", padding=2)
        right.set_title(pen.label("overview.per_customer"))
        for axes in (left, right):
            only_horizontal(axes)
            axes.yaxis.set_major_formatter("{x:,.0f}")

    source = pen.draw(paint, height=3.3, panels=2, widths=[3, 2])
    alt = context.text(
        "overview.alt", first=number(first.sum()), again=number(again.sum()), once=number(groups.get("1", 0))
    )
    return figure(source, alt, context.text("overview.caption"))


def _groups(per_customer: np.ndarray) -> dict[str, int]:
    """How many customers bought on how many days."""
    edges = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, None)]
    counts = {}
    for low, high in edges:
        inside = (per_customer >= low) & (per_customer <= (high or per_customer.max()))
        name = f"{low}+" if high is None else str(low) if low == high else f"{low}–{high}"
        counts[name] = int(np.count_nonzero(inside))
    return counts


def _quality(context: Context) -> list[str]:
    text, origin = context.text, context.origin
    counted = as_pandas(context.log.quality)
    rules = [*origin.dropped, *zip(counted["rule"], map(int, counted["rows"]), strict=True)]
    n_rows = origin.n_rows if origin.n_rows is not None else _rows_read(counted, context)
    known_total = dict(rules).get("dropped", 0) + sum(count for _, count in origin.dropped)
    found = [(rule, count) for rule, count in rules if count > 0 and rule != "dropped"]
    blocks = [paragraph(text("overview.rows", rows=number(n_rows), used=number(len(context.log))))]
    if found:
        rows = [
            (
                rule_name(context, rule),
                text("overview.kept") if rule in _KEPT else text("overview.left_out"),
                number(count),
                percent(ratio(count, n_rows)),
            )
            for rule, count in found
        ]
        header = [text(f"overview.{name}") for name in ("rule", "what", "rows_column", "share")]
        blocks.append(table(text("overview.quality", dropped=number(known_total)), header, rows, words=2))
    else:
        blocks.append(paragraph(text("overview.clean")))
    if any(rule == "last day ends early" and count for rule, count in found):
        blocks.append(note(text("overview.short_day")))
    if origin.notes:
        blocks.append(paragraph(text("overview.assumed", what="; ".join(origin.notes))))
    if origin.command:
        blocks += [paragraph(text("overview.command")), code(origin.command)]
    return blocks


def _rows_read(counted: pd.DataFrame, context: Context) -> int:
    dropped = counted.loc[counted["rule"] == "dropped", "rows"]
    return len(context.log) + (int(dropped.iloc[0]) if len(dropped) else 0)


def rule_name(context: Context, rule: str) -> str:
    """Return a rule of the quality table in the language of the report; the column it names stays."""
    if f"rule.{rule}" in STRINGS:
        return context.text(f"rule.{rule}")
    for known in ("non-finite", "not a number in"):
        if rule.startswith(f"{known} "):
            return context.text(f"rule.{known}", column=rule.removeprefix(f"{known} "))
    return rule
