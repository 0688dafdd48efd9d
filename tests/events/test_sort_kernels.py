"""Compiled and plain sort alike, on arrays that cannot be written, and as Python's sort does."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit import EventLog
from crmkit.events import _sort_kernels, _store


def tables():
    rng = np.random.default_rng(3)
    for n, n_customers, n_times in ((0, 1, 1), (1, 1, 1), (400, 3, 5), (400, 60, 400), (300, 1, 1)):
        yield {
            "who": rng.integers(0, n_customers, n),
            "when": np.datetime64("2024-01-01", "us") + rng.integers(0, n_times, n).astype("m8[h]"),
            "paid": rng.integers(-2, 9, n) / np.float64(rng.choice([1, 3])),
            "order": rng.integers(0, 20, n),
        }


ROLES = {"customer": "who", "time": "when", "value": "paid", "order": "order"}


@pytest.mark.parametrize("table", list(tables()), ids=lambda table: f"{len(table['who'])} rows")
def test_plain_python_gives_the_same(table, monkeypatch):
    compiled = EventLog.from_frame(table, **ROLES)
    firsts = compiled._store.first_of_order
    names = [name for name in vars(_store) if hasattr(getattr(_sort_kernels, name, None), "py_func")]
    assert len(names) > 8
    for name in names:
        monkeypatch.setattr(_store, name, getattr(_sort_kernels, name).py_func)
    for array in table.values():
        array.flags.writeable = False
    plain = EventLog.from_frame(table, **ROLES)
    assert plain.fingerprint == compiled.fingerprint
    assert plain._store.first_of_order.tolist() == firsts.tolist()


@pytest.mark.parametrize("table", list(tables()), ids=lambda table: f"{len(table['who'])} rows")
def test_as_pythons_sort(table):
    store = EventLog.from_frame(table, **ROLES)._store
    rows = sorted(zip(*(table[name].tolist() for name in ("who", "when", "order", "paid")), strict=True))
    assert store.customers[store.owners()].tolist() == [row[0] for row in rows]
    assert store.time.view("M8[us]").tolist() == [row[1] for row in rows]
    assert store.amounts().tolist() == [row[3] for row in rows]
    assert (
        store.pointers.tolist()
        == np.searchsorted([row[0] for row in rows], [*store.customers.tolist(), np.inf]).tolist()
    )
    begun: dict[tuple[int, int], int] = {}
    for position, (who, _, order, paid) in enumerate(rows):
        if paid >= 0:
            begun.setdefault((who, order), position)
    assert store.first_of_order.tolist() == [begun.get((who, order), -1) for who, _, order, _ in rows]
