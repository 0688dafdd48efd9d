"""Who will fall silent, whom it pays to contact, and whether both would have held."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit._decisions import mean_accept_rate
from crmkit.churn import ChurnProfit
from crmkit.metrics import Estimate, expected_calibration_error, profit_curve, proportion
from crmkit.report._context import Context
from crmkit.report._figures import day, money, number, percent, points, verdict
from crmkit.report._page import Section, figure, note, paragraph, table, tiles
from crmkit.report._pictures import BLUE, GREY, ORANGE
from crmkit.report._silence import Silence, Tested
from crmkit.report._study import DAY, Impossible, auc

_GROUPS = 10


def section(context: Context) -> Section:
    """The section."""
    text, silence = context.text, context.silence
    title = text("churn.title")
    if isinstance(silence, Impossible):
        return Section("churn", title, [note(text(silence.reason, **silence.values))])
    values = _values(context, silence)
    drawn = text("churn.drawn") if silence.drawn else ""
    blocks = [paragraph(text("churn.how", **values, drawn=drawn)), _back(context, silence)]
    blocks.append(tiles(_tiles(context, silence)))
    if silence.profit is not None:
        blocks += _assumptions(context, silence, silence.profit)
    blocks.append(paragraph(text("churn.tested", **values)))
    if context.pen.can_draw:
        blocks.append(_picture(context, silence))
    blocks.append(_table(context, silence))
    blocks += [paragraph(one) for one in _verdicts(context, silence)]
    kind = "money" if silence.contact.any() else "plain"
    return Section("churn", title, blocks, text(f"churn.headline_{kind}", **values))


def _values(context: Context, silence: Silence) -> dict[str, object]:
    """Figures that several sentences name."""
    contact = silence.contact
    return {
        "days": silence.days,
        "active": silence.active_days,
        "as_of": day(context.log.observed_until),
        "customers": number(len(silence.X)),
        "silent": number(silence.probability.sum()),
        "rows": number(silence.n_rows),
        "first": day(silence.first),
        "contact": number(int(contact.sum())),
        "earned": money(float(silence.expected_profit[contact].sum())),
    }


def _back(context: Context, silence: Silence) -> str:
    """What silence means: how many of the silent have bought since."""
    tested, today = silence.tested, context.today
    first = tested.dates[0] & tested.silent
    date, until = tested.date[0], tested.date[0] + silence.days * DAY
    idle = context.values["recency_days"].to_numpy()[np.searchsorted(today.codes, tested.customer[first])]
    returned = idle <= (today.as_of[0] - until) / DAY
    values = {"silent": number(int(first.sum())), "share": percent(float(returned.mean()))}
    return paragraph(context.text("churn.back", date=day(date), until=day(until), **values))


def _tiles(context: Context, silence: Silence) -> list[tuple[str, str]]:
    text, n, silent = context.text, len(silence.X), float(silence.probability.sum())
    shown = [
        (number(n), text("churn.active", days=silence.active_days)),
        (f"{number(silent)} ({percent(silent / n)})", text("churn.silent", days=silence.days)),
    ]
    if silence.profit is not None:
        contact = silence.contact
        shown.append((f"{number(contact.sum())} ({percent(contact.mean())})", text("churn.worth_it")))
        shown.append((money(float(silence.expected_profit[contact].sum())), text("churn.earns")))
    return shown


def _assumptions(context: Context, silence: Silence, profit: ChurnProfit) -> list[str]:
    text = context.text
    gain, least = profit.expected_profit([1.0, 0.0], profit.value)
    # Between what a silent customer and another one bring, contacting breaks even at one probability.
    pays = text("churn.pays", cut=percent(float(-least / (gain - least)))) if gain > 0 else text("churn.pays_nobody")
    values = {name: money(getattr(profit, name)) for name in ("value", "incentive", "contact")}
    source = text(f"churn.value_{'data' if silence.assumed else 'given'}", days=silence.days)
    accept = percent(mean_accept_rate(profit.accept_rate))
    return [note(text("churn.assumed", **values, source=source, accept=accept, pays=pays))]


def _picture(context: Context, silence: Silence) -> str:
    pen, tested, profit = context.pen, silence.tested, silence.profit
    groups = np.array_split(np.argsort(tested.probability, kind="stable"), min(_GROUPS, len(tested.silent) // 5))
    said = [float(tested.probability[rows].mean()) for rows in groups]
    came = [proportion(int(tested.silent[rows].sum()), len(rows)) for rows in groups]

    def paint(left: Any, right: Any = None) -> None:
        shares = np.array([float(one) for one in came])
        errors = np.abs([[one.low for one in came], [one.high for one in came]] - shares)
        left.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        left.errorbar(said, shares, errors, fmt="o", color=BLUE, ecolor=GREY)
        left.set(xlim=(0, 1), ylim=(0, 1), title=pen.label("churn.reliability"), xlabel=pen.label("churn.said"))
        left.set_ylabel(pen.label("churn.came"))
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_formatter(lambda one, _: f"{one:.0%}")
        if right is None or profit is None:
            return
        costs = {name: getattr(profit, name) for name in ("value", "incentive", "contact", "accept_rate")}
        for score, chosen, color, key in (
            (tested.probability, tested.contact, BLUE, "model"),
            (tested.idle, tested.contact_rule, ORANGE, "rule"),
        ):
            curve = profit_curve(tested.silent, score, **costs)
            # Two hundred points draw the same line as twenty thousand.
            at = np.unique(np.linspace(0, len(curve.profit) - 1, 200).astype(int))
            earned = len(score) * curve.profit[at]
            right.plot(curve.fraction[at], earned, color=color, label=pen.label(f"churn.{key}"))
            right.plot(chosen.mean(), tested.earned[chosen].sum(), "o", color=color)
        right.axhline(0, color=GREY, linewidth=1)
        right.set(xlim=(0, 1), title=pen.label("churn.profit"), xlabel=pen.label("backtest.contacted"))
        right.xaxis.set_major_formatter(lambda one, _: f"{one:.0%}")
        right.yaxis.set_major_formatter("{x:,.0f}")
        right.legend(loc="lower center")

    source = pen.draw(paint, height=3.2, panels=1 if profit is None else 2)
    pairs = "; ".join(f"{percent(one)} / {percent(float(other))}" for one, other in zip(said, came, strict=True))
    caption = context.text("churn.caption") + (context.text("churn.caption_money") if profit is not None else "")
    return figure(source, context.text("churn.alt", pairs=pairs), caption)


def _table(context: Context, silence: Silence) -> str:
    text, tested = context.text, silence.tested
    rows = []
    for own in tested.dates:
        rows.append(
            [
                day(tested.date[own][0]),
                number(own.sum()),
                f"{number(tested.silent[own].sum())} ({percent(tested.silent[own].mean())})",
                f"{auc(tested.silent[own], tested.probability[own]):.3f}",
                f"{auc(tested.silent[own], tested.idle[own]):.3f}",
            ]
        )
        if silence.profit is not None:
            for contact in (tested.contact & own, tested.contact_rule & own, own):
                rows[-1].append(f"{money(tested.earned[contact].sum())} ({number(contact.sum())})")
    names = ["backtest.date", "churn.customers", "churn.fell", "backtest.auc_model", "backtest.auc_rule"]
    if silence.profit is None:
        caption = text("churn.table_plain", days=silence.days)
    else:
        names += ["churn.earned_model", "churn.earned_rule", "churn.earned_all"]
        caption = text("churn.table_money")
    return table(caption, list(map(text, names)), rows)


def _verdicts(context: Context, silence: Silence) -> list[str]:
    text, tested = context.text, silence.tested
    verdicts = [text(f"churn.auc_{verdict(tested.gain)}", **_ends(tested.gain, points))]
    if silence.profit is not None:
        verdicts.append(_earned(context, tested, silence.profit))
    gap = expected_calibration_error(tested.silent, tested.probability, bins=_GROUPS)
    came = float(tested.silent.mean())
    # What groups of n rows that are right on average still miss by: the mean of the half-normal distribution.
    chance = np.sqrt(2 * _GROUPS * came * (1 - came) / (np.pi * len(tested.silent)))
    rates = {"said": percent(float(tested.probability.mean())), "came": percent(came)}
    gaps = {"gap": f"{100 * gap:.1f}", "chance": f"{100 * chance:.1f}"}
    return [*verdicts, text("churn.calibrated", **rates, **gaps, groups=_GROUPS)]


def _earned(context: Context, tested: Tested, profit: ChurnProfit) -> str:
    """What contacting would have earned: as said, as it came, by the rule, and by contacting everybody."""
    text, model = context.text, tested.money(tested.contact)
    more = tested.money(tested.contact * 1.0 - tested.contact_rule)
    said = profit.expected_profit(tested.probability, profit.value)[tested.contact].sum()
    parts = [
        text("churn.earned", said=money(float(said)), **_ends(model, money)),
        text(f"churn.more_{verdict(more)}", **_ends(more, money)),
    ]
    if tested.earned.sum() >= float(model):
        parts.append(text("churn.everybody"))
    return " ".join(parts)


def _ends(found: Estimate, how: Any) -> dict[str, str]:
    return {"gain": how(float(found)), "low": how(found.low), "high": how(found.high)}
