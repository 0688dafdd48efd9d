"""Snapshots as a container of rows: what scikit-learn, joblib and users do with one."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import ParameterError
from crmkit.testing import snapshots

COLUMNS = {"customer": "customer_id", "time": "date", "value": "value"}


@pytest.fixture(name="X", scope="module")
def make_rows():
    log = EventLog.from_frame(load_cdnow(), **COLUMNS)
    return log.snapshots(["1997-06-01", "1997-10-01", "1998-01-01"], horizon="90D", gap="1D", active_within="1000D")


def same(one, other):
    return (
        one.log is other.log
        and one.window == other.window
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("codes", "as_of_us", "stop"))
    )


KEYS = [
    np.array([5, 3, 3, 0]),
    np.array([5, -1], dtype=np.int32),
    np.array([7], dtype=np.uint8),
    np.empty(0, dtype=np.int64),
    [4, 2],
    [],
    slice(2, 9, 3),
    slice(None, None, -1),
    slice(0, 0),
    (slice(1, 4), Ellipsis),
    (np.array([1, 0]), Ellipsis),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_rows_are_taken_as_of_an_array(X, key):
    taken = X[key]
    rows = np.arange(len(X))[
        key[0] if isinstance(key, tuple) else np.asarray(key, dtype=int) if isinstance(key, list) else key
    ]
    assert isinstance(taken, Snapshots)
    assert taken.shape == rows.shape == (len(taken),)
    assert np.array_equal(taken.customer_id, X.customer_id[rows])
    assert np.array_equal(taken.as_of, X.as_of[rows])
    assert (taken.log is X.log, taken.horizon, taken.gap, taken.active_within) == (
        True,
        X.horizon,
        X.gap,
        X.active_within,
    )


def test_rows_are_taken_by_flags_and_by_number(X):
    flags = X.customer_id % 2 == 0
    assert same(X[flags], X[np.flatnonzero(flags)])
    assert same(X[flags.tolist()], X[flags])
    assert same(X[(flags, ...)], X[flags])
    assert same(X[3], X[3:4])
    assert same(X[np.int64(-1)], X[len(X) - 1 :])
    assert len(X[np.zeros(len(X), dtype=bool)]) == 0


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (10**9, IndexError),
        (np.array([10**9]), IndexError),
        (np.array([True]), IndexError),
        (np.array([0.0, 1.0]), IndexError),
        ([0.0, 1.0], IndexError),
        (["a"], IndexError),
        ((0, 1), IndexError),
        ((0, Ellipsis, 1), IndexError),
        ("customer_id", IndexError),
        (None, IndexError),
        (1.5, IndexError),
        (True, IndexError),
    ],
    ids=repr,
)
def test_other_keys_are_refused(X, key, error):
    with pytest.raises(error):
        X[key]


def test_it_is_no_array_and_no_frame(X):
    with pytest.raises(TypeError, match=r"put a feature transformer first, for example make_pipeline\(RFMTransformer"):
        np.asarray(X)
    for name in ("iloc", "fit", "__dataframe__", "__narwhals_dataframe__", "columns", "dtype"):
        assert not hasattr(X, name)


def test_taking_rows_copies_row_arrays_alone(X):
    half = X[np.arange(0, len(X), 2)]
    assert half.log is X.log
    assert half.customers is X.customers
    row_arrays = [value for value in vars(half).values() if isinstance(value, np.ndarray) and value is not X.customers]
    assert sum(array.nbytes for array in row_arrays) == len(half) * (4 + 8 + 8)


def test_the_rows_of_a_log_are_small(X):
    assert (X.codes.dtype, X.as_of_us.dtype, X.stop.dtype) == (np.int32, np.int64, np.int64)


@given(snapshots(), st.data())
@settings(max_examples=35)
def test_what_rows_say_does_not_depend_on_the_others(X, data):
    rows = data.draw(st.lists(st.integers(0, max(len(X) - 1, 0)), max_size=6)) if len(X) else []
    pd.testing.assert_frame_equal(X[rows].summary(), X.summary().iloc[rows], check_exact=True)
    if X.horizon is not None:
        assert X[rows].future_purchases().tolist() == X.future_purchases()[rows].tolist()


def test_where(X):
    assert set(X.where(before="1997-10-01").as_of.astype("M8[D]").astype(str)) == {"1997-06-01"}
    assert set(X.where(after="1997-10-01").as_of.astype("M8[D]").astype(str)) == {"1997-10-01", "1998-01-01"}
    assert len(X.where(after="1997-06-02", before=np.datetime64("1997-10-01"))) == 0
    assert same(X.where(), X)
    with pytest.raises(ParameterError, match="before holds 'later'"):
        X.where(before="later")


def test_frames_carry_the_keys(X):
    index = X.summary().index
    assert index.names == ["customer_id", "as_of"]
    assert np.array_equal(index.get_level_values("customer_id"), X.customer_id)
    assert np.array_equal(index.get_level_values("as_of"), X.as_of)
    mixed = np.random.default_rng(0).permutation(len(X))
    assert np.array_equal(X[mixed].summary().index.get_level_values("as_of"), X.as_of[mixed])
    assert X[:0].summary().shape == (0, 4)
    assert X.summary().loc[(4, "1997-10-01"), "frequency"].item() == 2


def test_to_frame_is_the_table_for_elsewhere(X):
    X = X[:4]
    frame = X.to_frame(
        churned=X.churned(), summary=X.summary(), both=np.eye(4)[:, :2], name=pd.Series(list("abcd")),
        more=pl.DataFrame({"x": [1, 2, 3, 4]}),
    )  # fmt: skip
    names = "customer_id as_of churned frequency recency T monetary_value both_0 both_1 name x"
    assert list(frame.columns) == names.split()
    assert frame["customer_id"].tolist() == X.customer_id.tolist()
    assert isinstance(frame.index, pd.RangeIndex)
    with pytest.raises(ParameterError, match="churned has 3 rows, the snapshots have 4"):
        X.to_frame(churned=[1, 0, 1])
    with pytest.raises(ParameterError, match="column 'frequency', which the table holds already"):
        X.to_frame(frequency=np.zeros(4), summary=X.summary())
    with pytest.raises(ParameterError, match="cube is a ndarray of 3 dimensions"):
        X.to_frame(cube=np.zeros((4, 1, 1)))


def test_polars_in_polars_out():
    log = EventLog.from_frame(pl.from_pandas(load_cdnow().head(200)), **COLUMNS)
    X = log.snapshots(["1997-06-01"], horizon="30D")
    for frame in (
        X.summary(),
        X.to_frame(y=X.churned()),
        X.time_to_next(),
        X.attributes(),
        log.quality,
        log.to_frame(),
    ):
        assert isinstance(frame, pl.DataFrame)
    assert X.summary().columns == ["frequency", "recency", "T", "monetary_value"]
    assert X.to_frame()["as_of"].dtype == pl.Datetime("us")


@pytest.mark.parametrize("how", ["pickle", "joblib", "mapped"])
def test_rows_travel(X, tmp_path, how):
    X = X[::5]
    if how == "pickle":
        again = pickle.loads(pickle.dumps(X))
    else:
        joblib.dump(X, tmp_path / "X.joblib")
        again = joblib.load(tmp_path / "X.joblib", mmap_mode="r" if how == "mapped" else None)
    assert again.log.fingerprint == X.log.fingerprint
    assert joblib.hash(again) == joblib.hash(X)
    pd.testing.assert_frame_equal(again.summary(), X.summary(), check_exact=True)
    assert again[again.codes % 2 == 0].future_value().tolist() == X[X.codes % 2 == 0].future_value().tolist()


def test_the_hash_does_not_depend_on_what_was_asked_before(X):
    log = EventLog.from_frame(load_cdnow().assign(order=1), **COLUMNS, order="order")
    X = log.snapshot("1997-10-01")
    before = joblib.hash(X)
    X.summary(collapse="order")
    X.log.fingerprint  # noqa: B018  asking is what might change it
    assert joblib.hash(X) == before


def test_the_rows_show_themselves(X):
    assert repr(X) == f"Snapshots({len(X):,} rows of 2,357 customers, 1997-06-01 to 1998-01-01, horizon 90D, gap 1D)"
    assert repr(X[:1]) == "Snapshots(1 row of 1 customer, 1997-06-01, horizon 90D, gap 1D)"
    assert repr(X[:0]) == "Snapshots(no rows)"


def test_the_arrays_of_the_log_cannot_be_written(X):
    with pytest.raises(ValueError, match="read-only"):
        X.log._store.time[0] = 0


def test_the_latest_row_of_each_customer(X):
    shuffled = X[np.random.default_rng(0).permutation(len(X))]
    kept = shuffled[latest_rows(shuffled)]
    assert len(kept) == len(np.unique(X.codes))
    latest = {code: shuffled.as_of_us[shuffled.codes == code].max() for code in np.unique(X.codes)[:50]}
    assert all(latest.get(code, as_of) == as_of for code, as_of in zip(kept.codes, kept.as_of_us, strict=True))
    assert (np.diff(latest_rows(shuffled)) > 0).all()
    assert len(latest_rows(X[:0])) == 0
