"""The shares against sorting by hand."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.metrics import normalised_gini
from crmkit.plotting import ValueConcentrationDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


AMOUNTS = st.lists(st.floats(0, 1e6), min_size=2, max_size=30)


@settings(max_examples=25)
@given(AMOUNTS, st.data())
def test_lines_against_sorting(values, data):
    y = data.draw(st.lists(st.floats(0, 1e6), min_size=len(values), max_size=len(values)))
    values, y = np.array(values), np.array(y)
    if not (values.sum() > 0 and y.sum() > 0):
        with pytest.raises(ParameterError, match="add up to"):
            ValueConcentrationDisplay.from_predictions(values, y)
        return
    display = ValueConcentrationDisplay.from_predictions(values, y)
    plt.close("all")
    for name, amounts in (("predicted", values), ("actual", y)):
        expected = np.concatenate([[0], np.cumsum(np.sort(amounts)[::-1])]) / amounts.sum()
        np.testing.assert_allclose(display.shares[name], expected, rtol=1e-9, atol=1e-12)
        # The Gini coefficient as the mean difference of all pairs.
        pairs = np.abs(amounts[:, None] - amounts).mean() / (2 * amounts.mean())
        assert display.gini[name] == pytest.approx(pairs, abs=1e-9)
    if display.gini["actual"] > 1e-6:
        ratio = display.gini["actual by prediction"] / display.gini["actual"]
        assert ratio == pytest.approx(normalised_gini(y, values), abs=1e-6)


def test_ties_share_alike():
    display = ValueConcentrationDisplay.from_predictions([1.0, 1.0, 1.0, 0.5], [9.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(display.shares["actual by prediction"], [0, 0.3, 0.6, 0.9, 1.0])
    reverse = ValueConcentrationDisplay.from_predictions([0.5, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 9.0])
    assert (reverse.shares["actual by prediction"] == display.shares["actual by prediction"]).all()


def test_rows_without_a_prediction_are_left_out():
    display = ValueConcentrationDisplay.from_predictions([2.0, np.nan, 1.0], [1.0, 50.0, 3.0])
    assert display.customers.tolist() == [0.0, 0.5, 1.0]
    assert display.shares["actual by prediction"].tolist() == [0.0, 0.25, 1.0]


def test_many_customers_are_few_points_on_paper():
    rng = np.random.default_rng(0)
    display = ValueConcentrationDisplay.from_predictions(rng.gamma(0.5, size=50_000))
    assert len(display.shares["predicted"]) == 50_001
    assert len(display.lines_["predicted"].get_xdata()) == 1001
    # Of a gamma distribution: Gamma(k + 1/2) / (Gamma(k + 1) sqrt(pi)) = 2 / pi at k = 1/2.
    assert display.gini["predicted"] == pytest.approx(2 / np.pi, abs=0.005)


class Doubling:
    def predict(self, X):
        return 2.0 * np.asarray(X)


def test_estimators_predict_for_themselves():
    _, ax = plt.subplots()
    display = ValueConcentrationDisplay.from_estimator(Doubling(), [3.0, 1.0], ax=ax)
    assert display.ax_ is ax
    assert display.shares["predicted"].tolist() == [0.0, 0.75, 1.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["predicted (Gini 0.25)"]
    with pytest.raises(ParameterError, match="must have predict"):
        ValueConcentrationDisplay.from_estimator(object(), [1.0])
