"""TemporalSplit and temporal_train_test_split: theory by property, and a naive re-implementation."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from crmkit import EventLog
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.model_selection import TemporalSplit, temporal_train_test_split

DAY = 86_400_000_000
START = np.datetime64("2023-01-01", "us")


def make_log():
    """Fifteen customers with text ids, one event each month."""
    who = [f"customer {number}" for number in range(15) for _ in range(20)]
    when = [START + np.timedelta64(30 * month + number, "D") for number in range(15) for month in range(20)]
    frame = pd.DataFrame({"who": who, "when": when})
    return EventLog.from_frame(frame, customer="who", time="when", observed_until="2025-01-01")


LOG = make_log()


# ------------------------------------------------------------------------------- naive oracles


def naive_hash(customer, seed):
    """splitmix64 over the letters, in Python's whole numbers."""

    def mix(value):
        value = (value + 0x9E3779B97F4A7C15) % 2**64
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
        return value ^ (value >> 31)

    value = mix(seed)
    for part in [customer % 2**64] if isinstance(customer, int) else map(ord, customer):
        value = mix(value ^ part)
    return value


def naive_folds(X, splitter):
    """Row by row, with sets and Python integers."""
    rows = [(str(who), int(day)) for who, day in zip(X.customer_id, X.as_of_us, strict=True)]
    days = sorted({day for _, day in rows})
    length = None if X.window.horizon is None else X.window.gap + X.window.horizon
    blocks = []
    for back in range(splitter.n_splits):
        if splitter.test_span is None:
            blocks.insert(0, [days[-1 - back]])
        else:
            span = int(Fraction(splitter.test_span[:-1]) * DAY)
            high = days[-1] - back * span
            blocks.insert(0, [day for day in days if high - span < day <= high])
    groups = {who: naive_hash(who, splitter.random_state or 0) % splitter.n_customer_groups for who, _ in rows}
    present = sorted(set(groups.values()))
    for number, block in enumerate(blocks):
        split = min(block)
        train, test, purged = [], [], []
        for row, (who, day) in enumerate(rows):
            held_out = splitter.customers == "disjoint" and groups[who] == present[number % len(present)]
            testable = splitter.customers == "overlap" or held_out
            if day in block and testable:
                test.append(row)
            recent = splitter.max_train_span is None or day >= split - int(splitter.max_train_span[:-1]) * DAY
            if day < split and recent and not held_out:
                known = splitter.purge is None or day + length <= split
                (train if known else purged).append(row)
        yield split, train, test, purged


# ---------------------------------------------------------------------------------- properties


