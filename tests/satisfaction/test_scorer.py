"""SatisfactionScorer against one respondent after the other, published surveys, and what must hold of any index."""

from __future__ import annotations

import json
import math
import pickle
import statistics
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from crmkit import SatisfactionScorer
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction import cronbach_alpha, csat

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text(encoding="utf-8"))

#: What the tests below do not ask about: few respondents say little of reliability, and some have no index.
quiet = pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")


def naive(row, scales, weights, method="mean", box=1, missing="available", least=0.5, index=(0, 100), medians=None):
    """The index of one respondent, by the words of the docstring; None is no answer."""
    asked = [j for j, weight in enumerate(weights) if weight > 0]
    answered = [j for j in asked if row[j] is not None]
    if not answered or len(answered) / len(asked) < least or (missing == "complete" and answered != asked):
        return math.nan
    if missing == "impute":
        row, answered = [medians[j] if x is None else x for j, x in enumerate(row)], asked
    worth = []
    for j in answered:
        low, high = scales[j]
        if method == "mean":
            worth.append(weights[j] * (row[j] - low) / (high - low))
        elif method == "top_box":
            worth.append(weights[j] * (row[j] in [high - step for step in range(box)]))
        else:
            worth.append(weights[j] * (row[j] in [low + step for step in range(box)]))
    place = math.fsum(worth) / math.fsum(weights[j] for j in answered)
    return index[0] + (index[1] - index[0]) * place


