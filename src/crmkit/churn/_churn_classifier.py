"""Who will leave, how sure that is, and whom it pays to contact."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from crmkit._compat import HasMethods, StrOptions, check_sample_weight, one_thread
from crmkit._durations import duration_name
from crmkit._frames import make_frame
from crmkit._tables import (
    Columns,
    SnapshotFeatures,
    TableEncoder,
    backend_of,
    is_frame,
    label_that_means,
    refuse_names,
    renamed,
    table_columns,
    take,
    two_classes,
)
from crmkit._validation import all_or_nothing, check_float, parameter_error
from crmkit.churn._calibration import Calibration, Calibrator
from crmkit.churn._decision import choose_cut, score_of
from crmkit.churn._explanation import contributions
from crmkit.churn._learner import MANY_ROWS, LinearAndTrees, log_odds, members_of
from crmkit.churn._profit import ChurnProfit
from crmkit.events import Snapshots, latest_rows, purchases
from crmkit.exceptions import CrmkitWarning, ParameterError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_OWNER = "ChurnClassifier"

#: With fewer held-out rows of either sort nothing can be calibrated.
_FEWEST_HELD_OUT = 10
_N_FOLDS = 5

#: How many of the latest rows are held out at least, where a horizon has so many, and how many of the rarer sort.
_LATEST_ROWS, _LATEST_RARER = 500, 100

#: One of these a classifier needs.
_SCORES = ("decision_function", "predict_proba")


@dataclass(frozen=True)
class _Training:
    """Rows to learn from: X itself, its columns where it is a table, 1 for who churned, weights, and values."""

    X: Any
    columns: Columns | None
    churned: Floats
    weight: Floats | None
    value: float | Floats = 0.0

    def __len__(self) -> int:
        return len(self.churned)

    def at(self, rows: Rows) -> _Training:
        """Some of the rows."""
        return _Training(
            self.X[rows] if self.columns is None else None,
            None if self.columns is None else take(self.columns, rows),
            self.churned[rows],
            None if self.weight is None else self.weight[rows],
            self.value if isinstance(self.value, float) else self.value[rows],
        )


@dataclass(frozen=True)
class _Learnt:
    """A model, and what turns rows into the matrix that it takes."""

    features: SnapshotFeatures | None
    encoder: TableEncoder
    model: Any


class ChurnClassifier(ClassifierMixin, BaseEstimator):
    """The probability that a customer leaves, calibrated, and the decision whom to contact.

    It takes Snapshots of a log with ``y = X.churned()`` (or ``X.happens("cancel")``), and then reads its own
    features from the log as of each row; or a plain table of numbers and categories, missing values allowed,
    with any labels of two classes. In searches, pipelines and cross-validation it is a classifier of scikit-learn.

    Parameters
    ----------
    estimator : classifier, default=None
        Takes a matrix of scaled numbers without missing values and has `decision_function` or
        `predict_proba`: linear models, trees, boosting, support vectors, neural nets. It is cloned. None is a
        logistic regression on bent columns and gradient-boosted trees, mixed as held-out rows say.
    features : "auto", transformer or list, default="auto"
        What is read of Snapshots: transformers that take them, and the word ``"attributes"`` for the customer
        columns of the log. ``"auto"``: `crmkit.features.WindowAggregator` over 30 to 365 days,
        `InterPurchaseFeatures`, `RFMTransformer`, and the attributes. Tables are taken as they are.
    pos_label : object, default=None
        The label that means churn. None: 1 or True. Text labels, and other numbers, need it said.
    calibration : {"auto", "sigmoid", "isotonic", None}, default="auto"
        How scores become probabilities, on rows that the model has not seen; see Notes. ``"auto"`` is
        ``"sigmoid"``, which leaves the order of customers as it is, where there are enough rows of both sorts.
    profit : ChurnProfit, default=None
        The money behind a campaign. With it, `predict` says whom contacting pays for.
    decision : {"profit", "share", "threshold", "f1", None}, default=None
        How the threshold of `predict` is chosen: where contacting begins to pay, or the one that earned clearly
        more on held-out rows; the one that a share of them reaches; a probability; or the best F1 score. None is
        ``"profit"`` with `profit`, else a probability above one half.
    decision_value : float, default=None
        The share, or the probability.
    random_state : int, RandomState or None, default=None
        For folds, and for the default estimator.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels, ascending; columns of `predict_proba`.
    pos_label_ : object
        The label that means churn.
    threshold_ : float
        The least score that `predict` calls churn; one half, which must be exceeded, where no decision is
        asked for. The score is the probability; with ``decision="profit"`` and a
        value of each customer's own it is the expected profit of contacting them.
    target_fraction_ : float
        Share of the rows at or above it: held-out rows, or training rows where none were held out.
    calibration_ : Calibration
        `method`, and on which `rows` it was learnt.
    calibrator_ : Calibrator
        Weights of the members of the model, and intercept.
    feature_names_ : list of str
        What the model is told: the columns of `features`.
    estimator_ : classifier
        Fitted on all rows.
    encoder_ : TableEncoder
        How columns became the matrix that it takes.
    fitted_on_ : tuple
        ``(fingerprint, (first, last))`` of Snapshots: the hash of the log, and the first and last as_of.
    n_features_in_, feature_names_in_ : int, ndarray
        Of a table only.

    See Also
    --------
    ChurnProfit : What keeping a customer is worth and contacting costs.
    DriftReport : Whether customers still look as they did.
    crmkit.model_selection.TemporalSplit : Folds for searches, in which no label reaches past the test date.
    crmkit.model_selection.ProfitScorer : Scores searches by money.

    Notes
    -----
    *Held-out rows.* For Snapshots they are the rows of the latest as_of (of as many as hold 500 rows and 100 of
    either sort, within a horizon), scored by a model of those whose label was complete by then. Without such
    rows, customers are put into five parts, each scored by a model of the others; so are the rows of a table,
    stratified. The log-odds said there and what came give the sigmoid [1]_, the steps of the isotonic
    regression, the weights of the two members of the default model, and the threshold: every score that occurs
    is tried, and one that earned two standard errors more than the break-even takes its place. Then the model is
    fitted on all rows. The latest rows know the level of their own season alone, so the sigmoid is moved until
    the mean probability of all training rows is their share of churners. With fewer than ten held-out churners,
    or others, nothing is calibrated and `calibration_` says so.

    *Columns.* Numbers are scaled, a missing one counts as the mean and is flagged; categories become one column
    a level, for at most the 100 most frequent; one never seen before has none of them. Text with a value for
    nearly every row, such as an id, is refused.

    *Imbalance.* Rare churn needs no resampling, which spoils probabilities and, before splitting, every score.
    `sample_weight` weighs rows.

    *When not to use it.* Silence is not cancelling: with ``X.churned()`` a customer who comes back after the
    horizon has churned. And a probability to leave is not the effect of an offer: whom contacting changes only
    an experiment shows.

    References
    ----------
    .. [1] J. Platt (1999). "Probabilistic outputs for support vector machines and comparisons to regularized
       likelihood methods". Advances in Large Margin Classifiers, 61-74.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import ChurnClassifier, EventLog
    >>> from crmkit.churn import ChurnProfit
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-07-01", "1998-03-01", freq="MS"), horizon="90D", active_within="180D")
    >>> model = ChurnClassifier(profit=ChurnProfit(value=60, incentive=5), random_state=0).fit(X, X.churned())
    >>> model.calibration_.rows, model.calibration_.n
    ('latest', 573)
    >>> best = model.rank(log.snapshot("1998-06-01", active_within="180D"))
    >>> list(best.columns)
    ['customer_id', 'as_of', 'probability', 'expected_profit', 'contact']
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "estimator": [HasMethods(["fit", "predict"]), None],
        "features": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), list, tuple],
        "pos_label": "no_validation",
        "calibration": [StrOptions({"auto", "sigmoid", "isotonic"}), None],
        "profit": [ChurnProfit, None],
        "decision": [StrOptions({"profit", "share", "threshold", "f1"}), None],
        "decision_value": [Real, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        features: Any = "auto",
        pos_label: Any = None,
        calibration: Literal["auto", "sigmoid", "isotonic"] | None = "auto",
        profit: ChurnProfit | None = None,
        decision: Literal["profit", "share", "threshold", "f1"] | None = None,
        decision_value: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.features = features
        self.pos_label = pos_label
        self.calibration = calibration
        self.profit = profit
        self.decision = decision
        self.decision_value = decision_value
        self.random_state = random_state

    # -- learning --------------------------------------------------------------------------------

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn who leaves.

        Parameters
        ----------
        X : Snapshots, or table of shape (n, n_columns)
            Rows whose outcome is known; Snapshots best of several dates.
        y : array-like of shape (n,)
            Labels of two classes.
        sample_weight : array-like of shape (n,), default=None
            How much each row counts.

        Returns
        -------
        ChurnClassifier

        Raises
        ------
        ParameterError
            If rows or labels are not what is said above; the message says what to do.
        """
        self._validate_params()
        with all_or_nothing(self):
            self._check_decision()
            training = self._training(X, y, sample_weight)
            # One seed for all models and folds, so that a RandomState moves on once a fit.
            self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            learnt = self._learn(training, whole=True)
            self._learnt = learnt
            self.encoder_, self.estimator_ = learnt.encoder, learnt.model
            self.feature_names_ = learnt.encoder.names
            self._settle(training, learnt)
        return self

    def _check_decision(self) -> None:
        if isinstance(self.estimator, type):
            raise parameter_error("estimator", self.estimator, "an estimator, not its class", _OWNER)
        if self.estimator is not None and not any(hasattr(self.estimator, name) for name in _SCORES):
            raise parameter_error("estimator", self.estimator, f"a classifier with {' or '.join(_SCORES)}", _OWNER)
        if self.profit is not None:
            self.profit.validate()
        if self.decision == "profit" and self.profit is None:
            raise ParameterError(
                "decision='profit' needs to know what is earned and spent: pass profit=ChurnProfit(…)."
            )
        if self.decision in ("share", "threshold"):
            check_float("decision_value", self.decision_value, _OWNER, low=0, high=1)
        elif self.decision_value is not None:
            raise ParameterError(
                f"decision_value={self.decision_value!r} is the share or probability of decision='share' and "
                f"'threshold'. Got decision={self.decision!r}: leave it out."
            )

    def _training(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> _Training:
        columns = None
        for name in ("n_features_in_", "feature_names_in_", "fitted_on_", "_window"):
            self.__dict__.pop(name, None)
        if isinstance(X, Snapshots):
            n = len(X)
            if not n:
                raise ParameterError(f"{_OWNER} learns from rows, and X has none. Take other dates or customers.")
            self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
            self._window = X.window
        else:
            columns = table_columns(X, _OWNER, self)
            self._names = list(columns)
            n = len(next(iter(columns.values())))
        churned = self._labels(X, y, n)
        value = 0.0 if self.profit is None else self.profit.values(X)
        columns = self._without_value(columns)
        if sample_weight is None:
            return _Training(X, columns, churned, None, value)
        if self.estimator is not None and not has_fit_parameter(self.estimator, "sample_weight"):
            raise ParameterError(
                f"sample_weight is given, and {type(self.estimator).__name__} takes none in its fit. Leave it out, or "
                "pass another estimator; of a pipeline, its last step."
            )
        weight = check_sample_weight(sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True)
        used = np.flatnonzero(weight > 0)
        if len(np.unique(churned[used])) < 2:
            raise ParameterError("The rows with a positive sample_weight hold one class only; two are needed.")
        return _Training(X, columns, churned, weight, value).at(used)

    def _labels(self, X: Any, y: ArrayLike, n: int) -> Floats:
        """1 where y means churn; sets `classes_` and `pos_label_`."""
        labels, self.classes_ = two_classes(y, n, _OWNER, "Pass the outcome of each row, such as X.churned().")
        bare = not (isinstance(X, Snapshots) or is_frame(X))
        self.pos_label_ = label_that_means("churn", self.classes_, self.pos_label, bare=bare)
        return np.asarray(labels == self.pos_label_, dtype=np.float64)

    def _without_value(self, columns: Columns | None) -> Columns | None:
        """The columns without that of the value: what a customer is worth is no sign of leaving."""
        name = None if self.profit is None else self.profit.value
        if columns is None or not isinstance(name, str):
            return columns
        rest = {one: column for one, column in columns.items() if one != name}
        if not rest:
            raise ParameterError(f"X of {_OWNER} has no columns beside {name!r}, which is the value of customers.")
        return rest

    def _columns(self, features: SnapshotFeatures, X: Snapshots) -> Columns:
        return self._without_value(features.columns(X)) or {}

    def _learn(self, training: _Training, *, whole: bool = False) -> _Learnt:
        features, columns = None, training.columns
        if columns is None:
            features = SnapshotFeatures(self.features, _OWNER).fit(training.X, training.churned.astype(np.int64))
            columns = self._columns(features, training.X)
        if whole:
            # Of several rows of a customer one: repeated, an id would look like a category.
            refuse_names(columns if features is None else take(columns, latest_rows(training.X)))
            if "base" in columns:
                raise ParameterError("A column of X is named 'base', as what `explain` starts from. Rename it.")
        encoder = TableEncoder.learn(columns, training.weight)
        matrix = encoder.matrix(columns, len(training))
        model = LinearAndTrees(self._seed) if self.estimator is None else clone(self.estimator)
        options = {} if training.weight is None else {"sample_weight": training.weight}
        with one_thread() if len(training) < MANY_ROWS else nullcontext():
            model.fit(matrix, training.churned.astype(np.int64), **options)
        return _Learnt(features, encoder, model)

    def _settle(self, training: _Training, learnt: _Learnt) -> None:
        """Calibrate, and choose the threshold."""
        wanted = "sigmoid" if self.calibration == "auto" else self.calibration
        decision = self.decision or ("profit" if self.profit is not None else None)
        held, said, rows = np.arange(0), None, "none"
        if wanted is not None or decision in ("profit", "share", "f1"):
            held, said, rows = self._hold_out(training)
        n_churned = int(training.churned[held].sum())
        enough = said is not None and min(n_churned, len(held) - n_churned) >= _FEWEST_HELD_OUT
        weight = np.ones(len(training)) if training.weight is None else training.weight
        own = None
        if wanted is not None and enough and said is not None:
            self.calibrator_ = own = Calibrator.learn(said, training.churned[held], weight[held], wanted)
            times = (training.X.as_of[held].min(), training.X.as_of[held].max()) if learnt.features else (None, None)
            self.calibration_ = Calibration(wanted, rows, len(held), n_churned, *times)  # type: ignore[arg-type]  # two of the words that it takes
            if rows == "latest":
                all_said = self._said(learnt, training.X, training.columns)
                self.calibrator_ = own.at_level(all_said, float(np.average(training.churned, weights=weight)), weight)
        else:
            self.calibrator_ = Calibrator.equal(2 if self.estimator is None else 1)
            self.calibration_ = Calibration(None, "none")
        if not enough or said is None:
            # Without held-out rows the training rows have to do.
            held, said = np.arange(len(training)), self._said(learnt, training.X, training.columns)
        self._decision = decision
        # From which probability on contacting pays is a question to rows whose probabilities are right: their level
        # is their own. A share, or F1, is one of scores as they will be.
        judge = own if own is not None and decision == "profit" else self.calibrator_
        value = training.value if isinstance(training.value, float) else training.value[held]
        churned, weight = training.churned[held], weight[held]
        options = (self.decision_value, self.profit, judge.probability(said), churned, value, weight)
        self.threshold_ = choose_cut(decision, *options, held_out=enough).threshold
        reached = self._exceeds(score_of(self.profit, decision, self.calibrator_.probability(said), value))
        self.target_fraction_ = float(weight[reached].sum() / weight.sum())

    def _hold_out(self, training: _Training) -> tuple[Rows, Floats | None, str]:
        """Score rows by models that have not seen them."""
        rows, folds = self._folds(training)
        parts = []
        for train, test in folds:
            if len(np.unique(training.churned[train])) < 2:
                return np.arange(0), None, "none"
            held = training.at(test)
            parts.append((test, self._said(self._learn(training.at(train)), held.X, held.columns)))
        if not parts:
            return np.arange(0), None, "none"
        tested = np.concatenate([test for test, _ in parts])
        order = np.argsort(tested, kind="stable")
        return tested[order], np.concatenate([said for _, said in parts])[order], rows

    def _folds(self, training: _Training) -> tuple[str, list[tuple[Rows, Rows]]]:
        rarer = int(min(training.churned.sum(), (1 - training.churned).sum()))
        if rarer < _FEWEST_HELD_OUT:
            return "none", []
        if training.columns is not None:
            split = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=self._seed)
            return "folds", list(split.split(training.churned, training.churned))
        latest = _latest_fold(training.X, training.churned)
        if latest is not None:
            return "latest", [latest]
        if len(np.unique(training.X.codes)) < 2 * _N_FOLDS:
            return "none", []
        return "customers", list(GroupKFold(_N_FOLDS).split(training.churned, groups=training.X.codes))

    # -- saying ----------------------------------------------------------------------------------

    def _matrix(self, learnt: _Learnt, X: Any, columns: Columns | None) -> Floats:
        if learnt.features is not None:
            return learnt.encoder.matrix(self._columns(learnt.features, X), len(X))
        columns = columns or {}
        return learnt.encoder.matrix(columns, len(next(iter(columns.values()))))

    def _said(self, learnt: _Learnt, X: Any, columns: Columns | None) -> Floats:
        matrix = self._matrix(learnt, X, columns)
        return log_odds(learnt.model, matrix) if len(matrix) else np.empty((0, len(self.calibrator_.weights)))

    def _read(self, X: Any) -> Columns | None:
        """The columns of a table; None for Snapshots, whose features are read where they are needed."""
        check_is_fitted(self)
        if self._learnt.features is None:
            if isinstance(X, Snapshots):
                raise ParameterError(
                    f"{_OWNER} was fitted on a table, and X are Snapshots. Pass the same columns as to fit."
                )
            columns = table_columns(X, _OWNER, self, reset=False)
            return self._without_value(renamed(columns, self._names, X))
        if not isinstance(X, Snapshots):
            raise ParameterError(
                f"{_OWNER} was fitted on Snapshots, and X is a {type(X).__name__}. Take log.snapshot() for the "
                "customers of today."
            )
        own = self._window
        if X.window.horizon is not None and (X.window.horizon, X.window.gap) != (own.horizon, own.gap):
            raise ParameterError(
                f"{_OWNER} was fitted on rows with the horizon {_name(own.horizon)} and the gap {_name(own.gap)}, and "
                f"says what comes within it. X has {_name(X.window.horizon)} and {_name(X.window.gap)}. Make the rows "
                "with the same horizon and gap, or without any."
            )
        self._warn_of_strangers(X)
        return None

    def _warn_of_strangers(self, X: Snapshots) -> None:
        """Say if customers are silent for longer than any that was learnt from."""
        longest = self._window.active_within
        if longest is None:
            return
        seen = purchases(X, None)
        strangers = int(((seen.periods == 0) | (seen.since_last > longest)).sum())
        if strangers:
            warnings.warn(
                f"{_OWNER} was fitted on rows with active_within={duration_name(longest)}, and {strangers:,} of "
                f"{len(X):,} customers in X have bought nothing for longer: it knows nothing of such. Make the rows "
                "with the same active_within.",
                CrmkitWarning,
                stacklevel=5,
            )

    def _churn_probability(self, X: Any) -> Floats:
        columns = self._read(X)
        return self.calibrator_.probability(self._said(self._learnt, X, columns))

    def predict_proba(self, X: Any) -> Floats:
        """Probability of each class.

        Parameters
        ----------
        X : Snapshots or table of n rows
            Of the sort that was fitted on.

        Returns
        -------
        ndarray of shape (n, 2)
            In the order of `classes_`.
        """
        churn = self._churn_probability(X)
        both = [1.0 - churn, churn]
        return np.column_stack(both if self.classes_[1] == self.pos_label_ else both[::-1])

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of each row: churn for those who reach the threshold, whom it pays to contact.

        Parameters
        ----------
        X : Snapshots or table of n rows

        Returns
        -------
        ndarray of shape (n,)
        """
        contact = self._reached(X, self._churn_probability(X))
        churn = int(self.classes_[1] == self.pos_label_)
        return np.asarray(self.classes_[np.where(contact, churn, 1 - churn)])

    def _reached(self, X: Any, probability: Floats) -> NDArray[np.bool_]:
        value = self.profit.values(X, new_rows=True) if self._decision == "profit" and self.profit is not None else 0.0
        return self._exceeds(score_of(self.profit, self._decision, probability, value))

    def _exceeds(self, score: Floats) -> NDArray[np.bool_]:
        return np.asarray(score > self.threshold_ if self._decision is None else score >= self.threshold_)

    def rank(self, X: Any) -> Any:
        """The customers, those first whom contacting promises most.

        Parameters
        ----------
        X : Snapshots or table of n rows

        Returns
        -------
        frame of n rows
            ``customer_id`` and ``as_of`` (of a table ``row``, its position instead), ``probability`` of churn,
            ``expected_profit`` of contacting (NaN without `profit`), and ``contact``. Sorted by expected profit,
            without `profit` by probability; ties in the order of X.

        Notes
        -----
        ``contact`` is what `predict` says of each row, but for what concerns the list as a whole: with a budget it
        ends where the expected cost of this list reaches it, and with ``decision="share"`` it is the best share of
        this list. Where held-out rows have moved the threshold away from the break-even, a contact may have an
        expected profit below zero, or a row without one a profit above.
        """
        probability = self._churn_probability(X)
        contact = self._reached(X, probability)
        expected, score = np.full(len(probability), np.nan), probability
        if self.profit is not None:
            expected = score = self.profit.expected_profit(probability, self.profit.values(X, new_rows=True))
        order = np.argsort(-score, kind="stable")
        contact = contact[order]
        if self._decision == "share":
            contact = np.arange(len(order)) < int((self.decision_value or 0.0) * len(order) * (1 + 1e-12))
        elif self._decision == "profit" and self.profit is not None and self.profit.budget is not None:
            cost = np.cumsum(np.where(contact, self.profit.expected_cost(probability)[order], 0.0))
            contact &= cost <= self.profit.budget * len(order) * (1 + 1e-12)
        told = {"probability": probability[order], "expected_profit": expected[order], "contact": contact}
        if isinstance(X, Snapshots):
            return X[order].to_frame(**told)
        return make_frame({"row": order, **told}, backend_of(X))

    def explain(self, X: Any) -> Any:
        """What each feature adds to the log-odds of churn.

        Parameters
        ----------
        X : Snapshots or table of n rows

        Returns
        -------
        frame of n rows
            A column for each of `feature_names_`, and ``base``, the log-odds of a customer who is average in
            everything. A row adds up to the log-odds of its probability (before the steps of an isotonic
            calibration).

        Notes
        -----
        Shapley values against the average customer: exact for linear models, for gradient boosting and so for
        the default; sampled by feature for all others, forests included. They explain the model, not the world:
        what a feature adds is no promise of what changing it would do.
        """
        columns, learnt = self._read(X), self._learnt
        matrix, encoder = self._matrix(learnt, X, columns), learnt.encoder
        values, base = np.zeros((len(matrix), len(encoder.names))), self.calibrator_.intercept
        members = members_of(learnt.model, matrix, encoder.source, encoder.reference)
        for weight, (model, rows, source, reference) in zip(self.calibrator_.weights, members, strict=True):
            part = contributions(model, rows, source, len(encoder.names), reference)
            values += weight * part.values
            base += weight * part.base
        told = {**dict(zip(encoder.names, values.T, strict=True)), "base": np.full(len(matrix), base)}
        return make_frame(told, backend_of(X)) if learnt.features is None else X.make_frame(told)

    def feature_table(self, X: Any) -> Any:
        """What the model is told of each row, before categories are spread out.

        Parameters
        ----------
        X : Snapshots or table of n rows

        Returns
        -------
        frame of n rows
            With the columns `feature_names_`.
        """
        columns = self._read(X)
        if self._learnt.features is not None:
            return X.make_frame(self._columns(self._learnt.features, X))
        return make_frame(columns or {}, backend_of(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _latest_fold(X: Snapshots, churned: Floats) -> tuple[Rows, Rows] | None:
    """Rows whose label was complete when the latest rows begin, and these: as few as_ofs as hold enough of both sorts.

    They span less than a horizon, so that something earlier is left to learn from.
    """
    if X.window.horizon is None:
        return None
    dates, place = np.unique(X.as_of_us, return_inverse=True)
    counts = np.bincount(place)[::-1].cumsum()
    rarer = np.minimum(leavers := np.bincount(place, churned)[::-1].cumsum(), counts - leavers)
    near = dates[::-1] > dates[-1] - X.window.horizon
    enough = np.flatnonzero(near & (counts >= _LATEST_ROWS) & (rarer >= _LATEST_RARER))
    begin = dates[::-1][enough[0] if len(enough) else near.sum() - 1]
    train = np.flatnonzero(X.as_of_us + X.window.gap + X.window.horizon <= begin)
    test = np.flatnonzero(X.as_of_us >= begin)
    came = churned[test].sum()
    if len(np.unique(churned[train])) < 2 or min(came, len(test) - came) < _FEWEST_HELD_OUT:
        return None
    return train, test


def _name(duration: int | None) -> str:
    return "None" if duration is None else duration_name(duration)
