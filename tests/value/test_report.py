import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import estimate, normalised_gini
from crmkit.value import CLVEstimator, CLVRegressor, ModifiedBetaGeoNBD, NaiveValue, value_report
from crmkit.value._report import _Judge


class Says:
    """A model that has made up its mind."""

    def __init__(self, values):
        self.values = values

    def predict(self, X):
        return self.values


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module", name="X")
def rows(log):
    return log.snapshots(["1997-10-01", "1998-01-01"], horizon="13W")


@pytest.fixture(scope="module")
def y(X):
    return X.future_value()


@pytest.fixture(scope="module")
def report(X, y):
    model = make_pipeline(RFMTransformer(), LinearRegression()).fit(X[:1000], y[:1000])
    return value_report({"linear": model, "twice": Says(2 * y)}, X, y, n_resamples=60)


# -- the figures, against their definitions ----------------------------------------------------


amounts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=25).filter(
    lambda pairs: len({y for y, _ in pairs}) > 1
)


@given(amounts, st.randoms(use_true_random=False))
def test_figures_of_a_sample_are_those_of_its_rows(pairs, random):
    came, said = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    judge = _Judge(came, said)
    rows = np.array([random.randrange(len(came)) for _ in came])
    y, p = came[rows], said[rows]
    if y.min() == y.max():
        return
    assert judge.total(rows) == pytest.approx(p.sum() / y.sum())
    assert judge.mae(rows) == pytest.approx(np.abs(p - y).mean())
    assert judge.rmse(rows) == pytest.approx(np.sqrt(((p - y) ** 2).mean()))
    assert judge.gini(rows) == pytest.approx(normalised_gini(y, p), abs=1e-12)
    expected = 0.0 if p.min() == p.max() else np.corrcoef(rankdata(y), rankdata(p))[0, 1]
    assert judge.spearman(rows) == pytest.approx(expected, abs=1e-9)


def test_figures_and_intervals(report, X, y):
    found = report.estimates
    assert float(found["twice", "total"]) == pytest.approx(2)
    assert float(found["twice", "gini"]) == float(found["twice", "spearman"]) == pytest.approx(1)
    assert float(found["twice", "mae"]) == pytest.approx(y.mean())
    assert float(found["twice", "decile_error"]) == pytest.approx(1)
    naive = NaiveValue().fit(X).predict(X)
    assert float(found["naive", "spearman"]) == pytest.approx(spearmanr(y, naive).statistic)
    assert float(found["naive", "gini"]) == pytest.approx(normalised_gini(y, naive))
    # Customers are drawn, each with both rows: the same draws as in estimate.
    seed = int(np.random.default_rng(0).integers(2**32))
    expected = estimate(normalised_gini, y, naive, groups=X.codes, n_resamples=60, random_state=seed)
    assert found["naive", "gini"].low == pytest.approx(expected.low)
    assert found["naive", "gini"].high == pytest.approx(expected.high)
    assert found["naive", "gini"].n == report.n_customers == 2357


def test_the_table_holds_the_estimates(report):
    table = report.table
    assert list(table.columns) == ["model", "figure", "value", "low", "high"]
    assert list(table["model"].unique()) == ["linear", "twice", "naive"]
    for row in table.itertuples():
        one = report.estimates[row.model, row.figure]
        assert (row.value, row.low, row.high) == (one.value, one.low, one.high)
        assert row.low <= row.value <= row.high or row.figure == "decile_error"


def test_deciles_are_tenths_that_add_up(report, X, y):
    deciles = report.deciles
    assert list(deciles.columns) == ["model", "decile", "n", "predicted", "actual", "low", "high"]
    for model, own in deciles.groupby("model"):
        assert list(own["decile"]) == list(range(1, 11))
        assert own["n"].sum() == len(X)
        assert own["n"].max() - own["n"].min() <= 1
        assert (own["n"] * own["actual"]).sum() == pytest.approx(y.sum())
        assert (np.diff(own["predicted"]) <= 1e-9).all()
        missed = (own["n"] * (own["predicted"] - own["actual"])).abs().sum() / y.sum()
        assert float(report.estimates[model, "decile_error"]) == pytest.approx(missed)


def test_it_is_shown_side_by_side(report):
    lines = repr(report).splitlines()
    assert len(lines) == 5
    assert lines[1].split() == ["model", "total", "MAE", "RMSE", "Spearman", "Gini", "decile", "error"]
    assert len({len(line) for line in lines[1:]}) == 1
    assert lines[3].split()[1:3] == ["2.00", "[2.00,"]


