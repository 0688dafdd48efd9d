"""Back-tests: what a model would have said at each date, and what came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from crmkit._compat import num_samples, safe_indexing
from crmkit._durations import duration_name, instant_name
from crmkit._frames import make_frame
from crmkit._validation import check_option
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate, estimate
from crmkit.model_selection._baseline import make_baseline
from crmkit.model_selection._scoring import (
    DIRECT,
    METHODS,
    Response,
    as_vector,
    is_binary,
    make_scorer,
    replay,
    response,
)
from crmkit.model_selection._split import Fold, TemporalSplit, check_rows

# A scorer takes a millisecond or two and there are several folds: seconds, not minutes.
_N_RESAMPLES = 400


class _Judged(NamedTuple):
    """One estimator on the test rows of one fold."""

    score: float
    said: Response


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """What `backtest` returns: predictions, scores of model and baseline, and how sure they are.

    Attributes
    ----------
    predictions : frame
        One row per tested row, fold by fold: ``customer_id``, ``as_of``, ``fold``, ``y`` and
        ``prediction`` (the probability of the second of two classes, or what `method` gave). Without
        the last two where y is not one value a row.
    scores : frame
        One row per fold: ``fold``, ``split_time`` (missing for splitters that know none), ``n_train``,
        ``n_purged``, ``n_test``, ``positive_rate`` (share of test rows of the second of two classes,
        or with y above 0), ``score``, ``baseline`` and ``active_within``.
    scoring : str
        Name of the metric; higher is better, as in scikit-learn.
    active_within : str
        Whom the scores are about: customers with a purchase in this stretch before as_of, such as
        ``"180D"``, or ``"everybody"``. Figures about different customers cannot be compared.
    score : float
        Mean of the scores over the folds.
    baseline_score : float
        The same of the baseline; NaN without one.
    baseline_prediction : ndarray or None
        What the baseline said, in the order of `predictions`.
    estimate, baseline_estimate, gain : Estimate
        `score`, `baseline_score` and their difference with intervals from resampling customers, each
        with all of its rows. They take the fitted models as given. Computed when first asked for.
    """

    predictions: Any
    scores: Any
    scoring: str
    active_within: str
    score: float
    baseline_score: float
    baseline_prediction: NDArray[Any] | None
    _rows: Snapshots
    _y: Any
    _fold_of_row: NDArray[np.intp]
    _scorer: Any
    _direct: Any
    _model: list[_Judged]
    _baseline: list[_Judged]

    # Cached, and so written beside the frozen fields: each takes a second or more.
    @cached_property
    def estimate(self) -> Estimate:
        return self._estimate("model")

    @cached_property
    def baseline_estimate(self) -> Estimate:
        return self._estimate("baseline")

    @cached_property
    def gain(self) -> Estimate:
        return self._estimate("gain")

    def _estimate(self, what: str) -> Estimate:
        """Score the predictions again on samples of customers."""
        judged = [*([] if what == "baseline" else [self._model]), *([] if what == "model" else [self._baseline])]
        if not all(judged):
            raise ParameterError("There is no baseline. Pass baseline='auto' or an estimator to backtest.")
        said = [self._pooled(one) for one in judged]
        everything = np.arange(len(self._rows))
        for one, values in zip(judged, said, strict=True):
            try:
                again = self._fold_scores(one, values, everything)
            except (AttributeError, TypeError, ValueError):
                # The metric wants of the estimator what the table does not hold.
                again = np.full(len(one), np.inf)
            if not np.allclose(again, [fold.score for fold in one], rtol=1e-6, atol=1e-9, equal_nan=True):
                raise ParameterError(
                    f"The metric {self.scoring!r} cannot be computed from y and prediction alone, so it has no "
                    "interval: the estimator was judged by something else than its prediction. Pass another method=, "
                    "such as 'predict' for metrics of decisions, or scoring= another metric."
                )

        def figure(rows: NDArray[np.intp]) -> float:
            means = [self._fold_scores(one, values, rows).mean() for one, values in zip(judged, said, strict=True)]
            return float(means[0] - means[1]) if what == "gain" else float(means[0])

        return estimate(figure, everything, groups=self._rows.codes, n_resamples=_N_RESAMPLES, random_state=0)

    def _pooled(self, judged: list[_Judged]) -> NDArray[Any]:
        parts = [fold.said.values for fold in judged]
        if any(part is None for part in parts):
            raise ParameterError("The estimator gives no prediction of one value a row, so its score has no interval.")
        return np.concatenate([part for part in parts if part is not None])

    def _fold_scores(self, judged: list[_Judged], said: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        scores = np.full(len(judged), np.nan)
        for number, fold in enumerate(judged):
            own = rows[self._fold_of_row[rows] == number]
            if not len(own):
                continue
            if self._direct is not None and said.dtype.kind in "biuf":
                y = self._y if fold.said.classes is None else self._y == fold.said.classes[1]
                scores[number] = self._direct(y[own], said[own])
            else:
                model = replay(fold.said, said[own])
                scores[number] = self._scorer(model, self._rows[own], safe_indexing(self._y, own))
        return scores

    def __repr__(self) -> str:
        customers = len(np.unique(self._rows.codes))
        head = f"Backtest({self.scoring} of {len(self._rows):,} rows of {customers:,} customers, {self._whom()})"
        columns = ("fold", "split_time", "n_train", "n_purged", "n_test", "positive_rate", "score", "baseline")
        cells = [[name, *(_cell(value) for value in np.asarray(self.scores[name]))] for name in columns]
        cells = [[*column, ""] for column in cells]
        cells[0][-1], cells[-2][-1], cells[-1][-1] = "mean", _cell(self.score), _cell(self.baseline_score)
        widths = [max(map(len, column)) for column in cells]
        padded = [[cell.rjust(width) for cell in column] for column, width in zip(cells, widths, strict=True)]
        return "\n".join([head, *("  ".join(line) for line in zip(*padded, strict=True))])

    def _whom(self) -> str:
        return "everybody" if self.active_within == "everybody" else f"active within {self.active_within}"


def backtest(
    estimator: Any,
    X: Snapshots,
    y: Any,
    cv: Any = None,
    *,
    scoring: Any = None,
    baseline: Any = "auto",
    method: str = "auto",
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Backtest:
    """Fit on the past, predict what came later, fold by fold, beside a naive rule.

    Parameters
    ----------
    estimator : estimator
        Takes Snapshots, such as ``make_pipeline(RFMTransformer(), LogisticRegression())``. It is
        cloned for each fold.
    X : Snapshots of n rows
    y : array of shape (n,), or ItemTargets
        Such as ``X.churned()``. With ItemTargets the estimator, or `scoring`, has to judge itself.
    cv : int, TemporalSplit, or any other splitter, default=None
        None is ``TemporalSplit()``, an int ``TemporalSplit(cv)``. A splitter that shuffles shows what
        a random split would have promised.
    scoring : str or callable, default=None
        A metric of scikit-learn by name, or a function of (estimator, X, y). None: ``"roc_auc"`` for
        two classes, ``"balanced_accuracy"`` for more, ``"neg_mean_absolute_error"`` for regressors,
        else the estimator's own ``score``.
    baseline : {"auto", "recency", "constant"}, estimator or None, default="auto"
        ``"recency"`` scores customers by the days since their last purchase alone, in the direction
        that the training rows show: "most recent first" for buying again, longest silence for churn.
        ``"constant"`` predicts the share of each class, or the mean. ``"auto"`` is recency for two
        classes, constant for other classifiers and regressors, none otherwise.
    method : {"auto", "predict_proba", "decision_function", "predict"}, default="auto"
        What goes into the column ``prediction``; auto takes the first that a classifier of two
        classes has, and predict for everything else.
    n_jobs : int, default=None
        Folds computed at the same time. The result does not depend on it.
    verbose : int, default=0
        Above 0, progress is printed.

    Returns
    -------
    Backtest
        With the frames ``predictions`` and ``scores``, and ``estimate``, the mean score with its
        interval.

    Raises
    ------
    ParameterError
        If X are not Snapshots, y has another length, or an option is not allowed; as `TemporalSplit`
        where rows cannot be split. An error of the estimator names the fold.

    See Also
    --------
    TemporalSplit : How rows are split, and why labels that reach past the split are left out.
    sklearn.model_selection.cross_validate : Scores only; no table, no baseline.

    Notes
    -----
    ``estimate`` draws customers with replacement and computes the mean over folds of the scores of the
    drawn rows: `crmkit.metrics.estimate` with customers as groups. The models stay as they were fitted.

    Examples
    --------
    Who does not come back within 90 days? Two numbers about each customer, against "longest silence":

    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.model_selection import TemporalSplit, backtest
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> features = FunctionTransformer(lambda X: X.summary()[["frequency", "recency", "T"]])
    >>> model = make_pipeline(features, LogisticRegression())
    >>> result = backtest(model, X, X.churned(), cv=TemporalSplit(3))
    >>> result
    Backtest(roc_auc of 7,071 rows of 2,357 customers, everybody)
    fold  split_time  n_train  n_purged  n_test  positive_rate  score  baseline
       0  1998-02-01    18856      4714    2357          0.840  0.815     0.804
       1  1998-03-01    21213      4714    2357          0.852  0.818     0.811
       2  1998-04-01    23570      4714    2357          0.874  0.835     0.828
    mean                                                        0.823     0.814
    >>> print(result.predictions.head(2).to_string(float_format="%.2f"))
       customer_id      as_of  fold  y  prediction
    0            4 1998-02-01     0  1        0.45
    1           18 1998-02-01     0  1        0.98
    >>> print(f"{result.gain:.3f}")
    0.009 [0.003, 0.014]
    """
    check_rows(X, "X", "backtest")
    check_option("method", method, METHODS, "backtest")
    if y is None:
        raise ParameterError("y=None: predictions are compared with what came, so pass it, such as X.churned().")
    if num_samples(y) != len(X):
        raise ParameterError(f"y has {num_samples(y):,} values, X has {len(X):,} rows. One value a row is needed.")
    vector = as_vector(y)
    if vector is not None and vector.dtype.kind == "f" and not np.isfinite(vector).all():
        raise ParameterError(
            f"y is missing or infinite in {int((~np.isfinite(vector)).sum()):,} of {len(vector):,} rows. Leave these "
            "out of X and y alike: X[known], y[known]."
        )
    name, scorer = make_scorer(estimator, scoring, vector)
    rival = make_baseline(baseline, estimator, binary=is_binary(vector), vector=vector is not None)
    folds = _folds(cv, X, y, classifier=is_classifier(estimator))
    run = delayed(_judge)
    judged = Parallel(n_jobs=n_jobs, verbose=verbose)(
        run(one, X, y, fold.train, fold.test, f"fold {fold.number}", scorer, method if one is estimator else "auto")
        for fold in folds
        for one in (estimator, rival)
        if one is not None
    )
    step = 1 if rival is None else 2
    direct = DIRECT.get(name) if scoring is None or isinstance(scoring, str) else None
    parts = judged[::step], judged[1::2] if rival is not None else []
    return _result(X, y, vector, folds, *parts, name, scorer, direct)


def _folds(cv: Any, X: Snapshots, y: Any, *, classifier: bool) -> list[Fold]:
    if cv is None or (isinstance(cv, Integral) and not isinstance(cv, bool)):
        cv = TemporalSplit() if cv is None else TemporalSplit(int(cv))
    if isinstance(cv, TemporalSplit):
        return cv.folds(X)
    splits: Iterable[Any] = check_cv(cv, y, classifier=classifier).split(X, y)
    never = np.datetime64("NaT", "us")
    none = np.empty(0, dtype=np.intp)
    parts = enumerate(splits)
    folds = [Fold(number, never, never, np.asarray(train), np.asarray(test), none) for number, (train, test) in parts]
    if not folds:
        raise ParameterError(f"cv={cv!r} gives no folds. Pass TemporalSplit(n_splits=4).")
    return folds


def _judge(
    estimator: Any, X: Snapshots, y: Any, train: Any, test: Any, where: str, scorer: Any, method: str
) -> _Judged:
    try:
        model = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train))
        rows = safe_indexing(X, test)
        return _Judged(float(scorer(model, rows, safe_indexing(y, test))), response(model, rows, method))
    except Exception as error:
        error.add_note(f"This happened in {where} of the back-test, in {estimator!r}.")
        raise


def _result(
    X: Snapshots,
    y: Any,
    vector: NDArray[Any] | None,
    folds: list[Fold],
    model: list[_Judged],
    baseline: list[_Judged],
    name: str,
    scorer: Any,
    direct: Any,
) -> Backtest:
    tested = np.concatenate([fold.test for fold in folds])
    rows = X[tested]
    fold_of_row = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])
    columns = {"fold": fold_of_row}
    if vector is not None and all(fold.said.values is not None for fold in model):
        columns |= {"y": vector[tested], "prediction": _pool(model)}
    whom = "everybody" if X.window.active_within is None else duration_name(X.window.active_within)
    scores = np.array([fold.score for fold in model])
    rival = np.array([fold.score for fold in baseline]) if baseline else np.full(len(folds), np.nan)
    table = {
        "fold": np.arange(len(folds)),
        "split_time": np.array([fold.split_time for fold in folds], dtype="M8[us]"),
        "n_train": np.array([len(fold.train) for fold in folds]),
        "n_purged": np.array([len(fold.purged) for fold in folds]),
        "n_test": np.array([len(fold.test) for fold in folds]),
        "positive_rate": np.array([_positive_rate(vector, fold.test) for fold in folds]),
        "score": scores,
        "baseline": rival,
        "active_within": np.full(len(folds), whom),
    }
    said = _pool(baseline) if baseline and all(fold.said.values is not None for fold in baseline) else None
    return Backtest(
        predictions=rows.to_frame(**columns),
        scores=make_frame(table, X.log.backend),
        scoring=name,
        active_within=whom,
        score=float(scores.mean()),
        baseline_score=float(rival.mean()),
        baseline_prediction=said,
        _rows=rows,
        _y=safe_indexing(y, tested) if vector is None else vector[tested],
        _fold_of_row=fold_of_row,
        _scorer=scorer,
        _direct=direct,
        _model=model,
        _baseline=baseline,
    )


def _pool(judged: list[_Judged]) -> NDArray[Any]:
    return np.concatenate([fold.said.values for fold in judged if fold.said.values is not None])


def _positive_rate(y: NDArray[Any] | None, rows: NDArray[np.intp]) -> float:
    if y is not None and is_binary(y):
        return float(np.mean(y[rows] == np.unique(y)[1]))
    if y is not None and y.dtype.kind in "biuf":
        return float(np.mean(y[rows] > 0))
    return float("nan")


def _cell(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else instant_name(value)
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)
