"""Kernels give what their Python gives, on read-only input."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit import EventLog
from crmkit.cohorts import _cohorts_kernels as kernels
from crmkit.cohorts._walk import Walk

NAMES = ("first_purchases", "first_periods", "count_customers", "count_purchases", "sum_money", "count_periods")


def events(*, exact):
    rng = np.random.default_rng(0)
    money = rng.integers(-300, 900, 400) / (100 if exact else 300)
    frame = {
        "c": rng.integers(40, size=400),
        "t": np.datetime64("2023-01-01", "us") + 12 * rng.integers(800, size=400).astype("m8[h]"),
        "v": money,
        "o": rng.integers(120, size=400),
        "k": np.array(["order", "order", "visit"])[rng.integers(3, size=400)],
    }
    return EventLog.from_frame(frame, customer="c", time="t", value="v", order="o", kind="k", purchases="order")


def tables(log):
    walk = Walk.through(log, "month", None)
    found = [walk.first, walk.cohorts]
    for values in ("customers", "purchases", "money"):
        for collapse in ("D", "order", None):
            found += walk.by_age(values, collapse)
    for collapse in ("D", "order"):
        found += walk.by_period(collapse)
    return found


@pytest.mark.parametrize("exact", [True, False])
def test_compiled_and_python_agree(monkeypatch, exact):
    log = events(exact=exact)
    assert all(not array.flags.writeable for _, array in log._store.arrays())
    expected = tables(log)
    for name in NAMES:
        monkeypatch.setattr(f"crmkit.cohorts._walk.{name}", getattr(kernels, name).py_func)
    for one, other in zip(tables(log), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_pairs_of_floats_hold_what_rounding_drops():
    pair = np.zeros(2)
    for amount in (1e16, 1.0, 1.0, -1e16):
        kernels._add(pair, 0, amount)
    assert pair.sum() == 2.0


def test_money_that_is_taken_back_is_nothing():
    frame = {"c": [1] * 6, "t": ["2024-01-01"] * 6, "v": [1 / 3, 1e9, 1e-7, -1e-7, -1e9, -1 / 3]}
    log = EventLog.from_frame(frame, customer="c", time="t", value="v")
    walk = Walk.through(log, "month", None)
    assert walk.by_age("money", "D")[1].tolist() == [[0.0]]
    assert walk.by_period("D")[1].tolist() == [[0.0, 0.0]]
