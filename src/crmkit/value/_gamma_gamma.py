"""How much customers spend: the Gamma-Gamma model of the mean money of their purchases."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval
from crmkit._numba import run_in_ranges
from crmkit._validation import check_float, check_generator, check_int, check_option, check_vector
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import ParameterError, SpendWarning
from crmkit.value._gamma_gamma_kernels import (
    _BLOCK,
    expected_spends,
    frequency_sums,
    money_sums,
    spend_intervals,
    spend_log_likelihood,
)
from crmkit.value._maximum_likelihood import maximise, second_derivatives, weakest_direction
from crmkit.value._posterior import Posterior, importance_sample
from crmkit.value._reading import callers_level
from crmkit.value._rows import frozen
from crmkit.value._special_kernels import digamma
from crmkit.value._spends import Spends, read_spends

Floats = NDArray[np.float64]

NAMES = ("p", "q", "v")

#: Where the penalty and the prior pull to: p and q, and v as a multiple of the middle (geometric mean) money.
_CENTRES = (4.0, 4.0, 1.0)

#: Standard deviation of the normal prior of each log around its centre: a factor of 20 either way is within it.
_PRIOR_SD = 3.0

#: Curvature of the log-likelihood below which the data do not tell a direction of the parameters.
_FLAT = 0.01


class SpendLikelihood:
    """The log-likelihood of all customers and its gradient, as functions of the logs of p, q and v.

    Customers are put into an order that depends on their numbers alone, so that sums do not depend
    on the order in which they came.
    """

    def __init__(self, x: Floats, money: Floats, weight: Floats) -> None:
        # Sorting by money and then, stably, by small whole numbers takes a third of the time of lexsort.
        order = np.argsort(money) if (weight == weight[0]).all() else np.lexsort((weight, money))
        order = order[np.argsort(x[order].astype(np.uint16 if x.max() < 65_536 else np.int64), kind="stable")]
        self.x, self.money, self.weight = (frozen(column[order]) for column in (x, money, weight))
        starts = np.flatnonzero(np.diff(self.x, prepend=-1.0))
        self.levels = frozen(self.x[starts])
        self.level_weights = frozen(np.add.reduceat(self.weight, starts))
        self.n_customers = float(self.weight.sum())
        log_money = self.weight * np.log(self.money)
        self.sum_log_money = float(log_money.sum())
        self.sum_log_total = self.sum_log_money + float((self.level_weights * np.log(self.levels)).sum())
        #: Logs of the centres of penalty and prior: v has the unit of the money.
        self.centre = np.log(_CENTRES) + np.array([0.0, 0.0, self.sum_log_money / self.n_customers])

    def money_sums(self, v: float) -> Floats:
        """What depends on the money: the sums over customers of ln(1 + z), x ln(1 + z), and of their slopes."""
        blocks = np.empty((-(-len(self.x) // _BLOCK), 4))
        run_in_ranges(money_sums, len(blocks), self.x, self.money, self.weight, v, blocks, minimum=8)
        return blocks.sum(axis=0)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        with np.errstate(over="ignore"):
            p, q, v = np.exp(theta)
        if not (p > 0 and q > 0 and v > 0 and np.isfinite([p, q, v]).all()):
            return -np.inf, np.full(3, np.nan)
        log, x_log, share, x_share = self.money_sums(v)
        levels = np.empty(3)
        frequency_sums(self.levels, self.level_weights, p, q, levels)
        n = self.n_customers
        apart = n * theta[2] - self.sum_log_total
        value = levels[0] - n * math.lgamma(q) + q * (apart - log) - p * x_log - self.sum_log_money
        by_p = levels[1] - x_log
        by_q = levels[2] - n * digamma(q) + apart - log
        by_v = n * q / v - q * share - p * x_share
        return float(value), np.array([p * by_p, q * by_q, v * by_v])

    def tabulated(self, theta: Floats, reach: float) -> TabulatedLikelihood:
        """The same function, without the customers, for ln v up to `reach` from its value at theta."""
        # ln(1 + z) is analytic up to pi from the real line of ln v: this many nodes leave 1e-14 of it.
        n_nodes = 3 + math.ceil(34.0 / math.asinh(math.pi / reach))
        nodes = np.polynomial.chebyshev.chebpts1(n_nodes)
        sums = np.array([self.money_sums(math.exp(theta[2] + reach * node))[:2] for node in nodes])
        return TabulatedLikelihood(
            centre=float(theta[2]), reach=reach, table=np.polynomial.chebyshev.chebfit(nodes, sums, n_nodes - 1),
            levels=self.levels, level_weights=self.level_weights, n_customers=self.n_customers,
            sum_log_total=self.sum_log_total, sum_log_money=self.sum_log_money,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class TabulatedLikelihood:
    """What a fitted model keeps of its likelihood: no customer, only counts and two functions of v."""

    centre: float
    reach: float
    table: Floats
    levels: Floats
    level_weights: Floats
    n_customers: float
    sum_log_total: float
    sum_log_money: float

    def __call__(self, theta: Floats) -> float:
        place = (theta[2] - self.centre) / self.reach
        if abs(place) > 1 or np.abs(theta).max() > 300:
            return -np.inf
        p, q = math.exp(theta[0]), math.exp(theta[1])
        log, x_log = np.polynomial.chebyshev.chebval(place, self.table)
        levels = np.empty(3)
        frequency_sums(self.levels, self.level_weights, p, q, levels)
        n = self.n_customers
        rest = q * (n * theta[2] - self.sum_log_total - log) - p * x_log - self.sum_log_money
        return float(levels[0] - n * math.lgamma(q) + rest)


class GammaGamma(BaseEstimator):
    r"""How much a customer spends per purchase: the Gamma-Gamma model.

    The money of a customer's purchases varies around her own mean, and the means vary over customers.
    One who has bought often is known by her own mean, one who has bought once or twice is drawn
    towards that of all. The model assumes that how much somebody spends tells nothing of how often she
    buys; `spend_correlation_` says how far that holds.

    Parameters
    ----------
    penalty : float, default=0.0
        From 0 to a million. Strength of a pull of ln p and ln q towards ln 4, and of ln v towards the log of
        the geometric mean of the money: what is maximised is the log-likelihood minus `penalty` times the sum
        of the squared distances. It does not depend on the currency.
    max_iter : int, default=200
        Largest number of steps.

    Attributes
    ----------
    p_ : float
        Shape of the money of one purchase around the customer's own mean.
    q_ : float
        Shape of the distribution of the customers' levels. With q <= 1 spend has no mean over customers.
    v_ : float
        Its scale, in the unit of the money; the literature writes gamma or v.
    loglik_ : float
        Log density of the mean money of the customers with repeat purchases, without the penalty.
    aic_, bic_ : float
        With the number of customers, weights added up, in the latter.
    covariance_ : ndarray, shape (3, 3)
        Of the estimates of p, q and v, from the second derivatives of what is maximised.
    standard_errors_ : ndarray, shape (3,)
    n_iter_ : int
    converged_ : bool
    n_rows_used_ : int
        Customers from whom it was learnt.
    n_left_out_ : int
        Customers left out: without repeat purchases, or with no money or less in all of them.
    spend_correlation_ : float
        Correlation of number and mean money of the repeat purchases; NaN if one of them does not vary.
    fitted_on_ : tuple or None
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of; None for frames.

    See Also
    --------
    CLVEstimator : Sets it beside a model of how often customers buy.

    Notes
    -----
    The money of one purchase is Gamma(p, nu) with nu ~ Gamma(q, v) over customers. The mean m of x
    purchases has the density (Fader & Hardie 2013 [1]_, eq. 1a)

    .. math::  \frac{\Gamma(px+q)}{\Gamma(px)\Gamma(q)} \frac{v^q m^{px-1} x^{px}}{(v + xm)^{px+q}}

    and the mean money of purchases to come is :math:`p (v + xm) / (px + q - 1)` (eq. 5), which for
    customers without repeats is the mean over all, :math:`p v / (q - 1)`.

    Only *repeat* purchases count, as for the number of purchases, and only customers who have some are
    learnt from. Money must be above zero: gifts and purchases that were wholly refunded are no draws
    from a gamma distribution. Customers whose repeats brought nothing are left out, counted and warned
    of; decide whether such purchases are purchases before the log is made.

    References
    ----------
    .. [1] P. S. Fader and B. G. S. Hardie, "The Gamma-Gamma model of monetary value", 2013,
       http://www.brucehardie.com/notes/025/.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import GammaGamma
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> spend = GammaGamma().fit(today)
    >>> round(spend.p_, 3), round(spend.q_, 3), round(spend.v_, 2), round(spend.loglik_, 2)
    (6.25, 3.744, 15.44, -4055.92)
    >>> spend.expected_spend(today)[:3].round(2)
    array([24.65, 35.17, 18.91])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "penalty": [Interval(Real, 0, 1e6, closed="both")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, *, penalty: float = 0.0, max_iter: int = 200) -> None:
        self.penalty = penalty
        self.max_iter = max_iter

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn from the repeat purchases of each customer.

        Parameters
        ----------
        X : Snapshots, frame, or array of shape (n, 2)
            Of snapshots each customer's latest row is taken. A frame has the columns `frequency`
            (number of repeat purchases) and `monetary_value` (their mean money); an array these two in
            this order. The money of rows without repeats is not looked at.
        y : object, default=None
            Ignored.
        sample_weight : array of shape (n,), default=None
            How many customers each row stands for; one if None.

        Returns
        -------
        GammaGamma

        Warns
        -----
        SpendWarning
            Customers have no money or less in their repeat purchases, or q <= 1.
        ConvergenceWarning
            No maximum was found: the parameters are where the search ended.
        """
        self._validate_params()
        spends = read_spends(X, "GammaGamma")
        weight = np.ones(len(spends))
        if sample_weight is not None:
            weight = check_vector("sample_weight", sample_weight, np.float64, "GammaGamma.fit", n=len(spends))
            if (weight < 0).any():
                raise ParameterError("The 'sample_weight' parameter of GammaGamma.fit must not be negative.")
        if isinstance(X, Snapshots):
            rows = latest_rows(X)
            spends, weight = Spends(spends.x[rows], spends.money[rows]), weight[rows]
            fitted_on = (X.log.fingerprint, (X.as_of.min(), X.as_of.max())) if len(X) else None
        else:
            fitted_on = None
        self._fit(spends, weight)
        self.fitted_on_ = fitted_on
        return self

    def expected_spend(self, X: Any) -> Floats:
        """Mean money of the purchases to come.

        Parameters
        ----------
        X : Snapshots, frame or array
            Rows as in `fit`; for snapshots every row has its own.

        Returns
        -------
        ndarray, shape (n,)
            For rows without repeats the mean over all customers; infinite where the mean does not
            exist (``p x + q <= 1``). Repeats that brought no money or less count as having brought none.
        """
        check_is_fitted(self)
        return self._expected(self._read(X))

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:  # noqa: ARG002  likewise
        """Mean log-likelihood of the rows with repeat purchases: higher is better.

        Parameters
        ----------
        X : Snapshots, frame or array
        y : object, default=None
            Ignored.
        sample_weight : array of shape (n,), default=None

        Returns
        -------
        float
        """
        check_is_fitted(self)
        spends = self._read(X)
        weight = np.ones(len(spends))
        if sample_weight is not None:
            weight = check_vector("sample_weight", sample_weight, np.float64, "GammaGamma.score", n=len(spends))
        weight = np.where((spends.x > 0) & (spends.money > 0), weight, 0.0)
        if not weight.any():
            raise ParameterError("GammaGamma.score needs rows with repeat purchases and money above zero: X has none.")
        rows = np.flatnonzero(weight)
        out = np.empty(len(rows))
        x, money = frozen(spends.x[rows]), frozen(spends.money[rows])
        run_in_ranges(spend_log_likelihood, len(rows), x, money, self.p_, self.q_, self.v_, out)
        return float(np.average(out, weights=weight[rows]))

    def sample_posterior(self, n_draws: int = 1000, random_state: Any = None) -> Posterior:
        """Draws of p, q and v from their posterior, without refitting.

        The prior of ln p, ln q and ln v is normal, with standard deviation 3 around ln 4, ln 4 and the
        log of the geometric mean of the money; a penalty is a further one.

        Parameters
        ----------
        n_draws : int, default=1000
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        Posterior
        """
        check_is_fitted(self)
        n_draws = check_int("n_draws", n_draws, "GammaGamma.sample_posterior", low=2)
        generator = check_generator("random_state", random_state, "GammaGamma.sample_posterior")
        centre, likelihood = self._centre, self._likelihood
        stiffness = float(self._penalty) + 0.5 / _PRIOR_SD**2

        def log_density(theta: Floats) -> float:
            return likelihood(theta) - stiffness * float((theta - centre) @ (theta - centre))

        def objective(theta: Floats) -> tuple[float, Floats]:
            steps = 1e-5 * np.eye(3)
            slope = [(log_density(theta + step) - log_density(theta - step)) / 2e-5 for step in steps]
            return log_density(theta), np.array(slope)

        draws, k = importance_sample(objective, self._theta, self._spread, n_draws, generator, log_density)
        return Posterior(NAMES, np.exp(draws), k, likelihood.n_customers)

    def predict_interval(
        self,
        X: Any,
        coverage: float = 0.9,
        *,
        kind: Literal["outcome", "mean"] = "outcome",
        n_draws: int = 400,
        random_state: Any = 0,
    ) -> Floats:
        """Interval of the money of the next purchase, or of its mean.

        Parameters
        ----------
        X : Snapshots, frame or array
        coverage : float, default=0.9
            Share of such intervals that hold what they are about.
        kind : {"outcome", "mean"}, default="outcome"
            ``"outcome"``: the money of one purchase to come. ``"mean"``: what `expected_spend` gives,
            as far as the parameters are known.
        n_draws : int, default=400
            Draws of the parameters from their posterior.
        random_state : int, Generator, RandomState or None, default=0
            With an int the interval of a row depends on that row alone.

        Returns
        -------
        ndarray, shape (n, 2)
        """
        check_is_fitted(self)
        owner = "GammaGamma.predict_interval"
        coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        kind = check_option("kind", kind, {"outcome", "mean"}, owner)
        n_draws = check_int("n_draws", n_draws, owner, low=2)
        generator = check_generator("random_state", random_state, owner)
        spends = self._read(X)
        draws = frozen(self.sample_posterior(n_draws, generator).draws)
        shares = frozen(np.array([0.5 - 0.5 * coverage, 0.5 + 0.5 * coverage]))
        out = np.empty((len(spends), 2))
        seed = np.uint64(generator.integers(2**63))
        run_in_ranges(
            spend_intervals, len(spends), spends.x, _positive(spends.money), draws, shares, kind == "outcome", seed,
            out,
            minimum=64,
        )  # fmt: skip
        return out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _read(self, X: Any) -> Spends:
        if isinstance(X, Snapshots) != (self.fitted_on_ is not None):
            fitted, other = ("Snapshots", "a table") if self.fitted_on_ is not None else ("a table", "Snapshots")
            raise ParameterError(
                f"This GammaGamma was fitted on {fitted}, and got {other}. Fit it on what it is to predict."
            )
        return read_spends(X, "GammaGamma")

    def _expected(self, spends: Spends) -> Floats:
        out = np.empty(len(spends))
        run_in_ranges(expected_spends, len(out), spends.x, _positive(spends.money), self.p_, self.q_, self.v_, out)
        return out

    def _fit(self, spends: Spends, weight: Floats) -> None:
        """Learn from arrays, the rows without repeats among them."""
        repeats = (spends.x > 0) & (weight > 0)
        unpaid = repeats & (spends.money <= 0)
        used = np.flatnonzero(repeats & ~unpaid)
        self.n_rows_used_, self.n_left_out_ = len(used), len(spends) - len(used)
        if unpaid.any():
            warnings.warn(
                f"GammaGamma: {int(unpaid.sum()):,} of {int(repeats.sum()):,} customers with repeat purchases have no "
                "money, or less, in all of them, and are left out. Gifts are not purchases: take them out of the log. "
                "Refunds that cancel purchases: take out both, or pass refunds='drop' to EventLog.from_frame.",
                SpendWarning,
                stacklevel=callers_level(),
            )
        if len(used) == 0:
            raise ParameterError(
                f"GammaGamma learns from customers with repeat purchases and money above zero, and none of the "
                f"{len(spends):,} has both. Take a later as_of, or more customers."
            )
        x, money, weight = spends.x[used], spends.money[used], np.ascontiguousarray(weight[used])
        self.spend_correlation_ = _correlation(x, money, weight)
        self._climb(SpendLikelihood(x, money, weight))
        if self.q_ <= 1:
            warnings.warn(
                f"GammaGamma: q = {self.q_:.3g}. With q <= 1 spend has no mean over customers, and what is expected "
                "of customers without repeats is infinite. A few very large amounts are the usual reason: look at "
                "them, or pass penalty=1.",
                SpendWarning,
                stacklevel=callers_level(),
            )

    def _climb(self, likelihood: SpendLikelihood) -> None:
        centre, penalty = likelihood.centre, float(self.penalty)

        def objective(theta: Floats) -> tuple[float, Floats]:
            value, gradient = likelihood(centre + theta)
            return value - penalty * float(theta @ theta), gradient - 2.0 * penalty * theta

        found = maximise(objective, np.zeros(3), tol=1e-9, max_iter=self.max_iter)
        hessian = second_derivatives(objective, found.theta)
        self._centre, self._theta, self._penalty = centre, centre + found.theta, penalty
        self._spread = _bounded_inverse(np.eye(3) / _PRIOR_SD**2 - hessian)
        self._likelihood = likelihood.tabulated(self._theta, 12.0 * math.sqrt(self._spread[2, 2]))
        parameters = np.exp(self._theta)
        self.p_, self.q_, self.v_ = map(float, parameters)
        self.loglik_ = float(likelihood(self._theta)[0])
        self.aic_ = 6.0 - 2.0 * self.loglik_
        self.bic_ = 3.0 * math.log(likelihood.n_customers) - 2.0 * self.loglik_
        # As of the purchase models: along a direction that is flatter the likelihood tells nothing.
        flat = weakest_direction(hessian)[0] <= _FLAT
        reason = found.reason or ("it hardly changes in one direction" if flat else "")
        self.n_iter_, self.converged_ = found.n_iter, not reason
        self.covariance_ = _inverse(-hessian) * np.outer(parameters, parameters)
        self.standard_errors_ = np.sqrt(np.diag(self.covariance_))
        if reason:
            warnings.warn(
                f"GammaGamma found no maximum: {reason}. Such data do not tell p, q and v apart, as where all "
                "spend the same or few customers bought again. penalty=1 gives an answer that leans on what is usual.",
                ConvergenceWarning,
                stacklevel=callers_level(),
            )


def _inverse(information: Floats) -> Floats:
    """The inverse, or NaN where there is none: no variance can be told."""
    if not np.isfinite(information).all():
        return np.full_like(information, np.nan)
    try:
        inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)
    return inverse if (np.diag(inverse) > 0).all() else np.full_like(information, np.nan)


def _bounded_inverse(information: Floats) -> Floats:
    """The inverse where the prior alone is the least information that any direction can have."""
    if not np.isfinite(information).all():
        return np.eye(len(information)) * _PRIOR_SD**2
    curvatures, directions = np.linalg.eigh(information)
    return (directions / np.maximum(curvatures, 1.0 / _PRIOR_SD**2)) @ directions.T


def _correlation(x: Floats, money: Floats, weight: Floats) -> float:
    x, money = x - np.average(x, weights=weight), money - np.average(money, weights=weight)
    spread = float(np.sum(weight * x * x) * np.sum(weight * money * money))
    return float(np.sum(weight * x * money) / math.sqrt(spread)) if spread > 0 else math.nan


def _positive(money: Floats) -> Floats:
    return frozen(np.maximum(money, 0.0)) if (money < 0).any() else money
