"""DriverAnalysis: published shares, their properties, what it takes and what it refuses."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression

from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.satisfaction import DriverAnalysis
from crmkit.testing._sample import sample_snapshots

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text())["drivers"]


def quick(method="shapley", model="linear", **options):
    return DriverAnalysis(method, model, **{"n_resamples": 0, **options})


def case(seed=0, n=80, p=4, model="linear"):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + rng.normal(size=(n, 1)), 3)
    y = X.sum(axis=1) + rng.normal(size=n) * 2
    return X, (y > np.median(y)).astype(int) if model == "logistic" else y


@pytest.mark.parametrize("name", ["swiss", "mtcars", "mobile_phone"])
@pytest.mark.parametrize("method", ["shapley", "johnson"])
def test_published(data_folder, name, method):
    known = GOLDEN[name]
    table = pd.read_csv(data_folder / known["file"])
    model = quick(method).fit(table[known["X"]], table[known["y"]])
    digits = len(str(known[method][0])) - 2
    np.testing.assert_allclose(model.importances_, known[method], rtol=0, atol=0.5 * 10.0**-digits + 1e-9)
    assert model.r2_ == pytest.approx(known["r2"], abs=5e-7)
    assert model.importances_.sum() == pytest.approx(model.r2_, abs=1e-12)


@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_what_is_learnt(model):
    X, y = case(model=model)
    found = DriverAnalysis(model=model, random_state=0, n_resamples=50).fit(X, y)
    if model == "linear":
        plain = LinearRegression().fit(X, y)
        np.testing.assert_allclose(found.coefficients_, plain.coef_, rtol=1e-9)
        assert found.r2_ == pytest.approx(plain.score(X, y), rel=1e-12)
        assert found.classes_ is None
    else:
        plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
        np.testing.assert_allclose(found.coefficients_, plain.coef_[0], rtol=1e-4)
        p = plain.predict_proba(X)[np.arange(len(y)), y]
        assert found.r2_ == pytest.approx(1 - np.log(p).sum() / (len(y) * np.log(0.5)), rel=1e-9)
        assert found.classes_.tolist() == [0, 1]
    assert (found.n_used_, found.n_features_in_, found.exact_, found.r2_controls_) == (80, 4, True, 0.0)
    np.testing.assert_allclose(found.performance_, X.mean(axis=0))
    assert list(found.estimates_) == found.driver_names_ == ["x0", "x1", "x2", "x3"]
    for estimate, value, ends in zip(
        found.estimates_.values(), found.importances_, found.importance_intervals_, strict=True
    ):
        assert (estimate.value, estimate.low, estimate.high) == (value, *ends)
        assert (estimate.n, estimate.coverage) == (80, 0.95)
    assert {one.method for one in found.estimates_.values()} == {
        "bootstrap" if model == "linear" else "infinitesimal jackknife"
    }


def test_groups_and_controls():
    X, y = case(1, p=6)
    options = {"groups": {"pair": [4, 1]}, "controls": [3]}
    names = ["x0", "pair", "x2", "x5"]
    for method in ("shapley", "johnson"):
        model = quick(method, **options).fit(X, y)
        assert model.driver_names_ == names
        assert model.r2_controls_ == pytest.approx(np.corrcoef(X[:, 3], y)[0, 1] ** 2)
        assert model.importances_.sum() == pytest.approx(model.r2_ - model.r2_controls_, rel=1e-10)
    assert model.performance_[1] == pytest.approx(X[:, [1, 4]].mean())
    np.testing.assert_allclose(model.coefficients_, LinearRegression().fit(X, y).coef_, rtol=1e-8)
    # What controls explain is out of both: residuals on them, as shares of the variance of y.
    control = X[:, [3]]
    rest = X[:, [0, 1, 4, 2, 5]]
    rest = rest - LinearRegression().fit(control, rest).predict(control)
    left = y - LinearRegression().fit(control, y).predict(control)
    alone = quick(groups={"pair": [1, 2]}).fit(rest, left)
    shares = alone.importances_ * left.var() / y.var()
    np.testing.assert_allclose(quick(**options).fit(X, y).importances_, shares, rtol=1e-9)
    # One group of all has all.
    whole = quick(groups={"all": range(6)}).fit(X, y)
    np.testing.assert_allclose(whole.importances_, [whole.r2_])


@example(75, "shapley", "logistic", 5)
@example(2592, "shapley", "logistic", 5)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["shapley", "johnson"]),
    st.sampled_from(["linear", "logistic"]),
    st.integers(1, 5),
)
def test_properties(seed, method, model, p):
    X, y = case(seed, p=p, model=model)
    weight = np.random.default_rng(seed).integers(1, 4, size=len(y)).astype(float)
    found = quick(method, model).fit(X, y, sample_weight=weight)
    assert (found.importances_ >= -1e-9).all()
    assert found.importances_.sum() == pytest.approx(found.r2_, abs=1e-9)
    # Where classes are foretold exactly there is no best model to reach.
    atol = 1e-5 if found.r2_ > 1 - 1e-6 else 1e-7
    # Rows doubled at half the weight; columns in another order and unit.
    doubled = quick(method, model).fit(np.repeat(X, 2, axis=0), np.repeat(y, 2), sample_weight=np.repeat(weight / 2, 2))
    order = np.random.default_rng(seed).permutation(p)
    moved = quick(method, model).fit(X[:, order] * 1000 - 5, y, sample_weight=weight)
    repeated = quick(method, model).fit(np.repeat(X, weight.astype(int), axis=0), np.repeat(y, weight.astype(int)))
    for same in (doubled.importances_, repeated.importances_, moved.importances_[np.argsort(order)]):
        np.testing.assert_allclose(same, found.importances_, atol=atol)
    if atol < 1e-6:
        np.testing.assert_allclose(doubled.coefficients_, found.coefficients_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(doubled.performance_, found.performance_, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"method": "johnson"}, {"model": "logistic"}], ids=str)
def test_weights_of_one_are_none(options):
    X, y = case(model=options.get("model", "linear"))
    model = DriverAnalysis(**options, n_resamples=20, random_state=0)
    plain, weighted = clone(model).fit(X, y), clone(model).fit(X, y, sample_weight=np.ones(len(y)))
    assert pickle.dumps(plain) == pickle.dumps(weighted)
    zeros = clone(model).fit(X, y, sample_weight=np.r_[np.full(70, 7), np.zeros(10)])
    fewer = clone(model).fit(X[:70], y[:70])
    assert zeros.n_used_ == 70
    np.testing.assert_allclose(zeros.importance_intervals_, fewer.importance_intervals_, rtol=1e-9)


def test_a_driver_without_a_part():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(np.column_stack([np.ones(60), rng.normal(size=(60, 3))]))[0]
    X = Q[:, 1:]
    found = quick().fit(X, X[:, 0] + X[:, 1])  # the third is uncorrelated with all
    np.testing.assert_allclose(found.importances_, [0.5, 0.5, 0.0], atol=1e-12)


def test_frames_of_any_kind(make_frame):
    X, y = case(2)
    expected = DriverAnalysis(random_state=0, n_resamples=20).fit(X, y)
    frame = make_frame({f"q{j}": X[:, j] for j in range(4)})
    if isinstance(frame, pl.LazyFrame):
        with pytest.raises(ParameterError, match=r"collect"):
            quick().fit(frame, y)
        return
    found = DriverAnalysis(random_state=0, n_resamples=20, controls=(), groups={}).fit(frame, y)
    assert found.driver_names_ == ["q0", "q1", "q2", "q3"]
    assert found.importance_intervals_.tolist() == expected.importance_intervals_.tolist()
    table = found.table()
    assert isinstance(table, pl.DataFrame if isinstance(frame, pl.DataFrame) else pd.DataFrame)
    assert list(table["importance"]) == sorted(expected.importances_.tolist(), reverse=True)
    assert sum(table["share"]) == pytest.approx(1)
    named = quick(groups={"both": ["q1", "q3"]}, controls=["q0"]).fit(frame, y)
    by_position = quick(groups={"both": [1, 3]}, controls=[0]).fit(X, y)
    assert named.importances_.tolist() == by_position.importances_.tolist()


def test_labels_of_any_kind():
    X, y = case(model="logistic")
    expected = quick(model="logistic").fit(X, y)
    for labels in (y == 1, np.array(["bad", "good"])[y], pd.Series(y, dtype="category"), y.tolist()):
        found = quick(model="logistic").fit(X, labels)
        assert found.importances_.tolist() == expected.importances_.tolist()


def test_rows_with_holes():
    X, y = case(3)
    holed = X.copy()
    holed[4, 0], holed[9, [1, 2]] = np.nan, np.nan
    y = y.copy()
    y[20] = np.nan
    with pytest.warns(CrmkitWarning, match=r"3 of 80 rows of X and y lack a finite value \(NaN\), and are left out"):
        found = quick().fit(holed, y)
    used = np.delete(np.arange(80), [4, 9, 20])
    assert found.n_used_ == 77
    assert found.importances_.tolist() == quick().fit(X[used], y[used]).importances_.tolist()
    with pytest.raises(ParameterError, match=r"3 of 80 rows.*missing='listwise'"):
        quick(missing="raise").fit(holed, y)


@pytest.mark.parametrize("method", ["shapley", "johnson"])
@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_dependent_columns_are_warned_of(method, model):
    X, y = case(4, model=model)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(total=lambda table: table.sum(axis=1))
    with pytest.warns(CrmkitWarning, match=r"'total' can be computed from other columns exactly"):
        found = quick(method, model).fit(frame, y)
    assert found.importances_.sum() == pytest.approx(quick(method, model).fit(X, y).r2_, abs=1e-6)
    twice = pd.DataFrame(X, columns=list("abcd")).assign(again=X[:, 0])
    with pytest.warns(CrmkitWarning, match=r"'again'"):
        found = quick(method, model).fit(twice, y)
    assert found.importances_[0] == pytest.approx(found.importances_[4], abs=1e-6)
    with pytest.warns(CrmkitWarning):
        first, last = (quick(method, model).fit(frame[names], y) for names in (list(frame), ["total", *"dcba"]))
    np.testing.assert_allclose(first.importances_, last.importances_[[4, 3, 2, 1, 0]], atol=1e-6)


def test_classes_that_are_foretold():
    X, y = case(model="logistic")
    with pytest.warns(CrmkitWarning, match=r"foretell the class of every row"):
        found = quick(model="logistic").fit(np.column_stack([X, y + 0.1 * X[:, 0]]), y)
    assert found.r2_ == pytest.approx(1, abs=1e-5)


def test_too_few_rows():
    X, y = case()
    with pytest.warns(CrmkitWarning, match=r"4 columns explain any 5 rows whole"):
        assert quick().fit(X[:5], y[:5]).r2_ == pytest.approx(1)
    with pytest.raises(ParameterError, match=r"3 complete rows at least. Got 2"):
        quick().fit(X[:2], y[:2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "pratt"}, r"'method' parameter of DriverAnalysis must be a str among"),
        ({"controls": "a"}, r"'controls' parameter of DriverAnalysis must be a list of columns"),
        ({"controls": ["a", "b", "c", "d"]}, r"'controls' .* leaves one to drive"),
        ({"groups": {"g": ["a", "b"], "h": ["b"]}}, r"'groups' .* none of which is named twice"),
        ({"groups": {"g": ["a"]}, "controls": ["a"]}, r"'groups' .* named twice, here or in controls"),
        ({"groups": {"g": []}}, r"'groups' .* must be a mapping of new names to columns"),
        ({"groups": {"a": ["b", "c"]}}, r"'groups' .* new names"),
        ({"groups": {"g": "ab"}}, r"'groups' .* must be a list of columns"),
        ({"n_resamples": -1}, r"'n_resamples'"),
        ({"coverage": 1.0}, r"'coverage'"),
        ({"random_state": -3}, r"'random_state'"),
    ],
)
def test_refused_settings(options, message):
    X, y = case()
    with pytest.raises(ValueError, match=message):
        DriverAnalysis(**options).fit(pd.DataFrame(X, columns=list("abcd")), y)


def test_refused_data():
    X, y = case()
    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ColumnNotFoundError, match=r"controls='aa'.* Did you mean 'a'"):
        quick(controls=["aa"]).fit(frame, y)
    with pytest.raises(ColumnNotFoundError, match=r"groups=7"):
        quick(groups={"g": [0, 7]}).fit(X, y)
    with pytest.raises(ParameterError, match=r"There is text in 'e': make dummies"):
        quick().fit(frame.assign(e="x"), y)
    with pytest.raises(ParameterError, match=r"'b', 'd' has one value"):
        quick().fit(frame.assign(b=0.1, d=3), y)
    with pytest.raises(ParameterError, match=r"'y' has one value"):
        quick().fit(frame, np.full(80, 0.3))
    with pytest.raises(ParameterError, match=r"requires y to be passed"):
        quick().fit(frame, None)
    with pytest.raises(ParameterError, match=r"type of the target is multiclass"):
        quick(model="logistic").fit(frame, np.arange(80) % 3)
    with pytest.raises(ParameterError, match=r"Snapshots"):
        quick().fit(sample_snapshots(), y)
    with pytest.raises(ParameterError, match=r"must not be negative"):
        quick().fit(frame, y, sample_weight=-np.ones(80))
    with pytest.raises(ParameterError, match=r"'y' parameter of DriverAnalysis must be of length 80. Got length 79"):
        quick().fit(frame, y[1:])


def test_a_failing_fit_changes_nothing():
    X, y = case()
    model = quick().fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ParameterError):
        model.fit(np.ones((80, 2)), y)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("options", [{}, {"model": "logistic"}, {"method": "johnson", "model": "logistic"}], ids=str)
def test_threads_and_state(options):
    X, y = case(5, p=5, model=options.get("model", "linear"))
    model = DriverAnalysis(**options, n_resamples=30, random_state=0)
    fitted = [clone(model).set_params(n_jobs=n_jobs).fit(X, y) for n_jobs in (None, 1, 2, 5)]
    for one in fitted[1:]:
        assert one.importance_intervals_.tolist() == fitted[0].importance_intervals_.tolist()
        assert one.importances_.tolist() == fitted[0].importances_.tolist()
    generator = clone(model).set_params(random_state=np.random.default_rng(0)).fit(X, y)
    assert generator.importance_intervals_.tolist() == fitted[0].importance_intervals_.tolist()
    again = pickle.loads(pickle.dumps(fitted[0]))
    pd.testing.assert_frame_equal(again.table(), fitted[0].table())


def test_many_drivers_are_sampled():
    X, y = case(6, n=300, p=26)
    found = DriverAnalysis(n_resamples=20, n_orders=200, random_state=0).fit(X, y)
    assert not found.exact_
    assert (found.standard_errors_ > 0).all()
    assert found.importances_.sum() == pytest.approx(found.r2_, rel=1e-9)
    again = DriverAnalysis(n_resamples=20, n_orders=200, random_state=0, n_jobs=2).fit(X, y)
    assert again.importance_intervals_.tolist() == found.importance_intervals_.tolist()
    assert DriverAnalysis("johnson", n_resamples=0).fit(X, y).exact_


def test_no_intervals():
    X, y = case()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = quick().fit(X, y)
    assert model.importance_intervals_ is None
    assert model.estimates_ == {}
    assert model.table()["low"].isna().all()


@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_the_units_of_columns_and_weights_do_not_matter(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X @ [1.0, 2.0, 0.0] + rng.normal(size=120)
    y = y > 0 if model == "logistic" else y
    weight = rng.random(120)
    expected = DriverAnalysis(model=model, n_resamples=0).fit(X, y, weight)
    for unit in (1e300, 1e-300):
        found = DriverAnalysis(model=model, n_resamples=0).fit(X * unit, y, weight * unit)
        np.testing.assert_allclose(found.importances_, expected.importances_, rtol=1e-9)
        np.testing.assert_allclose(found.coefficients_ * unit, expected.coefficients_, rtol=1e-9)
        np.testing.assert_allclose(found.performance_, expected.performance_ * unit, rtol=1e-9)


def test_rows_of_a_logistic_model_without_an_outcome_are_left_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(float)
    expected = DriverAnalysis(model="logistic", n_resamples=0).fit(X[2:], y[2:])
    y[:2] = np.nan
    for told in (y, pd.Series(y).astype("boolean"), pd.Series(np.where(y == 1, "yes", "no")).mask(np.isnan(y))):
        with pytest.warns(CrmkitWarning, match="2 of 60 rows"):
            found = DriverAnalysis(model="logistic", n_resamples=0).fit(X, told)
        np.testing.assert_array_equal(found.importances_, expected.importances_)


def test_columns_may_be_named_by_numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)))
    found = DriverAnalysis(groups={"first": [0, 1]}, n_resamples=0).fit(X, X.sum(axis=1))
    assert found.driver_names_ == ["first", "2"]


@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(["shapley", "johnson"]))
def test_equals_share_alike_and_what_says_nothing_has_nothing(seed, p, method):
    rng = np.random.default_rng(seed)
    # Uncorrelated columns, of which y has a part of all but the last.
    Q = np.linalg.qr(np.column_stack([np.ones(40), rng.normal(size=(40, p + 3))]))[0][:, 1:]
    y = Q[:, 0] * 2 + Q[:, 2:-1].sum(axis=1) + 0.1 * rng.normal(size=40)
    y = y - Q[:, [1, -1]] @ (Q[:, [1, -1]].T @ y)
    others = Q[:, 2:-1] @ rng.normal(size=(p, p))
    X = np.column_stack([Q[:, 0] + Q[:, 1], Q[:, 0] - Q[:, 1], others, Q[:, -1]])
    found = quick(method).fit(X, y).importances_
    assert found[0] == pytest.approx(found[1], abs=1e-7)
    assert found[-1] == pytest.approx(0, abs=1e-12)


def test_swiss_alone_and_last(data_folder):
    swiss = pd.read_csv(data_folder / "key_driver_reference" / "swiss.csv").drop(columns="rownames")
    y, X = swiss.pop("Fertility"), swiss
    alone = [quick().fit(X[[name]], y).r2_ for name in X]
    np.testing.assert_allclose(alone, [0.124665, 0.417164, 0.440616, 0.215004, 0.173519], atol=5e-7)
    last = [quick(controls=[one for one in X if one != name]).fit(X, y).importances_[0] for name in X]
    np.testing.assert_allclose(last, [0.042870, 0.007387, 0.161963, 0.062373, 0.056945], atol=5e-7)