@st.composite
def rows(draw, horizon=True):
    days = draw(st.lists(st.integers(0, 500), min_size=4, max_size=14, unique=True))
    window = {}
    if horizon:
        window = {"horizon": f"{draw(st.integers(1, 60))}D", "gap": f"{draw(st.integers(0, 20))}D"}
    X = LOG.snapshots([START + np.timedelta64(30 + day, "D") for day in days], **window)
    # In any order, and not every customer at every date.
    kept = draw(st.permutations(range(len(X))))[: draw(st.integers(len(X) // 2, len(X)))]
    return X[np.array(kept)]


splitters = st.builds(
    TemporalSplit,
    st.integers(1, 4),
    test_span=st.one_of(st.none(), st.integers(1, 120).map("{}D".format)),
    max_train_span=st.one_of(st.none(), st.integers(60, 400).map("{}D".format)),
    purge=st.sampled_from(["label", None]),
    customers=st.sampled_from(["overlap", "disjoint"]),
    n_customer_groups=st.integers(2, 5),
    random_state=st.one_of(st.none(), st.integers(0, 3)),
)


@given(rows(), splitters)
def test_folds_are_those_of_the_naive_rule(X, splitter):
    try:
        folds = splitter.folds(X)
    except ParameterError:
        # The naive rule must find it empty too.
        days = len(np.unique(X.as_of_us))
        naive = [] if splitter.test_span is None and days <= splitter.n_splits else None
        if naive is None:
            try:
                naive = list(naive_folds(X, splitter))
            except ValueError:  # a block without as_ofs
                return
        assert not naive or any(not train or not test for _, train, test, _ in naive)
        return
    naive = list(naive_folds(X, splitter))
    assert len(folds) == len(naive) == splitter.get_n_splits()
    for fold, (split, train, test, purged) in zip(folds, naive, strict=True):
        assert fold.split_time == np.datetime64(split, "us")
        assert (fold.train.tolist(), fold.test.tolist(), fold.purged.tolist()) == (train, test, purged)


@given(rows(), splitters)
def test_nothing_is_learnt_that_was_not_known(X, splitter):
    try:
        folds = splitter.folds(X)
    except ParameterError:
        assume(False)
    begins, ends = X.as_of + X.gap, X.as_of + X.gap + X.horizon
    for fold in folds:
        assert X.as_of[fold.train].max() < fold.split_time <= X.as_of[fold.test].min()
        assert X.as_of[fold.test].max() <= fold.last_time
        if splitter.purge == "label":
            assert ends[fold.train].max() <= fold.split_time
            assert ends[fold.train].max() <= begins[fold.test].min()
            assert not len(fold.purged) or ends[fold.purged].min() > fold.split_time
        if splitter.customers == "disjoint":
            assert set(X.customer_id[fold.train]).isdisjoint(X.customer_id[fold.test])
        together = np.concatenate([fold.train, fold.test, fold.purged])
        assert len(np.unique(together)) == len(together)
    tested = np.concatenate([fold.test for fold in folds])
    assert len(np.unique(tested)) == len(tested)
    assert [fold.split_time for fold in folds] == sorted({fold.split_time for fold in folds})


@given(rows(), splitters, st.randoms())
def test_the_order_of_rows_changes_nothing_and_two_splits_are_equal(X, splitter, random):
    order = np.array(random.sample(range(len(X)), len(X)))
    try:
        folds = splitter.folds(X)
    except ParameterError:
        with pytest.raises(ParameterError):
            splitter.folds(X[order])
        return
    shuffled = splitter.folds(X[order])
    for fold, other, (train, test) in zip(folds, shuffled, splitter.split(X), strict=True):
        assert fold.train.tolist() == train.tolist()
        assert fold.test.tolist() == test.tolist()
        assert sorted(order[other.train]) == train.tolist()
        assert sorted(order[other.test]) == test.tolist()


@given(rows(), st.integers(1, 3))
def test_a_search_inside_sees_only_the_past_of_the_fold_outside(X, n_splits):
    outer, inner = TemporalSplit(2), TemporalSplit(n_splits)
    try:
        nested = [(fold, inner.folds(X[fold.train])) for fold in outer.folds(X)]
    except ParameterError:
        assume(False)
    for fold, inside in nested:
        part = X[fold.train]
        for each in inside:
            assert (part.as_of[each.test] + X.gap + X.horizon).max() <= fold.split_time


# ------------------------------------------------------------------------------ worked examples


def test_the_latest_as_ofs_are_tested_and_incomplete_labels_purged(rows_at):
    X = rows_at([0, 10, 20, 30, 40, 50], horizon="15D", gap="5D")
    first, second = TemporalSplit(2).folds(X)
    days = (X.as_of - np.datetime64("2023-05-01")) / np.timedelta64(1, "D")
    assert (set(days[first.train]), set(days[first.purged]), set(days[first.test])) == ({0, 10, 20}, {30}, {40})
    assert (set(days[second.train]), set(days[second.purged]), set(days[second.test])) == ({0, 10, 20, 30}, {40}, {50})


def test_blocks_walk_back_from_the_latest_as_of(rows_at):
    X = rows_at([0, 10, 20, 30, 40, 50, 60], horizon="10D")
    days = (X.as_of - np.datetime64("2023-05-01")) / np.timedelta64(1, "D")
    folds = TemporalSplit(2, test_span="20D").folds(X)
    # The blocks are (20, 40] and (40, 60]: half open, so no as_of is tested twice.
    assert [sorted(set(days[fold.test])) for fold in folds] == [[30, 40], [50, 60]]
    assert [sorted(set(days[fold.train])) for fold in folds] == [[0, 10, 20], [0, 10, 20, 30, 40]]


def test_a_rolling_window_forgets(rows_at):
    X = rows_at([0, 10, 20, 30, 40], horizon="10D")
    (fold,) = TemporalSplit(1, max_train_span="20D").folds(X)
    assert set((X.as_of[fold.train] - X.as_of[0]) / np.timedelta64(1, "D")) == {20, 30}


def test_without_purging_everything_earlier_is_trained_on(rows_at):
    X = rows_at([0, 10, 20], horizon="40D")
    (fold,) = TemporalSplit(1, purge=None).folds(X)
    assert len(fold.purged) == 0
    assert X.as_of[fold.train].max() < fold.split_time


def test_rows_without_labels_need_no_purging(rows_at):
    X = rows_at([0, 10, 20])
    assert len(list(TemporalSplit(2, purge=None).split(X))) == 2
    with pytest.raises(ParameterError, match=r"purge='label'.*no label window.*horizon=.*purge=None"):
        TemporalSplit(2).folds(X)


def test_disjoint_folds_go_round_the_groups(X):
    splitter = TemporalSplit(4, customers="disjoint", n_customer_groups=2)
    tested = [set(X.customer_id[fold.test]) for fold in splitter.folds(X)]
    assert tested[0] == tested[2]
    assert tested[1] == tested[3]
    assert tested[0].isdisjoint(tested[1])
    assert tested[0] | tested[1] == set(X.customer_id)
    other = TemporalSplit(4, customers="disjoint", n_customer_groups=2, random_state=1)
    assert set(X.customer_id[other.folds(X)[0].test]) != tested[0]


def test_disjoint_nests(X, y, model):
    splitter = TemporalSplit(2, customers="disjoint", n_customer_groups=3)
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=splitter, error_score="raise")
    assert np.isfinite(cross_val_score(search, X, y, cv=splitter, error_score="raise")).all()


# -------------------------------------------------------------------------------------- errors


def test_too_few_as_ofs(rows_at):
    X = rows_at([0, 10, 20], horizon="5D")
    with pytest.raises(ParameterError, match=r"at least 6 of them. X has 3 as_ofs from 2023-05-01 to 2023-05-21.*=2\."):
        TemporalSplit(5).folds(X)
    with pytest.raises(ParameterError, match=r"at least 2 of them. X has 1 as_of, 2023-05-01. Pass more dates"):
        TemporalSplit(1).folds(rows_at([0], horizon="5D"))
    for span in (None, "5D"):
        with pytest.raises(ParameterError, match=r"X has no rows"):
            TemporalSplit(1, test_span=span).folds(X[:0])


def test_a_fold_whose_training_rows_are_all_purged(rows_at):
    X = rows_at([0, 10, 20, 30], horizon="25D")
    message = r"Fold 0 of .* the labels of all [\d,]+ earlier rows end after its split time 2023-05-21.*25D.*n_splits=1"
    with pytest.raises(ParameterError, match=message):
        TemporalSplit(2).folds(X)
    assert len(TemporalSplit(1).folds(X)) == 1


def test_a_fold_without_test_rows(rows_at):
    X = rows_at([0, 10, 100], horizon="5D")
    message = r"Fold 0 of .* has no test rows: no as_of lies after 2023-06-30 and at or before 2023-07-20.*test_span"
    with pytest.raises(ParameterError, match=message):
        TemporalSplit(2, test_span="20D").folds(X)


def test_a_group_without_rows_in_its_block(X):
    one = X[X.customer_id == X.customer_id[0]]
    with pytest.raises(ParameterError, match=r"Fold 0 of .* no training rows.*customers='overlap'"):
        TemporalSplit(1, customers="disjoint").folds(one)
    latest = X.as_of == X.as_of.max()
    only_two = X[~latest | (X.customer_id == X.customer_id[0]) | (X.customer_id == X.customer_id[1])]
    # Two customers are left at the latest as_of; this seed puts neither into the group that is tested.
    seed = next(seed for seed in range(20) if 0 not in [naive_hash(int(who), seed) % 5 for who in X.customer_id[:2]])
    with pytest.raises(ParameterError, match=r"has no test rows: none of its group of customers.*random_state"):
        TemporalSplit(1, customers="disjoint", random_state=seed).folds(only_two)


@pytest.mark.parametrize("rows", [np.zeros((4, 2)), pd.DataFrame({"a": [1, 2]}), [[1], [2]], None])
def test_tables_are_refused_with_the_next_step(rows):
    with pytest.raises(ParameterError, match=r"'X' parameter of TemporalSplit must be Snapshots.*make_pipeline"):
        list(TemporalSplit(2).split(rows))


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"n_splits": 0}, "n_splits"),
        ({"n_splits": 2.0}, "n_splits"),
        ({"n_splits": True}, "n_splits"),
        ({"test_span": 30}, "test_span"),
        ({"test_span": "1 month"}, "test_span"),
        ({"max_train_span": "-3D"}, "max_train_span"),
        ({"purge": True}, "purge"),
        ({"purge": "none"}, "purge"),
        ({"customers": "both"}, "customers"),
        ({"n_customer_groups": 1}, "n_customer_groups"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": np.random.default_rng(0)}, "random_state"),
    ],
)
def test_parameters_are_checked_where_they_are_given(parameters, named):
    with pytest.raises(ParameterError, match=f"'{named}' parameter"):
        TemporalSplit(**parameters)


