"""The inputs that checks use by default, and other histories of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit.datasets import make_retail
from crmkit.events import EventLog, Snapshots

__all__ = [
    "other_futures",
    "rows_upon",
    "sample_counts",
    "sample_demand",
    "sample_points",
    "sample_snapshots",
    "sample_table",
    "shuffled",
]


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


def sample_table() -> NDArray[np.float64]:
    """Rows of twelve numbers, none of them missing."""
    return np.random.default_rng(0).normal(50.0, 10.0, size=(30, 12)).round(2)


def sample_points() -> NDArray[np.float64]:
    """One series of points, which moves at its end; two of them are missing."""
    points = np.random.default_rng(0).normal(50.0, 10.0, size=80)
    points[60:] += 15.0
    points[[7, 66]] = np.nan
    return points


def sample_counts() -> NDArray[np.float64]:
    """Counts, and the sizes of what they were counted in; the rate rises at the end, two rows are missing."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(50, 200, size=80)
    table = np.column_stack([rng.binomial(sizes, np.where(np.arange(80) < 60, 0.1, 0.25)), sizes]).astype(np.float64)
    table[[7, 66]] = np.nan
    return table


def sample_demand() -> pd.DataFrame:
    """Monthly demand of twelve items, sorted: of 1 to 48 months, some of which end earlier than others.

    One has never sold since it came, one seldom sells, and of one some months are not known.
    """
    rng = np.random.default_rng(0)
    months = pd.date_range("2020-01-01", periods=48, freq="MS")
    parts = []
    for item in range(12):
        season = 1.0 + 0.5 * np.sin(2.0 * np.pi * (np.arange(48) + item) / 12.0)
        value = rng.poisson(season * (0.2 if item == 5 else 5.0 * (item + 1))).astype(np.float64)
        value[:] = 0.0 if item == 4 else value
        value[[20, 33]] = np.nan if item == 6 else value[[20, 33]]
        first, last = {1: (47, 48), 2: (45, 48), 3: (30, 48), 9: (0, 40), 10: (10, 47)}.get(item, (0, 48))
        parts.append(
            pd.DataFrame({"series": f"item {item:02}", "time": months[first:last], "value": value[first:last]})
        )
    return pd.concat(parts, ignore_index=True)


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
