import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    expected_maximum_profit_churn,
    expected_target_fraction,
    lift,
    maximum_profit_churn,
    profit_curve,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "expected_maximum_profit.json").read_text("utf-8"))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def naive_cuts(y, score, value, incentive, contact):
    """(share, S, C) of every cut: who is at or above each score that occurs."""
    n = len(y)
    rows = list(zip(y, score, *(np.broadcast_to(part, n) for part in (value, incentive, contact)), strict=True))
    cuts = [(0.0, 0.0, 0.0)]
    for cut in sorted(set(score), reverse=True):
        taken = [row for row in rows if row[1] >= cut]
        gain = math.fsum(v - d for churned, _, v, d, _ in taken if churned)
        cost = math.fsum(f if churned else d + f for churned, _, _, d, f in taken)
        cuts.append((len(taken) / n, gain / n, cost / n))
    return cuts


def integrate(cuts, a, b, of_best):
    """Integrate what is of the best cut over all rates, between the rates where any two cuts earn the same."""
    crossings = {(c1 - c2) / (s1 - s2) for _, s1, c1 in cuts for _, s2, c2 in cuts if s1 != s2}
    ends = [0.0, *sorted(rate for rate in crossings if 0 < rate < 1), *np.linspace(0, 1, 9)[1:]]
    ends = np.unique(ends)
    total = 0.0
    for low, high in itertools.pairwise(ends):
        rates = (low + high) / 2 + (high - low) / 2 * NODES
        best = max(cuts, key=lambda cut: (round(rates[20] * cut[1] - cut[2], 12), -cut[0]))
        total += (high - low) / 2 * WEIGHTS @ (of_best(best, rates) * beta.pdf(rates, a, b))
    return total


def naive_profit(cuts, a, b):
    return integrate(cuts, a, b, lambda cut, rates: rates * cut[1] - cut[2])


money = st.one_of(st.integers(0, 60), st.lists(st.integers(0, 60), min_size=12, max_size=12))
people = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=12)
shapes = st.tuples(st.sampled_from([1, 2, 6, 6.5]), st.sampled_from([1, 3, 14]))


def columns(pairs, *amounts):
    y, score = zip(*pairs, strict=True)
    return y, score, *(part if isinstance(part, int) else part[: len(y)] for part in amounts)


@given(people, money, money, money, shapes)
def test_equals_numerical_integration(pairs, value, incentive, contact, shape):
    y, score, value, incentive, contact = columns(pairs, value, incentive, contact)
    options = {"value": value, "incentive": incentive, "contact": contact}
    cuts = naive_cuts(y, score, **options)
    found = expected_maximum_profit_churn(y, score, accept_rate=shape, **options)
    assert found == pytest.approx(naive_profit(cuts, *shape), abs=1e-8)
    fraction = expected_target_fraction(y, score, accept_rate=shape, **options)
    assert fraction == pytest.approx(integrate(cuts, *shape, lambda cut, rates: cut[0] + 0 * rates), abs=1e-8)


@given(people, money, money, money, st.floats(0, 1))
def test_maximum_profit_is_the_best_of_all_cuts(pairs, value, incentive, contact, rate):
    y, score, value, incentive, contact = columns(pairs, value, incentive, contact)
    options = {"value": value, "incentive": incentive, "contact": contact}
    cuts = naive_cuts(y, score, **options)
    profits = [rate * gain - cost for _, gain, cost in cuts]
    assert maximum_profit_churn(y, score, accept_rate=rate, **options) == pytest.approx(max(profits), abs=1e-9)
    curve = profit_curve(y, score, accept_rate=rate, **options)
    np.testing.assert_allclose(curve.profit, profits, atol=1e-9)
    np.testing.assert_allclose(curve.fraction, [share for share, _, _ in cuts])
    assert list(curve.threshold) == [math.inf, *sorted(set(score), reverse=True)]
    fraction = expected_target_fraction(y, score, accept_rate=rate, **options)
    at_it = [profit for (share, _, _), profit in zip(cuts, profits, strict=True) if math.isclose(share, fraction)]
    assert at_it == [pytest.approx(max(profits), abs=1e-9)]


@given(people, money, money, money, st.data())
def test_weights_are_repeated_rows(pairs, value, incentive, contact, data):
    y, score, value, incentive, contact = columns(pairs, value, incentive, contact)
    n = len(y)
    weights = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any))
    amounts = [np.broadcast_to(part, n) for part in (value, incentive, contact)]
    once = dict(zip(("value", "incentive", "contact"), amounts, strict=True))
    often = {name: np.repeat(part, weights) for name, part in once.items()}
    for metric in (expected_maximum_profit_churn, maximum_profit_churn):
        repeated = metric(np.repeat(y, weights), np.repeat(score, weights), **often)
        assert metric(y, score, sample_weight=weights, **once) == pytest.approx(repeated, abs=1e-9)


