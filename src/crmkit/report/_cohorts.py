"""Cohorts: which share of the customers who came in one period bought later."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from crmkit.cohorts import period_table, retention_curve
from crmkit.plotting import CohortDisplay, RetentionCurveDisplay
from crmkit.report._context import Context, as_pandas
from crmkit.report._figures import day, number, percent
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE

By = Literal["week", "month", "quarter", "year"]

_DAY = np.timedelta64(86_400_000_000, "us")

#: Days of history from which on cohorts are those of weeks, months, quarters and years.
_FROM_DAYS: tuple[tuple[int, By], ...] = ((0, "week"), (120, "month"), (1_100, "quarter"), (3_300, "year"))

#: Ages that stand in the table, as far as they have been lived.
_AGES = (1, 2, 3, 6, 12, 18, 24, 36)

#: So many ages still leave room for figures in the cells of the map.
_MOST_FIGURES = 26


def section(context: Context) -> Section:
    """The section."""
    text, log = context.text, context.log
    title = text("cohorts.title")
    span = 0 if log.first_time is None else int((log.observed_until - log.first_time) / _DAY)
    by = [by for days, by in _FROM_DAYS if span >= days][-1]
    curve = as_pandas(retention_curve(log, by))
    if len(curve) < 2:
        return Section("cohorts", title, [note(text("cohorts.short", days=span))])
    unit = text(f"cohorts.{by}")
    blocks = [paragraph(text("cohorts.how", unit=unit))]
    if context.pen.can_draw:
        blocks += _pictures(context, by, curve)
    begins = _unfinished(context, by)
    if begins is not None:
        blocks.append(note(text("cohorts.unfinished", unit=unit, day=day(begins))))
    ages = [age for age in _AGES if age < len(curve)]
    rows = [
        [str(age), number(row["n"]), percent(row["value"]), f"{percent(row['low'])} – {percent(row['high'])}"]
        for age, row in curve.loc[ages].iterrows()
    ]
    header = [text(f"cohorts.column_{name}", unit=unit) for name in ("age", "customers", "share", "interval")]
    blocks.append(table(text("cohorts.table", unit=unit), header, rows))
    blocks.append(paragraph(text("cohorts.old")))
    shares = {"first": percent(curve["value"][1]), "later": percent(curve["value"][ages[-1]]), "age": ages[-1]}
    which = "headline" if len(ages) > 1 else "headline_one"
    return Section("cohorts", title, blocks, text(f"cohorts.{which}", unit=unit, **shares))


def _unfinished(context: Context, by: By) -> np.datetime64 | None:
    """The first day of a last period that the log sees only the beginning of."""
    periods = period_table(context.log, by)
    days = periods.index.to_numpy() if isinstance(periods, pd.DataFrame) else periods["period"].to_numpy()
    return None if bool(np.asarray(periods["finished"])[-1]) else days[-1]


def _pictures(context: Context, by: By, curve: pd.DataFrame) -> list[str]:
    pen, log = context.pen, context.log
    unit, new = pen.label(f"cohorts.{by}"), np.asarray(period_table(log, by)["new"])
    n_cohorts = int((new > 0).sum())

    def paint_map(axes: Any) -> None:
        display = CohortDisplay.from_log(log, by, ax=axes)
        if len(new) > _MOST_FIGURES:
            for figures in display.texts_:
                figures.remove()
        axes.set(title=pen.label("cohorts.map"), xlabel=pen.label("cohorts.age", unit=unit))

    def paint_curve(axes: Any) -> None:
        display = RetentionCurveDisplay.from_log(log, by, ax=axes)
        display.line_.set_color(BLUE)
        display.band_.set_color(BLUE)
        axes.set(title=pen.label("cohorts.curve"), xlabel=pen.label("cohorts.age", unit=unit))
        axes.set_ylabel(pen.label("cohorts.share"))

    heat_map = pen.draw(paint_map, height=1.0 + 0.25 * min(n_cohorts, 40))
    line = pen.draw(paint_curve, height=2.8)
    shares = "; ".join(percent(share) for share in curve["value"][1:7])
    text, unit = context.text, context.text(f"cohorts.{by}")
    return [
        figure(heat_map, text("cohorts.map_alt", cohorts=number(n_cohorts), unit=unit), text("cohorts.map_caption")),
        figure(line, text("cohorts.curve_alt", unit=unit, shares=shares), text("cohorts.curve_caption")),
    ]
