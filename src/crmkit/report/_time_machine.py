"""The time machine: how many buyers were predicted at an earlier date, and how many came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crmkit.features import RFM_SEGMENTS, RFMTransformer
from crmkit.report._backtest import sampled_note
from crmkit.report._context import Context
from crmkit.report._figures import day, number, percent, ratio
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE, GREY, only_horizontal
from crmkit.report._study import Impossible, Study

_GROUPS = 10


def section(context: Context) -> Section:
    """The section."""
    text, study = context.text, context.study
    title = text("machine.title")
    if isinstance(study, Impossible):
        return Section("time-machine", title, [note(text("honesty.impossible"))])
    said, last = study.predictions, study.last
    rows = pd.DataFrame({"said": said["prediction"][last], "came": said["y"][last]})
    date = said["as_of"][last][0]
    groups = min(_GROUPS, max(1, len(rows) // 10))
    rank = rows["said"].rank(method="first", ascending=False).to_numpy()
    by_group = _summed(rows, np.ceil(rank * groups / len(rows)).astype(int))
    by_segment = _summed(rows, _segments(context, study, date))
    order = [name for name in RFM_SEGMENTS.names(context.language) if name in by_segment.index]
    by_segment = by_segment.loc[order]
    whole = rows.sum()
    values = {
        "date": day(date),
        "days": study.days,
        "customers": number(len(rows)),
        "said": number(whole.said),
        "came": number(whole.came),
        "off": percent(abs(ratio(whole.said - whole.came, whole.came))),
        "until": day(date + study.X.horizon),
        "known": day(date - study.X.horizon),
    }
    blocks = [paragraph(text("machine.how", **values)), *sampled_note(context, study)]
    if context.pen.can_draw:
        blocks.append(_picture(context, by_group))
    header = [text(f"machine.{name}") for name in ("segment", "customers", "said", "came", "rate_said", "rate_came")]
    lines = [_line(name, row) for name, row in zip(by_segment.index, by_segment.itertuples(), strict=True)]
    lines.append(_line(text("machine.all"), by_segment.sum()))
    blocks.append(table(text("machine.table", **values), header, lines, foot=True))
    off = ratio(whole.said - whole.came, whole.came)
    verdict = "over" if off > 0.1 else "under" if off < -0.1 else "close"
    blocks.append(paragraph(text(f"machine.{verdict}", **values)))
    return Section("time-machine", title, blocks, text("machine.headline", **values))


def _summed(rows: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    return rows.groupby(groups).agg(customers=("came", "size"), said=("said", "sum"), came=("came", "sum"))


def _segments(context: Context, study: Study, date: np.datetime64) -> np.ndarray:
    """Segments as of that date, by cut points of that date."""
    rows = study.X[study.X.as_of == date]
    return np.asarray(RFMTransformer().fit(rows).segment(rows, language=context.language))


def _line(name: str, row: Any) -> list[str]:
    return [
        name,
        number(row.customers),
        number(row.said),
        number(row.came),
        percent(ratio(row.said, row.customers)),
        percent(ratio(row.came, row.customers)),
    ]


def _picture(context: Context, by_group: pd.DataFrame) -> str:
    pen = context.pen

    def paint(axes: Any) -> None:
        place = np.arange(len(by_group))
        for offset, color, column in ((-0.2, GREY, "said"), (0.2, BLUE, "came")):
            bars = axes.bar(place + offset, by_group[column], 0.38, color=color, label=pen.label(f"machine.{column}"))
            axes.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=2, color="#5a6675")
        axes.set_xticks(place, [str(name) for name in by_group.index])
        axes.set_xlabel(pen.label("machine.groups"))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="upper right")
        only_horizontal(axes)

    source = pen.draw(paint, height=3.0)
    pairs = "; ".join(f"{row.said:.0f} / {row.came:.0f}" for row in by_group.itertuples())
    alt, caption = context.text("machine.alt", pairs=pairs), context.text("machine.caption", groups=len(by_group))
    return figure(source, alt, caption)
