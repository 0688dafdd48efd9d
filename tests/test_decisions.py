"""What outcomes, probabilities and values must be: the parts that no single metric shows."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit._decisions import (
    churn_class,
    churn_column,
    churners,
    equal_groups,
    innermost,
    mean_accept_rate,
    value_of_rows,
)
from crmkit.exceptions import ColumnNotFoundError, ParameterError


def test_mean_of_a_rate_and_of_its_distribution():
    assert mean_accept_rate(0.4) == 0.4
    assert mean_accept_rate((6, 14)) == mean_accept_rate([6, 14]) == 0.3


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"worth": [1, 2]}, index=[5, 5]),
        pd.DataFrame({"worth": pd.array([1, 2], dtype="Int64")}),
        pl.DataFrame({"worth": [1, 2]}),
    ],
    ids=["pandas", "pandas-nullable", "polars"],
)
def test_values_of_any_frame(frame):
    np.testing.assert_array_equal(value_of_rows("worth", frame, "f"), [1.0, 2.0])


def test_a_column_called_attributes_is_a_column():
    frame = pd.DataFrame({"attributes": ["x", "y"], "worth": [1, 2]})
    np.testing.assert_array_equal(value_of_rows("worth", frame, "f"), [1.0, 2.0])
    with pytest.raises(ColumnNotFoundError, match="value='price'"):
        value_of_rows("price", frame, "f")


class Wrapped:
    """What scikit-learn's checks pass: it can be made an array of, and has no length."""

    def __array__(self, dtype=None, copy=None):
        return np.zeros((2, 1))


def test_one_value_asks_nothing_of_the_rows():
    assert value_of_rows(7, Wrapped(), "f") == 7.0
    np.testing.assert_array_equal(value_of_rows([1, 2], [[0], [0]], "f"), [1.0, 2.0])


def test_values_of_a_dict():
    table = {"age": [1, 2, 3], "worth": [5, 6, 7]}
    np.testing.assert_array_equal(value_of_rows("worth", table, "f"), [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(value_of_rows([1, 2, 3], table, "f"), [1.0, 2.0, 3.0])
    with pytest.raises(ParameterError, match="of length 3"):
        value_of_rows([1, 2], table, "f")


@pytest.mark.parametrize(
    ("classes", "label", "column"),
    [
        ([0, 1], None, 1),
        ([False, True], None, 1),
        ([-1.0, 1.0], None, 1),
        ([1, 2], None, None),
        ([0, 2], None, None),
        (["0", "1"], None, None),
        (["no", "yes"], None, None),
        (["no", "yes"], "no", 0),
        (["no", "yes"], 1, None),
        ([0, 1], 0, 0),
        ([0, 1], "1", None),
        ([0, 1], True, 1),
    ],
)
def test_which_class_is_churn(classes, label, column):
    model = SimpleNamespace(classes_=np.array(classes))
    assert churn_column(model.classes_, model, label) == column
    if column is None:
        with pytest.raises(ParameterError, match="does not know which of the labels.*Pass pos_label="):
            churn_class(model, "f", label)
    else:
        assert churn_class(model, "f", label) == (column, classes[column])


def test_the_model_inside_says_it():
    classes = np.array(["goes", "stays"])
    inner = SimpleNamespace(classes_=classes, pos_label_="goes")
    pipeline = SimpleNamespace(classes_=classes, steps=[("scale", None), ("model", inner)])
    search = SimpleNamespace(classes_=classes, best_estimator_=pipeline)
    outer = SimpleNamespace(classes_=classes, steps=[("search", search)])
    for model in (inner, pipeline, search, outer):
        assert innermost(model) is inner
        assert churn_class(model, "f") == (0, "goes")
        assert churn_class(model, "f", "stays") == (1, "stays")
    assert innermost(SimpleNamespace(steps=3)).steps == 3


def test_who_churned():
    model = SimpleNamespace(classes_=np.array([0, 1]))
    assert churners(model, [True, False, 1.0], 1, "f").tolist() == [True, False, True]
    assert churners(model, [1, 0, 0], 0, "f").tolist() == [False, True, True]
    for other in ([0, 1, 2], ["0", "1"], [[0], [1]], [0.0, np.nan]):
        with pytest.raises(ParameterError, match="must hold the labels that SimpleNamespace was fitted on"):
            churners(model, other, 1, "f")


def test_equal_groups():
    assert equal_groups(np.array([0.3, 0.1, 0.3]), np.ones(3), 2).tolist() == [1, 0, 1]
    assert equal_groups(np.arange(6.0), np.ones(6), 3).tolist() == [0, 0, 1, 1, 2, 2]
    # The first value alone weighs as much as all others.
    assert equal_groups(np.arange(4.0), np.array([3.0, 1, 1, 1]), 2).tolist() == [0, 1, 1, 1]
    assert equal_groups(np.array([1.0, 1, 1, 1, 2, 3]), np.ones(6), 2).tolist() == [0, 0, 0, 0, 1, 1]


def test_metrics_do_not_load_frames():
    code = "import sys; from crmkit.metrics import profit_curve; profit_curve([0, 1], [0, 1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "narwhals", "sklearn"} & set(done.stdout.split())
