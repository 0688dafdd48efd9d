"""How satisfied customers are, by what is known of them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from crmkit._groups import group_codes
from crmkit._intervals import student_interval, weighted_means
from crmkit._validation import all_or_nothing, check_float, check_vector
from crmkit.exceptions import ParameterError
from crmkit.satisfaction._answers import check_scale
from crmkit.satisfaction._customer_model import CustomerModel, survey_weights, weighted
from crmkit.satisfaction._linear import LeastSquares

Floats = NDArray[np.float64]


class SatisfactionRegressor(RegressorMixin, CustomerModel):
    """The score that a customer would give, by what is known of them.

    Parameters
    ----------
    estimator : regressor, default=None
        Takes a matrix of numbers without missing values. None is a linear regression.
    features : "auto", transformer or list, default="auto"
        As of `SatisfactionClassifier`.
    scale : (low, high), default=None
        If given, an answer off it is refused, and no prediction leaves it.

    Attributes
    ----------
    feature_names_ : list of str
        Columns, or features of Snapshots.
    estimator_ : regressor
        Fitted on terms.
    terms_ : Terms
        How columns became them.
    fitted_on_, n_features_in_, feature_names_in_
        As of `SatisfactionClassifier`.

    See Also
    --------
    SatisfactionClassifier : Satisfied or not; what is said there of terms, missing values and limits holds here.
    crmkit.model_selection.ConformalRegressor : Intervals around the predictions of any regressor.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.satisfaction import SatisfactionRegressor
    >>> customers = pd.DataFrame({"waited": [1, 2, 2, 3, 5, 6, 8, 9], "plan": ["basic", "gold"] * 4})
    >>> answers = [5, 4, 3, 5, 4, 2, 3, 1]
    >>> model = SatisfactionRegressor(scale=(1, 5)).fit(customers, answers)
    >>> model.predict(customers).round(2)
    array([4.8 , 4.05, 4.45, 3.7 , 3.4 , 2.65, 2.35, 1.6 ])
    >>> model.coefficients()[["value", "low", "high"]].round(2)
               value   low  high
    term
    waited     -0.35 -0.75  0.05
    plan=gold  -0.40 -2.74  1.94
    """

    _learner = LeastSquares
    _model = "linear"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CustomerModel._parameter_constraints,
        "scale": "no_validation",  # type: ignore[dict-item]  # check_scale says what is wrong with it
    }

    def __init__(
        self, estimator: Any = None, *, features: Any = "auto", scale: tuple[float, float] | None = None
    ) -> None:
        self.estimator = estimator
        self.features = features
        self.scale = scale

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the score.

        Parameters
        ----------
        X : Snapshots, or table of shape (n, n_columns)
            Customers who answered; Snapshots as of their answers, see `EventLog.snapshots_at`.
        y : array-like of shape (n,)
            Their answers.
        sample_weight : array-like of shape (n,), default=None
            Survey weights.

        Returns
        -------
        SatisfactionRegressor
        """
        self._validate_params()
        with all_or_nothing(self):
            n = self._read_to_fit(X)
            self._learn(X, self._target(X, y, n), survey_weights(sample_weight, n))
        return self

    def _settled(self, model: Any, matrix: Floats, y: NDArray[Any], weight: Floats | None, groups: Any) -> Any:  # noqa: ARG002  folds are for the classifier
        return model if self.estimator is None else model.fit(matrix, y, **weighted(model, weight))

    def _target(self, X: Any, y: ArrayLike, n: int) -> Floats:  # noqa: ARG002  the classifier looks at X
        owner = type(self).__name__
        if y is None:
            raise ParameterError(
                f"{owner} requires y to be passed, but the target y is None. Pass the answer of each row."
            )
        answers: Floats = check_vector("y", column_or_1d(y, warn=True), np.float64, owner, n=n)
        if self.scale is not None:
            low, high = check_scale(self.scale, owner)
            off = int(((answers < low) | (answers > high)).sum())
            if off:
                raise ParameterError(
                    f"{owner} got {off:,} answers in y off the scale of {low:g} to {high:g}: they go from "
                    f"{answers.min():g} to {answers.max():g}. Correct the scale, or leave those rows out."
                )
        return answers

    def predict(self, X: Any) -> Floats:
        """The score of each row.

        Parameters
        ----------
        X : Snapshots or table of n rows
            Of the sort that was fitted on.

        Returns
        -------
        ndarray of shape (n,)
        """
        matrix = self._matrix(X)
        said = np.asarray(self.estimator_.predict(matrix) if len(matrix) else np.empty(0))
        return said if self.scale is None else np.clip(said, *check_scale(self.scale, type(self).__name__))

    def coefficients(self, *, coverage: float = 0.95) -> pd.DataFrame:
        """By how much the score goes up.

        Parameters
        ----------
        coverage : float, default=0.95
            Share of such intervals that hold the true figure.

        Returns
        -------
        pandas.DataFrame
            A row for each term: `feature`, `value` for one more unit of a number, or for a level beside its
            `reference`, the ends `low` and `high` of its t interval (errors are robust, HC3, or by
            customer where they have several rows), and on how many customers they rest, `n`. NaN for a term that
            others say already.

        Raises
        ------
        ParameterError
            If `estimator` was given.
        """
        return self._effects(coverage, exponent=False)

    def subgroup_table(self, X: Any, y: ArrayLike, by: Any, *, coverage: float = 0.95) -> pd.DataFrame:
        """Compare errors between groups of customers.

        Parameters
        ----------
        X : Snapshots or table of n rows
            Better not those that were fitted on.
        y : array-like of shape (n,)
        by : str or array-like of shape (n,)
            As of `SatisfactionClassifier.subgroup_table`.
        coverage : float, default=0.95

        Returns
        -------
        pandas.DataFrame
            For each group `n`, `mean_answer`, `mean_prediction`, their difference `gap` (above zero: more was said
            than came) with the ends `gap_low` and `gap_high` of its t interval, and `mean_absolute_error`.
        """
        coverage = check_float("coverage", coverage, type(self).__name__, low=0, high=1, closed="neither")
        said = self.predict(X)
        error = said - self._target(X, y, len(said))
        groups = self._groups(X, by)
        code, labels = group_codes(groups, len(said), type(self).__name__, "by")
        weight = np.ones(len(said))
        gap, standard_error, n = weighted_means(error, weight, code, len(labels))
        low, high = student_interval(gap, standard_error, n, coverage)
        count = np.bincount(code, minlength=len(labels))
        mean = np.bincount(code, said, minlength=len(labels)) / count
        distance = np.bincount(code, np.abs(error), minlength=len(labels)) / count
        table = {"n": count, "mean_answer": mean - gap, "mean_prediction": mean}
        table |= {"gap": gap, "gap_low": low, "gap_high": high, "mean_absolute_error": distance}
        return pd.DataFrame(table, index=pd.Index(labels, name="group"))
