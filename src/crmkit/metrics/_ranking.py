"""How well scores put the right customers first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from crmkit._validation import check_float, check_vector
from crmkit.exceptions import ParameterError

__all__ = ["lift"]


def lift(y_true: ArrayLike, y_score: ArrayLike, *, share: float = 0.1, sample_weight: ArrayLike | None = None) -> float:
    """Compare the best-scored share of the rows with all rows.

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
        If the arrays differ in length or hold missing or infinite values, if a `y_true` or a
        weight is negative, or if `y_true` is 0 in all rows that count: the lift is not defined
        then.

    See Also
    --------
    estimate : Gives the lift an interval: ``estimate(lift, y, score, groups=customer)``.
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
                f"The {name!r} parameter of lift must not be negative. "
                f"Got {values.min()} at position {values.argmin()} instead."
            )
    amount = true * weight
    if not amount.sum() > 0:
        raise ParameterError("The lift is not defined: 'y_true' is 0 in all of the rows that count.")
    order = np.argsort(-score)
    # The gains curve has a corner after each run of equal scores and is straight between them.
    last = np.append(np.flatnonzero(np.diff(score[order])), n - 1)
    picked = np.concatenate(([0.0], np.cumsum(weight[order])[last]))
    held = np.concatenate(([0.0], np.cumsum(amount[order])[last]))
    cut = share * picked[-1]
    return float(np.interp(cut, picked, held) / cut / (held[-1] / picked[-1]))
