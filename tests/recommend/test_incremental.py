"""partial_fit against one fit on everything, bit for bit."""

from __future__ import annotations

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.base import clone

from crmkit import EventLog
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.recommend import ItemCosineRecommender

START = pd.Timestamp("2024-01-01")

# ---------------------------------------------------------------------------------------- examples


def orders(seed=0, n=120, customers=12, items=10, days=60, text=False):
    """Purchases at full hours, so that some fall on an as_of; new customers and new items come all the time."""
    rng = np.random.default_rng(seed)
    hour = np.sort(rng.integers(0, days * 24, n)) // 6 * 6
    grown = 0.3 + 0.7 * hour / (days * 24)
    frame = pd.DataFrame(
        {
            "who": (rng.random(n) * customers * grown).astype(int) * 3,
            "when": START + pd.to_timedelta(hour, unit="h"),
            # Later items have lower numbers as often as higher ones.
            "what": rng.permutation(items)[(rng.random(n) * items * grown).astype(int)] * 7,
            "paid": rng.integers(-200, 900, n) / 100,  # money that is given back, too
        }
    )
    return frame.assign(who=frame.who.astype(str), what="item " + frame.what.astype(str)) if text else frame


def log_of(frame, **options):
    return EventLog.from_frame(frame, customer="who", time="when", item="what", value="paid", **options)


END = START + pd.Timedelta(days=61)


def nothing_yet(model, X):
    """Whether a first fit would have nothing to learn from."""
    return not hasattr(model, "items_") and X.interactions(model.interaction).nnz == 0


def assert_same_model(found, expected):
    np.testing.assert_array_equal(found.items_, expected.items_)
    np.testing.assert_array_equal(found.popularity_, expected.popularity_)
    assert found.n_rows_used_ == expected.n_rows_used_
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found.similarity_, name), getattr(expected.similarity_, name))


def assert_same_lists(found, expected, X):
    found, expected = found.recommend(X, 5), expected.recommend(X, 5)
    if isinstance(X, csr_matrix):
        for part, there in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part, there)
    else:
        pd.testing.assert_frame_equal(found, expected)


# ------------------------------------------------------------------------------------ any split

DAYS = st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(sorted)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    days=DAYS,
    how=st.sampled_from(
        [
            {},
            {"interaction": "count"},
            {"interaction": "count", "weighting": "bm25", "keep": "source"},
            {"weighting": "idf", "shrinkage": 1.0},
            {"interaction": "value"},
        ]
    ),
    text=st.booleans(),
)
def test_a_log_that_grows(seed, days, how, text):
    """Rows of the whole log, at later and later dates."""
    frame = orders(seed, text=text)
    log = log_of(frame, observed_until=END)
    model = ItemCosineRecommender(4, **how)
    for day in [*days, 61]:
        X = log.snapshot(START + pd.Timedelta(days=day))
        if nothing_yet(model, X):
            continue
        model.partial_fit(X)
        expected = clone(model).fit(X)
        assert_same_model(model, expected)
    assert_same_lists(model, expected, X)
    assert model.fitted_on_ == expected.fitted_on_


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), days=DAYS, interaction=st.sampled_from(["binary", "count", "value"]))
def test_logs_that_hold_the_new_events_alone(seed, days, interaction):
    """Each log knows only the customers and items of its own stretch; most customers are absent from most."""
    frame = orders(seed)
    everything = log_of(frame, observed_until=END)
    model = ItemCosineRecommender(4, interaction=interaction)
    edges = [START, *(START + pd.Timedelta(days=day) for day in days), END]
    part = frame[:0]
    for begin, end in itertools.pairwise(edges):
        part = pd.concat([part, frame[(frame.when >= begin) & (frame.when < end)]])
        if len(part):
            log = log_of(part, observed_until=END)
            # Customers who only gave something back have no purchase in this log.
            X = log.snapshot(end, min_events=0, customers=log.customers)
            if not nothing_yet(model, X):
                model.partial_fit(X)
                part = frame[:0]
    X = everything.snapshot(END, min_events=0, customers=everything.customers)
    expected = clone(model).fit(X)
    assert_same_model(model, expected)
    assert_same_lists(model, expected, X)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), interaction=st.sampled_from(["binary", "count"]))
