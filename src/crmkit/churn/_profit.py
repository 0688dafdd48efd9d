"""What keeping a customer is worth, what trying costs, and whom it pays to contact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from crmkit._decisions import (
    check_campaign,
    check_money,
    check_outcomes,
    check_probabilities,
    check_weights,
    mean_accept_rate,
    value_of_rows,
)
from crmkit._validation import check_float, check_same_length, check_vector
from crmkit.exceptions import ParameterError
from crmkit.metrics import profit_curve

__all__ = ["ChurnProfit", "ProfitCut"]

Floats = NDArray[np.float64]

_OWNER = "ChurnProfit"


class ProfitCut(NamedTuple):
    """Whom to contact: those with a score of at least `threshold`.

    Attributes
    ----------
    threshold : float
        A score that occurred; infinite where contacting nobody is best.
    target_fraction : float
        Share of the rows at or above it.
    profit : float
        Money per row that this earned.
    """

    threshold: float
    target_fraction: float
    profit: float


class ChurnProfit(BaseEstimator):
    r"""The money behind a retention campaign: who is worth an offer, and where to stop.

    Parameters
    ----------
    value : float, str or array-like of shape (n,), default=200
        What it is worth to keep a customer, in the currency of the costs, such as the margin to come. One
        number; the name of a column of ``X.attributes()``, or of the frame X, that holds it for each row; or
        an array with a value for each row given to ``fit``, which new rows cannot have.
    incentive : float, default=10
        What an accepted offer costs; not negative. Customers who would have stayed accept, too.
    contact : float, default=1
        What contacting a customer costs, whatever the answer; not negative.
    accept_rate : (float, float) or float, default=(6, 14)
        Share of contacted churners who accept and stay; or the parameters of its beta distribution, whose
        mean counts in decisions.
    budget : float, default=None
        The most that may be spent on contacts and incentives, per customer of the base, contacted or not. None:
        no limit.

    Raises
    ------
    crmkit.exceptions.ParameterError
        When it is used, if a parameter is not one of the above.

    See Also
    --------
    crmkit.metrics.expected_maximum_profit_churn : What scores are worth, without choosing a cut.
    crmkit.model_selection.ProfitScorer : The same parameters in searches and cross-validation.

    Notes
    -----
    It has no ``fit``: it holds parameters, which searches set as ``profit__value``. With the probability
    :math:`p` of churn, value :math:`v`, incentive :math:`d`, contact :math:`f` and mean accept rate
    :math:`\gamma`, contacting a customer earns on average

    .. math:: p \, (\gamma (v - d) - f) - (1 - p) (d + f)

    and spends :math:`f + d \, (1 - p + \gamma p)`. With one value for all, that is positive above the
    probability :math:`(d + f) / (d + \gamma (v - d))`: 0.164 by default.

    References
    ----------
    .. [1] T. Verbraken, W. Verbeke and B. Baesens (2013). "A novel profit maximizing metric for measuring
       classification performance of customer churn prediction models". IEEE Transactions on Knowledge
       and Data Engineering 25(5), 961-973. :doi:`10.1109/TKDE.2012.50`

    Examples
    --------
    >>> from crmkit.churn import ChurnProfit
    >>> profit = ChurnProfit(value=200, incentive=10, contact=1)
    >>> profit.expected_profit([0.1, 0.5, 0.9], 200)
    array([-4.3, 22.5, 49.3])

    The cut that would have earned most on customers whose fate is known, without and with a limit:

    >>> churned, score = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.7, 0.9]
    >>> profit.cut(churned, score)
    ProfitCut(threshold=0.3, target_fraction=0.6666666666666666, profit=26.166666666666668)
    >>> ChurnProfit(budget=2).cut(churned, score)
    ProfitCut(threshold=0.7, target_fraction=0.3333333333333333, profit=18.666666666666668)
    """

    def __init__(
        self,
        value: Any = 200,
        incentive: float = 10,
        contact: float = 1,
        accept_rate: float | tuple[float, float] = (6, 14),
        budget: float | None = None,
    ) -> None:
        self.value = value
        self.incentive = incentive
        self.contact = contact
        self.accept_rate = accept_rate
        self.budget = budget

    def validate(self) -> None:
        """Check the parameters.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If one of them is not allowed.
        """
        check_campaign(self, _OWNER)
        if self.budget is not None:
            check_float("budget", self.budget, _OWNER, low=0)

    def values(self, X: Any, *, new_rows: bool = False) -> float | Floats:
        """Return what the customer of each row is worth.

        Parameters
        ----------
        X : Snapshots, or frame or array of n rows
            The rows.
        new_rows : bool, default=False
            Whether these are other rows than those that the model was fitted on: an array says nothing of
            them, and is refused.

        Returns
        -------
        float or ndarray of shape (n,)
            One number where `value` is one.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If values are missing or infinite, or an array does not belong to these rows.
        crmkit.exceptions.ColumnNotFoundError
            If X has no such column.
        """
        self.validate()
        if new_rows and not isinstance(self.value, str) and np.ndim(self.value):
            raise ParameterError(
                f"The 'value' parameter of {_OWNER} is an array for the rows given to fit, so nothing is known of what "
                "these rows are worth. Name a column of the attributes or of X that holds the values instead."
            )
        return value_of_rows(self.value, X, _OWNER)

    def expected_profit(self, probability: ArrayLike, value: float | ArrayLike) -> Floats:
        """Return what contacting each customer earns on average.

        Parameters
        ----------
        probability : array-like of shape (n,)
            Calibrated probabilities of churn.
        value : float or array-like of shape (n,)
            What each customer is worth, as `values` gives it.

        Returns
        -------
        ndarray of shape (n,)
            Money; negative where the offer costs more than it keeps.
        """
        p, worth = self._rows(probability, value)
        gain = mean_accept_rate(self.accept_rate) * (worth - self.incentive)
        return np.asarray(p * gain - (1 - p) * self.incentive - self.contact)

    def expected_cost(self, probability: ArrayLike) -> Floats:
        """Return what contacting each customer spends on average: the contact, and the incentive if it is taken.

        Parameters
        ----------
        probability : array-like of shape (n,)
            Calibrated probabilities of churn.

        Returns
        -------
        ndarray of shape (n,)
            Money; what `budget` limits.
        """
        p, _ = self._rows(probability, 0.0)
        return np.asarray(self.contact + self.incentive * (1 - p + mean_accept_rate(self.accept_rate) * p))

    def cut(
        self,
        y: ArrayLike,
        score: ArrayLike,
        probability: ArrayLike | None = None,
        value: float | ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> ProfitCut:
        """Find the score from which on contacting earned most, on rows whose outcome is known.

        Parameters
        ----------
        y : array-like of shape (n,)
            1 for customers who churned, 0 for the others: rows that the model was not fitted on.
        score : array-like of shape (n,)
            Scores, higher for those to be contacted first; every one that occurs is a candidate.
        probability : array-like of shape (n,), default=None
            Probabilities of churn, from which spending is expected, as it will have to be when outcomes are
            not known yet. None: what the rows did spend. Needed for nothing without a `budget`.
        value : float or array-like of shape (n,), default=None
            What each row is worth, as `values` gives it. None is the number `value` of this object.
        sample_weight : array-like of shape (n,), default=None
            How many rows each row stands for.

        Returns
        -------
        ProfitCut
            ``threshold``, ``target_fraction`` and ``profit`` per row: the smallest group where several
            earn the same. If no contact pays or the budget allows none, the threshold is infinite.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If arrays differ in length, or hold missing or infinite values, or `y` holds more than 0 and 1.
        """
        self.validate()
        if value is None:
            if isinstance(self.value, str) or np.ndim(self.value):
                raise ParameterError(
                    "ChurnProfit.cut needs to know what each row is worth. Pass value=profit.values(X), of these rows."
                )
            value = self.value
        owner = "ChurnProfit.cut"
        y = check_outcomes(y, owner, "y")
        score = check_vector("score", score, np.float64, owner, n=len(y))
        value = check_money("value", value, owner, n=len(y), low=None)
        sample_weight = check_weights(sample_weight, len(y), owner)
        money: dict[str, Any] = {"value": value, "incentive": self.incentive, "contact": self.contact}
        curve = profit_curve(y, score, accept_rate=self.accept_rate, sample_weight=sample_weight, **money)
        allowed = curve.profit
        if self.budget is not None:
            cost = self.expected_cost(y if probability is None else probability)
            # The same curve of people who cost something and are never won.
            nobody = np.zeros(check_same_length(owner, y=y, probability=cost))
            spent = -profit_curve(nobody, score, value=0, incentive=0, contact=cost, sample_weight=sample_weight).profit
            allowed = np.where(spent <= self.budget * (1 + 1e-12), allowed, -np.inf)
        best = int(np.argmax(allowed))
        return ProfitCut(float(curve.threshold[best]), float(curve.fraction[best]), float(curve.profit[best]))

    def _rows(self, probability: Any, value: Any) -> tuple[Floats, float | Floats]:
        self.validate()
        n = len(check_vector("probability", probability, np.float64, _OWNER))
        worth = check_money("value", value, _OWNER, n=n, low=None)
        return check_probabilities(probability, n, _OWNER, "probability"), worth
