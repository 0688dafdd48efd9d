"""The items: which go together, what the best customers may take next, and whether such lists would have held."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.report._context import Context, as_pandas
from crmkit.report._figures import day, number, percent, points, verdict
from crmkit.report._next_items import ItemTest, K, NextItems, Trial
from crmkit.report._outlook import Outlook
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE, ORANGE, only_vertical
from crmkit.report._study import Impossible

_TOP = 10
_LISTED = 3


def section(context: Context) -> Section | None:
    """The section; None where the log names no items."""
    if not context.has_items:
        return None
    text, found = context.text, context.next_items
    title = text("items.title")
    if isinstance(found, Impossible):
        return Section("items", title, [note(text(found.reason, **found.values))])
    blocks = [paragraph(text("items.how", customers=number(found.n_learnt), items=number(found.n_items)))]
    if found.n_learnt < len(context.today):
        blocks.append(note(text("items.drawn", drawn=number(found.n_learnt), customers=number(len(context.today)))))
    blocks += _pairs(context, found)
    blocks += _tested(context)
    blocks.append(_best(context, found))
    blocks.append(paragraph(text("items.file")))
    return Section("items", title, blocks, _headline(context, found))


def _headline(context: Context, found: NextItems) -> str:
    text, test = context.text, context.item_test
    if isinstance(test, ItemTest):
        hits = {"model": percent(float(test.new.found)), "rule": percent(float(test.new.found_rule))}
        return text("items.headline", days=test.days, date=day(test.date), k=K, **hits)
    if found.pairs:
        first, second = found.pairs[0].items
        return text("items.headline_pair", first=first, second=second, share=percent(found.pairs[0].share))
    return ""


def _pairs(context: Context, found: NextItems) -> list[str]:
    text = context.text
    if not found.pairs:
        return [note(text("items.no_pairs", support=found.support))]
    rows = [
        [*pair.items, *map(number, pair.customers), number(pair.both), percent(pair.share), number(pair.lift, 1)]
        for pair in found.pairs
    ]
    names = ("first", "second", "bought_first", "bought_second", "both", "share", "lift")
    caption = text("items.pairs", n=len(rows), support=found.support)
    return [table(caption, [text(f"items.{name}") for name in names], rows, words=2)]


def _tested(context: Context) -> list[str]:
    """What lists of an earlier date would have found, beside what is popular."""
    text, test = context.text, context.item_test
    if isinstance(test, Impossible):
        return [note(text(test.reason, **test.values))]
    values = {"date": day(test.date), "days": test.days, "customers": number(test.n_customers), "k": K}
    blocks = [paragraph(text("items.tested", **values, repeats=percent(test.repeats)))]
    if context.pen.can_draw:
        blocks.append(_picture(context, test))
    rows = []
    for name, trial in _trials(test):
        for by, hits, ndcg in (
            (name, trial.found, trial.ndcg),
            ("popular", trial.found_rule, trial.ndcg_rule),
        ):
            rows.append(
                [
                    text(f"items.asked_{name}"),
                    text(f"items.by_{by}"),
                    number(trial.n),
                    f"{percent(float(hits))} ({percent(hits.low)} – {percent(hits.high)})",
                    f"{ndcg:.3f}",
                ]
            )
    header = [text(f"items.{name}", k=K) for name in ("asked", "by", "customers", "found", "ndcg")]
    blocks.append(table(text("items.table", **values), header, rows, words=2))
    for name, trial in _trials(test):
        gain = trial.gain
        ends = {"gain": points(float(gain)), "low": points(gain.low), "high": points(gain.high)}
        blocks.append(paragraph(text(f"items.{verdict(gain)}", asked=text(f"items.asked_{name}"), **ends)))
    return blocks


def _trials(test: ItemTest) -> tuple[tuple[str, Trial], ...]:
    return ("new", test.new), ("again", test.again)


def _picture(context: Context, test: ItemTest) -> str:
    pen = context.pen

    def paint(axes: Any) -> None:
        place = np.array([1.0, 0.0])
        for offset, color, key, rule in ((0.19, BLUE, "by_model", False), (-0.19, ORANGE, "by_popular", True)):
            shares = [trial.found_rule if rule else trial.found for _, trial in _trials(test)]
            value = np.array([float(one) for one in shares])
            errors = np.abs([[one.low for one in shares], [one.high for one in shares]] - value)
            label = pen.label(f"items.{key}")
            bars = axes.barh(place + offset, value, 0.36, xerr=errors, color=color, ecolor="#5a6675", label=label)
            axes.bar_label(bars, [percent(one) for one in value], fontsize=8, padding=4, color="#5a6675")
        axes.set_yticks(place, [pen.label(f"items.asked_{name}") for name, _ in _trials(test)])
        axes.set_title(pen.label("items.picture", k=K))
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.margins(x=0.1)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.1)
        only_vertical(axes)

    source = pen.draw(paint, height=2.4)
    shares = "; ".join(
        f"{context.text(f'items.asked_{name}')}: {percent(float(trial.found))}, {percent(float(trial.found_rule))}"
        for name, trial in _trials(test)
    )
    return figure(source, context.text("items.alt", shares=shares), context.text("items.caption", k=K))


def _best(context: Context, found: NextItems) -> str:
    """What those may take next of whom most is expected. The page is passed on, so it names nobody."""
    text, outlook = context.text, context.outlook
    if isinstance(outlook, Outlook):
        worth = outlook.columns["expected_purchases" if outlook.money is None else "value"]
    else:
        worth = context.values["frequency"].to_numpy()
    best = np.argsort(-worth, kind="stable")[:_TOP]
    rows = []
    for place, row in enumerate(best):
        one = context.today[[row]]
        listed = as_pandas(found.model.recommend(one, n=_LISTED))
        items = list(listed["item"])
        because = list(as_pandas(found.model.explain(one, items[0]))["item"][:2]) if items else []
        known = number(np.diff(one.interactions("binary").indptr)[0])
        rows.append([str(place + 1), known, ", ".join(map(str, items)) or "–", ", ".join(map(str, because)) or "–"])
    header = [text(f"items.{name}") for name in ("rank", "known", "next", "because")]
    return table(text("items.best", n=len(rows)), header, rows)