def test_customers_who_come_at_times_of_their_own(seed, interaction):
    """Every step brings some customers only, each up to an as_of of its own."""
    frame, rng = orders(seed), np.random.default_rng(seed)
    log = log_of(frame, observed_until=END)
    customers = log.customers
    model = ItemCosineRecommender(3, interaction=interaction)
    reached = {}
    for step in range(1, 5):
        some = rng.permutation(customers)[: rng.integers(1, len(customers))]
        hours = rng.integers(15 * 24 * (step - 1), 15 * 24 * step, len(some)) + 1
        keys = pd.DataFrame({"who": some, "on": START + pd.to_timedelta(hours, unit="h")})
        X = log.snapshots_at(keys, customer="who", as_of="on")
        if nothing_yet(model, X):
            continue
        model.partial_fit(X)
        reached.update(zip(keys.who.tolist(), keys.on, strict=True))
    if reached:
        keys = pd.DataFrame({"who": list(reached), "on": list(reached.values())})
        X = log.snapshots_at(keys, customer="who", as_of="on")
        expected = clone(model).fit(X)
        assert_same_model(model, expected)
        assert_same_lists(model, expected, X)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    edges=st.lists(st.integers(1, 29), min_size=1, max_size=4, unique=True).map(sorted),
    interaction=st.sampled_from(["binary", "count", "value"]),
    dtype=st.sampled_from([np.int8, np.int64, np.float32, np.bool_]),
)
def test_rows_of_a_matrix(seed, edges, interaction, dtype):
    rng = np.random.default_rng(seed)
    X = csr_matrix((rng.integers(1, 5, (30, 8)) * (rng.random((30, 8)) < 0.3)).astype(dtype))
    model = ItemCosineRecommender(3, interaction=interaction)
    bounds = [0, *edges, 30]
    for begin, end in itertools.pairwise(bounds):
        part = X[begin:end]
        model.partial_fit(part.toarray() if rng.random() < 0.5 else part)
    expected = clone(model).fit(X)
    assert_same_model(model, expected)
    assert_same_lists(model, expected, X)
    assert model.fitted_on_ is None
    assert model.n_features_in_ == 8


def test_append_and_partial_fit_are_a_loop():
    frame = orders(5)
    days = [frame[frame.when < START + pd.Timedelta(days=40)]]
    days += [
        frame[(frame.when >= START + pd.Timedelta(days=day)) & (frame.when < START + pd.Timedelta(days=day + 1))]
        for day in range(40, 60)
    ]
    log = log_of(days[0], observed_until=START + pd.Timedelta(days=40))
    model = ItemCosineRecommender(interaction="count").fit(log.snapshot())
    for number, day in enumerate(days[1:], start=41):
        log = log.append(day, observed_until=START + pd.Timedelta(days=number))
        came = np.unique(day.who)
        if len(came):
            model.partial_fit(log.snapshot(customers=came))
    assert_same_model(model, ItemCosineRecommender(interaction="count").fit(log.snapshot()))


def test_polars():
    frame = pl.from_pandas(orders(6, text=True))
    log = EventLog.from_frame(frame, customer="who", time="when", item="what", value="paid", observed_until=END)
    model = ItemCosineRecommender()
    for day in (20, 40, 61):
        X = log.snapshot(START + pd.Timedelta(days=day))
        model.partial_fit(X)
    assert_same_model(model, ItemCosineRecommender().fit(X))
    assert isinstance(model.recommend(X), pl.DataFrame)


def test_pickles_between():
    frame = orders(7)
    log = log_of(frame, observed_until=END)
    model = ItemCosineRecommender(interaction="count")
    for day in (10, 30, 61):
        X = log.snapshot(START + pd.Timedelta(days=day))
        model = pickle.loads(pickle.dumps(model.partial_fit(X)))
    assert_same_model(model, ItemCosineRecommender(interaction="count").fit(X))
    assert_same_lists(model, ItemCosineRecommender(interaction="count").fit(X), X)
    rows = csr_matrix(np.eye(4))
    again = pickle.loads(pickle.dumps(ItemCosineRecommender().fit(rows))).partial_fit(rows)
    assert again.n_rows_used_ == 8


def test_a_model_does_not_hold_on_to_the_log():
    log = log_of(orders(8), observed_until=END)
    model = ItemCosineRecommender().partial_fit(log.snapshot(END))
    assert len(pickle.dumps(model)) < 20_000


def test_the_same_bits_for_any_number_of_threads():
    log = log_of(orders(9, n=500, customers=60), observed_until=END)
    days = [log.snapshot(START + pd.Timedelta(days=day)) for day in (20, 61)]
    models = [ItemCosineRecommender(5, n_jobs=n_jobs).partial_fit(days[0]).partial_fit(days[1]) for n_jobs in (1, 2, 3)]
    for model in models[1:]:
        assert_same_model(model, models[0])


# ----------------------------------------------------------------------------- instants and customers


