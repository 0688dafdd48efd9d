"""Prediction intervals for any regressor on snapshots, calibrated on later dates than it was fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import HasMethods, safe_indexing
from crmkit._durations import to_microseconds
from crmkit._validation import check_float, check_vector, parameter_error
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.model_selection._split import TemporalSplit, check_rows

#: Rows of calibration in a group of similar predictions, and the most groups.
_ROWS, _MOST_GROUPS = 100, 20


@dataclass(frozen=True)
class ConformalIntervals:
    """Intervals around predictions, learnt from what came in rows that the predictions did not know.

    Attributes
    ----------
    cut_points : ndarray
        Predictions, ascending, at and below which a group of similar predictions ends.
    errors : list of ndarray
        For each group the scaled errors ``(outcome - prediction) / scale``, ascending.
    relative : bool
        Whether errors are in units of the prediction, as where no prediction is negative.
    smallest : float
        Smallest positive prediction of the calibration: the least unit of relative errors.
    lowest : float
        What no outcome can fall below: 0 where none was negative, else minus infinity.

    See Also
    --------
    ConformalRegressor : Makes them for a regressor on snapshots, in time order; its notes say what the
        intervals promise.

    Examples
    --------
    Three customers in four buy nothing, so nobody can be below the interval, and the upper end has the
    misses of both sides:

    >>> import numpy as np
    >>> from crmkit.model_selection import ConformalIntervals
    >>> spent = np.append(np.zeros(150), np.arange(1.0, 51.0))
    >>> intervals = ConformalIntervals.calibrate(spent[::2], np.full(100, spent.mean()))
    >>> intervals.around([spent.mean()], coverage=0.95)
    array([[ 0., 43.]])
    """

    cut_points: NDArray[np.float64]
    errors: list[NDArray[np.float64]]
    relative: bool
    smallest: float
    lowest: float

    @classmethod
    def calibrate(cls, y_true: ArrayLike, y_pred: ArrayLike, *, lowest: float | None = None) -> Self:
        """Learn from predictions and what came, of rows that the model was not fitted on.

        Parameters
        ----------
        y_true : array-like of shape (n,)
            What came; at least one row.
        y_pred : array-like of shape (n,)
            What was predicted.
        lowest : float, default=None
            What no outcome can fall below. None: 0 if no value of `y_true` is negative, else nothing.

        Returns
        -------
        ConformalIntervals
        """
        owner = "ConformalIntervals.calibrate"
        true = check_vector("y_true", y_true, np.float64, owner)
        pred = check_vector("y_pred", y_pred, np.float64, owner, n=len(true))
        if not len(true):
            raise ParameterError("ConformalIntervals needs at least one row of calibration. Got none.")
        if lowest is None:
            lowest = 0.0 if true.min() >= 0 else -np.inf
        positive = pred[pred > 0]
        relative = bool(pred.min() >= 0) and len(positive) > 0
        smallest = float(positive.min()) if relative else 1.0
        n_groups = int(np.clip(len(pred) // _ROWS, 1, _MOST_GROUPS))
        ranks = np.arange(1, n_groups) * len(pred) // n_groups
        cuts = _well_filled(np.sort(pred), ranks)
        errors = (true - pred) / (np.maximum(pred, smallest) if relative else 1.0)
        group = np.searchsorted(cuts, pred, side="left")
        return cls(cuts, [np.sort(errors[group == k]) for k in range(len(cuts) + 1)], relative, smallest, lowest)

    def around(self, y_pred: ArrayLike, coverage: float = 0.9) -> NDArray[np.float64]:
        """Give the intervals of new predictions.

        Parameters
        ----------
        y_pred : array-like of shape (n,)
        coverage : float, default=0.9
            Share of outcomes that the intervals hold.

        Returns
        -------
        ndarray of shape (n, 2)
            Lower and upper ends.

        Raises
        ------
        ParameterError
            If there are too few rows of calibration for such a coverage.
        """
        owner = "predict_interval"
        coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        pred = check_vector("y_pred", y_pred, np.float64, owner)
        ends = np.array([_ends(errors, coverage) for errors in self.errors])
        ends = ends[np.searchsorted(self.cut_points, pred, side="left")]
        scale = np.maximum(pred, self.smallest) if self.relative else np.ones(len(pred))
        return np.maximum(pred[:, None] + scale[:, None] * ends, self.lowest)


def _well_filled(ascending: NDArray[np.float64], ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the predictions at some ranks, without those that would leave a group of too few rows.

    Equal predictions share a group, so a heap of them may reach up to shortly before the next rank.
    """
    kept, begin = [], 0
    for cut in np.unique(ascending[ranks - 1]):
        end = int(np.searchsorted(ascending, cut, side="right"))
        if min(end - begin, len(ascending) - end) >= _ROWS:
            kept.append(cut)
            begin = end
    return np.array(kept, dtype=np.float64)


