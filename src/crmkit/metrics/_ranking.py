"""How well scores put the right customers first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._validation import check_float, check_vector
from crmkit.exceptions import ParameterError

__all__ = ["GainCurve", "gain_curve", "lift", "normalised_gini"]

Floats = NDArray[np.float64]


class GainCurve(NamedTuple):
    """How much is found by picking more and more rows; straight between its corners.

    Attributes
    ----------
    fraction : ndarray of shape (n_cuts + 1,)
        Share of the rows picked, from 0 to 1.
    gain : ndarray of shape (n_cuts + 1,)
        Share of all of `y_true` found in them, from 0 to 1.
    """

    fraction: Floats
    gain: Floats


def lift(y_true: ArrayLike, y_score: ArrayLike, *, share: float = 0.1, sample_weight: ArrayLike | None = None) -> float:
    """Compare the best-scored share of the rows with all rows; by default, the lift of the top decile.

    A lift of 3 at a share of 0.1: the tenth of the customers with the highest scores holds three
    times as many buyers as a tenth picked blindly.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened: 0 and 1, or amounts that are not negative, such as later sales.
    y_score : array-like of shape (n,)
        The scores, higher for those to be picked first.
    share : float, default=0.1
        The share of the rows that is picked, above 0 and at most 1.
    sample_weight : array-like of shape (n,), default=None
        How much each row counts, not negative; all the same if None.

    Returns
    -------
    float
        From 0 to ``1 / share``; blind picking gives 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, are empty, or hold missing or infinite values, if a `y_true` or a
        weight is negative, or if `y_true` is 0 in all rows that count: the lift is not defined
        then.

    See Also
    --------
    estimate : Gives the lift an interval: ``estimate(lift, y, score, groups=customer)``.
    gain_curve : The lift at every share, times the share.
    normalised_gini : Looks at the order of all rows, of amounts as well.
    sklearn.metrics.roc_auc_score : Looks at the order of all rows, not at the head of the list.

    Notes
    -----
    Rows are sorted by score; the lift is the mean of `y_true` over the first ``share * n`` rows,
    divided by its mean over all rows. That is the height of the cumulative gains curve over that
    of its diagonal [1]_. ``share * n`` is not rounded, and rows with equal scores at the cut count in
    part, all alike. The result is the mean over all orders of the tied rows, so it depends neither
    on the order of the rows nor on luck; scores that are all equal have a lift of 1.

    References
    ----------
    .. [1] C. X. Ling and C. Li (1998). "Data mining for direct marketing: problems and solutions".
       Proceedings of KDD-98, 73-79.

    Examples
    --------
    >>> from crmkit.metrics import lift
    >>> y = [1, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    >>> score = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    >>> round(lift(y, score, share=0.2), 6)
    3.333333
    >>> lift(y, [0.5] * 10, share=0.2)
    1.0
    """
    owner = "lift"
    share = check_float("share", share, owner, low=0, high=1, closed="right")
    picked, held = _gains(owner, y_true, y_score, sample_weight)
    cut = share * picked[-1]
    return float(np.interp(cut, picked, held) / cut / (held[-1] / picked[-1]))


def gain_curve(y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None) -> GainCurve:
    """Compute the share of the buyers or churners found by picking more and more of the best-scored rows.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened: 0 and 1, or amounts that are not negative.
    y_score : array-like of shape (n,)
        The scores, higher for those to be picked first.
    sample_weight : array-like of shape (n,), default=None
        How much each row counts, not negative; all the same if None.

    Returns
    -------
    GainCurve
        ``fraction`` and ``gain``: arrays with a corner for each different score, and (0, 0) before them.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As `lift`.

    See Also
    --------
    lift : ``gain / fraction`` at one share; at 0.1 the lift of the top decile.
    normalised_gini : The area between this curve and the diagonal, over the largest there can be: the Gini
        coefficient of churn models, ``2 * AUC - 1``.
    profit_curve : The same in money.

    Examples
    --------
    >>> from crmkit.metrics import gain_curve
    >>> fraction, gain = gain_curve([1, 0, 1, 0], [0.9, 0.4, 0.4, 0.1])
    >>> fraction, gain
    (array([0.  , 0.25, 0.75, 1.  ]), array([0. , 0.5, 1. , 1. ]))
    """
    picked, held = _gains("gain_curve", y_true, y_score, sample_weight)
    return GainCurve(picked / picked[-1], held / held[-1])


def _gains(owner: str, y_true: ArrayLike, y_score: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Floats, Floats]:
    """The weight of the rows picked, and how much is in them, after each run of equal scores."""
    true = check_vector("y_true", y_true, np.float64, owner)
    n = len(true)
    score = check_vector("y_score", y_score, np.float64, owner, n=n)
    if sample_weight is None:
        weight = np.ones(n)
    else:
        weight = check_vector("sample_weight", sample_weight, np.float64, owner, n=n)
    for name, values in (("y_true", true), ("sample_weight", weight)):
        if n and values.min() < 0:
            raise ParameterError(
                f"The {name!r} parameter of {owner} must not be negative. "
                f"Got {values.min()} at position {values.argmin()} instead."
            )
    if not n:
        raise ParameterError(f"The 'y_true' parameter of {owner} is empty: there is nothing to judge.")
    amount = true * weight
    if not amount.sum() > 0:
        raise ParameterError(
            f"The {owner.replace('_', ' ')} is not defined: 'y_true' is 0 in all of the rows that count."
        )
    order = np.argsort(-score)
    # The gains curve has a corner after each run of equal scores and is straight between them.
    last = np.append(np.flatnonzero(np.diff(score[order])), n - 1)
    picked = np.concatenate(([0.0], np.cumsum(weight[order])[last]))
    return picked, np.concatenate(([0.0], np.cumsum(amount[order])[last]))


def normalised_gini(y_true: ArrayLike, y_score: ArrayLike) -> float:
    r"""Compare the order of the scores with the best and with a blind one, over the whole list.

    1 where the scores put the amounts in their own order, 0 on average for blind scores, -1 for the
    reverse order. It answers "how well do we know who will spend much" when amounts, not yes and no,
    are to be ranked.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened: amounts such as later sales. They may be negative, as where refunds exceed
        purchases.
    y_score : array-like of shape (n,)
        The scores, higher for those expected to have larger amounts. Only their order counts.

    Returns
    -------
    float
        From -1 to 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length or hold missing or infinite values, or if `y_true` is the same
        in all rows: no order is better than another then.

    See Also
    --------
    lift : Looks at the head of the list alone.
    estimate : Gives it an interval: ``estimate(normalised_gini, y, score, groups=customer)``.

    Notes
    -----
    Sort rows by descending score and draw the share of the amounts against the share of the rows. The
    area between this curve and the diagonal, divided by the same area with rows sorted by `y_true`
    itself, is the normalised Gini coefficient [1]_:

    .. math:: \frac{\sum_i y_i \, (r_i - \bar r)}{\sum_i y_i \, (q_i - \bar q)},

    where :math:`r_i` are the ascending ranks of the scores and :math:`q_i` those of the amounts. Rows
    with equal scores share the mean of their ranks, so the result is the mean over all orders of tied
    rows, and scores that are all equal have 0. With amounts of 0 and 1 it is ``2 * AUC - 1``.

    It is blind to the level: predictions that are all ten times too high have the same value. Look at
    the total beside it. One huge amount can decide it, which its interval shows.

    References
    ----------
    .. [1] E. W. Frees, G. Meyers and A. D. Cummings (2011). "Summarizing insurance scores using a Gini
       index". Journal of the American Statistical Association 106(495), 1085-1098.
       :doi:`10.1198/jasa.2011.tm10506`

    Examples
    --------
    >>> from crmkit.metrics import normalised_gini
    >>> spent = [0.0, 0.0, 10.0, 90.0]
    >>> normalised_gini(spent, [1, 2, 3, 4])
    1.0
    >>> round(normalised_gini(spent, [2, 1, 4, 3]), 3)
    0.429
    >>> normalised_gini(spent, [5, 5, 5, 5])
    0.0
    """
    true = check_vector("y_true", y_true, np.float64, "normalised_gini")
    score = check_vector("y_score", y_score, np.float64, "normalised_gini", n=len(true))
    if len(true) == 0 or true.min() == true.max():
        raise ParameterError(
            "The normalised Gini coefficient is not defined: 'y_true' is the same in all rows, so that no order of "
            "them is better than another."
        )
    return float(true @ _centred_ranks(score) / (true @ _centred_ranks(true)))


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ascending ranks less their mean; equal values share the mean of theirs."""
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + len(values)) / 2)[level]
