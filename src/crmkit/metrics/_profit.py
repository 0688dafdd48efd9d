"""What a retention campaign earns that contacts the customers with the highest scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._decisions import (
    AcceptRate,
    check_accept_rate,
    check_money,
    check_outcomes,
    check_weights,
    mean_accept_rate,
)
from crmkit._validation import check_float, check_vector, parameter_error

__all__ = [
    "ProfitCurve",
    "expected_maximum_profit_churn",
    "expected_target_fraction",
    "maximum_profit_churn",
    "profit_curve",
]

Floats = NDArray[np.float64]


class ProfitCurve(NamedTuple):
    """What contacting more and more customers earns; entry 0 contacts nobody, the last everybody.

    Attributes
    ----------
    fraction : ndarray of shape (n_cuts + 1,)
        Share of the customers who are contacted.
    profit : ndarray of shape (n_cuts + 1,)
        Money per customer, contacted or not.
    threshold : ndarray of shape (n_cuts + 1,)
        Contacted are those with at least this score: every score that occurs is a cut, after infinity.
    """

    fraction: Floats
    profit: Floats
    threshold: Floats


def expected_maximum_profit_churn(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    value: float | ArrayLike = 200,
    incentive: float | ArrayLike = 10,
    contact: float | ArrayLike = 1,
    accept_rate: tuple[float, float] = (6, 14),
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Compute the expected maximum profit of a retention campaign (EMPC), per customer.

    What scores are worth in money, if the best cut is taken for each rate at which churners accept an
    offer, and that rate is known in distribution only.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        1 for customers who churned, 0 for the others.
    y_score : array-like of shape (n,)
        The scores, higher for those to be contacted first. Only their order counts.
    value : float or array-like of shape (n,), default=200
        What it is worth to keep a customer: one number, or one for each.
    incentive : float or array-like of shape (n,), default=10
        What an accepted offer costs; not negative.
    contact : float or array-like of shape (n,), default=1
        What contacting costs, whatever the answer; not negative.
    accept_rate : (float, float), default=(6, 14)
        The two parameters, above 0, of the beta distribution of the share of contacted churners who accept
        and stay. The default has the mean 0.3.
    sample_weight : array-like of shape (n,), default=None
        How much each row counts, not negative; all the same if None.

    Returns
    -------
    float
        Money per customer in the list, not per contacted one. Never negative: contacting nobody costs
        nothing. 0 where nobody churned, or no offer pays.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If arrays differ in length, are empty, or hold missing or infinite values, `y_true` holds other
        values than 0 and 1, or a cost is negative.

    See Also
    --------
    maximum_profit_churn : The same at one rate that is known.
    expected_target_fraction : How many customers that contacts.
    profit_curve : The profit of every cut.
    crmkit.model_selection.ProfitScorer : The same in searches and cross-validation.

    Notes
    -----
    A contacted churner :math:`i` brings :math:`\gamma (v_i - d_i) - f_i` at the accept rate
    :math:`\gamma`; another contacted customer takes the offer and costs :math:`d_i + f_i` [1]_. So cut
    :math:`k` earns :math:`\gamma S_k - C_k`, a straight line in :math:`\gamma`, with the sum
    :math:`S_k` over the contacted churners and the cost :math:`C_k` of all contacted. The largest of
    all lines is a convex chain, found exactly in one pass over the sorted scores, and is integrated over the beta
    density piece by piece with incomplete beta functions. For equal values this is the convex hull of the
    ROC curve; values of each customer are the case of companies whose customers differ in size [2]_.

    Rows with equal scores are contacted together. The cut is chosen with knowledge of `y_true`, which a
    campaign does not have: the figure compares scores, and is a little more than a campaign would earn.
    `crmkit.churn.ChurnProfit` chooses a cut to be used later.

    References
    ----------
    .. [1] T. Verbraken, W. Verbeke and B. Baesens (2013). "A novel profit maximizing metric for measuring
       classification performance of customer churn prediction models". IEEE Transactions on Knowledge
       and Data Engineering 25(5), 961-973. :doi:`10.1109/TKDE.2012.50`
    .. [2] B. Janssens, M. Bogaert, A. Bagué and D. Van den Poel (2022). "B2Boost: instance-dependent
       profit-driven modelling of B2B churn". Annals of Operations Research.
       :doi:`10.1007/s10479-022-04631-5`

    Examples
    --------
    >>> from crmkit.metrics import expected_maximum_profit_churn
    >>> churned = [0, 1, 0, 1, 0, 1, 0, 1]
    >>> score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
    >>> round(expected_maximum_profit_churn(churned, score), 6)
    23.875593
    >>> worth = [200, 20, 200, 20, 200, 500, 200, 500]
    >>> round(expected_maximum_profit_churn(churned, score, value=worth), 4)
    35.125
    """
    owner = "expected_maximum_profit_churn"
    rate = check_accept_rate(accept_rate, owner)
    if isinstance(rate, float):
        hint = "For one rate that is known, take maximum_profit_churn."
        raise parameter_error("accept_rate", accept_rate, "a pair of floats above 0", owner, hint)
    edges, total = _chain(_cuts(owner, y_true, y_score, value, incentive, contact, sample_weight))
    above, mean_above = _beyond(edges, *rate)
    return float((edges.gain * mean_above - edges.cost * above).sum() / total)


