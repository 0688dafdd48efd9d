"""Gaps of service quality: against sums by hand, item by item."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.satisfaction import rating_mean, servqual

STANDARD = {"tangibles": 4, "reliability": 5, "responsiveness": 4, "assurance": 4, "empathy": 5}
answers = hnp.arrays(np.float64, (6, 4), elements=st.integers(1, 7).map(float))
PARTS = {"speed": [0, 2], "manners": [1, 3]}


def same(estimate, values):
    """Whether it is the t interval of these numbers."""
    expected = rating_mean(values, scale=(-6, 6))
    got = (estimate.value, estimate.low, estimate.high)
    assert got == pytest.approx((expected.value, expected.low, expected.high), abs=1e-9)
    assert estimate.n == expected.n


@pytest.mark.filterwarnings("ignore:rating_mean got no answer")
@given(answers, answers, st.tuples(st.floats(1, 90), st.floats(1, 90)))
def test_gaps_by_hand(before, after, points):
    found = servqual(before, after, dimensions=PARTS, importance=dict(zip(PARTS, points, strict=True)))
    gaps = after - before
    for j in range(4):
        same(found.items[f"x{j}"], gaps[:, j])
    speed, manners = gaps[:, [0, 2]].mean(axis=1), gaps[:, [1, 3]].mean(axis=1)
    same(found.dimensions["speed"], speed)
    same(found.dimensions["manners"], manners)
    shares = np.array(points) / sum(points)
    same(found.overall, shares[0] * speed + shares[1] * manners)
    assert found.importance == pytest.approx(dict(zip(PARTS, shares, strict=True)))
    summed = sum(found.importance[name] * found.dimensions[name].value for name in PARTS)
    assert found.overall.value == pytest.approx(summed, abs=1e-12)


def test_the_standard_questionnaire():
    rng = np.random.default_rng(0)
    before, after = rng.integers(4, 8, (30, 22)), rng.integers(1, 8, (30, 22))
    found = servqual(before, after)
    gaps, start = after - before, 0
    for name, n in STANDARD.items():
        assert found.dimensions[name].value == pytest.approx(gaps[:, start : start + n].mean())
        start += n
    assert list(found.dimensions) == list(STANDARD)
    assert found.importance == dict.fromkeys(STANDARD, 0.2)
    assert found.overall.value == pytest.approx(np.mean([gap.value for gap in found.dimensions.values()]))
    assert found.overall.value < 0


def test_the_table():
    found = servqual([[7, 6], [6, 6], [5, 4]], [[5, 6], [5, 4], [5, 6]], dimensions={"speed": [0], "manners": [1]})
    table = found.to_frame()
    assert list(table) == ["level", "name", "importance", "value", "low", "high", "n"]
    assert table["level"].tolist() == ["overall"] + ["dimension"] * 2 + ["item"] * 2
    assert table["name"].tolist() == ["overall", "speed", "manners", "x0", "x1"]
    assert table["value"].tolist() == [found.overall.value, -1, 0, -1, 0]
    assert table["importance"].tolist()[:3] == [1, 0.5, 0.5]
    assert table["n"].tolist() == [3] * 5


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_have_names(kind):
    before = kind({"fast": [7.0, 6, 5], "kind": [6.0, 6, 4]})
    after = kind({"fast": [5.0, 5, 5], "kind": [6.0, 4, None]})
    with pytest.warns(CrmkitWarning, match="servqual leaves out 1 of 3 respondents"):
        found = servqual(before, after, dimensions={"speed": ["fast"], "manners": ["kind"]})
    assert list(found.items) == ["fast", "kind"]
    assert found.items["fast"].value == found.dimensions["speed"].value == -1
    assert (found.items["kind"].n, found.overall.n) == (2, 2)


def test_items_of_one_name_are_compared():
    expected, perceived = pd.DataFrame({"y": [1, 2], "x": [7, 6]}), pd.DataFrame({"x": [7, 7], "y": [1, 2]})
    found = servqual(expected, perceived, dimensions={"a": ("x",), "b": ["y"]})
    assert {name: one.value for name, one in found.items.items()} == {"x": 0.5, "y": 0}
    other = servqual(expected.rename(columns={"x": "e"}), perceived, dimensions={"a": ["x"], "b": ["y"]})
    assert {name: one.value for name, one in other.items.items()} == {"x": 5.5, "y": -5}


def test_half_a_dimension_counts():
    before, after = [[7, 7, 6], [6, 6, 6]], [[5, np.nan, 6], [5, 4, 6]]
    found = servqual(before, after, dimensions={"speed": [0, 1], "manners": [2]})
    assert found.dimensions["speed"].value == -1.75  # -2 of the first, -1.5 of the second
    assert found.overall.n == 2


def test_weights_and_scales_of_items():
    before, after = [[7, 10], [6, 8], [7, 9]], [[5, 9], [6, 8], [4, 10]]
    options = {"scale": {0: (1, 7), 1: (1, 10)}, "dimensions": {"speed": [0], "manners": [1]}}
    found = servqual(before, after, sample_weight=[1, 2, 1], **options)
    assert found.dimensions["speed"].value == pytest.approx(-5 / 4)
    assert servqual(before, after, sample_weight=[2, 2, 2], **options) == servqual(before, after, **options)


@pytest.mark.parametrize(
    ("before", "after", "options", "error", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 3)), {}, ParameterError, r"Got the shapes \(3, 2\) and \(3, 3\)"),
        (np.full((3, 2), 6), np.full((3, 2), 6), {}, ParameterError, "has 22 items. Got 2: say what belongs together"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": [0, 7]}}, ColumnNotFoundError, "dimensions=7"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": []}}, ParameterError, "'dimensions' parameter of servqual"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": "x0"}}, ParameterError, "'dimensions' parameter of servqual"),
        ([[6, 6]], [[5, 5]], {"dimensions": [0, 1]}, ParameterError, "'dimensions' parameter of servqual"),
        ([[6, 6]], [[5, 5]], {"dimensions": {}}, ParameterError, "'dimensions' parameter of servqual"),
        ([[6, 9]], [[5, 5]], {"dimensions": PARTS}, ParameterError, r"servqual\(expectations\) got answers off"),
        ([[6, 6]], [[9, 5]], {"dimensions": PARTS}, ParameterError, r"servqual\(perceptions\) got answers off"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": [0]}, "importance": {"b": 1}}, ParameterError, "'importance'"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": [0]}, "importance": {"a": 0}}, ParameterError, "not all 0"),
        ([[6, 6]], [[5, 5]], {"dimensions": {"a": [0]}, "importance": {"a": -1}}, ParameterError, "none negative"),
        ([[np.nan]], [[5]], {"dimensions": {"a": [0]}}, ParameterError, "servqual got no answers"),
    ],
)
def test_what_is_refused(before, after, options, error, message):
    with pytest.raises(error, match=message):
        servqual(before, after, **options)