def _ends(errors: NDArray[np.float64], coverage: float) -> tuple[float, float]:
    """Return the scaled errors that are the ends of an interval.

    Of n + 1 exchangeable errors, the one to come lies between the i-th and the j-th of the others with
    probability (j - i) / (n + 1) or more. Half of the misses may fall below; as many as a heap of
    equal errors at the lower end leaves unused (those who buy nothing) go to the upper end.
    """
    n = len(errors)
    # The rounding keeps (1 - 0.9) * 20 at 2.
    misses = int(np.floor(round((1 - coverage) * (n + 1), 6)))
    if misses < 2:
        # Rounded as above.
        fewest = int(np.ceil(round(2 / (1 - coverage), 6))) - 1
        raise ParameterError(
            f"The 'coverage' parameter of predict_interval is {coverage:g}, for which at least {fewest:,} rows of "
            f"calibration are needed in each group of similar predictions. There are {n:,}. Pass a lower coverage, or "
            "fit on more customers."
        )
    low = errors[misses // 2 - 1]
    below = int(np.searchsorted(errors, low, side="left")) + 1
    return float(low), float(errors[n - misses + below])


class ConformalRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Puts intervals around the predictions of any regressor on snapshots.

    A clone is fitted on the earlier training rows and asked about later ones, whose labels it could not
    know; how far it was off there is how wide the intervals are. The predictions themselves come from a
    clone that is fitted on all rows. No distribution is assumed, and where most customers buy nothing,
    the interval of a customer of that sort begins at 0, and ends there too if need be.

    Parameters
    ----------
    estimator : regressor, default=None
        Takes Snapshots, such as ``make_pipeline(RFMTransformer(), LinearRegression())``. It is cloned.
        None predicts the mean: a baseline.
    calibration_span : duration, default=None
        The calibration rows are those with an as_of in this stretch up to the latest as_of. None: those
        of the latest as_of alone.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all rows.
    intervals_ : object
        What was learnt from the calibration rows: cut points of predictions, and sorted errors.
    calibrated_on_ : tuple
        First and last as_of of the calibration rows.
    n_calibration_rows_ : int
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of.

    See Also
    --------
    TemporalSplit : How rows are left out whose labels reach past the calibration.
    backtest : How good the predictions are.

    Notes
    -----
    This is split-conformal prediction [1]_ in time order. The rows of calibration are those of the
    latest as_of, or of a longer stretch; the clone is fitted on the rows whose label window ends at or
    before its first as_of, ``as_of + gap + horizon <= split``, so that no label of the fit overlaps
    one of the calibration.

    Rows of calibration are cut into groups of similar predictions, of 100 rows or more each. Within a
    group, errors are measured in units of the prediction where no prediction is negative, else in those
    of y. The ends are order statistics of the n errors of a group: the i-th and the j-th with
    ``j - i >= coverage * (n + 1)``. Up to half of the misses are left below; what a heap of equal
    outcomes at the lower end does not use, such as the zeros of those who do not buy, is left above.

    *What is promised.* If the errors of calibration and of later rows are exchangeable within a group,
    an interval holds the outcome with a probability of at least about `coverage`, averaged over the
    customers of the group, whatever the estimator and the distribution. It is not promised for each
    customer, nor when times change: a market that grows, or a season that the calibration rows did not
    see, moves the errors, and the share of outcomes that later lie inside is then not `coverage`.
    Rows of one date are a sample of customers; the luck of that date, common to all, is not in the
    intervals. Intervals are for one customer each: their ends do not add up to an interval of the total.

    The interval of a skewed outcome need not hold the prediction, which is a mean: of those who are
    expected to spend 2 on average, 95 in 100 spend nothing.

    References
    ----------
    .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman (2018). "Distribution-free
       predictive inference for regression". Journal of the American Statistical Association 113(523),
       1094-1111. :doi:`10.1080/01621459.2017.1307116`

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from crmkit import EventLog, RFMTransformer
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.model_selection import ConformalRegressor, temporal_train_test_split
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-07-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> X_train, X_test, y_train, y_test = temporal_train_test_split(X, X.future_value())
    >>> model = ConformalRegressor(make_pipeline(RFMTransformer(), LinearRegression())).fit(X_train, y_train)
    >>> low, high = model.predict_interval(X_test, coverage=0.9).T
    >>> print(f"{np.mean((low <= y_test) & (y_test <= high)):.2f}")
    0.93
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "estimator": [HasMethods(["fit", "predict"]), None],
        "calibration_span": [None, object],  # durations are checked by what reads them
    }

    def __init__(self, estimator: Any = None, *, calibration_span: Any = None) -> None:
        self.estimator = estimator
        self.calibration_span = calibration_span

    def fit(self, X: Snapshots, y: ArrayLike) -> Self:
        """Fit a clone on the earlier rows, learn from the later ones, and fit a clone on all.

        Parameters
        ----------
        X : Snapshots of n rows
            Of at least two dates, with a label window.
        y : array-like of shape (n,)
            Such as ``X.future_value()``.

        Returns
        -------
        ConformalRegressor

        Raises
        ------
        ParameterError
            If X are not Snapshots, or no labels are complete by the latest as_of.
        """
        self._validate_params()
        owner = type(self).__name__
        check_rows(X, "X", owner)
        if self.estimator is not None and isinstance(self.estimator, type):
            raise parameter_error("estimator", self.estimator, "an estimator, not its class", owner)
        if self.calibration_span is not None:
            to_microseconds(self.calibration_span, "calibration_span")
        target = check_vector("y", y, np.float64, owner, n=len(X))
        (fold,) = TemporalSplit(1, test_span=self.calibration_span).folds(X)
        base = DummyRegressor() if self.estimator is None else self.estimator
        early = clone(base).fit(safe_indexing(X, fold.train), target[fold.train])
        said = early.predict(safe_indexing(X, fold.test))
        lowest = 0.0 if target.min() >= 0 else -np.inf
        self.intervals_ = ConformalIntervals.calibrate(target[fold.test], said, lowest=lowest)
        self.calibrated_on_ = (fold.split_time, fold.last_time)
        self.n_calibration_rows_ = len(fold.test)
        self.estimator_ = clone(base).fit(X, target)
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        return self

    def predict(self, X: Snapshots) -> NDArray[np.float64]:
        """Predict as the estimator that was fitted on all rows.

        Parameters
        ----------
        X : Snapshots of n rows

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        check_is_fitted(self)
        check_rows(X, "X", type(self).__name__)
        return np.asarray(self.estimator_.predict(X), dtype=np.float64)

    def predict_interval(self, X: Snapshots, coverage: float = 0.9) -> NDArray[np.float64]:
        """Give an interval for the outcome of each row.

        Parameters
        ----------
        X : Snapshots of n rows
        coverage : float, default=0.9
            Share of outcomes that the intervals hold, above 0 and below 1.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            Lower and upper end. Not below 0 where no training label was negative.

        Raises
        ------
        ParameterError
            If there were too few calibration rows for such a coverage.
        """
        said = self.predict(X)
        return self.intervals_.around(said, coverage)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
