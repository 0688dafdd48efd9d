import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.metrics import gain_curve, lift, normalised_gini


def naive_lift(y, score, share):
    """The mean, over all orders of the rows, of the lift of a list that is sorted stably."""
    cut = share * len(y)
    whole, rest = math.floor(cut), cut - math.floor(cut)
    rates = []
    for order in itertools.permutations(range(len(y))):
        ranked = [y[row] for row in sorted(order, key=lambda row: -score[row])]
        held = sum(ranked[:whole]) + (rest * ranked[whole] if rest else 0)
        rates.append(held / cut)
    return sum(rates) / len(rates) / (sum(y) / len(y))


rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=5).filter(
    lambda pairs: any(y for y, _ in pairs)
)
many_rows = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=1).filter(
    lambda p: any(y for y, _ in p)
)
shares = st.floats(0.01, 1)


@given(rows, shares)
def test_ties_count_as_the_mean_of_all_orders(pairs, share):
    y, score = zip(*pairs, strict=True)
    assert lift(y, score, share=share) == pytest.approx(naive_lift(y, score, share), rel=1e-9)


def test_by_hand():
    y, score = [1, 0, 1, 0, 0, 0, 1, 0, 0, 1], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert lift(y, score, share=0.1) == pytest.approx(1 / 0.4)
    assert lift(y, score, share=0.2) == pytest.approx(0.5 / 0.4)
    assert lift(y, score, share=0.3) == pytest.approx((2 / 3) / 0.4)
    assert lift(y, score, share=0.25) == pytest.approx((1.5 / 2.5) / 0.4)
    assert lift(y, score, share=1.0) == pytest.approx(1)


@given(many_rows, shares, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(pairs, share, random):
    shuffled = random.sample(pairs, len(pairs))
    both = [lift(*zip(*some, strict=True), share=share) for some in (pairs, shuffled)]
    assert both[0] == pytest.approx(both[1], rel=1e-12)


@given(many_rows, shares)
def test_only_the_order_of_the_scores_matters(pairs, share):
    y, score = zip(*pairs, strict=True)
    assert lift(y, score, share=share) == lift(y, np.exp(score) - 7, share=share)


@given(many_rows, shares)
def test_bounds(pairs, share):
    y, score = zip(*pairs, strict=True)
    assert -1e-12 <= lift(y, score, share=share) <= min(1 / share, len(y) / sum(y)) * (1 + 1e-12)
    assert lift(y, score, share=1.0) == pytest.approx(1)
    assert lift(y, np.zeros(len(y)), share=share) == pytest.approx(1)


@given(many_rows, shares)
def test_perfect_scores_have_the_highest_lift(pairs, share):
    y, score = zip(*pairs, strict=True)
    best = lift(y, y, share=share)
    assert best == pytest.approx(min(1 / share, len(y) / sum(y)))
    assert lift(y, score, share=share) <= best * (1 + 1e-12)


@given(many_rows, shares, st.data())
def test_weights_are_repeated_rows(pairs, share, data):
    weights = data.draw(st.lists(st.integers(0, 4), min_size=len(pairs), max_size=len(pairs)))
    repeated = [pair for pair, weight in zip(pairs, weights, strict=True) for _ in range(weight)]
    assume(any(y for y, _ in repeated))
    y, score = zip(*pairs, strict=True)
    expected = lift(*zip(*repeated, strict=True), share=share)
    assert lift(y, score, share=share, sample_weight=weights) == pytest.approx(expected)


def test_amounts_count_as_amounts():
    assert lift([0, 90, 10, 0], [1, 4, 3, 2], share=0.25) == pytest.approx(0.9 / 0.25)


def test_booleans_and_read_only_arrays():
    y, score = np.array([True, False]), np.array([0.9, 0.1])
    for array in (y, score):
        array.flags.writeable = False
    assert lift(y, score, share=0.5) == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0], [1, 2]), "not defined: 'y_true' is 0 in all"),
        (([], []), "'y_true' parameter of lift is empty: there is nothing to judge"),
        (([1, 0], [1, 2, 3]), "'y_score' parameter of lift must be of length 2"),
        (([1, 0], [1, np.nan]), "'y_score' parameter of lift has 1 of 2 values that are missing"),
        (([1, None], [1, 2]), "'y_true' parameter of lift has 1 of 2 values that are missing"),
        (([1, -3], [1, 2]), r"'y_true' parameter of lift must not be negative. Got -3.0 at position 1"),
        ((["yes", "no"], [1, 2]), "'y_true' parameter of lift must be a one-dimensional array of numbers"),
    ],
)
def test_what_has_no_lift(arguments, message):
    with pytest.raises(ParameterError, match=message):
        lift(*arguments)


def test_bad_options():
    for share in (0, -0.1, 1.1, "10%", np.nan):
        with pytest.raises(
            ParameterError, match=r"'share' parameter of lift must be a finite float in the range \(0, 1\]"
        ):
            lift([1, 0], [1, 2], share=share)
    with pytest.raises(ParameterError, match="'sample_weight' parameter of lift must not be negative"):
        lift([1, 0], [1, 2], sample_weight=[1, -1])
    with pytest.raises(ParameterError, match="not defined"):
        lift([1, 0], [1, 2], sample_weight=[0, 1])


