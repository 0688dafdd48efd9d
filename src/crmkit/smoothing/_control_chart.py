"""What all control charts share: they learn from a period in control, and say which later points are not."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._validation import check_float
from crmkit.metrics import Estimate
from crmkit.smoothing._chart_points import Points, read_series
from crmkit.smoothing._in_control import estimated_run_length, learn, warn_if_dependent, warn_if_few

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """What a chart makes of some points, in the unit of its target.

    Attributes
    ----------
    statistic, lower, upper : ndarray of float64, shape (n,)
    signals : ndarray of int64, shape (n,)
        -1, 0 or 1.
    sizes : ndarray of float64, shape (n,)
        Estimated shift at the points that signal.
    lines : dict of str to ndarray of float64, shape (n,)
        What a picture draws between the limits, by the names of its legend.
    centre : float
        Where the lines stand in control.
    behind : ndarray of float64, shape (n,), default=None
        The points themselves, where a picture shows them behind the lines.
    """

    statistic: Floats
    lower: Floats
    upper: Floats
    signals: NDArray[np.int64]
    sizes: Floats
    lines: dict[str, Floats]
    centre: float
    behind: Floats | None = None


class ControlChart(BaseEstimator):
    """Base of the control charts; a chart reads, learns and draws up the course of its points.

    What `fit` was given holds until the next `fit`: `_follow` and `_run_length` read what `_learn` set, not
    the parameters, which the caller may have changed since.
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "arl0": [Interval(Real, 1, 1e9, closed="right")],
        "min_points": [Interval(Integral, 2, None, closed="left")],
    }

    @abstractmethod
    def _read(self, X: Any) -> Points:
        """Read the points."""

    @abstractmethod
    def _learn(self, points: Points) -> None:
        """Set target and limits from points in control."""

    @abstractmethod
    def _follow(self, points: Points) -> Course:
        """Chart the points, from a fresh start; it changes nothing."""

    @abstractmethod
    def _run_length(self, shift: float) -> float:
        """Give the average run length at a shift in standard deviations."""

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn target and limits from a period in which all was well.

        Parameters
        ----------
        X : points
            As the class says, in the order of time.
        y : object, default=None
            Ignored.

        Returns
        -------
        chart
            Itself.

        Raises
        ------
        ParameterError
            If something is to be learnt, and X holds fewer than `min_points` points, or points that it
            cannot be learnt from.
        """
        self._validate_params()
        self._learn(self._read(X))
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Say for each point whether the chart signals.

        Parameters
        ----------
        X : points
            As the class says, in the order of time. The chart starts afresh at the target: to go on from
            earlier points, pass these too.

        Returns
        -------
        ndarray of int64, shape (n,)
            1 above the upper limit, -1 below the lower limit, else 0.
        """
        return self._course(X)[1].signals

    def decision_function(self, X: Any) -> Floats:
        """Give the statistic that is charted.

        Parameters
        ----------
        X : points
            As for `predict`.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the unit of `target_`.
        """
        return self._course(X)[1].statistic

    def control_limits(self, X: Any) -> Any:
        """Give the statistic of each point between its limits.

        Parameters
        ----------
        X : points
            As for `predict`.

        Returns
        -------
        frame of n rows
            Columns lower, statistic and upper, in the unit of `target_`. polars for polars, else pandas
            with the index of X.
        """
        points, course = self._course(X)
        return points.frame({"lower": course.lower, "statistic": course.statistic, "upper": course.upper})

    def alarms(self, X: Any) -> Any:
        """List the points that signal.

        Parameters
        ----------
        X : points
            As for `predict`.

        Returns
        -------
        frame
            One row for each point that signals: time, its label in the pandas index of X or its position;
            direction, -1 or 1; size, the estimated shift from the target in the unit of `target_`. The
            notes of the class say which points it is estimated from.
        """
        points, course = self._course(X)
        rows = np.flatnonzero(course.signals)
        return points.rows(rows, {"direction": course.signals[rows], "size": course.sizes[rows]})

    def run_length(self, shift: float = 0.0) -> float:
        """Give the number of points until the first alarm, on average.

        Parameters
        ----------
        shift : float, default=0.0
            True mean less target, from the first point on, in standard deviations of a point. At 0 the
            chart is in control, and every alarm false.

        Returns
        -------
        float
            At least 1: the point that signals counts.
        """
        check_is_fitted(self)
        return self._run_length(check_float("shift", shift, f"{type(self).__name__}.run_length"))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def _course(self, X: Any) -> tuple[Points, Course]:
        check_is_fitted(self)
        points = self._read(X)
        return points, self._follow(points)


class MeasurementChart(ControlChart):
    """Base of the charts of one series of measurements, which learn a mean and a standard deviation."""

    target: Any
    sigma: Any
    reset: str
    min_points: int

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        **ControlChart._parameter_constraints,
        "target": [Interval(Real, None, None, closed="neither"), None],
        "sigma": [Interval(Real, 0, None, closed="neither"), StrOptions({"moving_range"}), None],
        "reset": [StrOptions({"never", "alarm"})],
    }

    @abstractmethod
    def _solve(self) -> None:
        """Set the limits in standard deviations, and all else that charting needs beside target and sigma."""

    @abstractmethod
    def _run_length_of(self, shift: float, ratio: float) -> float:
        """Give the run length where sigma is `ratio` times the true one, in which the shift is counted."""

    def in_control_run_length(self, *, coverage: float = 0.9) -> Estimate:
        """Give the range in which the true run length in control lies, target and sigma being estimates.

        Limits are solved as if target and sigma were known. They come from `n_points_` points, and their
        errors lengthen or shorten the run length of this one chart.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of charts, fitted on as many points, whose true run length lies in the range.

        Returns
        -------
        crmkit.metrics.Estimate
            Value: the run length if the estimates are right. Errors are those of a mean and a standard
            deviation of independent normal points.
        """
        check_is_fitted(self)
        owner = f"{type(self).__name__}.in_control_run_length"
        coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        return estimated_run_length(self._in_control, self._run_length_of, coverage)

    def _read(self, X: Any) -> Points:
        return read_series(X, type(self).__name__)

    def _learn(self, points: Points) -> None:
        (values,), owner = points.columns, type(self).__name__
        found = learn(values, self.target, self.sigma, self.min_points, owner)
        self._solve()
        self.target_, self.sigma_ = found.target, found.sigma
        self.n_points_, self.n_missing_ = found.n_points, found.n_missing
        self._in_control, self._restarts = found, self.reset == "alarm"
        warn_if_few(found, self._run_length_of, owner)
        warn_if_dependent(values, owner)

    def _run_length(self, shift: float) -> float:
        return self._run_length_of(shift, 1.0)
