"""Matrices of customers by items against dictionaries, and targets that can be sliced."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, issparse

from crmkit import EventLog
from crmkit.events import ItemTargets
from crmkit.exceptions import ParameterError
from crmkit.testing import event_frames, logs, snapshots

DAY = 86_400_000_000


def exact(money):
    cents = round(money * 100)
    return Fraction(cents, 100) if cents / 100 == money else Fraction(money)


def entry(events, as_of, interaction, halflife):
    """One cell of the matrix: what a row has bought of one item."""

    def weight(event):
        return 1.0 if halflife is None else 0.5 ** ((as_of - event["time"]) / halflife)

    if interaction == "value" and halflife is None:
        return float(sum((exact(event["money"]) for event in events), Fraction(0)))
    if interaction == "value":
        return sum(event["money"] * weight(event) for event in events)
    bought = [weight(event) for event in events if event["purchase"]]
    return max(bought, default=0.0) if interaction == "binary" else sum(bought)


tables = event_frames(items=True, max_customers=3)
instants = st.lists(
    st.integers(1, 58).map(lambda half: 1_728_864_000_000_000 + half * DAY // 2), min_size=1, max_size=2, unique=True
)


@given(tables, instants, st.sampled_from(["count", "binary", "value"]), st.sampled_from([None, DAY, 30 * DAY]))
@settings(max_examples=50)
def test_interactions(plain_events, table, days, interaction, halflife):
    frame, options = table
    log, events = EventLog.from_frame(frame, **options), plain_events(frame, options)
    if interaction == "value" and not log.has_money:
        return
    X = log.snapshots(np.array(days, dtype="M8[us]"))
    found = X.interactions(interaction, None if halflife is None else np.timedelta64(halflife, "us"))
    assert found.shape == (len(X), len(log.items))
    assert found.dtype == np.float64
    assert found.has_sorted_indices
    expected = np.zeros(found.shape)
    for row, (who, when) in enumerate(zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True)):
        for column, item in enumerate(log.items):
            own = [e for e in events if e["customer"] == who and e["time"] < when and e["item"] == item]
            own = [event for event in own if event["purchase"] or event["refund"]]
            expected[row, column] = entry(own, when, interaction, halflife)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-4 if halflife else 1e-13)
    assert (found.data != 0).all()


@given(event_frames(items=True, kinds=True), instants)
@settings(max_examples=25)
def test_interactions_of_other_kinds(plain_events, table, days):
    frame, options = table
    log, events = EventLog.from_frame(frame, **options), plain_events(frame, options)
    X = log.snapshots(np.array(days, dtype="M8[us]"))
    found = X.interactions(kinds="visit").toarray()
    for row, (who, when) in enumerate(zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True)):
        own = [e["item"] for e in events if e["customer"] == who and e["time"] < when and e["kind"] == "visit"
               and not e["refund"]]  # fmt: skip
        assert found[row].tolist() == [own.count(item) for item in log.items]


@given(snapshots(logs(items=True)))
@settings(max_examples=25)
def test_one_customers_log_gives_the_same_bits_by_item(X):
    for interaction in ("count", "value") if X.log.has_money else ("count",):
        for halflife in (None, "7D"):
            whole = X.interactions(interaction, halflife)
            for row in range(min(len(X), 3)):
                alone = X.log.customer(X.customer_id[row])
                key = {"who": X.customer_id[row : row + 1], "when": X.as_of[row : row + 1]}
                own = alone.snapshots_at(key, customer="who", as_of="when").interactions(interaction, halflife)
                bits = dict(zip(alone.items[own.indices], own.data.tolist(), strict=True))
                assert bits == dict(zip(X.log.items[whole[row].indices], whole[row].data.tolist(), strict=True))


@pytest.fixture
def log():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 1, 1, 2],
            "when": ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-09", "2024-01-03"],
            "what": ["tea", "pot", "tea", "pot", "cup"],
            "paid": [3.0, 0.3, 4.0, -0.3, 6.0],
        }
    )
    return EventLog.from_frame(frame, customer="who", time="when", item="what", value="paid")


def test_by_hand(log):
    X = log.snapshot("2024-01-09")
    assert log.items.tolist() == ["cup", "pot", "tea"]
    assert X.interactions().toarray().tolist() == [[0, 1, 2], [1, 0, 0]]
    assert X.interactions("binary").toarray().tolist() == [[0, 1, 1], [1, 0, 0]]
    assert X.interactions("value").toarray().tolist() == [[0, 0.3, 7], [6, 0, 0]]
    np.testing.assert_allclose(X.interactions(halflife="4D").toarray(), [[0, 2**-1.75, 0.5 + 0.25], [2**-1.5, 0, 0]])


def test_what_is_taken_back_is_nothing(log):
    X = log.snapshot()
    assert X.interactions("value").toarray().tolist() == [[0, 0, 7], [6, 0, 0]]
    assert X.interactions("value").nnz == 2
    assert X.interactions("count").toarray().tolist() == [[0, 1, 2], [1, 0, 0]]


def test_an_item_seen_later_has_a_column_and_no_entry(log):
    assert log.snapshot("2024-01-03").interactions().toarray().tolist() == [[0, 1, 1]]


def test_since(log):
    """What came before an instant, and what came from then on, is everything."""
    rows = log.snapshot()
    instants = np.full(len(rows), np.datetime64("2024-01-04", "us"))
    before = log.snapshot("2024-01-04", min_events=0, customers=rows.customer_id)
    since = rows.interactions(since=instants)
    assert since.nnz
    assert (before.interactions() + since != rows.interactions()).nnz == 0
    assert (rows.interactions(since=np.full(len(rows), np.datetime64("NaT"))) != rows.interactions()).nnz == 0
    with pytest.raises(ParameterError, match="one instant for each of the 2 rows"):
        rows.interactions(since=instants[:1])


def test_refused(log):
    X = log.snapshot()
    with pytest.raises(ParameterError, match=r"'interaction' parameter of Snapshots\.interactions must be one of"):
        X.interactions("amount")
    with pytest.raises(ParameterError, match="'halflife' parameter"):
        X.interactions(halflife=30)
    with pytest.raises(ParameterError, match="has no items"):
        EventLog.from_frame(log.to_frame(), customer="who", time="when").snapshot().interactions()
    with pytest.raises(ParameterError, match="has no money"):
        EventLog.from_frame(log.to_frame(), customer="who", time="when", item="what").snapshot().interactions("value")


# -- ItemTargets ----------------------------------------------------------------------------------


@pytest.fixture
def targets():
    return ItemTargets(csr_matrix(np.array([[1, 0], [0, 2], [0, 0]])), np.array(["pen", "pot"]))


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (1, [1]),
        (-1, [2]),
        (slice(1, None), [1, 2]),
        ([2, 0], [2, 0]),
        ([], []),
        ([True, False, True], [0, 2]),
        (np.array([2, 2]), [2, 2]),
        (np.array([False, True, False]), [1]),
        ((np.array([1]), Ellipsis), [1]),
        (np.empty(0, dtype=np.int64), []),
    ],
    ids=repr,
)
def test_targets_are_taken_by_rows(targets, key, rows):
    taken = targets[key]
    assert isinstance(taken, ItemTargets)
    assert taken.shape == (len(rows),) == (len(taken),)
    assert issparse(taken.csr)
    assert taken.csr.toarray().tolist() == targets.csr.toarray()[rows].tolist()
    assert taken.items is targets.items


def test_targets_are_no_array(targets):
    with pytest.raises(TypeError, match=r"take its matrix as \.csr"):
        np.asarray(targets)
    with pytest.raises(ParameterError, match="csr has 2 columns, but there are 1 items"):
        ItemTargets(targets.csr, np.array(["pen"]))
    assert repr(targets) == "ItemTargets(3 rows, 2 purchases of 2 items)"


def test_targets_travel(targets):
    again = pickle.loads(pickle.dumps(targets))
    assert again.csr.toarray().tolist() == targets.csr.toarray().tolist()
    assert again.items.tolist() == targets.items.tolist()


@pytest.mark.parametrize("halflife", [None, "30D"])
def test_events_without_money_add_none_of_it(halflife):
    frame = {
        "customer": [1, 1],
        "time": ["2024-01-01", "2024-01-02"],
        "value": [5.0, np.nan],
        "kind": ["order", "visit"],
        "item": ["pen", "pen"],
    }
    log = EventLog.from_frame(
        frame, customer="customer", time="time", value="value", kind="kind", purchases="order", item="item"
    )
    rows = log.snapshot("2024-01-03")
    both = rows.interactions("value", halflife, kinds=["order", "visit"])
    assert both.toarray().tolist() == rows.interactions("value", halflife).toarray().tolist()
