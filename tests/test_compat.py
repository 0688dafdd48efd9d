from numbers import Real
from typing import ClassVar

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

from crmkit import _compat


class Threshold(TransformerMixin, BaseEstimator):
    _parameter_constraints: ClassVar = {
        "share": [_compat.Interval(Real, 0, 1, closed="neither")],
        "side": [_compat.StrOptions({"left", "right"}), _compat.Hidden(_compat.StrOptions({"deprecated"}))],
        "n_bins": [_compat.Options(int, {5, 10}), None],
        "inner": [_compat.HasMethods(["fit"]), None],
    }

    def __init__(self, share=0.5, side="left", n_bins=None, inner=None):
        self.share = share
        self.side = side
        self.n_bins = n_bins
        self.inner = inner

    def fit(self, X, y=None):
        self._validate_params()
        return self

    def transform(self, X):
        return X


def test_everything_that_is_exported_exists():
    assert sorted(_compat.__all__) == sorted(set(_compat.__all__))
    assert all(hasattr(_compat, name) for name in _compat.__all__)


def test_the_version_has_two_numbers_also_for_releases_to_come():
    major, minor = _compat.SKLEARN_VERSION
    assert sklearn.__version__.startswith(f"{major}.{minor}")
    assert _compat.SKLEARN_VERSION >= (1, 6)


def test_callbacks_are_there_from_1_9_on():
    assert (_compat.SKLEARN_VERSION >= (1, 9)) == _compat.HAS_CALLBACKS


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"share": 1.0},
            r"The 'share' parameter of Threshold must be a float in the range \(0.0, 1.0\). Got 1.0 instead",
        ),
        ({"side": "up"}, r"The 'side' parameter of Threshold must be a str among \{'(left', 'right|right', 'left)'\}"),
        ({"n_bins": 7}, r"The 'n_bins' parameter of Threshold must be an? int among \{(10, 5|5, 10)\} or None"),
        ({"inner": 3}, "The 'inner' parameter of Threshold must be an object implementing 'fit' or None"),
    ],
)
def test_constraints_of_an_estimator(parameters, message):
    with pytest.raises(_compat.InvalidParameterError, match=message):
        Threshold(**parameters).fit(np.zeros((2, 1)))
    Threshold(side="deprecated", inner=StandardScaler()).fit(np.zeros((2, 1)))


def test_constraints_of_a_function():
    @_compat.validate_params(
        {"share": [_compat.Interval(Real, 0, 1, closed="both")]}, prefer_skip_nested_validation=True
    )
    def cut(share):
        return share

    assert cut(0.25) == 0.25
    with pytest.raises(ValueError, match=r"The 'share' parameter of .*cut must be a float in the range"):
        cut("half")
    with pytest.raises(TypeError, match="The 'share' parameter of cut must be"):
        _compat.validate_parameter_constraints(
            {"share": [_compat.Interval(Real, 0, 1, closed="both")]}, {"share": "half"}, caller_name="cut"
        )


@pytest.mark.parametrize("asked", ["pandas", "polars", "default"])
def test_output_container_is_what_set_output_asks(asked):
    assert _compat.output_container(StandardScaler()) == "default"
    assert _compat.output_container(StandardScaler().set_output(transform=asked)) == asked
    with sklearn.config_context(transform_output=asked):
        assert _compat.output_container(StandardScaler()) == asked


def test_rows():
    X = np.arange(6).reshape(3, 2)
    assert _compat.num_samples(X) == 3
    np.testing.assert_array_equal(_compat.safe_indexing(X, [2, 0]), X[[2, 0]])
    np.testing.assert_array_equal(_compat.check_sample_weight(None, X), np.ones(3))
