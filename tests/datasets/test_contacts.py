from __future__ import annotations

import numpy as np
import pytest

from crmkit.datasets._calendar import DAY, check_calendar
from crmkit.datasets._contacts import draw_cancels, draw_complaints, draw_refunds, draw_surveys, draw_visits
from crmkit.datasets._orders import SECOND, draw_lines, draw_orders
from crmkit.datasets._shop import draw_catalogue, draw_people

CALENDAR = check_calendar("2023-01-01", "104W", "52W", None, "make_retail")


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    catalogue = draw_catalogue(rng, 100, 5)
    people = draw_people(rng, catalogue, n_customers=30_000, r=1.5, alpha=20.0, taste_strength=0.6, lines_per_order=2.0)
    orders = draw_orders(
        rng,
        people,
        CALENDAR,
        regularity=1.5,
        trouble_share=0.2,
        complaint_share=0.5,
        leaving_probability=0.1,
        leaving_signal=1.0,
    )
    return people, orders, draw_lines(rng, orders, people, catalogue, 0.3)


def assert_after_its_order(rows, orders, first, last):
    delay = (rows["since_start"] - orders.since_start[rows["order"]]) / DAY
    assert delay.min() >= first
    assert delay.max() <= last
    assert (rows["customer"] == orders.customer[rows["order"]]).all()
    assert (rows["since_start"] < orders.gone[rows["customer"]]).all()
    assert (rows["since_start"] % SECOND == 0).all()


def test_refunds(drawn):
    _, orders, lines = drawn
    rows = draw_refunds(np.random.default_rng(1), orders, lines, 0.03)
    assert_after_its_order(rows, orders, 2, 28)
    bought = list(zip(lines.order, lines.item, lines.cents / 100, strict=True))
    returned = list(zip(rows["order"], rows["item"], -rows["value"], strict=True))
    assert set(returned) <= set(bought)
    # What comes after the customer is gone is not there: 28 days before the end nothing is missing.
    settled = orders.since_start + 28 * DAY < orders.gone[orders.customer]
    for trouble, share in ((True, 0.18), (False, 0.03)):
        n = (settled & (orders.trouble == trouble))[lines.order].sum()
        refunded = (settled & (orders.trouble == trouble))[rows["order"]].sum()
        assert refunded / n == pytest.approx(share, abs=4.5 * np.sqrt(share / n))


def test_everything_comes_back_once_at_most(drawn):
    _, orders, lines = drawn
    rows = draw_refunds(np.random.default_rng(1), orders, lines, 1.0)
    settled = orders.since_start + 28 * DAY < orders.gone[orders.customer]
    assert settled[rows["order"]].sum() == settled[lines.order].sum()
    assert len(rows["order"]) <= len(lines.order)


def test_complaints(drawn):
    _, orders, _ = drawn
    rows = draw_complaints(np.random.default_rng(1), orders)
    assert_after_its_order(rows, orders, 1, 10)
    assert orders.complaint[rows["order"]].all()
    settled = orders.complaint & (orders.since_start + 10 * DAY < orders.gone[orders.customer])
    assert set(np.flatnonzero(settled)) <= set(rows["order"])


def test_surveys(drawn):
    people, orders, _ = drawn
    rows = draw_surveys(np.random.default_rng(1), orders, people, 0.25)
    assert_after_its_order(rows, orders, 7, 10)
    assert len(np.unique(rows["order"])) == len(rows["order"])
    assert set(np.unique(rows["score"])) == set(range(11))
    settled = orders.since_start + 10 * DAY < orders.gone[orders.customer]
    assert settled[rows["order"]].sum() / settled.sum() == pytest.approx(0.25, abs=0.01)
    trouble = orders.trouble[rows["order"]]
    assert rows["score"][~trouble].mean() - rows["score"][trouble].mean() == pytest.approx(3.4, abs=0.3)
    assert np.corrcoef(rows["score"], people.satisfaction[rows["customer"]])[0, 1] > 0.3


def test_visits(drawn):
    people, orders, _ = drawn
    rows = draw_visits(np.random.default_rng(1), orders, people, CALENDAR, 2.0)
    first = orders.since_start[orders.position == 0]
    assert (rows["since_start"] >= first[rows["customer"]]).all()
    assert (rows["since_start"] < orders.gone[rows["customer"]]).all()
    expected = 2 * (people.rate * (orders.gone - first) / (7 * DAY)).sum()
    assert len(rows["customer"]) == pytest.approx(expected, abs=4.5 * np.sqrt(expected))
    assert rows["minutes"].min() >= 0.1
    assert np.median(rows["minutes"]) == pytest.approx(4, abs=0.1)


def test_cancels(drawn):
    _, orders, _ = drawn
    rows = draw_cancels(np.random.default_rng(1), orders, CALENDAR, 0.3)
    left = np.flatnonzero(orders.gone < CALENDAR.span)
    assert set(rows["customer"]) <= set(left)
    assert (rows["since_start"] == orders.gone[rows["customer"]]).all()
    assert len(rows["customer"]) / len(left) == pytest.approx(0.3, abs=0.02)
    assert set(draw_cancels(np.random.default_rng(1), orders, CALENDAR, 1.0)["customer"]) == set(left)
