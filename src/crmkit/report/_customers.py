"""The table of customers: what goes back into the CRM system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crmkit.report._context import Context
from crmkit.report._figures import day, number
from crmkit.report._next_items import NextItems
from crmkit.report._outlook import Outlook
from crmkit.report._page import Section, paragraph, table
from crmkit.report._silence import Silence
from crmkit.report._study import Impossible

FILE = "customers.csv"


def section(context: Context) -> Section:
    """The section."""
    text, study = context.text, context.study
    columns = ["customer_id", "as_of", "recency_days", "frequency", *(["monetary"] if context.has_money else [])]
    rows = [[f"`{name}`", text(f"customers.{name}")] for name in columns]
    scores = [f"`{name}`" for name in _shown(context) if name.endswith("_score")]
    rows.append([", ".join(scores), text("customers.scores")])
    rows.append(["`segment`", text("customers.segment")])
    if not isinstance(study, Impossible):
        rows.append([f"`probability_{study.horizon}`", text("customers.probability", days=study.days)])
    for name, (meaning, days) in _outlook_columns(context).items():
        rows.append([f"`{name}`", text(f"customers.{meaning}", days=days)])
    for name, (meaning, days) in _silence_columns(context).items():
        rows.append([f"`{name}`", text(f"customers.{meaning}", days=days)])
    if _has_next_item(context):
        rows.append(["`next_item`", text("customers.next_item")])
    header = [text("customers.column"), text("customers.meaning")]
    as_of = day(context.log.observed_until)
    blocks = [paragraph(text("customers.how", customers=number(len(context.today)), as_of=as_of))]
    blocks.append(table(text("customers.table"), header, rows, words=2))
    return Section("customers", text("customers.title"), blocks)


def _shown(context: Context) -> list[str]:
    """The columns of RFM; those of money only where the log has some."""
    return [name for name in map(str, context.values) if context.has_money or not name.startswith("monetary")]


def _outlook_columns(context: Context) -> dict[str, tuple[str, int]]:
    """The columns about what is to come: what each means, and the days it is about."""
    outlook = context.outlook
    if not isinstance(outlook, Outlook):
        return {}
    ahead = {"expected_purchases": f"expected_purchases_{outlook.days}D", "value": f"value_{outlook.days}D"}
    return {ahead.get(name, name): (name, outlook.days) for name in outlook.columns}


def _silence_columns(context: Context) -> dict[str, tuple[str, int]]:
    """The columns about silence: what each means, and the days it is about."""
    silence = context.silence
    if not isinstance(silence, Silence):
        return {}
    names = {f"churn_probability_{silence.days}D": ("churn_probability", silence.days)}
    with_money = {} if silence.profit is None else {one: (one, silence.days) for one in ("expected_profit", "contact")}
    return names | with_money


def _silence_values(context: Context, silence: Silence) -> dict[str, np.ndarray]:
    """One value for each customer, missing for those who have long been silent."""
    values = {
        "churn_probability": silence.probability,
        "expected_profit": silence.expected_profit,
        "contact": silence.contact * 1.0,
    }
    place = np.searchsorted(context.today.codes, silence.X.codes)
    found = {name: np.full(len(context.today), np.nan) for name in values}
    for name, column in values.items():
        found[name][place] = column
    return found


def _has_next_item(context: Context) -> bool:
    return context.has_items and isinstance(context.next_items, NextItems)


def customer_table(context: Context) -> pd.DataFrame:
    """One row per customer: RFM values and scores, segment, what is expected, and the item to offer."""
    today, study = context.today, context.study
    columns: dict[str, Any] = {"segment": np.asarray(context.rfm.segment(today, language=context.language))}
    if not isinstance(study, Impossible):
        columns[f"probability_{study.horizon}"] = study.probability(today)
    for name, (source, _) in _outlook_columns(context).items():
        columns[name] = context.outlook.columns[source]  # type: ignore[union-attr]  # there are names only where it is
    if isinstance(context.silence, Silence):
        known = _silence_values(context, context.silence)
        columns |= {name: known[source] for name, (source, _) in _silence_columns(context).items()}
        if "contact" in columns:
            columns["contact"] = pd.array(columns["contact"], dtype="Int8")
    if _has_next_item(context):
        columns["next_item"] = context.next_items.first(today)  # type: ignore[union-attr]  # asked the line before
    keys: dict[str, Any] = {"customer_id": today.customer_id, "as_of": today.as_of}
    return pd.DataFrame({**keys, **{name: context.values[name].to_numpy() for name in _shown(context)}, **columns})


def write_customers(context: Context, folder: Path) -> Path:
    """Write the table; with the mark by which Excel knows UTF-8."""
    path = folder / FILE
    frame = customer_table(context)
    midnight = not (context.today.as_of_us % 86_400_000_000).any()
    frame.to_csv(path, index=False, encoding="utf-8-sig", date_format="%Y-%m-%d" if midnight else None)
    return path
