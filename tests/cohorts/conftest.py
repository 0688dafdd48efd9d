"""Tables of events that span years, and what they come to when counted one by one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from crmkit.testing import event_frames

FREQUENCIES = {"week": "W-SUN", "month": "M", "quarter": "Q-DEC", "year": "Y-DEC"}
PERIODS = st.sampled_from(sorted(FREQUENCIES))
COLLAPSES = ("D", "order", None)


@st.composite
def tables(draw, **options):
    """Draw tables of events as `event_frames`, a day being stretched to several, and the end moved."""
    frame, options = draw(event_frames(**options))
    stretch = draw(st.sampled_from([1, 3, 17, 100]))
    begin = pd.Timestamp(draw(st.sampled_from(["2024-10-14", "1961-12-31", "2023-01-01"])))
    if frame["time"].dt.tz is None:
        days = frame["time"].dt.normalize()
        frame["time"] = begin + stretch * (days - pd.Timestamp("2024-10-14")) + (frame["time"] - days)
        end = begin + pd.Timedelta(days=stretch * 28)
        options["observed_until"] = draw(
            st.sampled_from([end, end.normalize() + pd.offsets.MonthBegin(), end + pd.Timedelta(hours=9)])
        )
    return frame, options


class Naive:
    """A log counted with dicts and sets."""

    def __init__(self, frame: pd.DataFrame, options: dict[str, Any], by: str, kinds: list[str] | None = None) -> None:
        self.by = by
        self.events = sorted(self._events(frame, options, kinds), key=lambda event: event["time"])
        end = pd.Timestamp(options["observed_until"])
        self.last = self.period(end - pd.Timedelta(microseconds=1))
        self.finished = self.last.end_time.ceil("D") == end
        self.cohort, orders = {}, set()
        for event in self.events:
            if event["bought"]:
                self.cohort.setdefault(event["customer"], event["period"])
                event["begins"] = (event["customer"], event["order"]) not in orders
                orders.add((event["customer"], event["order"]))
        self.first = min(self.cohort.values(), default=None)
        self.cohorts = sorted(set(self.cohort.values()))
        self.n_periods = 0 if self.first is None else self.number(self.last) + 1

    def period(self, time: pd.Timestamp) -> pd.Period:
        return time.to_period(FREQUENCIES[self.by])

    def number(self, period: pd.Period) -> int:
        return (period - self.first).n

    def _events(self, frame, options, kinds):
        names = options.get("purchases") if kinds is None else kinds
        for place, row in enumerate(frame.to_dict("records")):
            time = row["time"] if row["time"].tz is None else row["time"].tz_convert(options["tz"]).tz_localize(None)
            money = row.get("value", np.nan)
            refund = money < 0
            bought = not refund and (names is None or row["kind"] in names)
            order = row.get("order")
            yield {
                "customer": str(row["customer"]),
                "time": time,
                "period": self.period(time),
                "money": 0.0 if np.isnan(money) or not (refund or bought) else money,
                "bought": bought,
                "order": (f"row {place}" if pd.isna(order) else order),
            }

    def cells(self) -> dict[tuple[str, pd.Period], list[dict]]:
        """Events by customer and period, from the period of the first purchase on."""
        found = defaultdict(list)
        for event in self.events:
            cohort = self.cohort.get(event["customer"])
            if cohort is not None and event["period"] >= cohort:
                found[event["customer"], event["period"]].append(event)
        return found

    def purchases(self, events: list[dict], collapse: str | None) -> int:
        bought = [event for event in events if event["bought"]]
        if collapse == "order":
            return sum(event["begins"] for event in bought)
        return len({event["time"].normalize() if collapse == "D" else event["time"] for event in bought})

    def table(self, values: str, collapse: str | None = "D") -> np.ndarray:
        n_ages = 0 if self.first is None else self.number(self.last) - self.number(self.cohorts[0]) + 1
        table = np.full((len(self.cohorts), n_ages), np.nan)
        for row, cohort in enumerate(self.cohorts):
            table[row, : self.number(self.last) - self.number(cohort) + 1] = 0
        for (customer, period), events in self.cells().items():
            cohort = self.cohort[customer]
            cell = self.cohorts.index(cohort), (period - cohort).n
            if values == "money":
                table[cell] += sum(event["money"] for event in events)
            elif values == "customers":
                table[cell] += any(event["bought"] for event in events)
            else:
                table[cell] += self.purchases(events, collapse)
        return table

    def active(self) -> list[set[str]]:
        found = [set() for _ in range(self.n_periods)]
        for (customer, period), events in self.cells().items():
            if any(event["bought"] for event in events):
                found[self.number(period)].add(customer)
        return found


@pytest.fixture(scope="session")
def naive():
    return Naive


@pytest.fixture(scope="session")
def drawn():
    """Return the strategies of this folder."""
    return {"tables": tables, "by": PERIODS, "collapse": st.sampled_from(COLLAPSES)}
