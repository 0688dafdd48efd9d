from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.datasets import make_retail
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError

KINDS = ["order", "refund", "visit", "complaint", "survey", "cancel"]
START, END = pd.Timestamp("2023-01-01"), pd.Timestamp("2023-01-01") + pd.Timedelta(weeks=78)
HAS = {
    "value": {"order", "refund"},
    "item": {"order", "refund"},
    "order": {"order", "refund", "complaint", "survey"},
    "score": {"survey"},
    "minutes": {"visit"},
}


# ----------------------------------------------------------------------------------------- the log


def test_columns(shop):
    frame, _ = shop
    dtypes = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert dtypes == {
        "customer_id": "int64",
        "time": "datetime64[us]",
        "kind": "category",
        "value": "float64",
        "item": "Int32",
        "order": "Int32",
        "score": "float64",
        "minutes": "float64",
    }
    assert frame["kind"].cat.categories.tolist() == KINDS
    assert set(frame["kind"].unique()) == set(KINDS)
    assert isinstance(frame.index, pd.RangeIndex)


@pytest.mark.parametrize("column", HAS)
def test_what_is_missing(shop, column):
    frame, _ = shop
    present = frame[column].notna().groupby(frame["kind"], observed=True).agg(["all", "any"])
    assert present["all"].to_dict() == {kind: kind in HAS[column] for kind in KINDS}
    assert present["any"].to_dict() == present["all"].to_dict()


def test_rows_are_in_order_and_in_the_span(shop):
    frame, _ = shop
    assert frame["customer_id"].unique().tolist() == list(range(1, 20_001))
    assert frame["customer_id"].is_monotonic_increasing
    same = frame["customer_id"].diff() == 0
    assert (frame["time"].diff()[same] >= pd.Timedelta(0)).all()
    assert frame["time"].between(START, END, inclusive="left").all()
    assert (frame["time"].dt.floor("s") == frame["time"]).all()
    assert (frame.groupby("customer_id")["kind"].first() == "order").all()


def test_nothing_comes_after_dropout(shop):
    frame, truth = shop
    dropout = truth.customers["dropout_time"].to_numpy()[frame["customer_id"] - 1]
    cancels = frame["kind"] == "cancel"
    assert (frame["time"][cancels] == dropout[cancels]).all()
    others = frame["time"].to_numpy()[~cancels]
    assert ((others < dropout[~cancels]) | np.isnat(dropout[~cancels])).all()
    assert (truth.customers["alive"] == truth.customers["dropout_time"].isna()).all()
    assert 0.2 < truth.customers["alive"].mean() < 0.8
    assert truth.customers["dropout_time"].dropna().between(START, END, inclusive="left").all()


def test_money(shop):
    frame, truth = shop
    orders, refunds = (frame[frame["kind"] == kind] for kind in ("order", "refund"))
    assert (orders["value"] > 0).all()
    assert (refunds["value"] < 0).all()
    for part in (orders, refunds):
        np.testing.assert_array_equal(part["value"], np.rint(part["value"] * 100) / 100)
    pieces = orders["value"] / truth.items["price"].to_numpy()[orders["item"].to_numpy(int) - 1]
    np.testing.assert_allclose(pieces, np.rint(pieces), rtol=1e-9)
    assert pieces.min() > 0.5


def test_a_refund_undoes_one_line_of_an_earlier_order(shop):
    frame, _ = shop
    keys = ["order", "item", "cents"]
    with_cents = frame.assign(cents=np.rint(frame["value"].abs() * 100))
    lines = with_cents[frame["kind"] == "order"].groupby(keys).agg(n=("time", "size"), time=("time", "first"))
    refunds = with_cents[frame["kind"] == "refund"].groupby(keys).agg(n=("time", "size"), time=("time", "min"))
    joined = refunds.join(lines.add_suffix("_order"), how="left")
    assert joined["n_order"].notna().all()
    assert (joined["n"] <= joined["n_order"]).all()
    assert (joined["time"] >= joined["time_order"] + pd.Timedelta(days=2)).all()


def test_lines_of_an_order_are_one_invoice(shop):
    frame, truth = shop
    lines = frame[frame["kind"] == "order"]
    assert (lines.groupby("order")[["customer_id", "time"]].nunique() == 1).all(axis=None)
    assert lines["order"].is_monotonic_increasing
    per_order = lines.groupby("order").size()
    assert per_order.mean() == pytest.approx(truth.parameters["lines_per_order"], rel=0.1)
    assert per_order.max() > 3


