"""The quality table: what was dropped, and what was kept but is worth knowing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from crmkit._frames import make_frame
from crmkit._numba import run_in_ranges
from crmkit.events._read import DAY
from crmkit.events._sort_kernels import early_refunds
from crmkit.events._store import Store

#: Days before the last one whose ends say when a day usually ends.
_USUAL_DAYS = 28


def quality_rows(
    store: Store, dropped: list[tuple[str, int]], n_repeats: int, n_refunds: int, end_is_given: bool
) -> tuple[tuple[str, int], ...]:
    """Count what is worth knowing of a log."""
    counts = list(dropped)
    counts.append(("exact duplicate", n_repeats))
    if store.has_money:
        counts.append(("refund", n_refunds))
        # Without roles every event is a purchase: refunds that were counted have been left out.
        roles = store.roles
        early = run_in_ranges(early_refunds, store.n_customers, store.pointers, roles) if len(roles) else [0]
        counts.append(("refund before any purchase", int(sum(early))))
    if not end_is_given:
        counts.append(("last day ends early", _rows_of_short_last_day(store)))
    return tuple(counts)


def _rows_of_short_last_day(store: Store) -> int:
    """Events of the last day, if it ends earlier than each of the 28 days with events before it.

    A log that was cut in the middle of a day looks as if everybody had stopped buying.
    """
    if len(store.time) == 0:
        return 0
    last_midnight = int(store.time.max()) // DAY * DAY
    recent = store.time[store.time >= last_midnight - _USUAL_DAYS * DAY]
    days = recent // DAY
    ends = np.zeros(_USUAL_DAYS + 1, dtype=np.int64)
    np.maximum.at(ends, days - (last_midnight // DAY - _USUAL_DAYS), recent % DAY + 1)
    usual = ends[:-1][ends[:-1] > 0]
    # Dates without a time of day all end at midnight: that says nothing.
    if len(usual) < _USUAL_DAYS // 4 or ends[-1] >= usual.min():
        return 0
    return int(np.count_nonzero(recent >= last_midnight))


def quality_table(counts: tuple[tuple[str, int], ...], n_rows: int, backend: Literal["pandas", "polars"]) -> Any:
    """The counts as a frame (rule, rows, share)."""
    rows = np.array([count for _, count in counts], dtype=np.int64)
    return make_frame(
        {
            "rule": np.array([rule for rule, _ in counts], dtype=np.str_),
            "rows": rows,
            "share": rows / max(n_rows, 1),
        },
        backend,
    )
