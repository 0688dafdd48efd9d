"""What the models of satisfaction share: reading customers, terms, effects and drivers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from crmkit._compat import HasMethods, StrOptions, check_sample_weight
from crmkit._frames import Category
from crmkit._intervals import normal_quantile, student_quantile
from crmkit._tables import (
    Columns,
    SnapshotFeatures,
    refuse_names,
    renamed,
    table_columns,
    take,
)
from crmkit._validation import check_float, listed, parameter_error, warn
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.features import InterPurchaseFeatures, RFMTransformer
from crmkit.satisfaction._drivers import DriverAnalysis
from crmkit.satisfaction._linear import FirthLogistic, LeastSquares
from crmkit.satisfaction._terms import Terms

Floats = NDArray[np.float64]


class CustomerModel(BaseEstimator):
    """What both models share: reading customers, their terms, effects, drivers."""

    _learner: ClassVar[type[FirthLogistic | LeastSquares]]
    _model: ClassVar[Literal["logistic", "linear"]]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "features": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), list, tuple],
    }

    # -- reading ---------------------------------------------------------------------------------

    def _read_to_fit(self, X: Any) -> int:
        """Note what X is, and give the number of its rows."""
        for name in ("n_features_in_", "feature_names_in_", "fitted_on_", "_features", "_names", "_default"):
            self.__dict__.pop(name, None)
        owner = type(self).__name__
        if isinstance(self.estimator, type):
            raise parameter_error("estimator", self.estimator, "an estimator, not its class", owner)
        if not isinstance(X, Snapshots):
            self._table = table_columns(X, owner, self)
            self._names = list(self._table)
            return len(next(iter(self._table.values())))
        if not len(X):
            raise ParameterError(f"{owner} learns from rows, and X has none. Take other dates or customers.")
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        return len(X)

    def _learn(self, X: Any, y: NDArray[Any], weight: Floats | None) -> None:
        """Learn terms and the model; y is 0 and 1, or a score."""
        groups: NDArray[Any] | None
        if isinstance(X, Snapshots):
            wanted = self.features if isinstance(self.features, list | tuple) else [self.features]
            own: list[Any] = []
            for one in wanted:
                own += _auto(X) if isinstance(one, str) and one == "auto" else [one]
            self._features = SnapshotFeatures(own, type(self).__name__).fit(X, y)
            columns, groups = self._features.columns(X), X.codes
            refuse_names(take(columns, latest_rows(X)))
            if len(np.unique(groups)) == len(groups):
                groups = None
        else:
            columns, groups = self.__dict__.pop("_table"), None
            refuse_names(columns)
        if weight is not None:
            used = np.flatnonzero(weight > 0)
            columns, y, weight = take(columns, used), y[used], weight[used]
            groups = None if groups is None else groups[used]
        if self._model == "logistic" and len(np.unique(y)) < 2:
            raise ParameterError("The rows with a positive sample_weight hold one class only; two are needed.")
        n = len(y)
        self.terms_ = Terms.learn(columns, n, np.ones(n) if weight is None else weight)
        self.feature_names_ = self.terms_.encoder.names
        matrix = self.terms_.matrix(columns, n)
        self._covariance = None
        if self.estimator is None:
            model = self._learner().fit(matrix, y, sample_weight=weight)
            self._default = model
            self._warn_of_collinear(~model.used_ & (np.ptp(matrix, axis=0) > 0))
            self._covariance = model.covariance(matrix, y, weight, groups)
            self._n = n if groups is None else len(np.unique(groups))
            # Student's t for means of answers; of odds ratios the normal one is enough with Jeffreys' prior.
            self._freedom = self._n - 1 - int(model.used_.sum()) if self._model == "linear" else np.inf
        else:
            model = clone(self.estimator)
        self.estimator_ = self._settled(model, matrix, y, weight, groups)

    def _warn_of_collinear(self, unused: NDArray[np.bool_]) -> None:
        lost = [name for name, one in zip(self.terms_.names, unused, strict=True) if one]
        # Features read of a log say much twice: that a count is 0, and that there is no date.
        if lost and not hasattr(self, "fitted_on_"):
            warn(
                f"The terms {listed(lost)} are combinations of others, and say nothing of "
                "their own: they have no effect here. Leave columns out that say the same."
            )

    def _matrix(self, X: Any) -> Floats:
        columns = self._read(X)
        return self.terms_.matrix(columns, len(next(iter(columns.values()))))

    def _read(self, X: Any) -> Columns:
        check_is_fitted(self)
        owner, of_log = type(self).__name__, hasattr(self, "fitted_on_")
        if of_log != isinstance(X, Snapshots):
            fitted, step = (
                ("Snapshots", "Take log.snapshot() for the customers of today.")
                if of_log
                else ("a table", "Pass the same columns as to fit.")
            )
            raise ParameterError(f"{owner} was fitted on {fitted}, and X is a {type(X).__name__}. {step}")
        if of_log:
            return self._features.columns(X)
        return renamed(table_columns(X, owner, self, reset=False), self._names, X)

    # -- saying ----------------------------------------------------------------------------------

    def _effects(self, coverage: float, *, exponent: bool) -> pd.DataFrame:
        check_is_fitted(self)
        coverage = check_float("coverage", coverage, type(self).__name__, low=0, high=1, closed="neither")
        if self._covariance is None:
            raise ParameterError(
                f"{type(self).__name__}(estimator=…) has no coefficients with intervals. Leave estimator out: the "
                "default model has."
            )
        model, terms = self._default, self.terms_
        value, error = np.full(len(terms.names), np.nan), np.full(len(terms.names), np.nan)
        value[model.used_] = model.coef_[model.used_]
        error[model.used_] = np.sqrt(np.diag(self._covariance))
        z = normal_quantile(coverage) if np.isinf(self._freedom) else student_quantile(coverage, max(self._freedom, 1))
        said = {"value": value, "low": value - z * error, "high": value + z * error}
        with np.errstate(over="ignore"):
            said = {name: (np.exp if exponent else np.asarray)(each / terms.unit) for name, each in said.items()}
        features = [self.feature_names_[j] for j in terms.source]
        references = [terms.references.get(name) for name in features]
        table = {"feature": features, **said, "reference": references, "n": self._n}
        return pd.DataFrame(table, index=pd.Index(terms.names, name="term"))

    def drivers(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **options: Any) -> DriverAnalysis:
        """Share out what the features explain of y among them.

        Parameters
        ----------
        X : Snapshots or table of n rows
            Of the sort that was fitted on.
        y : array-like of shape (n,)
            As in `fit`.
        sample_weight : array-like of shape (n,), default=None
        **options
            Of `DriverAnalysis`, such as ``method="johnson"``; groups are the features.

        Returns
        -------
        DriverAnalysis
            Fitted; a category, and a number with the flag of its gaps, are one driver each. Its `coefficients_` are
            per unit of a number; the `performance_` of a number is its mean, of a category NaN.
        """
        if taken := options.keys() & {"model", "groups", "controls"}:
            raise ParameterError(f"{type(self).__name__}.drivers sets {min(taken)!r} itself. Leave it out.")
        columns = self._read(X)
        matrix = self.terms_.matrix(columns, n := len(next(iter(columns.values()))))
        # What does not vary in these rows explains nothing.
        varies = np.ptp(matrix, axis=0) > 0
        used = varies if self._covariance is None else varies & self._default.used_
        names, source = np.array(self.terms_.names, dtype=object), self.terms_.source
        groups = {
            self.feature_names_[j]: members
            for j in np.unique(source[used])
            if (members := names[used & (source == j)].tolist())
        }
        if not groups:
            raise ParameterError(f"Nothing that {type(self).__name__} is told of these rows varies. Take more.")
        # As the columns had them: a number's own unit, and its mean where it was missing.
        table = pd.DataFrame((matrix * self.terms_.unit + self.terms_.middle)[:, used], columns=names[used])
        analysis = DriverAnalysis(model=self._model, groups=groups, **options)
        analysis.fit(table, self._target(X, y, n), sample_weight=sample_weight)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        means = {name: np.average(table[name], weights=weight) for name in groups if name in table}
        analysis.performance_ = np.array([means.get(name, np.nan) for name in analysis.driver_names_])
        return analysis

    def _groups(self, X: Any, by: Any) -> Any:
        """The group of each row: `by` itself, or the column that it names."""
        if not isinstance(by, str):
            return by
        columns = X._attributes() if isinstance(X, Snapshots) else table_columns(X, "subgroup_table")
        if by not in columns:
            raise ColumnNotFoundError.from_name("by", by, columns)
        column = columns[by]
        return column.to_array() if isinstance(column, Category) else column

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _auto(X: Snapshots) -> list[Any]:
    """What is read of a log by default: few terms, of which each can be read as it stands."""
    own: list[Any] = [RFMTransformer() if X.log.has_money else InterPurchaseFeatures()]
    return own + ["attributes"] * bool(X.log._attributes)


def weighted(model: Any, weight: Floats | None) -> dict[str, Floats]:
    if weight is None:
        return {}
    if not has_fit_parameter(model, "sample_weight"):
        raise ParameterError(
            f"sample_weight is given, and {type(model).__name__} takes none in its fit. Leave it out, or pass another "
            "estimator; of a pipeline, its last step."
        )
    return {"sample_weight": weight}


def survey_weights(sample_weight: Any, n: int) -> Floats | None:
    if sample_weight is None:
        return None
    weight: Floats = check_sample_weight(sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True)
    if not weight.max() > 0:
        raise ParameterError("sample_weight is 0 in all rows. At least one row must count.")
    return None if (weight == 1).all() else weight