def test_groups_are_ignored_and_it_says_so(X):
    with pytest.warns(CrmkitWarning, match=r"groups is ignored.*customers='disjoint'"):
        list(TemporalSplit(2).split(X, groups=X.customer_id))


# ------------------------------------------------------------------------------------- manners


def test_it_shows_like_a_splitter_of_scikit_learn():
    assert repr(TemporalSplit()) == "TemporalSplit(n_splits=5)"
    assert (
        repr(TemporalSplit(3, test_span="30D", purge=None)) == "TemporalSplit(n_splits=3, test_span='30D', purge=None)"
    )
    assert TemporalSplit(n_splits=7).get_n_splits() == 7


def test_copies_split_alike(X):
    splitter = TemporalSplit(2, customers="disjoint", random_state=3)
    for copy in (pickle.loads(pickle.dumps(splitter)), clone(splitter, safe=False)):
        for (train, test), (other_train, other_test) in zip(splitter.split(X), copy.split(X), strict=True):
            assert np.array_equal(train, other_train)
            assert np.array_equal(test, other_test)


def test_rows_are_not_changed(X):
    before = (X.codes.copy(), X.as_of_us.copy(), X.stop.copy())
    list(TemporalSplit(2, customers="disjoint").split(X))
    assert all(np.array_equal(a, b) for a, b in zip(before, (X.codes, X.as_of_us, X.stop), strict=True))


