"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import numpy as np

from crmkit.cohorts._period_table import period_table
from crmkit.cohorts._table import cohort_table
from crmkit.events import EventLog


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    row = np.arange(12)
    frame = {
        "customer": row % 3,
        "time": np.datetime64("2024-01-01", "us") + (row * 20).astype("m8[D]"),
        "value": (row % 5 - 1) / 2,
    }
    log = EventLog.from_frame(frame, customer="customer", time="time", value="value")
    cohort_table(log, values="customers")
    cohort_table(log, values="purchases")
    cohort_table(log, values="money")
    period_table(log)
