"""The value of a customer from known or planned payments: formulas, no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_float, check_vector
from crmkit.exceptions import ParameterError

Floats = NDArray[np.float64]

__all__ = [
    "acquisition_cost",
    "cumulative_value",
    "discounted_value",
    "ltv_to_cac",
    "payback_periods",
    "single_event_value",
]


def single_event_value(amount: Any, *, margin: float = 1.0, cost: float = 0.0) -> Any:
    r"""Return what one purchase, or one period of a contract, is worth.

    Parameters
    ----------
    amount : float or array-like
        Revenue of the event; negative for a refund. In an array each entry is an event.
    margin : float, default=1.0
        Share of the revenue that is left after the cost of the goods.
    cost : float, default=0.0
        What the event costs beside that, such as postage or a gift, in money.

    Returns
    -------
    float, or ndarray of the shape of `amount`
        :math:`m a - k`, in the money of `amount`.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a value is missing, infinite or no number.

    See Also
    --------
    cumulative_value : The same, added up over periods.

    Examples
    --------
    >>> from crmkit.value import single_event_value
    >>> single_event_value(3000, margin=0.3)
    900.0
    >>> single_event_value([3000, 2400, 3600], margin=0.3)
    array([ 900.,  720., 1080.])
    """
    return _given_back(_profits(amount, margin, cost, "single_event_value", "amount", dimensions=(0, 1, 2)))


def cumulative_value(amounts: Any, *, margin: float = 1.0, cost: float = 0.0) -> Any:
    r"""Add up what customers bring over some periods, later money counting as much as earlier.

    Parameters
    ----------
    amounts : array-like of shape (n_periods,) or (n_customers, n_periods)
        Revenue of each period, of one customer or of several.
    margin : float, default=1.0
        Share of the revenue that is left after the cost of the goods.
    cost : float, default=0.0
        What each period costs beside that, in money.

    Returns
    -------
    float, or ndarray of shape (n_customers,)
        :math:`\sum_t (m a_t - k)`.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a value is missing, infinite or no number.

    See Also
    --------
    discounted_value : The same, where later money counts less.

    Examples
    --------
    >>> from crmkit.value import cumulative_value
    >>> cumulative_value([900, 720, 1080])
    2700.0
    """
    return _given_back(_profits(amounts, margin, cost, "cumulative_value", "amounts").sum(axis=-1))


def discounted_value(amounts: Any, rate: float, *, margin: float = 1.0, cost: float = 0.0) -> Any:
    r"""Add up what customers bring over some periods, in today's money.

    Parameters
    ----------
    amounts : array-like of shape (n_periods,) or (n_customers, n_periods)
        Revenue of each period, of one customer or of several, paid at the *end* of the period: the
        first payment is discounted already.
    rate : float
        Discount rate per period, above -1. For payments per month and an annual effective rate r it
        is ``(1 + r) ** (1 / 12) - 1``.
    margin : float, default=1.0
        Share of the revenue that is left after the cost of the goods.
    cost : float, default=0.0
        What each period costs beside that, in money, at the end of the period.

    Returns
    -------
    float, or ndarray of shape (n_customers,)
        The present value.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a value is missing, infinite or no number, or if `rate` is -1 or less.

    See Also
    --------
    cumulative_value : Without discounting.

    Notes
    -----
    With the profit :math:`m a_t - k` of period t = 1, 2, … it is the net present value

    .. math:: \sum_{t=1}^{n} \frac{m a_t - k}{(1 + d)^t} ,

    the general form of which Berger and Nasr [1]_ set out special cases. It takes the payments as
    known. Where it is not known who comes back, use a purchase model or a contract model.

    References
    ----------
    .. [1] P. D. Berger and N. I. Nasr (1998). "Customer lifetime value: marketing models and
       applications". Journal of Interactive Marketing 12(1), 17-30.

    Examples
    --------
    >>> from crmkit.value import discounted_value
    >>> round(discounted_value([10_000, 8_000, 12_000, 15_000], 0.10), 2)
    34963.46
    >>> discounted_value([[900, 720, 1080, 0, 0], [900, 720, 1080, 1350, 1620]], 0.10).round(2)
    array([2224.64, 4152.6 ])
    """
    profits = _profits(amounts, margin, cost, "discounted_value", "amounts")
    return _given_back((profits * _factors(rate, profits.shape[-1], "discounted_value")).sum(axis=-1))


def acquisition_cost(spend: float, n_customers: float) -> float:
    """Return what it cost to win one customer.

    Parameters
    ----------
    spend : float
        Everything spent on winning customers in a stretch of time: media, sales, first discounts.
    n_customers : float
        New customers won by it, above 0. Customers who would have come anyway make the figure too
        low.

    Returns
    -------
    float
        Money per customer.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If `spend` is negative, or nobody was won.

    Examples
    --------
    >>> from crmkit.value import acquisition_cost
    >>> acquisition_cost(45_000, 60)
    750.0
    """
    owner = "acquisition_cost"
    money = check_float("spend", spend, owner, low=0)
    return money / check_float("n_customers", n_customers, owner, low=0, closed="neither")


def ltv_to_cac(value: Any, cost: float) -> Any:
    """Return how often the value of a customer covers the cost of winning one.

    Parameters
    ----------
    value : float or array-like of shape (n_customers,)
        Lifetime value: margin, not revenue, and before the acquisition cost is taken off.
    cost : float
        Acquisition cost of one customer, above 0.

    Returns
    -------
    float, or ndarray of shape (n_customers,)
        Below 1 customers cost more than they bring. Three is a rule of thumb of subscription
        businesses, no law.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a value is missing, infinite or no number, or if `cost` is not above 0.

    See Also
    --------
    acquisition_cost : The cost.
    payback_periods : How long it takes.

    Examples
    --------
    >>> from crmkit.value import discounted_value, ltv_to_cac
    >>> round(ltv_to_cac(discounted_value([900, 720, 1080], 0.10), 750), 3)
    2.966
    """
    owner = "ltv_to_cac"
    return _given_back(
        _numbers("value", value, owner, (0, 1)) / check_float("cost", cost, owner, low=0, closed="neither")
    )


def payback_periods(
    amounts: Any, acquisition: float, *, rate: float = 0.0, margin: float = 1.0, cost: float = 0.0
) -> Any:
    """Return after how many periods a customer has paid back what winning them cost.

    Parameters
    ----------
    amounts : array-like of shape (n_periods,) or (n_customers, n_periods)
        Revenue of each period, of one customer or of several, paid at the end of the period.
    acquisition : float
        Acquisition cost of one customer, spent before the first period.
    rate : float, default=0.0
        Discount rate per period, above -1.
    margin : float, default=1.0
        Share of the revenue that is left after the cost of the goods.
    cost : float, default=0.0
        What each period costs beside that, in money.

    Returns
    -------
    float, or ndarray of shape (n_customers,)
        The first period at whose end the (discounted) profits so far cover `acquisition`: a whole
        number, since payments come at the ends of periods; 0 if there is nothing to pay back, and
        infinity if the periods given do not suffice.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a value is missing, infinite or no number, if `rate` is -1 or less, or if `acquisition` is
        negative.

    See Also
    --------
    ltv_to_cac : How often the value covers the cost.

    Examples
    --------
    >>> from crmkit.value import payback_periods
    >>> payback_periods([900, 720, 1080], 1620)
    2.0
    >>> payback_periods([900, 720, 1080], 1620, rate=0.10)
    3.0
    >>> payback_periods([[900, 720, 1080], [300, 200, 100]], 750)
    array([ 1., inf])
    """
    owner = "payback_periods"
    profits = _profits(amounts, margin, cost, owner, "amounts")
    spent = check_float("acquisition", acquisition, owner, low=0)
    so_far = np.cumsum(profits * _factors(rate, profits.shape[-1], owner), axis=-1)
    # Sums of whole amounts reach the whole they should reach: a rounding error is no further period.
    reached = so_far >= spent * (1 - 1e-12)
    first = np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, np.inf)
    return _given_back(np.where(spent == 0, 0.0, first))


def _profits(
    amounts: Any, margin: float, cost: float, owner: str, name: str, dimensions: tuple[int, ...] = (1, 2)
) -> Floats:
    numbers = _numbers(name, amounts, owner, dimensions)
    profits: Floats = numbers * check_float("margin", margin, owner) - check_float("cost", cost, owner)
    return profits


def _factors(rate: float, n_periods: int, owner: str) -> Floats:
    """What money at the end of each period is worth today."""
    growth = 1.0 + check_float("rate", rate, owner, low=-1, closed="neither")
    factors: Floats = growth ** -np.arange(1.0, n_periods + 1)
    return factors


def _numbers(name: str, values: Any, owner: str, dimensions: tuple[int, ...]) -> Floats:
    shape = np.shape(values)
    if len(shape) not in dimensions or 0 in shape[-1:]:
        wanted = {(0, 1): "a number or a list of them", (0, 1, 2): "a number or an array of them"}.get(
            dimensions, "an array of shape (n_periods,) or (n_customers, n_periods), of at least one period"
        )
        raise ParameterError(f"The {name!r} parameter of {owner} must be {wanted}. Got shape {shape} instead.")
    flat = np.asanyarray(values).reshape(-1)
    numbers: Floats = check_vector(name, flat, np.float64, owner).reshape(shape)
    return numbers


def _given_back(values: Any) -> Any:
    """A float for one customer, an array for several."""
    return float(values) if np.ndim(values) == 0 else values
