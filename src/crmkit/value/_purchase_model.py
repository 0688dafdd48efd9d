"""What all purchase models share: fitting, predictions, uncertainty. A family adds its likelihood."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._durations import TIME_UNITS
from crmkit._frames import make_frame
from crmkit._numba import run_in_ranges
from crmkit._validation import check_float, check_generator, check_int, check_option, check_vector
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate
from crmkit.value._maximum_likelihood import Maximum, Objective, maximise, second_derivatives, weakest_direction
from crmkit.value._posterior import TRUSTED_K, Posterior, importance_sample, interval_of_draws
from crmkit.value._random_kernels import fill_row_seeds, number_equal
from crmkit.value._reading import (
    Wanted,
    callers_level,
    in_time_units,
    read_rows,
    warn_of_no_purchase,
)
from crmkit.value._rows import Floats, Rows, frozen

#: Standard deviation of the prior of each log-parameter (times relative to the mean T). Flat in the logs
#: the posterior of BG/NBD has no finite integral: for a + b to infinity the likelihood stays level.
PRIOR_SD = 2.0

#: Fits climb on a tenth of so many customers first, then on so many: all of them take a few steps from there.
_SAMPLE = 20_000

#: Curvature of the log-likelihood below which a direction of the parameters is not told by the data: its
#: standard error would be a factor of e ** 10.
_FLAT = 0.01

#: Largest number of purchases that is asked for: all whole numbers up to it are floats.
_MOST_PURCHASES = 2**53

#: Rows whose draws are held at a time.
_BLOCK = 2_048


class PurchaseModel(BaseEstimator, ABC):
    """Base of the purchase models: not to be used itself.

    A family names its parameters and gives the functions of `Rows` and parameters that are abstract
    here, in which times are plain numbers; reading X, fitting, units and uncertainty are this class.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "time_unit": [StrOptions(set(TIME_UNITS))],
        "penalty": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }
    #: Names of the parameters in the literature's letters, and which of them are times.
    _names: ClassVar[tuple[str, ...]]
    _time_names: ClassVar[tuple[str, ...]] = ()
    _columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T")
    #: What a customer must have to be in a fit.
    _needs: ClassVar[str] = "a purchase"

    time_unit: str
    penalty: float
    max_iter: int

    # -- what a family gives ---------------------------------------------------------------------

    @abstractmethod
    def _start(self, rows: Rows) -> Floats:
        """A point from which to climb."""

    @abstractmethod
    def _sums(self, rows: Rows, parameters: Floats) -> tuple[float, Floats]:
        """Weighted log-likelihood of the rows, and its gradient by the logarithms of the parameters."""

    @abstractmethod
    def _log_likelihood(self, rows: Rows, parameters: Floats) -> Floats:
        """Log-likelihood of each row."""

    @abstractmethod
    def _alive(self, rows: Rows, parameters: Floats, after: float) -> Floats:
        """P(alive at T + after) of each row."""

    @abstractmethod
    def _expected(self, rows: Rows, parameters: Floats, horizon: float) -> Floats:
        """Expected purchases of each row in (T, T + horizon]."""

    @abstractmethod
    def _discounted(self, rows: Rows, parameters: Floats, horizon: float, delta: float) -> Floats:
        """Expected sum of e^(-delta s) over purchases at T + s, s <= horizon, which may be infinite."""

    @abstractmethod
    def _count_probability(self, rows: Rows, parameters: Floats, n: int, horizon: float) -> Floats:
        """P(n purchases of each row in (T, T + horizon])."""

    @abstractmethod
    def _rates(self, rows: Rows, parameters: Floats) -> dict[str, Floats]:
        """Posterior means of each row's own rates, by column name."""

    @abstractmethod
    def _simulate(
        self,
        rows: Rows,
        draws: Floats,
        horizon: float,
        delta: float,
        seeds: NDArray[np.uint64],
        counts: Floats,
        discounted: Floats,
    ) -> None:
        """Fill, for each row and each draw of the parameters, one future's purchases and their discounted sum."""

    @abstractmethod
    def _sample(self, T: Floats, parameters: Floats, seed: int) -> dict[str, Floats]:
        """New customers observed for T: the columns of their histories and what nobody sees."""

    def _wanted(self) -> Wanted:
        return Wanted(type(self).__name__, self._columns, self.time_unit)

    def _read_rows(self, X: Any) -> tuple[Rows, NDArray[np.bool_] | None]:
        """The rows of X, and which rows of X are no customers yet and missing among them (None: not one)."""
        return read_rows(X, self._wanted())

    def _warn_of_none(self, none: NDArray[np.bool_], what: str) -> None:
        warn_of_no_purchase(none, type(self).__name__, what)

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        X : Snapshots, or frame or array of n rows
            Of snapshots each customer's latest row is taken; rows without any purchase are left out
            and counted. A frame has the columns frequency, recency and T (`Snapshots.summary`).
        y : object, default=None
            Ignored.
        sample_weight : array of n numbers, default=None
            How many customers each row stands for.

        Returns
        -------
        self

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X breaks a rule of purchase histories.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the likelihood has no maximum, or it was not reached; the message says which.
        """
        self._fit(X, sample_weight)
        return self

    def _fit(self, X: Any, sample_weight: Any) -> Rows:
        """Fit, and give the rows that were read: those that `n_rows_used_` counts."""
        self._validate_params()
        rows = self._read_for_fit(X, sample_weight)
        self._rows, _ = rows.distinct()
        self._fit_rows()
        if not self.converged_:
            self._warn_of_fit()
        return rows

    def _read_for_fit(self, X: Any, sample_weight: Any) -> Rows:
        name, n = type(self).__name__, 0
        kept: Any = slice(None)
        self._on_snapshots = isinstance(X, Snapshots)
        self.fitted_on_: Any = None
        if isinstance(X, Snapshots):
            n, kept = len(X), latest_rows(X)
            X = X[kept]
            self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max())) if len(X) else None
        rows, none = self._read_rows(X)
        # A lazy frame has no length before it is read, and that of a dict is the number of its columns.
        n = n if self._on_snapshots else len(rows) if none is None else len(none)
        if none is not None:
            self._warn_of_none(none, "they are left out of the fit")
        if sample_weight is not None:
            weight = _weights(sample_weight, f"{name}.fit", n)
            if n and not weight.any():
                raise ParameterError(
                    f"sample_weight of {name}.fit is 0 in all {n:,} rows: nobody is left to learn from."
                )
            weight = weight[kept] if none is None else weight[kept][~none]
            rows = rows.weighing(weight).take(weight > 0)
        self.n_rows_used_ = len(rows)
        if len(rows) == 0:
            raise ParameterError(
                f"{name} learns from customers with {self._needs}, and X has none: all {n:,} rows are empty."
            )
        return rows

    def _fit_rows(self) -> None:
        """Climb on some of the customers, then on all."""
        rows = self._rows
        self._scale = self._time_scale(rows)
        n, found = rows.n_customers, self._climb(rows)
        self.n_iter_ = found.n_iter
        self._theta = found.theta
        self._reason = found.reason or self._not_told(found, n)
        self.converged_ = not self._reason
        parameters = self._natural(found.theta)
        for position, letter in enumerate(self._names):
            setattr(self, f"{letter}_", float(parameters[position]))
        self.loglik_ = self._sums(rows, parameters)[0] + float(np.sum(rows.weight * self._constants(rows)))
        k = self._n_free()
        self.aic_ = 2.0 * k - 2.0 * self.loglik_
        self.bic_ = k * float(np.log(n)) - 2.0 * self.loglik_

    def _warn_of_fit(self) -> None:
        """Say why there is no maximum: once, whatever a family has tried, and at the caller's line."""
        named = zip(self._names_of_theta(), self._natural(self._theta), strict=True)
        values = ", ".join(f"{letter}={value:.4g}" for letter, value in named)
        warnings.warn(
            f"{type(self).__name__}: the likelihood of {self._rows.n_customers:,.0f} customers has no maximum that the "
            f"data tell: {self._reason} (at {values}). Predictions near the data may still be right, parameters and "
            "standard errors are not. More customers or a longer history help, or penalty=1e-3, which pulls them "
            "towards 1 and the mean T.",
            ConvergenceWarning,
            stacklevel=callers_level(),
        )

    def _climb(self, rows: Rows) -> Maximum:
        begin = np.log(self._start(rows)) - self._shift()
        theta, hessian, curvature_at = begin, None, None
        for size in (_SAMPLE // 10, _SAMPLE):
            if len(rows) <= 2 * size:
                break
            some = self._objective(_some_of(rows, size))
            # Closer than this is far below what differs between samples.
            found = maximise(some, theta, tol=1e-3 / size, max_iter=self.max_iter, hessian=hessian)
            if found.reason:
                theta, hessian, curvature_at = begin, None, None
                break
            theta, hessian = found.theta, found.hessian
            # Of so many customers second derivatives are known to a few percent.
            curvature_at = partial(second_derivatives, some) if size == _SAMPLE else None
        objective = self._objective(rows)
        options: dict[str, Any] = {"tol": 1e-13, "max_iter": self.max_iter}
        found = maximise(objective, theta, hessian=hessian, curvature_at=curvature_at, **options)
        return maximise(objective, begin, **options) if found.reason and hessian is not None else found

    def _not_told(self, found: Maximum, n: float) -> str:
        """Say which direction of the parameters the data leave open; empty if none."""
        curvature, direction = weakest_direction(found.hessian * n)
        if curvature > _FLAT:
            return ""
        moving = [letter for letter, part in zip(self._names_of_theta(), direction, strict=True) if abs(part) > 0.3]
        return f"it hardly changes along {' and '.join(moving)}"

    def _time_scale(self, rows: Rows) -> float:
        mean = float(np.sum(rows.weight * rows.T)) / rows.n_customers
        return mean if mean > 0 else 1.0

    def _shift(self) -> Floats:
        """What to add to the parameters of the search to have logarithms of the model's."""
        return np.array([np.log(self._scale) if name in self._time_names else 0.0 for name in self._names])

    def _natural(self, theta: Floats) -> Floats:
        return frozen(np.exp(theta + self._shift()))

    def _n_free(self) -> int:
        return len(self._names_of_theta())

    def _objective(self, rows: Rows) -> Callable[[Floats], tuple[float, Floats]]:
        """The mean penalised log-likelihood, by logarithms whose times are relative to the mean T."""
        n = rows.n_customers

        def objective(theta: Floats) -> tuple[float, Floats]:
            value, gradient = self._sums(rows, self._natural(theta))
            return value / n - self.penalty * float(theta @ theta), gradient / n - 2.0 * self.penalty * theta

        return objective

    # -- what the fit says about itself ----------------------------------------------------------

    @property
    def parameters_(self) -> dict[str, float]:
        """The parameters by name."""
        check_is_fitted(self, "loglik_")
        return {letter: getattr(self, f"{letter}_") for letter in self._names}

    @property
    def covariance_(self) -> Floats:
        """Covariance matrix of the parameters, from the second derivatives of the log-likelihood.

        In the order of the names in `parameters_`; NaN where the data do not tell.
        """
        check_is_fitted(self, "loglik_")
        curvature = -self._information()
        values = np.linalg.eigvalsh(curvature) if np.isfinite(curvature).all() else np.array([0.0])
        if values[0] <= 0:
            return np.full_like(curvature, np.nan)
        scale = self._scale_of_theta()
        return np.linalg.inv(curvature) * np.outer(scale, scale)

    @property
    def standard_errors_(self) -> Floats:
        """Standard errors of the parameters, in the order of the names in `parameters_`."""
        return np.sqrt(np.diag(self.covariance_))

    def _scale_of_theta(self) -> Floats:
        """Derivatives of the parameters by those of the search."""
        return np.array(self._natural(self._theta))

    def _information(self) -> Floats:
        """Second derivatives of the log-likelihood, without penalty.

        Worked out each time: a fit that nobody asks for errors does not pay for them, and a model that
        kept them would change while threads share it.
        """
        rows = self._rows
        many = len(rows) > 2 * _SAMPLE
        return second_derivatives(lambda theta: self._sums(rows, self._natural(theta)), self._theta, one_sided=many)

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:  # noqa: ARG002  scikit-learn's signature
        """Mean log-likelihood of the rows of X.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
            Of snapshots every row counts that has a purchase.
        y : object, default=None
            Ignored.
        sample_weight : array of n numbers, default=None

        Returns
        -------
        float
        """
        rows, none = self._read(X)
        values = self._log_likelihood(rows, self._fitted()) + self._constants(rows)
        weight = np.ones(len(rows))
        if sample_weight is not None:
            owner = f"{type(self).__name__}.score"
            weight = _weights(sample_weight, owner, len(rows) if none is None else len(none))
            weight = weight if none is None else weight[~none]
        if not weight.any():
            raise ParameterError(f"{type(self).__name__}.score needs rows with {self._needs} and weight: X has none.")
        return float(np.average(values, weights=weight))

    def _constants(self, rows: Rows) -> Floats | float:  # noqa: ARG002  a family with such a part uses the rows
        """The part of each row's log-likelihood that no parameter enters."""
        return 0.0

    # -- predictions -----------------------------------------------------------------------------

    def expected_purchases(self, X: Any, horizon: Any) -> Floats:
        """Expected number of purchases after now, whether or not the customer is still alive.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        horizon : duration, or number for a frame
            Length of the time after as_of (a frame's `T`).

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN, with a warning, for a row without any purchase.
        """
        length = self._length(horizon, "horizon")
        return self._predict(X, lambda rows: self._expected(rows, self._fitted(), length))

    def alive_probability(self, X: Any, after: Any = 0) -> Floats:
        """Probability that the customer is still one: now, or some time later.

        Its history is what it says of the snapshots of earlier dates.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        after : duration, or number for a frame, default=0
            Time from now on, whatever is bought meanwhile.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        length = self._length(after, "after", allow_zero=True)
        return self._predict(X, lambda rows: self._alive(rows, self._fitted(), length))

    def purchase_count_probability(self, X: Any, n: Any, horizon: Any) -> Floats:
        """Probability of exactly n purchases after now.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        n : int or sequence of ints
            Numbers of purchases, 0 or more.
        horizon : duration, or number for a frame

        Returns
        -------
        ndarray of float64, shape (n_rows,), or (n_rows, len(n)) for a sequence
        """
        length = self._length(horizon, "horizon")
        owner = f"{type(self).__name__}.purchase_count_probability"
        if isinstance(n, Integral):
            count = check_int("n", n, owner, low=0, high=_MOST_PURCHASES)
            return self._predict(X, lambda rows: self._count_probability(rows, self._fitted(), count, length))
        asked = check_vector("n", n, np.int64, owner).tolist()
        counts = [check_int("n", one, owner, low=0, high=_MOST_PURCHASES) for one in asked]
        if not counts:
            raise ParameterError(f"The 'n' parameter of {owner} is empty. Pass a number of purchases, or several.")
        return self._predict(
            X,
            lambda rows: np.column_stack(
                [self._count_probability(rows, self._fitted(), count, length) for count in counts]
            ),
        )

    def new_customer_purchases(self, horizon: Any, coverage: float | None = None, *, random_state: Any = 0) -> Any:
        """Expected repeat purchases of a customer who makes the first purchase now.

        Parameters
        ----------
        horizon : duration, or number for a frame
        coverage : float, default=None
            Of the interval that the uncertainty of the parameters gives; none is made if None.
        random_state : int, Generator or RandomState, default=0
            Of the draws behind the interval.

        Returns
        -------
        float, or Estimate with `coverage`
        """
        length = self._length(horizon, "horizon")
        new = self._new_customer()
        value = float(self._expected(new, self._fitted(), length)[0])
        if coverage is None:
            return value
        posterior = self.sample_posterior(random_state=random_state)
        draws = np.array([self._expected(new, frozen(draw), length)[0] for draw in posterior.draws])
        return interval_of_draws(draws, coverage, self._rows.n_customers, value)

    def residual_purchases(self, X: Any, delta: float) -> Floats:
        """Discounted expected residual transactions: all purchases after now, those far away counting less.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        delta : float
            Continuous rate of discount per time unit, above 0: a purchase t units from now counts
            exp(-delta t). An annual effective rate d is ``log(1 + d)`` per year, 1/52.18 of it per week.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        rate = check_float("delta", delta, f"{type(self).__name__}.residual_purchases", low=0, closed="neither")
        return self._predict(X, lambda rows: self._discounted(rows, self._fitted(), np.inf, rate))

    def discounted_purchases(self, X: Any, horizon: Any, delta: float) -> Floats:
        """Expected purchases up to a horizon, each counting exp(-delta t) at t time units from now.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        horizon : duration, or number for a frame
        delta : float
            As of `residual_purchases`; 0 gives `expected_purchases`.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        length = self._length(horizon, "horizon")
        rate = check_float("delta", delta, f"{type(self).__name__}.discounted_purchases", low=0)
        if rate == 0:
            return self._predict(X, lambda rows: self._expected(rows, self._fitted(), length))
        return self._predict(X, lambda rows: self._discounted(rows, self._fitted(), length, rate))

    def customer_rates(self, X: Any) -> Any:
        """Posterior means of each customer's own rates.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`

        Returns
        -------
        frame of n rows
            ``purchase_rate``, purchases per time unit while alive, and ``dropout_probability`` after a
            purchase or ``dropout_rate`` per time unit, as the model has it.
        """
        columns: dict[str, Floats] = {}
        rows, none = self._read(X)
        few, inverse = rows.distinct()
        for name, values in self._rates(few, self._fitted()).items():
            columns[name] = spread(values[inverse], none)
        return X.make_frame(columns) if isinstance(X, Snapshots) else make_frame(columns, "pandas")

    def sample(self, n_customers: int, T: Any, random_state: Any = None) -> Any:
        """Simulate new customers of the fitted model.

        Parameters
        ----------
        n_customers : int
        T : duration or number, or array of numbers
            How long each is observed from the first purchase on; an array is in the model's time unit.
        random_state : int, Generator or RandomState, default=None

        Returns
        -------
        pandas DataFrame of n_customers rows
            The columns of a summary, then what nobody sees: whether the customer is alive, and the
            customer's own rates.
        """
        owner = f"{type(self).__name__}.sample"
        n = check_int("n_customers", n_customers, owner, low=0)
        rng = check_generator("random_state", random_state, owner)
        if np.ndim(T) == 1:
            lengths = check_vector("T", T, np.float64, owner, n=n).copy()
            if (lengths < 0).any():
                raise ParameterError(f"T of {owner} must not be negative: the lowest is {lengths.min():g}.")
        else:
            lengths = np.full(n, self._length(T, "T"))
        return make_frame(self._sample(frozen(lengths), self._fitted(), int(rng.integers(2**63))), "pandas")

    # -- uncertainty -----------------------------------------------------------------------------

    def sample_posterior(self, n_draws: int = 1000, random_state: Any = None) -> Posterior:
        """Draw parameters from their posterior, without refitting.

        The prior of the logarithm of each parameter is normal with standard deviation 2 around 0, times
        being relative to the mean T of the fit: a factor of 50 either way is within two of them. It is
        proper, as it must be: flat in the logarithms the posterior of BG/NBD has no finite integral.
        A penalty of the fit is added to it.

        Parameters
        ----------
        n_draws : int, default=1000
            At least 100.
        random_state : int, Generator or RandomState, default=None

        Returns
        -------
        Posterior
            With the diagnostic `pareto_k` of the importance weights.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If `pareto_k` is above .7: the intervals cannot be trusted.
        """
        owner = f"{type(self).__name__}.sample_posterior"
        n_draws = check_int("n_draws", n_draws, owner, low=100)
        rng = check_generator("random_state", random_state, owner)
        self._fitted()
        rows, pull = self._rows, 0.5 / PRIOR_SD**2 + self.penalty * self._rows.n_customers

        def log_density(theta: Floats) -> tuple[float, Floats]:
            value, gradient = self._sums(rows, self._natural(theta))
            return value - pull * float(theta @ theta), gradient - 2.0 * pull * theta

        prior = -2.0 * pull * np.eye(len(self._theta))
        start = self._theta if self.converged_ else np.clip(self._theta, -3.0, 3.0)
        known = self._information() + prior if self.converged_ else None
        mode = maximise(log_density, start, tol=1e-8, max_iter=self.max_iter, hessian=known)
        hessian = second_derivatives(log_density, mode.theta)
        covariance = np.asarray(np.linalg.inv(-hessian), dtype=np.float64)
        density = self._density_of_some(log_density, mode.theta, hessian, pull)
        draws, k = importance_sample(density, mode.theta, covariance, n_draws, rng)
        if not k <= TRUSTED_K:
            warnings.warn(
                f"{owner}: the importance weights have k = {k:.2f}, above {TRUSTED_K}: intervals that rest on these "
                "draws are too narrow. More customers help, or a larger n_draws.",
                ConvergenceWarning,
                stacklevel=2,
            )
        natural = np.array([self._natural(theta) for theta in draws])
        return Posterior(self._names_of_theta(), natural, float(k), rows.n_customers)

    def _density_of_some(self, log_density: Objective, mode: Floats, hessian: Floats, pull: float) -> Objective:
        """The density of all rows, or where they are many a stand-in that asks some of them.

        The stand-in has the mode, gradient and curvature of all rows; only what is beyond is that of
        some (control variates of second order: Quiroz, Kohn, Villani & Tran 2019).
        """
        rows = self._rows
        if len(rows) <= 2 * _SAMPLE:
            return log_density
        some = _some_of(rows, _SAMPLE)
        value, gradient = log_density(mode)

        def of_some(theta: Floats) -> tuple[float, Floats]:
            value, gradient = self._sums(some, self._natural(theta))
            return value - pull * float(theta @ theta), gradient - 2.0 * pull * theta

        value_of_some, gradient_of_some = of_some(mode)
        bend = hessian - second_derivatives(of_some, mode)
        tilt = gradient - gradient_of_some

        def stand_in(theta: Floats) -> tuple[float, Floats]:
            d = theta - mode
            here, slope = of_some(theta)
            change = value - value_of_some + float(tilt @ d) + 0.5 * float(d @ bend @ d)
            return here + change, slope + tilt + bend @ d

        return stand_in

    def _names_of_theta(self) -> tuple[str, ...]:
        return self._names

    def predict_interval(
        self,
        X: Any,
        coverage: float = 0.9,
        *,
        horizon: Any,
        kind: Literal["outcome", "mean"] = "outcome",
        n_draws: int = 400,
        random_state: Any = None,
    ) -> Floats:
        """Interval of each row's purchases after now.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        coverage : float, default=0.9
        horizon : duration, or number for a frame
        kind : {"outcome", "mean"}, default="outcome"
            Of the number that will be bought, or of `expected_purchases`, whose uncertainty is that of
            the parameters alone.
        n_draws : int, default=400
            Draws of the parameters; for an outcome each comes with one simulated future of each row.
        random_state : int, Generator or RandomState, default=None
            With an int, a row's interval depends on the row and the fit alone.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            Lower and upper ends. Counts are whole, so that an interval of outcomes holds at least
            `coverage` of them.
        """
        length, owner = self._length(horizon, "horizon"), f"{type(self).__name__}.predict_interval"
        check_option("kind", kind, {"outcome", "mean"}, owner)
        check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        rng = check_generator("random_state", random_state, owner)
        draws = frozen(self.sample_posterior(n_draws, rng).draws)
        seed = int(rng.integers(2**63))
        rows, none = self._read(X)
        few, inverse = rows.distinct()
        ends = np.empty((len(few), 2))
        levels = [0.5 - coverage / 2, 0.5 + coverage / 2]
        for begin in range(0, len(few), _BLOCK):
            block = few.take(slice(begin, begin + _BLOCK))
            if kind == "mean":
                values = np.column_stack([self._expected(block, frozen(draw), length) for draw in draws])
                found = np.quantile(values, levels, axis=1).T
            else:
                counts = self._futures(block, draws, length, 0.0, row_seeds(block, seed))[0]
                low = np.quantile(counts, levels[0], axis=1, method="lower")
                found = np.column_stack([low, np.quantile(counts, levels[1], axis=1, method="higher")])
            ends[begin : begin + _BLOCK] = found
        return spread(ends[inverse], none)

    def total_purchases(
        self,
        X: Any,
        horizon: Any,
        coverage: float = 0.9,
        *,
        kind: Literal["outcome", "mean"] = "outcome",
        n_draws: int = 400,
        random_state: Any = None,
    ) -> Estimate:
        """All purchases of all rows after now, with an interval.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        horizon : duration, or number for a frame
        coverage : float, default=0.9
        kind : {"outcome", "mean"}, default="outcome"
            Interval of what will be bought, or of its expectation.
        n_draws : int, default=400
        random_state : int, Generator or RandomState, default=None

        Returns
        -------
        Estimate
            Its value is the sum of `expected_purchases`.
        """
        length, owner = self._length(horizon, "horizon"), f"{type(self).__name__}.total_purchases"
        check_option("kind", kind, {"outcome", "mean"}, owner)
        check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        rng = check_generator("random_state", random_state, owner)
        draws = frozen(self.sample_posterior(n_draws, rng).draws)
        rows, _ = self._read(X)
        few, _ = rows.distinct()
        value = float(few.weight @ self._expected(few, self._fitted(), length))
        if kind == "mean":
            totals = np.array([few.weight @ self._expected(few, frozen(draw), length) for draw in draws])
        else:
            seeds, order = own_seeds(row_seeds(rows, int(rng.integers(2**63))))
            rows = rows.take(order)
            totals = np.zeros(len(draws))
            for begin in range(0, len(rows), _BLOCK):
                part = slice(begin, begin + _BLOCK)
                totals += self._futures(rows.take(part), draws, length, 0.0, seeds[part])[0].sum(axis=0)
        return interval_of_draws(totals, coverage, len(rows), value)

    def _futures(
        self, rows: Rows, draws: Floats, horizon: float, delta: float, seeds: NDArray[np.uint64]
    ) -> tuple[Floats, Floats]:
        counts, discounted = np.empty((len(rows), len(draws))), np.empty((len(rows), len(draws)))
        self._simulate(rows, draws, horizon, delta, frozen(seeds), counts, discounted)
        return counts, discounted

    # -- inside ----------------------------------------------------------------------------------

    def _fitted(self) -> Floats:
        check_is_fitted(self, "loglik_")
        return self._natural(self._theta)

    def _new_customer(self) -> Rows:
        return self._histories(np.zeros(1), np.zeros(1), np.zeros(1))

    @staticmethod
    def _histories(x: Floats, t_x: Floats, T: Floats) -> Rows:
        """Rows of histories that nobody need have, such as those of a map."""
        return Rows(frozen(x), frozen(t_x), frozen(T), frozen(np.ones(len(x))))

    def _length(self, value: Any, name: str, *, allow_zero: bool = False) -> float:
        check_is_fitted(self, "loglik_")
        return in_time_units(
            value,
            name,
            type(self).__name__,
            time_unit=self.time_unit,
            snapshots=self._on_snapshots,
            allow_zero=allow_zero,
        )

    def _read(self, X: Any) -> tuple[Rows, NDArray[np.bool_] | None]:
        check_is_fitted(self, "loglik_")
        name = type(self).__name__
        if isinstance(X, Snapshots) != self._on_snapshots:
            kinds = ("Snapshots", "a frame or array")
            kinds = kinds if self._on_snapshots else kinds[::-1]
            raise ParameterError(
                f"{name} was fitted on {kinds[0]} and got {kinds[1]}. Pass X of the kind it was fitted on."
            )
        rows, none = self._read_rows(X)
        if none is not None:
            self._warn_of_none(none, "their predictions are NaN")
        return rows, none

    def _predict(self, X: Any, function: Callable[[Rows], Floats]) -> Floats:
        """A function of the rows, worked out once for equal ones."""
        rows, none = self._read(X)
        if len(rows) < 100:
            return spread(function(rows), none)
        few, inverse = rows.distinct()
        return spread(function(few)[inverse], none)

    def _run(self, kernel: Any, rows: Rows, *args: Any) -> Floats:
        """A kernel that fills one number for each row."""
        out = np.empty(len(rows))
        run_in_ranges(kernel, len(rows), rows.x, rows.t_x, rows.T, *args, out, minimum=500)
        return out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def _weights(sample_weight: Any, owner: str, n: int) -> Floats:
    weight = check_vector("sample_weight", sample_weight, np.float64, owner, n=n)
    if (weight < 0).any():
        raise ParameterError(f"sample_weight of {owner} must not be negative: the lowest is {weight.min():g}.")
    return weight


def _some_of(rows: Rows, size: int) -> Rows:
    """Customers at equal distances in the order of the rows, so that heavy rows keep their share."""
    total = rows.n_customers
    places = (np.arange(size) + 0.5) * (total / size)
    chosen, counts = np.unique(np.searchsorted(np.cumsum(rows.weight), places), return_counts=True)
    return rows.take(np.minimum(chosen, len(rows) - 1)).weighing(counts.astype(np.float64) * (total / size))


def row_seeds(rows: Rows, seed: int) -> NDArray[np.uint64]:
    """A seed for each row, that depends on what the row holds and not on its place."""
    seeds = np.empty(len(rows), dtype=np.uint64)
    run_in_ranges(fill_row_seeds, len(rows), rows.x, rows.t_x, rows.T, np.uint64(seed), seeds)
    return frozen(seeds)


def own_seeds(seeds: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Seeds of their own for equal rows too, and the order they are in, which what rows hold alone decides."""
    order = np.argsort(seeds, kind="stable")
    own = np.empty(len(seeds), dtype=np.uint64)
    number_equal(frozen(seeds[order]), own)
    return frozen(own), order


def spread(values: Floats, none: NDArray[np.bool_] | None) -> Floats:
    """Values of the rows with a purchase at their places among all rows, NaN elsewhere."""
    if none is None:
        return values
    result = np.full((len(none), *values.shape[1:]), np.nan)
    result[~none] = values
    return result