@given(people, money, st.randoms(use_true_random=False))
def test_only_the_order_of_scores_matters_and_never_that_of_rows(pairs, value, random):
    y, score, value = columns(pairs, value)
    expected = expected_maximum_profit_churn(y, score, value=value)
    assert expected_maximum_profit_churn(y, np.exp(score) - 7, value=value) == expected
    order = random.sample(range(len(y)), len(y))
    y, score, value = (np.broadcast_to(part, len(order))[order] for part in (y, score, value))
    assert expected_maximum_profit_churn(y, score, value=value) == pytest.approx(expected, abs=1e-12)


@given(people, money, money, money)
def test_bounds(pairs, value, incentive, contact):
    y, score, value, incentive, contact = columns(pairs, value, incentive, contact)
    options = {"value": value, "incentive": incentive, "contact": contact}
    # A maximum is convex: its mean is at least the maximum at the mean, and choosing freely is best.
    expected = expected_maximum_profit_churn(y, score, **options)
    assert -1e-12 <= maximum_profit_churn(y, score, **options) <= expected + 1e-9
    each = np.broadcast_to(value, len(y)) - np.broadcast_to(incentive, len(y))
    oracle = expected_maximum_profit_churn(y, np.multiply(y, np.exp(each / 99)), **options)
    if isinstance(contact, int):
        assert expected <= oracle + 1e-9
    assert 0 <= expected_target_fraction(y, score, **options) <= 1 + 1e-12


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["case"])
def test_published_figures(case):
    points = {**GOLDEN["ten_points"], **case}
    y, score = points["y"], list(points["score"])
    for row, moved in case.get("scores", {}).items():
        score[int(row)] = moved
    assert expected_maximum_profit_churn(y, score) == pytest.approx(case["empc"], abs=1e-9)
    if "mpc" in case:
        assert maximum_profit_churn(y, score) == pytest.approx(case["mpc"], abs=1e-9)
        assert expected_target_fraction(y, score) == pytest.approx(case["fraction"], abs=1e-5)  # five digits are known
    if "fraction_mpc" in case:
        assert expected_target_fraction(y, score, accept_rate=0.3) == case["fraction_mpc"]


def test_business_customers():
    # Janssens et al. (2022): an incentive of 5 % of the value, contact 15; 42 for each of the ten churners.
    y, value = [0, 1] * 10, np.array([100, 200] * 10)
    options = {"value": value, "incentive": 0.05 * value, "contact": 15}
    assert maximum_profit_churn(y, y, **options) == pytest.approx(21.0, abs=1e-12)
    # Where fewer than 15 / 190 accept, the best campaign is none.
    assert expected_maximum_profit_churn(y, y, **options) == pytest.approx(
        naive_profit(naive_cuts(y, y, **options), 6, 14), abs=1e-9
    )


@pytest.fixture(scope="module")
def telco(data_folder):
    import pandas as pd

    frame = pd.read_csv(data_folder / "telco_churn_ibm" / "telco_customer_churn.csv.gz")
    scores = {
        "tenure": -frame["tenure"],
        "charges": frame["MonthlyCharges"],
        "contract": 1000 * (frame["Contract"] == "Month-to-month") - frame["tenure"],
    }
    return (frame["Churn"] == "Yes").to_numpy(), scores


@pytest.mark.parametrize("case", GOLDEN["telco"], ids=lambda case: f"{case['score']}-{case.get('value', 200)}")
def test_telco(telco, case):
    y, scores = telco
    score = scores[case["score"]]
    options = {name: case[name] for name in ("value", "incentive", "contact") if name in case}
    assert expected_maximum_profit_churn(y, score, **options) == pytest.approx(case["empc"], abs=1e-7)
    if "mpc" in case:
        assert maximum_profit_churn(y, score, **options) == pytest.approx(case["mpc"], abs=1e-7)
        assert expected_target_fraction(y, score, **options) == pytest.approx(case["fraction"], abs=1e-5)


def test_bounds_of_telco(telco):
    y, _ = telco
    bounds = GOLDEN["telco_bounds"]
    assert maximum_profit_churn(y, y) == pytest.approx(bounds["oracle"], abs=1e-4)
    assert profit_curve(y, y).profit[-1] == pytest.approx(bounds["everyone"], abs=1e-4)


def test_many_rows_and_every_score_a_corner():
    # The chain has a corner at every churner: values fall, so no two edges are pooled.
    n = 20_000
    value = np.linspace(1000, 100, n)
    y, score = np.ones(n), -np.arange(n)
    cuts = np.cumsum(0.3 * (value - 10) - 1)
    assert maximum_profit_churn(y, score, value=value) == pytest.approx(cuts.max() / n)
    rates = np.linspace(0, 1, 40_001)[1:]
    # With rate g, contacting row i pays if g (v_i - 10) > 1.
    best = np.array([np.maximum(g * (value - 10) - 1, 0).mean() for g in rates[::40]])
    expected = np.trapezoid(best * beta.pdf(rates[::40], 6, 14), rates[::40])
    assert expected_maximum_profit_churn(y, score, value=value) == pytest.approx(expected, rel=1e-5)


