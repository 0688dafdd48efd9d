from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.datasets import make_purchases
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError

WEEK = np.timedelta64(7, "D")
MODELS = ["bg_nbd", "pareto_nbd", "regular"]


def repeats_within(frame, weeks):
    """Repeat purchases of each customer in the first weeks, where all customers arrive at the start."""
    start = frame["time"].min()
    return frame["time"].sub(start).lt(pd.Timedelta(weeks=weeks)).groupby(frame["customer_id"]).sum() - 1


# ------------------------------------------------------------------------------- published theory


@pytest.mark.parametrize("model", ["bg_nbd", "pareto_nbd"])
def test_expected_purchases_are_the_published_ones(published, model):
    n = 400_000
    known = published[model]
    frame, _ = make_purchases(
        n, model=model, **known["parameters"], acquisition="0D", span="80W", spend=None, random_state=1
    )
    expected = known["expected_repeat_purchases"]
    for weeks, value in zip(expected["weeks"], expected["values"], strict=True):
        repeats = repeats_within(frame, weeks)
        # The published values are rounded to four digits.
        assert repeats.mean() == pytest.approx(value, abs=4 * repeats.std() / np.sqrt(n) + 5e-5), weeks


def test_seasons_leave_the_number_of_purchases_of_bg_nbd(published):
    """The season's clock runs as far as time does; who leaves does so by purchases."""
    n, known = 200_000, published["bg_nbd"]
    frame, _ = make_purchases(
        n,
        **known["parameters"],
        acquisition="0D",
        span="52W",
        spend=None,
        seasonality={"month": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "weekday": [1, 1, 1, 1, 1, 5, 0]},
        start="2022-07-04",
        random_state=2,
    )
    repeats = frame.groupby("customer_id").size() - 1
    assert repeats.mean() == pytest.approx(1.44401, abs=4 * repeats.std() / np.sqrt(n))


def test_no_repeat_purchase_in_39_weeks():
    """P(X(39) = 0) = .5737864 at these parameters: manual of the CRAN package BTYD 2.4.3."""
    n = 200_000
    frame, _ = make_purchases(
        n, r=0.243, alpha=4.414, a=0.793, b=2.426, acquisition="0D", span="39W", spend=None, random_state=3
    )
    none = (frame.groupby("customer_id").size() == 1).mean()
    assert none == pytest.approx(0.5737864, abs=4 * np.sqrt(0.25 / n))


def state(frame, truth, weeks):
    """Frequency, recency and T in weeks, and who is alive, of customers who arrive over some time."""
    end = frame["time"].min().floor("D") + pd.Timedelta(weeks=weeks)
    times = frame.groupby("customer_id")["time"].agg(["min", "max", "size"])
    x, t_x = times["size"] - 1, (times["max"] - times["min"]) / WEEK
    return x.to_numpy(), t_x.to_numpy(), ((end - times["min"]) / WEEK).to_numpy(), truth["alive"].to_numpy()


def assert_calibrated(probability, alive):
    """In each tenth of the customers, as many are alive as their histories let expect."""
    for tenth in np.array_split(np.argsort(probability, kind="stable"), 10):
        p = probability[tenth]
        assert alive[tenth].sum() == pytest.approx(p.sum(), abs=4.5 * np.sqrt((p * (1 - p)).sum()) + 0.5)


def test_alive_as_the_bg_nbd_model_says():
    """P(alive | x, t_x, T): Fader, Hardie and Lee (2008), 'Computing P(alive) using the BG/NBD model', equation 4."""
    r, alpha, a, b = 1.2, 6.0, 0.8, 2.5
    frame, truth = make_purchases(50_000, r=r, alpha=alpha, a=a, b=b, span="52W", spend=None, random_state=4)
    x, t_x, T, alive = state(frame, truth, 52)
    gone = a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)
    assert_calibrated(np.where(x > 0, 1 / (1 + gone), 1.0), alive)


def test_alive_as_the_pareto_nbd_model_says():
    """P(alive) is the part of the likelihood in which nobody left, here by quadrature over when they did."""
    r, alpha, s, beta = 1.2, 6.0, 0.9, 14.0
    frame, truth = make_purchases(
        30_000, model="pareto_nbd", r=r, alpha=alpha, s=s, beta=beta, span="52W", spend=None, random_state=5
    )
    x, t_x, T, alive = state(frame, truth, 52)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    when = t_x[:, None] + (T - t_x)[:, None] * (nodes + 1) / 2
    # Relative to the likelihood of staying, which would underflow.
    log_gone = (r + x)[:, None] * np.log((alpha + T)[:, None] / (alpha + when)) + s * np.log((beta + T)[:, None])
    log_gone -= (s + 1) * np.log(beta + when)
    gone = s * (T - t_x) / 2 * (np.exp(log_gone) @ weights)
    assert_calibrated(1 / (1 + gone), alive)