def naive_gini(y, score):
    """The area over the diagonal of the curve of amounts, averaged over all orders of the rows."""
    areas = []
    for order in itertools.permutations(range(len(y))):
        ranked = [y[row] for row in sorted(order, key=lambda row: -score[row])]
        held = list(itertools.accumulate(ranked, initial=0))
        areas.append(sum((a + b) / 2 for a, b in itertools.pairwise(held)) / len(y) - held[-1] / 2)
    return sum(areas) / len(areas)


amounts = st.lists(st.tuples(st.integers(-2, 5), st.integers(0, 3)), min_size=2, max_size=6).filter(
    lambda pairs: len({y for y, _ in pairs}) > 1
)


@given(amounts)
def test_gini_is_the_area_of_the_curve_over_the_best_area(pairs):
    y, score = zip(*pairs, strict=True)
    assert normalised_gini(y, score) == pytest.approx(naive_gini(y, score) / naive_gini(y, y), rel=1e-9, abs=1e-9)


def test_gini_by_hand():
    assert normalised_gini([0, 0, 10, 90], [1, 2, 3, 4]) == 1.0
    assert normalised_gini([0, 0, 10, 90], [4, 3, 2, 1]) == -1.0
    # Centred ranks are -1.5, -0.5, 0.5, 1.5: 90 * 1.5 + 10 * 0.5 = 140 at best, 90 * 0.5 + 10 * 1.5 = 60 here.
    assert normalised_gini([0, 0, 10, 90], [1, 2, 4, 3]) == pytest.approx(60 / 140)


@given(amounts)
def test_gini_of_constant_scores_is_nothing(pairs):
    y, _ = zip(*pairs, strict=True)
    assert normalised_gini(y, [3.0] * len(y)) == pytest.approx(0, abs=1e-12)


@given(many_rows.filter(lambda pairs: len({y for y, _ in pairs}) > 1))
def test_gini_of_yes_and_no_is_that_of_the_auc(pairs):
    y, score = np.array(pairs).T
    above = (score[y == 1][:, None] > score[y == 0]).mean() + (score[y == 1][:, None] == score[y == 0]).mean() / 2
    assert normalised_gini(y, score) == pytest.approx(2 * above - 1, abs=1e-12)


@given(amounts, st.floats(0.1, 10))
def test_gini_knows_no_unit(pairs, scale):
    y, score = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    assert normalised_gini(scale * y, np.exp(score)) == pytest.approx(normalised_gini(y, score), abs=1e-12)


@pytest.mark.parametrize("y", [[], [2.0, 2.0]])
def test_gini_needs_amounts_that_differ(y):
    with pytest.raises(ParameterError, match="'y_true' is the same in all rows"):
        normalised_gini(y, y)


def test_gini_names_what_is_wrong():
    with pytest.raises(ParameterError, match="'y_score' parameter of normalised_gini must be of length 2"):
        normalised_gini([1, 2], [1, 2, 3])
    with pytest.raises(ParameterError, match="missing or infinite"):
        normalised_gini([1, math.nan], [1, 2])


@given(many_rows)
def test_gain_curve_counts_what_is_found_at_each_score(pairs):
    y, score = np.array(pairs).T
    fraction, gain = gain_curve(y, score)
    cuts = sorted(set(score.tolist()), reverse=True)
    np.testing.assert_allclose(fraction, [0, *((score >= cut).mean() for cut in cuts)])
    np.testing.assert_allclose(gain, [0, *(y[score >= cut].sum() / y.sum() for cut in cuts)])


@given(many_rows, shares)
def test_gain_over_fraction_is_the_lift(pairs, share):
    y, score = zip(*pairs, strict=True)
    gain = np.interp(share, *gain_curve(y, score))
    assert gain / share == pytest.approx(lift(y, score, share=share))


@given(many_rows.filter(lambda pairs: len({y for y, _ in pairs}) > 1))
def test_area_of_the_gain_curve_is_the_gini(pairs):
    y, score = zip(*pairs, strict=True)
    area, best = (np.trapezoid(curve.gain, curve.fraction) - 0.5 for curve in (gain_curve(y, score), gain_curve(y, y)))
    assert area / best == pytest.approx(normalised_gini(y, score), abs=1e-9)


def test_gain_curve_names_itself():
    with pytest.raises(ParameterError, match="The gain curve is not defined"):
        gain_curve([0, 0], [1, 2])
    with pytest.raises(ParameterError, match="'y_true' parameter of gain_curve is empty"):
        gain_curve([], [])
    with pytest.raises(ParameterError, match="'y_score' parameter of gain_curve"):
        gain_curve([0, 1], [1])
    fraction, gain = gain_curve([1, 1, 0], [3, 2, 1], sample_weight=[0, 2, 2])
    assert (list(fraction), list(gain)) == ([0, 0, 0.5, 1], [0, 0, 1, 1])
