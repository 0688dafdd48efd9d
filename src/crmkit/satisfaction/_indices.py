"""Indices of satisfaction: means and shares of answers, each with the interval that suits it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np

from crmkit._decisions import Floats
from crmkit._intervals import student_interval, weighted_mean, wilson
from crmkit._validation import (
    check_float,
    check_int,
    check_option,
    check_same_length,
    check_vector,
    parameter_error,
    warn,
)
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate
from crmkit.satisfaction._answers import as_respondents, check_scale, read_answers, respondent_weights


def rating_mean(
    ratings: Any,
    *,
    scale: Any,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """Mean of ratings, plain or weighted.

    Parameters
    ----------
    ratings : array-like of shape (n,)
        Answers to one question: numbers, or texts that `scale` maps. Missing ones are left out.
    scale : (low, high) or mapping of texts to numbers
        What can be answered; other answers are refused.
    sample_weight : array-like of shape (n,), default=None
        How many people each respondent stands for, in any unit.
    coverage : float, default=0.95
        Share of such intervals that hold the true figure.
    not_applicable : list, default=()
        Codes that mean no answer, such as 99.

    Returns
    -------
    Estimate
        `n` counts the answers used: those that are there and have weight.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If answers are off the scale, text without a mapping, or all missing; or a weight is negative.

    Notes
    -----
    Student's interval, linearised and with Kish's effective n under weights; infinite for one answer. Where
    nearly all answer the same it covers too little: with 80 % at the top of 1 to 5 and 8 % at the bottom, 95 %
    intervals of 25, 100 and 1,000 answers hold the true mean in 90.7, 93.7 and 94.7 %.

    Examples
    --------
    >>> from crmkit.satisfaction import rating_mean
    >>> rating_mean([5] * 80 + [4] * 15 + [3] * 5, scale=(1, 5))
    4.75 [4.64, 4.86] (95%, n=100, t)
    """
    owner = "rating_mean"
    return mean_of(one_question(ratings, scale, owner, not_applicable), sample_weight, coverage, owner)


def bayesian_average(
    ratings: Any,
    *,
    prior_mean: float,
    prior_weight: float,
    scale: Any,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """Mean of ratings, drawn to a prior mean while there are few, as rankings need it.

    Parameters
    ----------
    ratings
        As of `rating_mean`.
    prior_mean : float
        What is expected without ratings, such as the mean of all products.
    prior_weight : float
        How many ratings that is worth.
    scale, sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        (v R + m C) / (v + m) of v ratings of mean R, and a prior mean C worth m. Weights count ratings: v is their
        sum; a mean below a tenth is taken as a mean of 1.
        The interval is a normal mean's with this prior, t s / sqrt(v + m) to both sides.

    Examples
    --------
    >>> from crmkit.satisfaction import bayesian_average
    >>> bayesian_average([8, 9] * 500, prior_mean=6.9, prior_weight=2500, scale=(1, 10))
    7.357 [7.341, 7.374] (95%, n=1,000, shrunken t)
    """
    owner = "bayesian_average"
    values = one_question(ratings, scale, owner, not_applicable)
    low, high = ends_of(scale, owner)
    prior_mean = check_float("prior_mean", prior_mean, owner, low=low, high=high)
    prior_weight = check_float("prior_weight", prior_weight, owner, low=0)
    values, weight = used(values, sample_weight, coverage, owner, counts=True)
    mean, error, n = weighted_mean(values, weight)
    n_ratings = float(weight.sum())
    value = mean + (prior_mean - mean) * prior_weight / (n_ratings + prior_weight)
    ends = student_interval(value, error * np.sqrt(n_ratings / (n_ratings + prior_weight)), n, coverage)
    return Estimate(value, *ends, n=len(values), coverage=coverage, method="shrunken t")


def csat(
    answers: Any,
    *,
    scale: Any = (1, 5),
    top: int = 2,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """Customer satisfaction: the share of answers in the top boxes.

    Parameters
    ----------
    answers, scale
        As of `rating_mean`.
    top : int, default=2
        How many of the highest answers count: whole steps of (low, high), or numbers of the mapping.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        From 0 to 1, with Wilson's interval at the effective n.

    Notes
    -----
    Coverage swings with the share. From 0.02 to 0.98, 95 % intervals of 25, 100 and 1,000 answers hold the true
    one in 95.3, 95.1 and 95.0 % on average, in 89.4, 92.7 and 93.9 % at worst.

    Examples
    --------
    >>> from crmkit.satisfaction import csat
    >>> csat([5] * 90 + [4] * 50 + [2] * 60)
    0.70 [0.63, 0.76] (95%, n=200, Wilson)
    """
    owner = "csat"
    values = one_question(answers, scale, owner, not_applicable)
    return share_of(values, top_cut(scale, top, owner), sample_weight, coverage, owner)


def ces(
    answers: Any,
    *,
    scale: Any = (1, 7),
    definition: Literal["mean", "share"] = "mean",
    easy: float = 5,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """Customer effort score: "they made it easy", as a mean or as the share who agree.

    Parameters
    ----------
    answers, scale
        As of `rating_mean`; high is easy.
    definition : {"mean", "share"}, default="mean"
        Both are sold under this name.
    easy : float, default=5
        The least answer that agrees, for the share.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        As of `rating_mean`, or of `csat`.

    Examples
    --------
    >>> from crmkit.satisfaction import ces
    >>> ces([7, 6, 6, 5, 3, 7, 2, 6, 5, 4], definition="share")
    0.70 [0.40, 0.89] (95%, n=10, Wilson)
    """
    owner = "ces"
    check_option("definition", definition, ["mean", "share"], owner)
    values = one_question(answers, scale, owner, not_applicable)
    if definition == "mean":
        return mean_of(values, sample_weight, coverage, owner)
    low, high = ends_of(scale, owner)
    easy = check_float("easy", easy, owner, low=low, high=high, closed="right")
    return share_of(values, easy, sample_weight, coverage, owner)


def acsi(
    satisfaction: Any,
    confirmation: Any,
    ideal: Any,
    *,
    scale: Any = (1, 10),
    weights: Any = (1, 1, 1),
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """American customer satisfaction index: three questions, from 0 to 100.

    Parameters
    ----------
    satisfaction, confirmation, ideal : array-like of shape (n,)
        Overall satisfaction, how far expectations were met, how close it comes to an ideal.
    scale
        As of `rating_mean`.
    weights : (float, float, float), default=(1, 1, 1)
        Of the three, in any unit.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        Mean of the respondents' indices. Who lacks an answer is left out, and counted in a warning.

    Examples
    --------
    >>> from crmkit.satisfaction import acsi
    >>> acsi([8, 9, 7, 10], [7, 8, 6, 9], [7, 9, 5, 9], weights=(0.3885, 0.3190, 0.2925))
    77 [51, 102] (95%, n=4, t)
    """
    owner = "acsi"
    parts = {"satisfaction": satisfaction, "confirmation": confirmation, "ideal": ideal}
    columns = {name: one_question(part, scale, f"{owner}({name})", not_applicable) for name, part in parts.items()}
    check_same_length(owner, **columns)
    answers = np.column_stack(list(columns.values()))
    warn_incomplete(answers, owner)
    return mean_of(acsi_points(answers, scale, weights, owner), sample_weight, coverage, owner)


class SurveyTotal(NamedTuple):
    """What `survey_total` returns.

    Attributes
    ----------
    per_person : Estimate
        Mean total.
    per_question : Estimate
        The same, divided by the number of questions.
    """

    per_person: Estimate
    per_question: Estimate


def survey_total(
    answers: Any,
    *,
    n_questions: int | None = None,
    scale: Any,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> SurveyTotal:
    """Mean total of several questions, a person and a question.

    Parameters
    ----------
    answers : frame or array of shape (n, k), or array-like of shape (n,)
        Answers, or totals.
    n_questions : int, default=None
        How many questions were added up to totals.
    scale
        As of `rating_mean`, of one question.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    SurveyTotal
        Who lacks an answer is left out, and counted in a warning.

    Examples
    --------
    >>> from crmkit.satisfaction import survey_total
    >>> found = survey_total([38, 40, 42, 44, 45, 48, 50, 52, 54, 56], n_questions=5, scale=(1, 12))
    >>> print(f"{found.per_person:.1f}, {found.per_question:.2f}")
    46.9 [42.5, 51.3], 9.38 [8.51, 10.25]
    """
    owner = "survey_total"
    if n_questions is None:
        values = read_answers(answers, scale, owner, not_applicable=not_applicable).values
        warn_incomplete(values, owner)
        k, totals = values.shape[1], values.sum(axis=1)
    else:
        k = check_int("n_questions", n_questions, owner, low=1)
        low, high = check_scale(scale, owner)
        totals = one_question(answers, (k * low, k * high), owner, not_applicable)
    person, question = (mean_of(points, sample_weight, coverage, owner) for points in (totals, totals / k))
    return SurveyTotal(person, question)


def one_question(answers: Any, scale: Any, owner: str, not_applicable: Any) -> Floats:
    """Read the answers to one question, NaN where there is none."""
    values = read_answers(answers, scale, owner, not_applicable=not_applicable).values
    if values.shape[1] != 1:
        raise ParameterError(f"{owner} takes the answers to one question. Got {values.shape[1]} columns: pass one.")
    return values[:, 0]


def used(
    points: Floats, sample_weight: Any, coverage: float, owner: str, *, counts: bool = False
) -> tuple[Floats, Floats]:
    """Return the points that are there and have weight, and their weights: as counts, or the largest 1."""
    check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    weight = respondent_weights(sample_weight, len(points), owner)
    kept = ~np.isnan(points) & (weight > 0)
    if not kept.any():
        raise ParameterError(
            f"{owner} got no answers: all of {len(points):,} are missing or without weight. Look at the column, "
            "not_applicable and sample_weight."
        )
    if not kept.all():
        points, weight = points[kept], weight[kept]
    # Ones, if all weights are alike.
    return points, as_respondents(weight) if counts else weight / weight.max()


def mean_of(points: Floats, sample_weight: Any, coverage: float, owner: str) -> Estimate:
    """Estimate a mean with its t interval."""
    points, weight = used(points, sample_weight, coverage, owner)
    mean, error, n = weighted_mean(points, weight)
    ends = student_interval(mean, error, n, coverage)
    return Estimate(mean, *ends, n=len(points), coverage=coverage, method="t")


def share_of(points: Floats, cut: float, sample_weight: Any, coverage: float, owner: str) -> Estimate:
    """Estimate the share of points from the cut on with Wilson's interval."""
    points, weight = used(points, sample_weight, coverage, owner)
    share, _, n = weighted_mean((points >= cut).astype(np.float64), weight)
    return Estimate(share, *wilson(share, n, coverage), n=len(points), coverage=coverage, method="Wilson")


