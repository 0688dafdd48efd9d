"""Answers on declared scales: what is read, mapped, turned round, and refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.satisfaction import DriverAnalysis, SatisfactionClassifier, SatisfactionScorer, clean_answers, nps
from crmkit.satisfaction._answers import check_scale, read_answers, respondent_weights

TEXTS = {"1 - poor": 1, "3 - fair": 3, "5 - very satisfied": 5}


def read(X, scale=(1, 5), **options):
    return read_answers(X, scale, "nps", **options)


def test_frames_of_any_kind(make_frame):
    frame = make_frame({"speed": np.array([1, 5, 3]), "price": np.array([2.0, 4.0, 5.0])})
    found = read(frame.collect() if isinstance(frame, pl.LazyFrame) else frame)
    assert found.names == ["speed", "price"]
    np.testing.assert_array_equal(found.values, [[1, 2], [5, 4], [3, 5]])
    assert found.values.flags.c_contiguous
    np.testing.assert_array_equal(found.low, [1, 1])


@pytest.mark.parametrize(
    "answers",
    [
        [4, None, 2],
        np.array([4, np.nan, 2]),
        pd.Series([4, None, 2], dtype="Int64"),
        pl.Series([4, None, 2]),
        pd.Series([4, None, 2], dtype=object),
    ],
)
def test_a_vector_is_one_question(answers):
    found = read(answers)
    assert found.names == ["answers"]
    np.testing.assert_array_equal(found.values[:, 0], [4, np.nan, 2])


@given(
    st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, np.nan]), min_size=2, max_size=2), min_size=1, max_size=8)
)
def test_reversed_questions_are_turned_round_and_back(rows):
    X = np.array(rows)
    turned = read(X, reverse=[1]).values
    np.testing.assert_array_equal(turned[:, 0], X[:, 0])
    np.testing.assert_array_equal(turned[:, 1], 6 - X[:, 1])
    np.testing.assert_array_equal(read(turned, reverse=[1]).values, X)


def test_the_table_that_came_is_not_changed():
    X = np.array([[1.0, 99.0], [2.0, 5.0]])
    before = X.copy()
    found = read(X, reverse=[0], not_applicable=[99])
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(found.values, [[5, np.nan], [4, 5]])


def test_questions_have_scales_and_codes_of_their_own():
    X = pd.DataFrame({"recommend": [0, 10, 99], "content": [1, 5, 0]})
    found = read(
        X,
        {"content": (1, 5), "recommend": (0, 10)},
        not_applicable={"recommend": [99], "content": [0]},
        reverse=["content"],
    )
    np.testing.assert_array_equal(found.values, [[0, 5], [10, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal([found.low, found.high], [[0, 1], [10, 5]])


def test_text_counts_only_as_declared():
    column = ["1 - poor", "5 - very satisfied", None, "not used"]
    with pytest.raises(ParameterError, match=r"'q' of nps holds text in 3 of its answers. Declare"):
        read(pd.DataFrame({"q": column}))
    with pytest.raises(ParameterError, match=r"holds text in 1 of its answers. The mapping in scale lacks them"):
        read(pd.DataFrame({"q": column}), TEXTS)
    for frame in (pd.DataFrame({"q": column}), pl.DataFrame({"q": column}), np.array(column, dtype=object)):
        found = read(frame, TEXTS, not_applicable=["not used"])
        np.testing.assert_array_equal(found.values[:, 0], [1, 5, np.nan, np.nan])
        assert (found.low[0], found.high[0]) == (1, 5)
    both = read(pd.DataFrame({"q": ["5 - very satisfied"], "r": [7]}), {"q": TEXTS, "r": (0, 10)})
    np.testing.assert_array_equal(both.values, [[5, 7]])


def test_numbers_may_be_recoded():
    np.testing.assert_array_equal(read([1, 2, 3, None], {1: 0, 2: 0, 3: 1}).values[:, 0], [0, 0, 1, np.nan])
    with pytest.raises(ParameterError, match=r"holds numbers in 2 of its answers"):
        read([1, 2, 4, 4], {1: 0, 2: 1})


def test_answers_off_the_scale_are_named_and_counted():
    X = pd.DataFrame({"speed": [1, 2, 6, 7], "price": [0, 1, 2, 5], "staff": [1, 2, 3, 4]})
    with pytest.raises(
        ParameterError, match=r"'speed' in 2 \(1 to 7, scale 1 to 5\); 'price' in 1 \(0 to 5, scale 1 to 5\)\."
    ):
        read(X)
    wide = np.full((1, 8), 9)
    with pytest.raises(ParameterError, match="and 3 further questions"):
        read(wide)


def test_a_scale_of_which_nobody_uses_the_upper_half_is_warned_of():
    answers = [1, 2, 3, 4] * 5
    with pytest.warns(CrmkitWarning, match=r"'answers': of 'answers' the highest is 4, on a scale of 0 to 10"):
        read(answers, (0, 10))
    read(answers[:8], (0, 10))
    read(answers, (1, 5))


@pytest.mark.parametrize("scale", [5, "1-5", (1,), (5, 1), (1, 1), (1, np.inf), (1, "5"), None, [1, 2, 3]])
def test_a_scale_is_two_numbers(scale):
    with pytest.raises(ParameterError, match="'scale' parameter of nps must be a pair"):
        check_scale(scale, "nps")


@pytest.mark.parametrize("scale", [{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": np.nan}, {"answers": {"a": "b"}}])
def test_a_mapping_of_texts_needs_numbers_that_differ(scale):
    with pytest.raises(ParameterError, match="scale"):
        read(["a"], scale)


def test_what_is_declared_must_be_there():
    X = pd.DataFrame({"speed": [1], "price": [2]})
    with pytest.raises(ParameterError, match="declares no scale for 'price'"):
        read(X, {"speed": (1, 5)})
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'speed'"):
        read(X, reverse=["sped"])
    with pytest.raises(ColumnNotFoundError):
        read(X.to_numpy(), reverse=[2])
    with pytest.raises(ParameterError, match="'reverse' parameter of nps must be a list of questions"):
        read(X, reverse="speed")
    with pytest.raises(ParameterError, match="'not_applicable' parameter of nps"):
        read(X, not_applicable=9)
    with pytest.raises(ParameterError, match="Give scale="):
        read(X, None, reverse=["speed"], unscaled=True)
    assert np.isnan(read(X, None, unscaled=True).low).all()
    with pytest.raises(ParameterError, match="'scale' parameter of nps must be a pair"):
        read(X, None)
    with pytest.raises(ParameterError, match="'not_applicable' parameter of nps must be numbers or texts"):
        read(X, not_applicable=[[1]])


def test_categories_of_numbers_are_numbers():
    X = pd.DataFrame({"q": pd.Categorical([3, None, 5], categories=[1, 3, 5], ordered=True)})
    np.testing.assert_array_equal(read(X).values[:, 0], [3, np.nan, 5])
    with pytest.raises(ParameterError, match="off the scale"):
        read(X, (1, 4))


def test_questions_named_by_numbers_or_tuples():
    X = pd.DataFrame([[1, 9], [2, 8]])
    np.testing.assert_array_equal(read(X, {0: (1, 5), 1: (0, 10)}, reverse=[1]).values, [[1, 1], [2, 2]])
    X.columns = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
    np.testing.assert_array_equal(read(X, (0, 10), reverse=[("a", 2)]).values, [[1, 1], [2, 2]])


def test_warnings_point_at_the_line_that_called():
    with pytest.warns(CrmkitWarning) as caught:
        nps([1] * 20)
    assert caught[0].filename == __file__


def test_later_answers_are_held_to_the_scale_without_doubt():
    scorer = SatisfactionScorer(scale=(1, 5)).fit([[1, 5], [5, 1], [3, 3]] * 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scorer.transform(np.full((20, 2), 2))


@pytest.mark.parametrize("X", [[], pd.DataFrame({"a": []}), np.empty((0, 2)), np.empty((3, 0))])
def test_no_answers_are_refused(X):
    with pytest.raises(ValueError, match=r"minimum of 1 is required"):
        read(X)


def test_infinite_answers_are_refused():
    with pytest.raises(ValueError, match="infinity"):
        read([1.0, np.inf])


def test_weights_of_respondents():
    np.testing.assert_array_equal(respondent_weights(None, 2, "nps"), [1, 1])
    np.testing.assert_array_equal(respondent_weights([0, 2], 2, "nps"), [0, 2])
    for wrong in ([-1, 2], [0, 0], [1, np.nan], [1, 2, 3]):
        with pytest.raises(ParameterError, match="sample_weight"):
            respondent_weights(wrong, 2, "nps")


def test_a_text_that_is_no_answer_among_numbers():
    for X in ([4, "n/a", None, 2], pd.DataFrame({"q": [4, "n/a", None, 2]}), pd.Series([4, "n/a", None, 2])):
        np.testing.assert_array_equal(read(X, not_applicable=["n/a"]).values[:, 0], [4, np.nan, np.nan, 2])
    with pytest.raises(ParameterError, match="numbers, flags or text, one of the three"):
        read([4, "n/a", "5"], not_applicable=["n/a"])


@pytest.mark.parametrize(
    "X", [[["1", "2"], ["2", "1"]], np.array([["1"], ["2"]]), pd.DataFrame({"q": ["1", "2"]}), ["1"]]
)
def test_digits_written_as_text_are_text(X):
    with pytest.raises(ParameterError, match="holds text in"):
        read(X)
    assert set(read(X, {"1": 1, "2": 2}).values.ravel()) <= {1, 2}


def test_errors_do_not_print_what_customers_wrote():
    words = np.array(["Jane Doe: terrible", "fine"])
    two = np.column_stack([words, words])
    scorer, drivers, model = SatisfactionScorer(scale=(1, 5)), DriverAnalysis(), SatisfactionClassifier()
    for estimator, X in ((scorer, words), (scorer, two), (drivers, words), (drivers, two), (model, words)):
        with pytest.raises(ParameterError) as caught:
            estimator.fit(X, [0, 1])
        assert "Jane" not in str(caught.value)


def test_clean_answers_go_on_to_drivers():
    X = pd.DataFrame({"speed": [1, 5, 9, 3], "errors": [2, 1, 4, 5]}, index=list("abcd"))
    found = clean_answers(X, scale=(1, 5), reverse=["errors"], not_applicable=[9])
    expected = pd.DataFrame({"speed": [1, 5, np.nan, 3], "errors": [4.0, 5, 2, 1]}, index=list("abcd"))
    pd.testing.assert_frame_equal(found, expected)
    other = clean_answers(pl.from_pandas(X), scale=(1, 5), reverse=["errors"], not_applicable=[9])
    assert isinstance(other, pl.DataFrame)
    np.testing.assert_array_equal(other.to_numpy(), expected)
    assert clean_answers([1, 2, 4], scale=(1, 5)).shape == (3, 1)


@pytest.mark.parametrize("kind", [pd.Series, pl.Series])
def test_a_column_keeps_its_name_in_messages(kind):
    column = pd.Series([1, 9], name="speed") if kind is pd.Series else pl.Series("speed", [1, 9])
    with pytest.raises(ParameterError, match="'speed' in 1"):
        read(column)
