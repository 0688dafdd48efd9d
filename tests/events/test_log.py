"""The log itself: ids, order, round trips, hours that pass twice, and sizes that must not hurt."""

from __future__ import annotations

import pickle
import time
import uuid

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import CrmkitError, EventDataError, ParameterError
from crmkit.testing import event_frames, logs

tables = event_frames(zones=None)


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_the_rows_does_not_matter(table, random):
    frame, options = table
    order = list(range(len(frame)))
    random.shuffle(order)
    log, other = EventLog.from_frame(frame, **options), EventLog.from_frame(frame.iloc[order], **options)
    assert other.fingerprint == log.fingerprint
    assert joblib.hash(other) == joblib.hash(log)


@given(tables)
@settings(max_examples=40)
def test_to_frame_goes_back_in(table):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    back = log.to_frame()
    assert list(back.columns) == list(frame.columns)
    again = EventLog.from_frame(back, **options)
    assert len(again) == len(log) == len(frame)
    if len(log):
        assert again.fingerprint == log.fingerprint
        assert again.to_frame().equals(back)


@given(logs(zones=None))
@settings(max_examples=25)
def test_a_pickle_is_the_same_log(log):
    for protocol in (2, 5):
        again = pickle.loads(pickle.dumps(log, protocol))
        assert again.fingerprint == log.fingerprint
        assert joblib.hash(again) == joblib.hash(log)
        assert again.snapshot().summary().equals(log.snapshot().summary())


@given(event_frames(min_events=1))
@settings(max_examples=35)
def test_what_the_log_says_of_itself(table):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    assert len(log) == len(frame)
    assert log.n_customers == len(log.customers) == frame["customer"].nunique()
    assert log.customers.tolist() == sorted(set(log.to_frame()["customer"]))
    assert (log.first_time, log.last_time) == (frame["time"].min().to_datetime64(), frame["time"].max().to_datetime64())
    assert log.observed_until == np.datetime64(options["observed_until"], "us")
    assert log.items.tolist() == (sorted(set(frame["item"].dropna())) if "item" in options else [])
    assert log.kinds.tolist() == (sorted(set(frame["kind"])) if "kind" in options else [])
    assert log.has_money == ("value" in options)
    times = log.to_frame().groupby("customer", sort=False)["time"]
    assert times.is_monotonic_increasing.all()
    default = EventLog.from_frame(frame, **{**options, "observed_until": None})
    assert default.observed_until == (frame["time"].max().floor("D") + pd.Timedelta(days=1)).to_datetime64()


@given(tables)
@settings(max_examples=35)
def test_any_change_changes_the_fingerprint(table):
    frame, options = table
    prints = {EventLog.from_frame(frame, **options).fingerprint}
    changed = [frame.iloc[1:]] if len(frame) else []
    if len(frame):
        later = frame.copy()
        later.loc[0, "time"] = later.loc[0, "time"] + pd.Timedelta("1us")
        changed.append(later)
        # Two events that are alike are told apart by neither change.
        if frame.astype(str).duplicated(keep=False).any():
            return
    prints |= {EventLog.from_frame(other, **options).fingerprint for other in changed}
    prints.add(EventLog.from_frame(frame, **{**options, "observed_until": "2024-11-13"}).fingerprint)
    assert len(prints) == len(changed) + 2


# -- ids ------------------------------------------------------------------------------------------


def log_of(ids, dtype=None, **options):
    frame = pd.DataFrame({"who": pd.Series(ids, dtype=dtype), "when": "2024-01-01"})
    return EventLog.from_frame(frame, customer="who", time="when", **options)


