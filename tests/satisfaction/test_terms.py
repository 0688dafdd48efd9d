"""Columns as the terms of a linear model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit._tables import table_columns
from crmkit.satisfaction._terms import Terms


def columns_of(table):
    return table_columns(table, "SatisfactionClassifier")


def learn(table):
    return Terms.learn(columns_of(table), len(table), np.ones(len(table)))


def test_numbers_levels_and_what_is_missing():
    table = pd.DataFrame({"age": [20, 40, np.nan, 60.0], "plan": ["b", "a", "b", None]})
    terms = learn(table)
    assert terms.names == ["age", "age (missing)", "plan=a", "plan (other)"]
    assert terms.source.tolist() == [0, 0, 1, 1]
    assert terms.references == {"plan": "b"}
    scale = np.std([20, 40, 60])
    np.testing.assert_allclose(terms.unit, [scale, 1, 1, 1])
    expected = [[-20 / scale, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [20 / scale, 0, 0, 1]]
    np.testing.assert_allclose(terms.matrix(columns_of(table), 4), expected)


def test_a_level_that_is_new_is_other_where_fit_saw_such_and_else_the_reference():
    new = pd.DataFrame({"plan": ["c", "a", "b"]})
    seen = learn(pd.DataFrame({"plan": ["b", "a", "b", None]}))
    np.testing.assert_array_equal(seen.matrix(columns_of(new), 3), [[0, 1], [1, 0], [0, 0]])
    unseen = learn(pd.DataFrame({"plan": ["b", "a", "b"]}))
    assert unseen.names == ["plan=a"]
    np.testing.assert_array_equal(unseen.matrix(columns_of(new), 3), [[0], [1], [0]])


def test_a_column_without_values_has_a_term_that_never_changes():
    table = pd.DataFrame({"age": [1.0, 2.0], "gap": [np.nan, np.nan]})
    terms = learn(table)
    assert terms.names == ["age", "gap"]
    np.testing.assert_array_equal(terms.matrix(columns_of(table), 2)[:, 1], [0, 0])
