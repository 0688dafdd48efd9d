"""The strategies draw what they promise, and nasty things often enough."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, find, given, settings

from crmkit import EventLog
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.testing import event_frames, logs, snapshots

# Without shrinking: that such a table is drawn is the question, not which is the smallest.
QUICK = settings(max_examples=2_000, database=None, deadline=None, phases=[Phase.generate])


@given(event_frames(max_events=6, max_customers=2, min_events=2, zones=None))
@settings(max_examples=40)
def test_tables_are_valid_and_bounded(table):
    frame, options = table
    assert 2 <= len(frame) <= 6
    assert frame["customer"].nunique() <= 2
    assert len(EventLog.from_frame(frame, **options)) == len(frame)


@given(event_frames(ids="uuid", money=True, refunds=False, items=True, orders=False, kinds=True))
@settings(max_examples=40)
def test_what_is_asked_for_is_drawn(table):
    frame, _ = table
    assert list(frame.columns) == ["customer", "time", "value", "item", "kind"]
    assert not (frame["value"] < 0).any()


NASTY = {
    "no event": lambda frame: len(frame) == 0,
    "one event": lambda frame: len(frame) == 1,
    "equal rows": lambda frame: frame.astype(str).duplicated().any(),
    "a tie": lambda frame: frame.astype(str).duplicated(["customer", "time"]).any(),
    "a refund": lambda frame: "value" in frame and (frame["value"] < 0).any(),
    "a free purchase": lambda frame: "value" in frame and (frame["value"] == 0).any(),
    "no whole cents": lambda frame: "value" in frame and (frame["value"] == 1 / 3).any(),
    "an item that is missing": lambda frame: "item" in frame and frame["item"].isna().any(),
    "an order that is missing": lambda frame: "order" in frame and frame["order"].isna().any(),
    "money that is missing": lambda frame: "value" in frame and frame["value"].isna().any(),
    "aware times": lambda frame: frame["time"].dt.tz is not None,
    "chinese ids": lambda frame: len(frame) > 0 and "客户" in str(frame["customer"].iloc[0]),
    "an empty id": lambda frame: (frame["customer"].astype(str) == "").any(),
    "large ids": lambda frame: any(isinstance(one, int) and abs(one) > 2**61 for one in frame["customer"]),
}


@pytest.mark.parametrize("what", NASTY)
def test_nasty_tables_are_drawn(what):
    frame, options = find(event_frames(zones=None), lambda table: NASTY[what](table[0]), settings=QUICK)
    EventLog.from_frame(frame, **options)


def test_the_hour_that_passes_twice_is_drawn():
    log = find(logs(zones=True), lambda log: log._store.second_pass is not None, settings=QUICK)
    assert log.tz in {"Europe/London", "America/New_York"}


@given(snapshots(horizon=True))
@settings(max_examples=30)
def test_snapshots_have_what_is_asked_for(X):
    assert isinstance(X, Snapshots)
    assert X.horizon is not None
    assert (X.as_of + X.gap + X.horizon <= X.log.observed_until).all()
    assert snapshots(horizon=False) is not None


def test_snapshots_without_rows_and_with_many_are_drawn():
    assert len(find(snapshots(), lambda X: len(X) == 0, settings=QUICK)) == 0
    assert len(np.unique(find(snapshots(), lambda X: len(np.unique(X.as_of)) > 1, settings=QUICK).as_of)) > 1
    assert find(snapshots(), lambda X: X.horizon is None and len(X) > 0, settings=QUICK).horizon is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": "emails"}, "'ids' parameter of event_frames must be one of"),
        ({"money": 1}, "'money' parameter"),
        ({"max_events": -1}, "'max_events' parameter"),
        ({"min_events": 30}, r"'min_events' parameter .* in the range \[0, 24\]"),
        ({"max_customers": 0}, "'max_customers' parameter"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        event_frames(**options)
    with pytest.raises(ParameterError, match=message):
        logs(**options)


@pytest.mark.parametrize("strategy", [event_frames, logs, snapshots])
def test_without_hypothesis_the_extra_is_named(monkeypatch, strategy):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"needs Hypothesis, which is not installed\. .*pip install 'crmkit\[test\]'"):
        strategy()


def test_the_frame_is_pandas():
    assert isinstance(find(event_frames(min_events=1), lambda _: True, settings=QUICK)[0], pd.DataFrame)
