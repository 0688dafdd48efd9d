"""Whether a model treats groups of customers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._decisions import check_outcomes, check_probabilities
from crmkit._groups import group_codes
from crmkit._intervals import wilson
from crmkit._validation import check_float

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["subgroup_table"]

_OWNER = "subgroup_table"


def subgroup_table(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: ArrayLike,
    *,
    y_prob: ArrayLike | None = None,
    coverage: float = 0.95,
) -> pd.DataFrame:
    """Compare a model's decisions and errors between groups of customers.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened: 0 and 1.
    y_pred : array-like of shape (n,)
        What was decided: 1 for those who were selected.
    groups : array-like of shape (n,)
        The group of each row, such as an age band or a region: labels or numbers. Rows without one are a
        group of their own.
    y_prob : array-like of shape (n,), default=None
        The probability of 1 that was said, if there is one.
    coverage : float, default=0.95
        Share of the intervals that hold the true share.

    Returns
    -------
    pandas.DataFrame
        One row per group, sorted, with the index ``group``. ``n`` counts its rows. Five shares follow, each with
        the ends of its Wilson interval as ``…_low`` and ``…_high``, and missing where nobody is asked about:
        ``base_rate`` of 1 in `y_true`; ``selection_rate`` of 1 in `y_pred`; ``true_positive_rate``, the
        selected among those with 1; ``false_positive_rate``, the selected among those with 0;
        ``precision``, those with 1 among the selected. With `y_prob` also ``mean_probability``, and
        ``calibration_gap``, by which it exceeds the base rate.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If arrays differ in length, are empty or hold missing values (`groups` may), or hold other values than 0
        and 1.

    See Also
    --------
    proportion : The interval.
    estimate : Intervals of other figures, and for rows that belong to the same customers.

    Notes
    -----
    What is usually reported is the largest difference between groups, highest minus lowest, and the smallest
    ratio, lowest over highest. Of the selection rate these are demographic parity (a ratio below 0.8 is the
    four-fifths rule's alarm); of the true positive rate, equal opportunity; of the larger of both error rates'
    differences, equalised odds. Of several groups some always differ by chance, small ones most: look at the
    intervals. Where base rates differ, equal error rates and equal calibration exclude each other for any model
    that is not perfect [1]_: which one matters is for people to say.

    A calibration gap is more than chance where ``mean_probability`` lies outside the interval of the base rate.

    References
    ----------
    .. [1] A. Chouldechova (2017). "Fair prediction with disparate impact". Big Data 5(2), 153-163.
       :doi:`10.1089/big.2016.0047`

    Examples
    --------
    >>> from crmkit.metrics import subgroup_table
    >>> churned = [1, 1, 0, 0, 1, 0, 0, 0]
    >>> contacted = [1, 0, 1, 0, 1, 1, 1, 0]
    >>> plan = ["basic"] * 4 + ["gold"] * 4
    >>> table = subgroup_table(churned, contacted, plan)
    >>> table[["n", "base_rate", "selection_rate", "true_positive_rate", "precision"]].round(2)
           n  base_rate  selection_rate  true_positive_rate  precision
    group
    basic  4       0.50            0.50                 0.5       0.50
    gold   4       0.25            0.75                 1.0       0.33
    >>> table[["selection_rate_low", "selection_rate_high"]].round(2)
           selection_rate_low  selection_rate_high
    group
    basic                0.15                 0.85
    gold                 0.30                 0.95
    >>> rate = table["selection_rate"]
    >>> print(f"difference {rate.max() - rate.min():.2f}, ratio {rate.min() / rate.max():.2f}")
    difference 0.25, ratio 0.67
    """
    import pandas as pd

    coverage = check_float("coverage", coverage, _OWNER, low=0, high=1, closed="neither")
    true = check_outcomes(y_true, _OWNER)
    chosen = check_outcomes(y_pred, _OWNER, "y_pred", n=len(true))
    code, levels = group_codes(groups, len(true), _OWNER)

    def count(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(code, weights=rows).astype(np.float64)

    n, churned, selected, found = (count(rows) for rows in (np.ones(len(true)), true, chosen, true * chosen))
    columns: dict[str, Any] = {"n": n.astype(np.int64)}
    for name, successes, among in (
        ("base_rate", churned, n),
        ("selection_rate", selected, n),
        ("true_positive_rate", found, churned),
        ("false_positive_rate", selected - found, n - churned),
        ("precision", found, selected),
    ):
        share = np.divide(successes, among, out=np.full(len(among), np.nan), where=among > 0)
        low, high = wilson(share, among, coverage)
        columns |= {name: share, f"{name}_low": low, f"{name}_high": high}
    if y_prob is not None:
        columns["mean_probability"] = count(check_probabilities(y_prob, len(true), _OWNER)) / n
        columns["calibration_gap"] = columns["mean_probability"] - columns["base_rate"]
    return pd.DataFrame(columns, index=pd.Index(levels, name="group"))