def test_scores_and_minutes(shop):
    frame, _ = shop
    assert set(frame["score"].dropna()) <= set(range(11))
    assert frame["minutes"].min() >= 0.1


def test_log_takes_the_frame_as_it_is(shop):
    frame, truth = shop
    names = {name: name for name in ("time", "value", "item", "order", "kind")}
    names |= {"customer": "customer_id", "purchases": "order", "columns": ["score", "minutes"]}
    log = EventLog.from_frame(frame, **names, observed_until=END, invalid="raise")
    assert (len(log), log.n_customers) == (len(frame), 20_000)
    sorted_already = EventLog.from_frame(frame, **names, observed_until=END, assume_sorted=True)
    assert sorted_already.fingerprint == log.fingerprint
    again = EventLog.from_frame(log.to_frame(), **names, observed_until=END)
    assert again.fingerprint == log.fingerprint
    counted = log.quality.set_index("rule")["rows"]
    assert counted["refund"] == (frame["kind"] == "refund").sum()
    assert counted["refund before any purchase"] == 0

    snapshot = log.with_attributes(truth.attributes, customer="customer_id").snapshot()
    orders = truth.orders.groupby("customer_id")["time"].agg(lambda times: times.dt.floor("D").nunique())
    np.testing.assert_array_equal(snapshot.summary()["frequency"], orders - 1)
    np.testing.assert_array_equal(snapshot.attributes()["country"], truth.attributes["country"])


# --------------------------------------------------------------------------------------- the truth


def test_truth(shop):
    frame, truth = shop
    assert list(truth.attributes) == ["customer_id", "country", "channel", "age_band", "signup_day"]
    assert list(truth.customers) == [
        "customer_id",
        "rate",
        "favourite",
        "taste",
        "basket",
        "satisfaction",
        "dropout_time",
        "alive",
    ]
    assert list(truth.items) == ["item", "category", "price", "popularity"]
    assert list(truth.orders) == ["order", "customer_id", "time", "trouble", "complaint", "leaving_probability"]
    for table in (truth.attributes, truth.customers):
        assert table["customer_id"].tolist() == list(range(1, 20_001))
    assert truth.items["item"].tolist() == list(range(1, 301))
    assert truth.items["category"].nunique() == 6
    assert truth.items["popularity"].sum() == pytest.approx(1)
    assert truth.customers["favourite"].cat.categories.equals(truth.items["category"].cat.categories)
    first = frame.groupby("customer_id")["time"].min().dt.floor("D")
    assert (truth.attributes["signup_day"].to_numpy() == (first - START).dt.days.to_numpy()).all()
    assert first.max() < START + pd.Timedelta(weeks=26)
    assert repr(truth).startswith("RetailTruth(attributes: 20,000 × 5, customers: 20,000 × 8, items: 300 × 4, orders: ")


def test_truth_of_the_orders(shop):
    frame, truth = shop
    lines = frame[frame["kind"] == "order"].drop_duplicates("order")
    for name in ("order", "customer_id", "time"):
        np.testing.assert_array_equal(lines[name], truth.orders[name])
    complaints = frame["order"][frame["kind"] == "complaint"].to_numpy(int)
    assert truth.orders["complaint"].to_numpy()[complaints - 1].all()
    assert truth.orders["leaving_probability"].between(0, 1).all()


def test_parameters_are_remembered():
    parameters = {"n_customers": 7, "n_items": 9, "n_categories": 3, "span": "20W", "acquisition": "0D", "alpha": 4.0}
    _, truth = make_retail(**parameters, random_state=0)
    assert {name: truth.parameters[name] for name in parameters} == parameters
    assert truth.parameters["refund_share"] == 0.03
    assert set(truth.parameters["effects"]) == {"country", "channel", "age_band", "experience"}
    assert "random_state" not in truth.parameters
    # What one caller does to the effects is nothing to the next.
    truth.parameters["effects"]["country"]["GB"] = 9.0
    assert make_retail(**parameters, random_state=0)[1].parameters["effects"]["country"]["GB"] == 0


# --------------------------------------------------------------------------- what can be learnt


