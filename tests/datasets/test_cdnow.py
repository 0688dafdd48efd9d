from __future__ import annotations

import hashlib
import re
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError

DATA = resources.files("crmkit.datasets").joinpath("data")


@pytest.mark.parametrize(("sample", "name"), [(True, "sample"), (False, "cohort")])
def test_published_counts(published, sample, name):
    expected = published["cdnow"][name]
    frame = load_cdnow(sample=sample)
    assert frame.shape == (expected["rows"], 4)
    assert frame["customer_id"].nunique() == expected["customers"]
    assert frame["quantity"].sum() == expected["cds"]
    assert round(frame["value"].sum(), 2) == expected["dollars"]
    assert len(frame.drop_duplicates(["customer_id", "date"])) == expected["customer_days"]
    assert (frame["value"] == 0).sum() == expected["free"]


@pytest.mark.parametrize("sample", [True, False])
def test_columns(sample):
    frame = load_cdnow(sample=sample)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "customer_id": "int64",
        "date": "datetime64[us]",
        "quantity": "int64",
        "value": "float64",
    }
    assert isinstance(frame.index, pd.RangeIndex)
    assert not frame.isna().any(axis=None)
    assert frame["customer_id"].between(1, 23_570).all()
    assert frame["quantity"].min() == 1
    assert frame["value"].min() == 0
    assert (frame["date"].min(), frame["date"].max()) == (pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30"))
    assert frame.groupby("customer_id")["date"].min().max() <= pd.Timestamp("1997-03-31")
    in_order = frame.groupby("customer_id", sort=False)["date"].is_monotonic_increasing
    assert in_order.all()


def test_the_split_of_the_papers(published):
    """39 weeks to learn from, 39 to forecast, counted in days with a purchase."""
    days = load_cdnow().drop_duplicates(["customer_id", "date"])
    early = days[days["date"] < "1997-10-01"].groupby("customer_id").size()
    expected = published["cdnow"]["sample_39_weeks"]
    assert (early - 1).sum() == expected["repeat_days"]
    assert (early == 1).sum() == expected["one_time_buyers"]
    assert (days["date"] >= "1997-10-01").sum() == expected["holdout_days"]


def test_the_sample_is_part_of_the_cohort():
    sample, cohort = load_cdnow(), load_cdnow(sample=False)
    own = cohort[cohort["customer_id"].isin(sample["customer_id"].unique())]
    by = ["customer_id", "date", "quantity", "value"]
    pd.testing.assert_frame_equal(
        sample.sort_values(by, ignore_index=True),
        own.sort_values(by, ignore_index=True),
    )


def test_sample_equals_the_published_file(data_folder):
    original = pd.read_csv(data_folder / "cdnow" / "cdnow_sample.csv")
    frame = load_cdnow()
    np.testing.assert_array_equal(frame["customer_id"], original["master_id"])
    np.testing.assert_array_equal(frame["date"], pd.to_datetime(original["date"]))
    np.testing.assert_array_equal(frame["quantity"], original["number_of_cds"])
    np.testing.assert_array_equal(frame["value"], original["dollar_value"])
    np.testing.assert_array_equal(pd.factorize(frame["customer_id"])[0] + 1, original["sample_id"])


def test_cohort_equals_the_published_file(data_folder):
    original = pd.read_csv(data_folder / "cdnow" / "cdnow_master.csv")
    frame = load_cdnow(sample=False)
    np.testing.assert_array_equal(frame["customer_id"], original["customer_id"])
    np.testing.assert_array_equal(frame["date"], pd.to_datetime(original["date"]))
    np.testing.assert_array_equal(frame["quantity"], original["number_of_cds"])
    np.testing.assert_array_equal(frame["value"], original["dollar_value"])


def test_each_call_returns_a_frame_of_its_own():
    for sample in (True, False):
        first = load_cdnow(sample)
        first.iloc[:, [0, 2]] = 0
        first["value"] = 0.0
        assert (load_cdnow(sample)[["customer_id", "quantity", "value"]].sum() > 0).all()


def test_the_file_is_small_and_its_origin_told():
    content = DATA.joinpath("cdnow.npz").read_bytes()
    assert len(content) < 150_000
    told = DATA.joinpath("cdnow.txt").read_text(encoding="utf-8")
    assert hashlib.sha256(content).hexdigest() in told
    assert len(re.findall(r"sha256 [0-9a-f]{64}", told)) == 3
    assert "MIT License" in told


@pytest.mark.parametrize("sample", [1, None, "cohort"])
def test_refused(sample):
    with pytest.raises(ParameterError, match="'sample' parameter of load_cdnow must be a bool"):
        load_cdnow(sample=sample)