def ends_of(scale: Any, owner: str) -> tuple[float, float]:
    """Return the ends of the scale of one question."""
    levels = list(scale.values()) if isinstance(scale, Mapping) else []
    if levels and all(isinstance(level, Real) for level in levels):
        return min(levels), max(levels)
    return check_scale(scale, owner)


def top_cut(scale: Any, top: Any, owner: str) -> float:
    """Return the least of the `top` highest answers."""
    low, high = ends_of(scale, owner)
    levels = sorted(set(scale.values()) if isinstance(scale, Mapping) else np.arange(high, low - 0.5, -1))
    return float(levels[-check_int("top", top, owner, low=1, high=len(levels) - 1)])


def shares(name: str, points: Any, n: int, owner: str) -> Floats:
    """Return points, in any unit, as shares of their sum."""
    share: Floats = check_vector(name, points, np.float64, owner, n=n)
    if share.min() < 0 or not share.any():
        raise parameter_error(name, points, "numbers, none negative and not all 0", owner)
    share = share / share.max()
    return share / share.sum()


def acsi_points(answers: Floats, scale: Any, weights: Any, owner: str) -> Floats:
    """Return the index of each respondent; NaN where one of three answers is missing."""
    low, high = ends_of(scale, owner)
    # Added up row by row: a matrix product rounds by the number of rows.
    return 100 * ((answers - low) / (high - low) * shares("weights", weights, 3, owner)).sum(axis=1)


def warn_incomplete(answers: Floats, owner: str) -> None:
    """Count who answered a part and is left out."""
    there = ~np.isnan(answers)
    count = int((there.any(axis=1) & ~there.all(axis=1)).sum())
    if count:
        warn(f"{owner} leaves out {count:,} of {len(answers):,} respondents, who answered a part.")
