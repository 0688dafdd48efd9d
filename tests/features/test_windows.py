from __future__ import annotations

import itertools
import math
import statistics as plain
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline

from crmkit.datasets import make_retail
from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.features import (
    RFMTransformer,
    WindowAggregator,
    _window_columns,
    _window_numbers_kernels,
    _window_sweep,
    _windows_kernels,
)
from crmkit.testing import event_frames, snapshots
from crmkit.testing._sample import sample_snapshots

EVERYTHING = (
    "count", "share", "days", "orders", "distinct", "days_since_first", "days_since_last", "mean_gap", "std_gap",
    "regularity", "trend", "sessions", "session_length", "session_depth", "sum", "mean", "min", "max", "std", "first",
    "last",
)  # fmt: skip
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


def naive(X, windows, *, kinds=(), numbers=(), labels=(), gap=HOUR, only=None):
    histories = events_by_customer(X.log)
    if only is not None:
        histories = {who: [event for event in own if event["kind"] in only] for who, own in histories.items()}
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


def sources_of(log):
    """Numbers and labels that the logs of `rich_logs` have."""
    numbers = [*(["money"] if log.has_money else []), "minutes", "steps", "new"]
    return numbers, [*(["items"] if log._store.item is not None else []), "store"]


def possible(log, by_kind):
    return [
        name
        for name in EVERYTHING
        if not (name == "share" and not by_kind) and not (name == "orders" and log._store.order is None)
    ]


def assert_is_naive(found, expected, statistics):
    """The columns are those of the statistics, and hold what the definition gives."""
    names = [name for name in expected if any(name.startswith(f"{statistic}_") for statistic in statistics)]
    days = {name for name in names if name.startswith("days_since")} if "days_since_last" not in statistics else set()
    assert set(found.columns) == set(names) - days
    expected = expected[list(found.columns)]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_exact=False, rtol=1e-9, atol=1e-9)


@given(snapshots(rich_logs()), st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True), st.booleans())
def test_every_statistic_equals_the_naive_one(X, windows, by_kind):
    log = X.log
    by_kind = by_kind and len(log.kinds) > 0
    statistics = possible(log, by_kind)
    windower = WindowAggregator(windows, statistics, by_kind=by_kind, session_gap="1h")
    found = windower.fit_transform(X)
    assert found.columns.tolist() == windower.get_feature_names_out().tolist()
    assert (found.dtypes == "float64").all()
    histories, rows = events_by_customer(log), list(zip(X.customer_id, X.as_of, strict=True))
    seen = {event["kind"] for who, as_of in rows for event in histories.get(who, []) if event["time"] < as_of}
    assert windower.kinds_.tolist() == (sorted(seen) if by_kind else [])
    if len(X):
        numbers, labels = sources_of(log)
        expected = naive(X, windows, kinds=windower.kinds_.tolist(), numbers=numbers, labels=labels)
        assert_is_naive(found, expected, statistics)


@given(rich_logs(), st.data())
def test_rows_of_a_frame_in_any_order(log, data):
    """Also customers of whom the log knows nothing, and instants before anything happened."""
    n = data.draw(st.integers(1, 12))
    ids = [*log.customers.tolist(), 999_999] if len(log) else [999_999]
    hours = data.draw(st.lists(st.integers(0, 700), min_size=n, max_size=n))
    keys = {
        "who": data.draw(st.lists(st.sampled_from(ids), min_size=n, max_size=n)),
        "when": np.datetime64("2024-10-13", "h") + np.array(hours),
    }
    X = log.snapshots_at(keys, customer="who", as_of="when")
    windows = data.draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True))
    only = data.draw(st.sampled_from([None, ["visit"], ["order", "cancel", "no such"]])) if len(log.kinds) else None
    # None of them: that is a misspelt name.
    only = only if only is None or set(only) & set(log.kinds.tolist()) else None
    statistics = possible(log, by_kind=False)
    found = WindowAggregator(windows, statistics, kinds=only, session_gap="1h").fit_transform(X)
    numbers, labels = sources_of(log)
    assert_is_naive(found, naive(X, windows, numbers=numbers, labels=labels, only=only), statistics)


# ------------------------------------------------------------------------------------------- worked examples


def log_of(times, values=None, who=None, **columns):
    frame = {"who": [1] * len(times) if who is None else who, "when": times, **columns}
    named = {name: name for name in ("kind", "item", "order") if name in columns}
    extras = [name for name in columns if name not in named]
    if values is not None:
        frame["paid"], named["value"] = values, "paid"
    if "kind" in columns:
        named["purchases"] = ["order"]
    return EventLog.from_frame(
        pd.DataFrame(frame), customer="who", time="when", columns=extras, observed_until="2025-01-01", **named
    )


