from __future__ import annotations

import numpy as np
import pytest

from crmkit.datasets import _simulation, make_retail
from crmkit.datasets._simulation import _merge


def test_merge_sorts_by_customer_then_time_then_kind():
    rng = np.random.default_rng(0)
    parts = []
    for size, column in ((300, "item"), (0, "order"), (200, "score"), (100, "order")):
        parts.append(
            {
                "customer": rng.integers(0, 20, size),
                "since_start": rng.integers(0, 30, size) * 1_000_000,
                column: rng.integers(0, 9, size),
            }
        )
    merged = _merge(parts)
    rows = [
        (customer, since_start, kind, number)
        for kind, part in enumerate(parts)
        for number, (customer, since_start) in enumerate(zip(part["customer"], part["since_start"], strict=True))
    ]
    expected = sorted(rows)
    assert list(zip(merged["customer"], merged["since_start"], merged["kind"], strict=True)) == [
        row[:3] for row in expected
    ]
    for name, missing in (("item", -1), ("order", -1), ("score", np.nan), ("minutes", np.nan), ("value", np.nan)):
        values = [parts[kind][name][number] if name in parts[kind] else missing for _, _, kind, number in expected]
        np.testing.assert_array_equal(merged[name], values)


@pytest.mark.parametrize("block", [1, 7, 64, 65])
def test_blocks_join_without_a_seam(monkeypatch, block):
    """Another size of block is another draw of the same shop; ids and orders run on through all blocks."""
    monkeypatch.setattr(_simulation, "_BLOCK", block)
    frame, truth = make_retail(64, 20, random_state=0)
    assert frame["customer_id"].unique().tolist() == list(range(1, 65))
    assert truth.orders["order"].tolist() == list(range(1, len(truth.orders) + 1))
    lines = frame[frame["kind"] == "order"].drop_duplicates("order").reset_index(drop=True)
    for name in ("customer_id", "time"):
        np.testing.assert_array_equal(lines[name], truth.orders[name])
    about = frame[frame["kind"].isin(["refund", "complaint", "survey"])]
    own = truth.orders.set_index("order").loc[about["order"].to_numpy(int)]
    np.testing.assert_array_equal(own["customer_id"], about["customer_id"])
