"""From what a learner says to a probability that can be taken at its word."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from crmkit.exceptions import CrmkitWarning

Floats = NDArray[np.float64]

#: How strongly members are held to equal weights: as much as one row counts. Tens of rows overrule it.
_PULL = 1.0

#: A member has at least so much weight, or none.
_LEAST_WEIGHT = 1e-3


class Calibration(NamedTuple):
    """On which rows probabilities were calibrated, and how.

    Attributes
    ----------
    method : {'sigmoid', 'isotonic'} or None
        None where nothing was calibrated.
    rows : str
        ``"latest"``: rows of the latest as_ofs, scored by a model of the rows whose label was complete by
        then; the level is that of all training rows. ``"customers"``: five parts of the customers, ``"folds"``:
        five stratified parts of the rows, each scored by a model of the others. ``"none"``.
    n, n_churned : int
        How many rows these were, and churners among them.
    first, last : numpy.datetime64 or None
        Their first and last as_of.
    """

    method: Literal["sigmoid", "isotonic"] | None
    rows: Literal["latest", "customers", "folds", "none"]
    n: int = 0
    n_churned: int = 0
    first: np.datetime64 | None = None
    last: np.datetime64 | None = None


@dataclass(frozen=True)
class Calibrator:
    """Log-odds of the members of a model to one probability.

    Attributes
    ----------
    weights : ndarray of shape (n_members,)
    intercept : float
    steps : IsotonicRegression or None
        What comes after, for ``"isotonic"``.
    """

    weights: Floats
    intercept: float
    steps: Any = None

    @classmethod
    def equal(cls, n_members: int) -> Calibrator:
        """The mean of the members, as it is."""
        return cls(np.full(n_members, 1.0 / n_members), 0.0)

    @classmethod
    def learn(cls, said: Floats, came: Floats, weight: Floats, method: str) -> Calibrator:
        """Learn from held-out rows: what was said, and 1 for who churned."""
        found = cls(*_logistic(said, came, weight))
        if method == "sigmoid":
            return found
        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        return cls(found.weights, found.intercept, steps.fit(found.log_odds(said), came, sample_weight=weight))

    def at_level(self, said: Floats, share: float, weight: Floats) -> Calibrator:
        """The same weights, and the intercept that makes the mean probability of some rows a given share.

        Held-out rows of one date know the level of one season. Of Online Retail, tested at ten dates, the mean
        Brier score was .221 with the intercept of the latest date and .208 with that of all training rows.
        """
        if self.steps is not None:
            return self
        raw = self.log_odds(said) - self.intercept
        low, high = logit(share) - raw.max(), logit(share) - raw.min()
        for _ in range(100):
            middle = (low + high) / 2
            if np.average(expit(raw + middle), weights=weight) < share:
                low = middle
            else:
                high = middle
        return Calibrator(self.weights, float((low + high) / 2))

    def log_odds(self, said: Floats) -> Floats:
        """One value a row, before any steps."""
        return np.asarray((said * self.weights).sum(axis=1) + self.intercept)

    def probability(self, said: Floats) -> Floats:
        """Probability of churn."""
        one = self.log_odds(said)
        if self.steps is None:
            return np.asarray(expit(one))
        return np.asarray(self.steps.predict(one) if len(one) else one)


def _logistic(said: Floats, came: Floats, weight: Floats) -> tuple[Floats, float]:
    """Logistic regression on a few columns, held to the mean of them by a penalty (Newton's method).

    Platt (1999), "Probabilistic outputs for support vector machines", for several scores at once. A member
    that does worse than chance gets no weight rather than a negative one, and the last one next to none: what
    a model says is never turned round.
    """
    used = np.arange(said.shape[1])
    weights = np.zeros(said.shape[1])
    while True:
        beta = _newton(said[:, used], came, weight, 1.0 / said.shape[1])
        if (beta[:-1] >= _LEAST_WEIGHT).all():
            break
        if len(used) == 1:
            warnings.warn(
                "The rows held out for calibration show no signal: the model orders them no better than chance, and "
                "all probabilities are near the share of churners. See whether features and labels fit each other.",
                CrmkitWarning,
                stacklevel=6,
            )
            weights[used] = _LEAST_WEIGHT
            share = float(np.average(came, weights=weight))
            return weights, Calibrator(weights, 0.0).at_level(said, share, weight).intercept
        used = np.delete(used, beta[:-1].argmin())
    weights[used] = beta[:-1]
    return weights, float(beta[-1])


def _newton(said: Floats, came: Floats, weight: Floats, equal: float) -> Floats:
    k = said.shape[1]
    table = np.column_stack([said, np.ones(len(said))])
    centre = np.append(np.full(k, equal), 0.0)
    pull = np.append(np.full(k, _PULL), 1e-9)
    beta = centre
    for _ in range(100):
        eta = table @ beta
        p = expit(eta)
        slope = table.T @ (weight * (p - came)) + pull * (beta - centre)
        curve = (table * (weight * p * (1 - p))[:, None]).T @ table + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        value = _loss(table, beta, came, weight, pull, centre)
        length = 1.0
        while length > 1e-6 and _loss(table, beta - length * step, came, weight, pull, centre) > value:
            length /= 2
        beta = beta - length * step
        if np.abs(length * step).max() < 1e-10 * (1 + np.abs(beta).max()):
            break
    return beta


def _loss(table: Floats, beta: Floats, came: Floats, weight: Floats, pull: Floats, centre: Floats) -> float:
    eta = table @ beta
    return float(weight @ (np.logaddexp(0, eta) - came * eta) + pull @ (beta - centre) ** 2 / 2)