def row_of(X, windows, statistics, **options):
    return WindowAggregator(windows, statistics, **options).fit_transform(X).iloc[0].to_dict()


def test_windows_are_half_open():
    log = log_of(["2024-01-01", "2024-01-10 23:59:59.999999", "2024-01-11", "2024-01-31"])
    X = log.snapshot("2024-01-31")
    windows = ["20D", ("30D", "20D"), ("20D", "1us"), "30D"]
    assert list(row_of(X, windows, "count").values()) == [1, 2, 1, 3]
    assert list(row_of(X, windows, "count")) == [
        "count_events_20D", "count_events_30D_20D", "count_events_20D_1us", "count_events_30D",
    ]  # fmt: skip
    assert row_of(log.snapshot("2024-01-31 00:00:00.000001"), ["20D"], "count") == {"count_events_20D": 1}


def test_names_come_window_by_window_each_with_its_own_statistics():
    log = log_of(["2024-01-01", "2024-01-02"], [1.0, 2.0], kind=["visit", "order"], item=["a", "b"], minutes=[3, 4])
    X = log.snapshot("2024-02-01")
    windower = WindowAggregator({"4W": ["sum", "count"], ("36h", "30min"): "distinct", "all": "share"}, by_kind=True)
    assert windower.fit(X).get_feature_names_out().tolist() == [
        "sum_money_28D", "sum_money_order_28D", "sum_money_visit_28D",
        "sum_minutes_28D", "sum_minutes_order_28D", "sum_minutes_visit_28D",
        "count_events_28D", "count_events_order_28D", "count_events_visit_28D",
        "distinct_items_36h_30min", "distinct_items_order_36h_30min", "distinct_items_visit_36h_30min",
        "share_events_order_all", "share_events_visit_all",
        "share_money_order_all", "share_money_visit_all", "share_minutes_order_all", "share_minutes_visit_all",
    ]  # fmt: skip
    assert windower.kinds_.tolist() == ["order", "visit"]
    assert windower.columns_ == ["money", "minutes", "items"]


