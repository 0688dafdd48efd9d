"""What today's customers will bring: who is still one, what they will buy and spend, and who most of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.report._context import Context
from crmkit.report._figures import day, money, number, percent, points, ratio, verdict
from crmkit.report._outlook import Outlook, Rehearsal
from crmkit.report._page import Section, figure, note, paragraph, table, tiles
from crmkit.report._pictures import BLUE, GREY, only_horizontal
from crmkit.report._study import Impossible

_TOP = 10


def section(context: Context) -> Section:
    """The section."""
    text, outlook = context.text, context.outlook
    title = text("value.title")
    if isinstance(outlook, Impossible):
        return Section("value", title, [note(text(outlook.reason, **outlook.values))])
    values = _values(context, outlook)
    kind = "money" if outlook.money is not None else "plain"
    blocks = [paragraph(text(f"value.how_{kind}", **values)), tiles(_tiles(context, outlook))]
    blocks.append(paragraph(text(f"value.interval_{kind}", **values)))
    remarks = list(outlook.remarks)
    if outlook.n_drawn < len(context.today):
        remarks.append(("value.drawn", {"drawn": number(outlook.n_drawn)}))
    if remarks:
        blocks.append(note(" ".join(text(key, **own) for key, own in remarks)))
    blocks.append(paragraph(text("value.concentration", what=text(f"value.what_{kind}"), **values)))
    if context.pen.can_draw:
        blocks.append(_picture(context, outlook))
    blocks.append(_best(context, outlook))
    blocks += _rehearsed(context)
    return Section("value", title, blocks, text(f"value.headline_{kind}", **values))


def _values(context: Context, outlook: Outlook) -> dict[str, object]:
    """Figures that several sentences name."""
    worth = _worth(outlook)
    share = _shares(worth)
    values: dict[str, object] = {
        "days": outlook.days,
        "as_of": day(context.log.observed_until),
        "customers": number(len(worth)),
        "alive": number(outlook.columns["alive_probability"].sum()),
        "purchases": number(float(outlook.purchases)),
        "low": number(outlook.purchases.low),
        "high": number(outlook.purchases.high),
        "tenth": percent(share[round(len(worth) / 10)]),
        "half": percent(np.searchsorted(share, 0.5) / len(worth)),
    }
    if outlook.money is not None:
        values |= {
            "money": money(float(outlook.money)),
            "money_low": money(outlook.money.low),
            "money_high": money(outlook.money.high),
        }
    return values


def _worth(outlook: Outlook) -> np.ndarray:
    return outlook.columns["expected_purchases" if outlook.money is None else "value"]


def _shares(worth: np.ndarray) -> np.ndarray:
    """Share of the whole that the best 0, 1, 2, … customers bring."""
    summed = np.cumsum(np.sort(worth)[::-1])
    return np.append(0.0, summed / summed[-1])


def _tiles(context: Context, outlook: Outlook) -> list[tuple[str, str]]:
    text, n = context.text, len(context.today)
    alive = outlook.columns["alive_probability"].sum()
    shown = [
        (f"{number(alive)} ({percent(alive / n)})", text("value.alive")),
        (number(float(outlook.purchases)), text("value.purchases", days=outlook.days)),
    ]
    if outlook.money is not None:
        shown.append((money(float(outlook.money)), text("value.money", days=outlook.days)))
        shown.append((money(float(outlook.money) / n), text("value.per_customer")))
    return shown


def _picture(context: Context, outlook: Outlook) -> str:
    pen, worth = context.pen, _worth(outlook)
    share, alive = _shares(worth), outlook.columns["alive_probability"]
    counts = np.histogram(alive, bins=10, range=(0.0, 1.0))[0]
    # Two hundred points draw the same line as twenty thousand.
    at = np.unique(np.linspace(0, len(worth), min(len(worth) + 1, 200)).astype(int))

    def paint(left: Any, right: Any) -> None:
        left.plot(at / len(worth), share[at], color=BLUE, linewidth=2)
        left.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        left.set(xlim=(0, 1), ylim=(0, 1.01), title=pen.label("value.lorenz"), xlabel=pen.label("value.best_first"))
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_formatter(lambda one, _: f"{one:.0%}")
        right.bar(np.arange(10) / 10 + 0.05, counts, 0.09, color=BLUE)
        right.set(xlim=(0, 1), title=pen.label("value.histogram"), xlabel=pen.label("value.probability"))
        right.xaxis.set_major_formatter(lambda one, _: f"{one:.0%}")
        right.yaxis.set_major_formatter("{x:,.0f}")
        only_horizontal(right)

    source = pen.draw(paint, height=3.2, panels=2, widths=[1, 1])
    text = context.text
    alt = text(
        "value.alt",
        tenth=percent(share[round(len(worth) / 10)]),
        sure=number(int(counts[9])),
        gone=number(int(counts[0])),
    )
    return figure(source, alt, text("value.caption"))


def _best(context: Context, outlook: Outlook) -> str:
    """Those of whom most is expected. The page is passed on, so it names nobody."""
    text, columns, worth = context.text, outlook.columns, _worth(outlook)
    best = np.argsort(-worth, kind="stable")[:_TOP]
    names = ["rank", "bought", "silent", "alive_now", "will_buy"]
    seen = context.values
    if outlook.money is not None:
        names += ["spend", "worth", "range"]
        ends = outlook.interval(context.today[best])
    rows = []
    for place, row in enumerate(best):
        cells = [
            str(place + 1),
            number(seen["frequency"].to_numpy()[row]),
            number(seen["recency_days"].to_numpy()[row]),
            percent(columns["alive_probability"][row]),
            number(columns["expected_purchases"][row], 1),
        ]
        if outlook.money is not None:
            cells += [money(columns["expected_spend"][row]), money(worth[row]), _between(*map(money, ends[place]))]
        rows.append(cells)
    header = [text(f"value.{name}", days=outlook.days) for name in names]
    return table(text("value.best", n=len(best)), header, rows)


def _between(low: str, high: str) -> str:
    return f"{low} – {high}"


def _rehearsed(context: Context) -> list[str]:
    """What the models would have said earlier, beside a naive rule and what came."""
    text, past = context.text, context.rehearsal
    if isinstance(past, Impossible):
        return [note(text(past.reason, **past.values))]
    values = {"days": past.days, "date": day(past.date), "until": day(past.date + np.timedelta64(past.days, "D"))}
    drawn = "drawn" if past.n_customers < past.n_known else "all"
    counts = {"customers": number(past.n_customers), "known": number(past.n_known)}
    blocks = [paragraph(text("value.rehearsed", **values, who=text(f"value.who_{drawn}", **counts)))]
    blocks.append(_comparison(context, past))
    came = past.purchases_came
    place = "above" if came > past.purchases.high else "below" if came < past.purchases.low else "inside"
    off = percent(abs(ratio(float(past.purchases) - came, came)))
    blocks.append(paragraph(text(f"value.came_{place}", off=off, came=number(came))))
    if past.report is not None and past.gain_error is not None and past.gain_order is not None:
        for key, gain, how, figure_name in (
            ("error", past.gain_error, money, "mae"),
            ("order", past.gain_order, points, "gini"),
        ):
            pair = [float(past.report.estimates[name, figure_name]) for name in ("model", "naive")]
            shown = [money(one) if key == "error" else f"{one:.3f}" for one in pair]
            ends = {"gain": how(float(gain)), "low": how(gain.low), "high": how(gain.high)}
            blocks.append(paragraph(text(f"value.{key}_{verdict(gain)}", model=shown[0], naive=shown[1], **ends)))
    return blocks


def _comparison(context: Context, past: Rehearsal) -> str:
    text, report = context.text, past.report
    header = [text("value.by"), text("value.bought_then")]
    bought = f"{number(float(past.purchases))} ({_between(number(past.purchases.low), number(past.purchases.high))})"
    model, naive = [text("value.by_model"), bought], [text("value.by_naive"), number(past.purchases_naive)]
    came = [text("value.by_nobody"), number(past.purchases_came)]
    if report is not None and past.money is not None:
        header += [text(f"value.{name}") for name in ("money_then", "mean_error", "rank_correlation", "gini")]
        found = {name: [float(report.estimates[name, one]) for one in ("total", "mae", "spearman", "gini")]
                 for name in ("model", "naive")}  # fmt: skip  # one table
        model.append(f"{money(float(past.money))} ({_between(money(past.money.low), money(past.money.high))})")
        naive.append(money(found["naive"][0] * report.actual))
        came += [money(report.actual), "", "", ""]
        for cells, name in ((model, "model"), (naive, "naive")):
            cells += [money(found[name][1]), f"{found[name][2]:.3f}", f"{found[name][3]:.3f}"]
    caption = "money" if report is not None else "plain"
    return table(text(f"value.table_{caption}", days=past.days), header, [model, naive, came], foot=True)
