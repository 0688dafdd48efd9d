"""How customers differ: the distributions that a model has found behind what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from crmkit.exceptions import ParameterError
from crmkit.plotting._fonts import fonts_for
from crmkit.value import (
    BetaDiscreteWeibull,
    BetaGeoBetaBinomial,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeometric,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}

#: Points of a curve.
_POINTS = 400


class Density(NamedTuple):
    """The distribution of one trait over the customers.

    Attributes
    ----------
    name : str
        The trait.
    value : ndarray of float64, shape (n_points,)
        Its values, between quantiles that leave out next to nobody.
    density : ndarray of float64, shape (n_points,)
    mean : float
        Infinite where the distribution has none.
    """

    name: str
    value: NDArray[np.float64]
    density: NDArray[np.float64]
    mean: float


class HeterogeneityDisplay:
    """Draw the distributions over the customers that a model has fitted: of rates, chances or spend.

    A distribution of chances that piles up at both ends says that customers are of two kinds; one that
    piles up at zero and has a long tail, that few do most of the buying.

    Parameters
    ----------
    densities : list of Density
        One for each trait.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each trait.
    figure_ : matplotlib Figure
    lines_ : dict of str to Line2D
        The curve of each trait.

    See Also
    --------
    from_estimator : The usual way to make one.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.plotting import HeterogeneityDisplay
    >>> from crmkit.value import BetaGeoNBD
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> display = HeterogeneityDisplay.from_estimator(BetaGeoNBD().fit(log.snapshot("1997-10-01")))
    >>> [(density.name, round(density.mean, 3)) for density in display.densities]
    [('purchases per week while alive', 0.055), ('chance to drop out after a purchase', 0.246)]
    """

    def __init__(self, densities: list[Density]) -> None:
        self.densities = densities

    @classmethod
    def from_estimator(cls, estimator: Any, *, axes: Any = None) -> Self:
        """Read the fitted distributions, and draw them.

        Parameters
        ----------
        estimator : purchase, contract or spend model, fitted
            With covariates the curves are of customers whose covariates are zero.
        axes : sequence of matplotlib Axes, default=None
            Where to draw, one for each trait; a new figure if None.

        Returns
        -------
        HeterogeneityDisplay
            Drawn.
        """
        return cls([_density(name, law) for name, law in _laws(estimator)]).plot(axes=axes)

    def plot(self, *, axes: Any = None) -> Self:
        """Draw the curves side by side, each with its mean.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            Where to draw, one for each trait; a new figure if None.

        Returns
        -------
        HeterogeneityDisplay
            Itself.
        """
        import matplotlib.pyplot as plt

        names = [density.name for density in self.densities]
        with fonts_for(*names):
            if axes is None:
                _, axes = plt.subplots(
                    1, len(names), figsize=(4.6 * len(names), 3.6), layout="constrained", squeeze=False
                )
            self.axes_: list[Axes] = list(np.ravel(axes))
            if len(self.axes_) != len(names):
                raise ParameterError(
                    f"The 'axes' parameter of HeterogeneityDisplay must have one Axes for each of {len(names)} "
                    f"traits. Got {len(self.axes_)} instead."
                )
            self.figure_ = self.axes_[0].figure
            self.lines_: dict[str, Line2D] = {}
            for ax, density in zip(self.axes_, self.densities, strict=True):
                self.lines_[density.name] = ax.plot(density.value, density.density, color="#0072b2")[0]
                ax.fill_between(density.value, density.density, color="#0072b2", alpha=0.15, linewidth=0)
                if density.value[0] <= density.mean <= density.value[-1]:
                    ax.axvline(
                        density.mean, color="#d55e00", linestyle="--", linewidth=1.0, label=f"mean {density.mean:.3g}"
                    )
                    ax.legend(frameon=False)
                # A density that is infinite at an end would flatten all else; one that is a spike is all there is.
                top = float(np.quantile(density.density, 0.97))
                ax.set_ylim(0, 1.1 * top if top > 0 else None)
                ax.set_xlabel(density.name)
                ax.set_ylabel("density over customers")
        return self


def _laws(model: Any) -> list[tuple[str, Any]]:
    """Each trait of a model's customers, and its distribution."""
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    time = _UNITS.get(getattr(model, "time_unit", ""), "time unit")
    if getattr(model, "_on_snapshots", True) is False:
        time = "time unit"  # a frame's unit only its owner knows
    if isinstance(model, BetaGeoNBD | ModifiedBetaGeoNBD):
        # Times between purchases are sums of so many exponentials, each of the rate that alpha_ scales.
        rate = stats.gamma(model.r_, scale=1.0 / (model.alpha_ * model.regularity_))
        dropout = stats.beta(model.a_, model.b_)
        return [(f"purchases per {time} while alive", rate), ("chance to drop out after a purchase", dropout)]
    if isinstance(model, ParetoNBD):
        rate = stats.gamma(model.r_, scale=1.0 / model.alpha_)
        return [
            (f"purchases per {time} while alive", rate),
            (f"dropout rate per {time}", stats.gamma(model.s_, scale=1.0 / model.beta_)),
        ]
    if isinstance(model, BetaGeoBetaBinomial):
        return [
            ("chance to buy at an opportunity", stats.beta(model.alpha_, model.beta_)),
            ("chance to leave before an opportunity", stats.beta(model.gamma_, model.delta_)),
        ]
    if isinstance(model, ShiftedBetaGeometric | BetaDiscreteWeibull):
        return [("chance not to renew the first time", stats.beta(model.alpha_, model.beta_))]
    if isinstance(model, GammaGamma):
        # A customer's mean spend is p / nu, with nu ~ Gamma(q, rate v).
        return [("mean spend of a customer", stats.invgamma(model.q_, scale=model.p_ * model.v_))]
    raise ParameterError(
        f"The 'estimator' parameter of HeterogeneityDisplay must be a purchase, contract or spend model. Got "
        f"{type(model).__name__} instead."
    )


def _density(name: str, law: Any) -> Density:
    bounded = law.support()[1] == 1.0
    low, high = (0.0, 1.0) if bounded else law.ppf([1e-4, 0.99])
    # The middles of even steps: an end where the density is infinite is not among them.
    value = low + (np.arange(_POINTS) + 0.5) / _POINTS * (high - low)
    return Density(name, value, law.pdf(value), float(law.mean()))
