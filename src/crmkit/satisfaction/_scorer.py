"""One satisfaction score for each respondent, out of all answers to a questionnaire."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions, one_thread, output_container
from crmkit._frames import make_frame
from crmkit._groups import group_codes
from crmkit._intervals import student_interval, weighted_means
from crmkit._tables import backend_of, is_frame
from crmkit._validation import all_or_nothing, check_float, parameter_error, warn
from crmkit.satisfaction._answers import Answers, Questions, as_respondents, read_answers, respondent_weights
from crmkit.satisfaction._index_table import segment_frame, segment_labels
from crmkit.satisfaction._items import (
    BLOCK,
    declared_weights,
    driver_weights,
    factor_weights,
    item_reliability,
    item_statistics,
    medians,
    overall_satisfaction,
    refuse_alike,
)

Floats = NDArray[np.float64]

_OWNER = "SatisfactionScorer"


class SatisfactionScorer(TransformerMixin, BaseEstimator):
    r"""One index of satisfaction for each respondent, from all of their answers.

    Each answer is placed on its own declared scale, 0 at the low and 1 at the high end; the places of a
    respondent's answers are averaged with weights, and written on the scale of `index`. So questions on
    different scales go together, and no scale is guessed.

    Parameters
    ----------
    scale : (low, high), mapping of texts to numbers, or mapping of questions to either
        What the answers may be. Others are refused, and so is text without a mapping, such as
        ``{"bad": 1, "fair": 2, "good": 3}``. Questions are column names, or positions in an array.
    reverse : collection of questions, default=()
        Those in which a high answer means dissatisfied. They are turned round, ``low + high - x``, for all that
        is said below.
    item_weights : None, mapping of each question to its weight, "drivers" or "factor", default=None
        None weighs all alike. "drivers" learns the weights from `y`, overall satisfaction: the relative weight
        of each question in explaining it. "factor" takes the loadings on the one factor that they share. All are
        made to sum to 1.
    method : {"mean", "top_box", "bottom_box"}, default="mean"
        What an answer counts: its place on the scale; or 1 in the box of the highest or of the lowest answers,
        and else 0. High values of "bottom_box" mean dissatisfied.
    box_width : int, default=1
        How many of the highest or lowest answers are the box: whole steps of (low, high), or numbers of a mapping.
    not_applicable : collection of codes, or mapping of questions to them, default=()
        Answers that mean there is none, such as ``[99]``.
    missing : {"available", "complete", "impute"}, default="available"
        "available" averages the answers that are there; "complete" gives NaN where one is missing; "impute"
        takes the medians of `fit` for the missing ones.
    min_answered : float, default=0.5
        The share of the questions with a weight above 0 that a respondent must have answered to have an index,
        from 0 to 1. Nobody without an answer has one.
    index : (low, high), default=(0, 100)
        What the lowest and the highest possible answers are worth.

    Attributes
    ----------
    item_weights_ : ndarray of float64, shape (n_questions,)
        Weight of each question; they sum to 1.
    reliability_ : dict of str to Estimate
        "alpha" and the other coefficients of `crmkit.satisfaction.reliability`, of questions that are all
        weighted alike, from the places of answers on their scales. With a warning, questions that everybody
        answered alike are left out, and it is empty where it cannot be had, such as of one question.
    item_statistics_ : pandas.DataFrame
        One row for each question, by name: ``n`` answers and ``missing`` ones, ``mean`` and ``sd``, the shares
        ``top_box`` and ``bottom_box``, ``item_rest_correlation`` and ``alpha_if_dropped`` (NaN without
        reliability), and ``weight``.
    medians_ : ndarray of float64, shape (n_questions,)
        What stands for missing answers; with ``missing="impute"`` only.
    n_features_in_ : int
        Number of questions.
    feature_names_in_ : ndarray of str
        Their names; only where X has some.

    See Also
    --------
    crmkit.satisfaction.acsi : The index of three set questions, as an `Estimate`.
    crmkit.satisfaction.DriverAnalysis : How much each question matters, with intervals.

    Notes
    -----
    With w the weights, l and h the ends of each scale, and sums over the questions that are answered,

    .. math::
        \text{index} = a + (b - a) \, \frac{\sum_j w_j (x_j - l_j) / (h_j - l_j)}{\sum_j w_j}

    where (a, b) is `index`. The relative weights are Johnson's, divided by their sum, which is R²; respondents
    who lack `y` or, unless ``missing="impute"``, an answer are left out of them. Loadings are divided by their
    sum. A question that goes against `y`, or the others, has no weight, with a warning.

    Averages of available answers are fair only where it is chance what is left out; where the angry skip
    questions, so does their anger. Weights that are learnt flatter the data that they come from; with few
    respondents equal weights predict as well (Dawes, 1979).

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import SatisfactionScorer
    >>> answers = pd.DataFrame(
    ...     {
    ...         "service": [5, 4, 2, 5, 3, 1, 4, 3],
    ...         "waited too long": [2, 1, 4, 2, 4, 4, 3, 3],
    ...         "recommend": [9, 10, 4, None, 7, 99, 6, 5],
    ...     }
    ... )
    >>> scorer = SatisfactionScorer(
    ...     scale={"service": (1, 5), "waited too long": (1, 5), "recommend": (0, 10)},
    ...     reverse=["waited too long"],
    ...     not_applicable={"recommend": [99]},
    ... )
    >>> scorer.fit_transform(answers).round(1).T
                     0     1     2     3     4     5     6     7
    satisfaction  88.3  91.7  30.0  87.5  48.3  12.5  61.7  50.0
    >>> print(f"{scorer.reliability_['alpha']:.2f}")
    0.88 [0.51, 0.98]
    >>> scorer.score_table(answers, ["A", "A", "B", "A", "B", "B", "A", "B"]).round(1)
      segment  value   low   high  n
    0       A   82.3  60.2  104.4  4
    1       B   35.2   7.1   63.3  4
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "item_weights": [None, Mapping, StrOptions({"drivers", "factor"})],
        "method": [StrOptions({"mean", "top_box", "bottom_box"})],
        "box_width": [Interval(Integral, 1, None, closed="left")],
        "missing": [StrOptions({"available", "complete", "impute"})],
        "min_answered": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        scale: Any,
        reverse: Any = (),
        item_weights: Mapping[Any, float] | Literal["drivers", "factor"] | None = None,
        method: Literal["mean", "top_box", "bottom_box"] = "mean",
        box_width: int = 1,
        not_applicable: Any = (),
        missing: Literal["available", "complete", "impute"] = "available",
        min_answered: float = 0.5,
        index: tuple[float, float] = (0, 100),
    ) -> None:
        self.scale = scale
        self.reverse = reverse
        self.item_weights = item_weights
        self.method = method
        self.box_width = box_width
        self.not_applicable = not_applicable
        self.missing = missing
        self.min_answered = min_answered
        self.index = index

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the weights of the questions, and how reliable they are together.

        Parameters
        ----------
        X : frame or array of shape (n, n_questions)
            Answers; a missing value is none.
        y : array-like of shape (n,), default=None
            Overall satisfaction on any scale, NaN where unknown; read with ``item_weights="drivers"`` only.
        sample_weight : array-like of shape (n,), default=None
            How many people each respondent stands for, in any unit. Who has 0 is left out.

        Returns
        -------
        SatisfactionScorer

        Raises
        ------
        crmkit.exceptions.ParameterError
            If answers are off their scale, or text that is not declared, by question and count; or if weights
            are to be learnt of questions that everybody answered alike.

        Warns
        -----
        CrmkitWarning
            If a question looks reverse-keyed, a scale looks wrong, or reliability leaves something out.
        """
        self._validate_params()
        with all_or_nothing(self), one_thread():
            answers = self._read(X, reset=True)
            weight = respondent_weights(sample_weight, len(answers.values), f"{_OWNER}.fit")
            self._learn(answers, y, weight, Questions(answers.names, _OWNER, by_position=not is_frame(X)))
        return self

    def transform(self, X: Any) -> Any:
        """Give the index of each respondent.

        Parameters
        ----------
        X : frame or array of shape (n, n_questions)

        Returns
        -------
        ndarray of shape (n, 1), or frame of one column, "satisfaction"
            Of an array an array, of a polars frame polars, of others pandas, with the index that X has; or what
            `set_output` asks for. NaN where there are too few answers.

        Warns
        -----
        CrmkitWarning
            With the number of respondents who have no index.
        """
        check_is_fitted(self)
        scores = self._scores(self._read(X, reset=False), "transform")
        if not is_frame(X) or output_container(self) != "default":
            return scores[:, None]
        return make_frame({"satisfaction": scores}, backend_of(X), X.index if isinstance(X, pd.DataFrame) else None)

    def score_table(self, X: Any, by: Any, sample_weight: Any = None, coverage: float = 0.95) -> Any:
        """Give the mean index of each segment of respondents, with its interval.

        Parameters
        ----------
        X : frame or array of shape (n, n_questions)
        by : array-like of shape (n,)
            The segment of each respondent, such as a branch or a month.
        sample_weight : array-like of shape (n,), default=None
            As in `fit`.
        coverage : float, default=0.95
            Share of the intervals that hold the true mean.

        Returns
        -------
        frame
            polars of polars, else pandas. One row for each ``segment``, sorted, respondents without one last;
            ``value``, ``low`` and ``high``, a t interval with the linearised variance of weighted respondents; and
            ``n``, those with an index and a weight. Of one respondent the ends are NaN.

        Warns
        -----
        CrmkitWarning
            As `transform`.
        """
        owner = f"{_OWNER}.score_table"
        check_is_fitted(self)
        coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        answers = self._read(X, reset=False)
        code, labels = group_codes(by, len(answers.values), owner, "by")
        weight = respondent_weights(sample_weight, len(answers.values), owner)
        scores, segments = self._scores(answers, "score_table"), segment_labels(by, code, labels)
        known = (weight > 0) & ~np.isnan(scores)
        if not known.all():
            scores, weight, code = scores[known], weight[known], code[known]
        value, error, effective = weighted_means(scores, weight, code, len(labels))
        n = np.bincount(code, minlength=len(labels))
        table = np.array([value, *student_interval(value, error, effective, coverage), n])
        return segment_frame(segments, table, backend_of(X))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  scikit-learn's signature
        """Give the name of the one column.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str objects
        """
        return np.array(["satisfaction"], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = self._learnt() == "drivers"
        return tags

    def _learnt(self) -> str | None:
        """How the weights are learnt, if they are."""
        return self.item_weights if isinstance(self.item_weights, str) else None

    def _read(self, X: Any, *, reset: bool) -> Answers:
        ends: Any = self.index
        pair = isinstance(ends, tuple | list) and len(ends) == 2
        if not pair or not all(isinstance(end, Real) and math.isfinite(end) for end in ends) or not ends[0] < ends[1]:
            raise parameter_error("index", ends, "a pair (low, high) of finite numbers, low below high", _OWNER)
        options: dict[str, Any] = {"reverse": self.reverse, "not_applicable": self.not_applicable}
        answers = read_answers(X, self.scale, _OWNER, estimator=self, reset=reset, **options)
        top, bottom = answers.boxes(self.box_width)
        if (top <= answers.low).any() or (bottom >= answers.high).any():
            raise parameter_error("box_width", self.box_width, "smaller: else all answers are in the box", _OWNER)
        return answers

    def _learn(self, answers: Answers, y: Any, weight: Floats, questions: Questions) -> None:
        rows, learnt = weight > 0, self._learnt()
        overall = overall_satisfaction(y, len(rows)) if learnt == "drivers" else None
        if not rows.all():
            answers, weight = answers._replace(values=answers.values[rows]), weight[rows]
            overall = None if overall is None else overall[rows]
        weight = as_respondents(weight)
        names, by_factor = answers.names, learnt == "factor" and len(answers.names) > 1
        if by_factor:
            refuse_alike(answers.values, names, "factor")
        table = item_statistics(answers, weight, self.box_width)
        found = item_reliability(answers, weight, self.missing, needed=by_factor)
        self.reliability_ = {} if found is None else found.estimates
        together = ["item_rest_correlation", "alpha_if_dropped"]
        table[together] = np.nan if found is None else found.items[together]
        self.__dict__.pop("medians_", None)
        if self.missing == "impute":
            self.medians_ = medians(answers, weight)
            answers = answers._replace(values=np.where(np.isnan(answers.values), self.medians_, answers.values))
        if overall is not None:
            self.item_weights_ = driver_weights(answers, overall, weight)
        elif learnt:
            self.item_weights_ = factor_weights(names, found)
        else:
            self.item_weights_ = declared_weights(self.item_weights, questions)
        self.item_statistics_ = table.assign(weight=self.item_weights_)

    def _scores(self, answers: Answers, method: str) -> Floats:
        """The index of each respondent; NaN, with a warning, where there are too few answers."""
        values = answers.values
        scores, boxes = np.empty(len(values)), answers.boxes(self.box_width)
        ends = boxes if self.method != "mean" else (answers.high, answers.low)
        for start in range(0, len(values), BLOCK):
            # One question after the other in memory.
            block = np.ascontiguousarray(values[start : start + BLOCK].T)
            scores[start : start + BLOCK] = self._block(block, *ends)
        n_without = int(np.isnan(scores).sum())
        if n_without:
            what = "all" if self.missing == "complete" else f"min_answered={self.min_answered}"
            warn(
                f"{_OWNER}.{method} has no index for {n_without:,} of {len(scores):,} respondents, who answered less "
                f"than {what} of the questions."
            )
        return scores

    def _block(self, block: Floats, top: Floats, bottom: Floats) -> Floats:
        """The same of questions in rows; sums run in the order of the questions, whatever the rows of the batch."""
        total, held, answered = np.zeros((3, block.shape[1]))
        weights = self.item_weights_
        for j in np.flatnonzero(weights):
            x = block[j]
            known = ~np.isnan(x)
            answered += known
            if self.missing == "impute":
                x, known = np.where(known, x, self.medians_[j]), np.True_
            total += np.where(known, weights[j] * self._worth(x, top[j], bottom[j]), 0.0)
            held += weights[j] * known
        share = answered / np.count_nonzero(weights)
        enough = share == 1 if self.missing == "complete" else (share >= self.min_answered) & (answered > 0)
        with np.errstate(invalid="ignore"):
            place = total / held
        first, last = self.index
        return np.where(enough, first * (1 - place) + last * place, np.nan)

    def _worth(self, x: Floats, top: float, bottom: float) -> NDArray[Any]:
        """What answers count, from 0 to 1, by the ends of the scale or of its boxes."""
        if self.method == "mean":
            return (x - bottom) / (top - bottom)
        return x >= top if self.method == "top_box" else x <= bottom
