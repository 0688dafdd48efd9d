import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.metrics import proportion, subgroup_table

SHARES = ["base_rate", "selection_rate", "true_positive_rate", "false_positive_rate", "precision"]

people = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abc"), st.sampled_from([0.0, 0.3, 1.0])),
    min_size=1,
    max_size=30,
)


def naive_shares(rows):
    """Successes and how many were asked, of each share."""
    churned = [row for row in rows if row[0]]
    stayed = [row for row in rows if not row[0]]
    selected = [row for row in rows if row[1]]
    return {
        "base_rate": (len(churned), len(rows)),
        "selection_rate": (len(selected), len(rows)),
        "true_positive_rate": (sum(row[1] for row in churned), len(churned)),
        "false_positive_rate": (sum(row[1] for row in stayed), len(stayed)),
        "precision": (sum(row[0] for row in selected), len(selected)),
    }


@given(people, st.sampled_from([0.8, 0.95]))
def test_equals_counting_group_by_group(rows, coverage):
    y, chosen, groups, p = zip(*rows, strict=True)
    table = subgroup_table(y, chosen, groups, y_prob=p, coverage=coverage)
    assert list(table.index) == sorted(set(groups))
    for group, line in table.iterrows():
        own = [row for row in rows if row[2] == group]
        assert line["n"] == len(own)
        for name, (successes, among) in naive_shares(own).items():
            found = list(line[[name, f"{name}_low", f"{name}_high"]])
            if among:
                expected = proportion(successes, among, coverage=coverage)
                assert found == pytest.approx([expected.value, expected.low, expected.high], abs=1e-12)
            else:
                assert np.isnan(found).all()
        said = sum(row[3] for row in own) / len(own)
        assert line["mean_probability"] == pytest.approx(said)
        assert line["calibration_gap"] == pytest.approx(said - line["base_rate"])


def test_columns():
    table = subgroup_table([1, 0], [1, 1], ["a", "b"])
    assert list(table) == ["n", *(f"{name}{end}" for name in SHARES for end in ("", "_low", "_high"))]
    assert table.index.name == "group"
    assert table["n"].dtype == np.int64


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([10, 9, 10], [9, 10]),
        ([10, None, "b"], [10, "b", "missing"]),
        (pd.Series(["y", None, "x"], index=[3, 3, 1], dtype="string"), ["x", "y", "missing"]),
        (pl.Series(["y", None, "x"]), ["x", "y", "missing"]),
        (pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"]), ["low", "high"]),
        ([True, False, True], [False, True]),
        (np.array([0.5, np.nan, 0.1]), [0.1, 0.5, "missing"]),
    ],
)
def test_labels_of_any_kind(groups, expected):
    table = subgroup_table([1, 0, 1], [1, 1, 0], groups)
    assert ["missing" if pd.isna(label) else label for label in table.index] == expected
    assert table["n"].sum() == 3


def test_intervals_cover_a_share_that_is_the_same_everywhere():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(1_000), 60)
    y = rng.random(len(groups)) < 0.3
    table = subgroup_table(y, y, groups)
    covered = (table["base_rate_low"] <= 0.3) & (table["base_rate_high"] >= 0.3)
    assert covered.mean() == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 0], [1, 0], ["a"]), {}, "'groups' parameter of subgroup_table must be of length 2. Got length 1"),
        (([1, 0], [0.4, 0], ["a", "b"]), {}, "'y_pred' parameter of subgroup_table must hold 0 and 1 alone"),
        (([1, 0], [1], ["a", "b"]), {}, "'y_pred' parameter of subgroup_table must be of length 2"),
        (([], [], []), {}, "'y_true' parameter of subgroup_table is empty"),
        (([1, 0], [1, 0], ["a", "b"]), {"y_prob": [1, 2]}, "'y_prob' parameter of subgroup_table must be prob"),
        (([1, 0], [1, 0], ["a", "b"]), {"coverage": 1}, "'coverage' parameter of subgroup_table"),
    ],
)
def test_what_is_refused(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        subgroup_table(*arguments, **options)
