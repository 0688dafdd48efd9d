"""The figures are the scorer's; what is drawn is the figures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from crmkit import EventLog, ItemCosineRecommender
from crmkit.datasets import make_retail
from crmkit.exceptions import ParameterError
from crmkit.model_selection import RecommendationScorer
from crmkit.plotting import RankingDisplay
from crmkit.recommend import PopularityRecommender, RepeatPurchaseRecommender


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows():
    frame, _ = make_retail(200, 40, random_state=0)
    orders = frame[frame["kind"] == "order"]
    log = EventLog.from_frame(orders, customer="customer_id", time="time", item="item")
    return log.snapshot("2024-06-01", horizon="90D")


@pytest.fixture(scope="module")
def models(rows):
    return {"item cosine": ItemCosineRecommender().fit(rows), "popular": PopularityRecommender().fit(rows)}


@pytest.mark.parametrize("metric", ["ndcg", "hit_rate", "recall"])
def test_figures_are_those_of_the_scorer(models, rows, metric):
    y = rows.future_items()
    display = RankingDisplay.from_estimators(models, rows, y, ks=(10, 1, 3), metric=metric, coverage=0.9)
    assert display.ks == [1, 3, 10]
    for name, model in models.items():
        for k, found in zip(display.ks, display.estimates[name], strict=True):
            expected = RecommendationScorer(metric, k).estimate(model, rows, y, coverage=0.9, random_state=0)
            assert found == expected
            assert (found.low, found.high) == (expected.low, expected.high)


def test_what_is_drawn_is_the_figures(models, rows):
    display = RankingDisplay.from_estimators(models, rows, rows.future_items(), ks=(1, 5))
    assert list(display.lines_) == ["item cosine", "popular"]
    for name, drawn in display.lines_.items():
        line, _, (bars,) = drawn
        found = display.estimates[name]
        np.testing.assert_allclose(line.get_ydata(), [float(one) for one in found])
        np.testing.assert_allclose(line.get_xdata(), [1, 5], rtol=0.05)
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [(one.low, one.high) for one in found])
    assert display.ax_.get_ylabel() == "NDCG@k"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["item cosine", "popular"]
    assert display.ax_.get_ylim()[0] == 0


def test_seen_items_are_left_out_for_all(rows):
    model = {"own": RepeatPurchaseRecommender().fit(rows)}
    y = rows.future_items()
    with_own, without = (
        RankingDisplay.from_estimators(model, rows, y, ks=(5,), exclude_seen=new).estimates["own"][0]
        for new in (False, True)
    )
    assert float(with_own) > float(without)


def test_lists_longer_than_the_catalogue(models, rows):
    display = RankingDisplay.from_estimators(models, rows, rows.future_items(), ks=(40, 500), metric="recall")
    short, long = display.estimates["popular"]
    assert float(short) == float(long)


def test_an_axes_of_ones_own_and_a_matrix(rows):
    _, ax = plt.subplots()
    before, after = rows.interactions("binary"), rows.future_items().csr
    model = ItemCosineRecommender().fit(before)
    display = RankingDisplay.from_estimators({"matrix": model}, before, after, ks=(5,), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert RankingDisplay(display.ks, display.estimates, "map").plot().ax_.get_ylabel() == "MAP@k"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"estimators": {}}, "at least one"),
        ({"estimators": ItemCosineRecommender()}, "must be a dict of names"),
        ({"ks": ()}, "at least one length"),
        ({"ks": (0,)}, "'ks' parameter"),
        ({"metric": "auc"}, "'metric' parameter"),
    ],
)
def test_what_is_refused(models, rows, options, said):
    with pytest.raises(ParameterError, match=said):
        RankingDisplay.from_estimators(**{"estimators": models, "X": rows, "y": rows.future_items(), **options})
