"""Events as plain Python, for the oracles of this folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest


def _plain_events(frame: pd.DataFrame, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a drawn table as dicts, in the order in which a log holds them."""

    def cell(row: dict[str, Any], role: str) -> Any:
        value = row[options[role]] if role in options else None
        return None if value is None or pd.isna(value) else value

    events = []
    for row in frame.to_dict("records"):
        money = cell(row, "value")
        kind = cell(row, "kind")
        of_purchase_kind = "kind" not in options or kind in options["purchases"]
        is_refund = money is not None and money < 0
        events.append(
            {
                "customer": row["customer"] if isinstance(row["customer"], int) else str(row["customer"]),
                "time": int(pd.Timestamp(row["time"]).to_datetime64().astype("M8[us]").astype(np.int64)),
                "money": money,
                "item": cell(row, "item"),
                "order": cell(row, "order"),
                "kind": kind,
                "refund": is_refund,
                "purchase": of_purchase_kind and not is_refund,
            }
        )

    def by_meaning(event: dict[str, Any]) -> tuple[Any, ...]:
        return (
            event["time"],
            -math.inf if event["order"] is None else event["order"],
            event["item"] or "",
            event["kind"] or "",
            math.inf if event["money"] is None else event["money"],
        )

    return sorted(events, key=by_meaning)


@pytest.fixture(scope="session")
def plain_events() -> Callable[..., list[dict[str, Any]]]:
    """Return what turns a table of `event_frames` without zones into plain events."""
    return _plain_events
