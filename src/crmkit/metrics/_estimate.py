"""The one type of a figure with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

from crmkit._validation import check_float, check_int, check_string
from crmkit.exceptions import ParameterError

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """A figure and the interval that says how sure it is.

    ``float()`` of it is the value. Format codes apply to all three numbers: ``f"{auc:.2f}"``,
    ``f"{share:.1%}"``. It has no order, since whether one figure is larger than another is a
    question about their errors: compare ``float(a) < float(b)`` for the bare values, or estimate
    the difference of both (see `crmkit.metrics.estimate`).

    Attributes
    ----------
    value : float
        The figure itself.
    low, high : float
        The ends of the interval; an open side is infinite.
    n : int
        On how many independent units it rests: customers, where rows belong to customers.
    coverage : float
        Share of such intervals that hold the true figure, above 0 and below 1.
    method : str
        How the interval was made.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If a number is missing, `low` is above `high`, or `coverage` is not a share.

    See Also
    --------
    estimate : The interval of any function of arrays, by resampling customers.
    proportion : The interval of a share of successes, by formula.

    Examples
    --------
    >>> from crmkit.metrics import Estimate
    >>> auc = Estimate(0.7312, 0.7021, 0.7593, n=2357, coverage=0.95, method="bootstrap")
    >>> auc
    0.731 [0.702, 0.759] (95%, n=2,357, bootstrap)
    >>> float(auc)
    0.7312
    >>> f"{auc:.1%}"
    '73.1% [70.2%, 75.9%]'
    """

    value: float
    low: float
    high: float
    n: int
    coverage: float
    method: str

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = _as_float(name, getattr(self, name))
            object.__setattr__(self, name, number)  # frozen: plain floats, whatever numpy type came
        if self.low > self.high:
            raise ParameterError(
                f"The 'low' parameter of Estimate must be at most 'high'. Got {self.low!r} and {self.high!r} instead."
            )
        object.__setattr__(self, "n", check_int("n", self.n, "Estimate", low=0))
        coverage = check_float("coverage", self.coverage, "Estimate", low=0, high=1, closed="neither")
        object.__setattr__(self, "coverage", coverage)
        object.__setattr__(self, "method", check_string("method", self.method, "Estimate"))

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return f"{self:{self._digits()}} ({100 * self.coverage:.4g}%, n={self.n:,}, {self.method})"

    def __format__(self, code: str) -> str:
        if not code:
            return str(self)
        return f"{self.value:{code}} [{self.low:{code}}, {self.high:{code}}]"

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError(
            "Estimates have no order. Compare float(a) < float(b) for the bare values, sort with key=float, "
            "or let crmkit.metrics.estimate() give the interval of their difference."
        )

    __le__ = __gt__ = __ge__ = __lt__

    def _digits(self) -> str:
        """Return the format code that shows two significant digits of the interval's width."""
        width = self.high - self.low
        if not (math.isfinite(width) and width > 0):
            return ".6g"
        decimals = 1 - math.floor(math.log10(width))
        largest = max(abs(self.value), abs(self.low), abs(self.high))
        # Beyond this the decimals of a float mean nothing, or the digits do not fit on a line.
        return f",.{max(decimals, 0)}f" if decimals <= 12 and largest < 1e15 else ".6g"


def _as_float(name: str, value: object) -> float:
    number = math.nan
    if isinstance(value, float | int) or hasattr(value, "__float__"):
        number = float(value)
    if math.isnan(number):
        raise ParameterError(f"The {name!r} parameter of Estimate must be a number. Got {value!r} instead.")
    return number
