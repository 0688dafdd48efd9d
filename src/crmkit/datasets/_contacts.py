"""What else happens in the shop of `make_retail`: refunds, visits, complaints, surveys, cancellations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit.datasets._calendar import DAY, Calendar
from crmkit.datasets._orders import SECOND, Lines, Orders
from crmkit.datasets._shop import People

__all__ = ["Rows", "draw_cancels", "draw_complaints", "draw_refunds", "draw_surveys", "draw_visits"]

Rows = dict[str, NDArray[Any]]
"""Columns of events of one kind: always ``customer`` and ``since_start``, and what the kind has of
``value``, ``item``, ``order``, ``score`` and ``minutes``. Customers, items and orders are codes."""


def draw_refunds(rng: np.random.Generator, orders: Orders, lines: Lines, share: float) -> Rows:
    """Draw the lines that are sent back."""
    chance = np.where(orders.trouble, min(6 * share, 1.0), share)
    rows = np.flatnonzero(rng.random(len(lines.order)) < chance[lines.order])
    order = lines.order[rows]
    refunds: Rows = {
        "customer": orders.customer[order],
        "since_start": _later(rng, orders.since_start[order], 2, 28),
        "value": lines.cents[rows] / -100,
        "item": lines.item[rows],
        "order": order,
    }
    return _while_there(refunds, orders)


def draw_complaints(rng: np.random.Generator, orders: Orders) -> Rows:
    """Draw when the complaints come."""
    rows = np.flatnonzero(orders.complaint)
    complaints: Rows = {
        "customer": orders.customer[rows],
        "since_start": _later(rng, orders.since_start[rows], 1, 10),
        "order": rows,
    }
    return _while_there(complaints, orders)


def draw_surveys(rng: np.random.Generator, orders: Orders, people: People, share: float) -> Rows:
    """Draw the answers to surveys: lower from who is not easily pleased, and after trouble."""
    rows = np.flatnonzero(rng.random(len(orders.customer)) < share)
    pleased = 8.2 + 0.9 * people.satisfaction[orders.customer[rows]] - 3.5 * orders.trouble[rows]
    surveys: Rows = {
        "customer": orders.customer[rows],
        "since_start": _later(rng, orders.since_start[rows], 7, 10),
        "order": rows,
        "score": np.clip(np.rint(pleased + 1.2 * rng.standard_normal(len(rows))), 0, 10),
    }
    return _while_there(surveys, orders)


def draw_visits(rng: np.random.Generator, orders: Orders, people: People, calendar: Calendar, per_order: float) -> Rows:
    """Draw the visits: a Poisson process from the first order until the customer is gone."""
    begin = calendar.elapsed(orders.since_start[orders.position == 0].astype(np.float64))
    length = calendar.elapsed(orders.gone.astype(np.float64)) - begin
    counts = rng.poisson(per_order * people.rate * length)
    customer = np.repeat(np.arange(len(counts)), counts)
    since_start = calendar.since_start(begin[customer] + rng.random(len(customer)) * length[customer])
    minutes = np.rint(10 * rng.lognormal(np.log(4), 0.8, len(customer))) / 10
    visits: Rows = {
        "customer": customer,
        "since_start": since_start // SECOND * SECOND,
        "minutes": np.maximum(minutes, 0.1),
    }
    return _while_there(visits, orders)


def draw_cancels(rng: np.random.Generator, orders: Orders, calendar: Calendar, share: float) -> Rows:
    """Draw who says so when leaving."""
    customer = np.flatnonzero((orders.gone < calendar.span) & (rng.random(len(orders.gone)) < share))
    return {"customer": customer, "since_start": orders.gone[customer]}


def _later(rng: np.random.Generator, since_start: NDArray[np.int64], first: float, last: float) -> NDArray[np.int64]:
    """Return moments between some days later, to whole seconds."""
    delay = rng.uniform(first, last, len(since_start)) * (DAY // SECOND)
    return since_start + delay.astype(np.int64) * SECOND


def _while_there(rows: Rows, orders: Orders) -> Rows:
    """Leave out what would come when the customer is gone, or the log has ended."""
    there = rows["since_start"] < orders.gone[rows["customer"]]
    return {name: column[there] for name, column in rows.items()}