@pytest.mark.parametrize(
    ("ids", "dtype", "expected"),
    [
        ([3, 1, 3], "int64", [1, 3]),
        ([3, 1, 3], "uint8", [1, 3]),
        ([3.0, 1.0, 3.0], "float64", [1, 3]),
        ([-(2**63), 2**63 - 1], "int64", [-(2**63), 2**63 - 1]),
        ([2**40, 5, -7], "Int64", [-7, 5, 2**40]),
        (["b", "a", "b"], "object", ["a", "b"]),
        (["b", "a", ""], "str", ["", "a", "b"]),
        (["客户乙", "客户甲", "😀", "é", "z"], "object", ["z", "é", "客户乙", "客户甲", "😀"]),
        (["007", "7", "07"], "object", ["007", "07", "7"]),
        (["b", "a"], "category", ["a", "b"]),
        ([2, 1], "category", [1, 2]),
        ([True, False], "bool", ["False", "True"]),
        ([uuid.UUID(int=2), uuid.UUID(int=1)], "object", [str(uuid.UUID(int=1)), str(uuid.UUID(int=2))]),
        (["x" * 1000, "x"], "object", ["x", "x" * 1000]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_ids(ids, dtype, expected):
    log = log_of(ids, dtype)
    assert [str(one).lower() if dtype == "bool" else one for one in log.customers.tolist()] == [
        one.lower() if dtype == "bool" else one for one in expected
    ]
    assert log.customers.dtype.kind in "iU"
    assert len(log.customer(ids[0])) == sum(other == ids[0] for other in ids)
    assert log.snapshot(customers=[ids[0]]).shape == (1,)


def test_a_uuid_and_its_text_are_one_customer():
    one = uuid.UUID(int=5)
    assert log_of([one, str(one)], "object").n_customers == 1


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, "1"], "mixes objects of type"),
        ([1.5, 2.0], "1 of them are not whole"),
        ([1e300, 2.0], "1 of them are not whole"),
        ([("a", 1), ("b", 2)], "mixes objects of type tuple|column of"),
        (["a\0", "a"], "NUL characters"),
        (["x" * 5000], "longer than 1,000 characters"),
        ([pd.Timestamp("2024-01-01")], "Identifiers are whole numbers, text or categories"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_ids_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        log_of(ids)


# -- small and large ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_an_empty_log(backend):
    import polars as pl

    frame = pd.DataFrame(
        {"who": np.empty(0, dtype="int64"), "when": np.empty(0, "M8[us]"), "paid": np.empty(0), "what": []}
    )
    frame = frame.astype({"what": "str"})
    log = EventLog.from_frame(
        pl.from_pandas(frame) if backend == "polars" else frame, customer="who", time="when", value="paid", item="what"
    )
    assert (len(log), log.n_customers, log.first_time, log.last_time) == (0, 0, None, None)
    assert repr(log) == "EventLog(no events)"
    X = log.snapshots([log.observed_until], horizon="1D", censored="drop")
    for rows in (X, log.snapshot()):
        assert rows.shape == (0,)
        assert rows.summary().shape == (0, 4)
        assert rows.interactions().shape == (0, 0)
        assert rows.attributes().shape == (0, 0)
        assert len(rows.to_frame()) == 0
    assert X.churned().shape == X.future_value().shape == (0,)
    assert len(log.to_frame()) == 0
    assert EventLog.from_frame(log.to_frame(), customer="who", time="when", value="paid", item="what").fingerprint
    assert log.before("2024-01-01").n_customers == log.without([]).n_customers == 0


def test_one_event():
    log = EventLog.from_frame(
        {"who": [7], "when": ["2024-01-01"], "paid": [3.0]}, customer="who", time="when", value="paid"
    )
    assert log.snapshot().summary(time_unit="D").iloc[0, :3].tolist() == [0, 0, 0]
    assert log.snapshots(["2024-01-01"], horizon="1D", min_events=0, customers=[7]).future_value().tolist() == [3.0]
    assert repr(log) == "EventLog(1 event of 1 customer, 2024-01-01 to 2024-01-01, observed until 2024-01-02)"


def test_exact_duplicates_are_real():
    frame = {"who": [7, 7], "when": ["2024-01-01"] * 2, "paid": [3.0, 3.0]}
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid")
    X = log.snapshots(["2024-01-01"], horizon="1D", min_events=0, customers=[7])
    assert X.future_value().tolist() == [6.0]
    assert X.future_purchases(collapse=None).tolist() == [1]


@pytest.mark.slow
def test_a_million_events_of_one_customer():
    n = 1_000_000
    rng = np.random.default_rng(0)
    frame = {
        "who": np.zeros(n, dtype=np.int64),
        "when": np.datetime64("2020-01-01", "us") + rng.integers(0, 1000 * 86_400, n).astype("m8[s]"),
        "paid": rng.integers(0, 10_000, n) / 100,
        "order": rng.integers(0, n, n),
    }
    start = time.perf_counter()
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", order="order")
    found = log.snapshot().summary(time_unit="D").iloc[0]
    log.snapshot().summary(collapse="order")
    assert time.perf_counter() - start < 20  # 1 s on a quiet machine, hours if something were quadratic
    assert found["frequency"] == 999
    X = log.snapshots(["2020-01-01"], horizon="1000D", min_events=0, customers=[0])
    assert X.future_value().tolist() == [round(frame["paid"].sum(), 2)]


@pytest.mark.slow
def test_a_million_customers_of_one_event():
    n = 1_000_000
    frame = {
        "who": np.random.default_rng(0).permutation(n),
        "when": np.full(n, np.datetime64("2024-01-01", "us")),
        "paid": np.ones(n),
    }
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid")
    X = log.snapshots(["2024-01-01 00:00:00.000001"], horizon="10h")
    assert (len(X), log.n_customers) == (n, n)
    found = X.summary()
    assert (found["frequency"] == 0).all()
    assert X.churned().sum() == n


def test_every_event_at_one_instant():
    n = 5_000
    frame = pd.DataFrame(
        {"who": 1, "when": "2024-01-01", "paid": np.arange(n) / 100, "what": np.arange(n)[::-1].astype(str)}
    )
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", item="what")
    shuffled = EventLog.from_frame(
        frame.sample(frac=1, random_state=0), customer="who", time="when", value="paid", item="what"
    )
    assert log.fingerprint == shuffled.fingerprint
    assert log.snapshot().summary()["frequency"].tolist() == [0]


# -- the clock ------------------------------------------------------------------------------------

AUTUMN = {
    "Europe/London": ["2024-10-27 00:30Z", "2024-10-27 01:30Z", "2024-10-27 02:30Z"],
    "America/New_York": ["2024-11-03 05:30Z", "2024-11-03 06:30Z", "2024-11-03 07:30Z"],
}


@pytest.mark.parametrize("zone", AUTUMN)
def test_the_autumn_hour(zone):
    """01:30, 01:30 again and 02:30: in this order, the clock never going back."""
    instants = pd.to_datetime(AUTUMN[zone], utc=True).tz_convert(zone)
    frame = pd.DataFrame({"who": 1, "when": instants, "step": ["first", "second", "third"]})
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        log = EventLog.from_frame(frame.iloc[order], customer="who", time="when", item="step")
        back = log.to_frame()
        assert back["step"].tolist() == ["first", "second", "third"]
        assert (pd.DatetimeIndex(back["when"]) == instants).all()
        assert EventLog.from_frame(back, customer="who", time="when", item="step").fingerprint == log.fingerprint
    hour = str(instants[0].tz_localize(None))[:13]
    assert (
        log.snapshot(f"{hour}:30:00.000001").interactions().sum() == 2
    )  # the clock shows it once it has shown it twice


@pytest.mark.parametrize("zone", [*AUTUMN, "Asia/Shanghai", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
@pytest.mark.parametrize("kind", ["pandas", "polars", "objects", "text"])
def test_days_are_days_of_the_zone(zone, kind):
    import polars as pl

    instants = pd.date_range("2024-10-25", "2024-11-05", freq="7h", tz="UTC")
    if kind == "polars":
        column = pl.Series("when", instants.tz_localize(None).to_numpy()).dt.replace_time_zone("UTC")
        frame = pl.DataFrame({"who": [1] * len(instants), "when": column.dt.convert_time_zone(zone)})
    else:
        times = {
            "pandas": instants.tz_convert(zone),
            "objects": list(instants),
            "text": [str(one) for one in instants],
        }[kind]
        frame = pd.DataFrame({"who": 1, "when": times if kind == "pandas" else pd.Series(times, dtype=object)})
    log = EventLog.from_frame(frame, customer="who", time="when", tz=zone)
    assert log.tz == zone
    days = instants.tz_convert(zone).date
    assert list(log.snapshot().summary()["frequency"]) == [len(set(days)) - 1]
    if kind == "pandas" and zone != "UTC":
        own = EventLog.from_frame(frame, customer="who", time="when")
        assert (own.tz, own.fingerprint) == (zone, log.fingerprint)


def test_naive_times_are_labelled():
    frame = {"who": [1, 1], "when": ["2024-10-27 00:30", "2024-10-27 12:00"]}
    log = EventLog.from_frame(frame, customer="who", time="when", tz="Europe/London")
    assert log.tz == "Europe/London"
    assert log.to_frame()["when"].dt.tz is None
    assert log.snapshot(pd.Timestamp("2024-10-27 11:59Z")).shape == log.snapshot("2024-10-27 11:59").shape == (1,)
    assert len(log.before(pd.Timestamp("2024-10-27 12:00Z"))) == 1


def test_the_log_shows_itself():
    log = EventLog.from_frame(
        {"who": ["secret", "b"], "when": ["2024-01-01", "2024-02-01"]}, customer="who", time="when"
    )
    assert repr(log) == "EventLog(2 events of 2 customers, 2024-01-01 to 2024-02-01, observed until 2024-02-02)"
    html = log._repr_html_()
    assert html.startswith("<table>")
    assert html.endswith("</table>")
    assert "secret" not in repr(log) + html


def test_a_log_is_immutable():
    log = log_of([1])
    with pytest.raises(AttributeError):
        log.tz = "UTC"
    with pytest.raises(AttributeError):
        log._store = None


def test_ids_of_another_sort_are_no_erasure():
    log = EventLog.from_frame({"c": [1, 2], "t": ["2024-01-01", "2024-01-02"]}, customer="c", time="t")
    for ids in ("1", ["1"], pd.Series(["1"])):
        with pytest.raises(ParameterError, match="ids holds text, the customer ids of the log are whole numbers"):
            log.without(ids)
    with pytest.raises(ParameterError, match="ids is a DataFrame. Pass its column of ids"):
        log.without(pd.DataFrame({"c": [1]}))
    with pytest.raises(ParameterError, match="ids in one dimension"):
        log.customer([1, 2])
    with pytest.raises(ParameterError, match="customer='c' holds text, the customer ids of the log are whole numbers"):
        log.with_attributes({"c": ["1"], "segment": ["a"]}, customer="c")


def test_appending_nothing_to_aware_times():
    times = pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("Europe/London")
    log = EventLog.from_frame({"c": [1, 2], "t": times}, customer="c", time="t")
    same = log.append({"c": [], "t": []})
    assert same.fingerprint == log.fingerprint
    assert same.to_frame()["t"].dtype == log.to_frame()["t"].dtype


@pytest.mark.parametrize("parts", [[], {}, [1], {"order": 1}], ids=repr)
def test_logs_are_joined_from_a_mapping(parts):
    with pytest.raises(ParameterError, match="logs must be a mapping such as"):
        EventLog.concat(parts)


@pytest.mark.parametrize("role", ["customer", "time"])
def test_customer_and_time_are_named(role):
    with pytest.raises(ParameterError, match=f"{role}=None: name the column"):
        EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, **{"customer": "c", "time": "t", role: None})


@pytest.mark.parametrize("damage", ["index", "cut", "missing"])
def test_a_damaged_folder_says_so(tmp_path, damage):
    EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t").save(tmp_path)
    array = min(tmp_path.glob("*.npy"))
    if damage == "index":
        (tmp_path / "log.json").write_text("{")
    elif damage == "cut":
        array.write_bytes(array.read_bytes()[:60])
    else:
        array.unlink()
    with pytest.raises(CrmkitError, match="is a damaged log: .* is missing or cut short"):
        EventLog.load(tmp_path)


def test_an_infinite_time_is_too_late():
    last = np.array([2**63 - 1]).view("M8[us]")
    table = pa.table({"c": [1], "t": pa.array(last)})
    with pytest.raises(EventDataError, match="time after today: 1 of 1 rows"):
        EventLog.from_frame(table, customer="c", time="t")
