"""The rows that checks use by default, and other histories of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from crmkit.datasets import make_retail
from crmkit.events import EventLog, Snapshots

__all__ = ["other_futures", "rows_upon", "sample_snapshots", "shuffled"]


@cache
def _shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    events, truth = make_retail(
        60, 20, n_categories=4, span="52W", acquisition="26W", refund_share=0.15, random_state=12
    )
    return events, truth.attributes.drop(columns="signup", errors="ignore")


def sample_snapshots() -> Snapshots:
    """Rows of a small shop with every kind of column, as of three dates, with a label window."""
    events, attributes = _shop()
    log = EventLog.from_frame(
        events, customer="customer_id", time="time", value="value", item="item", order="order", kind="kind",
        purchases="order", columns=["minutes", "score"], observed_until="2024-01-01",
    ).with_attributes(attributes, customer="customer_id")  # fmt: skip
    return log.snapshots(["2023-06-01", "2023-08-01", "2023-10-01"], horizon="60D")


def rows_upon(log: EventLog, rows: Snapshots) -> Snapshots:
    """The same rows, customers and instants, upon another log."""
    keys = {"customer": rows.customer_id, "as_of": rows.as_of}
    made = log.snapshots_at(keys, customer="customer", as_of="as_of", horizon=rows.horizon, gap=rows.gap)
    return Snapshots(log, made.customers, made.codes, made.as_of_us, made.stop, rows.window)


def shuffled(log: EventLog) -> EventLog:
    """The log, built from its events in another order."""
    frame = _events(log)
    order = np.random.default_rng(0).permutation(len(frame))
    return _rebuilt(log, frame.iloc[order])


def other_futures(log: EventLog, as_of: np.datetime64) -> Iterator[tuple[str, EventLog]]:
    """Yield logs that agree with a log before an instant, and differ at and after it."""
    yield "dropping", replace(log.before(as_of), _end=log._end)
    frame = _events(log)
    late = log._store.time >= as_of.astype("M8[us]").view(np.int64)
    past, future = frame[~late], frame[late]
    rng = np.random.default_rng(0)
    mixed = future.copy()
    for name in mixed.columns.drop(log._schema.time):
        mixed[name] = mixed[name].iloc[rng.permutation(len(mixed))].array
    yield "shuffling", _rebuilt(log, pd.concat([past, mixed]))
    yield "perturbing", _rebuilt(log, pd.concat([past, _perturbed(future, log, as_of)]))


def _events(log: EventLog) -> pd.DataFrame:
    frame = log.to_frame()
    return frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame.to_dict(as_series=False))


def _rebuilt(log: EventLog, frame: pd.DataFrame) -> EventLog:
    schema = log._schema
    named: dict[str, Any] = {role: name for role, name in schema.wanted() if role != "columns"}
    rebuilt = EventLog.from_frame(
        frame, **named, purchases=schema.purchases or None, columns=schema.columns, tz=schema.tz,
        refunds=schema.refunds, observed_until=log.observed_until, invalid="drop",
    )  # fmt: skip
    return replace(rebuilt, _attributes=log._attributes)


def _perturbed(future: pd.DataFrame, log: EventLog, as_of: np.datetime64) -> pd.DataFrame:
    """Other amounts, new items, everything at the instant itself, and each event twice."""
    schema, changed = log._schema, future.copy()
    for name in (schema.value, schema.price, *schema.columns):
        if name is not None and pd.api.types.is_float_dtype(changed[name]):
            changed[name] = changed[name] * 1_000.0 + 1.0
    if schema.item is not None:
        # Before and after all others in the order of the ids.
        items: Any = changed[schema.item]
        numbers = log.items.dtype.kind == "i"
        new = [-(10**6), 10**12] if numbers else ["\x01 first", "\U0010ffff last"]
        changed[schema.item] = [new[row % 2] if present else None for row, present in enumerate(items.notna())]
        if numbers:
            changed[schema.item] = changed[schema.item].astype("Int64")
    edge = pd.Timestamp(as_of)
    edge = edge if changed[schema.time].dt.tz is None else edge.tz_localize(changed[schema.time].dt.tz, ambiguous=False)
    at_edge = changed.assign(**{schema.time: edge})
    return pd.concat([changed, at_edge])
