import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from crmkit.exceptions import ParameterError
from crmkit.metrics import brier_decomposition, expected_calibration_error

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda k: k / 20)), min_size=1, max_size=40)
options = st.fixed_dictionaries(
    {"bins": st.integers(1, 12), "strategy": st.sampled_from(["quantile", "uniform"])},
)


def naive_groups(y, p, bins, strategy):
    """Lists of (y, p), one for each group that is not empty."""
    groups = {}
    for came, said in zip(y, p, strict=True):
        if strategy == "uniform":
            key = max(math.ceil(round(said * bins, 9)) - 1, 0)
        elif len(set(p)) <= bins:
            key = said
        else:
            below, same = sum(other < said for other in p), p.count(said)
            key = math.floor(round(bins * (below + same / 2) / len(p), 9))
        groups.setdefault(key, []).append((came, said))
    return list(groups.values())


@given(rows, options)
def test_equals_the_sums_over_groups(pairs, how):
    y, p = zip(*pairs, strict=True)
    n, base = len(y), sum(y) / len(y)
    parts = brier_decomposition(y, p, **how)
    reliability = resolution = error = 0.0
    for group in naive_groups(y, p, **how):
        came, said = (sum(column) / len(group) for column in zip(*group, strict=True))
        reliability += len(group) / n * (said - came) ** 2
        resolution += len(group) / n * (came - base) ** 2
        error += len(group) / n * abs(said - came)
    assert parts.reliability == pytest.approx(reliability, abs=1e-12)
    assert parts.resolution == pytest.approx(resolution, abs=1e-12)
    assert parts.uncertainty == pytest.approx(base * (1 - base), abs=1e-12)
    assert expected_calibration_error(y, p, **how) == pytest.approx(error, abs=1e-12)


@given(rows, options)
def test_the_parts_sum_to_the_brier_score(pairs, how):
    y, p = zip(*pairs, strict=True)
    parts = brier_decomposition(y, p, **how)
    score = brier_score_loss(y, p, pos_label=1)
    assert parts.brier == pytest.approx(score, abs=1e-12)
    terms = [parts.reliability, -parts.resolution, parts.uncertainty, parts.within_variance, -parts.within_covariance]
    assert sum(terms) == pytest.approx(score, abs=1e-12)


@given(rows)
def test_with_a_group_for_each_probability_murphys_three_terms_are_all(pairs):
    y, p = zip(*pairs, strict=True)
    parts = brier_decomposition(y, p, bins=21)
    assert parts[3:] == pytest.approx((0, 0), abs=1e-15)


@given(rows, options, st.data())
def test_weights_are_repeated_rows(pairs, how, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)).filter(any))
    y, p = zip(*pairs, strict=True)
    repeated = np.repeat(y, weights), np.repeat(p, weights)
    for metric in (brier_decomposition, expected_calibration_error):
        expected = metric(*repeated, **how)
        assert metric(y, p, sample_weight=weights, **how) == pytest.approx(expected, abs=1e-12)


@given(rows, options, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(pairs, how, random):
    shuffled = random.sample(pairs, len(pairs))
    both = [brier_decomposition(*zip(*some, strict=True), **how) for some in (pairs, shuffled)]
    assert both[0] == pytest.approx(both[1], abs=1e-12)


def test_groups_of_equal_size_where_nothing_ties():
    p = np.linspace(0.005, 0.995, 100)
    assert expected_calibration_error(p > 0.5, p) == pytest.approx(
        np.mean([abs((part > 0.5).mean() - part.mean()) for part in np.split(p, 10)])
    )


def test_what_a_perfect_model_has_by_chance():
    rng = np.random.default_rng(0)
    p = rng.beta(2, 5, size=(400, 1_000))
    y = rng.random(p.shape) < p
    errors = [expected_calibration_error(*row) for row in zip(y, p, strict=True)]
    parts = [brier_decomposition(*row) for row in zip(y, p, strict=True)]
    base = 2 / 7
    # The formulas take the variance of all rows; inside groups it is smaller.
    assert np.mean(errors) == pytest.approx(math.sqrt(20 * base * (1 - base) / (math.pi * 1_000)), rel=0.1)
    assert np.mean([part.reliability for part in parts]) == pytest.approx(10 * base * (1 - base) / 1_000, rel=0.2)


def test_constant_probabilities_and_one_class():
    parts = brier_decomposition([1, 0, 0, 0], [0.25] * 4)
    assert parts == (0, 0, 0.1875, 0, 0)
    assert expected_calibration_error([1, 1], [0.9, 0.7]) == pytest.approx(0.2)
    assert brier_decomposition([1, 1], [1.0, 1.0]) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "how", "message"),
    [
        (([1, 0], [1, 1.5]), {}, "'y_prob' parameter of .* from 0 to 1. Got 1.5 at position 1 .* predict_proba"),
        (([1, 0], [1, np.nan]), {}, "'y_prob' parameter of .* missing"),
        (([1, 3], [1, 0]), {}, "'y_true' parameter of .* must hold 0 and 1 alone"),
        (([], []), {}, "'y_true' parameter of .* is empty"),
        (([1, 0], [1]), {}, "'y_prob' parameter of .* must be of length 2"),
        (([1, 0], [1, 0]), {"bins": 0}, "'bins' parameter of .* must be an int"),
        (([1, 0], [1, 0]), {"strategy": "width"}, "'strategy' parameter of .* {'quantile', 'uniform'}"),
        (([1, 0], [1, 0]), {"sample_weight": [-1, 1]}, "'sample_weight' parameter of .* must not be negative"),
    ],
)
def test_what_is_refused(arguments, how, message):
    for metric in (brier_decomposition, expected_calibration_error):
        with pytest.raises(ParameterError, match=message):
            metric(*arguments, **how)
