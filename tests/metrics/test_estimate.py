import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate

AUC = Estimate(0.7312, 0.7021, 0.7593, n=2357, coverage=0.95, method="bootstrap")


def test_float_is_the_value():
    assert float(AUC) == AUC.value == 0.7312
    assert np.mean([float(AUC), 0.5]) == pytest.approx(0.6156)


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "coverage", "text"),
    [
        (0.7312, 0.7021, 0.7593, 2357, 0.95, "0.731 [0.702, 0.759] (95%, n=2,357, bootstrap)"),
        (35.0778, 33.12, 37.04, 946, 0.9, "35.1 [33.1, 37.0] (90%, n=946, bootstrap)"),
        (12345.6, 11700, 12900, 40, 0.999, "12,346 [11,700, 12,900] (99.9%, n=40, bootstrap)"),
        (1.5e-7, 1.2e-7, 1.9e-7, 9, 0.95, "0.000000150 [0.000000120, 0.000000190] (95%, n=9, bootstrap)"),
        (1e-20, 0.5e-20, 2e-20, 9, 0.95, "1e-20 [5e-21, 2e-20] (95%, n=9, bootstrap)"),
        (1.0, 1.0, 1.0, 9, 0.95, "1 [1, 1] (95%, n=9, bootstrap)"),
        (2.0, 1.0, math.inf, 9, 0.95, "2 [1, inf] (95%, n=9, bootstrap)"),
        (-0.02, -0.05, 0.01, 9, 0.95, "-0.020 [-0.050, 0.010] (95%, n=9, bootstrap)"),
    ],
)
def test_the_text_shows_two_digits_of_the_width(value, low, high, n, coverage, text):
    figure = Estimate(value, low, high, n=n, coverage=coverage, method="bootstrap")
    assert repr(figure) == str(figure) == f"{figure}" == text


def test_format_codes_go_to_all_three_numbers():
    assert f"{AUC:.2f}" == "0.73 [0.70, 0.76]"
    assert f"{AUC:.1%}" == "73.1% [70.2%, 75.9%]"


@given(
    value=st.floats(allow_nan=False), ends=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    n=st.integers(0, 10**9), coverage=st.floats(0, 1, exclude_min=True, exclude_max=True),
)  # fmt: skip  # four pairs belong on two lines
def test_every_estimate_has_a_text_and_survives_pickling(value, ends, n, coverage):
    figure = Estimate(value, min(ends), max(ends), n=n, coverage=coverage, method="m")
    assert len(repr(figure)) < 200
    for twin in (pickle.loads(pickle.dumps(figure)), copy.deepcopy(figure)):
        assert twin == figure
        assert hash(twin) == hash(figure)


def test_equal_means_equal_in_everything():
    same = Estimate(0.7312, 0.7021, 0.7593, n=2357, coverage=0.95, method="bootstrap")
    other = Estimate(0.7312, 0.7021, 0.7593, n=2357, coverage=0.95, method="Wilson")
    assert same == AUC != other
    assert AUC != 0.7312
    assert len({AUC, copy.copy(AUC)}) == 1


def test_estimates_have_no_order():
    for compare in (lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b):
        for other in (AUC, 0.5):
            with pytest.raises(TypeError, match=r"Compare float\(a\) < float\(b\)"):
                compare(AUC, other)
    assert max([AUC, Estimate(0.5, 0.4, 0.6, n=9, coverage=0.9, method="m")], key=float) is AUC


def test_it_is_frozen():
    with pytest.raises(AttributeError):
        AUC.value = 1.0
    with pytest.raises((AttributeError, TypeError)):  # Python 3.11 has the latter, for its slots
        AUC.note = "new"


def test_numpy_numbers_become_plain_ones():
    figure = Estimate(np.float32(0.5), np.float64(0.25), 1, n=np.int64(3), coverage=np.float64(0.9), method="m")
    assert [type(getattr(figure, name)) for name in ("value", "low", "high", "n", "coverage")] == [float] * 3 + [
        int,
        float,
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": math.nan}, "The 'value' parameter of Estimate must be a number. Got nan instead."),
        ({"low": None}, "The 'low' parameter of Estimate must be a number. Got None instead."),
        ({"high": "0.8"}, "The 'high' parameter of Estimate must be a number. Got '0.8' instead."),
        ({"high": 0.1}, "The 'low' parameter of Estimate must be at most 'high'. Got 0.7021 and 0.1 instead."),
        ({"n": -1}, "The 'n' parameter of Estimate must be an int in the range [0, inf). Got -1 instead."),
        ({"n": 2.5}, "The 'n' parameter of Estimate must be an int in the range [0, inf). Got 2.5 instead."),
        ({"coverage": 95}, "The 'coverage' parameter of Estimate must be a finite float in the range (0, 1). Got 95"),
        ({"method": ""}, "The 'method' parameter of Estimate must be a non-empty str. Got '' instead."),
    ],
)
def test_what_is_no_estimate(change, message):
    fields = {"value": 0.7312, "low": 0.7021, "high": 0.7593, "n": 2357, "coverage": 0.95, "method": "bootstrap"}
    with pytest.raises(ParameterError) as caught:
        Estimate(**fields | change)
    assert str(caught.value).startswith(message)
