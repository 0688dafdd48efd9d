"""RepeatPurchaseRecommender against loops over events that follow the definitions."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.recommend import RepeatPurchaseRecommender
from crmkit.testing import logs, snapshots

DAY = 86_400_000_000

# ------------------------------------------------------------------------------------------ oracle


def ages_of_purchases(X, row, collapse):
    """For each item the ages, in days, of the periods in which a row sees a purchase of it, the oldest first."""
    length = {"D": DAY, "W": 7 * DAY, None: 1}[collapse]
    store = X.log._store
    found = {}
    for event in range(store.pointers[X.codes[row]], store.pointers[X.codes[row] + 1]):
        item = store.item.codes[event]
        is_purchase = len(store.roles) == 0 or store.roles[event] == 1
        if store.time[event] < X.as_of_us[row] and item >= 0 and is_purchase:
            periods = math.ceil((int(X.as_of_us[row]) - int(store.time[event])) / length)
            found.setdefault(X.log.items[item].item(), set()).add(periods * length / DAY)
    return {item: sorted(ages, reverse=True) for item, ages in found.items()}


def days_before(days, halflife):
    """So many days up to as_of, each decayed by its age."""
    return days if halflife is None else (1 - 0.5 ** (days / halflife)) * halflife / math.log(2)


def decayed(ages, halflife):
    return sum(1.0 if halflife is None else 0.5 ** (age / halflife) for age in ages)


def habits(X, collapse, halflife, kappa):
    """For each item: repeats per day since the first purchase, and the mean gap; both shrunk as documented."""
    latest = {}
    for row, customer in enumerate(X.customer_id.tolist()):
        if customer not in latest or X.as_of_us[row] > X.as_of_us[latest[customer]]:
            latest[customer] = row
    repeats, days, gaps, spans = {}, {}, {}, {}
    for row in latest.values():
        for item, ages in ages_of_purchases(X, row, collapse).items():
            repeats[item] = repeats.get(item, 0.0) + decayed(ages[1:], halflife)
            days[item] = days.get(item, 0.0) + days_before(ages[0], halflife)
            gaps[item] = gaps.get(item, 0) + len(ages) - 1
            spans[item] = spans.get(item, 0.0) + ages[0] - ages[-1]
    rate = (sum(repeats.values()) + kappa) / sum(days.values())
    usual = sum(spans.values()) / sum(gaps.values()) if sum(gaps.values()) else 1 / rate
    rates = {item: (repeats[item] + kappa) / (days[item] + kappa / rate) for item in days}
    return rates, {item: (spans[item] + kappa * usual) / (gaps[item] + kappa) for item in days}


def score(ages, rate, gap, *, timing, halflife, kappa):
    if timing is None:
        return decayed(ages, halflife)
    days = ages[0]
    if timing == "due":
        span, since = ages[0] - ages[-1], ages[-1]
        own = (span + kappa * gap) / (len(ages) - 1 + kappa)
        if since < 2 * own:
            days = span + 2 * abs(own - since)
    return (decayed(ages[1:], halflife) + kappa) / (days_before(days, halflife) + kappa / rate)


# ------------------------------------------------------------------------------------------- tests


@settings(max_examples=80)
@given(
    X=snapshots(logs(items=True, kinds=None, min_events=4, max_events=30), horizon=False),
    timing=st.sampled_from([None, "rate", "due"]),
    collapse=st.sampled_from(["D", "W", None]),
    halflife=st.sampled_from([None, 5]),
    kappa=st.sampled_from([0.3, 1.0, 4.0]),
)
def test_scores(X, timing, collapse, halflife, kappa):
    model = RepeatPurchaseRecommender(
        timing=timing, collapse=collapse, halflife=halflife and f"{halflife}D", shrinkage=kappa
    )
    if not any(ages_of_purchases(X, row, collapse) for row in range(len(X))):
        with pytest.raises(ParameterError, match="no row of X has bought"):
            model.fit(X)
        return
    scores = model.fit(X).decision_function(X)
    rates, gaps = habits(X, collapse, halflife, kappa)
    assert model.items_.tolist() == sorted(rates)
    if timing is not None:
        np.testing.assert_allclose(model.rates_, [rates[item] for item in model.items_.tolist()], rtol=1e-9)
    for row in range(len(X)):
        ages = ages_of_purchases(X, row, collapse)
        expected = [
            score(ages[item], rates[item], gaps[item], timing=timing, halflife=halflife, kappa=kappa)
            if item in ages
            else 0.0
            for item in model.items_.tolist()
        ]
        np.testing.assert_allclose(scores[row], expected, rtol=2e-9)


def log_of(purchases, until="2024-12-31"):
    """A log of {(customer, item): days of 2024, counted from 1 January}."""
    rows = [(customer, item, day) for (customer, item), days in purchases.items() for day in days]
    frame = pd.DataFrame(rows, columns=["who", "what", "day"])
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    return EventLog.from_frame(frame, customer="who", time="when", item="what", observed_until=until)


def test_equally_often_means_most_customers_first():
    log = log_of({(1, "a"): [1], (1, "b"): [1], (1, "c"): [1, 2], (2, "b"): [3], (3, "b"): [3], (2, "d"): [1]})
    lists = RepeatPurchaseRecommender().fit(log.snapshot()).recommend(log.snapshot()[:1], n=9)
    assert lists["item"].tolist() == ["c", "b", "a", "d"]
    assert lists["is_fallback"].tolist() == [False, False, False, True]
    np.testing.assert_allclose(lists["score"], [2, 1, 1, 0], rtol=1e-8)


def test_a_day_counts_once_and_what_came_with_it_too():
    frame = pd.DataFrame({"who": 1, "what": ["a", "a", "a", "b", "b"], "when": pd.to_datetime("2024-01-02 09:00")})
    frame.loc[4, "when"] += pd.Timedelta("1h")
    log = EventLog.from_frame(frame, customer="who", time="when", item="what")
    by_day, by_instant = (
        RepeatPurchaseRecommender(collapse=collapse).fit(log.snapshot()).decision_function(log.snapshot())
        for collapse in ("D", None)
    )
    np.testing.assert_allclose(by_day, [[1, 1]], rtol=1e-8)
    np.testing.assert_allclose(by_instant, [[1, 2]], rtol=1e-8)


def test_the_rate_prefers_what_is_bought_now():
    """Two tins in three weeks against three, two years of which are over."""
    log = log_of({(1, "old"): [0, 10, 20], (1, "new"): [340, 350]})
    X = log.snapshot("2024-12-20")
    assert RepeatPurchaseRecommender().fit(X).recommend(X)["item"].tolist() == ["old", "new"]
    assert RepeatPurchaseRecommender(timing="rate").fit(X).recommend(X)["item"].tolist() == ["new", "old"]
    assert RepeatPurchaseRecommender(halflife="60D").fit(X).recommend(X)["item"].tolist() == ["new", "old"]


def test_one_purchase_of_a_good_that_everybody_rebuys_comes_first():
    log = log_of(
        {(1, "milk"): [9], (1, "sofa"): [9], **{(i, "milk"): range(0, 90, 9) for i in range(2, 9)}, (2, "sofa"): [0]}
    )
    X = log.snapshot("2024-04-01")
    model = RepeatPurchaseRecommender(timing="rate").fit(X)
    assert model.recommend(X[:1])["item"].tolist() == ["milk", "sofa"]
    milk, sofa = model.rates_
    assert milk == pytest.approx(63 / (7 * 91 + 82), rel=0.01)
    assert sofa < 0.02


def due_scores(elapsed, timing="due"):
    """Scores of an item that was bought every 20 days, up to so many days before as_of."""
    log = log_of({(1, "a"): [0, 20, 40, 60], (2, "a"): [0, 20, 40, 60]})
    model = RepeatPurchaseRecommender(timing=timing).fit(log.snapshot("2024-03-11"))
    assert timing == "rate" or model.gaps_.tolist() == [20.0]
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(60 + np.array(elapsed), unit="D")
    return np.array([model.decision_function(log.snapshot(when)[:1])[0, 0] for when in day])


def test_an_item_is_due_after_its_usual_gap():
    scores = due_scores([1, 10, 19, 20, 21, 30, 40, 80])
    assert scores.argmax() == 3
    assert (np.diff(scores[:4]) > 0).all()
    assert (np.diff(scores[3:]) < 0).all()
    np.testing.assert_allclose(scores[[1, 2]], scores[[5, 4]], rtol=1e-8)  # as long before as after
    # From twice the gap on nothing but the time since the first purchase counts.
    np.testing.assert_allclose(due_scores([40, 60]), due_scores([40, 60], "rate"), rtol=1e-12)


def simulate(seed):
    """Sixty customers, each with ten goods that run out every 15 to 60 days, give or take a tenth."""
    rng = np.random.default_rng(seed)
    purchases = {}
    for customer in range(60):
        for item in rng.choice(30, 10, replace=False):
            gap = rng.uniform(15, 60)
            gaps = gap * rng.normal(1, 0.1, size=60).clip(0.5, 1.5)
            days = (rng.uniform(0, gap) + np.cumsum(gaps)).astype(int)
            purchases[customer, int(item)] = days[days < 365]
    return log_of(purchases)


def test_where_goods_run_out_one_by_one_due_items_win():
    """As the docstring says it can; Online Retail shows the opposite."""
    log = simulate(0)
    X = log.snapshots(["2024-09-01", "2024-10-01", "2024-11-01"], horizon="5D")
    y = X.future_items()
    found = {
        timing: RepeatPurchaseRecommender(timing=timing).fit(log.snapshot("2024-09-01")).score(X, y)
        for timing in (None, "rate", "due")
    }
    assert found["due"] > found["rate"] + 0.05
    assert found["due"] > found[None] + 0.05


@pytest.mark.parametrize("timing", [None, "rate", "due"])
def test_what_comes_later_changes_nothing(timing):
    log = simulate(1)
    as_of = "2024-06-01"
    cut = log.before(as_of)
    model = RepeatPurchaseRecommender(timing=timing, halflife="90D")
    whole = model.fit(log.snapshot(as_of)).recommend(log.snapshot(as_of))
    pd.testing.assert_frame_equal(whole, model.fit(cut.snapshot(as_of)).recommend(cut.snapshot(as_of)))
    alone = log.without([customer for customer in log.customers.tolist() if customer != 7])
    row = whole[whole["customer_id"] == 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(model.recommend(alone.snapshot(as_of)), row)


@pytest.mark.parametrize("timing", [None, "rate", "due"])
def test_same_bits_for_any_number_of_threads_and_after_a_pickle(timing):
    X = simulate(2).snapshots(pd.date_range("2024-02-01", "2024-11-01", freq="7D"))
    model = RepeatPurchaseRecommender(timing=timing, halflife="200D").fit(X)
    again = pickle.loads(pickle.dumps(model)).set_params(n_jobs=3)
    np.testing.assert_array_equal(model.decision_function(X), again.decision_function(X))
    np.testing.assert_array_equal(model.decision_function(X)[400:413], again.decision_function(X[400:413]))
    refitted = RepeatPurchaseRecommender(timing=timing, halflife="200D", n_jobs=2).fit(X)
    np.testing.assert_array_equal(model.decision_function(X), refitted.decision_function(X))


def test_a_matrix_is_taken_as_it_is():
    X = csr_matrix(np.array([[2.5, 0.0, 1.0, 1.0], [0.0, 0.0, 3.0, 0.0]]))
    model = RepeatPurchaseRecommender().fit(X)
    items, scores = model.recommend(X, n=3)
    assert items.tolist() == [[0, 2, 3], [2, 0, 3]]
    np.testing.assert_allclose(scores, [[2.5, 1, 1], [3, 0, 0]], rtol=1e-8)
    assert RepeatPurchaseRecommender(fallback=None).fit(X).recommend(X, n=2)[0].tolist() == [[0, 2], [2, -1]]
    assert model.recommend(X, n=2, exclude_seen=True)[0].tolist() == [[1, -1], [0, 3]]


@pytest.mark.parametrize("how", [{"timing": "rate"}, {"timing": "due"}, {"halflife": "30D"}])
def test_a_matrix_has_no_times(how):
    name, value = next(iter(how.items()))
    with pytest.raises(ParameterError, match=f"{name}='{value}', but a matrix has no times. Fit on snapshots"):
        RepeatPurchaseRecommender(**how).fit(np.eye(3))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"timing": "interval"}, "timing"), ({"shrinkage": 0}, "shrinkage"), ({"collapse": "order"}, "collapse")],
)
def test_parameters_that_are_refused(wrong, named):
    with pytest.raises(ValueError, match=f"'{named}' parameter of RepeatPurchaseRecommender"):
        RepeatPurchaseRecommender(**wrong).fit(np.eye(3))


def test_a_halflife_that_is_no_duration():
    with pytest.raises(ParameterError, match="halflife"):
        RepeatPurchaseRecommender(halflife=30).fit(log_of({(1, "a"): [1]}).snapshot())


def test_nobody_has_bought_anything_twice():
    log = log_of({(1, "a"): [1], (2, "b"): [5]})
    model = RepeatPurchaseRecommender(timing="due").fit(log.snapshot("2024-01-31"))
    assert np.isfinite(model.rates_).all()
    assert np.isfinite(model.gaps_).all()
    assert model.recommend(log.snapshot("2024-01-31"), n=1)["item"].tolist() == ["a", "b"]


def columns_of(lists, items):
    return np.searchsorted(items, lists["item"].to_numpy().astype(items.dtype)).reshape(-1, 10)


def test_online_retail(online_retail, golden, ndcg):
    X, figures = online_retail.X, golden["online_retail"]
    assert (np.diff(online_retail.test.indptr) > 0).sum() == figures["customers"]["any"]
    for model, seen in ((RepeatPurchaseRecommender(), X), (RepeatPurchaseRecommender(collapse=None), X)):
        found = ndcg(columns_of(model.fit(seen).recommend(seen), online_retail.items), online_retail.test)
        assert found == pytest.approx(figures["any"]["own_frequency"], abs=figures["tolerance"])
    orders = RepeatPurchaseRecommender().fit(online_retail.train).recommend(online_retail.train)[0]
    assert ndcg(orders, online_retail.test) == pytest.approx(figures["any"]["own_frequency"], abs=figures["tolerance"])


def test_what_timing_gives_on_online_retail(online_retail, ndcg):
    """As the docstring says: with ten months of history rates are as good as frequency, due items a little worse."""
    X = online_retail.X
    found = {
        timing: ndcg(
            columns_of(RepeatPurchaseRecommender(timing=timing).fit(X).recommend(X), online_retail.items),
            online_retail.test,
        )
        for timing in ("rate", "due")
    }
    assert found["rate"] == pytest.approx(0.367, abs=0.003)
    assert found["due"] == pytest.approx(0.362, abs=0.003)
