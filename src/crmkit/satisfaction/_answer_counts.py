"""How often each step of a scale was answered."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError
from crmkit.satisfaction._answers import read_answers, respondent_weights

_OWNER = "answer_counts"


def answer_counts(
    X: Any, *, scale: Any, reverse: Any = (), not_applicable: Any = (), sample_weight: Any = None
) -> pd.DataFrame:
    """Count how often each step of a scale was answered.

    Parameters
    ----------
    X : frame or array of shape (n_respondents, n_questions)
        Missing values count nowhere.
    scale : (low, high) or mapping of texts to numbers
        The steps: whole numbers from low, at most 101, or the texts by their numbers.
    reverse : list of questions, default=()
        They are turned round: the lowest answer counts as the highest.
    not_applicable : list of codes, or mapping of questions to them, default=()
        What stands for no answer.
    sample_weight : array of shape (n_respondents,), default=None
        How many each respondent stands for.

    Returns
    -------
    pandas.DataFrame of shape (n_questions, n_steps)
        The questions are its index, the steps its columns, ascending.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If answers are off the scale, or between its steps.

    Examples
    --------
    >>> from crmkit.satisfaction import answer_counts
    >>> answers = pd.DataFrame({"easy to reach": [5, 4, 4, 2, None], "friendly": [5, 5, 4, 3, 5]})
    >>> answer_counts(answers, scale=(1, 5))
                   1  2  3  4  5
    easy to reach  0  1  0  2  1
    friendly       0  0  1  1  3
    """
    texts = scale if isinstance(scale, Mapping) else {}
    if not all(isinstance(number, Real) for number in texts.values()):
        raise parameter_error("scale", scale, "one scale for all questions", _OWNER, "Call it for those of each scale.")
    answers = read_answers(X, scale, _OWNER, reverse=reverse, not_applicable=not_applicable)
    low, high = answers.low[0], answers.high[0]
    if high - low > 100:
        raise parameter_error("scale", scale, "of at most 101 steps", _OWNER, "Cut the answers into classes first.")
    steps = np.unique([float(number) for number in texts.values()]) if texts else low + np.arange(int(high - low) + 1)
    weight = None if sample_weight is None else respondent_weights(sample_weight, len(answers.values), _OWNER)
    rows = []
    for name, column in zip(answers.names, answers.values.T, strict=True):
        there = ~np.isnan(column)
        place = np.searchsorted(steps, column[there])
        between = int((steps[np.minimum(place, len(steps) - 1)] != column[there]).sum())
        if between:
            raise ParameterError(
                f"Of the question {name!r} {_OWNER} got {between:,} answers between two steps of the scale. Round them."
            )
        rows.append(np.bincount(place, None if weight is None else weight[there], minlength=len(steps)))
    labels = [
        " / ".join(str(text) for text in texts if texts[text] == step)
        or (int(step) if step == int(step) else float(step))
        for step in steps
    ]
    return pd.DataFrame(np.array(rows), index=answers.names, columns=labels)