def test_lifetimes_of_pareto_nbd():
    """A share of (β / (β + T))**s is still there after T weeks."""
    n, s, beta = 100_000, 0.606, 11.669
    for weeks in (4, 52):
        _, truth = make_purchases(
            n, model="pareto_nbd", s=s, beta=beta, acquisition="0D", span=f"{weeks}W", spend=None, random_state=6
        )
        expected = (beta / (beta + weeks)) ** s
        assert truth["alive"].mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / n))


def test_drawn_rates_have_the_moments_asked_for():
    _, truth = make_purchases(200_000, r=2.0, alpha=8.0, a=1.5, b=4.5, span="2W", acquisition="1W", random_state=7)
    assert truth["rate"].mean() == pytest.approx(0.25, rel=0.01)
    assert truth["rate"].var() == pytest.approx(2 / 64, rel=0.03)
    assert truth["dropout_probability"].mean() == pytest.approx(0.25, rel=0.01)
    _, truth = make_purchases(200_000, model="regular", s=3.0, beta=12.0, span="2W", acquisition="1W", random_state=7)
    assert truth["dropout_rate"].mean() == pytest.approx(0.25, rel=0.01)


# ---------------------------------------------------------------------------------------- regular


def test_regular_buyers_are_regular():
    """Gaps of one rate and nearly no leaving: their coefficient of variation is 1 / sqrt(k)."""
    same_rate = {"r": 1e6, "alpha": 1e6, "s": 1e-6, "beta": 1.0, "span": "500W", "acquisition": "1W"}
    for k in (1, 4, 16):
        frame, _ = make_purchases(300, model="regular", regularity=k, **same_rate, spend=None, random_state=8)
        gaps = frame.groupby("customer_id")["time"].diff().dropna() / WEEK
        assert gaps.mean() == pytest.approx(1, rel=0.02)
        assert gaps.std() == pytest.approx(1 / np.sqrt(k), rel=0.02)


def test_regular_with_k_1_is_pareto_nbd():
    frame, truth = make_purchases(500, model="pareto_nbd", random_state=9)
    same, _ = make_purchases(500, model="regular", regularity=1, random_state=9)
    pd.testing.assert_frame_equal(frame, same)
    assert truth["regularity"].eq(1).all()


# ---------------------------------------------------------------------------------------- seasons


def test_purchases_follow_the_season():
    month, weekday = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3.0]), np.array([1, 1, 1, 1, 2, 3, 0.5])
    # Nobody leaves, and customers arrive at once: the only thing that changes the rate is the season.
    frame, _ = make_purchases(
        2000,
        model="pareto_nbd",
        r=1e6,
        alpha=2e6,
        s=1e-6,
        beta=1.0,
        acquisition="0D",
        span="730D",
        seasonality={"month": month, "weekday": weekday},
        spend=None,
        random_state=10,
    )
    days = pd.date_range("2023-01-01", periods=730, unit="us")
    weights = pd.Series(month[days.month - 1] * weekday[days.day_of_week], index=days)
    repeats = frame["time"][frame["customer_id"].duplicated()]
    for by in ("month", "day_of_week"):
        expected = weights.groupby(getattr(days, by)).sum() / weights.sum() * len(repeats)
        counts = repeats.groupby(getattr(repeats.dt, by)).size()
        assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all(), by
    assert len(repeats) == pytest.approx(2000 * 0.5 * 730 / 7, rel=0.01)


# ------------------------------------------------------------------------------------------ money


def test_spend_is_gamma_gamma():
    p, q, gamma = 6.25, 3.74, 15.44
    frame, truth = make_purchases(200_000, spend=(p, q, gamma), span="26W", random_state=11)
    assert truth["mean_spend"].mean() == pytest.approx(p * gamma / (q - 1), rel=0.01)
    relative = frame["value"] / truth["mean_spend"].to_numpy()[frame["customer_id"] - 1]
    assert relative.mean() == pytest.approx(1, rel=0.005)
    assert relative.std() == pytest.approx(1 / np.sqrt(p), rel=0.01)


