"""What is drawn is what the model's explanation says."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from crmkit import ChurnClassifier
from crmkit.exceptions import ParameterError
from crmkit.plotting import ContributionDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"number_{j}": rng.normal(size=300) for j in range(5)})
    X["plan"] = rng.choice(["客户", "b"], 300)
    X["big"] = rng.gamma(2, 800, 300).round()
    X.loc[0, "number_0"] = np.nan
    y = (X["number_1"] + (X["plan"] == "b") + rng.normal(size=300) > 1).astype(int)
    return ChurnClassifier(LogisticRegression()).fit(X, y), X


@pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")
def test_one_customer(fitted):
    model, X = fitted
    display = ContributionDisplay.from_estimator(model, X[:1], most=4)
    told = model.explain(X[:1]).iloc[0]
    parts = told.drop("base")
    order = parts.abs().sort_values(ascending=False).index
    assert list(display.heights_) == list(order[:4])
    assert display.heights_ == pytest.approx(parts[order[:4]].to_dict())
    widths = [bar.get_width() for bar in display.bars_]
    assert sum(widths) + told["base"] == pytest.approx(told.sum())
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[-1] == "3 others together"
    assert {"number_0 = missing", f"plan = {X['plan'][0]}"} & set(labels) or "number_0" not in order[:4]
    probability = model.predict_proba(X[:1])[0, 1]
    assert f"this customer: {probability:.1%}" in display.ax_.get_xlabel()
    assert f"average in everything: {expit(told['base']):.1%}" in display.ax_.get_xlabel()


@pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")
def test_values_are_written_beside_names(fitted):
    model, X = fitted
    display = ContributionDisplay.from_estimator(model, X[:1], most=10)
    labels = {text.get_text() for text in display.ax_.get_yticklabels()}
    assert {"number_0 = missing", f"plan = {X['plan'][0]}", f"big = {X['big'][0]:,.0f}"} <= labels
    assert f"number_1 = {X['number_1'][0]:.3g}" in labels


def test_many_customers(fitted):
    model, X = fitted
    display = ContributionDisplay.from_estimator(model, X, most=3)
    told = model.explain(X).drop(columns="base")
    sizes = told.abs().mean().sort_values(ascending=False)
    assert display.heights_ == pytest.approx(sizes[:3].to_dict())
    rest = told[sizes.index[3:]].sum(axis=1).abs().mean()
    assert display.bars_[-1].get_width() == pytest.approx(rest)
    assert "=" not in display.ax_.get_yticklabels()[0].get_text()


def test_frames_of_polars_and_axes_of_ones_own():
    _, ax = plt.subplots()
    parts = {"a": [0.2], "b": [-1.0], "base": [0.0]}
    told = pl.DataFrame({"a": [True], "b": [None]})
    display = ContributionDisplay.from_frame(pl.DataFrame(parts), told=told, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.heights_ == {"b": -1.0, "a": 0.2}
    assert [text.get_text() for text in ax.get_yticklabels()] == ["b = missing", "a = True"]
    colours = {bar.get_facecolor() for bar in display.bars_}
    assert len(colours) == 2


def test_what_is_refused(fitted):
    model, X = fitted
    with pytest.raises(ParameterError, match="must have explain"):
        ContributionDisplay.from_estimator(LogisticRegression(), X)
    for bad in (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [], "base": []}), np.ones((2, 2))):
        with pytest.raises(ParameterError, match="column 'base'"):
            ContributionDisplay.from_frame(bad)
    with pytest.raises(ParameterError, match="'most' parameter"):
        ContributionDisplay.from_estimator(model, X, most=0)
