"""The orders behind `make_retail`: when they come, how they go, who leaves after them, what is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crmkit.datasets._calendar import DAY, Calendar
from crmkit.datasets._renewal import draw_renewals
from crmkit.datasets._shop import EFFECTS, Catalogue, People

__all__ = ["SECOND", "Lines", "Orders", "draw_lines", "draw_orders"]

SECOND = 1_000_000


@dataclass(frozen=True)
class Orders:
    """The orders, by customer and then by time, and when each customer leaves.

    Attributes
    ----------
    customer, since_start : ndarray of shape (n_orders,)
        Code of the customer, and microseconds since the start of the log.
    position : ndarray of shape (n_orders,)
        The customer's earlier orders.
    trouble, complaint : ndarray of shape (n_orders,)
        Whether something went wrong, and whether the customer complains.
    leaving : ndarray of shape (n_orders,)
        Probability that the customer decides to leave after it.
    gone : ndarray of shape (n_customers,)
        Microseconds since the start at which the customer is gone, the span if not within it.
    """

    customer: NDArray[np.int64]
    since_start: NDArray[np.int64]
    position: NDArray[np.int64]
    trouble: NDArray[np.bool_]
    complaint: NDArray[np.bool_]
    leaving: NDArray[np.float64]
    gone: NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """The lines of the orders, order by order.

    Attributes
    ----------
    counts : ndarray of shape (n_orders,)
        Lines of each order.
    order, item, cents : ndarray of shape (n_lines,)
        Position of the order, code of the item, and the money.
    """

    counts: NDArray[np.int64]
    order: NDArray[np.int64]
    item: NDArray[np.int64]
    cents: NDArray[np.int64]


def draw_orders(
    rng: np.random.Generator,
    people: People,
    calendar: Calendar,
    *,
    regularity: float,
    trouble_share: float,
    complaint_share: float,
    leaving_probability: float,
    leaving_signal: float,
) -> Orders:
    """Draw the orders that would come if nobody left, then who leaves after which, and cut what follows."""
    counts, elapsed = draw_renewals(
        rng, calendar.arrivals(rng, len(people.rate)), calendar.end, people.rate, regularity
    )
    first = np.cumsum(counts) - counts
    customer = np.repeat(np.arange(len(counts)), counts)
    since_start = calendar.since_start(elapsed) // SECOND * SECOND
    position = np.arange(len(customer)) - first[customer]
    trouble = rng.random(len(customer)) < trouble_share
    complaint = rng.random(len(customer)) < np.where(trouble, complaint_share, complaint_share / 50)

    leaving = _leaving_probability(people, customer, position, trouble, complaint, leaving_probability, leaving_signal)
    leaves = np.flatnonzero(rng.random(len(customer)) < leaving)
    gone = np.full(len(customer), calendar.span)
    delay = 14 * DAY * (1 + rng.standard_exponential(len(leaves)))
    gone[leaves] = np.minimum(since_start[leaves] + delay.astype(np.int64) // SECOND * SECOND, calendar.span)
    gone = np.minimum.reduceat(gone, first)

    kept = since_start < gone[customer]
    customer, since_start = customer[kept], since_start[kept]
    return Orders(
        customer=customer,
        since_start=since_start,
        position=position[kept],
        trouble=trouble[kept],
        complaint=complaint[kept],
        leaving=leaving[kept],
        gone=gone,
    )


def _leaving_probability(
    people: People,
    customer: NDArray[np.int64],
    position: NDArray[np.int64],
    trouble: NDArray[np.bool_],
    complaint: NDArray[np.bool_],
    probability: float,
    signal: float,
) -> NDArray[np.float64]:
    """Return the probability of leaving after each order: a logistic model of customer and experience."""
    if probability in (0, 1):
        return np.full(len(customer), probability)
    experience = EFFECTS["experience"]
    log_odds = experience["satisfaction"] * people.satisfaction
    for name, codes in people.attributes.items():
        log_odds += np.array(list(EFFECTS[name].values()))[codes]
    log_odds = log_odds[customer]
    log_odds += experience["earlier_orders"] * np.minimum(position, 10)
    log_odds += experience["trouble"] * trouble + experience["complaint"] * complaint
    return 1 / (1 + (1 / probability - 1) * np.exp(-signal * log_odds))


def draw_lines(
    rng: np.random.Generator, orders: Orders, people: People, catalogue: Catalogue, repeat_share: float
) -> Lines:
    """Draw what is in the orders: new items by taste and popularity, and items bought before.

    A repeated line points at a line of an earlier order of the same customer, any of them equally
    likely, which may itself be a repeated one; following the pointers, doubling the step each time,
    ends at the line where the item was new.
    """
    counts = 1 + rng.poisson(people.basket[orders.customer] - 1)
    begin = np.cumsum(counts) - counts
    order = np.repeat(np.arange(len(counts)), counts)
    first = begin[orders.position == 0][orders.customer]

    repeated = rng.random(len(order)) < repeat_share
    repeated &= np.repeat(orders.position > 0, counts)
    rows, new = np.flatnonzero(repeated), np.flatnonzero(~repeated)
    own = order[rows]
    source = np.arange(len(order))
    source[rows] = first[own] + (rng.random(len(rows)) * (begin - first)[own]).astype(np.int64)
    while not np.array_equal(further := source[source[rows]], source[rows]):
        source[rows] = further

    item = np.zeros(len(order), dtype=np.int64)
    customer = orders.customer[order[new]]
    item[new] = catalogue.pick(rng, people.favourite[customer], rng.random(len(new)) < people.taste[customer])
    item = item[source]
    return Lines(counts, order, item, catalogue.cents[item] * rng.geometric(0.7, len(item)))
