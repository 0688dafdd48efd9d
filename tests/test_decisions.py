"""What outcomes, probabilities and values must be: the parts that no single metric shows."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit._decisions import mean_accept_rate, value_of_rows
from crmkit.exceptions import ColumnNotFoundError


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


def test_metrics_do_not_load_frames():
    code = "import sys; from crmkit.metrics import profit_curve; profit_curve([0, 1], [0, 1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "narwhals", "sklearn"} & set(done.stdout.split())
