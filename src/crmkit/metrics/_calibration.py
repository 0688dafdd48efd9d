"""Whether probabilities can be taken at their word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._decisions import check_outcomes, check_probabilities, check_weights, equal_groups
from crmkit._validation import check_int, check_option

__all__ = ["BrierDecomposition", "brier_decomposition", "expected_calibration_error"]

Floats = NDArray[np.float64]


class BrierDecomposition(NamedTuple):
    """The parts of a Brier score.

    Attributes
    ----------
    reliability : float
        Squared gap between probabilities and what came, over bins: lower is better.
    resolution : float
        Variance of what came between bins: higher is better.
    uncertainty : float
        Variance of what came, which no model changes.
    within_variance : float
        Variance of the probabilities inside bins.
    within_covariance : float
        Twice the covariance of probabilities and what came inside bins.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float

    @property
    def brier(self) -> float:
        """The Brier score: the mean squared error of the probabilities."""
        return self.reliability - self.resolution + self.uncertainty + self.within_variance - self.within_covariance


def brier_decomposition(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    bins: int = 10,
    strategy: str = "quantile",
    sample_weight: ArrayLike | None = None,
) -> BrierDecomposition:
    r"""Split the Brier score into what calibration, the model and the customers are responsible for.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened: 0 and 1.
    y_prob : array-like of shape (n,)
        The probability of 1 that was said.
    bins : int, default=10
        How many groups of similar probabilities.
    strategy : {'quantile', 'uniform'}, default='quantile'
        Groups of about equal size, or equally wide ones, ``(0.1, 0.2]`` and so on. Equal probabilities are
        never parted; with ``'quantile'``, if there are at most `bins` different ones, each is a group.
    sample_weight : array-like of shape (n,), default=None
        How much each row counts, not negative; all the same if None.

    Returns
    -------
    BrierDecomposition
        ``reliability``, ``resolution``, ``uncertainty``, ``within_variance`` and ``within_covariance``;
        ``brier`` is the Brier score itself.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If arrays differ in length, are empty or hold missing values, `y_true` holds other values than 0 and 1,
        or probabilities are outside [0, 1].

    See Also
    --------
    expected_calibration_error : The gap itself, in probability.
    sklearn.metrics.brier_score_loss : Their sum alone.

    Notes
    -----
    With the shares :math:`w_k` of the groups, the mean :math:`\bar p_k` of what was said in each and the mean
    :math:`\bar y_k` of what came, reliability is :math:`\sum w_k (\bar p_k - \bar y_k)^2`, resolution
    :math:`\sum w_k (\bar y_k - \bar y)^2` and uncertainty :math:`\bar y (1 - \bar y)`. Where each group holds one
    probability, these are all [1]_: Brier score = reliability − resolution + uncertainty. Groups of different
    probabilities need two more terms, + within_variance − within_covariance [2]_, without which the parts of a
    model that says many probabilities do not sum up.

    Reliability is too large in small samples, as each group's mean is uncertain: a perfect model of 1,000 rows
    and 10 groups has about 10 times :math:`\bar y (1 - \bar y) / 1000`.

    References
    ----------
    .. [1] A. H. Murphy (1973). "A new vector partition of the probability score". Journal of Applied
       Meteorology 12(4), 595-600.
    .. [2] D. B. Stephenson, C. A. S. Coelho and I. T. Jolliffe (2008). "Two extra components in the Brier score
       decomposition". Weather and Forecasting 23(4), 752-757. :doi:`10.1175/2007WAF2006116.1`

    Examples
    --------
    >>> from crmkit.metrics import brier_decomposition
    >>> parts = brier_decomposition([0, 0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
    >>> round(parts.reliability, 4), round(parts.resolution, 4), parts.uncertainty
    (0.0178, 0.0278, 0.25)
    >>> round(parts.brier, 4)
    0.24
    """
    owner = "brier_decomposition"
    true, prob, weight, group = _groups(owner, y_true, y_prob, bins, strategy, sample_weight)
    size, came, said = _means(true, prob, weight, group)
    base = float(weight @ true)
    # Deviations, not differences of squares: these would cancel.
    off_true, off_prob = true - came[group], prob - said[group]
    return BrierDecomposition(
        reliability=float(size @ (said - came) ** 2),
        resolution=float(size @ (came - base) ** 2),
        uncertainty=base * (1 - base),
        within_variance=float(weight @ off_prob**2),
        within_covariance=float(2 * (weight @ (off_true * off_prob))),
    )


def expected_calibration_error(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    bins: int = 10,
    strategy: str = "quantile",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Compute the mean gap between what probabilities say and what comes.

    Parameters
    ----------
    y_true, y_prob, bins, strategy, sample_weight
        As in `brier_decomposition`.

    Returns
    -------
    float
        From 0 to 1: :math:`\sum w_k |\bar p_k - \bar y_k|` over groups of similar probabilities [1]_.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As `brier_decomposition`.

    See Also
    --------
    brier_decomposition : What the gap costs, and what the model knows beside its level.

    Notes
    -----
    It depends on the groups, so figures of other `bins` or another `strategy` cannot be compared. Chance alone
    makes it positive: about :math:`\sqrt{2 B \bar y (1 - \bar y) / (\pi n)}` for B groups of n rows in all, if
    the model is perfect. A model that says the base rate to everybody has an error of 0: look at the
    resolution, too.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht (2015). "Obtaining well calibrated probabilities using
       Bayesian binning". Proceedings of AAAI 29(1).

    Examples
    --------
    >>> from crmkit.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]), 4)
    0.1333
    """
    owner = "expected_calibration_error"
    size, came, said = _means(*_groups(owner, y_true, y_prob, bins, strategy, sample_weight))
    return float(size @ np.abs(said - came))


def _groups(
    owner: str, y_true: ArrayLike, y_prob: ArrayLike, bins: int, strategy: str, sample_weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Checked columns, weights that sum to 1, and the group of each row; no group is without weight."""
    bins = check_int("bins", bins, owner, low=1)
    strategy = check_option("strategy", strategy, {"quantile", "uniform"}, owner)
    true = check_outcomes(y_true, owner)
    prob = check_probabilities(y_prob, len(true), owner)
    weight = check_weights(sample_weight, len(true), owner)
    if weight is None:
        weight = np.ones(len(true))
    counted = weight > 0
    true, prob, weight = true[counted], prob[counted], weight[counted] / weight[counted].sum()
    if strategy == "uniform":
        group = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], prob)
        return true, prob, weight, np.unique(group, return_inverse=True)[1]
    return true, prob, weight, equal_groups(prob, weight, bins)


def _means(true: Floats, prob: Floats, weight: Floats, group: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """The weight of each group, and the means of what came and what was said."""
    size = np.bincount(group, weights=weight).astype(np.float64)
    came, said = (np.bincount(group, weights=weight * column) / size for column in (true, prob))
    return size, came, said