def maximum_profit_churn(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    value: float | ArrayLike = 200,
    incentive: float | ArrayLike = 10,
    contact: float | ArrayLike = 1,
    accept_rate: float = 0.3,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the maximum profit of a retention campaign (MPC), per customer.

    Parameters
    ----------
    y_true, y_score, value, incentive, contact
        As in `expected_maximum_profit_churn`.
    accept_rate : float, default=0.3
        The share of contacted churners who accept the offer and stay, from 0 to 1.
    sample_weight
        As in `expected_maximum_profit_churn`.

    Returns
    -------
    float
        The profit at the best cut, in money per customer in the list; 0 where no cut pays.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As `expected_maximum_profit_churn`.

    See Also
    --------
    expected_maximum_profit_churn : The same where the rate is uncertain; formulas and sources.

    Examples
    --------
    >>> from crmkit.metrics import maximum_profit_churn
    >>> churned = [0, 1, 0, 1, 0, 1, 0, 1]
    >>> maximum_profit_churn(churned, [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    23.875

    Customers of another size each, and an incentive of 5 % of that [2 in `expected_maximum_profit_churn`]:

    >>> worth = [100, 200, 100, 200]
    >>> gift = [0.05 * one for one in worth]
    >>> round(maximum_profit_churn([0, 1, 0, 1], [0, 1, 0, 1], value=worth, incentive=gift, contact=15), 6)
    21.0
    """
    owner = "maximum_profit_churn"
    rate = check_float("accept_rate", accept_rate, owner, low=0, high=1)
    cuts = _cuts(owner, y_true, y_score, value, incentive, contact, sample_weight)
    return float((rate * cuts.gain - cuts.cost).max() / cuts.rows[-1])


def expected_target_fraction(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    value: float | ArrayLike = 200,
    incentive: float | ArrayLike = 10,
    contact: float | ArrayLike = 1,
    accept_rate: AcceptRate = (6, 14),
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of the customers that the most profitable campaign contacts.

    Parameters
    ----------
    y_true, y_score, value, incentive, contact
        As in `expected_maximum_profit_churn`.
    accept_rate : (float, float) or float, default=(6, 14)
        A pair as in `expected_maximum_profit_churn`: the mean of the shares that are best for each rate.
        One rate as in `maximum_profit_churn`: the share that is best for this one, the smallest if several are.
    sample_weight
        As in `expected_maximum_profit_churn`.

    Returns
    -------
    float
        From 0 to 1; of the weight, where rows have one.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As `expected_maximum_profit_churn`.

    See Also
    --------
    expected_maximum_profit_churn : What this share earns.

    Examples
    --------
    >>> from crmkit.metrics import expected_target_fraction
    >>> churned = [0, 1, 0, 1, 0, 1, 0, 1]
    >>> score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
    >>> round(expected_target_fraction(churned, score), 6)
    0.87437
    >>> expected_target_fraction(churned, score, accept_rate=0.3)
    0.875
    """
    owner = "expected_target_fraction"
    rate = check_accept_rate(accept_rate, owner)
    cuts = _cuts(owner, y_true, y_score, value, incentive, contact, sample_weight)
    if isinstance(rate, float):
        return float(cuts.rows[np.argmax(rate * cuts.gain - cuts.cost)] / cuts.rows[-1])
    edges, total = _chain(cuts)
    return float((edges.rows * _beyond(edges, *rate)[0]).sum() / total)


def profit_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    value: float | ArrayLike = 200,
    incentive: float | ArrayLike = 10,
    contact: float | ArrayLike = 1,
    accept_rate: AcceptRate = (6, 14),
    sample_weight: ArrayLike | None = None,
) -> ProfitCurve:
    """Compute what contacting more and more customers earns, in the order of their scores.

    Parameters
    ----------
    y_true, y_score, value, incentive, contact
        As in `expected_maximum_profit_churn`.
    accept_rate : (float, float) or float, default=(6, 14)
        The share of contacted churners who accept the offer and stay, or the parameters of its beta
        distribution. Only its mean counts here.
    sample_weight
        As in `expected_maximum_profit_churn`.

    Returns
    -------
    ProfitCurve
        ``fraction`` of the customers contacted, ``profit`` per customer and ``threshold``: arrays with
        one entry more than there are different scores.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As `expected_maximum_profit_churn`.

    See Also
    --------
    maximum_profit_churn : The highest point of the curve.
    gain_curve : The share of the churners found, where no money is known.

    Examples
    --------
    >>> from crmkit.metrics import profit_curve
    >>> curve = profit_curve([0, 1, 0, 1], [0.1, 0.2, 0.2, 0.9])
    >>> curve.fraction, curve.profit, curve.threshold
    (array([0.  , 0.25, 0.75, 1.  ]), array([ 0.  , 14.  , 25.25, 22.5 ]), array([inf, 0.9, 0.2, 0.1]))
    """
    rate = mean_accept_rate(check_accept_rate(accept_rate, "profit_curve"))
    cuts = _cuts("profit_curve", y_true, y_score, value, incentive, contact, sample_weight)
    total = cuts.rows[-1]
    return ProfitCurve(cuts.rows / total, (rate * cuts.gain - cuts.cost) / total, cuts.threshold)


class _Sums(NamedTuple):
    """Per cut, or per edge between two of them: rows contacted, S, C, and the lowest score contacted."""

    rows: Floats
    gain: Floats
    cost: Floats
    threshold: Floats


def _cuts(owner: str, y_true: Any, y_score: Any, value: Any, incentive: Any, contact: Any, weights: Any) -> _Sums:
    """Sums over the contacted of every cut; the first contacts nobody."""
    churned = check_outcomes(y_true, owner)
    n = len(churned)
    score = check_vector("y_score", y_score, np.float64, owner, n=n)
    worth = check_money("value", value, owner, n=n, low=None)
    gift = check_money("incentive", incentive, owner, n=n, low=0)
    call = check_money("contact", contact, owner, n=n, low=0)
    weight = check_weights(weights, n, owner)
    order = np.argsort(-score)
    score = score[order]
    left = churned.astype(np.bool_)[order]  # an eighth of the memory, read in random order
    worth, gift, call = (part if isinstance(part, float) else part[order] for part in (worth, gift, call))
    # A churner's gift is part of the gain: it is paid where the churner stays.
    gain, cost = left * (worth - gift), ~left * gift + call
    last = np.append(np.flatnonzero(score[1:] != score[:-1]), n - 1)
    rows = last + 1.0
    if weight is not None:
        weight = weight[order]
        gain, cost, rows = gain * weight, cost * weight, np.cumsum(weight)[last]
    zero = [0.0]
    return _Sums(
        rows=np.concatenate((zero, rows)),
        gain=np.concatenate((zero, np.cumsum(gain)[last])),
        cost=np.concatenate((zero, np.cumsum(cost)[last])),
        threshold=np.concatenate(([np.inf], score[last])),
    )


def _chain(cuts: _Sums) -> tuple[_Sums, float]:
    """Return the edges between the cuts that are best for some accept rate, and the weight of all rows.

    The line of a later cut costs more, so it is best somewhere only if its gain exceeds all before it. Among
    those, cut k overtakes cut j at the rate (C_k - C_j) / (S_k - S_j), and the rates along the chain must rise:
    an isotonic regression of the rates, weighted by what they are divided by, pools the edges that do not.
    """
    from scipy.optimize import isotonic_regression

    before = np.maximum.accumulate(cuts.gain)[:-1]
    kept = np.concatenate(([0], np.flatnonzero(cuts.gain[1:] > before) + 1))
    rows, gain, cost = (np.diff(column[kept]) for column in cuts[:3])
    if not len(gain):
        return _Sums(rows, gain, cost, gain), float(cuts.rows[-1])
    starts = isotonic_regression(cost / gain, weights=gain).blocks[:-1]
    rows, gain, cost = (np.add.reduceat(column, starts) for column in (rows, gain, cost))
    return _Sums(rows, gain, cost, cost / gain), float(cuts.rows[-1])


def _beyond(edges: _Sums, a: float, b: float) -> tuple[Floats, Floats]:
    """The probability that the rate is above that of an edge, and the mean of the rate over these cases."""
    from scipy.special import betaincc

    rate = np.minimum(edges.threshold, 1.0)
    return betaincc(a, b, rate), a / (a + b) * betaincc(a + 1, b, rate)
