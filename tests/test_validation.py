import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import _validation as check
from crmkit.exceptions import ParameterError


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: check.check_option("invalid", "drop", ["raise", "drop"], "f"), "drop"),
        (lambda: check.check_option("invalid", np.str_("drop"), ["raise", "drop"], "f"), "drop"),
        (lambda: check.check_option("collapse", None, ["D", None], "f"), None),
        (lambda: check.check_int("n", 3, "f"), 3),
        (lambda: check.check_int("n", np.int16(3), "f", low=3, high=3), 3),
        (lambda: check.check_float("x", 3, "f"), 3.0),
        (lambda: check.check_float("x", np.float32(0.5), "f", low=0, high=1), 0.5),
        (lambda: check.check_float("x", 0, "f", low=0, closed="left"), 0.0),
        (lambda: check.check_bool("flag", np.True_, "f"), True),
        (lambda: check.check_string("name", np.str_("客户"), "f"), "客户"),
        (lambda: check.check_string("name", "", "f", allow_empty=True), ""),
    ],
)
def test_what_is_allowed_comes_back_as_a_plain_value(call, expected):
    result = call()
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: check.check_option("invalid", "x", ["raise", "drop"], "EventLog.from_frame"),
            "The 'invalid' parameter of EventLog.from_frame must be one of {'drop', 'raise'}. Got 'x' instead.",
        ),
        (
            lambda: check.check_option("n", True, [1, 2], "f", "Write 1."),
            "The 'n' parameter of f must be one of {1, 2}. Got True instead. Write 1.",
        ),
        (
            lambda: check.check_option("a", ["D"], ["D", None], "f"),
            "The 'a' parameter of f must be one of {'D', None}. Got ['D'] instead.",
        ),
        (lambda: check.check_int("n", True, "f"), "The 'n' parameter of f must be an int. Got True instead."),
        (lambda: check.check_int("n", 2.0, "f"), "The 'n' parameter of f must be an int. Got 2.0 instead."),
        (
            lambda: check.check_int("n", 1, "f", low=2),
            "The 'n' parameter of f must be an int in the range [2, inf). Got 1 instead.",
        ),
        (
            lambda: check.check_int("n", 9, "f", low=2, high=8),
            "The 'n' parameter of f must be an int in the range [2, 8]. Got 9 instead.",
        ),
        (
            lambda: check.check_float("x", 1.0, "f", low=0, high=1, closed="neither"),
            "The 'x' parameter of f must be a finite float in the range (0, 1). Got 1.0 instead.",
        ),
        (
            lambda: check.check_float("x", 0.0, "f", high=0, closed="left"),
            "The 'x' parameter of f must be a finite float in the range (-inf, 0). Got 0.0 instead.",
        ),
        (
            lambda: check.check_float("x", np.nan, "f"),
            "The 'x' parameter of f must be a finite float. Got nan instead.",
        ),
        (lambda: check.check_float("x", "1", "f"), "The 'x' parameter of f must be a finite float. Got '1' instead."),
        (
            lambda: check.check_float("x", False, "f"),
            "The 'x' parameter of f must be a finite float. Got False instead.",
        ),
        (lambda: check.check_bool("b", 1, "f"), "The 'b' parameter of f must be a bool. Got 1 instead."),
        (lambda: check.check_string("s", "", "f"), "The 's' parameter of f must be a non-empty str. Got '' instead."),
        (lambda: check.check_string("s", 3, "f"), "The 's' parameter of f must be a non-empty str. Got 3 instead."),
    ],
)
def test_what_is_refused_says_what_is_allowed(call, message):
    with pytest.raises(ParameterError) as caught:
        call()
    assert str(caught.value) == message


def test_a_long_value_is_shortened():
    message = str(check.parameter_error("ids", "x" * 10_000, "short", "f"))
    assert len(message) < 300
    assert "…" in message


# ----------------------------------------------------------------------------------- random state


def draws(random_state):
    return check.check_generator("random_state", random_state, "f").integers(1000, size=5).tolist()


def test_random_state():
    assert draws(3) == draws(np.int64(3)) == draws(np.random.default_rng(3)) != draws(4)
    assert draws(np.random.RandomState(3)) == draws(np.random.RandomState(3)) != draws(np.random.RandomState(4))
    assert draws(None) != draws(None)


def test_a_generator_and_a_random_state_move_on():
    for state in (np.random.default_rng(0), np.random.RandomState(0)):
        assert draws(state) != draws(state)


@pytest.mark.parametrize("value", [-1, 1.5, True, "0", np.random])
def test_what_is_no_random_state(value):
    with pytest.raises(ParameterError, match="The 'random_state' parameter of f must be None, a non-negative int"):
        draws(value)


