"""Contracts that customers renew or leave: shifted beta-geometric and beta-discrete-Weibull."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from crmkit._compat import Interval
from crmkit._durations import duration_name, to_microseconds
from crmkit._frames import number_column, read_columns
from crmkit._numba import run_in_ranges
from crmkit._validation import check_float, check_int, check_vector
from crmkit.events import Snapshots
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.value import _contracts_kernels as kernels
from crmkit.value._posterior import interval_of_draws
from crmkit.value._purchase_model import PurchaseModel
from crmkit.value._reading import Wanted, callers_level, in_time_units, read_columns_of
from crmkit.value._rows import Floats, Rows, frozen


class _Contract(PurchaseModel):
    """What both contract models share; they differ in whether leaving depends on age.

    In `Rows`, x is the number of renewals survived and t_x says whether the contract has ended.
    """

    _columns = ("periods", "ended")
    _needs = "a contract"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "start": [object],  # kinds and durations are checked by what reads them
        "end": [object],
        "period": [object],
        "penalty": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    start: Any
    end: Any
    period: Any

    @abstractmethod
    def __init__(self) -> None: ...

    # -- reading ---------------------------------------------------------------------------------

    def _read_rows(self, X: Any) -> tuple[Rows, NDArray[np.bool_] | None]:
        name = type(self).__name__
        none = None
        if isinstance(X, Snapshots):
            if self.start is None or self.end is None:
                raise ParameterError(
                    f"{name} on snapshots needs to know which events are contracts: start={self.start!r}, "
                    f"end={self.end!r}. Name kinds of events, such as {name}(start='subscribe', end='cancel', "
                    "period='30D')."
                )
            frame = X.tenure(self.start, self.end, self.period)
            read = read_columns(frame, [(column, column) for column in self._columns])
            periods, ended = (
                check_vector(column, number_column(read[column], name), np.float64, name, finite=False)
                for column in self._columns
            )
            none = np.isnan(periods)
            periods, ended = periods[~none], ended[~none]
        else:
            columns = read_columns_of(X, Wanted(name, self._columns, ""))
            periods, ended = columns["periods"], columns["ended"]
            _check_contracts(periods, ended)
        rows = Rows(
            *(frozen(column + 0.0) for column in (periods, ended, np.zeros(len(periods)), np.ones(len(periods))))
        )
        return rows, none if none is not None and none.any() else None

    def _warn_of_none(self, none: NDArray[np.bool_], what: str) -> None:
        warnings.warn(
            f"{type(self).__name__}: {int(none.sum()):,} of {len(none):,} rows see no event of start={self.start!r} "
            f"before their as_of, so they have no contract: {what}.",
            CrmkitWarning,
            stacklevel=callers_level(),
        )

    def _length(self, value: Any, name: str, *, allow_zero: bool = False) -> float:
        """A horizon as a number of renewals."""
        self._fitted()
        owner = type(self).__name__
        if not self._on_snapshots:
            number = in_time_units(value, name, owner, time_unit="D", snapshots=False, allow_zero=allow_zero)
            if number != np.floor(number):
                raise ParameterError(
                    f"{name}={value!r} of {owner} must be a whole number of periods: nothing happens between renewals."
                )
            return number
        if allow_zero and isinstance(value, int) and value == 0 and not isinstance(value, bool):
            return 0.0
        length = to_microseconds(value, name, allow_zero=allow_zero)
        period = to_microseconds(self.period, "period")
        if length % period:
            near = max(round(length / period), 1) * period
            raise ParameterError(
                f"{name}={value!r} of {owner} must be a multiple of period={self.period!r}: how many renewals fall "
                f"due in part of a period differs from customer to customer. Pass {duration_name(near)!r}, for example."
            )
        return float(length // period)

    # -- what a family gives ---------------------------------------------------------------------

    def _all(self, parameters: Floats) -> Floats:
        """alpha, beta and c of one set of parameters or of several."""
        return parameters

    def _run(self, kernel: Any, rows: Rows, *args: Any) -> Floats:
        out = np.empty(len(rows))
        run_in_ranges(kernel, len(rows), rows.x, rows.t_x, *args, out, minimum=500)
        return out

    def _start(self, rows: Rows) -> Floats:
        left = float(rows.weight @ rows.t_x) + 0.5
        rate = min(left / (float(rows.weight @ (rows.x + rows.t_x)) + 1.0), 0.9)
        return np.array([1.0, 1.0 / rate - 1.0, 1.0])[: len(self._names)]

    def _sums(self, rows: Rows, parameters: Floats) -> tuple[float, Floats]:
        # Equal rows are put together, and renewals are few: no need for blocks and threads.
        out = np.empty(4)
        kernels.sums(rows.x, rows.t_x, rows.weight, self._all(parameters), out)
        return float(out[0]), out[1 : len(self._names) + 1]

    def _log_likelihood(self, rows: Rows, parameters: Floats) -> Floats:
        return self._run(kernels.log_likelihood, rows, self._all(parameters))

    # A horizon that ends within a period, as a value's may, holds the renewals that fall due in it: the whole ones.

    def _alive(self, rows: Rows, parameters: Floats, after: float) -> Floats:
        return self._run(kernels.survival, rows, self._all(parameters), np.floor(after))

    def _expected(self, rows: Rows, parameters: Floats, horizon: float) -> Floats:
        return self._run(kernels.discounted, rows, self._all(parameters), np.floor(horizon), 0.0)

    def _discounted(self, rows: Rows, parameters: Floats, horizon: float, delta: float) -> Floats:
        return self._run(kernels.discounted, rows, self._all(parameters), np.floor(horizon), delta)

    def _count_probability(self, rows: Rows, parameters: Floats, n: int, horizon: float) -> Floats:
        return self._run(kernels.count_probability, rows, self._all(parameters), float(n), np.floor(horizon))

    def _rates(self, rows: Rows, parameters: Floats) -> dict[str, Floats]:
        return {"churn_probability": self._run(kernels.churn_rates, rows, self._all(parameters))}

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
        arrays = (rows.x, rows.t_x, self._all(draws), np.floor(horizon), delta, seeds, counts, discounted)
        run_in_ranges(kernels.simulate, len(rows), *arrays, minimum=50)

    def _sample(self, T: Floats, parameters: Floats, seed: int) -> dict[str, Floats]:
        if (np.floor(T) != T).any():
            raise ParameterError(f"T of {type(self).__name__}.sample must be whole numbers of periods.")
        seeds = frozen(np.random.default_rng(seed).integers(2**63, size=len(T), dtype=np.uint64))
        periods, ended, churn = np.empty((3, len(T)))
        run_in_ranges(kernels.draw_contracts, len(T), T, self._all(parameters), seeds, periods, ended, churn)
        return {"periods": periods, "ended": ended, "churn_probability": churn}

    # -- public ----------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        X : Snapshots, or frame or array of n rows
            Of snapshots each customer's latest row is taken, and read by ``X.tenure(start, end,
            period)``; rows without a contract are left out, counted and warned of. A frame has the
            columns periods (renewals survived, 0 and more) and ended (0 or 1); an array these two.
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
            If X breaks a rule of contracts, or has none.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the likelihood has no maximum, or it was not reached; the message says which.

        Notes
        -----
        Fit on everybody who ever had a contract. Snapshots made with ``alive=`` hold the survivors
        alone, and would say that nobody leaves.
        """
        self._fit(X, sample_weight)
        return self

    def _read_for_fit(self, X: Any, sample_weight: Any) -> Rows:
        if isinstance(X, Snapshots) and len(X.log.kinds):
            # A misspelt end would say that nobody leaves. At predict a log may be of one customer, who has not.
            known = {str(kind) for kind in X.log.kinds}
            for name in ("start", "end"):
                kinds = getattr(self, name)
                named = [kinds] if isinstance(kinds, str) or not isinstance(kinds, Iterable) else kinds
                if kinds is not None and known.isdisjoint(str(kind) for kind in named):
                    raise ParameterError(
                        f"{name}={kinds!r} of {type(self).__name__} names no kind of event that the log has: it has "
                        f"{', '.join(sorted(known))}."
                    )
        return super()._read_for_fit(X, sample_weight)

    def residual_purchases(self, X: Any, delta: float) -> Floats:
        """Discounted expected residual lifetime: all renewals to come, those far away counting less.

        Parameters
        ----------
        X : Snapshots, or frame or array, as in `fit`
        delta : float
            Continuous rate of discount per period, 0 or more: the renewal t periods from now counts
            exp(-delta t). For an annual effective rate d and a period of a year it is ``log(1 + d)``.

        Returns
        -------
        ndarray of float64, shape (n,)
            0 where the contract has ended. Without discounting infinite, unless alpha c > 1.

        Notes
        -----
        The next renewal counts as one period away. Fader and Hardie (2010) count it as due right now,
        its payment not discounted: multiply by ``exp(delta)`` for theirs.
        """
        rate = check_float("delta", delta, f"{type(self).__name__}.residual_purchases", low=0)
        return self._predict(X, lambda rows: self._discounted(rows, self._fitted(), np.inf, rate))

    def new_customer_survival(self, periods: Any, coverage: float | None = None, *, random_state: Any = 0) -> Any:
        """Share of new customers who survive so many renewals: the survival curve.

        Parameters
        ----------
        periods : int or sequence of ints
            Numbers of renewals, 0 or more.
        coverage : float, default=None
            Of the interval that the uncertainty of the parameters gives; none is made if None.
        random_state : int, Generator or RandomState, default=0
            Of the draws behind the interval.

        Returns
        -------
        float or ndarray; with `coverage` an Estimate or a list of them
        """
        return self._curve("new_customer_survival", periods, 0, coverage, random_state)

    def retention_rate(self, periods: Any, coverage: float | None = None, *, random_state: Any = 0) -> Any:
        """Share of the customers up for a renewal who renew; of those who leave least, ever more are left.

        Parameters
        ----------
        periods : int or sequence of ints
            Which renewal, counted from 1.
        coverage : float, default=None
            Of the interval that the uncertainty of the parameters gives; none is made if None.
        random_state : int, Generator or RandomState, default=0
            Of the draws behind the interval.

        Returns
        -------
        float or ndarray; with `coverage` an Estimate or a list of them
        """
        return self._curve("retention_rate", periods, 1, coverage, random_state)

    def _curve(self, method: str, periods: Any, lowest: int, coverage: float | None, random_state: Any) -> Any:
        owner = f"{type(self).__name__}.{method}"
        one = isinstance(periods, Integral)
        asked = [periods] if one else check_vector("periods", periods, np.int64, owner).tolist()
        ages = [float(check_int("periods", age, owner, low=lowest)) for age in asked]

        def values(parameters: Floats) -> Floats:
            alpha, beta, c = self._all(parameters)
            steps = [(0.0, age) if lowest == 0 else (age - 1.0, 1.0) for age in ages]
            return np.array([np.exp(kernels.log_survival(s, h, alpha, beta, c)) for s, h in steps])

        best = values(self._fitted())
        if coverage is None:
            return float(best[0]) if one else best
        draws = np.array([values(frozen(draw)) for draw in self.sample_posterior(random_state=random_state).draws])
        n = self._rows.n_customers
        found = [interval_of_draws(draws[:, j], coverage, n, float(value)) for j, value in enumerate(best)]
        return found[0] if one else found


