"""What each feature adds to the score of one customer: Shapley values against a reference row.

Features, not columns, are the players: the columns of a category, or a number and the column that says
where it is missing, are told together or not at all. Values are exact for what is linear or a sum of
trees, and sampled for everything else. A row's values do not depend on the other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit.churn._learner import log_odds, threads
from crmkit.churn._tree_explanation import tree_contributions

Floats = NDArray[np.float64]

#: Rows that are explained at a time.
_ROWS = 4096

#: Numbers that rows may be spread over while they are scored.
_BLOCK = 4_000_000


class Contributions(NamedTuple):
    """What each feature adds to the log-odds, from those of the reference row on.

    Attributes
    ----------
    values : ndarray of float64, shape (n, n_features)
        Their sum over the features is the score of the row less `base`.
    base : float
        The score of the reference row.
    standard_error : ndarray of float64, shape (n, n_features)
        Of values that are sampled; 0 where they are exact.
    """

    values: Floats
    base: float
    standard_error: Floats


def contributions(
    model: Any,
    rows: Floats,
    source: NDArray[np.intp],
    n_features: int,
    reference: Floats,
    *,
    n_permutations: int = 32,
    random_state: int = 0,
) -> Contributions:
    """Split the score of each row over the features.

    Parameters
    ----------
    model : fitted classifier of two classes
        Of encoded columns; the second class is churn. Scores are those of `log_odds`, of one member.
    rows : ndarray of float64, shape (n, m)
    source : ndarray of int, shape (m,)
        The feature that each column belongs to.
    n_features : int
    reference : ndarray of float64, shape (m,)
        The row that others are compared with.
    n_permutations : int, default=32
        Orders that features are told in, an even number, where values are sampled.
    random_state : int, default=0
        Seed of the orders, which all rows share.

    Returns
    -------
    Contributions

    Notes
    -----
    The Shapley value of a feature is what it adds to the score when features are told one after the other,
    starting from the reference row, in the mean over all orders (L. S. Shapley (1953), "A value for n-person
    games"). Sampled orders come in pairs, each with its reverse, which cancels interactions of two features.
    """

    def score(some: Floats) -> Floats:
        with threads(len(some)):
            return log_odds(model, some)[:, 0]

    base = float(score(reference[None])[0])
    exact = _linear(model, source, n_features, reference) or tree_contributions(model, source, n_features, reference)
    rng = np.random.default_rng(random_state)
    orders = [rng.permutation(n_features) for _ in range(max(n_permutations // 2, 1))]
    values, errors = np.zeros((len(rows), n_features)), np.zeros((len(rows), n_features))
    for begin in range(0, len(rows), _ROWS):
        block = slice(begin, begin + _ROWS)
        added = score(rows[block]) - base
        if exact is not None:
            values[block] = exact(rows[block])
        # What does not add up is no such model, whatever attributes it has.
        if exact is None or not np.allclose(values[block].sum(axis=1), added, rtol=1e-6, atol=1e-6):
            values[block], errors[block] = _sampled(score, rows[block], base, added, source, orders, reference)
    return Contributions(values, base, errors)


def _linear(
    model: Any, source: NDArray[np.intp], n_features: int, reference: Floats
) -> Callable[[Floats], Floats] | None:
    coefficients = np.ravel(getattr(model, "coef_", []))
    if len(coefficients) != len(reference):
        return None

    def added(rows: Floats) -> Floats:
        # Column by column: a matrix product adds in an order that depends on the other rows.
        values = np.zeros((len(rows), n_features))
        for column, feature in enumerate(source):
            values[:, feature] += (rows[:, column] - reference[column]) * coefficients[column]
        return values

    return added


def _sampled(
    score: Callable[[Floats], Floats],
    rows: Floats,
    base: float,
    added: Floats,
    source: NDArray[np.intp],
    orders: list[NDArray[np.intp]],
    reference: Floats,
) -> tuple[Floats, Floats]:
    """Mean over some orders and their reverses, and its standard error."""
    n_features = len(orders[0])
    n_told = n_features - 1
    mean, squares = np.zeros((len(rows), n_features)), np.zeros((len(rows), n_features))
    step = max(1, _BLOCK // max(1, 2 * n_told * rows.shape[1]))
    for number, order in enumerate(orders, start=1):
        place = np.argsort(order)
        # Which columns are told after 1, 2, … features; backwards it is the rest, from the last on.
        forwards = place[source] < np.arange(1, n_features)[:, None]
        told = np.concatenate([forwards, ~forwards[::-1]])
        for begin in range(0, len(rows), step):
            block = slice(begin, begin + step)
            states = np.where(told, rows[block, None, :], reference)
            scores = np.zeros((len(states), 2, n_features + 1))
            scores[:, :, -1] = added[block, None]
            if n_told:
                scores[:, :, 1:-1] = score(states.reshape(-1, rows.shape[1])).reshape(-1, 2, n_told) - base
            steps = np.diff(scores, axis=2)
            pair = (steps[:, 0, place] + steps[:, 1, n_told - place]) / 2
            # Welford's running mean and squares.
            away = pair - mean[block]
            mean[block] += away / number
            squares[block] += away * (pair - mean[block])
    n = len(orders)
    # One pair says nothing of its own error.
    return mean, np.sqrt(squares / (n * (n - 1))) if n > 1 else np.full_like(mean, np.nan)
