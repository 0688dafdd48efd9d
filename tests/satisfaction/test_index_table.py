"""Indices by segment: each is the index of its own rows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction import acsi, bayesian_average, ces, csat, index_table, nps, rating_mean, survey_total
from crmkit.satisfaction._index_table import segment_frame

INDICES = {
    "nps": (nps, {"scale": (1, 10), "interval": "wald"}),
    "csat": (csat, {"scale": (1, 10), "top": 3}),
    "ces": (ces, {"scale": (1, 10), "definition": "share", "easy": 7}),
    "rating_mean": (rating_mean, {"scale": (1, 10), "coverage": 0.8}),
    "bayesian_average": (bayesian_average, {"scale": (1, 10), "prior_mean": 7, "prior_weight": 5}),
}
respondents = st.lists(st.tuples(st.integers(1, 10), st.sampled_from("abc"), st.floats(0.1, 5)), min_size=1)


@pytest.mark.filterwarnings("ignore:.*got no answer above")
@pytest.mark.parametrize("name", INDICES)
@given(rows=respondents)
def test_each_segment_is_its_own(name, rows):
    index, options = INDICES[name]
    answers, by, weight = (np.array(column) for column in zip(*rows, strict=True))
    table = index_table(index, answers, by, sample_weight=weight, **options)
    assert list(table) == ["segment", "value", "low", "high", "n"]
    assert table["segment"].tolist() == sorted(set(by))
    for row in table.itertuples():
        mine = by == row.segment
        expected = index(answers[mine], sample_weight=weight[mine], **options)
        ends = [end if np.isfinite(end) else np.nan for end in (expected.low, expected.high)]
        assert [row.value, row.low, row.high] == pytest.approx([expected.value, *ends], nan_ok=True)
        assert row.n == mine.sum()


def test_three_questions():
    three = [8, 9, 7, 10], [7, 8, 6, 9], [7, 9, 5, 9]
    table = index_table(acsi, three, [1, 2, 1, 2], weights=(2, 1, 1))
    assert table["value"].tolist() == [
        acsi([8, 7], [7, 6], [7, 5], weights=(2, 1, 1)).value,
        acsi([9, 10], [8, 9], [9, 9], weights=(2, 1, 1)).value,
    ]


def test_a_dict_is_a_frame():
    by = ["a", "a", "b", "b"]
    expected = index_table(nps, [10, 9, 8, 0], by)
    pd.testing.assert_frame_equal(index_table(nps, {"q": [10, 9, 8, 0]}, by), expected)
    three = index_table(acsi, [[10, 9, 8, 1]] * 3, by)
    pd.testing.assert_frame_equal(index_table(acsi, [{"q": [10, 9, 8, 1]}] * 3, by), three)


def test_weeks():
    weeks = pd.to_datetime(["2024-01-08", "2024-01-01", "2024-01-08", None])
    for by in (weeks, pd.Series(weeks), weeks.to_numpy()):
        table = index_table(nps, [10, 9, 3, 10], by)
        assert table["segment"].dtype.kind == "M"
        assert table["segment"].tolist()[:2] == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-08")]
        assert table["segment"].isna().tolist() == [False, False, True]
        assert table["value"].tolist() == [100, 0, 100]


def test_categories_keep_their_order_and_missing_labels_come_last():
    by = pd.Categorical(["old", "young", None, "old"], categories=["young", "old"], ordered=True)
    table = index_table(nps, [10, 0, 10, 7], by)
    assert table["segment"].tolist()[:2] == ["young", "old"]
    assert table["n"].tolist() == [1, 2, 1]


def test_polars_gives_polars():
    table = index_table(nps, pl.Series([10, 0, 10, 7]), pl.Series(["b", "a", None, "b"]))
    assert isinstance(table, pl.DataFrame)
    assert table["segment"].to_list() == ["a", "b", None]
    assert table["value"].to_list() == [-100, 50, 100]
    assert table["n"].dtype == pl.Int64


def test_answers_of_arrow():
    answers, by = [10, 9, 8, 3], list("abba")
    expected = index_table(nps, answers, by)
    for column in (pa.array(answers), pa.chunked_array([answers]), pa.table({"q": answers})):
        pd.testing.assert_frame_equal(index_table(nps, column, by), expected)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, "a", None], ["1", "a", None]),
        ([1, 2.5], [1.0, 2.5]),
        (list(pd.period_range("2024-01", periods=2, freq="M")), ["2024-01", "2024-02"]),
        (pd.Series(pd.period_range("2024-01", periods=2, freq="M")), ["2024-01", "2024-02"]),
        (pd.Series(pd.IntervalIndex.from_breaks([0, 2, 5])), ["(0, 2]", "(2, 5]"]),
        (pd.cut(pd.Series([1, 3]), [0, 2, 5]), ["(0, 2]", "(2, 5]"]),
    ],
)
def test_labels_that_polars_has_no_type_for_are_text(labels, said):
    table = segment_frame(labels, np.ones((4, len(labels))), "polars")
    assert table["segment"].to_list() == said


def test_too_few_answers_are_no_error():
    answers, by = [4, np.nan, 5, 4, np.nan], ["one", "none", "two", "two", "none"]
    table = index_table(rating_mean, answers, by, scale=(1, 5)).set_index("segment")
    assert table.loc["none", ["value", "low", "high"]].isna().all()
    assert table["n"].to_dict() == {"none": 0, "one": 1, "two": 2}
    assert table.loc["one", "value"] == 4
    assert table.loc["one", ["low", "high"]].isna().all()
    assert table.loc["two"].notna().all()


def test_what_is_wrong_is_said_once_of_all_answers():
    with pytest.raises(ParameterError, match="off the scale: 'answers' in 2"):
        index_table(nps, [11, 3, 12, 4], ["a", "a", "b", "b"])
    with pytest.raises(ParameterError, match="nps got no answers"):
        index_table(nps, [np.nan, np.nan], ["a", "b"])
    with pytest.raises(ParameterError, match="'by' parameter of index_table must be of length 2"):
        index_table(nps, [9, 3], ["a", "b", "c"])
    with pytest.raises(ParameterError, match="must not be negative"):
        index_table(nps, [9, 3], ["a", "b"], sample_weight=[1, -1])
    for index in ("nps", survey_total):
        with pytest.raises(ParameterError, match="'index' parameter of index_table must be a function"):
            index_table(index, [[9, 3]], ["a"], **({"scale": (0, 10)} if callable(index) else {}))
    with pytest.raises(ParameterError, match="'answers' parameter of index_table must be a tuple of three"):
        index_table(acsi, np.ones((3, 3)), ["a", "b", "c"])
    with pytest.warns(CrmkitWarning) as told:
        index_table(nps, [4] * 24, ["a"] * 12 + ["b"] * 12)
    assert len(told) == 1


def test_many_segments_of_many_answers():
    rng = np.random.default_rng(0)
    answers, by = rng.integers(0, 11, 20_000), rng.integers(0, 200, 20_000)
    table = index_table(nps, answers, by)
    own = pd.Series(100.0 * (answers >= 9) - 100.0 * (answers <= 6)).groupby(by).mean()
    np.testing.assert_allclose(table["value"], own)
    assert table["segment"].tolist() == own.index.tolist()