def cosine_of_items(frame, n_items):
    lines = frame[frame["kind"] == "order"].drop_duplicates(["customer_id", "item"])
    bought = np.zeros((frame["customer_id"].max(), n_items), dtype=np.float32)
    bought[lines["customer_id"] - 1, lines["item"].to_numpy(int) - 1] = 1
    length = np.maximum(np.sqrt(bought.sum(axis=0)), 1)
    return bought.T @ bought / np.outer(length, length)


@pytest.mark.parametrize(("strength", "low", "high"), [(0.8, 1.8, 20), (0.0, 0.9, 1.1)])
def test_items_of_a_category_are_bought_together_by_taste(strength, low, high):
    frame, truth = make_retail(6000, 60, n_categories=6, taste_strength=strength, repeat_share=0, random_state=1)
    cosine = cosine_of_items(frame, 60)
    category = truth.items["category"].to_numpy()
    same = np.equal.outer(category, category) & ~np.eye(60, dtype=bool)
    different = np.not_equal.outer(category, category)
    assert low < cosine[same].mean() / cosine[different].mean() < high


def test_favourite_category_is_bought_most(shop):
    frame, truth = shop
    lines = frame[frame["kind"] == "order"]
    category = truth.items["category"].to_numpy()[lines["item"].to_numpy(int) - 1]
    own = category == truth.customers["favourite"].to_numpy()[lines["customer_id"] - 1]
    taste = truth.customers["taste"].to_numpy()[lines["customer_id"] - 1]
    assert own.mean() > taste.mean()
    assert own[taste > 0.8].mean() > own[taste < 0.4].mean() + 0.3


@pytest.mark.parametrize("share", [0.0, 0.35, 0.8])
def test_repeat_buying(share):
    frame, truth = make_retail(
        4000, 20_000, n_categories=2, taste_strength=0.0, repeat_share=share, leaving_probability=0.0, random_state=2
    )
    lines = frame[frame["kind"] == "order"]
    first_order = lines.groupby(["customer_id", "item"])["order"].transform("min")
    later = lines["order"] > lines.groupby("customer_id")["order"].transform("min")
    again = (lines["order"] > first_order)[later]
    # A new item may by chance be one bought before: more so the more popular it is.
    chance = 1 - (1 - truth.items["popularity"].pow(2).sum()) ** (len(lines) / 4000)
    assert share - 0.01 < again.mean() < share + chance + 0.01


def test_complaints_foretell_leaving(shop):
    frame, truth = shop
    orders = truth.orders
    # 60 days after each order that is at least so long before the end: is the customer gone?
    settled = orders[orders["time"] < END - pd.Timedelta(days=60)]
    dropout = truth.customers["dropout_time"].to_numpy()[settled["customer_id"] - 1]
    gone = dropout < settled["time"].to_numpy() + np.timedelta64(60, "D")
    complained = settled["order"].isin(frame["order"][frame["kind"] == "complaint"])
    assert gone[complained].mean() > 2 * gone[~complained].mean()
    scores = frame[frame["kind"] == "survey"].set_index("order")["score"]
    score = settled["order"].map(scores)
    assert gone[score <= 4].mean() > 1.5 * gone[score >= 9].mean()
    age = truth.attributes["age_band"].to_numpy()[settled["customer_id"] - 1]
    assert gone[age == "18-24"].mean() > 1.3 * gone[age == "65+"].mean()


def test_without_signal_nothing_foretells_leaving():
    _, truth = make_retail(20_000, leaving_signal=0.0, random_state=3)
    orders = truth.orders
    np.testing.assert_allclose(orders["leaving_probability"], 0.12)
    first = orders.drop_duplicates("customer_id")
    dropout = truth.customers["dropout_time"].to_numpy()[first["customer_id"] - 1]
    gone = dropout < first["time"].to_numpy() + np.timedelta64(60, "D")
    n = first["trouble"].sum()
    p = gone[~first["trouble"]].mean()
    assert gone[first["trouble"]].mean() == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / n))


def test_extremes_of_leaving():
    _, truth = make_retail(200, leaving_probability=0.0, random_state=0)
    assert truth.customers["alive"].all()
    frame, truth = make_retail(200, leaving_probability=1.0, acquisition="4W", cancel_share=1.0, random_state=0)
    assert not truth.customers["alive"].any()
    assert (frame.groupby("customer_id")["kind"].last() == "cancel").all()


