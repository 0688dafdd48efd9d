"""BG/BB: customers who buy or do not at each of a row of opportunities, until they leave for good."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval
from crmkit._durations import duration_name, to_microseconds
from crmkit._numba import run_in_ranges
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.value import _beta_geo_beta_binomial_kernels as kernels
from crmkit.value._purchase_model import PurchaseModel
from crmkit.value._reading import Wanted, in_time_units, read_rows
from crmkit.value._rows import Floats, Rows, frozen

#: Rows whose log-likelihoods are added up before the sums are: fixed, so that any number of threads gives the
#: same bits.
_BLOCK = 1_024

#: Microseconds of a day, in which times of snapshots are read.
_DAY = 86_400_000_000


class BetaGeoBetaBinomial(PurchaseModel):
    """BG/BB: at each opportunity a living customer buys or does not, having left for good before it or not.

    For occasions that come one at a time, such as yearly appeals for donations, weekly shows or monthly
    issues: a customer makes at most one purchase at each. The chances to buy follow a beta distribution
    over the customers, the chances to leave before an opportunity another one [1]_. Time is counted in
    opportunities everywhere: a horizon is a whole number of them.

    Parameters
    ----------
    period : duration, default="365D"
        Distance of opportunities in snapshots of an event log: periods of this length, counted back from
        as_of. A customer's opportunities are the periods after that of the first purchase. A frame has its
        opportunities counted already.
    penalty : float, default=0
        Strength of an L2 penalty per customer, on the logarithms of the parameters. 0 is maximum
        likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    alpha_, beta_ : float
        Parameters of the beta distribution of the chance to buy at an opportunity.
    gamma_, delta_ : float
        Parameters of the beta distribution of the chance to leave before an opportunity.
    loglik_, aic_, bic_ : float
        Log-likelihood of the customers of the fit, and the criteria of Akaike and Schwarz.
    covariance_, standard_errors_ : ndarray
        Of the parameters, in the order alpha, beta, gamma, delta.
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
    BetaGeoNBD : Customers buy at any time.

    Notes
    -----
    A frame has the columns ``frequency``, ``recency`` and ``n_periods``: purchases at the opportunities
    after the first purchase, the last opportunity with one (0 if there is none), and the number of
    opportunities; whole numbers. Rows that stand for many customers have their number as
    `sample_weight`.

    ``alive_probability(X)`` is the chance to be alive at the last opportunity seen, ``after=1`` that of
    being alive at the next one. With opportunities k = 1, 2, … after now, ``residual_purchases`` counts
    a purchase at k exp(-delta k): an effective rate d per period is ``delta=log(1 + d)``.

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie, J. Shang, "Customer-Base Analysis in a Discrete-Time
       Noncontractual Setting", Marketing Science 29(6), 2010: likelihood eq. 5, predictions eqs. 7-15.

    Examples
    --------
    The pattern of six years and how many customers had it; three years ahead.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from crmkit.value import BetaGeoBetaBinomial
    >>> frame = pd.DataFrame(
    ...     {
    ...         "frequency": [0, 1, 1, 2, 2, 3, 4, 5, 6],
    ...         "recency": [0, 1, 6, 2, 6, 6, 6, 6, 6],
    ...         "n_periods": 6,
    ...     }
    ... )
    >>> customers = np.array([350, 110, 60, 60, 70, 80, 70, 70, 120])
    >>> model = BetaGeoBetaBinomial().fit(frame, sample_weight=customers)
    >>> model.converged_
    True
    >>> model.expected_purchases(frame[-2:], 3).round(2)
    array([2.21, 2.59])
    """

    _names = ("alpha", "beta", "gamma", "delta")
    _columns = ("frequency", "recency", "n_periods")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, *, period: Any = "365D", penalty: float = 0.0, max_iter: int = 200) -> None:
        self.period = period
        self.penalty = penalty
        self.max_iter = max_iter

    # -- reading ---------------------------------------------------------------------------------

    def _period(self) -> int:
        return to_microseconds(self.period, "period")

    def _wanted(self) -> Wanted:
        return Wanted(type(self).__name__, self._columns, time_unit="D", collapse=self._period())

    def _read_rows(self, X: Any) -> tuple[Rows, NDArray[np.bool_] | None]:
        rows, none = read_rows(X, self._wanted())
        if isinstance(X, Snapshots):
            days = self._period() / _DAY
            return replace(rows, t_x=frozen(np.rint(rows.t_x / days)), T=frozen(np.rint(rows.T / days))), none
        self._check_counts(rows)
        return rows, none

    def _check_counts(self, rows: Rows) -> None:
        """Refuse histories that are not made of opportunities."""
        rules = [
            (
                rows.t_x != np.floor(rows.t_x),
                "recency is not a whole number: it is the last opportunity with a purchase",
            ),
            (np.floor(rows.T) != rows.T, "n_periods is not a whole number: it counts opportunities"),
            (rows.x > rows.t_x, "frequency is above recency: each opportunity has at most one purchase"),
        ]
        for broken, rule in rules:
            if broken.any():
                row = int(broken.argmax())
                raise ParameterError(
                    f"X breaks a rule of {type(self).__name__} in {int(broken.sum()):,} of {len(rows):,} rows: {rule}. "
                    f"Row {row:,} has frequency={rows.x[row]:g}, recency={rows.t_x[row]:g}, "
                    f"n_periods={rows.T[row]:g}. For purchases at any time take BetaGeoNBD, or pass snapshots."
                )

    def _length(self, value: Any, name: str, *, allow_zero: bool = False) -> float:
        check_is_fitted(self, "loglik_")
        snapshots, owner = self._on_snapshots, type(self).__name__
        length = in_time_units(value, name, owner, time_unit="D", snapshots=snapshots, allow_zero=allow_zero)
        if not snapshots:
            if length == np.floor(length):
                return length
            raise ParameterError(
                f"{name}={value!r}, but {owner} counts time in opportunities: pass a whole number of them."
            )
        periods = length * _DAY / self._period()
        if periods == np.rint(periods):
            return periods
        period = duration_name(self._period())
        raise ParameterError(
            f"{name}={value!r} is not a whole number of periods of {period}, and {owner} knows nothing between two of "
            f"them. Pass a multiple of {period}, or another period= to the model."
        )

    # -- the model -------------------------------------------------------------------------------

    def _fit_rows(self) -> None:
        # In the order in which rows share their work; see `likelihood_sums`.
        rows = self._rows
        self._rows = rows.take(np.lexsort((-rows.t_x, rows.x, rows.T)))
        super()._fit_rows()

    def _start(self, rows: Rows) -> Floats:  # noqa: ARG002  the same for all: one step from any likely place
        return np.array([1.0, 1.0, 0.5, 3.0])

    def _sums(self, rows: Rows, parameters: Floats) -> tuple[float, Floats]:
        n_blocks = -(-len(rows) // _BLOCK)
        blocks = np.empty((n_blocks, 5))
        columns = (rows.x, rows.t_x, rows.T, rows.weight, parameters)
        run_in_ranges(kernels.likelihood_sums, n_blocks, _BLOCK, *columns, blocks, minimum=4)
        total = blocks.sum(axis=0)
        return float(total[0]), total[1:]

    def _log_likelihood(self, rows: Rows, parameters: Floats) -> Floats:
        return self._run(kernels.log_likelihoods, rows, parameters)

    def _alive(self, rows: Rows, parameters: Floats, after: float) -> Floats:
        return self._run(kernels.alive_probabilities, rows, parameters, after)

    def _expected(self, rows: Rows, parameters: Floats, horizon: float) -> Floats:
        return self._discounted(rows, parameters, horizon, 0.0)

    def _discounted(self, rows: Rows, parameters: Floats, horizon: float, delta: float) -> Floats:
        # How long the living live depends on n alone, of which there are few.
        lengths, place = np.unique(rows.T, return_inverse=True)
        sums = np.empty(len(lengths))
        run_in_ranges(
            kernels.survival_sums, len(lengths), frozen(lengths), parameters, horizon, delta, sums, minimum=20
        )
        return self._run(kernels.expected_purchases, rows, parameters, frozen(sums[place]))

    def _count_probability(self, rows: Rows, parameters: Floats, n: int, horizon: float) -> Floats:
        return self._run(kernels.count_probabilities, rows, parameters, float(n), horizon)

    def _rates(self, rows: Rows, parameters: Floats) -> dict[str, Floats]:
        purchase = np.empty(len(rows))
        dropout = self._run(kernels.posterior_means, rows, parameters, purchase)
        return {"purchase_rate": purchase, "dropout_probability": dropout}

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
        arrays = (rows.x, rows.t_x, rows.T, draws, horizon, delta, seeds, counts, discounted)
        run_in_ranges(kernels.simulate, len(rows), *arrays, minimum=50)

    def _sample(self, T: Floats, parameters: Floats, seed: int) -> dict[str, Floats]:
        if (np.floor(T) != T).any():
            raise ParameterError(f"T of {type(self).__name__}.sample counts opportunities: pass whole numbers.")
        seeds = frozen(np.random.default_rng(seed).integers(2**63, size=len(T), dtype=np.uint64))
        x, t_x, alive, buying, leaving = (np.empty(len(T)) for _ in range(5))
        run_in_ranges(kernels.sample, len(T), T, parameters, seeds, x, t_x, alive, buying, leaving, minimum=2_000)
        return {
            "frequency": x,
            "recency": t_x,
            "n_periods": T,
            "alive": alive,
            "purchase_rate": buying,
            "dropout_probability": leaving,
        }
