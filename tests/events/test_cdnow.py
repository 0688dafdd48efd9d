"""The published numbers of CDNOW, from every kind of frame and in every way of building a log."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crmkit import EventLog
from crmkit.datasets import load_cdnow

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "cdnow_summary.json").read_text(encoding="utf-8"))
FROM = functools.partial(EventLog.from_frame, customer="customer_id", time="date", value="value")


def published(log):
    X = log.snapshot("1997-10-01", horizon="273D")
    summary = X.summary()
    found = {name: summary[name].to_numpy() for name in summary.columns}
    return {
        "customers": len(X),
        "repeat_days": int(found["frequency"].sum()),
        "one_time_buyers": int((found["frequency"] == 0).sum()),
        "age_weeks": {"smallest": float(found["T"].min()), "largest": float(found["T"].max())},
        "mean_money_of_repeat_buyers": round(float(np.nanmean(found["monetary_value"])), 6),
        "holdout_days": int(X.future_purchases().sum()),
    }


EXPECTED = {name: value for name, value in GOLDEN.items() if name != "source"}


@pytest.fixture(scope="module")
def frame():
    return load_cdnow()


@pytest.fixture(scope="module")
def log(frame):
    return FROM(frame)


def test_every_kind_of_frame(make_frame, frame, log):
    columns = {name: frame[name].to_numpy() for name in ("customer_id", "date", "value")}
    built = FROM(make_frame(columns))
    assert published(built) == EXPECTED
    assert built.fingerprint == log.fingerprint


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame.sample(frac=1, random_state=3),
        lambda frame: frame.iloc[::-1].reset_index(drop=True),
        lambda frame: frame.astype({"customer_id": "int32", "value": "float64", "date": "datetime64[s]"}),
        lambda frame: frame.astype({"customer_id": "float64"}),
        lambda frame: frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d")),
        lambda frame: frame.assign(date=frame["date"].dt.date),
        lambda frame: frame.assign(customer_id=frame["customer_id"].astype("int64[pyarrow]")),
        lambda frame: frame.set_index(pd.Index(range(100, 100 + len(frame)))),
    ],
    ids=["shuffled", "reversed", "narrow", "floats", "text dates", "date objects", "arrow ids", "an index"],
)
def test_every_form(frame, log, convert):
    assert FROM(convert(frame)).fingerprint == log.fingerprint


@pytest.mark.parametrize(
    "name",
    [
        lambda number: f"{number:05d}",
        lambda number: f"客户{number}",
        lambda number: f"customer-with-a-rather-long-name-{number}",
        lambda number: number * 7_919_000_000_003 - 10**15,
    ],
    ids=["padded", "chinese", "long", "sparse"],
)
def test_other_ids(frame, name):
    assert published(FROM(frame.assign(customer_id=frame["customer_id"].map(name)))) == EXPECTED
    if isinstance(name(1), str):
        as_category = frame["customer_id"].map(name).astype("category")
        assert published(FROM(frame.assign(customer_id=as_category))) == EXPECTED


def test_appended_day_by_day(frame, log):
    grown = None
    for _, day in frame.groupby("date"):
        grown = FROM(day) if grown is None else grown.append(day)
    assert grown.fingerprint == log.fingerprint
    assert published(grown) == EXPECTED


def test_saved_and_mapped(log, tmp_path):
    log.save(tmp_path)
    for mmap in (True, False):
        assert published(EventLog.load(tmp_path, mmap=mmap)) == EXPECTED


def test_there_and_back(log):
    assert FROM(log.to_frame()).fingerprint == log.fingerprint


def test_sorted_by_assumption(frame, log):
    assert FROM(frame.sort_values("date"), assume_sorted=True).fingerprint == log.fingerprint
    assert FROM(frame, assume_sorted=True).fingerprint == log.fingerprint


def test_price_times_quantity(frame, log):
    parts = frame.assign(each=frame["value"] / frame["quantity"])
    built = EventLog.from_frame(parts, customer="customer_id", time="date", price="each", quantity="quantity")
    expected = log.snapshot("1997-10-01").summary()
    pd.testing.assert_frame_equal(built.snapshot("1997-10-01").summary(), expected, rtol=1e-12)


def test_as_of_the_split_the_future_is_not_there(frame, log):
    past = FROM(frame[frame["date"] < "1997-10-01"], observed_until="1997-10-01")
    expected = log.snapshot("1997-10-01").summary()
    pd.testing.assert_frame_equal(past.snapshot().summary(), expected, check_exact=True)


def in_the_published_order(log, frame):
    """The sample numbers its customers as they come in the file."""
    return np.searchsorted(log.customers, frame["customer_id"].unique())


def test_each_customer_as_published(data_folder, frame, log):
    """Customer by customer: frequency, recency and T of BTYD, and its 39 weeks to forecast."""
    table = pd.read_csv(data_folder / "cdnow" / "cdnow_cal_holdout_39_39.csv")
    X = log.snapshot("1997-10-01", horizon="273D")[in_the_published_order(log, frame)]
    found = X.summary()
    np.testing.assert_array_equal(found["frequency"], table["x"])
    np.testing.assert_allclose(found["recency"], table["t_x"], rtol=1e-14)
    np.testing.assert_allclose(found["T"], table["T_cal"], rtol=1e-14)
    np.testing.assert_allclose(found["monetary_value"].fillna(0), table["m_x"], rtol=1e-12)
    np.testing.assert_array_equal(X.future_purchases(), table["x_star"])


def test_each_customer_as_rounded_by_lifetimes(data_folder, frame, log):
    table = pd.read_csv(data_folder / "cdnow" / "cdnow_summary_39w.csv")
    found = log.snapshot("1997-10-01")[in_the_published_order(log, frame)].summary().fillna(0.0)
    np.testing.assert_array_equal(found["frequency"], table["frequency"])
    for column in ("recency", "T", "monetary_value"):
        np.testing.assert_allclose(found[column], table[column], atol=0.005 + 1e-9)


def test_weekly_repeat_purchases_as_published(data_folder, log):
    """The cumulative repeat purchases of each of the 78 weeks."""
    table = pd.read_csv(data_folder / "cdnow" / "cdnow_weekly_cumulative.csv")
    ends = pd.Timestamp("1997-01-01") + pd.to_timedelta(7 * table["week"], unit="D")
    found = [log.snapshot(end).summary()["frequency"].sum() for end in ends]
    np.testing.assert_array_equal(found, table["cumulative_repeat_transactions"])


def test_the_gaps_of_the_grocery_as_published(data_folder):
    """The days up to 2006-12-31 are seen as of the midnight after, as CDNOW's up to 1997-09-30."""
    events = pd.read_csv(data_folder / "grocery" / "grocery_elog.csv")
    log = EventLog.from_frame(events, customer="cust", time="date", observed_until="2008-01-01")
    X = log.snapshot("2007-01-01", horizon="364D")
    found = X.summary(gaps=True)
    assert (len(found), int(found["frequency"].sum()), int(found["frequency"].max())) == (1525, 5569, 61)
    assert round(found["sum_log_gaps"].sum(), 4) == 5539.0483
    assert int(X.future_purchases().sum()) == 3389


