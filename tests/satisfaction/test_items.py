"""What a scorer learns of each question, against rows that are written as often as their weight says."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction._answers import Answers, Questions
from crmkit.satisfaction._items import (
    declared_weights,
    driver_weights,
    item_statistics,
    medians,
    refuse_alike,
)

rows = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4), st.booleans()), min_size=2, max_size=15)


def of_one_question(values):
    return Answers(np.array(values, dtype=float)[:, None], ["a"], np.array([1.0]), np.array([5.0]))


@given(rows, st.sampled_from([1.0, 0.7, 3.7]))
def test_medians_and_statistics_of_weighted_answers(weighted, unit):
    # Every answer has a weight, and may be missing; the first two never are.
    values = [x if known or place < 2 else math.nan for place, (x, _, known) in enumerate(weighted)]
    counts = [count for _, count, _ in weighted]
    repeated = [x for x, count in zip(values, counts, strict=True) for _ in range(count) if not math.isnan(x)]
    answers = of_one_question(values)
    assert medians(answers, unit * np.array(counts)).tolist() == [statistics.median(repeated)]
    row = item_statistics(answers, unit * np.array(counts), 2).loc["a"]
    assert row["n"] + row["missing"] == len(values)
    # Weights count respondents.
    whole = unit * len(repeated)
    expected = statistics.fmean(repeated), math.sqrt(statistics.pvariance(repeated) * whole / (whole - 1))
    assert [row["mean"], row["sd"]] == pytest.approx(expected)
    boxes = [sum(x >= 4 for x in repeated), sum(x <= 2 for x in repeated)]
    assert [row["top_box"], row["bottom_box"]] == pytest.approx([box / len(repeated) for box in boxes])
    assert (row["sd"] == 0) == (len(set(repeated)) == 1)


def test_what_nobody_answered():
    answers = of_one_question([math.nan, math.nan])
    assert item_statistics(answers, np.ones(2), 1).loc["a"].tolist()[:2] == [0, 2]
    assert item_statistics(answers, np.ones(2), 1).loc["a"].isna().sum() == 4
    with pytest.raises(ParameterError, match="no answer to 'a', and so no median"):
        medians(answers, np.ones(2))


def test_declared_weights_stand_in_the_order_of_the_questions():
    named = Questions(["a", "b"], "SatisfactionScorer", by_position=False)
    placed = Questions(["x0", "x1"], "SatisfactionScorer", by_position=True)
    assert declared_weights({"b": 3, "a": 1}, named).tolist() == [0.25, 0.75]
    assert declared_weights({1: 0.5, 0: 0}, placed).tolist() == [0, 1]
    assert declared_weights(None, named).tolist() == [0.5, 0.5]
    for unit in (5e-324, 1e-300, 1e308):
        assert declared_weights({"a": unit, "b": unit}, named).tolist() == [0.5, 0.5]
    for wrong in ({"a": True, "b": 1}, {"a": -1, "b": 2}, {"a": math.inf, "b": 1}, {"a": "1", "b": 1}):
        with pytest.raises(ParameterError, match="'item_weights' parameter .* a number of at least 0"):
            declared_weights(wrong, named)


def test_questions_that_go_against_overall_satisfaction_have_no_weight():
    rng = np.random.default_rng(0)
    answers = Answers(rng.normal(size=(500, 3)), ["a", "b", "c"], np.full(3, -9.0), np.full(3, 9.0))
    overall = answers.values @ [1.0, 1.0, -1.0]
    with pytest.warns(CrmkitWarning, match=r"no weight to questions that go against y: 'c'"):
        found = driver_weights(answers, overall, np.ones(500))
    assert found[2] == 0
    assert found[:2] == pytest.approx([0.5, 0.5], abs=0.1)
    with pytest.warns(CrmkitWarning, match="no question that goes with y, and weighs all alike"):
        assert driver_weights(answers, -answers.values.sum(axis=1), np.ones(500)).tolist() == [1 / 3] * 3


def test_nothing_is_learnt_of_two_respondents():
    with pytest.raises(ParameterError, match="at least 3 respondents .* Got n_samples=2. Or declare the weights"):
        refuse_alike(np.array([[1.0, 2.0], [2.0, 1.0]]), ["a", "b"], "factor")
