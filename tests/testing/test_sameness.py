from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from crmkit.events import ItemTargets
from crmkit.testing import assert_identical

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1.0, NAN]), np.array([1.0, NAN])),
        (np.array([]), np.array([])),
        (np.zeros((0, 2)), np.zeros((0, 2))),
        (pd.DataFrame({"a": [1.0]}, index=[5]), pl.DataFrame({"a": [1.0]})),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": pd.Categorical(["x", None])})),
        (pd.Series([1, 2]), np.array([1, 2])),
        (np.array(["2024-01-01", "NaT"], dtype="M8[us]"), np.array(["2024-01-01", "NaT"], dtype="M8[us]")),
        (csr_matrix(np.eye(2)), csr_matrix(np.eye(2))),
        (
            ItemTargets(csr_matrix(np.array([[1, 0, 2]])), np.array(["a", "b", "c"])),
            ItemTargets(csr_matrix(np.array([[1, 2]])), np.array(["a", "c"])),
        ),
    ],
    ids=range(9),
)
def test_the_same(one, other):
    assert_identical(one, other)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (np.array([0.1 + 0.2]), np.array([0.3]), r"It differs in row 0: 0\.30000000000000004 instead of 0\.3"),
        (np.array([0.0]), np.array([-0.0]), "differs in row 0"),
        (np.array([1.0, NAN]), np.array([1.0, 2.0]), "differs in row 1: nan instead of 2.0"),
        (np.array([1.0]), np.array([1]), "is of float64 instead of int64"),
        (np.array([1.0], dtype=np.float32), np.array([1.0]), "differs in row 0"),
        (np.ones(2), np.ones(3), r"has the shape \(2,\) instead of \(3,\)"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), r"has the columns \['a'\] instead of \['b'\]"),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]}), "It, column 'a', differs in row 1: 2 instead of 3"),
        (pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": [None]}), "differs in row 0: 'x' instead of None"),
        (csr_matrix(np.eye(2)), csr_matrix(np.ones((2, 2))), "differs|shape"),
        (
            ItemTargets(csr_matrix(np.array([[1, 2]])), np.array(["a", "c"])),
            ItemTargets(csr_matrix(np.array([[1, 2]])), np.array(["a", "b"])),
            "column 'item', differs in row 1: 'c' instead of 'b'",
        ),
    ],
    ids=range(11),
)
def test_not_the_same(one, other, message):
    with pytest.raises(AssertionError, match=message):
        assert_identical(one, other, "It")
