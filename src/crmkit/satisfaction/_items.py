"""What a scorer learns of each question: statistics, reliability, and weights."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._validation import check_vector, listed, parameter_error, warn
from crmkit.exceptions import ParameterError
from crmkit.satisfaction._answers import Answers, Questions
from crmkit.satisfaction._relative_weights import relative_weights
from crmkit.satisfaction._reliability import Reliability, reliability_of

Floats = NDArray[np.float64]

#: So many respondents at a time stay in the processor's cache.
BLOCK = 8192

_OWNER = "SatisfactionScorer"


def item_statistics(answers: Answers, weight: Floats, box_width: int) -> pd.DataFrame:
    """One row for each question; what cannot be had is NaN."""
    values, low, high = answers.values, answers.low, answers.high
    # Deviations from somebody's answer are exact where all are alike.
    centre = values[np.isnan(values).argmin(axis=0), np.arange(len(low))]
    unit = np.ldexp(1.0, np.frexp(high - low)[1])  # a power of two rounds nothing
    least_of_top, greatest_of_bottom = answers.boxes(box_width)
    sums = np.zeros((6, len(low)))
    for start in range(0, len(values), BLOCK):
        x, w = values[start : start + BLOCK], weight[start : start + BLOCK]
        known = ~np.isnan(x)
        away = np.where(known, (x - centre) / unit, 0.0)
        boxes = x >= least_of_top, x <= greatest_of_bottom
        sums += [known.sum(axis=0), *(w @ one for one in (known, away, away**2, *boxes))]
    n, whole, *parts = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square, top, bottom = parts / whole
        variance = np.where(whole > 1, np.maximum(square - mean**2, 0.0) * whole / (whole - 1), np.nan)
    columns = {"n": n.astype(np.int64), "missing": (len(values) - n).astype(np.int64)}
    columns |= {"mean": centre + mean * unit, "sd": np.sqrt(variance) * unit}
    columns |= {"top_box": top, "bottom_box": bottom}
    return pd.DataFrame(columns, index=pd.Index(answers.names, name="question"))


def medians(answers: Answers, weight: Floats) -> Floats:
    """The weighted median of each question; between two answers their middle."""
    found = np.empty(len(answers.names))
    for j, (name, x) in enumerate(zip(answers.names, answers.values.T, strict=True)):
        known = ~np.isnan(x)
        if not known.any():
            raise ParameterError(
                f"{_OWNER}(missing='impute') has no answer to {name!r}, and so no median. Leave it out."
            )
        levels, place = np.unique(x[known], return_inverse=True)
        share = np.cumsum(np.bincount(place, weights=weight[known]))
        around = share[-1] / 2 * np.array([1 - 1e-12, 1 + 1e-12])  # sums differ by rounding
        found[j] = levels[np.searchsorted(share, around)].mean()
    return found


def item_reliability(answers: Answers, weight: Floats, missing: str, *, needed: bool) -> Reliability | None:
    """Reliability of the questions that not everybody answered alike; None if it cannot be had, unless it must."""
    values, names, alike = answers.values, answers.names, _alike(answers.values)
    width = answers.high - answers.low
    if width.min() < width.max():
        values = (values - answers.low) / width  # as the score has them
    if not needed and (~alike).sum() < 2:
        _warn("has no reliability_: it takes two questions at least that respondents answered differently.")
        return None
    if alike.any():
        lost = listed(_of(names, alike))
        _warn(f"leaves questions out of reliability_ that everybody answered alike, or nobody: {lost}.")
        values, names = values[:, ~alike], _of(names, ~alike)
    how: Any = {"available": "pairwise", "complete": "listwise", "impute": "impute"}[missing]
    try:
        return reliability_of(values, names, weight, _OWNER, how)
    except ParameterError as error:
        if needed:
            raise
        # A score needs none: it is one answer of one respondent, too.
        _warn(f"has no reliability_: {error}")
        return None


def declared_weights(declared: Any, questions: Questions) -> Floats:
    """The weights that a mapping gives to each question, made to sum to 1; None gives all the same."""
    names = questions.names
    if declared is None:
        return np.full(len(names), 1 / len(names))
    weights = np.full(len(names), np.nan)
    for key, value in declared.items():
        good = not isinstance(value, bool) and isinstance(value, Real) and 0.0 <= float(value) < math.inf
        weights[questions.place("item_weights", key)] = float(value) if good else -1.0
    lacking = _of(names, np.isnan(weights))
    if lacking or weights.min() < 0 or not weights.any():
        hint = f"It has none for {listed(lacking)}: 0 leaves a question out." if lacking else ""
        allowed = "a mapping of each question to a number of at least 0, not all 0"
        raise parameter_error("item_weights", declared, allowed, _OWNER, hint)
    weights /= weights.max()
    return weights / weights.sum()


def overall_satisfaction(y: Any, n: int) -> Floats:
    """The y of "drivers", NaN where it is not known."""
    if y is None:
        raise ParameterError(
            f"{_OWNER}(item_weights='drivers') requires y to be passed, but the target y is None. Give each "
            "respondent's overall satisfaction."
        )
    overall = check_vector("y", y, np.float64, f"{_OWNER}.fit", n=n, finite=False)
    if np.isinf(overall).any():
        raise ParameterError(f"The 'y' parameter of {_OWNER}.fit is infinite. Pass NaN where it is unknown.")
    return overall


def driver_weights(answers: Answers, overall: Floats, weight: Floats) -> Floats:
    """Relative weights of the questions in explaining overall satisfaction."""
    table, names = np.column_stack([answers.values, overall]), [*answers.names, "y"]
    complete = ~np.isnan(table).any(axis=1)
    n = int(complete.sum())
    if n < len(table):
        _warn(f"learns item_weights='drivers' from {n:,} of {len(table):,} respondents: others lack an answer or y.")
        table, weight = table[complete], weight[complete]
    refuse_alike(table, names, "drivers")
    if n <= len(names):
        _warn(f"learns the weights of {len(names) - 1} questions from {n:,} respondents: so few fit any y.")
    both = np.cov(table / np.abs(table).max(axis=0), rowvar=False, aweights=weight)
    scale = np.sqrt(np.diag(both))
    both = both / scale / scale[:, None]
    return _shares(relative_weights(both[:-1, :-1], both[:-1, -1]), both[:-1, -1] < 0, answers.names, "y")


def factor_weights(names: list[str], found: Reliability | None) -> Floats:
    """Loadings on the one factor that the questions share."""
    loadings = np.ones(1) if found is None else found.items["loading"].to_numpy()
    return _shares(loadings, loadings < 0, names, "the others")


def refuse_alike(values: Floats, names: list[str], learnt: str) -> None:
    """Refuse to learn weights where answers do not differ."""
    if len(values) < 3:
        what = f"takes at least 3 respondents who answered all it needs. Got n_samples={len(values)}."
    else:
        alike = _alike(values)
        if not alike.any():
            return
        lost = listed(_of(names, alike))
        what = f"learns nothing where everybody gave one answer, or nobody any: {lost}. Leave them out."
    raise ParameterError(f"{_OWNER}(item_weights={learnt!r}) {what} Or declare the weights: {{question: weight, …}}.")


def _shares(found: Floats, against: NDArray[np.bool_], names: list[str], what: str) -> Floats:
    """Weights that sum to 1, none where an answer says the opposite."""
    found = np.where(against, 0.0, found)
    if not found.any():
        _warn(
            f"finds no question that goes with {what}, and weighs all alike. Is one of them coded the other way round?"
        )
        return np.full(len(names), 1 / len(names))
    if against.any():
        lost = listed(_of(names, against))
        _warn(f"gives no weight to questions that go against {what}: {lost}. Does reverse lack them?")
    return found / found.sum()


def _alike(values: Floats) -> NDArray[np.bool_]:
    """Which questions have no two answers that differ."""
    return ~(np.fmin.reduce(values) < np.fmax.reduce(values))


def _of(names: list[str], which: NDArray[np.bool_]) -> list[str]:
    return [name for name, is_one in zip(names, which, strict=True) if is_one]


def _warn(what: str) -> None:
    warn(f"{_OWNER} {what}")
