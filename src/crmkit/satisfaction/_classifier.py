"""Who is satisfied, by what is known of customers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils import Tags

from crmkit._compat import StrOptions
from crmkit._tables import (
    is_frame,
    label_that_means,
    two_classes,
)
from crmkit._validation import all_or_nothing, parameter_error, warn
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.metrics import subgroup_table
from crmkit.satisfaction._customer_model import CustomerModel, survey_weights, weighted
from crmkit.satisfaction._linear import FirthLogistic

Floats = NDArray[np.float64]

_N_FOLDS = 5

#: The least mean weight: what stands for less than a tenth of a row is lost in Jeffreys' prior.
_LEAST_WEIGHT = 0.1


class SatisfactionClassifier(ClassifierMixin, CustomerModel):
    """The probability that a customer is satisfied, by what is known of them.

    It takes a table of numbers and categories, missing values allowed, or Snapshots of a log, whose features it
    reads itself, customer columns included. Ask those who answered, and say it of those who did not.

    Parameters
    ----------
    estimator : classifier, default=None
        Takes a matrix of numbers without missing values. None is a logistic regression (Firth's), whose odds
        ratios stay finite.
    features : "auto", transformer or list, default="auto"
        What is read of Snapshots: transformers that take them, such as a
        `crmkit.features.WindowAggregator` of complaints, and the word ``"attributes"`` for the customer columns of
        the log. ``"auto"``: `crmkit.features.RFMTransformer` and the attributes. Tables are taken as they are.
    pos_label : object, default=None
        The label that means satisfied. None: 1 or True. Text, and other numbers, need it said.
    calibration : {"auto", "sigmoid", "isotonic", None}, default="auto"
        Of an `estimator`: calibrated on five folds, of customers where they have several rows. ``"auto"``: a
        sigmoid, and nothing for the default, whose mean probability is the share of satisfied customers.
    random_state : int, RandomState or None, default=None
        For the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels, ascending.
    pos_label_ : object
        The label that means satisfied.
    calibration_ : {"sigmoid", "isotonic"} or None
        What was done.
    feature_names_ : list of str
        Columns, or features of Snapshots.
    estimator_ : classifier
        Fitted on terms.
    terms_ : Terms
        How columns became them.
    fitted_on_ : tuple
        ``(fingerprint, (first, last))`` of Snapshots: the hash of the log, and the first and last as_of.
    n_features_in_, feature_names_in_ : int, ndarray
        Of a table only.

    See Also
    --------
    SatisfactionRegressor : For the score itself.
    DriverAnalysis : What moves overall satisfaction, from the answers to other questions.

    Notes
    -----
    Numbers are scaled, a missing one counts as the mean and is flagged; of a category the commonest level is the
    reference; missing, rare (beyond 100 levels) and new ones are one level, ``(other)``, where `fit` saw such.
    Jeffreys' prior keeps odds ratios finite where all customers of a level are satisfied [1]_; the intercept is then
    moved to the share of the satisfied [2]_.

    Those who answer are not those who do not: the most and the least content answer most. A model corrects
    for what its columns know, and for nothing else. And what goes with satisfaction need not cause it.

    References
    ----------
    .. [1] G. Heinze and M. Schemper (2002). "A solution to the problem of separation in logistic regression".
       Statistics in Medicine 21(16), 2409-2419. :doi:`10.1002/sim.1047`
    .. [2] R. Puhr et al. (2017). "Firth's logistic regression with rare events". Statistics in Medicine 36(14),
       2302-2317. :doi:`10.1002/sim.7273`

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from crmkit.satisfaction import SatisfactionClassifier
    >>> customers = pd.DataFrame({"waited": [1, 2, 2, 3, 5, 6, 8, 9], "plan": ["basic", "gold"] * 4})
    >>> answers = np.array([5, 4, 3, 5, 4, 2, 3, 1])
    >>> model = SatisfactionClassifier().fit(customers, answers >= 4)
    >>> model.predict_proba(customers)[:, 1].round(2)
    array([0.75, 0.75, 0.67, 0.67, 0.4 , 0.4 , 0.18, 0.18])
    >>> model.odds_ratios()[["value", "low", "high"]].round(2)
               value   low   high
    term
    waited      0.69  0.37   1.27
    plan=gold   1.46  0.06  34.80
    """

    _learner = FirthLogistic
    _model = "logistic"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CustomerModel._parameter_constraints,
        "pos_label": "no_validation",  # type: ignore[dict-item]  # any object may be a label
        "calibration": [StrOptions({"auto", "sigmoid", "isotonic"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        features: Any = "auto",
        pos_label: Any = None,
        calibration: Literal["auto", "sigmoid", "isotonic"] | None = "auto",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.features = features
        self.pos_label = pos_label
        self.calibration = calibration
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn who is satisfied.

        Parameters
        ----------
        X : Snapshots, or table of shape (n, n_columns)
            Customers who answered; Snapshots as of their answers, see `EventLog.snapshots_at`.
        y : array-like of shape (n,)
            Labels of two classes, such as ``answers >= 4``.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as two rows. Survey weights may be on any scale but far below that: shares of 1
            are refused. Intervals are robust then.

        Returns
        -------
        SatisfactionClassifier
        """
        self._validate_params()
        with all_or_nothing(self):
            n = self._read_to_fit(X)
            satisfied = self._target(X, y, n, reset=True)
            weight = survey_weights(sample_weight, n)
            if weight is not None and weight.sum() < _LEAST_WEIGHT * (weight > 0).sum():
                raise ParameterError(
                    f"The sample_weight of {n:,} rows sums to {weight.sum():.3g}, and a weight of 1 counts as one row. "
                    "Pass sample_weight * len(sample_weight) / sample_weight.sum()."
                )
            self._learn(X, satisfied, weight)
        return self

    def _target(self, X: Any, y: ArrayLike, n: int, *, reset: bool = False) -> NDArray[np.int64]:
        labels, classes = two_classes(y, n, type(self).__name__, "Pass whether each row is satisfied: answers >= 4.")
        if reset:
            bare = not (isinstance(X, Snapshots) or is_frame(X))
            self.classes_ = classes
            self.pos_label_: Any = label_that_means("satisfied", classes, self.pos_label, bare=bare)
        return np.asarray(labels == self.pos_label_, dtype=np.int64)

    def _settled(self, model: Any, matrix: Floats, y: NDArray[Any], weight: Floats | None, groups: Any) -> Any:
        method = self.calibration
        if method == "auto":
            method = None if self.estimator is None else "sigmoid"
        rarest = int(np.bincount(y, minlength=2).min())
        if method is not None and rarest < 2:
            warn("One class has a single row: nothing is calibrated, and `calibration_` is None.")
            method = None
        self.calibration_ = method
        if method is None:
            if not hasattr(model, "predict_proba"):
                raise parameter_error(
                    "estimator", self.estimator, "a classifier with predict_proba, unless it is calibrated",
                    type(self).__name__,
                )  # fmt: skip
            return model if self.estimator is None else model.fit(matrix, y, **weighted(model, weight))
        folds: Any = StratifiedKFold(min(_N_FOLDS, rarest), shuffle=True, random_state=self.random_state)
        if groups is not None:
            folds = list(GroupKFold(min(_N_FOLDS, len(np.unique(groups)))).split(matrix, y, groups))
        calibrated = CalibratedClassifierCV(model, method=method, cv=folds, ensemble=False)
        return calibrated.fit(matrix, y, **weighted(model, weight))

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
        satisfied = self._satisfied(self._matrix(X))
        both = [1.0 - satisfied, satisfied]
        return np.column_stack(both if self.classes_[1] == self.pos_label_ else both[::-1])

    def _satisfied(self, matrix: Floats) -> Floats:
        return np.asarray(self.estimator_.predict_proba(matrix)[:, 1] if len(matrix) else np.empty(0))

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each row: satisfied from a probability of one half.

        Parameters
        ----------
        X : Snapshots or table of n rows

        Returns
        -------
        ndarray of shape (n,)
        """
        satisfied = self._satisfied(self._matrix(X)) > 0.5
        place = int(self.classes_[1] == self.pos_label_)
        return np.asarray(self.classes_[np.where(satisfied, place, 1 - place)])

    def odds_ratios(self, *, coverage: float = 0.95) -> pd.DataFrame:
        """By how much the odds of being satisfied are multiplied.

        Parameters
        ----------
        coverage : float, default=0.95
            Share of such intervals that hold the true figure.

        Returns
        -------
        pandas.DataFrame
            A row for each term: `feature`, `value` for one more unit of a number, or for a level beside its
            `reference`, the ends `low` and `high` of Wald's interval, and on how many customers they rest, `n`.
            NaN for a term that others say already. With weights, or several rows of a customer, errors are robust.

        Raises
        ------
        ParameterError
            If `estimator` was given.
        """
        return self._effects(coverage, exponent=True)

    def subgroup_table(self, X: Any, y: ArrayLike, by: Any, *, coverage: float = 0.95) -> pd.DataFrame:
        """Compare decisions and errors between groups of customers.

        Parameters
        ----------
        X : Snapshots or table of n rows
            Better not those that were fitted on.
        y : array-like of shape (n,)
            As in `fit`.
        by : str or array-like of shape (n,)
            The group of each row, or the column of the table, or of the customers of the log, that holds it.
        coverage : float, default=0.95

        Returns
        -------
        pandas.DataFrame
            That of `crmkit.metrics.subgroup_table`, where 1 is satisfied.
        """
        satisfied = self._satisfied(self._matrix(X))
        groups = self._groups(X, by)
        came = self._target(X, y, len(satisfied))
        return subgroup_table(came, satisfied > 0.5, groups, y_prob=satisfied, coverage=coverage)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
