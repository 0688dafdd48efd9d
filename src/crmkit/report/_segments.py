"""RFM segments: who the customers are today."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crmkit.features import RFM_SEGMENTS
from crmkit.report._context import Context
from crmkit.report._figures import money, number, percent, ratio
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE, ORANGE, only_vertical


def section(context: Context) -> Section:
    """The section."""
    text = context.text
    segments = _summed(context)
    whole = segments.sum(numeric_only=True)
    with_money = context.has_money
    header = ["segment", "customers", "share_of_customers"]
    header += ["money", "share_of_money"] if with_money else []
    header += ["recency", "frequency"]
    rows = [
        [
            name,
            number(row.customers),
            percent(ratio(row.customers, whole.customers)),
            *([money(row.money), percent(ratio(row.money, whole.money))] if with_money else []),
            number(row.recency),
            number(row.frequency, 1),
        ]
        for name, row in _rows(segments)
    ]
    blocks = [paragraph(text("segments.how", as_of=str(context.log.observed_until)[:10]))]
    if len(context.values) < 5 * len(RFM_SEGMENTS.names()):
        blocks.append(note(text("segments.few", customers=number(len(context.values)))))
    if context.pen.can_draw:
        blocks.append(_picture(context, segments, whole))
    blocks.append(table(text("segments.table"), [text(f"segments.{name}") for name in header], rows))
    blocks.append(paragraph(text("segments.file")))
    return Section("segments", text("segments.title"), blocks, _headline(context, segments, whole))


def _rows(segments: pd.DataFrame) -> list[tuple[str, Any]]:
    return list(zip(map(str, segments.index), segments.itertuples(), strict=True))


def _summed(context: Context) -> pd.DataFrame:
    names = np.asarray(context.rfm.segment(context.today, language=context.language))
    values = context.values.assign(segment=names)
    order = [name for name in RFM_SEGMENTS.names(context.language) if name in set(names)]
    groups = values.groupby("segment", sort=False)
    return pd.DataFrame(
        {
            "customers": groups.size(),
            "money": groups["monetary"].sum(),
            "recency": groups["recency_days"].median(),
            "frequency": groups["frequency"].mean(),
        }
    ).loc[order]


def _headline(context: Context, segments: pd.DataFrame, whole: pd.Series) -> str:
    if context.has_money and whole.money > 0:
        top = str(segments["money"].idxmax())
        return context.text(
            "segments.headline_money",
            segment=top,
            customers=percent(ratio(segments["customers"][top], whole.customers)),
            money=percent(ratio(segments["money"][top], whole.money)),
        )
    top = str(segments["customers"].idxmax())
    return context.text(
        "segments.headline", segment=top, customers=percent(ratio(segments["customers"][top], whole.customers))
    )


def _picture(context: Context, segments: pd.DataFrame, whole: pd.Series) -> str:
    pen = context.pen
    drawn = dict(zip(RFM_SEGMENTS.names(context.language), RFM_SEGMENTS.names(pen.language), strict=True))
    names = [drawn[name] for name in segments.index]
    shares = {"customers": segments["customers"] / whole.customers}
    if context.has_money and whole.money > 0:
        shares["money"] = segments["money"] / whole.money

    def paint(axes: Any) -> None:
        place = np.arange(len(names))[::-1]
        height = 0.8 / len(shares)
        for number_of_bar, (key, color) in enumerate(zip(shares, (BLUE, ORANGE), strict=False)):
            offset = (len(shares) - 1) * height / 2 - number_of_bar * height
            label = pen.label(f"segments.share_of_{key}")
            bars = axes.barh(place + offset, shares[key], height, color=color, label=label)
            axes.bar_label(bars, [percent(share) for share in shares[key]], fontsize=8, padding=2, color="#5a6675")
        axes.set_yticks(place, names)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.legend(loc="lower right")
        only_vertical(axes)

    source = pen.draw(paint, height=0.9 + 0.36 * len(names))
    alt = context.text(
        "segments.alt",
        shares="; ".join(f"{name} {percent(share)}" for name, share in shares["customers"].items()),
    )
    return figure(source, alt, context.text("segments.caption"))