def test_the_raw_layout_of_a_shop(data_folder):
    """Invoices of Online Retail as they are published: Latin-1, negative quantities, no customer."""
    clean = pd.read_csv(data_folder / "online_retail" / "online_retail_2010_2011.csv.gz", nrows=20_000)
    raw = pd.DataFrame(
        {
            "InvoiceNo": clean["invoice"].astype(str), "StockCode": clean["stock_code"], "Quantity": clean["quantity"],
            "InvoiceDate": clean["invoice_date"], "UnitPrice": clean["unit_price"],
            "CustomerID": clean["customer_id"].astype("float64"), "Country": clean["country"],
        }
    )  # fmt: skip
    raw.loc[::50, "CustomerID"] = np.nan
    back = raw.iloc[1::100].assign(InvoiceNo=lambda f: "C" + f["InvoiceNo"], Quantity=lambda f: -f["Quantity"])
    raw = pd.concat([raw, back], ignore_index=True)
    log = EventLog.from_frame(
        raw, customer="CustomerID", time="InvoiceDate", price="UnitPrice", quantity="Quantity", item="StockCode",
        order="InvoiceNo", columns=["Country"], invalid="drop",
    )  # fmt: skip
    counts = log.quality.set_index("rule")["rows"]
    assert counts["null customer"] == counts["dropped"] == raw["CustomerID"].isna().sum()
    kept = raw.dropna(subset=["CustomerID"])
    assert counts["refund"] == (kept["Quantity"] < 0).sum()
    assert counts["exact duplicate"] == kept.duplicated().sum()
    assert log.customers.dtype == np.int64
    found = log.snapshot().summary(collapse="order")
    bought = kept[kept["Quantity"] > 0].groupby("CustomerID")["InvoiceNo"].nunique()
    assert (found["frequency"] + 1).tolist() == bought.tolist()
    money = (kept["Quantity"] * kept["UnitPrice"]).sum()
    whole = log.observed_until - log.first_time
    everybody = log.snapshots([log.first_time], horizon=whole, min_events=0, customers=log.customers)
    assert everybody.future_value().sum() == pytest.approx(money)