def test_one_class_only():
    score = [0.1, 0.7, 0.3]
    for metric in (expected_maximum_profit_churn, maximum_profit_churn, expected_target_fraction):
        assert metric([0, 0, 0], score) == 0
    assert expected_maximum_profit_churn([1, 1, 1], score) == pytest.approx(56, abs=1e-6)
    assert maximum_profit_churn([1, 1, 1], score) == 56
    assert expected_target_fraction([1, 1, 1], score) == pytest.approx(1)


def test_offers_that_never_pay_are_made_to_nobody():
    y, score = [1, 0, 1], [3, 2, 1]
    for value in (0, 9, -50, [1, 2, 3]):
        assert expected_maximum_profit_churn(y, score, value=value) == 0
        assert maximum_profit_churn(y, score, value=value) == 0
        assert expected_target_fraction(y, score, value=value) == 0
        assert profit_curve(y, score, value=value).profit.argmax() == 0


def test_free_contacts():
    # Nothing to lose with churners at the head, so every rate contacts them.
    assert expected_target_fraction([1, 1, 0, 0], [4, 3, 2, 1], contact=0) == 0.5
    assert expected_maximum_profit_churn([1, 0], [1, 0], incentive=0, contact=0) == pytest.approx(30, abs=1e-12)


def test_money_sees_what_lift_does_not():
    """Two lists with one lift: the one with the large customer at its head earns more."""
    y, value = [1, 1, 0, 0], [300, 50, 0, 0]
    large_first, small_first = [2, 1, 2, 1], [1, 2, 1, 2]
    assert lift(y, large_first, share=0.5) == lift(y, small_first, share=0.5) == 1
    profits = [maximum_profit_churn(y, score, value=value, incentive=20) for score in (large_first, small_first)]
    assert profits == [pytest.approx((0.3 * 280 - 1 - 21) / 4), pytest.approx((0.3 * 310 - 2 - 42) / 4)]


def test_inputs_are_left_alone_and_may_be_booleans():
    y, score, value = np.array([True, False]), np.array([0.9, 0.1]), np.array([200.0, 100.0])
    for array in (y, score, value):
        array.flags.writeable = False
    assert maximum_profit_churn(y, score, value=value) == 28


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([], []), {}, "'y_true' parameter of .* is empty"),
        (([1, 0], [1, np.nan]), {}, "'y_score' parameter of .* missing or infinite"),
        (([1, 0], [1, np.inf]), {}, "'y_score' parameter of .* missing or infinite"),
        (([1, None], [1, 2]), {}, "'y_true' parameter of .* missing or infinite"),
        (([1, 2], [1, 2]), {}, r"must hold 0 and 1 alone. Got 2 at position 1 instead. Compare with the class"),
        ((["Yes", "No"], [1, 2]), {}, "'y_true' parameter of .* must be a one-dimensional array of numbers"),
        (([1, 0], [1]), {}, "'y_score' parameter of .* must be of length 2"),
        (([1, 0], [1, 2]), {"value": [1, 2, 3]}, "'value' parameter of .* must be of length 2"),
        (([1, 0], [1, 2]), {"value": [1, np.nan]}, "'value' parameter of .* missing or infinite"),
        (([1, 0], [1, 2]), {"value": np.nan}, "'value' parameter of .* must be a finite float"),
        (([1, 0], [1, 2]), {"value": "worth"}, "'value' parameter of .* must be a finite float"),
        (([1, 0], [1, 2]), {"contact": -1}, r"'contact' parameter of .* must be a finite float in the range \[0"),
        (([1, 0], [1, 2]), {"incentive": [1, -1]}, "'incentive' parameter of .* must not be below 0. Got -1 at"),
        (([1, 0], [1, 2]), {"sample_weight": [0, 0]}, "'sample_weight' parameter of .* not zero in all rows"),
        (([1, 0], [1, 2]), {"sample_weight": [2, -1]}, "'sample_weight' parameter of .* must not be negative"),
    ],
)
def test_what_is_refused(arguments, options, message):
    for metric in (expected_maximum_profit_churn, maximum_profit_churn, expected_target_fraction, profit_curve):
        with pytest.raises(ParameterError, match=message):
            metric(*arguments, **options)


def test_accept_rates():
    y, score = [1, 0, 1], [3, 2, 1]
    with pytest.raises(ParameterError, match="pair of floats above 0. Got 0.3 instead. For one rate that is known"):
        expected_maximum_profit_churn(y, score, accept_rate=0.3)
    with pytest.raises(ParameterError, match=r"'accept_rate' .* range \[0, 1\]. Got \(6, 14\)"):
        maximum_profit_churn(y, score, accept_rate=(6, 14))
    for bad in ((6, 0), (6, 14, 2), (6, np.nan), 1.5, "high"):
        with pytest.raises(ParameterError, match="'accept_rate' parameter of profit_curve must be"):
            profit_curve(y, score, accept_rate=bad)
    both = [profit_curve(y, score, accept_rate=rate).profit for rate in (0.3, [6, 14])]
    np.testing.assert_array_equal(*both)
    # An ever narrower distribution is one rate.
    narrow = expected_maximum_profit_churn(y, score, accept_rate=(3e6, 7e6))
    assert narrow == pytest.approx(maximum_profit_churn(y, score), abs=1e-2)
