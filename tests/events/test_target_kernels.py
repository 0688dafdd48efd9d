"""Compiled and plain give the same bits, on arrays that cannot be written."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.events import _items, _snapshots, _target_kernels
from crmkit.testing import assert_identical


@pytest.mark.parametrize("scale", [1, 3])
def test_plain_python_gives_the_same(scale, monkeypatch):
    events, _ = make_retail(30, 8, n_categories=2, span="52W", refund_share=0.2, random_state=6)
    log = EventLog.from_frame(
        events.assign(value=events["value"] / scale), customer="customer_id", time="time", kind="kind",
        purchases="order", order="order", item="item", value="value",
    )  # fmt: skip
    X = log.snapshots(["2023-06-01", "2023-09-01"], horizon="90D", gap="1D")

    def everything():
        return {
            "churned": X.churned(), "visits": X.happens("visit"), "next": X.time_to_next("complaint"),
            "days": X.future_purchases(), "orders": X.future_purchases(collapse="order"), "value": X.future_value(),
            "items": X.future_items(), "bought": X.interactions(), "any": X.interactions("binary", "30D"),
            "paid": X.interactions("value"), "faded": X.interactions("value", "30D"),
        }  # fmt: skip

    compiled = everything()
    for room, names in (
        (_snapshots, ("first_in_window", "count_periods", "sum_money")),
        (_items, ("count_items", "fill_items")),
    ):
        for name in names:
            monkeypatch.setattr(room, name, getattr(_target_kernels, name).py_func)
    for name, found in everything().items():
        if name in {"any", "faded"}:  # numpy and the compiler round the last bit of exp differently
            np.testing.assert_allclose(found.toarray(), compiled[name].toarray(), rtol=1e-14)
        else:
            assert_identical(found, compiled[name], name)