# ---------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize(
    "values",
    [
        [1, 0, 2],
        (1.0, 0.0, 2.0),
        np.array([1, 0, 2], dtype=np.int8),
        np.array([1, 0, 2], dtype=np.float32),
        np.array([1, 0, 2], dtype=object),
        np.array([1, 9, 0, 9, 2])[::2],
        np.array([1, 0, 2], dtype=">i4"),
        np.ma.array([1, 0, 2]),
        pd.Series([1, 0, 2], index=[5, 5, 7]),
        pd.Series([1, 0, 2], dtype="Int64"),
        pd.Series([1, 0, 2], dtype="float64[pyarrow]"),
        pd.Series([1, 0, 2], dtype="category"),
        pl.Series([1, 0, 2]),
    ],
)
def test_numbers_of_every_kind(values, dtype):
    result = check.check_vector("y", values, dtype, "f", n=3)
    assert type(result) is np.ndarray
    assert result.dtype == dtype
    assert result.dtype.isnative
    assert result.flags.c_contiguous
    assert result.tolist() == [1, 0, 2]


def test_booleans_are_0_and_1():
    for values in ([True, False], pd.Series([True, False], dtype="boolean"), np.array([True, False])):
        assert check.check_vector("y", values, np.int64, "f").tolist() == [1, 0]


def test_clean_values_are_not_copied_and_never_changed():
    values = np.arange(3.0)
    values.flags.writeable = False
    assert np.shares_memory(check.check_vector("y", values, np.float64, "f"), values)


@pytest.mark.parametrize(
    "values",
    [
        [1, None],
        [1, np.nan],
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, None], dtype="double[pyarrow]"),
        pl.Series([1, None]),
        np.ma.array([1, 2], mask=[False, True]),
    ],
)
def test_missing_values(values):
    np.testing.assert_array_equal(check.check_vector("y", values, np.float64, "f", finite=False), [1, np.nan])
    for dtype in (np.float64, np.int64):
        with pytest.raises(
            ParameterError,
            match="'y' parameter of f has 1 of 2 values that are missing or infinite; the first is nan at",
        ):
            check.check_vector("y", values, dtype, "f")


def test_the_first_bad_position_is_named():
    with pytest.raises(
        ParameterError, match="2 of 4 values that are missing or infinite; the first is inf at position 1"
    ):
        check.check_vector("y", [0, np.inf, 2, np.nan], np.float64, "f")


@pytest.mark.parametrize(
    "values",
    ["abc", ["a", "b"], ["1", 2.0], None, {1: 2}, [1 + 2j], np.array(["2020-01-01"], dtype="M8[D]"), [[1], [2, 3]],
     pd.Series(["1", "2"]), pd.Series(pd.to_datetime(["2020-01-01"])), pl.Series(["1"]), np.timedelta64(1, "D")],
)  # fmt: skip  # one line each would fill a page
def test_what_is_no_vector_of_numbers(values):
    with pytest.raises(ParameterError, match="must be a one-dimensional array of numbers"):
        check.check_vector("y", values, np.float64, "f")


def test_shapes():
    with pytest.raises(ParameterError, match=r"Got an array of shape \(2, 1\) instead. Pass its single column"):
        check.check_vector("y", [[1], [2]], np.float64, "f")
    with pytest.raises(ParameterError, match=r"Got an array of shape \(\) instead.$"):
        check.check_vector("y", 3, np.float64, "f")
    with pytest.raises(ParameterError, match=r"must be of length 3\. Got length 2 instead"):
        check.check_vector("y", [1, 2], np.float64, "f", n=3)
    assert check.check_vector("y", [], np.float64, "f").shape == (0,)


def test_whole_numbers_are_exact_or_refused():
    large = 2**62 + 1
    assert check.check_vector("y", pd.Series([large], dtype="Int64"), np.int64, "f").tolist() == [large]
    assert check.check_vector("y", np.array([large], dtype=np.uint64), np.int64, "f").tolist() == [large]
    for value in (0.5, 2.0**63, -(2.0**64)):
        with pytest.raises(ParameterError, match="1 of 2 values that are not whole numbers of 64 bits"):
            check.check_vector("y", [1.0, value], np.int64, "f")
    with pytest.raises(ParameterError, match="not whole numbers of 64 bits"):
        check.check_vector("y", np.array([2**63], dtype=np.uint64), np.int64, "f")


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_survive(values):
    assert check.check_vector("y", np.array(values, dtype=np.int64), np.int64, "f").tolist() == values


def test_one_length():
    assert check.check_same_length("f", a=[1, 2], b=np.zeros((2, 3))) == 2
    with pytest.raises(ParameterError, match=r"The arrays of f must have one length\. Got a: 2, b: 3 instead"):
        check.check_same_length("f", a=[1, 2], b=[1, 2, 3])