def small(rows):
    frame = pd.DataFrame(rows, columns=["who", "when", "what", "paid"])
    return EventLog.from_frame(
        frame.assign(when=pd.to_datetime(frame.when)), customer="who", time="when", item="what", value="paid",
        observed_until="2024-12-31",
    )  # fmt: skip


def test_an_event_at_as_of_belongs_to_the_next_step():
    log = small([(1, "2024-01-01", "a", 1.0), (1, "2024-01-02", "b", 1.0), (1, "2024-01-03", "c", 1.0)])
    model = ItemCosineRecommender(interaction="count")
    for date, items in (("2024-01-02", "a"), ("2024-01-03", "ab"), ("2024-01-04", "abc")):
        model.partial_fit(log.snapshot(date))
        assert model.items_.tolist() == list(items)
        assert model.popularity_.tolist() == [1] * len(items)


def test_late_events_of_a_known_stretch_do_not_join():
    """What the log learns afterwards about days before a customer's as_of is not new to the model."""
    first = small([(1, "2024-01-01", "a", 1.0), (1, "2024-01-05", "b", 1.0)])
    model = ItemCosineRecommender().fit(first.snapshot("2024-01-10"))
    late = first.append(
        pd.DataFrame(
            {"who": [1, 1], "when": pd.to_datetime(["2024-01-06", "2024-01-12"]), "what": ["c", "d"], "paid": 1.0}
        )
    )
    with pytest.warns(CrmkitWarning, match="other events before their last as_of .* 1 of 1 customers: .*call fit"):
        model.partial_fit(late.snapshot("2024-01-20"))
    assert model.items_.tolist() == ["a", "b", "d"]


def test_a_past_that_is_what_was_learnt_gives_no_warning():
    log = log_of(orders(13), observed_until=END)
    model = ItemCosineRecommender()
    with warnings.catch_warnings():
        warnings.simplefilter("error", CrmkitWarning)
        for day in (10, 20, 30):
            model.partial_fit(log.snapshot(START + pd.Timedelta(days=day), min_events=0, customers=log.customers))
        days = log.to_frame().assign(when=lambda table: pd.to_datetime(table["when"]))
        new = log_of(days[days["when"] >= START + pd.Timedelta(days=30)], observed_until=END)
        model.partial_fit(new.snapshot(END))
        assert model.n_rows_used_ == log.n_customers
    taken_out = log_of(orders(13).iloc[:-1], observed_until=END + pd.Timedelta(days=1))
    with pytest.warns(CrmkitWarning, match="taken out"):
        model.partial_fit(taken_out.snapshot())


def test_rows_of_several_dates_count_once():
    log = log_of(orders(10), observed_until=END)
    dates = [START + pd.Timedelta(days=day) for day in (20, 30, 40)]
    model = ItemCosineRecommender(interaction="count").partial_fit(log.snapshots(dates[:2]))
    model.partial_fit(log.snapshots([dates[2]]))
    assert_same_model(model, ItemCosineRecommender(interaction="count").fit(log.snapshot(dates[2])))


def test_new_customers_may_come_with_an_earlier_date():
    log = small([(1, "2024-02-01", "a", 1.0), (1, "2024-02-02", "b", 1.0), (2, "2024-01-01", "a", 1.0)])
    model = ItemCosineRecommender().fit(log.snapshot("2024-03-01", customers=[1]))
    model.partial_fit(log.snapshot("2024-01-15", customers=[2]))
    assert model.n_rows_used_ == 2
    assert model.popularity_.tolist() == [2, 1]
    assert model.fitted_on_[1] == (np.datetime64("2024-01-15"), np.datetime64("2024-03-01"))


def test_customers_who_have_bought_nothing_new():
    log = log_of(orders(11), observed_until=END + pd.Timedelta(days=9))
    model = ItemCosineRecommender(interaction="count").fit(log.snapshot(END))
    before = clone(model).fit(log.snapshot(END))
    model.partial_fit(log.snapshot(END + pd.Timedelta(days=1)))
    assert_same_model(model, before)
    with pytest.raises(ParameterError, match="overlaps"):
        model.partial_fit(log.snapshot(END + pd.Timedelta(days=1)))


