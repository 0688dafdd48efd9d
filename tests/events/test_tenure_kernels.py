"""Compiled and plain give the same bits, on arrays that cannot be written."""

from __future__ import annotations

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.events import _tenure, _tenure_kernels
from crmkit.testing import assert_identical


def test_plain_python_gives_the_same(monkeypatch):
    events, _ = make_retail(40, 10, n_categories=2, span="52W", random_state=5)
    log = EventLog.from_frame(events, customer="customer_id", time="time", kind="kind", purchases="order")
    rows = log.snapshots(["2023-02-01", "2023-06-01", "2023-12-01"])
    assert not rows.codes.flags.writeable
    compiled = rows.tenure("order", "complaint", "7D")
    assert set(compiled["ended"]) == {0.0, 1.0}
    monkeypatch.setattr(_tenure, "find_tenure", _tenure_kernels.find_tenure.py_func)
    assert_identical(rows.tenure("order", "complaint", "7D"), compiled)