# -------------------------------------------------------------------------- one split of arrays


def test_train_test_split_is_the_last_fold(X, y):
    X_train, X_test, y_train, y_test = temporal_train_test_split(X, y)
    (fold,) = TemporalSplit(1).folds(X)
    assert np.array_equal(X_train.as_of_us, X.as_of_us[fold.train])
    assert np.array_equal(y_test, y[fold.test])
    assert np.array_equal(y_train, X_train.churned())
    assert (X_test.as_of == X.as_of.max()).all()


def test_train_test_split_at_a_time(X, y):
    parts = temporal_train_test_split(X, pd.Series(y), list(y), split_time="2023-10-15")
    X_train, X_test, series_train, series_test, list_train, list_test = parts
    assert (X_train.as_of + X.horizon).max() <= np.datetime64("2023-10-15")
    assert X_test.as_of.min() == np.datetime64("2023-11-01")
    assert series_train.tolist() == list_train == X_train.churned().tolist()
    assert series_test.tolist() == list_test == X_test.churned().tolist()
    _, early = temporal_train_test_split(X, split_time="2023-10-15", test_span="45D")
    assert set(early.as_of.astype("M8[D]").astype(str)) == {"2023-11-01"}


def test_train_test_split_of_disjoint_customers(X):
    X_train, X_test = temporal_train_test_split(X, customers="disjoint", test_span="62D")
    assert set(X_train.customer_id).isdisjoint(X_test.customer_id)


def test_train_test_split_says_what_is_wrong(X, y):
    with pytest.raises(ParameterError, match=r"Array 1 of temporal_train_test_split has 3 rows"):
        temporal_train_test_split(X, y, y[:3])
    with pytest.raises(ParameterError, match=r"No as_of lies at or after split_time='2024-02-01'. X has 9 as_ofs"):
        temporal_train_test_split(X, split_time="2024-02-01")
    with pytest.raises(ParameterError, match=r"No as_of lies.*and within test_span='5D' of it"):
        temporal_train_test_split(X, split_time="2023-11-02", test_span="5D")
    with pytest.raises(ParameterError, match=r"Fold 0 .*no training rows"):
        temporal_train_test_split(X, split_time="2023-05-02")
    with pytest.raises(ParameterError, match="must be Snapshots"):
        temporal_train_test_split(y, y)