def survey(n=60, holes=0.2, seed=0):
    """Answers on three scales to four questions that belong together, the third of them reverse-keyed."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(size=(n, 1))
    places = 1 / (1 + np.exp(-(mood + rng.normal(size=(n, 4)))))
    low, high = np.array([1, 0, 1, 1]), np.array([5, 10, 7, 5])
    answers = low + np.rint(places * (high - low))
    answers[:, 2] = 8 - answers[:, 2]
    answers[rng.random((n, 4)) < holes] = np.nan
    return pd.DataFrame(answers, columns=["service", "price", "effort", "again"])


SCALES = {"service": (1, 5), "price": (0, 10), "effort": (1, 7), "again": (1, 5)}
WEIGHTS = {"service": 2.0, "price": 1.0, "effort": 0.5, "again": 0.0}


def scorer(**parameters):
    return SatisfactionScorer(scale=SCALES, reverse=["effort"], **parameters)


def index_of(X, **parameters):
    return scorer(**parameters).fit(X).transform(X)["satisfaction"].to_numpy()


def turned(X):
    """The answers of `survey` as lists, with the third question turned round."""
    known = X.assign(effort=8 - X["effort"])
    return [[None if math.isnan(x) else x for x in row] for row in known.to_numpy().tolist()]


# ----------------------------------------------------------------------------- against the oracle


@quiet
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("missing", ["available", "complete", "impute"])
@pytest.mark.parametrize(("method", "box"), [("mean", 1), ("top_box", 1), ("top_box", 2), ("bottom_box", 3)])
def test_index_is_that_of_one_respondent_after_the_other(method, box, missing, weights):
    X = survey()
    rows = turned(X)
    medians = [statistics.median(row[j] for row in rows if row[j] is not None) for j in range(4)]
    plain = [1.0] * 4 if weights is None else list(weights.values())
    scales = list(SCALES.values())
    for least, index in ((0.5, (0, 100)), (1.0, (-1.5, 2)), (0.0, (1, 5))):
        expected = [naive(row, scales, plain, method, box, missing, least, index, medians) for row in rows]
        found = index_of(
            X, method=method, box_width=box, missing=missing, item_weights=weights, min_answered=least, index=index
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@quiet
def test_statistics_of_the_questions():
    X = survey()
    X["effort"] = X["effort"].astype("Float64")
    fitted = scorer(item_weights=WEIGHTS, box_width=2).fit(X, sample_weight=np.full(60, 1 / 60))
    known = pd.DataFrame(
        [[math.nan if x is None else x for x in row] for row in turned(X.astype(float))], columns=list(X)
    )
    table = fitted.item_statistics_
    assert list(table.columns) == [
        "n", "missing", "mean", "sd", "top_box", "bottom_box", "item_rest_correlation", "alpha_if_dropped", "weight",
    ]  # fmt: skip
    assert table.index.tolist() == list(X)
    assert table["n"].tolist() == known.count().tolist()
    assert (table["n"] + table["missing"] == len(X)).all()
    np.testing.assert_allclose(table["mean"], known.mean())
    np.testing.assert_allclose(table["sd"], known.std())
    for name, (low, high) in SCALES.items():
        given_ = known[name].dropna()
        assert table.loc[name, "top_box"] == pytest.approx((given_ >= high - 1).mean())
        assert table.loc[name, "bottom_box"] == pytest.approx((given_ <= low + 1).mean())
    np.testing.assert_allclose(table["weight"], [2 / 3.5, 1 / 3.5, 0.5 / 3.5, 0])
    np.testing.assert_allclose(fitted.item_weights_, table["weight"])
    places = pd.DataFrame({name: (known[name] - low) / (high - low) for name, (low, high) in SCALES.items()})
    assert fitted.reliability_["alpha"].value == pytest.approx(cronbach_alpha(places).value)
    assert next(iter(fitted.reliability_)) == "alpha"


# ---------------------------------------------------------------------------------- what is learnt


@quiet
def test_weights_of_drivers_are_relative_weights():
    X = survey(400, holes=0.05)
    known = pd.DataFrame(turned(X), columns=list(X)).astype(float)
    y = known.fillna(4).sum(axis=1) + np.random.default_rng(1).normal(size=len(X))
    y[::17] = np.nan
    fitted = scorer(item_weights="drivers").fit(X, y)
    complete = known.assign(y=y).dropna()
    R = np.corrcoef(complete.to_numpy(), rowvar=False)
    # Johnson's recipe word for word: regress y on the nearest uncorrelated variables, and these on the questions.
    values, vectors = np.linalg.eigh(R[:4, :4])
    paths = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    shares = paths**2 @ np.linalg.solve(paths, R[:4, 4]) ** 2
    assert shares.sum() == pytest.approx(R[4, :4] @ np.linalg.solve(R[:4, :4], R[:4, 4]))  # R²
    np.testing.assert_allclose(fitted.item_weights_, shares / shares.sum())


@quiet
def test_weights_of_the_factor_are_its_loadings():
    rng = np.random.default_rng(0)
    loadings = np.array([0.9, 0.7, 0.5, 0.3])
    X = rng.normal(size=(200_000, 1)) * loadings + rng.normal(size=(200_000, 4)) * np.sqrt(1 - loadings**2)
    fitted = SatisfactionScorer(scale=(-10, 10), item_weights="factor").fit(X)
    np.testing.assert_allclose(fitted.item_weights_, loadings / loadings.sum(), atol=0.005)


@quiet
def test_a_question_that_goes_against_the_others_has_no_weight():
    X = survey(300, holes=0)
    with pytest.warns(CrmkitWarning, match=r"no weight to questions .*: 'effort'. Does reverse lack"):
        fitted = SatisfactionScorer(scale=SCALES, item_weights="factor").fit(X)
    assert fitted.item_weights_[2] == 0
    assert fitted.item_weights_.sum() == pytest.approx(1)


@quiet
def test_medians_are_learnt_from_fit_alone():
    X = pd.DataFrame({"a": [1, 2, 5, 5, np.nan], "b": [3, 3, 3, 4, 5.0]})
    fitted = SatisfactionScorer(scale=(1, 5), missing="impute", min_answered=0).fit(X, sample_weight=[1, 1, 1, 1, 9])
    assert fitted.medians_.tolist() == [3.5, 5.0]
    alone = fitted.transform(pd.DataFrame({"a": [np.nan, np.nan], "b": [3.0, np.nan]}))["satisfaction"]
    assert alone[0] == pytest.approx(100 * (2.5 / 4 + 2 / 4) / 2)
    assert math.isnan(alone[1])  # nothing but medians is nobody's opinion
    assert not hasattr(fitted.set_params(missing="available").fit(X), "medians_")


# ------------------------------------------------------------------------------------------ theory

answers = st.one_of(st.none(), st.integers(1, 5))
tables = st.integers(1, 6).flatmap(
    lambda k: st.lists(st.lists(answers, min_size=k, max_size=k), min_size=1, max_size=12)
)


def as_array(rows):
    return np.array([[np.nan if x is None else x for x in row] for row in rows], dtype=float)


def scores(X, method="mean", **parameters):
    made = SatisfactionScorer(scale=(1, 5), method=method, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.fit(X).transform(X)[:, 0]


@settings(max_examples=40)
@given(tables, st.sampled_from(["mean", "top_box", "bottom_box"]), st.data())
def test_index_stays_inside_its_bounds_and_rows_stand_alone(rows, method, data):
    X = as_array(rows)
    weights = dict(enumerate(data.draw(st.lists(st.floats(0.001, 1e6), min_size=X.shape[1], max_size=X.shape[1]))))
    ends = (-0.1, 0.7)
    found = scores(X, method, item_weights=weights, index=ends, min_answered=0)
    known = found[~np.isnan(found)]
    assert (np.isnan(found) == np.isnan(X).all(axis=1)).all()
    assert ((known >= ends[0]) & (known <= ends[1])).all()
    for row, score in zip(X, found, strict=True):
        alone = scores(row[None], method, item_weights=weights, index=ends, min_answered=0)
        assert alone.tobytes() == np.array([score]).tobytes()


@given(tables, st.data())
def test_the_ends_of_the_scale_are_the_ends_of_the_index(rows, data):
    k = len(rows[0])
    weights = dict(enumerate(data.draw(st.lists(st.floats(0.001, 1e6), min_size=k, max_size=k))))
    X = np.array([[1.0] * k, [5.0] * k])
    assert scores(X, item_weights=weights, index=(0.1, 0.7)).tolist() == [0.1, 0.7]


@settings(max_examples=40)
@given(tables)
def test_reversing_all_questions_mirrors_the_index(rows):
    X = as_array(rows)
    everything = list(range(X.shape[1]))
    np.testing.assert_allclose(scores(X, reverse=everything), 100 - scores(X), atol=1e-9)
    np.testing.assert_allclose(scores(X, "top_box", reverse=everything), scores(X, "bottom_box"), atol=1e-9)


@given(tables)
def test_a_question_without_weight_is_not_there(rows):
    X = as_array(rows)
    weights = dict.fromkeys(range(X.shape[1]), 1.0) | {X.shape[1]: 0.0}
    wider = np.column_stack([X, np.ones(len(X))])
    np.testing.assert_array_equal(scores(wider, item_weights=weights), scores(X))


@quiet
@pytest.mark.parametrize("learnt", [None, "drivers", "factor"])
@pytest.mark.parametrize("missing", ["available", "impute"])
def test_weights_of_respondents(learnt, missing):
    X, by = survey(80, holes=0.05), np.arange(80) % 3
    y = X.sum(axis=1).to_numpy()
    made = scorer(item_weights=learnt, missing=missing)

    def found(X, y, by, weight):
        fitted = clone(made).fit(X, y, sample_weight=weight)
        return fitted, fitted.score_table(X, by, sample_weight=weight)

    plain, table = found(X, y, by, None)
    ones, table_of_ones = found(X, y, by, np.ones(80))
    pd.testing.assert_frame_equal(table, table_of_ones, check_exact=True)
    assert plain.item_weights_.tolist() == ones.item_weights_.tolist()
    figures = ["mean", "sd", "top_box", "bottom_box", "item_rest_correlation", "alpha_if_dropped", "weight"]
    halved, table_of_halves = found(pd.concat([X, X]), np.tile(y, 2), np.tile(by, 2), np.full(160, 0.5))
    pd.testing.assert_frame_equal(halved.item_statistics_[figures], plain.item_statistics_[figures], rtol=1e-9)
    means = ["mean", "top_box", "bottom_box"]
    np.testing.assert_allclose(table_of_halves["value"], table["value"], rtol=1e-9)
    for name, one in plain.reliability_.items():
        assert halved.reliability_[name].value == pytest.approx(one.value, rel=1e-9)
    for unit in (7.3, 1 / 80, 1e-300, 1e300):
        other, other_table = found(X, y, by, np.full(80, unit))
        pd.testing.assert_frame_equal(other.item_statistics_[means], plain.item_statistics_[means], rtol=1e-9)
        np.testing.assert_allclose(other.item_weights_, plain.item_weights_, rtol=1e-2)
        np.testing.assert_allclose(other_table[["value", "low", "high"]], table[["value", "low", "high"]], rtol=1e-9)
    # A whole number of people a respondent, nobody included, is as good as writing their rows again.
    counts = np.random.default_rng(0).integers(0, 4, size=80)
    weighted, table = found(X, y, by, counts)
    again = np.repeat(np.arange(80), counts)
    repeated, table_again = found(X.iloc[again], y[again], by[again], None)
    np.testing.assert_allclose(weighted.item_weights_, repeated.item_weights_, rtol=1e-6)
    np.testing.assert_allclose(table["value"], table_again["value"])
    assert table["n"].sum() == np.count_nonzero(counts)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [5e-324, 1e-200, 1e200, 1e300])
def test_huge_and_tiny_weights_and_scales(unit):
    X, weight = survey(80, holes=0.0)[["service", "price", "again"]] * 1.0, np.arange(80) % 3 + 1.0
    y, made = X.sum(axis=1), SatisfactionScorer(scale=(-1, 10), item_weights="drivers")
    # Weights that cannot count respondents are scaled to a mean of 1, or of a million.
    weight /= weight.mean() / (1 if unit < 1 else 1e6)
    plain = clone(made).fit(X, y, sample_weight=weight)
    weighted = clone(made).fit(X, y, sample_weight=(np.arange(80) % 3 + 1.0) * unit)
    pd.testing.assert_frame_equal(weighted.item_statistics_, plain.item_statistics_)
    assert {name: one.value for name, one in weighted.reliability_.items()} == pytest.approx(
        {name: one.value for name, one in plain.reliability_.items()}
    )
    huge = made.set_params(scale=(-unit, 10 * unit)).fit(X * unit, y * unit, sample_weight=weight)
    same = ["item_rest_correlation", "alpha_if_dropped", "weight"]
    pd.testing.assert_frame_equal(huge.item_statistics_[same], plain.item_statistics_[same])
    measured = plain.item_statistics_[["mean", "sd"]]
    pd.testing.assert_frame_equal(huge.item_statistics_[["mean", "sd"]], measured * unit)


# ---------------------------------------------------------------------------------------- segments


@quiet
@pytest.mark.parametrize("weighted", [False, True])
def test_segments_have_the_t_interval_of_their_respondents(weighted):
    X = survey(200)
    rng = np.random.default_rng(1)
    by = rng.choice(["north", "south", "west"], size=200)
    weight = rng.integers(0, 4, size=200).astype(float) if weighted else None
    fitted = scorer().fit(X)
    table = fitted.score_table(X, by, sample_weight=weight, coverage=0.9)
    index = fitted.transform(X)["satisfaction"].to_numpy()
    assert table.columns.tolist() == ["segment", "value", "low", "high", "n"]
    assert table["segment"].tolist() == ["north", "south", "west"]
    w = np.ones(200) if weight is None else weight
    for _, row in table.iterrows():
        rows = (by == row["segment"]) & ~np.isnan(index) & (w > 0)
        x, share = index[rows], w[rows] / w[rows].sum()
        mean, n = share @ x, 1 / (share @ share)
        error = math.sqrt((share**2 @ (x - mean) ** 2) * n / (n - 1))
        if not weighted:
            assert error == pytest.approx(x.std(ddof=1) / math.sqrt(len(x)))
        half = student.ppf(0.95, n - 1) * error
        assert [row["value"], row["low"], row["high"]] == pytest.approx([mean, mean - half, mean + half])
        assert row["n"] == rows.sum()


def test_odd_segments():
    X = pd.DataFrame({"a": [1.0, 5, 3, np.nan, 4, 2], "b": [1.0, 5, 4, np.nan, 3, 2]})
    fitted = SatisfactionScorer(scale=(1, 5)).fit(X)
    with pytest.warns(CrmkitWarning, match=r"score_table has no index for 1 of 6 respondents"):
        table = fitted.score_table(X, ["z", "z", None, "empty", "a", "a"])
    assert table["segment"].tolist()[:3] == ["a", "empty", "z"]
    assert pd.isna(table["segment"][3])  # no segment comes last
    assert table["n"].tolist() == [2, 0, 2, 1]
    assert table["value"].round(2).tolist()[2:] == [50.0, 62.5]
    assert table.iloc[1, 1:4].isna().all()
    assert table.iloc[3, 2:4].isna().all()  # one respondent tells nothing of the spread
    months = pd.to_datetime(["2024-02-01", "2024-01-01"] * 3)
    with pytest.warns(CrmkitWarning):
        assert fitted.score_table(X, months)["segment"].tolist() == sorted(set(months))
    levels = pd.Categorical(["low", "high"] * 3, categories=["low", "high"], ordered=True)
    with pytest.warns(CrmkitWarning):
        assert fitted.score_table(X, levels)["segment"].tolist() == ["low", "high"]
    with pytest.raises(ParameterError, match="'by' parameter of SatisfactionScorer.score_table must be of length 6"):
        fitted.score_table(X, ["a"])
    with pytest.raises(ParameterError, match="'coverage' parameter of SatisfactionScorer.score_table"):
        fitted.score_table(X, ["a"] * 6, coverage=95)


# ------------------------------------------------------------------------------------- containers


@quiet
def test_what_goes_in_decides_what_comes_out():
    X = survey(20).set_index(pd.Index(range(100, 120), name="respondent"))
    fitted = scorer().fit(X)
    expected = fitted.transform(X)
    assert isinstance(expected, pd.DataFrame)
    assert expected.columns.tolist() == fitted.get_feature_names_out().tolist() == ["satisfaction"]
    assert expected.index.equals(X.index)
    columns = {name: X[name].to_numpy() for name in X}
    values = expected["satisfaction"].to_numpy()
    frame = fitted.transform(pl.DataFrame(columns))
    assert isinstance(frame, pl.DataFrame)
    np.testing.assert_array_equal(frame["satisfaction"], values)
    for other in (pa.table(columns), columns, dict(reversed(columns.items())), X.convert_dtypes()):
        found = fitted.transform(other)
        assert isinstance(found, pd.DataFrame)
        np.testing.assert_array_equal(found["satisfaction"], values)
        np.testing.assert_array_equal(scorer().fit_transform(other)["satisfaction"], values)
    assert isinstance(fitted.score_table(pl.DataFrame(columns), ["a", "b"] * 10), pl.DataFrame)
    assert isinstance(fitted.score_table(X, ["a", "b"] * 10), pd.DataFrame)
    by_place = SatisfactionScorer(
        scale=dict(enumerate(SCALES.values())), reverse=[2], item_weights={0: 1, 1: 1, 2: 1, 3: 1}
    )
    for table in (X.to_numpy(), X.to_numpy().tolist(), np.asfortranarray(X)):
        found = by_place.fit_transform(table)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found[:, 0], values)
    for container, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        made = scorer().set_output(transform=container).fit(X)
        for table in (X, pl.DataFrame(columns)):
            found = made.transform(table)
            assert isinstance(found, kind)
            np.testing.assert_array_equal(found["satisfaction"], values)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(X[X.columns[::-1]])


@quiet
def test_texts_have_the_numbers_that_are_declared():
    said = {"不满意": 1, "一般": 2, "满意": 3}
    X = pd.DataFrame({"服务": ["满意", "一般", "不满意", "不适用", None], "推荐": [10, 5, 0, 99, 7]})
    made = SatisfactionScorer(scale={"服务": said, "推荐": (0, 10)}, not_applicable={"服务": ["不适用"], "推荐": [99]})
    found = made.fit_transform(X)["satisfaction"]
    np.testing.assert_allclose(found, [100, 50, 0, np.nan, 70])
    with pytest.raises(ParameterError, match="'服务' of SatisfactionScorer holds text in 4 of its answers"):
        SatisfactionScorer(scale=(0, 10), not_applicable=[99]).fit(X)


# -------------------------------------------------------------------------------------- scikit-learn


@quiet
def test_searches_pipelines_clones_and_pickles():
    X, rng = survey(120, holes=0), np.random.default_rng(0)
    y = index_of(X, item_weights=WEIGHTS) + rng.normal(size=120)
    grid = {
        "satisfactionscorer__item_weights": [None, "drivers", "factor", WEIGHTS],
        "satisfactionscorer__method": ["mean", "top_box"],
    }
    search = GridSearchCV(make_pipeline(scorer(), LinearRegression()), grid, cv=3, error_score="raise").fit(X, y)
    assert list(search.best_params_.values()) == [WEIGHTS, "mean"]
    best = search.best_estimator_[0]
    again = pickle.loads(pickle.dumps(best))
    pd.testing.assert_frame_equal(again.transform(X), best.transform(X), check_exact=True)
    assert clone(best).get_params() == best.get_params()
    assert not hasattr(clone(best), "item_weights_")


@quiet
def test_weights_of_respondents_are_routed():
    X = survey(60, holes=0)
    y, weight = X["service"].to_numpy(), np.arange(60.0)
    with sklearn.config_context(enable_metadata_routing=True):
        steps = scorer(item_weights="drivers").set_fit_request(sample_weight=True), LinearRegression()
        steps[1].set_fit_request(sample_weight=False)
        routed = make_pipeline(*steps).fit(X, y, sample_weight=weight)[0]
    direct = scorer(item_weights="drivers").fit(X, y, weight)
    assert routed.item_weights_.tolist() == direct.item_weights_.tolist()
    assert direct.item_weights_.tolist() != scorer(item_weights="drivers").fit(X, y).item_weights_.tolist()


# ---------------------------------------------------------------------------------------- bad input


@quiet
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scale": (1, 4)}, r"answers off the scale: 'a' in 2 \(1 to 5, scale 1 to 4\); 'b' in 1"),
        ({"scale": (5, 1)}, "'scale' parameter of SatisfactionScorer"),
        ({"scale": {"a": (1, 5)}}, "declares no scale for 'b'"),
        ({"reverse": ["c"]}, "reverse='c'"),
        ({"reverse": "a"}, "'reverse' parameter of SatisfactionScorer must be a list of questions"),
        ({"item_weights": {}}, r"'item_weights' parameter .* has none for 'a', 'b'"),
        ({"item_weights": {"a": 1}}, r"'item_weights' parameter .* has none for 'b': 0 leaves"),
        ({"item_weights": {"a": 1, "b": -1}}, "'item_weights' parameter .* at least 0"),
        ({"item_weights": {"a": 0, "b": 0}}, "'item_weights' parameter .* not all 0"),
        ({"item_weights": {"a": 1, "b": "much"}}, "'item_weights' parameter"),
        ({"item_weights": {"a": 1, "b": math.nan}}, "'item_weights' parameter"),
        ({"item_weights": {"a": 1, "b": 1, "c": 1}}, "item_weights='c'.*no such column"),
        ({"item_weights": "equal"}, "'item_weights' parameter of SatisfactionScorer must be"),
        ({"item_weights": "drivers"}, r"item_weights='drivers'\) requires y to be passed"),
        ({"method": "median"}, "'method' parameter"),
        ({"box_width": 0}, "'box_width' parameter"),
        ({"box_width": 5}, "'box_width' parameter of SatisfactionScorer must be smaller"),
        ({"missing": "drop"}, "'missing' parameter"),
        ({"min_answered": 2}, "'min_answered' parameter"),
        ({"index": (100, 0)}, r"'index' parameter of SatisfactionScorer must be a pair \(low, high\)"),
        ({"index": (0, math.inf)}, "'index' parameter"),
        ({"index": 100}, "'index' parameter"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, said):
    X = pd.DataFrame({"a": [1.0, 5, 3, 5], "b": [2.0, 4, 3, 5]})
    with pytest.raises(ValueError, match=said):
        SatisfactionScorer(**({"scale": (1, 5)} | parameters)).fit(X)


@quiet
def test_a_fit_that_fails_changes_nothing():
    X = survey()
    fitted = scorer().fit(X)
    before = pickle.dumps(fitted)
    for other, y, weight in ((X.assign(price=11), None, None), (X[["price"]], None, None), (X, None, -np.ones(60))):
        with pytest.raises(ValueError, match=r"off the scale|no such column|sample_weight"):
            fitted.fit(other, y, weight)
        assert pickle.dumps(fitted) == before


@quiet
@pytest.mark.parametrize(
    ("y", "said"),
    [
        (["good"] * 60, "'y' parameter of SatisfactionScorer.fit"),
        (np.ones(59), "'y' parameter .* length 60"),
        (np.full(60, np.inf), "'y' parameter of SatisfactionScorer.fit is infinite"),
        (np.full(60, np.nan), "n_samples=0"),
        (np.ones(60), r"one answer, or nobody any: 'y'"),
    ],
)
def test_an_overall_satisfaction_that_teaches_nothing_is_refused(y, said):
    with pytest.raises(ParameterError, match=said):
        scorer(item_weights="drivers").fit(survey(holes=0), y)


def test_rows_that_drivers_leave_out_are_counted():
    X = survey(200, holes=0.1)
    n = int(X.notna().all(axis=1).sum())
    with pytest.warns(CrmkitWarning, match=f"learns item_weights='drivers' from {n} of 200 respondents"):
        scorer(item_weights="drivers").fit(X, np.arange(200.0))
    with pytest.warns(CrmkitWarning, match="weights of 4 questions from 5 respondents"):
        scorer(item_weights="drivers").fit(survey(5, holes=0), np.arange(5.0) ** 2)


def test_a_scale_that_is_too_wide_is_warned_of():
    X = np.random.default_rng(0).integers(1, 5, size=(50, 3))
    with pytest.warns(CrmkitWarning, match="no answer above the middle of the scale"):
        SatisfactionScorer(scale=(0, 10)).fit(X)


def test_a_question_that_everybody_answers_alike():
    X = survey(holes=0).assign(again=4.0)
    with pytest.warns(CrmkitWarning, match=r"leaves questions out of reliability_ .*: 'again'"):
        fitted = scorer().fit(X)
    assert fitted.item_weights_.tolist() == [0.25] * 4
    assert fitted.item_statistics_.loc["again"].isna().sum() == 2
    assert fitted.reliability_["alpha"].value > 0.5
    for learnt in ("factor", "drivers"):
        with pytest.raises(ParameterError, match=r"learns nothing where everybody gave one answer.*'again'"):
            scorer(item_weights=learnt).fit(X, np.arange(60.0))
    X["again"] = np.nan
    with pytest.raises(ParameterError, match=r"no answer to 'again', and so no median"):
        scorer(missing="impute").fit(X)


def test_too_few_answers_are_counted():
    X = survey(40, holes=0)
    X.iloc[:3, :3] = np.nan
    X.iloc[3] = np.nan
    fitted = scorer().fit(X)
    with pytest.warns(
        CrmkitWarning, match=r"no index for 4 of 40 respondents, who answered less than min_answered=0.5"
    ):
        index = fitted.transform(X)["satisfaction"]
    assert index.isna().tolist() == [True] * 4 + [False] * 36
    fitted.set_params(min_answered=0.25)
    with pytest.warns(CrmkitWarning, match="no index for 1 of 40"):
        assert fitted.transform(X)["satisfaction"].isna().sum() == 1


@pytest.mark.parametrize("X", [[[3.0, 4.0]], [[3.0], [4.0], [5.0]], [[np.nan, np.nan]] * 4, [[1, 5], [5, 1], [3, 3]]])
def test_no_reliability_is_no_hindrance(X):
    """One respondent, one question, no answers, or questions that cancel out."""
    with pytest.warns(CrmkitWarning, match="has no reliability_"):
        fitted = SatisfactionScorer(scale=(1, 5)).fit(X)
    assert fitted.reliability_ == {}
    assert fitted.item_statistics_["alpha_if_dropped"].isna().all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(
            fitted.transform(X)[:, 0], [25 * (statistics.fmean(row) - 1) for row in X], equal_nan=True
        )


@quiet
@pytest.mark.parametrize("weight", [[-1, 1, 1, 1], [0, 0, 0, 0], [1, np.nan, 1, 1], [1, 2]])
def test_weights_that_weigh_nothing_are_refused(weight):
    X = [[1, 2], [2, 2], [4, 5], [5, 4]]
    with pytest.raises(ParameterError, match=r"'sample_weight' parameter of SatisfactionScorer.fit"):
        SatisfactionScorer(scale=(1, 5)).fit(X, sample_weight=weight)
    fitted = SatisfactionScorer(scale=(1, 5)).fit(X)
    with pytest.raises(ParameterError, match=r"'sample_weight' parameter of SatisfactionScorer.score_table"):
        fitted.score_table(X, [1, 1, 2, 2], sample_weight=weight)


# ---------------------------------------------------------------------------------------- published


@pytest.fixture(scope="module")
def phone(data_folder):
    return pd.read_csv(data_folder / "survey_ecsi" / "ecsi_mobile_phone.csv")


@pytest.fixture(scope="module")
def personality(data_folder):
    return pd.read_csv(data_folder / "survey_bfi" / "bfi.csv")


def test_american_customer_satisfaction_index(phone):
    published = GOLDEN["indices"]["survey_ecsi"]
    X = phone[["CUSA1", "CUSA2", "CUSA3"]]
    ohio = {"CUSA1": 0.3885, "CUSA2": 0.3190, "CUSA3": 0.2925}
    for weights, expected in ((None, published["equal"]), (ohio, published["Ohio"])):
        index = SatisfactionScorer(scale=(1, 10), item_weights=weights).fit_transform(X)["satisfaction"]
        assert round(index.mean(), 3) == expected


@pytest.mark.parametrize("trait", "ACENO")
def test_reliability_of_personality(personality, trait):
    expected = GOLDEN["reliability"]["bfi"]["scales"][trait]
    X = personality[[f"{trait}{number}" for number in range(1, 6)]]
    reverse = [name for name in GOLDEN["reliability"]["bfi"]["reverse"] if name in X]
    made = SatisfactionScorer(scale=(1, 6), reverse=reverse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = made.fit(X)
        listwise = clone(made).set_params(missing="complete").fit(X).reliability_["alpha"]
    assert {name: round(one.value, 4) for name, one in fitted.reliability_.items()} == {
        name: expected[name] for name in fitted.reliability_
    }
    assert round(listwise.value, 4) == expected["listwise"]
    assert listwise.n == X.notna().all(axis=1).sum()
    if reverse:
        with pytest.warns(CrmkitWarning, match="reverse"):
            SatisfactionScorer(scale=(1, 6)).fit(X)


@quiet
def test_reliability_of_a_phone_provider(phone):
    for part, expected in GOLDEN["reliability"]["ecsi"]["blocks"].items():
        X = phone[[name for name in phone if name.startswith(part) and name != "CUSCO"]]
        found = SatisfactionScorer(scale=(1, 10)).fit(X).reliability_
        assert round(found["alpha"].value, 4) == expected["alpha"]
        if "omega" in expected:
            assert round(found["omega"].value, 4) == expected["omega"]


@pytest.mark.parametrize("width", [1, 2])
def test_boxes_of_a_mapping_are_its_numbers(width):
    scale = {"bad": 0, "ok": 5, "good": 10}
    X = pd.DataFrame({"q": ["bad", "ok", "good", "good", None, "ok"]})
    scorer = SatisfactionScorer(scale=scale, method="top_box", box_width=width, min_answered=0).fit(X)
    share = float(csat(X["q"], scale=scale, top=width))
    assert np.nanmean(scorer.transform(X)) == pytest.approx(100 * share)
    assert scorer.item_statistics_.loc["q", "top_box"] == pytest.approx(share)
    turned = SatisfactionScorer(scale=scale, method="bottom_box", box_width=width, reverse=["q"]).fit(X)
    assert np.nanmean(turned.transform(X)) == pytest.approx(100 * share)
    with pytest.raises(ParameterError, match="'box_width' parameter of SatisfactionScorer must be smaller"):
        SatisfactionScorer(scale=scale, box_width=3).fit(X)
