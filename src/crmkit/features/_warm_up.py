"""One run through everything in this room that has a kernel."""

from __future__ import annotations

from crmkit.events import EventLog
from crmkit.features._inter_purchase import InterPurchaseFeatures


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    events = {"customer": [1, 1, 1, 2], "time": ["2024-01-01", "2024-01-03", "2024-01-05", "2024-01-05"]}
    log = EventLog.from_frame(
        {**events, "value": [1.0, 2.0, -1.0, 3.0]}, customer="customer", time="time", value="value"
    )
    InterPurchaseFeatures().transform(log.snapshot("2024-01-06"))
