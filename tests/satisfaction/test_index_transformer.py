"""Points of respondents: their means are the indices."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmkit.exceptions import ParameterError
from crmkit.satisfaction import SurveyIndexTransformer, acsi, ces, csat, nps

answers = hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(1, 5).map(float))


@pytest.mark.filterwarnings("ignore:.*got no answer above")
@given(answers)
def test_means_of_points_are_indices(X):
    wide = {"scale": (1, 5)}
    cuts = {"promoters": 5, "detractors": 3}
    for name, function, options in (("nps", nps, wide | cuts), ("csat", csat, wide | {"top": 1}), ("ces", ces, wide)):
        points = SurveyIndexTransformer(name, **options).fit_transform(X)
        assert points.shape == X.shape
        assert points.mean(axis=0) == pytest.approx([function(X[:, j], **options).value for j in range(3)])
    points = SurveyIndexTransformer("acsi", scale=(1, 5), weights=[3, 2, 1]).fit_transform(X)
    assert points.shape == (len(X), 1)
    assert points.mean() == pytest.approx(acsi(*X.T, scale=(1, 5), weights=(3, 2, 1)).value)


@pytest.mark.parametrize(
    ("name", "answers", "points"),
    [
        ("nps", [10, 9, 8, 6, 0, np.nan], [100, 100, 0, -100, -100, np.nan]),
        ("csat", [5, 4, 3, np.nan], [1, 1, 0, np.nan]),
        ("ces", [7, 1, np.nan], [7, 1, np.nan]),
    ],
)
def test_points_on_usual_scales(name, answers, points):
    np.testing.assert_array_equal(SurveyIndexTransformer(name).fit_transform(np.c_[answers])[:, 0], points)


def test_acsi_of_a_part_is_missing():
    points = SurveyIndexTransformer("acsi").fit_transform([[10, 10, 10], [1, 1, 1], [10, np.nan, 10]])
    np.testing.assert_allclose(points[:, 0], [100, 0, np.nan])


def test_frames_and_names():
    X = pd.DataFrame({"shop": [10, 3], "app": [7, None]}, index=[5, 9])
    transformer = SurveyIndexTransformer().fit(X)
    assert transformer.cuts_ == (9, 6)
    assert transformer.scale_ == (0, 10)
    expected = pd.DataFrame({"nps_shop": [100.0, -100.0], "nps_app": [0.0, np.nan]}, index=[5, 9])
    pd.testing.assert_frame_equal(transformer.transform(X), expected)
    made = transformer.transform(pl.DataFrame({"shop": [10, 3], "app": [7, None]}))
    assert isinstance(made, pl.DataFrame)
    pd.testing.assert_frame_equal(made.to_pandas(), expected.reset_index(drop=True))
    assert isinstance(SurveyIndexTransformer().set_output(transform="polars").fit_transform(X), pl.DataFrame)
    assert list(SurveyIndexTransformer("acsi").fit([[1, 2, 9]]).get_feature_names_out()) == ["acsi"]


def test_texts_and_codes():
    X = pd.DataFrame({"easy": ["no", "yes", "not asked", None]})
    transformer = SurveyIndexTransformer("ces", scale={"no": 1, "yes": 7}, not_applicable=["not asked"])
    np.testing.assert_array_equal(transformer.fit_transform(X)["ces_easy"], [1, 7, np.nan, np.nan])


@pytest.mark.parametrize("codes", [np.array([99]), frozenset([99]), {"a": [99]}])
def test_any_collection_of_codes(codes):
    frame = pd.DataFrame({"a": [10.0, 99.0]})
    points = SurveyIndexTransformer(scale=np.array([0, 10]), not_applicable=codes).fit_transform(frame)
    assert points["nps_a"].tolist() == pytest.approx([100, np.nan], nan_ok=True)


def test_in_a_pipeline():
    X = [[10], [8], [3]]
    np.testing.assert_allclose(
        make_pipeline(SurveyIndexTransformer(), StandardScaler()).fit_transform(X)[:, 0], [1.2247449, 0, -1.2247449]
    )


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({}, [[11.0]], "off the scale"),
        ({"scale": (1, 5)}, [[5.0]], "On 1 to 5 give promoters, "),
        ({"index": "acsi"}, [[5.0, 5.0]], "takes three questions. Got 2 columns"),
        ({"index": "acsi", "weights": [1, 2]}, [[5.0, 5.0, 9.0]], "'weights' parameter"),
        ({"index": "csat", "top": 9}, [[5.0]], "'top' parameter"),
        ({"index": "csi"}, [[5.0]], "'index' parameter"),
    ],
)
def test_what_is_refused_leaves_nothing(options, X, message):
    transformer = SurveyIndexTransformer(**options)
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)
    assert not hasattr(transformer, "scale_")


@pytest.mark.parametrize("index", ["nps", "csat", "ces"])
def test_points_are_no_view_of_the_answers(index):
    X = np.array([[2.0], [5.0]])
    points = SurveyIndexTransformer(index).fit_transform(X)
    assert not np.shares_memory(points, X)


def test_later_answers_are_held_to_the_scale():
    transformer = SurveyIndexTransformer().fit([[9.0]])
    with pytest.raises(ParameterError, match="off the scale"):
        transformer.transform([[99.0]])
