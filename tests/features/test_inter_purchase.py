from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import sqrt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError
from crmkit.features import InterPurchaseFeatures, RFMTransformer, _inter_purchase
from crmkit.testing import logs, snapshots
from crmkit.testing._sample import sample_snapshots

COLUMNS = [
    "recency_days",
    "tenure_days",
    "mean_gap_days",
    "std_gap_days",
    "min_gap_days",
    "max_gap_days",
    "last_gap_days",
    "regularity",
    "overdue",
    "gap_trend",
]
DAY = pd.Timedelta(days=1)
MICROSECOND = pd.Timedelta(microseconds=1)
LENGTHS = {"D": DAY, "W": 7 * DAY, None: MICROSECOND}


def exact_days(duration):
    return Fraction(duration // MICROSECOND, DAY // MICROSECOND)


def naive_row(since):
    """The ten columns from the days between each purchase and as_of, oldest first, as exact fractions."""
    found = dict.fromkeys(COLUMNS, np.nan)
    if since:
        found |= {"recency_days": since[-1], "tenure_days": since[0]}
    gaps = [before - after for before, after in pairwise(since)]
    n = len(gaps)
    if n >= 1:
        mean = sum(gaps) / n
        found |= {"mean_gap_days": mean, "min_gap_days": min(gaps), "max_gap_days": max(gaps)}
        found |= {"last_gap_days": gaps[-1], "overdue": since[-1] / mean if mean else np.nan}
    if n >= 2:
        variance = sum((gap - mean) ** 2 for gap in gaps) / (n - 1)
        early, late = sum(gaps[: n // 2]), sum(gaps[n - n // 2 :])
        found["std_gap_days"] = sqrt(variance)
        found["regularity"] = 1 / (1 + variance / mean**2) if mean else np.nan
        found["gap_trend"] = (late - early) / (late + early) if early + late else np.nan
    return {name: float(value) for name, value in found.items()}


def naive(X, collapse="D", kinds=None):
    frame = X.log.to_frame()
    if kinds is None and "kind" in frame:
        kinds = ["order"]
    counts = np.ones(len(frame), dtype=bool) if kinds is None else frame["kind"].isin(kinds).to_numpy()
    if "value" in frame:
        counts = counts & ~(frame["value"] < 0).to_numpy()
    frame = frame[counts]
    rows = []
    for who, as_of in zip(X.customer_id, pd.DatetimeIndex(X.as_of), strict=True):
        own = frame[(frame["customer"] == who) & (frame["time"] < as_of)]
        if collapse == "order":
            firsts = own[own["order"].notna()].groupby("order")["time"].min()
            alone = own.loc[own["order"].isna(), "time"]
            since = sorted((exact_days(as_of - time) for time in [*firsts, *alone]), reverse=True)
        else:
            length = LENGTHS[collapse]
            periods = {(as_of - time - MICROSECOND) // length for time in own["time"]}
            since = [exact_days((period + 1) * length) for period in sorted(periods, reverse=True)]
        rows.append(naive_row(since))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=float)


def log_of(customers, times, **options):
    frame = pd.DataFrame({"customer": customers, "time": times})
    return EventLog.from_frame(frame, customer="customer", time="time", **options)


def row_of(days, as_of, **options):
    """The ten columns of one customer who bought on these days of 2024."""
    log = log_of([1] * len(days), [f"2024-{day}" for day in days], observed_until="2025-01-01")
    return InterPurchaseFeatures(**options).transform(log.snapshot(f"2024-{as_of}")).iloc[0]


@pytest.fixture(scope="module")
def cdnow():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


# ------------------------------------------------------------------------------------------ values


@given(snapshots(logs(ids="int", orders=True, kinds=False)), st.sampled_from(["D", "W", "order", None]))
def test_equal_to_the_naive_ones(X, collapse):
    found = InterPurchaseFeatures(collapse=collapse).fit_transform(X)
    assert (found.dtypes == "float64").all()
    pd.testing.assert_frame_equal(found.reset_index(drop=True), naive(X, collapse), rtol=1e-12, atol=1e-12)


@given(snapshots(logs(ids="int", kinds=True, orders=True)), st.sampled_from(["D", "order", None]))
def test_kinds_equal_the_naive_ones(X, collapse):
    for kinds in (None, ["visit"], ("order", "cancel")):
        found = InterPurchaseFeatures(collapse=collapse, kinds=kinds).transform(X)
        expected = naive(X, collapse, kinds)
        pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, rtol=1e-12, atol=1e-12)


@given(snapshots(logs(ids="int")))
def test_laws(X):
    found = InterPurchaseFeatures().transform(X)
    rest = found.dropna()
    assert (found["tenure_days"] >= found["recency_days"]).where(found["tenure_days"].notna(), True).all()
    assert rest["regularity"].between(0, 1, inclusive="right").all()
    assert rest["gap_trend"].between(-1, 1).all()
    for name in ("mean", "last"):
        assert (rest[f"{name}_gap_days"] >= rest["min_gap_days"]).all()
        assert (rest[f"{name}_gap_days"] <= rest["max_gap_days"]).all()
    assert (found["mean_gap_days"].isna() == (found["tenure_days"] == found["recency_days"])).all()
    even = rest[rest["min_gap_days"] == rest["max_gap_days"]]
    assert (even[["std_gap_days", "regularity", "gap_trend"]] == [0, 1, 0]).all(axis=None)


def test_a_worked_example():
    """Gaps of 10, 20, 5, 15 and 30 days; the middle one is in neither half."""
    row = row_of(["01-01", "01-11", "01-31", "02-05", "02-20", "03-21"], "04-06")
    gaps = [10, 20, 5, 15, 30]
    spread = np.std(gaps, ddof=1)
    expected = [16, 96, 16, spread, 5, 30, 30, 1 / (1 + (spread / 16) ** 2), 1.0, (45 - 30) / 75]
    np.testing.assert_allclose(row, expected, rtol=1e-14)


@pytest.mark.parametrize("gap", ["7D", "8h", "1us", "1h 20min"])
def test_clockwork_is_exactly_regular(gap):
    times = pd.date_range("2024-01-01", freq=gap, periods=52)
    log = log_of([1] * 52, times, observed_until="2025-03-01")
    row = InterPurchaseFeatures(collapse=None).transform(log.snapshot()).iloc[0]
    assert row[["std_gap_days", "regularity", "gap_trend"]].tolist() == [0.0, 1.0, 0.0]
    assert row["mean_gap_days"] == row["min_gap_days"] == row["max_gap_days"] == pd.Timedelta(gap) / DAY


def test_who_slows_down_has_a_positive_trend():
    slower = row_of(["01-01", "01-02", "01-04", "01-08", "01-16"], "02-01")
    assert slower["gap_trend"] == (12 - 3) / 15
    faster = row_of(["01-01", "01-09", "01-13", "01-15", "01-16"], "02-01")
    assert faster["gap_trend"] == -slower["gap_trend"]
    assert faster["regularity"] == slower["regularity"]


def test_what_is_not_defined_is_nan(cdnow):
    once = row_of(["01-05"], "01-06")
    assert once[["recency_days", "tenure_days"]].tolist() == [1.0, 1.0]
    assert once.iloc[2:].isna().all()
    twice = row_of(["01-05", "01-05 18:00", "01-07"], "01-09")
    assert twice.dropna().to_dict() == {
        "recency_days": 2.0,
        "tenure_days": 4.0,
        "mean_gap_days": 2.0,
        "min_gap_days": 2.0,
        "max_gap_days": 2.0,
        "last_gap_days": 2.0,
        "overdue": 1.0,
    }
    keys = {"who": [4, 999_999_999], "when": ["1996-12-01", "1997-10-01"]}
    assert (
        InterPurchaseFeatures().transform(cdnow.snapshots_at(keys, customer="who", as_of="when")).isna().all(axis=None)
    )


def test_orders_of_one_instant():
    frame = pd.DataFrame({"c": 1, "t": pd.Timestamp("2024-01-01"), "o": [7, 7, 8, 9]})
    log = EventLog.from_frame(frame, customer="c", time="t", order="o", observed_until="2024-02-01")
    row = InterPurchaseFeatures(collapse="order").transform(log.snapshot("2024-01-03")).iloc[0]
    assert row.dropna().to_dict() == {
        "recency_days": 2.0,
        "tenure_days": 2.0,
        "mean_gap_days": 0.0,
        "std_gap_days": 0.0,
        "min_gap_days": 0.0,
        "max_gap_days": 0.0,
        "last_gap_days": 0.0,
    }


@pytest.mark.parametrize("shape", [0.7, 1.0, 4.0])
def test_regularity_of_gamma_gaps(shape):
    """The law that the docstring states: s² / mean² is n / (n k + 1) on average, whatever the pace."""
    rng = np.random.default_rng(0)
    for n in (2, 6):
        gaps = rng.gamma(shape, rng.lognormal(size=(20_000, 1)), size=(20_000, n))
        times = np.datetime64("2000-01-01", "us") + np.cumsum(gaps * 1e11, axis=1).astype("m8[us]")
        start = np.full((20_000, 1), np.datetime64("2000-01-01", "us"))
        log = log_of(np.repeat(np.arange(20_000), n + 1), np.hstack([start, times]).ravel())
        found = InterPurchaseFeatures(collapse=None).transform(log.snapshot())
        ratio = 1 / found["regularity"] - 1
        assert ratio.mean() == pytest.approx(n / (n * shape + 1), abs=5 * ratio.std() / np.sqrt(20_000))
        if n == 2:
            share = gaps[:, 0] / gaps.sum(axis=1)
            np.testing.assert_allclose(ratio, 2 * (2 * share - 1) ** 2, rtol=1e-5, atol=1e-9)


def test_agrees_with_recency_and_summary(cdnow):
    X = cdnow.snapshots(["1997-10-01", "1998-07-01"])
    found, summary = InterPurchaseFeatures().transform(X), X.summary(time_unit="D")
    assert found["recency_days"].equals(RFMTransformer().fit_transform(X)["recency_days"])
    assert (found["tenure_days"] == summary["T"] + 1).all()
    mean = summary["recency"] / summary["frequency"].where(summary["frequency"] > 0)
    np.testing.assert_allclose(found["mean_gap_days"], mean, rtol=1e-12)


@pytest.mark.parametrize("collapse", ["D", "order"])
def test_the_kernel_is_its_python(monkeypatch, collapse):
    X = sample_snapshots()[::3]
    compiled = InterPurchaseFeatures(collapse=collapse).transform(X)
    monkeypatch.setattr(_inter_purchase, "measure_gaps", _inter_purchase.measure_gaps.py_func)
    pd.testing.assert_frame_equal(InterPurchaseFeatures(collapse=collapse).transform(X), compiled, rtol=1e-14)


# ------------------------------------------------------------------------------- frames and errors


def test_frames_and_names(cdnow):
    today = cdnow.snapshot("1997-10-01")
    features = InterPurchaseFeatures()
    found = features.transform(today)  # nothing is learnt, so fit need not have been called
    assert features.get_feature_names_out().tolist() == found.columns.tolist() == COLUMNS
    assert found.index.names == ["customer_id", "as_of"]
    polars = EventLog.from_frame(pl.from_pandas(load_cdnow()), customer="customer_id", time="date", value="value")
    other = features.fit_transform(polars.snapshot("1997-10-01"))
    assert isinstance(other, pl.DataFrame)
    assert np.array_equal(other.to_numpy(), found.to_numpy(), equal_nan=True)
    assert isinstance(InterPurchaseFeatures().set_output(transform="polars").transform(today), pl.DataFrame)
    assert features.fit(today).fitted_on_ == (cdnow.fingerprint, (today.as_of[0], today.as_of[0]))
    assert features.fit(today[:0]).fitted_on_ == (cdnow.fingerprint, None)
    assert features.transform(today[:0]).shape == (0, 10)


def test_side_by_side_with_recency_and_money(cdnow):
    both = FeatureUnion([("rfm", RFMTransformer()), ("gaps", InterPurchaseFeatures())])
    pipeline = make_pipeline(both, StandardScaler())
    assert pipeline.fit_transform(cdnow.snapshot("1997-10-01")).shape == (2_357, 13)


def test_refused(cdnow):
    X = cdnow.snapshot("1997-10-01")
    with pytest.raises(ParameterError, match="collapse='order'.*, but the log has no orders. Name their column"):
        InterPurchaseFeatures(collapse="order").fit_transform(X)
    with pytest.raises(ParameterError, match="kinds='visit', but the log has no kinds"):
        InterPurchaseFeatures(kinds="visit").fit_transform(X)
    with pytest.raises(ParameterError, match="InterPurchaseFeatures takes Snapshots.*Got the EventLog itself"):
        InterPurchaseFeatures().fit(cdnow)
    with pytest.raises(ParameterError, match=r"Got a DataFrame of shape \(6919, 4\)"):
        InterPurchaseFeatures().fit(load_cdnow())


def test_kinds_that_the_log_does_not_know_are_refused():
    with pytest.raises(ParameterError, match="kinds='vist', but the log has no such events"):
        InterPurchaseFeatures(kinds="vist").fit(sample_snapshots())
