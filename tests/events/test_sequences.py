"""The latest events of rows, against a loop over plain events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.events import EventLog, Sequences, _sequences
from crmkit.exceptions import ParameterError
from crmkit.testing import assert_identical, event_frames
from crmkit.testing._sample import other_futures, rows_upon, sample_snapshots, shuffled

DAY = 86_400_000_000

days = st.lists(
    st.integers(0, 29 * 4).map(lambda quarter: 1_728_864_000_000_000 + quarter * DAY // 4), min_size=1, max_size=3
)


def naive(events, rows, length, kinds=None, pad="front"):
    """For each row and place the event or None."""
    table = []
    for who, when in zip(rows.customer_id.tolist(), rows.as_of_us.tolist(), strict=True):
        seen = [event for event in events if event["customer"] == who and event["time"] < when]
        seen = [event for event in seen if kinds is None or event["kind"] in kinds][-length:]
        empty = [None] * (length - len(seen))
        table.append(empty + seen if pad == "front" else seen + empty)
    return table


def decoded(sequences, name):
    """What the codes of a column stand for, None where they are 0."""
    levels = [None, *sequences.levels[name].tolist()]
    return [[levels[code] for code in row] for row in getattr(sequences, name).tolist()]


def same(found, expected):
    """Two sequences are the same to the last bit."""
    for name, value in vars(expected).items():
        if not isinstance(value, dict):
            assert_identical(getattr(found, name), value, name)
            continue
        assert getattr(found, name).keys() == value.keys()
        for key, array in value.items():
            assert_identical(getattr(found, name)[key], array, f"{name}[{key!r}]")


@given(event_frames(), days, st.integers(1, 6), st.sampled_from(["front", "back"]), st.booleans())
def test_equal_to_the_naive_ones(plain_events, table, as_ofs, length, pad, some):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    rows = log.snapshots(np.unique(np.array(as_ofs, dtype="M8[us]")), min_events=0, customers=log.customers)
    kinds = ["visit", "order"] if some and "kind" in options else None
    found = rows.sequences(length, kinds=kinds, pad=pad)
    expected = naive(plain_events(frame, options), rows, length, kinds, pad)
    assert found.mask.shape == (len(rows), length)
    assert found.mask.tolist() == [[event is not None for event in row] for row in expected]
    as_of = rows.as_of_us[:, None]
    times = [
        [when if event is None else event["time"] for event in row]
        for row, when in zip(expected, rows.as_of_us, strict=True)
    ]
    time = np.array(times, dtype=np.int64).reshape(found.mask.shape)
    assert np.array_equal(found.days_before, ((as_of - time) / DAY).astype(np.float32))
    assert ((found.days_before > 0) == found.mask).all()
    for name in ("item", "kind"):
        if name not in options:
            assert getattr(found, name) is None
            continue
        assert decoded(found, name) == [[event and event[name] for event in row] for row in expected]
        assert set(getattr(found, name).ravel().tolist()) <= set(range(len(found.levels[name]) + 1))
        assert sorted(found.levels[name].tolist()) == found.levels[name].tolist()
    if "value" not in options:
        assert found.money is None
        return
    money = [[(event and event["money"]) or 0.0 for event in row] for row in expected]
    assert np.array_equal(found.money, np.array(money, dtype=np.float32).reshape(found.mask.shape))


@pytest.mark.parametrize("length", [1, 5, 200])
def test_the_future_is_not_seen(length):
    X = sample_snapshots()
    for as_of in np.unique(X.as_of)[1:]:
        rows = X[X.as_of <= as_of]
        expected = rows.sequences(length)
        for _, log in other_futures(X.log, as_of):
            same(rows_upon(log, rows).sequences(length), expected)
    same(rows_upon(shuffled(X.log), X).sequences(length), X.sequences(length))


def test_rows_do_not_depend_on_each_other():
    X = sample_snapshots()
    whole = X.sequences(7, pad="back")
    rows = np.random.default_rng(0).permutation(len(X))[:20]
    same(
        X[rows].sequences(7, pad="back", levels=whole.levels),
        Sequences(
            *(getattr(whole, name)[rows] for name in ("mask", "days_before", "money", "item", "kind")),
            {name: column[rows] for name, column in whole.columns.items()},
            whole.levels,
        ),
    )
    one = X.log.customer(X.customer_id[5]).snapshots_at(
        {"who": X.customer_id[5:6], "when": X.as_of[5:6]}, customer="who", as_of="when"
    )
    same(one.sequences(7, levels=whole.levels), X[5:6].sequences(7, levels=whole.levels))


@pytest.mark.parametrize("pad", ["front", "back"])
@pytest.mark.parametrize("kinds", [None, "order"])
def test_the_kernel_is_its_python(monkeypatch, pad, kinds):
    X = sample_snapshots()[:30]
    compiled = X.sequences(5, pad=pad, kinds=kinds)
    monkeypatch.setattr(_sequences, "latest_events", _sequences.latest_events.py_func)
    same(X.sequences(5, pad=pad, kinds=kinds), compiled)


def test_many_rows_are_those_of_few():
    """Threads, and parts of the rows at a time, change nothing."""
    X = sample_snapshots()
    rows = np.resize(np.arange(len(X)), 9_000)
    many, few = X[rows].sequences(300), X.sequences(300)
    assert np.array_equal(many.item, few.item[rows])
    assert np.array_equal(many.days_before, few.days_before[rows])


@pytest.fixture
def log():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 1, 2],
            "when": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03"]),
            "what": ["order", "visit", "order", "order"],
            "sku": [20, None, 10, 30],
            "paid": [1.5, None, -2.0, 4.0],
            "minutes": [None, 3.0, 4.0, 5.0],
            "new": [True, False, True, False],
            "store": ["b", None, "a", "c"],
        }
    )
    return EventLog.from_frame(
        frame.astype({"sku": "Int64"}), customer="who", time="when", value="paid", item="sku", kind="what",
        purchases="order", columns=["minutes", "new", "store"],
    )  # fmt: skip


def test_columns(log):
    X = log.snapshot("2024-01-04")
    found = X.sequences(4)
    assert found.money.tolist() == [[0, 1.5, 0, -2], [0, 0, 0, 4]]
    assert found.item.tolist() == [[0, 2, 0, 1], [0, 0, 0, 3]]
    assert found.levels["item"].tolist() == [10, 20, 30]
    assert found.columns["minutes"].tolist() == [[0, 0, 3, 4], [0, 0, 0, 5]]
    assert found.columns["new"].tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]]
    assert found.columns["store"].tolist() == [[0, 2, 0, 1], [0, 0, 0, 3]]
    assert found.levels.keys() == {"item", "kind", "store"}
    arrays = [found.mask, found.days_before, found.money, found.item, *found.columns.values()]
    assert [str(array.dtype) for array in arrays] == [
        "bool",
        "float32",
        "float32",
        "int32",
        "float32",
        "float32",
        "int32",
    ]
    assert all(array.flags.c_contiguous and array.flags.writeable for array in arrays)
    assert X.sequences(4, columns="store").columns.keys() == {"store"}
    assert X.sequences(4, columns=[]).columns == {}
    assert X.sequences(2, kinds="visit").item.tolist() == [[0, 0], [0, 0]]


def test_levels_are_those_of_training(log):
    train = log.snapshot("2024-01-03").sequences(3)
    assert train.levels["item"].tolist() == [20]
    now = log.snapshot("2024-01-04").sequences(3, levels=train.levels)
    assert now.item.tolist() == [[1, 0, 0], [0, 0, 0]]  # 10 and 30 came later
    assert now.mask.tolist() == [[True, True, True], [False, False, True]]
    assert all(np.array_equal(now.levels[name], levels) for name, levels in train.levels.items())
    other = log.snapshot("2024-01-04").sequences(3, levels={**train.levels, "item": [5, 30]})
    assert other.item.tolist() == [[0, 0, 0], [0, 0, 2]]


def test_no_rows_and_no_events(log):
    assert log.snapshot("2024-01-04")[:0].sequences(3).item.shape == (0, 3)
    nobody = log.snapshots_at({"who": [99], "when": ["2024-01-02"]}, customer="who", as_of="when").sequences(2)
    assert not nobody.mask.any()
    assert [len(levels) for levels in nobody.levels.values()] == [0, 0, 0]
    empty = EventLog.from_frame(
        {"c": [], "t": np.array([], "M8[us]")}, customer="c", time="t", observed_until="2024-01-01"
    )
    assert empty.snapshot().sequences(2).mask.shape == (0, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, r"'length' parameter of Snapshots.sequences must be an int in the range \[1, inf\)"),
        ({"length": 2.0}, "'length' parameter .* Got 2.0 instead"),
        ({"pad": "pre"}, r"'pad' parameter .* one of \{'back', 'front'\}. Got 'pre' instead"),
        ({"columns": "item"}, r"of \['minutes', 'new', 'store'\]. Got 'item' instead. Name it in columns="),
        ({"levels": ["pen"]}, "must be a dict with the levels of every column of codes. Got a list instead"),
        ({"levels": {"item": [10]}}, "Got one without 'kind' instead. Pass the levels of the sequences"),
        ({"levels": {"item": ["10"]}}, r"levels\['item'\] .* sort of values \(int64\). Got <U2 instead"),
        ({"levels": {"item": [20, 10]}}, "must ascend, none twice"),
    ],
)
def test_refused(log, options, message):
    with pytest.raises(ParameterError, match=message):
        log.snapshot("2024-01-04").sequences(**{"length": 3, **options})


def test_refused_names():
    frame = {"c": [1], "t": ["2024-01-01"], "sku": ["a"], "item": ["b"]}
    log = EventLog.from_frame(frame, customer="c", time="t", item="sku", columns=["item"])
    with pytest.raises(ParameterError, match="further column 'item' has the name of what Snapshots.sequences gives"):
        log.snapshot().sequences(2)
    assert log.snapshot().sequences(2, columns=[]).levels["item"].tolist() == ["a"]
    with pytest.raises(ParameterError, match="kinds='visit', but the log has no kinds"):
        log.snapshot().sequences(2, columns=[], kinds="visit")
