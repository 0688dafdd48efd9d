"""Grouped permutation importance against scikit-learn's own on the table, and against theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance as of_scikit_learn
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from crmkit.exceptions import ParameterError
from crmkit.model_selection import permutation_importance

COLUMNS = ["frequency", "recency", "T"]


def as_pandas(X):
    return X.summary()[COLUMNS]


def as_polars(X):
    return pl.DataFrame(as_pandas(X).to_dict("list"))


def as_array(X):
    return as_pandas(X).to_numpy()


def as_csr(X):
    return csr_array(as_array(X))


def fitted(X, y, table=as_pandas):
    return make_pipeline(FunctionTransformer(table), LogisticRegression(max_iter=500)).fit(X, y)


def test_it_agrees_with_scikit_learn_on_the_table(X, y):
    model = fitted(X, y)
    ours = permutation_importance(model, X, y, n_repeats=30, random_state=0, scoring="roc_auc")
    theirs = of_scikit_learn(model[-1], as_pandas(X), y, n_repeats=30, random_state=0, scoring="roc_auc")
    error = 5 * (ours.importances_std + theirs.importances_std) / np.sqrt(30)
    assert (np.abs(ours.importances_mean - theirs.importances_mean) <= error + 1e-12).all()
    assert ours.names.tolist() == COLUMNS


def test_the_importance_is_the_drop_of_the_score(X, y):
    model = fitted(X, y)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=7)
    seeds = np.random.default_rng(7).integers(2**63, size=3)
    from sklearn.metrics import roc_auc_score

    table = as_pandas(X)
    whole = roc_auc_score(y, model[-1].predict_proba(table)[:, 1])
    assert found.score == pytest.approx(whole)
    for column, name in enumerate(COLUMNS):
        for repeat, seed in enumerate(seeds):
            shuffled = table.copy()
            shuffled[name] = table[name].to_numpy()[np.random.default_rng(seed).permutation(len(X))]
            drop = whole - roc_auc_score(y, model[-1].predict_proba(shuffled)[:, 1])
            assert found.importances[column, repeat] == pytest.approx(drop)


@pytest.mark.parametrize("table", [as_polars, as_array, as_csr])
def test_tables_of_every_kind(X, y, table):
    expected = permutation_importance(fitted(X, y), X, y, random_state=0)
    found = permutation_importance(fitted(X, y, table), X, y, random_state=0)
    np.testing.assert_allclose(found.importances, expected.importances, atol=1e-6)
    assert found.names.tolist() == (COLUMNS if table is as_polars else ["x0", "x1", "x2"])


def test_columns_that_repeat_each_other_are_judged_as_a_group(X, y):
    def doubled(rows):
        return as_pandas(rows).assign(silence=lambda t: t["T"] - t["recency"], again=lambda t: 2 * t["T"])

    model = make_pipeline(FunctionTransformer(doubled), StandardScaler(), LogisticRegression(max_iter=500))
    model.set_output(transform="pandas").fit(X, y)
    when = ["recency", "T", "silence", "again"]
    together = permutation_importance(model, X, y, groups={"when": when}, random_state=0, n_repeats=10)
    assert together.names.tolist() == ["when", "frequency"]
    apart = permutation_importance(model, X, y, random_state=0, n_repeats=10)
    alone = dict(zip(apart.names, apart.importances_mean, strict=True))
    assert together.importances_mean[0] > max(alone[name] for name in when)
    by_position = permutation_importance(model, X, y, groups={"when": [1, 2, 3, 4]}, random_state=0, n_repeats=10)
    np.testing.assert_array_equal(by_position.importances, together.importances)


def test_everything_shuffled_together_leaves_no_order(X, y):
    found = permutation_importance(fitted(X, y), X, y, groups={"all": COLUMNS}, n_repeats=40, random_state=0)
    assert found.score - found.importances_mean[0] == pytest.approx(0.5, abs=0.02)


def test_a_column_that_the_model_ignores_has_no_importance(X, y):
    model = make_pipeline(FunctionTransformer(as_pandas), LinearRegression()).fit(X, y)
    model[-1].coef_[1] = 0.0
    found = permutation_importance(model, X, y, random_state=0)
    assert found.importances[1].tolist() == [0.0] * 5
    assert found.importances_mean[0] > 0


def test_types_of_columns_are_kept(X, y):
    def mixed(rows):
        return as_pandas(rows).assign(kind=pd.Categorical(np.where(as_pandas(rows)["T"] > 20, "old", "new")))

    seen = []

    class Model(LogisticRegression):
        def predict_proba(self, table):
            seen.append(table.dtypes.astype(str).tolist())
            return super().predict_proba(table[COLUMNS])

        def fit(self, table, y):
            return super().fit(table[COLUMNS], y)

        def decision_function(self, table):
            seen.append(table.dtypes.astype(str).tolist())
            return super().decision_function(table[COLUMNS])

    model = make_pipeline(FunctionTransformer(mixed), Model()).fit(X, y)
    permutation_importance(model, X, y, n_repeats=1, random_state=0)
    assert len(seen) > 4
    assert all(types == ["float64"] * 3 + ["category"] for types in seen if len(types) == 4)
    assert any(len(types) == 4 for types in seen)


@pytest.mark.slow
def test_processes_change_nothing(X, y):
    model = fitted(X, y)
    one, two = (permutation_importance(model, X, y, random_state=3, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.importances, two.importances)


def test_refusals(X, y):
    model = fitted(X, y)
    with pytest.raises(ParameterError, match=r"must be a fitted Pipeline.*Got LogisticRegression"):
        permutation_importance(LogisticRegression(), X, y)
    with pytest.raises(ParameterError, match="'X' parameter of permutation_importance must be Snapshots"):
        permutation_importance(model, as_pandas(X), y)
    with pytest.raises(ParameterError, match=r"y has 2 values"):
        permutation_importance(model, X, y[:2])
    with pytest.raises(ParameterError, match=r"groups\['a'\] names 'monetary', which is none of.*'frequency'"):
        permutation_importance(model, X, y, groups={"a": ["monetary"]})
    with pytest.raises(ParameterError, match=r"groups\['a'\] names 3"):
        permutation_importance(model, X, y, groups={"a": [3]})
    with pytest.raises(ParameterError, match=r"'T' twice"):
        permutation_importance(model, X, y, groups={"a": ["T"], "b": ["T"]})
    with pytest.raises(ParameterError, match=r"groups\['a'\] has no columns"):
        permutation_importance(model, X, y, groups={"a": []})
    with pytest.raises(ParameterError, match=r"names \['T'\], which columns in no group have too"):
        permutation_importance(model, X, y, groups={"T": ["recency"]})
    with pytest.raises(ParameterError, match="n_repeats"):
        permutation_importance(model, X, y, n_repeats=0)
    with pytest.raises(NotFittedError):
        permutation_importance(make_pipeline(FunctionTransformer(as_pandas), LogisticRegression()), X, y)
