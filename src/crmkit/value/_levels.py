"""How high spending was at each training date, against what the model says: seasons and growth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS

Floats = NDArray[np.float64]

_MONTH, _YEAR = TIME_UNITS["M"], TIME_UNITS["Y"]
#: How far from the same day of another year a date may lie to be of the same season.
_SAME_SEASON = 16 * TIME_UNITS["D"]


@dataclass(frozen=True)
class Slices:
    """Training rows cut by as_of into stretches of about a month.

    Attributes
    ----------
    of_row : ndarray of int, shape (n,)
        Number of each row's slice, the earliest 0.
    dates : ndarray of int64
        Mean as_of of each slice, in microseconds.
    """

    of_row: NDArray[np.int64]
    dates: NDArray[np.int64]

    @classmethod
    def cut(cls, as_of: NDArray[np.int64]) -> Slices:
        """Cut so that dates a month apart, of 28 to 31 days, are slices of their own."""
        days, of_row = np.unique(as_of, return_inverse=True)
        months = np.rint((days[-1] - days) / _MONTH).astype(np.int64)
        _, of_day = np.unique(-months, return_inverse=True)
        first = np.flatnonzero(np.append(True, of_day[1:] != of_day[:-1]))
        # Means of distances from the first day, which fit into a float.
        sums = np.add.reduceat((days - days[0]).astype(np.float64), first)
        means = sums / np.diff(np.append(first, len(days)))
        return cls(of_day[of_row], days[0] + np.rint(means).astype(np.int64))

    def ratios(self, y: Floats, said: Floats) -> Floats:
        """What came over what was said, of each slice; pulled to that of all rows where it is uncertain.

        The pull is that of empirical Bayes: the ratios vary truly by what they vary more than their
        standard errors explain. Errors are taken to be alike in all slices, or one huge amount would
        raise the ratio of its slice and take away the trust in it, and levels would be too low.
        """
        whole = _over(float(y.sum()), float(said.sum()))
        told, came = np.bincount(self.of_row, whole * said), np.bincount(self.of_row, y)
        ratio = np.array([_over(one, other) for one, other in zip(came, told, strict=True)])
        missed = float(np.mean((y - ratio[self.of_row] * whole * said) ** 2))
        error = missed * np.bincount(self.of_row) / np.where(told > 0, told, 1.0) ** 2
        true = max(float(np.mean((ratio - 1) ** 2 - error)), 0.0)
        pulled = 1 + (ratio - 1) * true / np.maximum(true + error, np.finfo(np.float64).tiny)
        # The sum of all rows is not what is uncertain here.
        return whole * pulled * _over(float(came.sum()), float(pulled @ told))


def _over(came: float, told: float) -> float:
    # A level of zero would make nothing of every later prediction, for one slice in which nobody bought.
    return max(came / told, 0.05) if told > 0 else 1.0


@dataclass(frozen=True)
class Levels:
    """Factors that predictions of a date are multiplied by.

    Attributes
    ----------
    dates : ndarray of int64
        Mean as_of of each slice of the training rows, ascending, in microseconds.
    factors : ndarray of float64
    full : ndarray of bool
        Whether the log was running for long enough at that date to speak for another year.
    """

    dates: NDArray[np.int64]
    factors: Floats
    full: NDArray[np.bool_]

    def at(self, as_of: NDArray[np.int64]) -> Floats:
        """The factor of each row: of its own date, else of the same season a year or more ago, else the latest."""
        days, of_row = np.unique(as_of, return_inverse=True)
        return np.array([self._at(int(day)) for day in days], dtype=np.float64)[of_row]

    def _at(self, day: int) -> float:
        years = max(0, int(np.ceil((day - int(self.dates[0])) / _YEAR)))
        for ago in range(years + 1):
            distance = np.abs(self.dates + ago * _YEAR - day)
            if ago:
                distance = np.where(self.full, distance, 2 * _SAME_SEASON)
            nearest = int(distance.argmin())
            if distance[nearest] <= _SAME_SEASON:
                return float(self.factors[nearest])
        return float(self.factors[-1])