def test_spend_does_not_depend_on_timing():
    frame, truth = make_purchases(100_000, span="52W", random_state=12)
    counts = frame.groupby("customer_id").size()
    assert abs(np.corrcoef(counts, np.log(truth["mean_spend"]))[0, 1]) < 4 / np.sqrt(len(truth))


def test_money_is_whole_cents_and_never_nothing():
    frame, _ = make_purchases(5_000, spend=(0.2, 1.5, 0.1), random_state=13)
    assert frame["value"].min() == 0.01
    np.testing.assert_array_equal(frame["value"], np.rint(frame["value"] * 100) / 100)


def test_without_spend_there_is_no_money():
    frame, truth = make_purchases(10, spend=None, random_state=0)
    assert list(frame) == ["customer_id", "time"]
    assert truth["mean_spend"].isna().all()


# ------------------------------------------------------------------------------------------ frames


@settings(max_examples=40)
@given(
    n=st.integers(1, 60),
    model=st.sampled_from([*MODELS, {"bg_nbd": 1, "pareto_nbd": 2, "regular": 0}, {"regular": 1, "bg_nbd": 1}]),
    r=st.floats(0.05, 5),
    alpha=st.floats(0.2, 50),
    regularity=st.floats(0.1, 30),
    weeks=st.integers(1, 60),
    days=st.integers(1, 7),
    seasonality=st.sampled_from([None, {"weekday": [1, 2, 3, 4, 5, 6, 0]}]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_always_holds(n, model, r, alpha, regularity, weeks, days, seasonality, seed):
    acquisition = np.timedelta64(weeks * days, "D")
    frame, truth = make_purchases(
        n,
        model=model,
        r=r,
        alpha=alpha,
        regularity=regularity,
        start="2023-01-02",
        span=f"{weeks}W",
        acquisition=acquisition,
        seasonality=seasonality,
        random_state=seed,
    )
    start = pd.Timestamp("2023-01-02")
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "customer_id": "int64",
        "time": "datetime64[us]",
        "value": "float64",
    }
    assert not frame.isna().any(axis=None)
    assert truth["customer_id"].tolist() == list(range(1, n + 1)) == frame["customer_id"].unique().tolist()
    assert frame["customer_id"].is_monotonic_increasing
    times = frame.groupby("customer_id")["time"]
    assert times.is_monotonic_increasing.all()
    assert frame["time"].between(start, start + pd.Timedelta(weeks=weeks), inclusive="left").all()
    assert (times.min() < start + acquisition).all()

    left = truth["dropout_time"].notna()
    assert (left == ~truth["alive"]).all()
    assert (times.max().to_numpy()[left] <= truth["dropout_time"][left]).all()
    by_purchase = truth["model"] == "bg_nbd"
    assert (times.max().to_numpy()[left & by_purchase] == truth["dropout_time"][left & by_purchase]).all()
    # BG/NBD: nobody leaves before the first repeat purchase.
    assert (times.size().to_numpy()[left & by_purchase] >= 2).all()
    assert truth["dropout_probability"].notna().tolist() == by_purchase.tolist()
    assert truth["dropout_rate"].isna().tolist() == by_purchase.tolist()
    assert truth["regularity"].eq(regularity)[truth["model"] == "regular"].all()
    assert truth["regularity"].eq(1)[truth["model"] != "regular"].all()
    assert truth.loc[:, ["rate", "mean_spend"]].ge(0).all(axis=None)


def test_log_takes_the_frame_as_it_is():
    frame, _ = make_purchases(2000, model={"bg_nbd": 1, "regular": 1}, random_state=0)
    columns = {"customer": "customer_id", "time": "time", "value": "value", "observed_until": "2024-12-29"}
    log = EventLog.from_frame(frame, **columns)
    assert (len(log), log.n_customers) == (len(frame), 2000)
    assert EventLog.from_frame(frame, **columns, assume_sorted=True).fingerprint == log.fingerprint
    summary = log.snapshot().summary(collapse=None)
    np.testing.assert_array_equal(summary["frequency"], frame.groupby("customer_id").size() - 1)


def test_columns_of_the_truth():
    _, truth = make_purchases(5, random_state=0)
    assert list(truth) == [
        "customer_id",
        "model",
        "rate",
        "regularity",
        "dropout_probability",
        "dropout_rate",
        "dropout_time",
        "alive",
        "mean_spend",
    ]
    assert truth["model"].cat.categories.tolist() == MODELS
    assert truth["alive"].dtype == bool
    assert truth["dropout_time"].dtype == "datetime64[us]"


def test_mixture_has_the_shares_asked_for():
    _, truth = make_purchases(100_000, model={"bg_nbd": 3, "regular": 1}, span="1W", acquisition="0D", random_state=0)
    shares = truth["model"].value_counts(normalize=True)
    assert shares["bg_nbd"] == pytest.approx(0.75, abs=0.006)
    assert shares["pareto_nbd"] == 0
    assert shares["regular"] == pytest.approx(0.25, abs=0.006)


@pytest.mark.parametrize("model", [*MODELS, {"bg_nbd": 1, "pareto_nbd": 1, "regular": 1}])
def test_same_seed_same_frames(model):
    first, again = (make_purchases(300, model=model, random_state=5) for _ in range(2))
    generator = make_purchases(300, model=model, random_state=np.random.default_rng(5))
    for one, two, three in zip(first, again, generator, strict=True):
        pd.testing.assert_frame_equal(one, two)
        pd.testing.assert_frame_equal(one, three)
    other, _ = make_purchases(300, model=model, random_state=6)
    assert not first[0].equals(other)


def test_a_generator_moves_on_and_none_is_new():
    rng = np.random.default_rng(5)
    assert not make_purchases(50, random_state=rng)[0].equals(make_purchases(50, random_state=rng)[0])
    assert not make_purchases(50)[0].equals(make_purchases(50)[0])


def test_arguments_stay_as_they_are():
    model, seasonality = {"regular": 2, "bg_nbd": 2}, {"weekday": [1, 1, 1, 1, 1, 2, 0]}
    make_purchases(5, model=model, seasonality=seasonality, random_state=0)
    assert model == {"regular": 2, "bg_nbd": 2}
    assert seasonality == {"weekday": [1, 1, 1, 1, 1, 2, 0]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_customers": 0}, "'n_customers' parameter of make_purchases must be an int in the range"),
        ({"n_customers": 10.0}, "'n_customers'"),
        ({"model": "nbd"}, "'model'.*'bg_nbd'.*Got 'nbd' instead"),
        ({"model": {}}, "'model'"),
        ({"model": {"nbd": 1}}, "'model'"),
        ({"model": {"bg_nbd": 0}}, "'model'"),
        ({"model": {"bg_nbd": -1, "regular": 2}}, "bg_nbd"),
        ({"r": 0}, "'r'"),
        ({"alpha": -1.0}, "'alpha'"),
        ({"a": np.inf}, "'a'"),
        ({"b": "2"}, "'b'"),
        ({"s": 1.0}, "'s' parameter of make_purchases must be None with model bg_nbd"),
        ({"model": "regular", "a": 1.0}, "'a'.*does not use it"),
        ({"model": "pareto_nbd", "beta": 0.0}, "'beta'"),
        ({"regularity": 0}, "'regularity'"),
        ({"spend": 10}, "'spend'"),
        ({"spend": "abc"}, "'spend'"),
        ({"spend": (1, 2)}, "'spend'"),
        ({"spend": (6.25, 1.0, 15.44)}, "spend.1."),
        ({"spend": (6.25, 3.74, 0)}, "spend.2."),
        ({"random_state": -1}, "'random_state'"),
        ({"random_state": "seed"}, "'random_state'"),
        ({"span": 104}, "'span'"),
        ({"start": "soon"}, "'start' parameter of make_purchases"),
        ({"acquisition": "105W"}, "'acquisition'"),
        ({"seasonality": {"month": [1]}}, "'seasonality'"),
    ],
)
def test_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        make_purchases(**{"n_customers": 3, **parameters})


# ------------------------------------------------------------------------------------------- cost


def test_100_000_customers_take_a_moment():
    make_purchases(10)
    start = time.perf_counter()
    make_purchases(100_000, model={"bg_nbd": 1, "pareto_nbd": 1, "regular": 1}, random_state=0)
    assert time.perf_counter() - start < 3  # measured: 0.1


def test_nothing_heavy_is_imported():
    code = (
        "import sys, crmkit.datasets as d; d.load_cdnow(); d.make_purchases(9); d.make_retail(9);"
        "print([name for name in ('sklearn', 'numba', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
