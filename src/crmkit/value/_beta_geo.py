"""BG/NBD and MBG/NBD: customers buy at a rate of their own until they drop out at a purchase."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._compat import Interval, StrOptions
from crmkit._numba import run_in_ranges
from crmkit.exceptions import ParameterError
from crmkit.value import _beta_geo_kernels as kernels
from crmkit.value._purchase_model import PurchaseModel
from crmkit.value._reading import Wanted
from crmkit.value._rows import Floats, Rows, frozen

#: Largest regularity that "auto" tries: with so many phases purchases are like clockwork.
_MOST_PHASES = 20


class _BetaGeo(PurchaseModel):
    """What both models of the family share; they differ in whether one can drop out at the first purchase."""

    _names = ("r", "alpha", "a", "b")
    _time_names = ("alpha",)
    _at_zero: ClassVar[int]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **PurchaseModel._parameter_constraints,
        "regularity": [Interval(Integral, 1, _MOST_PHASES, closed="both"), StrOptions({"auto"})],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        regularity: int | Literal["auto"] = 1,
        time_unit: str = "W",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        self.regularity = regularity
        self.time_unit = time_unit
        self.penalty = penalty
        self.max_iter = max_iter

    def _wanted(self) -> Wanted:
        return replace(super()._wanted(), gaps=self.regularity != 1)

    def _fit_rows(self) -> None:
        if self.regularity != "auto":
            self.regularity_ = int(self.regularity)
            super()._fit_rows()
            return
        if self._rows.log_gaps is None:
            raise ParameterError(
                "regularity='auto' compares likelihoods of the times between purchases, and X has no column "
                "sum_log_gaps. Pass snapshots, or X.summary(gaps=True), or say regularity=1 or 2."
            )
        best, state = -np.inf, {}
        for k in range(1, _MOST_PHASES + 1):
            self.regularity_ = k
            super()._fit_rows()
            if self.loglik_ <= best:
                break
            best, state = self.loglik_, dict(self.__dict__)
        self.__dict__.update(state)

    def _start(self, rows: Rows) -> Floats:
        bought, lived = float(np.sum(rows.weight * rows.x)), float(np.sum(rows.weight * rows.T))
        rate = max(bought, 0.5) / max(lived, 1e-9) * self.regularity_
        return np.array([1.0, 1.0 / rate, 1.0, 3.0])

    def _kind(self) -> tuple[int, int]:
        return self.regularity_, self._at_zero

    def _sums(self, rows: Rows, parameters: Floats) -> tuple[float, Floats]:
        n_blocks = -(-len(rows) // kernels.BLOCK)
        blocks = np.empty((n_blocks, 5))
        run_in_ranges(
            kernels.sums, n_blocks, rows.x, rows.t_x, rows.T, rows.weight, parameters, *self._kind(), blocks, minimum=2
        )
        total = blocks.sum(axis=0)
        return float(total[0]), total[1:]

    def _constants(self, rows: Rows) -> Floats | float:
        k = self.regularity_
        if k == 1 or rows.log_gaps is None:
            return 0.0
        return (k - 1) * rows.log_gaps - rows.x * math.lgamma(k)

    def _log_likelihood(self, rows: Rows, parameters: Floats) -> Floats:
        return self._run(kernels.log_likelihood, rows, parameters, *self._kind())

    def _alive(self, rows: Rows, parameters: Floats, after: float) -> Floats:
        return self._run(kernels.alive, rows, parameters, *self._kind(), after)

    def _expected(self, rows: Rows, parameters: Floats, horizon: float) -> Floats:
        return self._run(kernels.expected, rows, parameters, *self._kind(), horizon)

    def _discounted(self, rows: Rows, parameters: Floats, horizon: float, delta: float) -> Floats:
        return self._run(kernels.discounted, rows, parameters, *self._kind(), horizon, delta)

    def _count_probability(self, rows: Rows, parameters: Floats, n: int, horizon: float) -> Floats:
        return self._run(kernels.count_probability, rows, parameters, *self._kind(), n, horizon)

    def _rates(self, rows: Rows, parameters: Floats) -> dict[str, Floats]:
        purchase_rate = np.empty(len(rows))
        dropout = self._run(kernels.rates, rows, parameters, *self._kind(), purchase_rate)
        return {"purchase_rate": purchase_rate, "dropout_probability": dropout}

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
        arrays = (rows.x, rows.t_x, rows.T, draws, *self._kind(), horizon, delta, seeds, counts, discounted)
        run_in_ranges(kernels.simulate, len(rows), *arrays, minimum=50)

    def _sample(self, T: Floats, parameters: Floats, seed: int) -> dict[str, Floats]:
        seeds = frozen(np.random.default_rng(seed).integers(2**63, size=len(T), dtype=np.uint64))
        out = np.empty((6, len(T)))
        run_in_ranges(kernels.sample, len(T), T, parameters, *self._kind(), seeds, out, minimum=2_000)
        names = ("frequency", "recency", "sum_log_gaps", "alive", "purchase_rate", "dropout_probability")
        columns = dict(zip(names, out, strict=True))
        return {"frequency": columns.pop("frequency"), "recency": columns.pop("recency"), "T": T, **columns}


class BetaGeoNBD(_BetaGeo):
    """BG/NBD: buying at random with a rate of one's own, dropping out after a repeat purchase or not at all.

    The rates of customers follow a gamma distribution, their chances to drop out after each repeat
    purchase a beta distribution [1]_. A customer without repeats has had no chance to drop out, so is
    alive for certain: where that is wrong, which is common, take `ModifiedBetaGeoNBD`.

    Parameters
    ----------
    regularity : int or "auto", default=1
        Times between purchases are sums of so many exponentials: 1 is buying at random, 2 and more is
        buying at steadier intervals (BG/CNBD-k [2]_). "auto" tries 1, 2, … as long as the likelihood
        rises; it needs the summary's sum of log gaps, which snapshots have.
    time_unit : {"D", "W", "M", "Y"}, default="W"
        Unit of the parameters, and of a frame's recency and T.
    penalty : float, default=0
        Strength of an L2 penalty per customer, on the logarithms of the parameters, times being relative
        to the mean T: so it does not depend on the unit. 0 is maximum likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    r_, alpha_ : float
        Shape and rate of the gamma distribution of purchase rates; alpha is a time.
    a_, b_ : float
        Parameters of the beta distribution of dropout.
    regularity_ : int
        The number of phases.
    loglik_, aic_, bic_ : float
        Log-likelihood of the customers of the fit, and the criteria of Akaike and Schwarz. With a
        regularity above 1 it lacks the factor of the gaps if X had no `sum_log_gaps`.
    covariance_, standard_errors_ : ndarray
        Of the parameters, in the order r, alpha, a, b.
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
    ModifiedBetaGeoNBD : One can drop out at the first purchase too.
    ParetoNBD : One can drop out at any time.

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers the Easy Way", Marketing
       Science 24(2), 2005: likelihood eq. 6, P(alive) and expectation eqs. 9-10.
    .. [2] M. Platzer, T. Reutterer, "Ticking Away the Moments", Marketing Science 35(5), 2016.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> model = BetaGeoNBD().fit(today)
    >>> print(f"{model.r_:.4f} {model.alpha_:.4f} {model.a_:.4f} {model.b_:.4f} {model.loglik_:.4f}")
    0.2426 4.4136 0.7929 2.4259 -9582.4292
    >>> model.expected_purchases(today[:3], "39W").round(4)
    array([1.226 , 0.1965, 0.2034])
    """

    _at_zero = 0

    def __init__(
        self,
        *,
        regularity: int | Literal["auto"] = 1,
        time_unit: str = "W",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        super().__init__(regularity=regularity, time_unit=time_unit, penalty=penalty, max_iter=max_iter)


class ModifiedBetaGeoNBD(_BetaGeo):
    """MBG/NBD: as BG/NBD, but one can drop out right after the first purchase.

    So customers without repeats may be gone, with a chance that grows as time goes by [1]_. With a
    regularity it is MBG/CNBD-k [2]_, which fits steady buyers such as those of groceries.

    Parameters
    ----------
    regularity : int or "auto", default=1
        Times between purchases are sums of so many exponentials: 1 is buying at random, 2 and more is
        buying at steadier intervals. "auto" tries 1, 2, … as long as the likelihood rises; it needs the
        summary's sum of log gaps, which snapshots have.
    time_unit : {"D", "W", "M", "Y"}, default="W"
        Unit of the parameters, and of a frame's recency and T.
    penalty : float, default=0
        Strength of an L2 penalty per customer, on the logarithms of the parameters, times being relative
        to the mean T: so it does not depend on the unit. 0 is maximum likelihood.
    max_iter : int, default=200
        Largest number of steps of the fit.

    Attributes
    ----------
    r_, alpha_, a_, b_ : float
        As of `BetaGeoNBD`, with which it shares all other attributes.
    regularity_ : int
    loglik_, aic_, bic_ : float
    covariance_, standard_errors_ : ndarray
    n_iter_ : int
    converged_ : bool
    n_rows_used_ : int
    fitted_on_ : tuple or None

    See Also
    --------
    BetaGeoNBD : Customers without repeats are alive for certain.

    References
    ----------
    .. [1] E. P. Batislam, M. Denizel, A. Filiztekin, "Empirical Validation and Comparison of Models for
       Customer Base Analysis", International Journal of Research in Marketing 24(3), 2007.
    .. [2] M. Platzer, T. Reutterer, "Ticking Away the Moments", Marketing Science 35(5), 2016.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import ModifiedBetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> model = ModifiedBetaGeoNBD().fit(today)
    >>> print(f"{model.r_:.4f} {model.alpha_:.4f} {model.a_:.4f} {model.b_:.4f} {model.loglik_:.4f}")
    0.5248 6.1831 0.8914 1.6140 -9582.1357
    >>> model.alive_probability(today[:3]).round(4)
    array([0.7061, 0.3909, 0.171 ])
    """

    _at_zero = 1

    def __init__(
        self,
        *,
        regularity: int | Literal["auto"] = 1,
        time_unit: str = "W",
        penalty: float = 0.0,
        max_iter: int = 200,
    ) -> None:
        super().__init__(regularity=regularity, time_unit=time_unit, penalty=penalty, max_iter=max_iter)