# -- what it takes -----------------------------------------------------------------------------


def test_lists_are_named_after_classes(X, y):
    model = CLVRegressor(LinearRegression()).fit(X[X.as_of < X.as_of.max()], y[X.as_of < X.as_of.max()])
    later = X[X.as_of == X.as_of.max()]
    found = value_report([model], later, y[X.as_of == X.as_of.max()], n_resamples=40)
    assert list(found.table["model"].unique()) == ["CLVRegressor", "naive"]
    assert repr(value_report(model, later, y[X.as_of == X.as_of.max()], n_resamples=40)) == repr(found)


def test_polars_in_polars_out():
    pl = pytest.importorskip("polars")
    frame = pl.from_pandas(load_cdnow())
    log = EventLog.from_frame(frame, customer="customer_id", time="date", value="value")
    X = log.snapshot("1997-10-01", horizon="13W")
    found = value_report({}, X, X.future_value(), n_resamples=40)
    assert isinstance(found.table, pl.DataFrame)
    assert isinstance(found.deciles, pl.DataFrame)


def test_few_rows_have_fewer_deciles(log):
    X = log.snapshot("1997-10-01", horizon="39W")
    rows = np.r_[np.flatnonzero(X.future_value() > 0)[:5], np.flatnonzero(X.future_value() == 0)[:3]]
    found = value_report({}, X[rows], X.future_value()[rows], n_resamples=40, coverage=0.5)
    assert list(found.deciles["decile"]) == list(range(1, 9))
    assert np.isinf(found.deciles["high"]).all()


def test_a_model_that_knows_the_answers_is_pointed_out(log):
    X = log.snapshots(pd.date_range("1997-06-01", "1998-01-01", freq="MS"), horizon="60D")
    y = X.future_value()
    late = X.as_of >= np.datetime64("1997-12-01")
    model = CLVRegressor(LinearRegression()).fit(X, y)
    with pytest.warns(CrmkitWarning, match="learnt has learnt from what happened until 1998-03-02"):
        value_report({"learnt": model}, X[late], y[late], n_resamples=40)
    with pytest.warns(CrmkitWarning, match="figures are too good"):
        value_report({"pipe": make_pipeline(FunctionTransformer(), model)}, X[late], y[late], n_resamples=40)


def test_a_model_of_the_past_alone_may_be_fitted_on_the_rows_themselves(log, recwarn):
    X = log.snapshot("1997-10-01", horizon="13W")
    model = ModifiedBetaGeoNBD().fit(X)

    class Value:
        fitted_on_ = model.fitted_on_

        def predict(self, X):
            return 35 * model.expected_purchases(X, "13W")

    value_report({"past": Value()}, X, X.future_value(), n_resamples=40)
    assert not [one for one in recwarn if issubclass(one.category, CrmkitWarning)]


def test_what_is_wrong_is_named(log, X, y):
    with pytest.raises(ParameterError, match="needs rows with a label window"):
        value_report({}, log.snapshot("1997-10-01"), y)
    with pytest.raises(ParameterError, match="'y' parameter of value_report must be of length"):
        value_report({}, X, y[1:])
    with pytest.raises(ParameterError, match="rows that differ in y"):
        value_report({}, X, np.zeros(len(X)))
    for bad in (
        {"naive": Says(y)},
        {3: Says(y)},
        {"class": LinearRegression},
        [LinearRegression(), LinearRegression()],
    ):
        with pytest.raises(ParameterError, match="'estimators' parameter of value_report"):
            value_report(bad, X, y)
    for values in (y[1:], np.where(y > 0, np.nan, y), np.array(["a"] * len(y)), np.ones((len(y), 2))):
        with pytest.raises(
            ParameterError, match="estimator 'bad' must predict one finite number for each of the 4,714"
        ):
            value_report({"bad": Says(values)}, X, y)


def test_a_model_of_another_horizon_is_pointed_out(log):
    X = log.snapshot("1997-10-01", horizon="13W")
    model = CLVEstimator(horizon="39W").fit(log.snapshot("1997-10-01"))
    with pytest.warns(CrmkitWarning, match="CLVEstimator values the 273D from as_of on, and y is about 91D: they are"):
        value_report(model, X, X.future_value(), n_resamples=40)
    behind = log.snapshot("1997-10-01", horizon="38W", gap="7D")
    with pytest.warns(CrmkitWarning, match="about 266D after a gap of 7D"):
        value_report(model, behind, behind.future_value(), n_resamples=40)
