"""The interval of a share of successes."""

from __future__ import annotations

from crmkit._intervals import wilson
from crmkit._validation import check_float, check_int
from crmkit.metrics._estimate import Estimate

__all__ = ["proportion"]


def proportion(successes: int, n: int, *, coverage: float = 0.95) -> Estimate:
    r"""Estimate a share of successes with its Wilson interval.

    Parameters
    ----------
    successes : int
        How many of the units were a success, such as customers who came back; from 0 to `n`.
    n : int
        How many independent units there were, at least 1. Rows that belong to the same customer
        are not independent: count customers, or use `estimate`.
    coverage : float, default=0.95
        Share of such intervals that hold the true share.

    Returns
    -------
    Estimate
        The share, between 0 and 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If there are more successes than units, no units, or `coverage` is not inside (0, 1).

    See Also
    --------
    estimate : For figures that are no share, and for rows that are not independent.

    Notes
    -----
    With :math:`\hat p = x / n` and the normal quantile :math:`z` of :math:`(1 + c) / 2`, the ends
    are the two values of :math:`p` for which :math:`|\hat p - p| = z \sqrt{p (1 - p) / n}` [1]_:

    .. math::
        \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}}

    The ends never leave [0, 1], and a share of 0 or 1 still has an interval. Brown, Cai and
    DasGupta [2]_ recommend it for small `n`, where the textbook interval
    :math:`\hat p \pm z \sqrt{\hat p (1 - \hat p) / n}` covers far less than it says.

    References
    ----------
    .. [1] E. B. Wilson (1927). "Probable inference, the law of succession, and statistical
       inference". Journal of the American Statistical Association 22(158), 209-212.
       :doi:`10.1080/01621459.1927.10502953`
    .. [2] L. D. Brown, T. T. Cai and A. DasGupta (2001). "Interval estimation for a binomial
       proportion". Statistical Science 16(2), 101-133. :doi:`10.1214/ss/1009213286`

    Examples
    --------
    Of 263 customers 81 came back:

    >>> from crmkit.metrics import proportion
    >>> f"{proportion(81, 263):.4f}"
    '0.3080 [0.2553, 0.3662]'
    >>> proportion(0, 20)
    0.00 [0.00, 0.16] (95%, n=20, Wilson)
    """
    owner = "proportion"
    n = check_int("n", n, owner, low=1)
    successes = check_int("successes", successes, owner, low=0, high=n)
    coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    low, high = wilson(successes / n, n, coverage)
    return Estimate(successes / n, low, high, n=n, coverage=coverage, method="Wilson")
