"""Which features a fitted pipeline leans on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags_array, issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import num_samples, safe_indexing
from crmkit._validation import check_generator, check_int
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.model_selection._scoring import as_vector, make_scorer
from crmkit.model_selection._split import check_rows

_OWNER = "permutation_importance"


def permutation_importance(
    estimator: Pipeline,
    X: Snapshots,
    y: Any,
    *,
    groups: Mapping[str, Sequence[Any]] | None = None,
    n_repeats: int = 5,
    scoring: Any = None,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Bunch:
    """Measure how much a score drops when features are shuffled.

    For pipelines that take snapshots, which scikit-learn's function of the same name refuses. The
    features are those that the last step sees; columns that say nearly the same, of which a model may
    use either, are best shuffled together as one group.

    Parameters
    ----------
    estimator : Pipeline
        Fitted; its last step predicts.
    X : Snapshots of n rows
        Best rows that the pipeline was not fitted on.
    y : array of shape (n,)
    groups : mapping of names to lists of columns, default=None
        Columns shuffled together, by name or position. Columns in no group stand alone.
    n_repeats : int, default=5
        How often each is shuffled.
    scoring : str or callable, default=None
        A metric of scikit-learn, or a function of (estimator, table, y), where table is what the last
        step sees. None: as in `backtest`.
    random_state : int, Generator, RandomState or None, default=None
        Source of the shuffles. All columns meet the same shuffles, so they compare.
    n_jobs : int, default=None
        Columns computed at the same time. The result does not depend on it.

    Returns
    -------
    sklearn.utils.Bunch
        ``names`` (n_groups,), ``importances_mean``, ``importances_std`` (n_groups,), ``importances``
        (n_groups, n_repeats), and ``score``, that of the untouched rows.

    Raises
    ------
    ParameterError
        If the estimator is no pipeline, X are not Snapshots, or a group names an unknown column or one
        that another group has.

    See Also
    --------
    sklearn.inspection.permutation_importance : For tables; its columns cannot be grouped.

    Notes
    -----
    The importance is the score of the untouched rows minus that with the columns shuffled over the rows
    (L. Breiman (2001). "Random forests". Machine Learning 45, section 10). It says what the fitted model
    uses, not what causes what; shuffling one of two correlated columns understates both.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.model_selection import permutation_importance, temporal_train_test_split
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(["1997-10-01", "1998-01-01"], horizon="90D")
    >>> X_train, X_test, y_train, y_test = temporal_train_test_split(X, X.churned())
    >>> features = FunctionTransformer(lambda X: X.summary()[["frequency", "recency", "T"]])
    >>> model = make_pipeline(features, LogisticRegression()).fit(X_train, y_train)
    >>> found = permutation_importance(model, X_test, y_test, groups={"when": ["recency", "T"]}, random_state=0)
    >>> dict(zip(found.names.tolist(), found.importances_mean.round(3).tolist()))
    {'when': 0.182, 'frequency': 0.024}
    """
    check_rows(X, "X", _OWNER)
    if not isinstance(estimator, Pipeline) or len(estimator) < 2:
        raise ParameterError(
            f"The 'estimator' parameter of {_OWNER} must be a fitted Pipeline of at least two steps, the last of which "
            f"predicts. Got {type(estimator).__name__} instead. Pass make_pipeline(transformer, model)."
        )
    check_int("n_repeats", n_repeats, _OWNER, low=1)
    check_is_fitted(estimator)
    if num_samples(y) != len(X):
        raise ParameterError(f"y has {num_samples(y):,} values, X has {len(X):,} rows. One value a row is needed.")
    # One seed a repeat: every column meets the same shuffles, in whichever process.
    seeds = check_generator("random_state", random_state, _OWNER).integers(2**63, size=n_repeats)
    model = estimator[-1]
    table = estimator[:-1].transform(X)
    names, members = _members(groups, _column_names(estimator[:-1], table))
    scorer = make_scorer(model, scoring, as_vector(y))[1]
    score = float(scorer(model, table, y))
    shuffled = Parallel(n_jobs=n_jobs)(
        delayed(_shuffled_scores)(model, table, y, columns, seeds, scorer) for columns in members
    )
    importances = score - np.array(shuffled).reshape(len(names), n_repeats)
    return Bunch(
        names=names,
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
        importances=importances,
        score=score,
    )


def _shuffled_scores(
    model: Any, table: Any, y: Any, columns: NDArray[np.intp], seeds: NDArray[np.int64], scorer: Any
) -> list[float]:
    n = num_samples(table)
    orders = (np.random.default_rng(seed).permutation(n) for seed in seeds)
    return [float(scorer(model, _with_shuffled(table, columns, order), y)) for order in orders]


def _with_shuffled(table: Any, columns: NDArray[np.intp], order: NDArray[np.intp]) -> Any:
    """Return the table with some columns in another order of rows; the table itself stays as it is."""
    if issparse(table):
        rows: Any = table
        rows, taken = rows.tocsr(), np.zeros(rows.shape[1])
        taken[columns] = 1.0
        return rows @ diags_array(1.0 - taken) + rows[order] @ diags_array(taken)
    moved = safe_indexing(safe_indexing(table, columns, axis=1), order)
    if hasattr(table, "with_columns"):  # polars
        return table.with_columns(moved)
    out = table.copy()
    if hasattr(out, "iloc"):  # pandas; column by column, so that each keeps its type
        for position, column in enumerate(columns):
            out.isetitem(column, moved.iloc[:, position].array)
    else:
        out[:, columns] = moved
    return out


def _column_names(transformer: Any, table: Any) -> list[str]:
    columns = getattr(table, "columns", None)
    if columns is None:
        try:
            columns = transformer.get_feature_names_out()
        except (AttributeError, ValueError, TypeError):
            # Transformers that name nothing: columns go by their position.
            columns = [f"x{position}" for position in range(table.shape[1])]
    return [str(column) for column in columns]


def _members(
    groups: Mapping[str, Sequence[Any]] | None, columns: list[str]
) -> tuple[NDArray[np.str_], list[NDArray[np.intp]]]:
    """Return the names of all groups, and the positions of their columns."""
    positions = {name: position for position, name in enumerate(columns)}
    free = dict.fromkeys(range(len(columns)))
    named: dict[str, list[int]] = {}
    for group, wanted in (groups or {}).items():
        named[str(group)] = []
        for column in [wanted] if isinstance(wanted, str) else wanted:
            position = positions.get(column, -1) if isinstance(column, str) else int(column)
            if not 0 <= position < len(columns):
                raise ParameterError(
                    f"groups[{group!r}] names {column!r}, which is none of the columns of the last step: {columns}."
                )
            if position not in free:
                raise ParameterError(f"groups names the column {columns[position]!r} twice. Give each to one group.")
            del free[position]
            named[str(group)].append(position)
        if not named[str(group)]:
            raise ParameterError(f"groups[{group!r}] has no columns. Leave it out.")
    alone = {columns[position]: [position] for position in free}
    both = sorted(set(named) & set(alone))
    if both:
        raise ParameterError(f"groups has the names {both}, which columns in no group have too. Rename the groups.")
    everything = named | alone
    return np.array(list(everything)), [np.array(rows, dtype=np.intp) for rows in everything.values()]
