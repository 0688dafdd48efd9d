from __future__ import annotations

import math

import numpy as np
import pytest

from crmkit.datasets._calendar import DAY, check_calendar
from crmkit.datasets._orders import draw_lines, draw_orders
from crmkit.datasets._shop import ATTRIBUTES, EFFECTS, draw_catalogue, draw_people

CALENDAR = check_calendar("2023-01-01", "104W", "52W", None, "make_retail")
PARAMETERS = {
    "regularity": 1.5,
    "trouble_share": 0.2,
    "complaint_share": 0.5,
    "leaving_probability": 0.12,
    "leaving_signal": 1.0,
}


def draw(n=3000, seed=0, **changes):
    rng = np.random.default_rng(seed)
    catalogue = draw_catalogue(rng, 100, 5)
    people = draw_people(rng, catalogue, n_customers=n, r=1.5, alpha=20.0, taste_strength=0.6, lines_per_order=2.0)
    return rng, catalogue, people, draw_orders(rng, people, CALENDAR, **{**PARAMETERS, **changes})


def naive_leaving(people, orders, row, probability, signal):
    customer = orders.customer[row]
    eta = EFFECTS["experience"]["satisfaction"] * people.satisfaction[customer]
    for name, levels in ATTRIBUTES.items():
        eta += EFFECTS[name][list(levels)[people.attributes[name][customer]]]
    eta += EFFECTS["experience"]["earlier_orders"] * min(orders.position[row], 10)
    eta += EFFECTS["experience"]["trouble"] * orders.trouble[row]
    eta += EFFECTS["experience"]["complaint"] * orders.complaint[row]
    log_odds = math.log(probability / (1 - probability)) + signal * eta
    return 1 / (1 + math.exp(-log_odds))


@pytest.mark.parametrize(("probability", "signal"), [(0.12, 1.0), (0.4, 0.3), (0.05, 0.0)])
def test_leaving_probability(probability, signal):
    _, _, people, orders = draw(300, leaving_probability=probability, leaving_signal=signal)
    expected = [naive_leaving(people, orders, row, probability, signal) for row in range(len(orders.customer))]
    np.testing.assert_allclose(orders.leaving, expected, rtol=1e-12)
    if signal == 0:
        np.testing.assert_allclose(orders.leaving, probability)


def test_orders_are_sorted_and_numbered():
    _, _, _, orders = draw()
    assert np.unique(orders.customer).tolist() == list(range(3000))
    assert (np.diff(orders.customer) >= 0).all()
    same = np.diff(orders.customer) == 0
    assert (np.diff(orders.since_start)[same] >= 0).all()
    assert (np.diff(orders.position)[same] == 1).all()
    assert (orders.position[1:][~same] == 0).all()


def test_nobody_is_gone_within_two_weeks_and_nobody_orders_later():
    _, _, _, orders = draw()
    assert (orders.since_start < orders.gone[orders.customer]).all()
    first = orders.since_start[orders.position == 0]
    assert (orders.gone >= np.minimum(first + 14 * DAY, CALENDAR.span)).all()
    assert orders.gone.max() == CALENDAR.span


def test_leaving_for_sure_and_never():
    _, _, _, orders = draw(leaving_probability=1.0)
    first = orders.since_start[orders.position == 0]
    delay = (orders.gone - first)[orders.gone < CALENDAR.span] / DAY
    assert delay.min() >= 14
    # Later orders may send a customer away sooner, so the mean is at most that of the first order's delay.
    assert 24 < delay.mean() < 28.5
    _, _, _, orders = draw(leaving_probability=0.0)
    assert (orders.gone == CALENDAR.span).all()


def test_shares_of_trouble_and_complaints():
    _, _, _, orders = draw(50_000, leaving_probability=0.0)
    assert orders.trouble.mean() == pytest.approx(0.2, abs=0.005)
    assert orders.complaint[orders.trouble].mean() == pytest.approx(0.5, abs=0.01)
    assert orders.complaint[~orders.trouble].mean() == pytest.approx(0.01, abs=0.002)


def test_decisions_come_as_often_as_their_probability_says():
    """Of customers with one order in the whole span, those who left did so after it."""
    _, _, people, orders = draw(100_000, leaving_signal=1.0)
    alone = np.bincount(orders.customer) == 1
    # Long enough before the end for nearly every delay, and slow buyers: a second order would rarely come before.
    early = orders.since_start[orders.position == 0] < CALENDAR.span - 150 * DAY
    slow = people.rate < 0.002
    chosen = alone & early & slow
    expected = orders.leaving[orders.position == 0][chosen]
    left = (orders.gone < CALENDAR.span)[chosen]
    assert chosen.sum() > 300
    assert left.sum() == pytest.approx(expected.sum(), abs=4.5 * np.sqrt((expected * (1 - expected)).sum()) + 3)


def naive_lines(rng, orders, people, catalogue, repeat_share):
    """The same draws, line by line: a repeated line copies a line of an earlier order of the customer."""
    counts = 1 + rng.poisson(people.basket[orders.customer] - 1)
    chance = rng.random(counts.sum())
    lines = [(order, customer) for order, customer in enumerate(orders.customer) for _ in range(counts[order])]
    repeated = [u < repeat_share and orders.position[order] > 0 for u, (order, _) in zip(chance, lines, strict=True)]
    place = iter(rng.random(sum(repeated)))
    new = [customer for (_, customer), again in zip(lines, repeated, strict=True) if not again]
    picks = catalogue.pick.__func__  # drawn at once, as numbers of one stream
    by_taste = rng.random(len(new)) < people.taste[new]
    fresh = iter(picks(catalogue, rng, people.favourite[new], by_taste))
    bought, items = {}, []
    for (order, customer), again in zip(lines, repeated, strict=True):
        earlier = [item for one, item in bought.get(customer, []) if one < order]
        item = earlier[int(next(place) * len(earlier))] if again else next(fresh)
        bought.setdefault(customer, []).append((order, item))
        items.append(item)
    return [order for order, _ in lines], items


@pytest.mark.parametrize("repeat_share", [0.0, 0.35, 0.95, 1.0])
def test_lines_equal_the_naive_ones(repeat_share):
    rng, catalogue, people, orders = draw(200, seed=3)
    state = rng.bit_generator.state
    lines = draw_lines(rng, orders, people, catalogue, repeat_share)
    rng.bit_generator.state = state
    order, item = naive_lines(rng, orders, people, catalogue, repeat_share)
    assert lines.order.tolist() == order
    assert lines.item.tolist() == item
    np.testing.assert_array_equal(lines.counts, np.bincount(order))
    pieces = lines.cents / catalogue.cents[lines.item]
    assert pieces.min() == 1
    np.testing.assert_array_equal(pieces, np.rint(pieces))


def test_baskets_have_the_mean_of_their_customers():
    rng, catalogue, people, orders = draw(50_000, leaving_probability=0.0)
    lines = draw_lines(rng, orders, people, catalogue, 0.3)
    expected = people.basket[orders.customer]
    # A Poisson number and one: its variance is the mean less one.
    assert lines.counts.sum() == pytest.approx(expected.sum(), abs=4.5 * np.sqrt((expected - 1).sum()))
