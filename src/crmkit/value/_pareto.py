"""Pareto/NBD: customers buy at a rate of their own and can drop out at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crmkit._numba import run_in_ranges
from crmkit._validation import parameter_error
from crmkit.value import _pareto_future_kernels as future
from crmkit.value import _pareto_kernels as kernels
from crmkit.value import _pareto_table_kernels as tables
from crmkit.value._purchase_model import PurchaseModel
from crmkit.value._reading import Wanted
from crmkit.value._rows import Floats, Rows, frozen


class ParetoNBD(PurchaseModel):
    """Pareto/NBD: buying at random with a rate of one's own, dropping out at any time.

    Purchase rates of customers follow a gamma distribution, and so do their dropout rates [1]_.
    Covariates that do not change can shift both: a customer's rate is exp(sum of effect times covariate)
    times that of one whose covariates are zero, so ``alpha`` or ``beta`` is divided by it [2]_.

    Parameters
    ----------
    purchase_covariates, dropout_covariates : sequence of str, default=()
        Columns of numbers, of the frame or of `Snapshots.attributes`, on which the purchase rate and
        the dropout rate depend.
    time_unit : {"D", "W", "M", "Y"}, default="W"
        Unit of the parameters, and of a frame's recency and T.
    penalty : float, default=0
        Strength of an L2 penalty per customer, on the logarithms of the parameters, times being relative
        to the mean T, and on the effects of one standard deviation of each covariate: so it depends on no
        unit. 0 is maximum likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    r_, alpha_ : float
        Shape and rate of the gamma distribution of purchase rates; alpha is a time.
    s_, beta_ : float
        Shape and rate of the gamma distribution of dropout rates; beta is a time.
    purchase_coef_, dropout_coef_ : ndarray
        Effects of the covariates. With some, `alpha_` and `beta_` are those of customers whose
        covariates are zero, of whom `new_customer_purchases` and `sample` speak too.
    loglik_, aic_, bic_ : float
        Log-likelihood of the customers of the fit, and the criteria of Akaike and Schwarz.
    covariance_, standard_errors_ : ndarray
        Of the parameters, in the order of `parameters_`: r, alpha, s, beta, then the effects.
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
    BetaGeoNBD, ModifiedBetaGeoNBD : One drops out after a purchase.

    References
    ----------
    .. [1] D. C. Schmittlein, D. G. Morrison, R. Colombo, "Counting Your Customers: Who Are They and What
       Will They Do Next?", Management Science 33(1), 1987; P. S. Fader, B. G. S. Hardie, "A Note on
       Deriving the Pareto/NBD Model and Related Expressions", 2005, for the discounted expectation.
    .. [2] P. S. Fader, B. G. S. Hardie, "Incorporating Time-Invariant Covariates into the Pareto/NBD and
       BG/NBD Models", 2007.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import ParetoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> model = ParetoNBD().fit(today)
    >>> print(f"{model.r_:.4f} {model.alpha_:.4f} {model.s_:.4f} {model.beta_:.4f} {model.loglik_:.4f}")
    0.5533 10.5777 0.6062 11.6687 -9594.9762
    >>> model.expected_purchases(today[:3], "39W").round(4)
    array([1.4552, 0.1088, 0.1711])
    """

    _names = ("r", "alpha", "s", "beta")
    _time_names = ("alpha", "beta")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **PurchaseModel._parameter_constraints,
        "purchase_covariates": ["array-like"],
        "dropout_covariates": ["array-like"],
    }

    def __init__(
        self,
        *,
        purchase_covariates: Sequence[str] = (),
        dropout_covariates: Sequence[str] = (),
        time_unit: str = "W",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        self.purchase_covariates = purchase_covariates
        self.dropout_covariates = dropout_covariates
        self.time_unit = time_unit
        self.penalty = penalty
        self.max_iter = max_iter

    # -- parameters and covariates ---------------------------------------------------------------

    def _wanted(self) -> Wanted:
        for name in ("purchase_covariates", "dropout_covariates"):
            columns = getattr(self, name)
            if not all(isinstance(column, str) for column in columns):
                raise parameter_error(name, columns, "a sequence of names of columns", type(self).__name__)
        return replace(super()._wanted(), covariates=(tuple(self.purchase_covariates), tuple(self.dropout_covariates)))

    def _names_of_theta(self) -> tuple[str, ...]:
        effects = [f"purchase_{name}" for name in self.purchase_covariates]
        return (*self._names, *effects, *(f"dropout_{name}" for name in self.dropout_covariates))

    @property
    def parameters_(self) -> dict[str, float]:
        """The parameters by name; effects of covariates are ``purchase_{column}`` and ``dropout_{column}``."""
        check_is_fitted(self, "loglik_")
        return dict(zip(self._names_of_theta(), map(float, self._fitted()), strict=True))

    def _fit_rows(self) -> None:
        rows = self._rows
        covariates = _covariates(rows)
        if any(z.shape[1] for z in covariates):
            # Rows that share covariates too come side by side, so that they share a table.
            columns = np.column_stack(covariates)
            self._rows = rows = rows.take(np.lexsort((*columns.T, rows.x)))
        columns = np.column_stack(_covariates(rows))
        mean = np.average(columns, axis=0, weights=rows.weight)
        spread = np.sqrt(np.average((columns - mean) ** 2, axis=0, weights=rows.weight))
        self._spread = np.where(spread > 0, spread, 1.0)
        super()._fit_rows()
        effects, k = self._natural(self._theta)[4:], len(self.purchase_covariates)
        self.purchase_coef_, self.dropout_coef_ = effects[:k], effects[k:]

    def _shift(self) -> Floats:
        return np.append(super()._shift(), np.zeros(len(self._spread)))

    def _natural(self, theta: Floats) -> Floats:
        # Effects are searched for as those of one standard deviation, whatever a covariate's unit.
        return frozen(np.append(np.exp(theta[:4] + self._shift()[:4]), theta[4:] / self._spread))

    def _scale_of_theta(self) -> Floats:
        return np.append(self._natural(self._theta)[:4], 1.0 / self._spread)

    def _start(self, rows: Rows) -> Floats:
        # While they live customers buy more often than over all their time, part of which they may be gone.
        rate = 1.6 * max(float(rows.weight @ rows.x), 0.5) / max(float(rows.weight @ rows.T), 1e-9)
        # Ones at the end: their logarithms, 0, are the effects of covariates.
        return np.append([0.7, 0.7 / rate, 0.7, 0.5 * self._scale], np.ones(len(self._spread)))

    # -- likelihood ------------------------------------------------------------------------------

    def _sums(self, rows: Rows, parameters: Floats) -> tuple[float, Floats]:
        groups = _groups(rows)
        x, covariates = rows.x[groups.edges[:-1]], [z[groups.edges[:-1]] for z in _covariates(rows)]
        r, alpha, s, beta = _scaled(covariates, parameters)
        span, first_panel = np.empty(len(x)), np.empty(len(x) + 1, dtype=np.int64)
        tables.plan(groups.edges, groups.low, groups.high, alpha, beta, span, first_panel)
        table = np.empty((first_panel[-1], 2, 5, tables.ORDER))
        run_in_ranges(tables.fill, len(x), x, r, alpha, s, beta, groups.low, span, first_panel, table, minimum=16)
        n_pieces = len(groups.begins)
        out = np.empty((n_pieces, 5))
        run_in_ranges(
            tables.add_up, n_pieces, groups.begins, groups.ends, groups.group_of, rows.x, rows.t_x, rows.T,
            rows.weight, x, r, alpha, s, beta, groups.low, span, first_panel, table, out,
            minimum=n_pieces if len(rows) < 10_000 else 2,
        )  # fmt: skip
        total = out.sum(axis=0)
        effects = [-(out[:, part] @ z[groups.group_of]) for part, z in zip((2, 4), covariates, strict=True)]
        return float(total[0]), np.concatenate([total[1:], np.concatenate(effects) / self._spread])

    def _log_likelihood(self, rows: Rows, parameters: Floats) -> Floats:
        return self._run(kernels.log_likelihood, rows, *_scaled(_covariates(rows), parameters))

    # -- predictions -----------------------------------------------------------------------------

    def _alive(self, rows: Rows, parameters: Floats, after: float) -> Floats:
        return self._run(kernels.alive, rows, *_scaled(_covariates(rows), parameters), after)

    def _expected(self, rows: Rows, parameters: Floats, horizon: float) -> Floats:
        return self._run(future.expected, rows, *_scaled(_covariates(rows), parameters), horizon)

    def _discounted(self, rows: Rows, parameters: Floats, horizon: float, delta: float) -> Floats:
        return self._run(future.discounted, rows, *_scaled(_covariates(rows), parameters), horizon, delta)

    def _count_probability(self, rows: Rows, parameters: Floats, n: int, horizon: float) -> Floats:
        return self._run(future.count_probability, rows, *_scaled(_covariates(rows), parameters), float(n), horizon)

    def _rates(self, rows: Rows, parameters: Floats) -> dict[str, Floats]:
        purchase_rate = np.empty(len(rows))
        dropout_rate = self._run(kernels.rates, rows, *_scaled(_covariates(rows), parameters), purchase_rate)
        return {"purchase_rate": purchase_rate, "dropout_rate": dropout_rate}

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
        arrays = (rows.x, rows.t_x, rows.T, *_covariates(rows), draws, horizon, delta, seeds, counts, discounted)
        run_in_ranges(future.simulate, len(rows), *arrays, minimum=50)

    def _sample(self, T: Floats, parameters: Floats, seed: int) -> dict[str, Floats]:
        seeds = frozen(np.random.default_rng(seed).integers(2**63, size=len(T), dtype=np.uint64))
        out = np.empty((5, len(T)))
        run_in_ranges(future.sample, len(T), T, *(float(value) for value in parameters[:4]), seeds, out, minimum=2_000)
        x, t_x, alive, purchase_rate, dropout_rate = out
        return {
            "frequency": x,
            "recency": t_x,
            "T": T,
            "alive": alive,
            "purchase_rate": purchase_rate,
            "dropout_rate": dropout_rate,
        }


@dataclass(frozen=True)
class _Groups:
    """Rows that share x and covariates, cut into pieces."""

    edges: NDArray[np.int64]
    low: Floats
    high: Floats
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    group_of: NDArray[np.int64]


def _groups(rows: Rows) -> _Groups:
    n = len(rows)
    edges, low, high = np.empty(n + 1, dtype=np.int64), np.empty(n), np.empty(n)
    n_groups = tables.groups(rows.x, rows.t_x, rows.T, *_covariates(rows), edges, low, high)
    edges = edges[: n_groups + 1]
    begins, ends, group_of = (np.empty(n_groups + n // tables.PIECE, dtype=np.int64) for _ in range(3))
    n_pieces = tables.pieces(edges, begins, ends, group_of)
    return _Groups(edges, low[:n_groups], high[:n_groups], begins[:n_pieces], ends[:n_pieces], group_of[:n_pieces])


def _covariates(rows: Rows) -> tuple[Floats, Floats]:
    """Covariates of purchase and of dropout, without columns where there are none."""
    none = frozen(np.empty((len(rows), 0)))
    purchase, dropout = rows.purchase_covariates, rows.dropout_covariates
    return none if purchase is None else purchase, none if dropout is None else dropout


def _scaled(covariates: Sequence[Floats], parameters: Floats) -> tuple[float, Floats, float, Floats]:
    """The model's parameters, with `alpha` and `beta` of each row."""
    r, alpha, s, beta = (float(value) for value in parameters[:4])
    k = covariates[0].shape[1]
    scaled = []
    for z, scale, effects in zip(covariates, (alpha, beta), (parameters[4 : 4 + k], parameters[4 + k :]), strict=True):
        out = np.empty(len(z))
        run_in_ranges(kernels.shift, len(z), z, effects[: z.shape[1]], scale, out)
        scaled.append(frozen(out))
    return r, scaled[0], s, scaled[1]
