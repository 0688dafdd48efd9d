"""Compiled and plain give the same bits, on arrays that cannot be written."""

from __future__ import annotations

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
