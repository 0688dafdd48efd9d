from __future__ import annotations

import itertools
import math
import statistics as plain
from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from crmkit.events import EventLog
from crmkit.features import WindowAggregator
from crmkit.testing import event_frames, snapshots

EVERYTHING = (
    "count", "share", "days", "orders", "distinct", "days_since_first", "days_since_last", "mean_gap", "std_gap",
    "regularity", "trend", "sessions", "session_length", "session_depth", "sum", "mean", "min", "max", "std", "first",
    "last",
)  # fmt: skip
OF_EVENTS = EVERYTHING[:4] + EVERYTHING[5:14]
OF_NUMBERS = ("trend", "share", *EVERYTHING[14:])
MICROSECOND = pd.Timedelta(microseconds=1)
DAY = pd.Timedelta(days=1)
HOUR = pd.Timedelta(hours=1)
WINDOWS = ["1us", "6h", "1D", "36h", "5D", "1000D", ("1D", "6h"), ("10D", "5D"), ("2000D", "1D"), "all"]


# ------------------------------------------------------------------------- the definition, event by event


def naive_events(events, half, as_of, gap):
    """Statistics of events: a list of dicts in the order of the log."""
    times = [event["time"] for event in events]
    found = {"count": len(events)}
    found["days"] = len({(as_of - time - MICROSECOND) // DAY for time in times})
    found["orders"] = sum(event["begins order"] for event in events)
    found["days_since_first"] = (as_of - times[0]) / DAY if times else math.nan
    found["days_since_last"] = (as_of - times[-1]) / DAY if times else math.nan
    instants = sorted(set(times))
    gaps = [(after - before) / DAY for before, after in itertools.pairwise(instants)]
    found["mean_gap"] = plain.mean(gaps) if gaps else math.nan
    found["std_gap"] = plain.stdev(gaps) if len(gaps) > 1 else math.nan
    found["regularity"] = 1 / (1 + (found["std_gap"] / found["mean_gap"]) ** 2) if gaps else math.nan
    recent = sum(time >= half for time in times)
    found["trend"] = (2 * recent - len(times)) / len(times) if times else math.nan
    visits: list[list[pd.Timestamp]] = []
    for time in times:
        if not visits or time - visits[-1][-1] >= gap:
            visits.append([])
        visits[-1].append(time)
    found["sessions"] = len(visits)
    minutes = [(visit[-1] - visit[0]) / (HOUR / 60) for visit in visits]
    found["session_length"] = plain.mean(minutes) if visits else math.nan
    found["session_depth"] = len(times) / len(visits) if visits else math.nan
    return found


def exact_sum(numbers):
    """In decimal, where all are whole cents; else of the binary numbers."""
    cents = all(round(number, 2) == number for number in numbers)
    return sum(Fraction(str(number)) if cents else Fraction(number) for number in numbers)


def naive_numbers(events, name, half):
    """Statistics of numbers, added up as exact fractions."""
    known = [(event["time"] >= half, float(event[name])) for event in events if not math.isnan(event[name])]
    numbers = [number for _, number in known]
    total = exact_sum(numbers)
    earlier, recent = (exact_sum([number for late, number in known if late is part]) for part in (False, True))
    size = abs(earlier) + abs(recent)
    return {
        "sum": float(total),
        "mean": float(total / len(numbers)) if numbers else math.nan,
        "trend": float((recent - earlier) / size) if size else math.nan,
        "min": min(numbers, default=math.nan),
        "max": max(numbers, default=math.nan),
        "std": plain.stdev(numbers) if len(numbers) > 1 else math.nan,
        "first": numbers[0] if numbers else math.nan,
        "last": numbers[-1] if numbers else math.nan,
    }


def edges_of(window, as_of, first):
    """Begin, end and middle of a window."""
    if window == "all":
        length = (as_of - first) // MICROSECOND
        return first, as_of, as_of - length // 2 * MICROSECOND
    older, younger = window if isinstance(window, tuple) else (window, "0D")
    begin, end = (pd.Timedelta(part) for part in (older, younger))
    return as_of - begin, as_of - end, as_of - (begin + end) // MICROSECOND // 2 * MICROSECOND


def name_of_window(window):
    return "_".join(window) if isinstance(window, tuple) else window


def naive_row(history, as_of, windows, kinds, numbers, labels, gap):
    """All columns of one row: one name and number after the other."""
    seen = [event for event in history if event["time"] < as_of]
    row = {}
    for window in windows:
        of_all: dict[str, float] = {}
        for kind in [None, *kinds]:
            events = [event for event in seen if kind is None or event["kind"] == kind]
            begin, end, half = edges_of(window, as_of, events[0]["time"] if events else as_of)
            events = [event for event in events if begin <= event["time"] < end]
            found = {f"{name}_events": value for name, value in naive_events(events, half, as_of, gap).items()}
            for number in numbers:
                found.update({f"{k}_{number}": v for k, v in naive_numbers(events, number, half).items()})
            for label in labels:
                found[f"distinct_{label}"] = len({event[label] for event in events if event[label] is not None})
            if kind is None:
                of_all = found
            else:
                for source in ("events", *numbers):
                    own, total = (x["count_events" if source == "events" else f"sum_{source}"] for x in (found, of_all))
                    found[f"share_{source}"] = own / total if total else math.nan
            suffix = f"_{name_of_window(window)}" if kind is None else f"_{kind}_{name_of_window(window)}"
            row.update({name + suffix: float(value) for name, value in found.items()})
    return row


def events_by_customer(log):
    """The events of each customer in the order of the log; which of them begin an order is marked."""
    frame = log.to_frame()
    histories: dict[object, list[dict]] = {}
    for record in frame.to_dict("records"):
        event = {"kind": "order", "value": 0.0, **record}
        event["items"] = event.get("item") if isinstance(event.get("item"), str) else None
        event["store"] = event.get("store") if isinstance(event.get("store"), str) else None
        event["money"] = event["value"]
        history = histories.setdefault(event["customer"], [])
        bought = event["kind"] == "order" and not event["value"] < 0
        order = event.get("order")
        known = order is not None and not pd.isna(order)
        event["begins order"] = bought and not (known and any(e["of order"] == order for e in history))
        event["of order"] = order if known and bought else None
        history.append(event)
    return histories


def naive(X, windows, *, kinds=(), numbers=(), labels=(), gap=HOUR):
    histories = events_by_customer(X.log)
    return pd.DataFrame(
        [
            naive_row(histories.get(who, []), pd.Timestamp(as_of), windows, kinds, numbers, labels, gap)
            for who, as_of in zip(X.customer_id, X.as_of, strict=True)
        ]
    )


@st.composite
def rich_logs(draw):
    """Logs with further columns: numbers, some missing, whole numbers, flags and categories."""
    frame, options = draw(event_frames(ids="int", max_events=30))
    row = np.arange(len(frame))
    frame["minutes"] = np.array([1.5, np.nan, 1 / 3, 0.1, -2.0])[row % 5]
    frame["steps"] = row % 4
    frame["new"] = row % 3 == 0
    frame["store"] = pd.Series(["north", None, "south"] * len(frame), dtype="object")[: len(frame)]
    return EventLog.from_frame(frame, **options, columns=["minutes", "steps", "new", "store"])


@given(snapshots(rich_logs()), st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True), st.booleans())
def test_every_statistic_equals_the_naive_one(X, windows, by_kind):
    by_kind = by_kind and len(X.log.kinds) > 0
    log = X.log
    numbers = [*(["money"] if log.has_money else []), "minutes", "steps", "new"]
    labels = [*(["items"] if len(log.items) else []), "store"]
    possible = [
        name
        for name in EVERYTHING
        if not (name == "share" and not by_kind) and not (name == "orders" and log._store.order is None)
    ]
    windower = WindowAggregator(windows, possible, by_kind=by_kind, session_gap="1h")
    if log._store.item is not None and not len(log.items):
        labels = ["items", *labels]
    found = windower.fit_transform(X)
    names = list(windower.get_feature_names_out())
    assert found.columns.tolist() == names
    assert len(names) == len(set(names))
    kinds = windower.kinds_.tolist()
    seen = {
        e["kind"]
        for who, h in events_by_customer(log).items()
        for e in h
        if any(w == who and e["time"] < a for w, a in zip(X.customer_id, X.as_of, strict=True))
    }
    assert kinds == (sorted(seen) if by_kind else [])
    if len(X) == 0:
        return
    expected = naive(X, windows, kinds=kinds, numbers=numbers, labels=labels)
    assert set(found.columns) <= set(expected.columns)
    expected = expected[list(found.columns)]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_exact=False, rtol=1e-9, atol=1e-9)