def test_a_purchase_and_its_refund_leave_exactly_nothing():
    log = log_of(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"], [0.1, 0.2, -0.2, -0.1])
    found = row_of(log.snapshot("2024-01-05"), ["all"], ["sum", "mean", "trend", "min", "max"])
    assert list(found.values())[:2] == [0.0, 0.0]
    assert found["trend_money_all"] == -1.0  # bought in the earlier half, given back in the recent one
    assert (found["min_money_all"], found["max_money_all"]) == (-0.2, 0.2)


def test_gaps_sessions_and_trend():
    log = log_of(["2024-01-01 10:00", "2024-01-01 10:20", "2024-01-01 10:50", "2024-01-05 10:00", "2024-01-13 10:00"])
    found = row_of(
        log.snapshot("2024-01-14 10:00"),
        ["all"],
        ["sessions", "session_length", "session_depth", "days", "trend", "days_since_first", "days_since_last"],
    )
    # The half hour before 10:50 begins a session; days end at ten o'clock.
    assert list(found.values()) == [4, 5, 1.25, 3, -0.6, 13, 1]
    # Of a shifted window, too, the middle is halfway between its ends: here noon of the first of January.
    shifted = row_of(log_of(["2024-01-01", "2024-01-03"]).snapshot("2024-01-09"), [("10D", "5D")], ["count", "trend"])
    assert list(shifted.values()) == [2, 0]
    regular = log_of(pd.date_range("2024-01-01", periods=9, freq="5D"))
    assert row_of(regular.snapshot(), ["all"], ["mean_gap", "std_gap", "regularity"]) == {
        "mean_gap_events_all": 5.0, "std_gap_events_all": 0.0, "regularity_events_all": 1.0,
    }  # fmt: skip
    rng = np.random.default_rng(0)
    random = log_of(np.datetime64("2000-01-01", "s") + rng.exponential(86_400, 8_000).cumsum().astype("m8[s]"))
    assert row_of(random.snapshot(), ["all"], "regularity")["regularity_events_all"] == pytest.approx(0.5, abs=0.02)


def test_windows_that_see_nothing():
    keys = {"who": [1, 1, 2], "when": ["2024-03-01", "2023-12-31", "2024-03-01"]}
    X = log_of(["2024-01-01"], [5.0], order=[1], item=["a"]).snapshots_at(keys, customer="who", as_of="when")
    found = WindowAggregator(["10D"], [name for name in EVERYTHING if name != "share"]).fit_transform(X)
    zero = {"count", "days", "orders", "distinct", "sessions", "sum"}
    for name, column in found.items():
        expected = 0.0 if any(name.startswith(f"{known}_") for known in zero) and "since" not in name else np.nan
        assert np.array_equal(column, [expected] * 3, equal_nan=True), name
    assert WindowAggregator().fit_transform(X[:0]).shape == (0, 24)


def test_a_long_history_of_one_customer():
    """Longer than what is searched step by step; as of one date, and of many."""
    times = np.datetime64("2024-01-01", "us") + np.arange(5_000).astype("m8[h]") // 7
    X = log_of(times, np.ones(5_000)).snapshots(pd.date_range("2024-01-02", periods=60, freq="D"))
    windower = WindowAggregator(["1D", "10D", ("100D", "3D"), "all"], ["count", "sum"]).fit(X)
    found = windower.transform(X)
    for row in range(60):
        pd.testing.assert_frame_equal(windower.transform(X[row]), found.iloc[[row]])
        seen = times < X.as_of[row]
        for days, younger, name in ((1, 0, "1D"), (10, 0, "10D"), (100, 3, "100D_3D"), (999, 0, "all")):
            inside = seen & (times >= X.as_of[row] - np.timedelta64(days, "D"))
            inside &= times < X.as_of[row] - np.timedelta64(younger, "D")
            assert found.iloc[row][f"count_events_{name}"] == found.iloc[row][f"sum_money_{name}"] == inside.sum()


# ------------------------------------------------------------------------------------------- same bits


@pytest.fixture(scope="module")
def shop():
    """More rows than go into one batch, with every kind of column."""
    events, _ = make_retail(1_500, 30, n_categories=4, span="104W", refund_share=0.1, random_state=3)
    log = EventLog.from_frame(
        events, customer="customer_id", time="time", value="value", item="item", order="order", kind="kind",
        purchases="order", columns=["minutes", "category"] if "category" in events else ["minutes"],
    )  # fmt: skip
    first, last = log.first_time + np.timedelta64(180, "D"), log.last_time
    return log.snapshots(pd.date_range(first, last, periods=14))


ALL_WINDOWS = ["7D", "90D", ("365D", "335D"), "all"]


def test_rows_by_customer_equal_rows_in_any_order(shop):
    assert len(_window_sweep.ascending_runs(shop)) > 2
    windower = WindowAggregator(ALL_WINDOWS, EVERYTHING, by_kind=True, n_jobs=1).fit(shop)
    expected = windower.transform(shop).to_numpy()
    order = np.random.default_rng(0).permutation(len(shop))
    assert len(_window_sweep.ascending_runs(shop[order])) == 0
    assert np.array_equal(windower.transform(shop[order]).to_numpy(), expected[order], equal_nan=True)
    # Rows of one customer together, but their dates descend, so that each is searched on its own.
    alone = np.lexsort((-shop.as_of_us, shop.codes))
    assert np.array_equal(windower.transform(shop[alone]).to_numpy(), expected[alone], equal_nan=True)


def test_any_number_of_threads_gives_the_same_bits(shop, monkeypatch):
    monkeypatch.setattr(_window_sweep, "_FEWEST", 100)
    tables = [
        WindowAggregator(ALL_WINDOWS, EVERYTHING, by_kind=True, n_jobs=n_jobs).fit_transform(rows)
        for n_jobs in (1, 2, 3)
        for rows in (shop, shop[::-1])
    ]
    for table in tables[2:]:
        pd.testing.assert_frame_equal(table, tables[0].reindex(table.index), check_exact=True)


def test_cents_and_other_money_give_the_same_bits(shop):
    """One amount that is no whole number of cents makes all others floats; nobody else's row may change."""
    frame = shop.log.to_frame().dropna(subset="value")
    odd = pd.concat([frame, frame.iloc[[0]].assign(customer_id=-1, value=1 / 3, kind="order")])
    options = {"customer": "customer_id", "time": "time", "value": "value", "kind": "kind", "purchases": "order"}
    end = shop.log.observed_until
    one, other = (EventLog.from_frame(table, **options, observed_until=end) for table in (frame, odd))
    assert len(one._store.cents) > 0 == len(other._store.cents)
    windower = WindowAggregator(ALL_WINDOWS, EVERYTHING[5:], columns=["money"])
    dates = shop.as_of[[0, -1]]
    expected = windower.fit_transform(one.snapshots(dates))
    found = windower.fit_transform(other.snapshots(dates, customers=one.customers))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_polars_gives_the_numbers_of_pandas(shop):
    frame = shop.log.to_frame()[["customer_id", "time", "value"]].dropna()
    logs = [EventLog.from_frame(f, customer="customer_id", time="time", value="value", observed_until="2027-01-01")
            for f in (frame, pl.from_pandas(frame))]  # fmt: skip
    one, other = (WindowAggregator().fit_transform(log.snapshot("2024-06-01")) for log in logs)
    assert isinstance(other, pl.DataFrame)
    assert one.columns.tolist() == other.columns
    assert np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    for container, rows in (("pandas", logs[1]), ("polars", logs[0])):
        found = WindowAggregator().set_output(transform=container).fit_transform(rows.snapshot("2024-06-01"))
        assert type(found).__module__.startswith(container)
        assert np.array_equal(found.to_numpy(), one.to_numpy(), equal_nan=True)


def test_plain_python_gives_the_same(monkeypatch):
    """On arrays that cannot be written, with missing numbers, kinds and labels."""
    n = 60
    rng = np.random.default_rng(5)
    log = log_of(
        np.datetime64("2024-01-01", "us") + rng.integers(0, 90 * 24, n).astype("m8[h]"),
        rng.choice([1.5, -1.5, 1 / 3], n),
        rng.integers(0, 4, n),
        kind=np.where(rng.random(n) < 0.5, "order", "visit"),
        item=[f"item {number}" for number in rng.integers(0, 5, n)],
        order=rng.integers(0, 30, n) * 4,
        steps=rng.integers(0, 9, n),
        minutes=np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
    )
    X = log.snapshots(["2024-02-01", "2024-03-01", "2024-04-01"])
    windower = WindowAggregator(ALL_WINDOWS, EVERYTHING, by_kind=True)
    monkeypatch.setattr(_window_sweep, "_ROWS", 1)
    compiled = windower.fit_transform(X)
    modules = (_windows_kernels, _window_numbers_kernels, _window_columns)
    kernels = {name: found for module in modules for name, found in vars(module).items() if hasattr(found, "py_func")}
    for module, (name, found) in itertools.product(modules, kernels.items()):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, found.py_func)
    assert len(kernels) > 20
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN in kernels
        pd.testing.assert_frame_equal(windower.fit_transform(X), compiled, check_exact=True)


