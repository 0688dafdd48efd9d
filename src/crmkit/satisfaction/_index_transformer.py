"""Answers as the points whose mean is an index."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions, output_container
from crmkit._decisions import Floats
from crmkit._frames import make_frame
from crmkit._tables import backend_of, is_frame
from crmkit._validation import all_or_nothing
from crmkit.exceptions import ParameterError
from crmkit.satisfaction._answers import read_answers
from crmkit.satisfaction._indices import acsi_points, top_cut
from crmkit.satisfaction._nps import nps_cuts

_OWNER = "SurveyIndexTransformer"
_SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "acsi": (1, 10)}


class SurveyIndexTransformer(TransformerMixin, BaseEstimator):
    """Answers as the points of respondents whose mean is an index: for charts, models and tests.

    Parameters
    ----------
    index : {"nps", "csat", "ces", "acsi"}, default="nps"
        -100, 0 or 100; 0 or 1; the answer; 0 to 100.
    scale : (low, high) or mapping of texts to numbers, default=None
        Of each question; None: the default of the function.
    promoters, detractors, top, weights, not_applicable
        As of `nps`, `csat` and `acsi`.

    Attributes
    ----------
    scale_ : (low, high) or mapping
        The scale used.
    cuts_ : tuple of float
        The least answer that promotes and the greatest that detracts; the least of the top; or none.

    Examples
    --------
    >>> from crmkit.satisfaction import SurveyIndexTransformer
    >>> SurveyIndexTransformer().fit_transform([[10], [8], [3]]).T
    array([[ 100.,    0., -100.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "index": [StrOptions(set(_SCALES))],
        "promoters": [Real, None],
        "detractors": [Real, None],
        "top": [Interval(Integral, 1, None, closed="left")],
        "weights": ["array-like", None],
    }

    def __init__(
        self,
        index: Literal["nps", "csat", "ces", "acsi"] = "nps",
        *,
        scale: Any = None,
        promoters: float | None = None,
        detractors: float | None = None,
        top: int = 2,
        weights: Any = None,
        not_applicable: Any = (),
    ) -> None:
        self.index = index
        self.scale = scale
        self.promoters = promoters
        self.detractors = detractors
        self.top = top
        self.weights = weights
        self.not_applicable = not_applicable

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Check the answers; nothing is learnt.

        Parameters
        ----------
        X : frame or array of shape (n, k)
            Questions in columns; of "acsi" its three.
        y : object, default=None
            Ignored.

        Returns
        -------
        SurveyIndexTransformer
        """
        self._validate_params()
        with all_or_nothing(self):
            self.scale_ = scale = _SCALES[self.index] if self.scale is None else self.scale
            self.cuts_: tuple[float, ...] = ()
            if self.index == "nps":
                self.cuts_ = nps_cuts(scale, self.promoters, self.detractors, _OWNER)
            elif self.index == "csat":
                self.cuts_ = (top_cut(scale, self.top, _OWNER),)
            self._points(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Give the points of each respondent.

        Parameters
        ----------
        X : frame or array of shape (n, k)
            As in `fit`.

        Returns
        -------
        frame or array of shape (n, k), of "acsi" (n, 1)
            As X is; NaN without an answer.
        """
        check_is_fitted(self)
        points = self._points(X, reset=False)
        if is_frame(X) and output_container(self) == "default":
            names = self.get_feature_names_out()
            return make_frame(dict(zip(names, points.T, strict=True)), backend_of(X), getattr(X, "index", None))
        return points

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Give the names of the columns: ``acsi``, or ``nps_{question}`` and the like.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        if self.index == "acsi":
            return np.array(["acsi"], dtype=object)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        return np.array([f"{self.index}_{name}" for name in names], dtype=object)

    def _points(self, X: Any, *, reset: bool) -> Floats:
        options: dict[str, Any] = {"estimator": self, "reset": reset, "not_applicable": self.not_applicable}
        values = read_answers(X, self.scale_, _OWNER, **options).values
        if self.index == "acsi":
            if values.shape[1] != 3:
                raise ParameterError(f"{_OWNER}(index='acsi') takes three questions. Got {values.shape[1]} columns.")
            return acsi_points(values, self.scale_, (1, 1, 1) if self.weights is None else self.weights, _OWNER)[
                :, None
            ]
        points = values if self.index == "ces" else (values >= self.cuts_[0]).astype(np.float64)
        if self.index == "nps":
            points = 100 * (points - (values <= self.cuts_[1]))
        return np.where(np.isnan(values), np.nan, points)