def test_a_log_with_a_zone():
    """Days of 23 and of 25 hours: an as_of in the hour that comes twice, or not at all, is a wall-clock time."""
    hours = pd.date_range("2024-03-30 20:00", "2024-04-01 20:00", freq="1h", tz="UTC")
    hours = hours.append(pd.date_range("2024-10-26 20:00", "2024-10-28 20:00", freq="1h", tz="UTC"))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"who": rng.integers(0, 5, len(hours)), "when": hours, "what": rng.integers(0, 6, len(hours))})
    log = EventLog.from_frame(frame, customer="who", time="when", item="what", tz="Europe/Berlin")
    model = ItemCosineRecommender(interaction="count")
    for date in ("2024-03-31 02:00", "2024-03-31 03:30", "2024-10-27 02:30", "2024-10-27 03:00", "2024-10-28 12:00"):
        X = log.snapshots_at(
            {"who": log.customers, "on": np.repeat(np.datetime64(date, "us"), 5)}, customer="who", as_of="on"
        )
        model.partial_fit(X)
        assert_same_model(model, clone(model).fit(X))


def test_no_rows_change_nothing():
    log = log_of(orders(11), observed_until=END)
    X = log.snapshot(END)
    model = ItemCosineRecommender().fit(X)
    expected = model.recommend(X)
    pd.testing.assert_frame_equal(model.partial_fit(X[:0]).recommend(X), expected)


# ------------------------------------------------------------------------------------- money, decay


def test_refunds_of_what_was_bought_before():
    log = small(
        [
            (1, "2024-01-01", "a", 0.1),
            (1, "2024-01-01", "b", 5.0),
            (1, "2024-01-03", "a", 0.2),
            (1, "2024-01-05", "a", -0.3),
            (2, "2024-01-05", "b", 2.5),
            (2, "2024-01-05", "c", 2.5),
            (2, "2024-01-07", "b", -1.1),
        ]
    )
    model = ItemCosineRecommender(interaction="value")
    for date, items in (("2024-01-02", "ab"), ("2024-01-04", "ab"), ("2024-01-06", "bc"), ("2024-01-08", "bc")):
        model.partial_fit(log.snapshot(date))
        assert model.items_.tolist() == list(items)
        assert_same_model(model, clone(model).fit(log.snapshot(date)))


def test_counts_know_no_refunds():
    log = small([(1, "2024-01-01", "a", 5.0), (1, "2024-01-01", "b", 5.0), (1, "2024-01-03", "a", -5.0)])
    for interaction in ("count", "binary"):
        model = ItemCosineRecommender(interaction=interaction)
        for date in ("2024-01-02", "2024-01-04"):
            model.partial_fit(log.snapshot(date))
            assert_same_model(model, clone(model).fit(log.snapshot(date)))
            assert model.items_.tolist() == ["a", "b"]


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    days=DAYS,
    interaction=st.sampled_from(["binary", "count", "value"]),
    halflife=st.sampled_from(["5D", "90D", "4h", "1h"]),
)
def test_halflife(seed, days, interaction, halflife):
    log = log_of(orders(seed), observed_until=END)
    model = ItemCosineRecommender(20, interaction=interaction, halflife=halflife, weighting="idf")
    for day in [*days, 61]:
        X = log.snapshot(START + pd.Timedelta(days=day))
        if not nothing_yet(model, X):
            model.partial_fit(X)
    expected = clone(model).fit(X)
    np.testing.assert_array_equal(model.items_, expected.items_)
    np.testing.assert_array_equal(model.popularity_, expected.popularity_)
    if halflife != "1h":  # then some interactions have faded to the least that is remembered of any
        found, there = model.similarity_.toarray(), expected.similarity_.toarray()
        np.testing.assert_allclose(found, there, rtol=1e-9, atol=1e-12)


def test_halflife_of_a_customer_who_stays_away():
    """What is remembered of customer 1 is as of its own last row: two half-lives old then, still two now."""
    log = small(
        [
            (1, "2024-01-01", "a", 1.0),
            (1, "2024-01-21", "b", 1.0),
            (2, "2024-01-25", "a", 1.0),
            (2, "2024-02-01", "b", 1.0),
        ]
    )
    model = ItemCosineRecommender(halflife="10D").fit(log.snapshot("2024-01-21", customers=[1]))
    model.partial_fit(log.snapshot("2024-02-01", customers=[2]))
    model.partial_fit(log.snapshot("2024-02-11", customers=[2]))
    keys = pd.DataFrame({"who": [1, 2], "on": pd.to_datetime(["2024-01-21", "2024-02-11"])})
    expected = clone(model).fit(log.snapshots_at(keys, customer="who", as_of="on"))
    np.testing.assert_allclose(model.similarity_.toarray(), expected.similarity_.toarray(), rtol=1e-12)


# ------------------------------------------------------------------------------------- what is refused


@pytest.fixture(scope="module")
def log():
    return log_of(orders(12), observed_until=END)


@pytest.fixture
def fitted(log):
    return ItemCosineRecommender(3).fit(log.snapshot(START + pd.Timedelta(days=30)))