# ------------------------------------------------------------------------------------------- what it knows


def test_kinds_are_those_that_the_rows_see():
    times = ["2024-01-01", "2024-01-05", "2024-01-09"]
    log = log_of(times, kind=["order", "visit", "cancel"], who=[1, 1, 1])
    early = log.snapshots(["2024-01-02", "2024-01-06"])
    windower = WindowAggregator(["all"], ["count"], by_kind=True).fit(early[:1])
    assert windower.kinds_.tolist() == ["order"]
    assert WindowAggregator(["all"], ["count"], by_kind=True).fit(early).kinds_.tolist() == ["order", "visit"]
    later = windower.transform(log.snapshot("2024-02-01"))
    assert later.to_numpy().tolist() == [[3, 1]]  # a kind that came later counts among all events
    without = log_of(times, kind=["visit", "visit", "visit"])
    assert windower.transform(without.snapshot(min_events=0, customers=[1])).to_numpy().tolist() == [[3, 0]]
    named = WindowAggregator(["all"], ["count"], by_kind=True, kinds=["visit", "refund"]).fit(early)
    assert named.kinds_.tolist() == ["refund", "visit"]
    assert named.transform(early).to_numpy().tolist() == [[0, 0, 0], [1, 0, 1]]


def test_columns_are_chosen():
    frame = pd.DataFrame(
        {"c": [1, 1], "t": ["2024-01-01", "2024-01-02"], "p": [2.5, 4.0], "q": [2, 1], "s": ["a", "b"], "m": [1, 2]}
    )
    log = EventLog.from_frame(frame, customer="c", time="t", price="p", quantity="q", columns=["s", "m"])
    X = log.snapshot()
    windower = WindowAggregator(["all"], ["sum", "distinct"]).fit(X)
    assert windower.columns_ == ["money", "price", "quantity", "m", "s"]
    assert windower.transform(X).to_numpy().tolist() == [[9.0, 6.5, 3.0, 3.0, 2.0]]
    chosen = WindowAggregator(["all"], ["sum", "distinct"], columns=["s", "money"]).fit_transform(X)
    assert chosen.columns.tolist() == ["sum_money_all", "distinct_s_all"]
    assert row_of(X, ["all"], ["count", "sum"], columns=[]) == {"count_events_all": 2}


