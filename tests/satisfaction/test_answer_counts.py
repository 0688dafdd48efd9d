"""Counts of answers against value_counts of pandas, step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction import answer_counts

TEXTS = {"1 - 很不满意": 1, "2": 2, "neither": 3, "5 - very satisfied": 5}


def oracle(X, steps, weight):
    """Each cell by looking at each answer."""
    return [[sum(w for row, w in zip(X, weight, strict=True) if row[j] == step) for step in steps] for j in range(2)]


@given(
    X=arrays(float, (7, 2), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])),
    weight=arrays(float, 7, elements=st.sampled_from([0.5, 1.0, 2.0])),
)
@pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")
def test_every_cell(X, weight):
    counts = answer_counts(X, scale=(0, 3))
    assert counts.to_numpy().tolist() == oracle(X, range(4), np.ones(7))
    assert list(counts.columns) == [0, 1, 2, 3]
    assert list(counts.index) == ["x0", "x1"]
    weighted = answer_counts(X, scale=(0, 3), sample_weight=weight)
    np.testing.assert_allclose(weighted, oracle(X, range(4), weight))
    turned = answer_counts(X, scale=(0, 3), reverse=[1])
    assert turned.iloc[0].tolist() == counts.iloc[0].tolist()
    assert turned.iloc[1].tolist() == counts.iloc[1].tolist()[::-1]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, dict], ids=["pandas", "polars", "dict"])
def test_texts_are_the_steps(frame):
    X = frame({"fast": ["neither", "2", None, "5 - very satisfied"], "friendly": ["2", "2", "99", "1 - 很不满意"]})
    counts = answer_counts(X, scale=TEXTS, not_applicable=["99"])
    assert counts.to_dict("split") == {
        "index": ["fast", "friendly"],
        "columns": list(TEXTS),
        "data": [[0, 1, 1, 1], [1, 2, 0, 0]],
    }


def test_texts_of_one_number_share_a_step():
    counts = answer_counts(pd.Series(["yes", "sure", "no"]), scale={"yes": 1, "sure": 1, "no": 0})
    assert counts.loc["answers"].to_dict() == {"no": 1, "yes / sure": 2}


def test_steps_that_are_no_whole_numbers():
    assert list(answer_counts([[0.5], [1.5]], scale=(0.5, 2.5)).columns) == [0.5, 1.5, 2.5]
    assert list(answer_counts([[0.5], [1.5]], scale=(0.5, 2)).columns) == [0.5, 1.5]


@pytest.mark.parametrize(
    ("X", "scale", "message"),
    [
        ([[1, 7]], (1, 5), "off the scale: 'x1' in 1"),
        ([[1.5, 4], [2.5, 3]], (1, 5), "'x0' answer_counts got 2 answers between two steps"),
        ([[1.0, 5.5]], (1, 5.5), "'x1' answer_counts got 1 answers between"),
        ([[50, 60]], (0, 1000), "at most 101 steps"),
        ([[1, 2]], {0: (1, 5), 1: (0, 10)}, "one scale for all questions"),
        ([[1, 2]], (5, 1), "low below high"),
        (pd.DataFrame({"a": ["good"]}), (1, 5), "holds text in 1 of its answers"),
        (pd.DataFrame({"a": ["1", "5"], "b": [np.nan, "2"]}), {"1": 1, "2": 2}, "holds text in 1"),
    ],
    ids=["off", "between", "above", "slider", "scales", "ends", "texts", "unknown"],
)
def test_what_is_refused(X, scale, message):
    with pytest.raises(ParameterError, match=message):
        answer_counts(X, scale=scale)


def test_turned_answers_must_be_steps_too():
    X = pd.DataFrame({"a": ["2", "neither"]})
    with pytest.raises(ParameterError, match="'a' answer_counts got 1 answers between"):
        answer_counts(X, scale=TEXTS, reverse=["a"])


def test_weights_are_checked():
    with pytest.raises(ParameterError, match="sample_weight"):
        answer_counts([[1, 2]], scale=(1, 5), sample_weight=[-1])


def test_a_scale_that_nobody_uses_is_doubted():
    with pytest.warns(CrmkitWarning, match="answer_counts got no answer above the middle"):
        answer_counts(np.tile([[1.0, 4.0]], (12, 1)), scale=(0, 10))


def test_the_callers_answers_are_not_changed():
    X = np.array([[1.0, 9.0], [5.0, np.nan]])
    X.setflags(write=False)
    counts = answer_counts(X, scale=(1, 5), reverse=[0], not_applicable=[9])
    assert counts.to_numpy().sum() == 2