def state_of(model):
    return pickle.dumps(vars(model))


@pytest.mark.parametrize("day", [30, 20, 1])
def test_overlaps_and_steps_back_are_refused(log, fitted, day):
    before = state_of(fitted)
    X = log.snapshot(START + pd.Timedelta(days=day), min_events=0, customers=log.customers)
    known = len(log.snapshot(START + pd.Timedelta(days=30)))
    with pytest.raises(ParameterError, match=f"X overlaps .* {known} of {len(X)} customers .*later as_of, or call fit"):
        fitted.partial_fit(X)
    assert state_of(fitted) == before


def test_one_customer_who_steps_back_is_enough(log, fitted):
    before = state_of(fitted)
    who = log.snapshot(START + pd.Timedelta(days=30)).customer_id[:2]
    keys = pd.DataFrame({"who": who, "on": [START + pd.Timedelta(days=31), START + pd.Timedelta(days=30)]})
    with pytest.raises(ParameterError, match="X overlaps .* 1 of 2 customers .* 2024-01-31"):
        fitted.partial_fit(log.snapshots_at(keys, customer="who", as_of="on"))
    assert state_of(fitted) == before


@pytest.mark.parametrize("changed", [{"interaction": "count"}, {"halflife": "30D"}])
def test_a_changed_interaction_is_refused(log, fitted, changed):
    fitted.set_params(**changed)
    before = state_of(fitted)
    with pytest.raises(
        ParameterError, match=f"interaction or halflife .* changed .*{next(iter(changed.values()))}.*fit"
    ):
        fitted.partial_fit(log.snapshot(END))
    assert state_of(fitted) == before
    fitted.fit(log.snapshot(START + pd.Timedelta(days=30))).partial_fit(log.snapshot(END))


def test_other_parameters_may_change(log, fitted):
    fitted.set_params(n_neighbors=2, weighting="idf", keep="source")
    X = log.snapshot(END)
    assert_same_model(fitted.partial_fit(X), ItemCosineRecommender(2, weighting="idf", keep="source").fit(X))


def test_what_fails_while_learning_leaves_the_model_as_it_was():
    log = small([(1, "2024-01-01", "a", 1.0), (1, "2024-01-01", "b", 1.0), (2, "2024-01-03", "a", -2.0)])
    model = ItemCosineRecommender(interaction="value", weighting="bm25").fit(log.snapshot("2024-01-02"))
    before = state_of(model)
    X = log.snapshot("2024-01-04", min_events=0, customers=[1, 2])
    with pytest.raises(ParameterError, match="negative"):
        model.partial_fit(X)
    assert state_of(model) == before
    model.set_params(weighting=None).partial_fit(X)
    assert model.n_rows_used_ == 2


@pytest.mark.parametrize("sort", ["who", "what"])
def test_ids_of_another_sort_are_refused(log, fitted, sort):
    before = state_of(fitted)
    frame = orders(12)
    text = log_of(frame.assign(**{sort: frame[sort].astype(str)}), observed_until=END)
    with pytest.raises(ParameterError, match="text.*whole numbers"):
        fitted.partial_fit(text.snapshot(END))
    assert state_of(fitted) == before


def test_matrices_that_are_refused():
    X = np.eye(5)
    model = ItemCosineRecommender().fit(X)
    before = state_of(model)
    for bad, message in ((np.eye(4), "4 features"), (np.full((1, 5), np.nan), "NaN"), (np.zeros((0, 5)), "0 sample")):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad)
    assert state_of(model) == before
    with pytest.raises(ParameterError, match="halflife='3D', but a matrix has no times"):
        ItemCosineRecommender(halflife="3D").partial_fit(X)


@pytest.mark.parametrize("interaction", ["binary", "count"])
def test_a_first_partial_fit_is_a_fit(log, interaction):
    X = log.snapshot(END)
    model = ItemCosineRecommender(interaction=interaction)
    assert model.partial_fit(X) is model
    assert_same_model(model, clone(model).fit(X))
    rows = coo_matrix(np.eye(4))
    assert_same_model(clone(model).partial_fit(rows), clone(model).fit(rows))


def test_fit_forgets(log, fitted):
    X = log.snapshot(START + pd.Timedelta(days=15))
    assert_same_model(fitted.fit(X), ItemCosineRecommender(3).fit(X))
    fitted.partial_fit(log.snapshot(START + pd.Timedelta(days=20)))
    fitted.fit(np.eye(3)).partial_fit(np.eye(3))
    assert fitted.n_rows_used_ == 6
    assert fitted.fitted_on_ is None
