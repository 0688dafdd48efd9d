"""From probabilities to yes and no: the threshold, and how many it reaches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit.churn._profit import ChurnProfit

Floats = NDArray[np.float64]


class Cut(NamedTuple):
    """The least score that is called churn, and the share of the rows at or above it."""

    threshold: float
    target_fraction: float


def score_of(profit: ChurnProfit | None, decision: str | None, probability: Floats, value: float | Floats) -> Floats:
    """What the threshold is compared with: the probability, or the profit where customers differ in value."""
    if profit is None or decision != "profit" or isinstance(value, float):
        return probability
    return profit.expected_profit(probability, value)


def choose_cut(
    decision: str | None,
    decision_value: float | None,
    profit: ChurnProfit | None,
    probability: Floats,
    churned: Floats,
    value: float | Floats,
    weight: Floats,
    *,
    held_out: bool,
) -> Cut:
    """Choose the threshold on rows whose outcome is known.

    Where money decides, probabilities are taken at their word, unless rows that the model has not seen (`held_out`)
    say clearly that another threshold earns more.
    """
    score = score_of(profit, decision, probability, value)
    if decision == "profit" and profit is not None:
        even = _expected_cut(profit, score, probability, value, weight)
        return _better_cut(even, profit, score, probability, value, weight, churned) if held_out else even
    if decision in ("share", "f1"):
        order, last = _descending(score)
        called = np.cumsum(weight[order])[last]
        if decision == "share":
            good = np.flatnonzero(called <= (decision_value or 0.0) * called[-1] * (1 + 1e-12))
            best = int(good[-1]) if len(good) else -1
        else:
            right = np.cumsum((weight * churned)[order])[last]
            best = int(np.argmax(2 * right / (called + right[-1])))
        return _cut_at(score[order][last], called, best)
    threshold = 0.5 if decision_value is None else float(decision_value)
    reached = probability >= threshold if decision == "threshold" else probability > threshold
    return Cut(threshold, float(weight[reached].sum() / weight.sum()))


def _better_cut(
    even: Cut,
    profit: ChurnProfit,
    score: Floats,
    probability: Floats,
    value: float | Floats,
    weight: Floats,
    churned: Floats,
) -> Cut:
    """The cut that earned most, if it earned clearly more than the one that probabilities ask for.

    The best of all scores of a few hundred rows is mostly luck: it must be two standard errors ahead.
    """
    best = profit.cut(churned, score, probability, value, sample_weight=weight)
    earned = profit.expected_profit(churned, value)
    more = (score >= best.threshold).astype(np.float64) - (score >= even.threshold)
    lead, error = weight @ (more * earned), np.sqrt(weight @ (more * earned) ** 2)
    return Cut(best.threshold, best.target_fraction) if lead > 2 * error else even


def _expected_cut(
    profit: ChurnProfit, score: Floats, probability: Floats, value: float | Floats, weight: Floats
) -> Cut:
    """Down to the score where contacting is expected to earn nothing, or the budget ends."""
    order, last = _descending(score)
    earned = np.cumsum((weight * profit.expected_profit(probability, value))[order])[last]
    spent = np.cumsum((weight * profit.expected_cost(probability))[order])[last]
    if profit.budget is not None:
        earned = np.where(spent <= profit.budget * weight.sum() * (1 + 1e-12), earned, -np.inf)
    best = int(np.argmax(earned))
    return _cut_at(score[order][last], np.cumsum(weight[order])[last], best if earned[best] > 0 else -1)


def _descending(score: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows by descending score, and the last place of each run of equal ones."""
    order = np.argsort(-score, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)


def _cut_at(scores: Floats, called: NDArray[np.floating[Any]], best: int) -> Cut:
    if best < 0:
        return Cut(float("inf"), 0.0)
    return Cut(float(scores[best]), float(called[best] / called[-1]))
