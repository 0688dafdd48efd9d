"""The run of the shop of `make_retail`, block of customers by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crmkit.datasets._calendar import Calendar
from crmkit.datasets._contacts import (
    Rows,
    draw_cancels,
    draw_complaints,
    draw_refunds,
    draw_surveys,
    draw_visits,
)
from crmkit.datasets._orders import Lines, Orders, draw_lines, draw_orders
from crmkit.datasets._shop import Catalogue, People, draw_catalogue, draw_people

__all__ = ["KINDS", "Run", "run_shop"]

KINDS: Final = ["order", "refund", "visit", "complaint", "survey", "cancel"]

# The arrays of a block are small enough for the allocator to hand out the same memory again and again: measured, one
# block of a million customers takes twice as long as blocks of 2**15 to 2**17. Another size gives other draws.
_BLOCK: Final = 2**16

_MISSING: Final[dict[str, Any]] = {
    "value": np.float64(np.nan),
    "item": np.int32(-1),
    "order": np.int32(-1),
    "score": np.float64(np.nan),
    "minutes": np.float64(np.nan),
}


@dataclass(frozen=True)
class Run:
    """All that happened; customers, items and orders are codes.

    Attributes
    ----------
    catalogue, people : Catalogue, People
        The items and the customers.
    first, gone : ndarray of shape (n_customers,)
        Microseconds since the start at the first order, and when the customer is gone.
    orders : dict of str to ndarray of shape (n_orders,)
        By customer and then by time: ``customer``, ``since_start``, ``trouble``, ``complaint`` and
        ``leaving``, as in `Orders`.
    events : dict of str to ndarray of shape (n_events,)
        By customer and then by time: ``customer``, ``since_start``, ``kind`` (position in `KINDS`),
        ``value``, ``item``, ``order``, ``score`` and ``minutes``, NaN or -1 where missing.
    """

    catalogue: Catalogue
    people: People
    first: NDArray[np.int64]
    gone: NDArray[np.int64]
    orders: Rows
    events: Rows


def run_shop(rng: np.random.Generator, calendar: Calendar, parameters: dict[str, Any]) -> Run:
    """Draw everything, in the order in which one thing causes the next."""

    def some(*names: str) -> dict[str, Any]:
        return {name: parameters[name] for name in names}

    catalogue = draw_catalogue(rng, **some("n_items", "n_categories"))
    people = draw_people(rng, catalogue, **some("n_customers", "r", "alpha", "taste_strength", "lines_per_order"))
    blocks, n_orders = [], 0
    for first in range(0, len(people.rate), _BLOCK):
        part = people.part(first, first + _BLOCK)
        orders = draw_orders(
            rng,
            part,
            calendar,
            **some("regularity", "trouble_share", "complaint_share", "leaving_probability", "leaving_signal"),
        )
        lines = draw_lines(rng, orders, part, catalogue, parameters["repeat_share"])
        events = _merge(_events(rng, orders, lines, part, calendar, parameters))
        events["customer"] += first
        events["order"][events["order"] >= 0] += n_orders
        n_orders += len(orders.customer)
        blocks.append(
            {
                "customers": {"first": orders.since_start[orders.position == 0], "gone": orders.gone},
                "orders": {
                    "customer": orders.customer + first,
                    "since_start": orders.since_start,
                    "trouble": orders.trouble,
                    "complaint": orders.complaint,
                    "leaving": orders.leaving,
                },
                "events": events,
            }
        )
    whole = {name: _concatenate([block[name] for block in blocks]) for name in ("customers", "orders", "events")}
    return Run(catalogue, people, **whole["customers"], orders=whole["orders"], events=whole["events"])


def _events(
    rng: np.random.Generator,
    orders: Orders,
    lines: Lines,
    people: People,
    calendar: Calendar,
    parameters: dict[str, Any],
) -> list[Rows]:
    """Draw the events of each of `KINDS`."""
    return [
        {
            "customer": orders.customer[lines.order],
            "since_start": orders.since_start[lines.order],
            "value": lines.cents / 100,
            "item": lines.item,
            "order": lines.order,
        },
        draw_refunds(rng, orders, lines, parameters["refund_share"]),
        draw_visits(rng, orders, people, calendar, parameters["visits_per_order"]),
        draw_complaints(rng, orders),
        draw_surveys(rng, orders, people, parameters["survey_share"]),
        draw_cancels(rng, orders, calendar, parameters["cancel_share"]),
    ]


def _merge(parts: list[Rows]) -> Rows:
    """Join the events of all kinds, by customer and then by time; the lines of an order stay together."""
    sizes = [len(rows["customer"]) for rows in parts]
    customer = np.concatenate([rows["customer"] for rows in parts])
    since_start = np.concatenate([rows["since_start"] for rows in parts])
    # One key for both: 300 years have less than 2**34 seconds, and a block has 2**16 customers. The lines are in order
    # already, which this sort makes use of.
    order = np.argsort(customer * 2**34 + since_start // 1_000_000, kind="stable")
    merged = {
        "customer": customer[order],
        "since_start": since_start[order],
        "kind": np.repeat(np.arange(len(parts), dtype=np.int8), sizes)[order],
    }
    for name, missing in _MISSING.items():
        columns = [
            rows[name] if name in rows else np.full(size, missing) for rows, size in zip(parts, sizes, strict=True)
        ]
        merged[name] = np.concatenate(columns, dtype=missing.dtype, casting="same_kind")[order]
    return merged


def _concatenate(tables: list[Rows]) -> Rows:
    """Join tables one below the other, emptying them: there is never more than one column twice."""
    return {column: np.concatenate([table.pop(column) for table in tables]) for column in list(tables[0])}
