"""Figures as text."""

from __future__ import annotations

import math

import numpy as np

from crmkit.metrics import Estimate


def number(value: float, decimals: int = 0) -> str:
    """Return a number with separators between thousands; a dash for a missing one."""
    return "–" if math.isnan(value) else f"{value:,.{decimals}f}"


def money(value: float) -> str:
    """Return an amount: with cents where it is small."""
    return number(value, 2 if abs(value) < 1_000 else 0)


def percent(share: float) -> str:
    """Return a share in percent; one decimal below ten percent."""
    if math.isnan(share):
        return "–"
    return f"{100 * share:.{1 if 0 < abs(share) < 0.0995 else 0}f}%"


def points(difference: float) -> str:
    """Return a difference of two shares, or of two AUCs, with its sign."""
    return "–" if math.isnan(difference) else f"{difference:+.3f}"


def day(instant: object) -> str:
    """Return the day of an instant."""
    return str(np.datetime64(instant, "D"))  # type: ignore[call-overload]  # datetime64 takes what our rows hold


def verdict(gain: Estimate) -> str:
    """Return whether a difference is told apart from none by its interval: better, worse or same."""
    return "better" if gain.low > 0 else "worse" if gain.high < 0 else "same"


def ratio(part: float, whole: float) -> float:
    """Return a share, missing where the whole is zero."""
    return part / whole if whole else math.nan
