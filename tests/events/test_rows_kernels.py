"""Compiled and plain give the same rows, on arrays that cannot be written."""

from __future__ import annotations

import numpy as np

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.events import _rows, _rows_kernels


def test_plain_python_gives_the_same(monkeypatch):
    events, _ = make_retail(40, 8, n_categories=2, span="52W", random_state=7)
    log = EventLog.from_frame(events, customer="customer_id", time="time", kind="kind", purchases="order")
    keys = {"who": log.customers[::-1], "at": np.full(log.n_customers, np.datetime64("2023-06-01"))}

    def everything():
        dates = ["2023-09-01", "2023-06-01", "2023-12-01"]
        rows = [
            log.snapshots(dates),
            log.snapshots(dates, min_events=2, active_within="60D", customers=log.customers[::3]),
            log.snapshots(dates, alive=("order", ["complaint", "cancel"])),
            log.snapshots_at(keys, customer="who", as_of="at"),
        ]
        return [(X.codes.tolist(), X.as_of_us.tolist(), X.stop.tolist()) for X in rows]

    compiled = everything()
    for name in ("sweep_dates", "find_edges"):
        monkeypatch.setattr(_rows, name, getattr(_rows_kernels, name).py_func)
    assert everything() == compiled


def test_any_number_of_threads_gives_the_same_rows(monkeypatch):
    n = 50_000
    rng = np.random.default_rng(0)
    frame = {
        "who": rng.integers(0, n, 2 * n),
        "when": np.datetime64("2024-01-01", "us") + rng.integers(0, 99, 2 * n).astype("m8[D]"),
    }
    log = EventLog.from_frame(frame, customer="who", time="when")
    dates = ["2024-03-01", "2024-02-01", "2024-04-01"]
    expected = log.snapshots(dates)
    for threads in (1, 2, 3):
        run = _rows.run_in_ranges
        monkeypatch.setattr(
            _rows, "run_in_ranges", lambda *args, run=run, n=threads: run(*args, threads=n, minimum=1_000)
        )
        found = log.snapshots(dates)
        monkeypatch.undo()
        for name in ("codes", "as_of_us", "stop"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