def test_seasons_close_the_shop():
    frame, _ = make_retail(500, seasonality={"weekday": [1, 1, 1, 1, 1, 3, 0]}, random_state=4)
    days = frame["time"].dt.day_of_week[frame["kind"].isin(["order", "visit"])]
    assert not (days == 6).any()
    assert (days == 5).mean() == pytest.approx(3 / 8, abs=0.04)


def test_regularity_of_orders():
    slow = {"r": 1e6, "alpha": 1e6, "leaving_probability": 0.0, "span": "200W", "acquisition": "1W"}
    for k in (1.0, 9.0):
        _, truth = make_retail(60, regularity=k, **slow, random_state=5)
        gaps = truth.orders.groupby("customer_id")["time"].diff().dropna() / np.timedelta64(7, "D")
        assert gaps.std() == pytest.approx(1 / np.sqrt(k), rel=0.04)


# ------------------------------------------------------------------------------------------ frames

shares = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


@settings(max_examples=40)
@given(
    n=st.integers(1, 25),
    n_items=st.integers(1, 12),
    repeat_share=shares,
    taste_strength=shares,
    trouble_share=shares,
    complaint_share=shares,
    refund_share=shares,
    survey_share=shares,
    cancel_share=shares,
    leaving_probability=shares,
    visits_per_order=st.floats(0, 4),
    lines_per_order=st.floats(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shop_is_a_log(n, n_items, seed, **parameters):
    frame, truth = make_retail(
        n,
        n_items,
        n_categories=min(n_items, 3),
        span="30W",
        acquisition="10W",
        alpha=5.0,
        **parameters,
        random_state=seed,
    )
    assert frame["customer_id"].unique().tolist() == list(range(1, n + 1))
    assert frame[["customer_id", "time", "kind"]].notna().all(axis=None)
    orders = frame[frame["kind"] == "order"]
    assert orders[["value", "item", "order"]].notna().all(axis=None)
    assert orders["item"].between(1, n_items).all()
    assert frame["time"].between(START, START + pd.Timedelta(weeks=30), inclusive="left").all()
    dropout = truth.customers["dropout_time"].to_numpy()[frame["customer_id"] - 1]
    assert ((frame["time"].to_numpy() <= dropout) | np.isnat(dropout)).all()
    about = frame[frame["kind"].isin(["refund", "complaint", "survey"])]
    assert (about["time"].to_numpy() > truth.orders["time"].to_numpy()[about["order"].to_numpy(int) - 1]).all()


def test_same_seed_same_frames():
    (first, truth), (again, truth_again) = (make_retail(300, random_state=5) for _ in range(2))
    generator, _ = make_retail(300, random_state=np.random.default_rng(5))
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_frame_equal(first, generator)
    for name in ("attributes", "customers", "items", "orders"):
        pd.testing.assert_frame_equal(getattr(truth, name), getattr(truth_again, name))
    assert not first.equals(make_retail(300, random_state=6)[0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_customers": 0}, "'n_customers' parameter of make_retail must be an int in the range"),
        ({"n_items": 0}, "'n_items'"),
        ({"n_items": 7}, "'n_items' parameter of make_retail must be an int in the range .8, inf."),
        ({"n_categories": 0}, "'n_categories'"),
        ({"r": 0}, "'r'"),
        ({"alpha": "20"}, "'alpha'"),
        ({"regularity": 0.01}, "'regularity'"),
        ({"lines_per_order": 0.5}, "'lines_per_order'"),
        ({"visits_per_order": -1}, "'visits_per_order'"),
        ({"leaving_signal": -0.1}, "'leaving_signal'"),
        *(
            ({name: value}, f"'{name}'")
            for name in (
                "repeat_share",
                "taste_strength",
                "trouble_share",
                "complaint_share",
                "refund_share",
                "survey_share",
                "cancel_share",
                "leaving_probability",
            )
            for value in (-0.1, 1.1, None, np.nan)
        ),
        ({"random_state": 1.5}, "'random_state'"),
        ({"span": "1Y"}, "'span'"),
        ({"seasonality": {"week": [1]}}, "'seasonality' parameter of make_retail"),
    ],
)
def test_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        make_retail(**{"n_customers": 3, **parameters})


def test_100_000_customers_take_a_moment():
    make_retail(10)
    start = time.perf_counter()
    frame, _ = make_retail(100_000, 1000, random_state=0)
    assert time.perf_counter() - start < 8  # measured: 0.5
    assert len(frame) > 1_000_000