class ShiftedBetaGeometric(_Contract):
    r"""sBG: at each renewal a customer leaves with a chance of one's own, which age does not change.

    The chances to leave follow a beta distribution over the customers. Those with a high one leave
    first, so the retention rate of a cohort rises with age though nobody changes [1]_.

    Parameters
    ----------
    start, end : str or list, default=None
        For snapshots: kinds of events that start a contract, and that end one.
    period : duration, default="30D"
        For snapshots: time from one renewal to the next.
    penalty : float, default=0
        Strength of an L2 penalty per customer on the logarithms of the parameters. 0 is maximum
        likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    alpha_, beta_ : float
        Parameters of the beta distribution of the chance to leave; its mean is alpha / (alpha + beta).
    loglik_, aic_, bic_ : float
        Log-likelihood of the customers of the fit, and the criteria of Akaike and Schwarz.
    covariance_, standard_errors_ : ndarray
        Of the parameters, in the order alpha, beta.
    n_iter_ : int
        Steps of the fit.
    converged_ : bool
        Whether it ended at a maximum that the data tell; else a ConvergenceWarning said why.
    n_rows_used_ : int
        Rows in the fit: each customer once.
    fitted_on_ : tuple or None
        Fingerprint of the log, and first and last as_of, for snapshots.

    See Also
    --------
    BetaDiscreteWeibull : Leaving may grow on a customer with age, or off.
    crmkit.events.Snapshots.tenure : The columns that are fitted.

    Notes
    -----
    Purchases are renewals here: `expected_purchases` counts the renewals of the horizon, and
    `residual_purchases` is the discounted expected residual lifetime. Units of time are periods; a
    horizon on snapshots is a multiple of `period`. The likelihood of a customer seen to survive s
    renewals is S(s), that of one who did not survive the next one S(s) - S(s + 1), with

    .. math:: S(s) = B(\alpha, \beta + s) / B(\alpha, \beta) .

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie, "How to Project Customer Retention", Journal of Interactive
       Marketing 21(1), 2007.
    .. [2] P. S. Fader, B. G. S. Hardie, "Customer-Base Valuation in a Contractual Setting: The Perils of
       Ignoring Heterogeneity", Marketing Science 29(1), 2010.

    Examples
    --------
    The regular customers of [1]_: 1,000 of them at first, 241 after seven renewals.

    >>> import numpy as np
    >>> from crmkit.value import ShiftedBetaGeometric
    >>> lost = [369, 163, 86, 56, 37, 27, 21]
    >>> rows = np.array([(year, 1) for year in range(7)] + [(7, 0)])
    >>> model = ShiftedBetaGeometric().fit(rows, sample_weight=[*lost, 241])
    >>> print(f"{model.alpha_:.4f} {model.beta_:.4f} {model.loglik_:.4f}")
    0.7041 1.1820 -1680.2652
    >>> model.retention_rate([1, 2, 7, 12]).round(3)
    array([0.627, 0.756, 0.911, 0.945])
    >>> model.residual_purchases([[1, 0], [7, 0], [3, 1]], delta=np.log(1.1)).round(3)
    array([3.73, 6.22, 0.  ])
    """

    _names = ("alpha", "beta")

    def __init__(
        self,
        *,
        start: Any = None,
        end: Any = None,
        period: Any = "30D",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        self.start = start
        self.end = end
        self.period = period
        self.penalty = penalty
        self.max_iter = max_iter

    def _all(self, parameters: Floats) -> Floats:
        return frozen(np.concatenate([parameters, np.ones((*parameters.shape[:-1], 1))], axis=-1))


class BetaDiscreteWeibull(_Contract):
    r"""BdW: as sBG, but a customer's own chance to leave rises with age, or falls.

    With a chance to leave theta, the first s renewals are survived with probability
    (1 - theta) ** (s ** c) [1]_: above c = 1 leaving grows on everybody, below it habits set in. At
    c = 1 it is `ShiftedBetaGeometric`, bit for bit.

    Parameters
    ----------
    start, end : str or list, default=None
        For snapshots: kinds of events that start a contract, and that end one.
    period : duration, default="30D"
        For snapshots: time from one renewal to the next.
    penalty : float, default=0
        Strength of an L2 penalty per customer on the logarithms of the parameters. 0 is maximum
        likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    alpha_, beta_ : float
        Parameters of the beta distribution of the chance to leave at the first renewal.
    c_ : float
        How leaving changes with age.
    loglik_, aic_, bic_ : float
        Log-likelihood of the customers of the fit, and the criteria of Akaike and Schwarz.
    covariance_, standard_errors_ : ndarray
        Of the parameters, in the order alpha, beta, c.
    n_iter_ : int
    converged_ : bool
    n_rows_used_ : int
    fitted_on_ : tuple or None

    See Also
    --------
    ShiftedBetaGeometric : Fewer parameters, for shorter histories.

    Notes
    -----
    The methods are those of `ShiftedBetaGeometric`, with

    .. math:: S(s) = B(\alpha, \beta + s^c) / B(\alpha, \beta) .

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie, Y. Liu, J. Davin, T. Steenburgh, "How to Project Customer
       Retention Revisited: The Role of Duration Dependence", Journal of Interactive Marketing 43, 2018.

    Examples
    --------
    The high-end customers of Fader and Hardie (2007), of whom 491 of 1,000 survive seven renewals:

    >>> import numpy as np
    >>> from crmkit.value import BetaDiscreteWeibull
    >>> lost = [131, 126, 90, 60, 42, 34, 26]
    >>> rows = np.array([(year, 1) for year in range(7)] + [(7, 0)])
    >>> model = BetaDiscreteWeibull().fit(rows, sample_weight=[*lost, 491])
    >>> print(f"{model.alpha_:.4f} {model.beta_:.4f} {model.c_:.4f} {model.loglik_:.4f}")
    0.2143 1.4266 1.7236 -1605.3142
    >>> model.new_customer_survival([1, 7, 12]).round(3)
    array([0.869, 0.491, 0.404])
    """

    _names = ("alpha", "beta", "c")

    def __init__(
        self,
        *,
        start: Any = None,
        end: Any = None,
        period: Any = "30D",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        self.start = start
        self.end = end
        self.period = period
        self.penalty = penalty
        self.max_iter = max_iter


def _check_contracts(periods: Floats, ended: Floats) -> None:
    rules = [
        (periods < 0, "periods is negative"),
        (periods != np.floor(periods), "periods is not a whole number: it counts renewals survived"),
        ((ended != 0) & (ended != 1), "ended is neither 0 nor 1"),
    ]
    for broken, rule in rules:
        if broken.any():
            row = int(broken.argmax())
            raise ParameterError(
                f"X breaks a rule of contracts in {int(broken.sum()):,} of {len(periods):,} rows: {rule}. Row {row:,} "
                f"has periods={periods[row]:g}, ended={ended[row]:g}. X.tenure() of snapshots gives the columns as "
                "they are meant."
            )
