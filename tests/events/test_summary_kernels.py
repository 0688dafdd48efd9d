"""Compiled and plain give the same bits, on arrays that cannot be written."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.events import _summary, _summary_kernels
from crmkit.testing import assert_identical


@pytest.fixture(scope="module")
def logs():
    events, _ = make_retail(40, 10, n_categories=2, span="52W", refund_share=0.2, random_state=5)
    roles = {"customer": "customer_id", "time": "time", "kind": "kind", "purchases": "order", "order": "order"}
    cents = EventLog.from_frame(events, **roles, value="value")
    thirds = EventLog.from_frame(events.assign(value=events["value"] / 3), **roles, value="value")
    return cents, thirds, cents.only("order"), EventLog.from_frame(events, **roles)


@pytest.mark.parametrize("collapse", ["D", "W", "order", None])
def test_plain_python_gives_the_same(logs, collapse, monkeypatch):
    rows = [log.snapshots(["2023-06-01", "2023-06-02", "2023-12-01"]) for log in logs]
    compiled = [X.summary(collapse=collapse, gaps=True) for X in rows]
    for name in ("summarize_periods", "summarize_orders", "sweep_periods", "date_blocks"):
        monkeypatch.setattr(_summary, name, getattr(_summary_kernels, name).py_func)
    for X, expected in zip(rows, compiled, strict=True):
        assert all(not getattr(X, name).flags.writeable for name in ("codes", "as_of_us", "stop"))
        assert_identical(X.summary(collapse=collapse, gaps=True), expected)


def test_one_sweep_is_many_rows(logs, monkeypatch):
    for log in logs:
        X = log.only("order").snapshots(["2023-06-01", "2023-06-02", "2023-12-01"])
        swept = X.summary(gaps=True)
        monkeypatch.setattr(_summary, "_MOST_BLOCKS", 1)
        assert_identical(X.summary(gaps=True), swept)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([0.1, 0.2, -0.3], 0.0),
        ([1e9, 0.1, -1e9], 0.1),
        ([1 / 3, -1 / 3], 0.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([], 0.0),
        ([0.1] * 10, 1.0),
    ],
)
def test_money_adds_up(amounts, expected):
    money = np.array(amounts)
    for function in (_summary_kernels.add_money, _summary_kernels.add_money.py_func):
        total = (np.int64(0), True, 0.0, 0.0)
        for position in range(len(money)):
            total = function(total, np.empty(0, dtype=np.int64), money, position)
        assert _summary_kernels.money_of(total) == expected


def test_whole_cents_and_floats_are_the_same_money():
    amounts = np.array([19.99, 0.07, -5.25])
    cents = np.rint(amounts * 100).astype(np.int64)
    one = other = (np.int64(0), True, 0.0, 0.0)
    for position in range(3):
        one = _summary_kernels.add_money(one, cents, amounts, position)
        other = _summary_kernels.add_money(other, cents[:0], amounts, position)
    assert _summary_kernels.money_of(one) == _summary_kernels.money_of(other) == 14.81
