"""Who is active, new and lost in each period: with sets, and how often the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.cohorts import period_table
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.metrics import proportion


def rate(part, whole):
    if whole == 0:
        return [np.nan] * 3
    share = proportion(part, whole)
    return [share.value, share.low, share.high]


def triple(table, name):
    return table[[name, f"{name}_low", f"{name}_high"]].to_numpy().tolist()


@given(data=st.data())
def test_counted_with_sets(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](orders=True, money=True))
    by, collapse = data.draw(drawn["by"]), data.draw(drawn["collapse"])
    table = period_table(EventLog.from_frame(frame, **options), by, collapse=collapse)
    expected = naive(frame, options, by)
    sets, cells = expected.active(), expected.cells()
    assert len(table) == len(sets)
    known = set()
    for at, (active, row) in enumerate(zip(sets, table.to_dict("records"), strict=True)):
        before = sets[at - 1] if at else set()
        finished = expected.finished or at < len(sets) - 1
        bought = {
            customer: expected.purchases(events, collapse)
            for (customer, period), events in cells.items()
            if expected.number(period) == at and customer in active
        }
        counts = [len(active), len(active - known), len(active & known), len(active & before), sum(bought.values())]
        assert [row[name] for name in ("active", "new", "returning", "retained", "purchases")] == counts
        assert row["finished"] == finished
        np.testing.assert_equal(row["lost"], len(before - active) if finished else np.nan)
        risk = len(before) if finished else 0
        wanted = {
            "churn_rate": rate(len(before - active), risk),
            "retention": rate(len(active & before), risk),
            "repurchase": rate(sum(n > 1 for n in bought.values()), len(active) if finished else 0),
        }
        for name, values in wanted.items():
            np.testing.assert_equal([row[name], row[f"{name}_low"], row[f"{name}_high"]], values)
        known |= active


@given(data=st.data())
def test_money_and_what_old_customers_bring(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](money=True))
    by = data.draw(drawn["by"])
    table = period_table(EventLog.from_frame(frame, **options), by)
    expected = naive(frame, options, by)
    old, new = [[] for _ in range(len(table))], [[] for _ in range(len(table))]
    for (customer, period), events in expected.cells().items():
        part = new if expected.cohort[customer] == period else old
        part[expected.number(period)].append(sum(event["money"] for event in events))
    for at, row in enumerate(table.to_dict("records")):
        whole, brought = sum(old[at]) + sum(new[at]), sum(old[at])
        assert row["money"] == pytest.approx(whole, abs=1e-5)
        if abs(whole) < 1e-3:
            continue  # a whole that cancels: what is left is rounding
        if whole < 0:
            assert np.isnan(row["returning_contribution"])
            continue
        assert row["returning_contribution"] == pytest.approx(brought / whole, rel=1e-6, abs=1e-6)
        n = row["active"]
        if n > 1:
            share = brought / whole
            parts = [(1 - share) * one for one in old[at]] + [-share * one for one in new[at]]
            half = 1.959964 * np.sqrt(n / (n - 1) * sum(one**2 for one in parts)) / whole
            assert row["returning_contribution_high"] == pytest.approx(share + half, rel=1e-5, abs=1e-5)
            assert row["returning_contribution_low"] == pytest.approx(share - half, rel=1e-5, abs=1e-5)
        else:
            assert np.isnan(row["returning_contribution_low"])


@given(data=st.data())
def test_identities(data, drawn):
    frame, options = data.draw(drawn["tables"]())
    table = period_table(EventLog.from_frame(frame, **options), data.draw(drawn["by"]))
    assert (table["active"] == table["new"] + table["returning"]).all()
    assert (table["retained"] <= table["returning"]).all()
    before = table["active"].shift(fill_value=0)
    done = table["finished"]
    assert ((table["retained"] + table["lost"])[done] == before[done]).all()
    assert table.loc[~done, ["lost", "churn_rate", "retention", "repurchase"]].isna().all(axis=None)
    pd.testing.assert_series_equal(table["churn_rate"], 1 - table["retention"], check_names=False)
    assert table["finished"].to_list()[:-1] == [True] * (len(table) - 1 if len(table) else 0)


@settings(max_examples=40)
@given(data=st.data())
def test_rows_in_any_order_and_polars_alike(data, drawn):
    frame, options = data.draw(drawn["tables"](money=True, ids="text"))
    by = data.draw(drawn["by"])
    table = period_table(EventLog.from_frame(frame, **options), by)
    shuffled = EventLog.from_frame(frame.sample(frac=1, random_state=1), **options)
    pd.testing.assert_frame_equal(period_table(shuffled, by), table, check_exact=True)
    other = period_table(EventLog.from_frame(pl.from_pandas(frame), **options), by)
    assert other["period"].to_list() == [day.date() for day in table.index]
    for name in table:
        np.testing.assert_array_equal(other[name], table[name])


def test_only_the_past_counts():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    whole, past = period_table(log), period_table(log.before("1998-01-01"))
    pd.testing.assert_frame_equal(past, whole.loc[: past.index[-1]], check_exact=True)
    cut = period_table(log.before("1998-01-10"))
    pd.testing.assert_frame_equal(cut.iloc[:-1], past, check_exact=True)
    assert not cut["finished"].iloc[-1]


def test_a_worked_case():
    """January: 1, 2, 3 buy. February: 1 (twice) and 4. March: 2 comes back, 1 sends something back."""
    frame = {
        "c": [1, 2, 3, 1, 1, 4, 2, 1],
        "t": [f"2024-{day}" for day in ["01-02", "01-31", "01-31", "02-01", "02-29", "02-10", "03-03", "03-04"]],
        "v": [10.0, 20.0, 30.0, 5.0, 5.0, 30.0, 8.0, -3.0],
    }
    log = EventLog.from_frame(frame, customer="c", time="t", value="v", observed_until="2024-04-01")
    table = period_table(log)
    columns = ["active", "new", "returning", "retained", "lost", "purchases", "money"]
    assert table[columns].to_numpy().tolist() == [[3, 3, 0, 0, 0, 3, 60], [2, 1, 1, 1, 2, 3, 40], [1, 0, 1, 0, 2, 1, 5]]
    np.testing.assert_equal(table["churn_rate"].tolist(), [np.nan, 2 / 3, 1.0])
    assert table["repurchase"].tolist() == [0, 0.5, 0]
    assert table["returning_contribution"].tolist() == [0, 0.25, 1]
    assert triple(table, "retention")[1] == rate(1, 3)


def test_a_log_without_money():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date")
    table = period_table(log)
    with_money = period_table(EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value"))
    columns = ["money", "returning_contribution", "returning_contribution_low", "returning_contribution_high"]
    assert table[columns].isna().all(axis=None)
    pd.testing.assert_frame_equal(table.drop(columns=columns), with_money.drop(columns=columns))


def test_intervals_of_the_contribution_hold_the_truth():
    """Four hundred shops: log-normal money; half of the buyers of February are new, and bring .4 of it on average."""
    rng, held = np.random.default_rng(0), 0
    truth = 1.5 / 2.5
    for _ in range(400):
        old = rng.binomial(400, 0.5)
        new = 400 - old
        money = np.append(1.5 * rng.lognormal(0, 0.8, old), rng.lognormal(0, 0.8, new))
        who = np.arange(old + new)
        frame = {
            "c": np.append(who[:old], who),
            "t": np.repeat(np.array(["2024-01-05", "2024-02-05"], dtype="M8[D]"), [old, old + new]),
            "v": np.append(np.ones(old), money),
        }
        log = EventLog.from_frame(frame, customer="c", time="t", value="v", observed_until="2024-03-01")
        _, (_, low, high) = triple(period_table(log), "returning_contribution")
        held += low <= truth <= high
    assert 364 <= held <= 392


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_an_empty_log_and_one_event(kind):
    build = pl.DataFrame if kind == "polars" else pd.DataFrame
    empty = build({"c": np.array([], int), "t": np.array([], "M8[us]"), "v": np.array([])})
    table = period_table(EventLog.from_frame(empty, customer="c", time="t", value="v"))
    assert len(table) == 0
    one = build({"c": [5], "t": ["2024-02-29"], "v": [2.5]})
    row = period_table(EventLog.from_frame(one, customer="c", time="t", value="v"))
    assert list(row.columns) == list(table.columns)
    assert [row[name][0] if kind == "polars" else row[name].iloc[0] for name in ("active", "new", "lost", "money")] == [
        1, 1, 0, 2.5,
    ]  # fmt: skip  # figures of one row


def test_refusals():
    log = EventLog.from_frame({"c": [5], "t": ["2024-02-10"]}, customer="c", time="t")
    for arguments, message in (
        ({"by": "d"}, "'by' parameter of period_table must be one of"),
        ({"coverage": 1}, "'coverage' parameter of period_table"),
        ({"collapse": "order"}, "the log has no orders"),
        ({"kinds": "visit"}, "the log has no kinds"),
    ):
        with pytest.raises(ParameterError, match=message):
            period_table(log, **arguments)
    with pytest.raises(ParameterError, match="must be an EventLog. Got NoneType"):
        period_table(None)
