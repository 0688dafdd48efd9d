"""Scoring predictions that were made before."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import get_scorer

from crmkit.events import ItemTargets
from crmkit.model_selection._scoring import DIRECT, Response, as_vector, is_binary, replay


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_mean_absolute_error"])
def test_the_quick_metrics_are_those_of_scikit_learn(scoring):
    rng = np.random.default_rng(0)
    function = get_scorer(scoring)._score_func
    sign = -1 if scoring.startswith("neg") else 1
    for n in (2, 3, 10, 500):
        y = np.r_[0, 1, rng.integers(2, size=n - 2)]
        said = rng.integers(5, size=n) / 4  # with ties
        assert DIRECT[scoring](y, said) == pytest.approx(sign * function(y, said))
    assert np.isnan(DIRECT["roc_auc"](np.ones(3), np.arange(3.0)))


@pytest.mark.parametrize(
    ("method", "metric"), [("predict_proba", "neg_log_loss"), ("decision_function", "roc_auc"), ("predict", "f1")]
)
def test_a_replay_is_scored_like_what_it_repeats(method, metric):
    y, said = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.9, 0.4, 0.6, 0.7])
    said = (said > 0.5).astype(int) if method == "predict" else said
    scorer = get_scorer(metric)
    again = scorer(replay(Response(said, method, np.array([0, 1])), said), None, y)
    assert again == pytest.approx(scorer._sign * scorer._score_func(y, said))


def test_what_has_one_value_a_row():
    assert as_vector([1, 0]).tolist() == [1, 0]
    assert as_vector(np.zeros((3, 2))) is None
    assert as_vector(ItemTargets(csr_array((3, 2)), np.array(["a", "b"]))) is None
    assert is_binary(np.array(["x", "y", "x"]))
    assert not is_binary(np.array([1, 1, 1]))
    assert not is_binary(np.array([0, 1, 2]))
    assert not is_binary(np.array([0.5, 1.5]))
    assert not is_binary(None)
