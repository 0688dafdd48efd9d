"""The threshold: every score that occurs is tried, against every one tried by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.churn import ChurnProfit
from crmkit.churn._decision import choose_cut, score_of

rows = st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.sampled_from([0.5, 1.0, 3.0])), min_size=1, max_size=25)


def arrays(drawn):
    p = np.array([one[0] / 10 for one in drawn])
    return p, np.array([float(one[1]) for one in drawn]), np.array([one[2] for one in drawn])


def cut(decision, p, churned, weight, *, value=None, profit=None, worth=200.0, held_out=True):
    return choose_cut(decision, value, profit, p, churned, worth, weight, held_out=held_out)


@settings(deadline=None)
@given(rows)
def test_f1_is_the_best_of_all(drawn):
    p, churned, weight = arrays(drawn)

    def f1(threshold):
        called = p >= threshold
        return 2 * (weight * churned * called).sum() / ((weight * called).sum() + (weight * churned).sum())

    found = cut("f1", p, churned, weight)
    best = max(f1(threshold) for threshold in p)
    assert f1(found.threshold) == pytest.approx(best, abs=1e-12)
    assert found.target_fraction == pytest.approx(weight[p >= found.threshold].sum() / weight.sum())


@settings(deadline=None)
@given(rows, st.floats(0, 1))
def test_a_share_is_never_exceeded_and_used_up(drawn, share):
    p, churned, weight = arrays(drawn)
    found = cut("share", p, churned, weight, value=share)
    shares = {threshold: weight[p >= threshold].sum() / weight.sum() for threshold in p}
    allowed = [one for one in shares.values() if one <= share + 1e-12]
    assert found.target_fraction == pytest.approx(max(allowed, default=0.0))
    assert weight[p >= found.threshold].sum() / weight.sum() == pytest.approx(found.target_fraction)


def test_a_given_threshold_and_none():
    p, churned, weight = np.array([0.2, 0.5, 0.7]), np.array([0.0, 1, 1]), np.ones(3)
    assert cut("threshold", p, churned, weight, value=0.5) == (0.5, pytest.approx(2 / 3))
    assert cut(None, p, churned, weight) == (0.5, pytest.approx(1 / 3))


@settings(deadline=None)
@given(rows, st.sampled_from([None, 0.5, 5.0]), st.booleans())
def test_without_held_out_rows_probabilities_are_taken_at_their_word(drawn, budget, each):
    p, churned, weight = arrays(drawn)
    profit = ChurnProfit(budget=budget)
    worth = np.linspace(0, 400, len(p)) if each else 200.0
    score = score_of(profit, "profit", p, worth)
    found = cut("profit", p, churned, weight, profit=profit, worth=worth, held_out=False)
    earned, spent = weight * profit.expected_profit(p, worth), weight * profit.expected_cost(p)
    best = 0.0
    for threshold in score:
        chosen = score >= threshold
        if budget is None or spent[chosen].sum() <= budget * weight.sum() * (1 + 1e-12):
            best = max(best, earned[chosen].sum())
    assert earned[score >= found.threshold].sum() == pytest.approx(best, abs=1e-9)
    assert found.target_fraction == pytest.approx(weight[score >= found.threshold].sum() / weight.sum())


def test_held_out_rows_overrule_probabilities_if_they_are_clear():
    # Probabilities say that everybody stays, at the break-even of 11 / 67 and below; half of them leave.
    p, churned = np.linspace(0.01, 0.16, 400), np.tile([0.0, 1.0], 200)
    profit = ChurnProfit()
    even = cut("profit", p, churned, np.ones(400), profit=profit, held_out=False)
    assert even == (np.inf, 0.0)
    found = cut("profit", p, churned, np.ones(400), profit=profit)
    assert found.threshold == profit.cut(churned, p).threshold
    assert found.target_fraction > 0.99
    # Four rows say nothing: the best of four cuts is luck.
    p, churned = np.array([0.9, 0.8, 0.1, 0.05]), np.array([0.0, 1.0, 1.0, 0.0])
    assert profit.cut(churned, p).target_fraction == 0.75
    assert cut("profit", p, churned, np.ones(4), profit=profit) == (0.8, 0.5)
    # With values of their own customers are compared by what contacting them is expected to earn.
    worth = np.array([0.0, 200.0, 2000.0, 0.0])
    found = cut("profit", p, churned, np.ones(4), profit=profit, worth=worth)
    assert found.target_fraction == 0.5
    assert found.threshold == min(profit.expected_profit([0.8, 0.1], worth[1:3]))
