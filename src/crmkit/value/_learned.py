"""Customer value learnt from earlier snapshots of the same log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import HasMethods, StrOptions
from crmkit._durations import TIME_UNITS, duration_name, to_microseconds
from crmkit._validation import check_vector, parameter_error
from crmkit.events import EventLog, Snapshots, purchases
from crmkit.exceptions import ParameterError
from crmkit.model_selection import ConformalIntervals, TemporalSplit
from crmkit.value._learned_features import HistoryFeatures, money_before
from crmkit.value._levels import Levels, Slices
from crmkit.value._two_part import TwoPartBoosting

Floats = NDArray[np.float64]

_TOLERANCE = 16 * TIME_UNITS["D"]


@dataclass(frozen=True)
class _Learner:
    """All that is learnt from some rows: where their history begins, two models, and levels of dates."""

    history: HistoryFeatures
    horizon: np.timedelta64
    purchase_model: Any
    model: Any
    levels: Levels | None

    def predict(self, X: Snapshots) -> Floats:
        if not len(X):
            return np.empty(0)  # which not every regressor can say
        said = np.asarray(self.model.predict(_table(self, X)), dtype=np.float64)
        return said if self.levels is None else said * self.levels.at(X.as_of_us)


def _table(learner: Any, X: Snapshots) -> Floats:
    columns = learner.history.of(X)
    if learner.purchase_model is None:
        return columns
    # Purchase models know nothing of a row without a purchase, and would warn of it.
    known = np.flatnonzero(purchases(X, "D").periods > 0)
    told = np.zeros((len(X), 2))
    told[known, 0] = learner.purchase_model.expected_purchases(X[known], horizon=learner.horizon)
    told[known, 1] = learner.purchase_model.alive_probability(X[known])
    return np.column_stack([columns, np.nan_to_num(told)])


class CLVRegressor(RegressorMixin, BaseEstimator):
    """Learns from what customers of earlier dates came to spend, and says it of those of today.

    It takes Snapshots of several dates with ``y = X.future_value()``, reads features from their log as
    of each date, and fits any regressor of scikit-learn to them. By default whether somebody buys and
    how much then are learnt apart, by gradient boosting. Seasons and growth, which a customer's own
    history does not show, are levels of dates.

    Parameters
    ----------
    estimator : regressor, default=None
        Takes a table of numbers, without any missing. It is cloned. None is gradient boosting in two
        parts: `HistGradientBoostingClassifier` for the probability to buy, times
        `HistGradientBoostingRegressor` for the logarithm of the amount of those who do.
    purchase_model : estimator, default=None
        A purchase model such as ``ModifiedBetaGeoNBD()``, fitted on the training rows; its expected
        purchases within the horizon and its probability to be alive become features.
    windows : tuple of durations, default=("30D", "90D", "180D", "365D")
        Stretches before as_of whose money and purchase days are features.
    level : {"season", "latest", None}, default="season"
        What totals are adjusted to; see Notes. ``"season"``: the same season of an earlier year where
        the training rows have it, else the latest date. ``"latest"``: always the latest date. None: not
        at all.
    random_state : int, RandomState or None, default=None
        For the default estimator, which draws numbers only to bin more than 200,000 rows.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all rows.
    purchase_model_ : estimator or None
        Fitted on each customer's latest row.
    feature_names_ : list of str
        Columns of `features`.
    levels_ : dict of numpy.datetime64 to float
        For each stretch of training dates, of about a month, the factor of its predictions. Empty with
        ``level=None``.
    calibrated_on_ : tuple or None
        First and last as_of of the rows that intervals are calibrated on; None where there were no
        earlier labels to fit on.
    learned_until_ : numpy.datetime64
        When the last label that was learnt from was complete. An honest test has no as_of before it.
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of.

    See Also
    --------
    CLVEstimator : Value from a purchase model and a spend model; needs no earlier dates and no labels.
    value_report : Which of them is right, side by side.
    crmkit.model_selection.TemporalSplit : Folds for searches, in which no label reaches past the test date.

    Notes
    -----
    *Features* are rates of money and of purchase days in each window and since the first purchase; days
    since the last purchase; mean and spread of the gaps between purchases, and how many mean gaps the
    customer is silent; mean, last and largest money of a purchase day. Windows are rates per day that the
    log could see. Neither a customer's age nor counts of all time are among them: in a young log they
    tell the date, and the season of that date would be taken for a trait of long-standing customers.

    *Levels.* Let :math:`f` be the regressor. The rows are cut into slices :math:`k` of about a month of
    as_of. First :math:`f` is fitted to :math:`y` and gives ratios :math:`s_k` of the totals of slice
    :math:`k`, what came over what was said; then to :math:`y / s_k`, so that what a whole date had too
    much is no longer laid at the door of the customers who happened to be there; the ratios of that
    second fit are multiplied to the levels. Ratios are pulled towards that of all rows as far as their
    standard errors say (empirical Bayes). A row is multiplied by the level of its own date where it was
    trained on, else by that of the same day (16 days more or less) of the latest earlier year at which the
    log had run for a horizon, else by the latest. So at least about a year and a horizon of log are
    needed before a season is known.

    *When not to use it.* With one date, or dates closer than the horizon, little can be learnt; a purchase
    model needs no labels. On logs of one cohort (all customers acquired at once) earlier dates have no
    customers as old as those of today: purchase models extrapolate there, trees cannot.

    `predict_interval` is that of `crmkit.model_selection.ConformalRegressor`, which says what is promised,
    with one change: predictions of the calibration date are first scaled to its total, since the level of a
    date is common to all customers. So the intervals are about customers given the total, and they take the
    level of the season for known.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.model_selection import temporal_train_test_split
    >>> from crmkit.value import CLVRegressor
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-05-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> X_train, X_test, y_train, y_test = temporal_train_test_split(X, X.future_value())
    >>> model = CLVRegressor(random_state=0).fit(X_train, y_train)
    >>> print(f"{model.predict(X_test).sum() / y_test.sum():.1f} of what came")
    1.2 of what came
    >>> model.predict_interval(X_test).shape
    (2357, 2)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "estimator": [HasMethods(["fit", "predict"]), None],
        "purchase_model": [HasMethods(["fit", "expected_purchases", "alive_probability"]), None],
        "windows": [tuple, list],
        "level": [StrOptions({"season", "latest"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        purchase_model: Any = None,
        windows: Any = ("30D", "90D", "180D", "365D"),
        level: Literal["season", "latest"] | None = "season",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.purchase_model = purchase_model
        self.windows = windows
        self.level = level
        self.random_state = random_state

    def fit(self, X: Snapshots, y: ArrayLike) -> Self:
        """Learn from earlier dates.

        Parameters
        ----------
        X : Snapshots of n rows
            With a label window; of several dates, such as the first of each month.
        y : array-like of shape (n,)
            ``X.future_value()``.

        Returns
        -------
        CLVRegressor

        Raises
        ------
        ParameterError
            If X are not Snapshots with a label window and money, or y does not fit them.
        """
        self._validate_params()
        owner = type(self).__name__
        for name in ("estimator", "purchase_model"):
            if isinstance(getattr(self, name), type):
                raise parameter_error(name, getattr(self, name), "an estimator, not its class", owner)
        windows = tuple(to_microseconds(window, "windows") for window in self.windows)
        horizon = check_value_rows(X, owner)
        target = check_vector("y", y, np.float64, owner, n=len(X))
        if not len(X):
            raise ParameterError(f"{owner} learns from rows, and X has none. Take other dates or customers.")
        learner = self._learn(X, target, windows)
        self._learner = learner
        self.estimator_, self.purchase_model_ = learner.model, learner.purchase_model
        self.feature_names_ = learner.history.names
        if learner.purchase_model is not None:
            self.feature_names_ = [*self.feature_names_, "expected_purchases", "alive_probability"]
        levels = learner.levels
        dates = () if levels is None else zip(levels.dates.view("M8[us]"), levels.factors.tolist(), strict=True)
        self.levels_ = dict(dates)
        self._calibrate(X, target, windows)
        self.learned_until_ = X.as_of.max() + X.gap + np.timedelta64(horizon, "us")
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        return self

    def predict(self, X: Snapshots) -> Floats:
        """Expected money of each row within the horizon of the training rows.

        Parameters
        ----------
        X : Snapshots of n rows
            Without a label window, or with that of the training rows.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        self._check(X)
        return self._learner.predict(X)

    def predict_interval(self, X: Snapshots, coverage: float = 0.9) -> Floats:
        """Give an interval for the money of each row.

        Parameters
        ----------
        X : Snapshots of n rows
        coverage : float, default=0.9
            Share of outcomes that the intervals hold, above 0 and below 1.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            Not below 0 where no training label was negative.

        Raises
        ------
        ParameterError
            If the training dates leave nothing to calibrate on, or too few rows for such a coverage.
        """
        said = self.predict(X)
        if self._intervals is None:
            raise ParameterError(
                "CLVRegressor has no intervals: no label of the training rows was complete by their latest as_of, on "
                f"which they are calibrated. Fit on dates that reach back by more than the horizon of "
                f"{duration_name(self._window[0])}."
            )
        return self._intervals.around(said, coverage)

    def features(self, X: Snapshots) -> Any:
        """What the estimator is told of each row.

        Parameters
        ----------
        X : Snapshots of n rows

        Returns
        -------
        frame of n rows
            With the columns `feature_names_`: money and purchases per day, days, money.
        """
        self._check(X)
        return X.make_frame(dict(zip(self.feature_names_, _table(self._learner, X).T, strict=True)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _learn(self, X: Snapshots, y: Floats, windows: tuple[int, ...]) -> _Learner:
        base = TwoPartBoosting(self.random_state) if self.estimator is None else self.estimator
        purchase_model = None if self.purchase_model is None else clone(self.purchase_model).fit(X)
        empty = _Learner(HistoryFeatures.learn(X, windows), X.horizon, purchase_model, None, None)  # type: ignore[arg-type]  # checked
        table = _table(empty, X)
        model, levels = clone(base).fit(table, y), None
        if self.level is not None:
            slices = Slices.cut(X.as_of_us)
            factors = slices.ratios(y, np.asarray(model.predict(table), dtype=np.float64))
            if len(factors) > 1:
                model = clone(base).fit(table, y / factors[slices.of_row])
                said = np.asarray(model.predict(table), dtype=np.float64) * factors[slices.of_row]
                factors = factors * slices.ratios(y, said)
            # A log that had run for less than a horizon shows whoever bought lately, and nobody else.
            full = slices.dates - empty.history.begins >= (X.window.horizon or 0) - _TOLERANCE
            levels = Levels(slices.dates, factors, full & (self.level == "season"))
        return _Learner(empty.history, empty.horizon, purchase_model, model, levels)

    def _calibrate(self, X: Snapshots, y: Floats, windows: tuple[int, ...]) -> None:
        """Learn the errors of the latest date from what was known then."""
        self._window = (X.window.horizon or 0, X.window.gap)
        self._intervals: ConformalIntervals | None = None
        self.calibrated_on_: tuple[np.datetime64, np.datetime64] | None = None
        try:
            (fold,) = TemporalSplit(1).folds(X)
        except ParameterError:
            return
        said = self._learn(X[fold.train], y[fold.train], windows).predict(X[fold.test])
        came = y[fold.test]
        if said.sum() > 0 and came.sum() > 0:
            said = said * (came.sum() / said.sum())
        lowest = 0.0 if y.min() >= 0 else -np.inf
        self._intervals = ConformalIntervals.calibrate(came, said, lowest=lowest)
        self.calibrated_on_ = (fold.split_time, fold.last_time)

    def _check(self, X: Any) -> None:
        check_is_fitted(self)
        check_same_window(X, self._window, type(self).__name__)


class NaiveValue(RegressorMixin, BaseEstimator):
    """Says that customers will spend what they spent last: the baseline of `value_report`.

    The money of the horizon before as_of is the prediction for the horizon after it. It learns nothing
    but the length of the horizon.

    Attributes
    ----------
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of.

    See Also
    --------
    value_report : Sets it beside models.

    Notes
    -----
    It is right about the total of a steady business, and about customers who buy steadily. It says
    nothing of who has left or is new: who bought first last week is expected to go on so.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.value import NaiveValue
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshot("1997-10-01", horizon="90D")
    >>> NaiveValue().fit(X).predict(X)[:3]
    array([14.96,  0.  ,  0.  ])
    """

    def fit(self, X: Snapshots, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn the horizon.

        Parameters
        ----------
        X : Snapshots of n rows
            With a label window.
        y : object, default=None
            Ignored.

        Returns
        -------
        NaiveValue
        """
        self._window = (check_value_rows(X, type(self).__name__), X.window.gap)
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max())) if len(X) else (X.log.fingerprint, None)
        return self

    def predict(self, X: Snapshots) -> Floats:
        """Money of the last horizon before each as_of.

        Parameters
        ----------
        X : Snapshots of n rows

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        check_is_fitted(self)
        check_same_window(X, self._window, type(self).__name__)
        return money_before(X, self._window[0])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def check_value_rows(X: Any, owner: str) -> int:
    """Refuse what are no rows with money and a label window; return the horizon in microseconds."""
    _refuse_tables(X, owner)
    if not X.log.has_money:
        raise ParameterError(
            f"{owner} needs money, and the log has none. Name value=, or price= and quantity=, in EventLog.from_frame."
        )
    if X.window.horizon is None:
        raise ParameterError(
            f"{owner} needs rows with a label window, over which value is counted. Pass horizon= where they are made, "
            "for example log.snapshots(dates, horizon='26W')."
        )
    return int(X.window.horizon)


def check_same_window(X: Any, window: tuple[int, int], owner: str) -> None:
    """Refuse what are no rows, or rows with another label window."""
    _refuse_tables(X, owner)
    if X.window.horizon is not None and (X.window.horizon, X.window.gap) != window:
        raise ParameterError(
            f"{owner} was fitted on rows with the horizon {duration_name(window[0])} and the gap "
            f"{duration_name(window[1])}, and says what comes within it. X has {duration_name(X.window.horizon)} and "
            f"{duration_name(X.window.gap)}. Make the rows with the same horizon and gap, or without any."
        )


def _refuse_tables(X: Any, owner: str) -> None:
    if isinstance(X, Snapshots):
        return
    got = "the EventLog itself" if isinstance(X, EventLog) else f"a {type(X).__name__}"
    raise ParameterError(
        f"{owner} takes Snapshots, rows of an event log as of some instant. Got {got}. Take log.snapshots(dates, "
        "horizon='26W') to fit, and log.snapshot() for the customers of today."
    )