def test_it_works_in_searches_and_unions(shop):
    X = shop.log.snapshots(shop.as_of[[0, len(shop) // 2]], horizon="60D")
    y = X.churned()
    union = FeatureUnion([("windows", WindowAggregator(statistics=["count", "sum"])), ("rfm", RFMTransformer())])
    search = GridSearchCV(
        make_pipeline(union, LogisticRegression(max_iter=2_000)),
        {"featureunion__windows__windows": [["30D"], ["90D", "all"], {"60D": ["count"]}]},
        cv=3,
        scoring="roc_auc",
    ).fit(X, y)
    assert search.best_score_ > 0.5


# ------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"windows": "90D"}, "'windows' parameter"),
        ({"windows": []}, "'windows' parameter"),
        ({"windows": ["3M"]}, "A month has no fixed length"),
        ({"windows": [("30D", "60D")]}, "further back than its end"),
        ({"windows": [("30D", "60D", "90D")]}, "'windows' parameter"),
        ({"windows": ["14D", "2W"]}, "windows that differ"),
        ({"windows": {"30D": ["nothing"]}}, "'windows' parameter.*'count'"),
        ({"windows": ["0D"]}, "longer than zero"),
        ({"statistics": ["median"]}, "'statistics' parameter.*'count'"),
        ({"statistics": []}, "'statistics' parameter"),
        ({"statistics": ["orders"]}, "statistics='orders', but the log has no orders"),
        ({"statistics": "distinct"}, "statistics='distinct', but the log holds neither items"),
        ({"statistics": "share"}, "Pass by_kind=True"),
        ({"by_kind": True}, "by_kind=True, but the log has no kinds"),
        ({"kinds": ["visit"]}, "the log has no kinds"),
        ({"session_gap": 30}, "'session_gap' parameter"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"columns": "money"}, "'columns' parameter"),
        ({"columns": ["minutes"]}, "minutes"),
        ({"columns": [], "statistics": ["sum", "mean"]}, "give no column.*columns="),
    ],
)
def test_errors_name_the_parameter(parameters, message):
    X = log_of(["2024-01-01"], [1.0]).snapshot()
    with pytest.raises(ValueError, match=message):
        WindowAggregator(**parameters).fit(X)


def test_errors_of_logs_and_names():
    X = log_of(["2024-01-01"], [1.0], minutes=[3.0], kind=["order"]).snapshot()
    fitted = WindowAggregator(["all"], ["sum"]).fit(X)
    with pytest.raises(ColumnNotFoundError, match="minutes"):
        fitted.transform(log_of(["2024-01-01"], [1.0]).snapshot())
    with pytest.raises(ParameterError, match="takes Snapshots"):
        fitted.transform(X.log)
    with pytest.raises(ParameterError, match="'kinds' parameter"):
        WindowAggregator(kinds=[]).fit(X)
    with pytest.raises(NotFittedError):
        WindowAggregator().transform(X)
    twice = log_of(["2024-01-01"], events=[1.0]).snapshot()
    with pytest.raises(ParameterError, match="'trend_events_all' twice"):
        WindowAggregator(["all"], ["count", "trend"]).fit(twice)


def test_what_the_log_cannot_give_is_said():
    X = sample_snapshots()
    with pytest.raises(ParameterError, match="kinds='vist', but the log has no such events"):
        WindowAggregator(["90D"], ["count"], kinds="vist").fit(X)
    with pytest.raises(ParameterError, match="give no column"):
        WindowAggregator(["90D"], ["sum"], columns=["items"]).fit(X)
    with pytest.raises(ParameterError, match="windows"):
        WindowAggregator((window for window in ("30D", "90D")), ["count"]).fit(X)
    events = {"who": [1, 2], "when": ["2024-01-02", "2024-01-03"], "what": ["visit", "order"], "no": [1, 2]}
    bare = EventLog.from_frame(events, customer="who", time="when").snapshot()
    full = EventLog.from_frame(
        events, customer="who", time="when", kind="what", purchases="order", order="no"
    ).snapshot()
    for asked in ({"by_kind": True}, {"kinds": "visit"}):
        fitted = WindowAggregator(["90D"], ["count"], **asked).fit(full)
        with pytest.raises(ParameterError, match="fitted by kinds, and this log has none"):
            fitted.transform(bare)
    with pytest.raises(ParameterError, match="no orders"):
        WindowAggregator(["90D"], ["orders"]).fit(full).transform(bare)
