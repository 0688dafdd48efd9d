"""Loyalty of customers: each part by hand, what is missing, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.satisfaction import LoyaltyScorer
from crmkit.testing._sample import sample_snapshots

BOUGHT = {"recency": 1, "frequency": 1, "monetary_value": 1, "tenure": 1}
WORDS = {"bad": 1, "fair": 2, "good": 3}


@pytest.fixture(scope="module")
def cdnow():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


def small_shop(backend=pd.DataFrame, **attributes):
    """Four customers: a bought three times, b and c once, d never."""
    table = {
        "who": ["a", "a", "a", "b", "c"],
        "when": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-02-01", "2024-03-01"],
        "paid": [10.0, 20.0, 30.0, 60.0, 5.0],
        "score": [2.0, None, 5.0, None, 3.0],
        "said": [None, "good", None, "bad", None],
    }
    log = EventLog.from_frame(
        backend(table),
        customer="who",
        time="when",
        value="paid",
        columns=["score", "said"],
        observed_until="2025-01-01",
    )
    if attributes:
        log = log.with_attributes(backend({"who": list("abcd"), **attributes}), customer="who")
    return log.snapshots_at(backend({"who": list("abcd"), "at": ["2024-03-02"] * 4}), customer="who", as_of="at")


def percentile(value, among):
    return 100 * np.mean([(other < value) + (other == value) / 2 for other in among])


def by_hand(X, weights):
    """Parts of purchases and loyalty of each row, from the frame of the log."""
    events = X.log.to_frame()
    rows = []
    for who, as_of in zip(X.customer_id, X.as_of, strict=True):
        own = events[(events["customer_id"] == who) & (events["date"] < as_of)]
        days = [(pd.Timestamp(as_of) - date.normalize()).days for date in own["date"]]
        rows.append((-min(days), len(set(days)), own["value"].sum().round(2), max(days)))
    table = pd.DataFrame(rows, columns=list(BOUGHT))
    scores = pd.DataFrame({name: [percentile(v, table[name]) for v in table[name]] for name in weights})
    scores["loyalty"] = sum(scores[name] * weight for name, weight in weights.items()) / sum(weights.values())
    return scores


def test_parts_by_hand(cdnow):
    X = cdnow.snapshot("1998-01-01")[:60]
    weights = {"tenure": 0.5, "recency": 2, "frequency": 1, "monetary_value": 3.5}
    found = LoyaltyScorer(weights).fit_transform(X)
    assert found.columns.tolist() == ["recency", "frequency", "monetary_value", "tenure", "loyalty"]
    expected = by_hand(X, weights)[found.columns]
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-12)
    assert found.mean().to_numpy() == pytest.approx(np.full(5, 50.0))


def test_percentiles_of_fit_are_kept(cdnow):
    early, late = cdnow.snapshot("1997-07-01"), cdnow.snapshot("1998-07-01")
    scorer = LoyaltyScorer({"frequency": 1, "tenure": 1}).fit(early)
    seen = scorer.transform(late)
    assert seen["tenure"].min() == 100.0  # nobody came in after March 1997
    assert seen["frequency"].mean() > scorer.transform(early)["frequency"].mean()
    values, shares = scorer.percentiles_["frequency"]
    assert len(shares) == len(values) + 1
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    # Between two values seen: the share of those below.
    between = EventLog.from_frame(
        pd.DataFrame({"who": [1] * 30, "when": pd.date_range("1997-01-01", periods=30), "paid": 1.0}),
        customer="who",
        time="when",
        value="paid",
        observed_until="1998-01-01",
    ).snapshot("1997-07-01")
    assert 30.0 not in values
    assert scorer.transform(between)["frequency"].item() == pytest.approx(100 * shares[np.searchsorted(values, 30.0)])


@given(st.lists(st.floats(0.0, 100.0), min_size=6, max_size=6).filter(lambda found: sum(found) > 0.01))
def test_only_ratios_of_weights_count(values):
    X = sample_snapshots()[:40]
    columns = {"satisfaction": "score", "scale": (0, 10), "referral": "signup_day"}
    names = [*BOUGHT, "satisfaction", "referral"]
    weights = dict(zip(names, values, strict=True))
    scorer = LoyaltyScorer(weights, **columns).fit(X)
    found = scorer.transform(X)
    parts = found[names].to_numpy()
    assert np.nanmin(parts) >= 0.0
    assert np.nanmax(parts) <= 100.0
    assert sum(scorer.weights_.values()) == pytest.approx(1.0)
    weight = np.where(np.isnan(parts), 0.0, np.array(values))
    with np.errstate(invalid="ignore"):
        expected = (weight * np.nan_to_num(parts)).sum(axis=1) / weight.sum(axis=1)
    np.testing.assert_allclose(found["loyalty"], expected, rtol=1e-9)
    other = LoyaltyScorer({name: 3 * value for name, value in weights.items()}, **columns).fit_transform(X)
    np.testing.assert_allclose(other["loyalty"], found["loyalty"], rtol=1e-9)


# -- satisfaction and referral -----------------------------------------------------------------


@pytest.mark.parametrize("backend", [pd.DataFrame, pl.DataFrame])
def test_latest_answer_of_a_log_counts(backend):
    X = small_shop(backend)
    found = LoyaltyScorer({"satisfaction": 1}, satisfaction="score", scale=(1, 5)).fit_transform(X)
    assert isinstance(found, backend)
    np.testing.assert_array_equal(found["satisfaction"].to_numpy(), [100.0, np.nan, 50.0, np.nan])
    np.testing.assert_array_equal(found["loyalty"].to_numpy(), [100.0, np.nan, 50.0, np.nan])
    said = LoyaltyScorer({"satisfaction": 1}, satisfaction="said", scale=WORDS).fit_transform(X)
    np.testing.assert_array_equal(said["satisfaction"].to_numpy(), [100.0, 0.0, np.nan, np.nan])


def test_answers_after_as_of_are_not_seen():
    X = small_shop()
    before = X.log.snapshot("2024-03-01", customers=["a"])  # the 5 comes on that day
    scorer = LoyaltyScorer({"satisfaction": 1}, satisfaction="score", scale=(1, 5)).fit(X)
    assert scorer.transform(before)["satisfaction"].tolist() == [25.0]


def test_attributes_count_before_columns_of_the_log():
    X = small_shop(score=[4, 3, 99, None], friends=[0, 2, 0, 1])
    scorer = LoyaltyScorer(
        {"satisfaction": 3, "referral": 1}, satisfaction="score", scale=(1, 5), not_applicable=[99], referral="friends"
    )
    found = scorer.fit_transform(X)
    np.testing.assert_array_equal(found["satisfaction"], [75.0, 50.0, np.nan, np.nan])
    np.testing.assert_array_equal(found["referral"], [25.0, 87.5, 25.0, 62.5])
    np.testing.assert_array_equal(found["loyalty"], [62.5, 59.375, 25.0, 62.5])


def test_flags_of_referral():
    X = small_shop(brought=[True, False, False, False])
    found = LoyaltyScorer({"referral": 1}, referral="brought").fit_transform(X)
    assert found["referral"].tolist() == [87.5, 37.5, 37.5, 37.5]


def test_customers_who_never_bought():
    found = LoyaltyScorer(BOUGHT).fit_transform(small_shop())
    assert found.iloc[3][["recency", "tenure"]].isna().all()
    assert found.iloc[3]["loyalty"] == found.iloc[3][["frequency", "monetary_value"]].mean() == 12.5
    # The times are compared with those of the three who bought.
    assert found["recency"].tolist()[:3] == pytest.approx([200 / 3, 100 / 6, 200 / 3])


def test_part_of_weight_zero_is_shown():
    found = LoyaltyScorer({"frequency": 1, "monetary_value": 0}).fit_transform(small_shop())
    assert found["loyalty"].equals(found["frequency"].rename("loyalty"))
    assert found["monetary_value"].tolist() == [75.0, 75.0, 37.5, 12.5]


def test_log_without_money_has_the_other_parts():
    log = EventLog.from_frame(
        {"who": ["a", "b", "b"], "when": ["2024-01-01"] * 2 + ["2024-01-05"]}, customer="who", time="when"
    )
    found = LoyaltyScorer({"recency": 1, "frequency": 1}).fit_transform(log.snapshot())
    assert found["loyalty"].tolist() == [25.0, 75.0]
    with pytest.raises(ParameterError, match="weight for monetary_value, and the log no money. Name value="):
        LoyaltyScorer({"monetary_value": 1}).fit(log.snapshot())


def test_scale_that_nobody_uses_is_warned_of():
    log = EventLog.from_frame(
        {"who": list(range(20)), "when": ["2024-01-01"] * 20, "score": [1.0, 2.0, 3.0, 4.0] * 5},
        customer="who",
        time="when",
        columns=["score"],
    )
    with pytest.warns(CrmkitWarning, match="scale of 0 to 10"):
        LoyaltyScorer({"satisfaction": 1}, satisfaction="score", scale=(0, 10)).fit(log.snapshot())


# -- as an estimator ---------------------------------------------------------------------------


def test_names_and_containers(cdnow):
    scorer = LoyaltyScorer({"tenure": 1, "recency": 1})
    assert scorer.get_feature_names_out().tolist() == ["recency", "tenure", "loyalty"]
    X = cdnow.snapshot("1997-10-01")[:50]
    assert isinstance(clone(scorer).set_output(transform="polars").fit_transform(X), pl.DataFrame)
    frame = clone(scorer).set_output(transform="pandas").fit_transform(X)
    assert frame.index.names == ["customer_id", "as_of"]
    assert make_pipeline(scorer, StandardScaler()).fit_transform(X).shape == (50, 3)
    assert scorer.fitted_on_[0] == X.log.fingerprint


def test_failing_fit_changes_nothing(cdnow):
    scorer = LoyaltyScorer({"recency": 1}).fit(cdnow.snapshot("1997-10-01"))
    before = scorer.transform(cdnow.snapshot("1997-10-01"))
    scorer.set_params(weights={"satisfaction": 1}, satisfaction="nothing", scale=(1, 5))
    with pytest.raises(ColumnNotFoundError):
        scorer.fit(cdnow.snapshot("1997-10-01"))
    scorer.set_params(weights={"recency": 1}, satisfaction=None, scale=None)
    pd.testing.assert_frame_equal(scorer.transform(cdnow.snapshot("1997-10-01")), before)


@pytest.mark.parametrize(
    ("code", "cells"), [(99, [5.0, 99.0, None]), ("99", ["5", "99", None]), ("?", ["5", "?", None])]
)
@pytest.mark.parametrize("backend", [pd.DataFrame, pl.DataFrame])
def test_a_code_of_no_answer_hides_no_answer(backend, code, cells):
    table = {"who": ["a"] * 3, "when": ["2024-01-01", "2024-01-02", "2024-01-03"], "stars": cells}
    log = EventLog.from_frame(
        backend(table), customer="who", time="when", columns=["stars"], observed_until="2024-03-01"
    )
    scale = (1, 5) if code == 99 else {str(j): j for j in range(1, 6)}
    scorer = LoyaltyScorer({"satisfaction": 1}, satisfaction="stars", scale=scale, not_applicable=[code])
    assert scorer.fit_transform(log.snapshot("2024-02-01"))["loyalty"].to_list() == [100]


@pytest.mark.filterwarnings("error")
def test_unit_of_weights_is_free():
    X = small_shop()
    plain = LoyaltyScorer({"recency": 1, "tenure": 2}).fit_transform(X)
    for unit in (5e-324, 8e307):
        pd.testing.assert_frame_equal(LoyaltyScorer({"recency": unit, "tenure": 2 * unit}).fit_transform(X), plain)


def test_unhappy_customers_are_doubted_in_fit_alone():
    """A scale that is right for those of `fit` is right for others."""
    table = {"who": range(12), "when": ["2024-01-01"] * 12, "score": [1, 2] * 6}
    log = EventLog.from_frame(
        pd.DataFrame(table), customer="who", time="when", columns=["score"], observed_until="2024-03-01"
    )
    scorer = LoyaltyScorer({"satisfaction": 1}, satisfaction="score", scale=(1, 5))
    with pytest.warns(CrmkitWarning, match="Is the scale right"):
        scorer.fit(log.snapshot("2024-02-01"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scorer.transform(log.snapshot("2024-02-01"))["loyalty"].tolist() == [0, 25] * 6


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "options", "match"),
    [
        ({}, {}, "'weights' parameter of LoyaltyScorer must be a mapping of some of recency, frequency"),
        ({"money": 1}, {}, "mapping of some of recency, frequency, monetary_value"),
        ({"recency": -1}, {}, r"weights\['recency'\]"),
        ({"recency": "much"}, {}, r"weights\['recency'\]"),
        ({"recency": 0, "tenure": 0}, {}, "numbers of which one at least is above 0"),
        ([1, 2], {}, "weights"),
        ({"satisfaction": 1}, {"scale": (1, 5)}, "needs both satisfaction=, the name of a column, and its weight"),
        ({"recency": 1}, {"referral": "friends"}, "needs both referral=, the name of a column, and its weight"),
        ({"satisfaction": 1}, {"satisfaction": "score"}, "'scale' parameter of LoyaltyScorer must be the scale"),
        ({"satisfaction": 1}, {"satisfaction": "score", "scale": (1, 4)}, r"LoyaltyScorer\('score'\) .* off the scale"),
        ({"satisfaction": 1}, {"satisfaction": "said", "scale": (1, 4)}, r"LoyaltyScorer\('said'\) holds text"),
        ({"referral": 1}, {"referral": "city"}, "code the text of referral='city' as 0 and 1"),
        ({"recency": 1}, {"collapse": "M"}, "'collapse' parameter"),
    ],
)
def test_errors_say_what_is_wrong(weights, options, match):
    X = small_shop(city=["Rome", "Oslo", "Rome", "Bern"])
    with pytest.raises(ValueError, match=match):
        LoyaltyScorer(weights, **options).fit(X)


def test_other_errors(cdnow):
    X = small_shop(friends=[1, 2, 3, 4])
    with pytest.raises(
        ColumnNotFoundError, match="referral='friend': the frame has no such column. Did you mean 'friends'"
    ):
        LoyaltyScorer({"referral": 1}, referral="friend").fit(X)
    with pytest.raises(ColumnNotFoundError, match="satisfaction='scores'"):
        LoyaltyScorer({"satisfaction": 1}, satisfaction="scores", scale=(1, 5)).fit(X)
    with pytest.raises(ParameterError, match="learns from the 1 rows of X, and none has recency"):
        LoyaltyScorer({"recency": 1}).fit(X[[3]])
    with pytest.raises(ParameterError, match="none has frequency"):
        LoyaltyScorer({"frequency": 1}).fit(X[:0])
    for wrong in (cdnow, np.ones((3, 2)), None):
        with pytest.raises(ParameterError, match="LoyaltyScorer takes Snapshots, rows of an event log"):
            LoyaltyScorer({"recency": 1}).fit(wrong)
