import gzip

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from crmkit import EventLog
from crmkit.datasets import make_purchases
from crmkit.exceptions import ParameterError
from crmkit.metrics import normalised_gini
from crmkit.model_selection import TemporalSplit, backtest, temporal_train_test_split
from crmkit.value import CLVRegressor, ModifiedBetaGeoNBD, NaiveValue


def log_of(frame, **options):
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", **options)


@pytest.fixture(scope="module")
def log():
    frame, _ = make_purchases(1500, span="150W", acquisition="100W", random_state=3)
    return log_of(frame, observed_until=frame["time"].max().normalize() + pd.Timedelta("1D"))


@pytest.fixture(scope="module", name="X")
def snapshots(log):
    end = log.observed_until - np.timedelta64(91, "D")
    dates = [end - np.timedelta64(30 * back, "D") for back in range(9, -1, -1)]
    return log.snapshots(dates, horizon="91D")


@pytest.fixture(scope="module")
def parts(X):
    return temporal_train_test_split(X, X.future_value())


@pytest.fixture(scope="module")
def model(parts):
    X_train, _, y_train, _ = parts
    return CLVRegressor(random_state=0).fit(X_train, y_train)


# -- features ----------------------------------------------------------------------------------


def test_features_by_hand():
    frame = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2],
            "time": pd.to_datetime(["2024-01-01", "2024-01-21", "2024-02-20", "2024-02-28"]),
            "value": [10.0, 20.0, 30.0, 5.0],
        }
    )
    X = log_of(frame, observed_until="2024-06-01").snapshots(["2024-03-01"], horizon="30D")
    model = CLVRegressor(LinearRegression(), windows=("15D", "45D", "365D"), level=None).fit(X, X.future_value())
    found = model.features(X)
    # The log could see the 60 days from 1 January; the days of the purchases lie 60, 40, 10 and 2 days back.
    assert found.iloc[0].to_dict() == pytest.approx(
        {
            "money_rate_15D": 30 / 15, "money_rate_45D": 50 / 45, "money_rate_365D": 60 / 60,
            "purchase_rate_15D": 1 / 15, "purchase_rate_45D": 2 / 45, "purchase_rate_365D": 3 / 60,
            "money_rate": 60 / 60, "purchase_rate": 3 / 60, "idle_days": 10, "mean_gap_days": 25, "sd_gap_days": 5,
            "overdue": 10 / 25, "mean_money": 20, "last_money": 30, "largest_money": 30,
        }
    )  # fmt: skip
    assert found.iloc[1][["idle_days", "mean_gap_days", "sd_gap_days", "overdue"]].tolist() == [2, 2, 0, 1]
    assert list(found.columns) == model.feature_names_


def test_rows_without_a_purchase_have_features_and_predictions(log, model):
    rows = {"who": [log.customers[0], log.customers.max() + 1], "when": [log.observed_until] * 2}
    X = log.snapshots_at(rows, customer="who", as_of="when")
    assert np.isfinite(np.asarray(model.features(X))).all()
    assert np.isfinite(model.predict(X)).all()


def test_a_purchase_model_adds_its_numbers(parts):
    X_train, X_test, y_train, _ = parts
    model = CLVRegressor(LinearRegression(), purchase_model=ModifiedBetaGeoNBD()).fit(X_train, y_train)
    found = model.features(X_test)
    assert model.feature_names_[-2:] == ["expected_purchases", "alive_probability"]
    alone = ModifiedBetaGeoNBD().fit(X_train)
    assert found["expected_purchases"].to_numpy() == pytest.approx(alone.expected_purchases(X_test, horizon="91D"))
    assert found["alive_probability"].to_numpy() == pytest.approx(alone.alive_probability(X_test))
    assert not hasattr(ModifiedBetaGeoNBD(), "r_")
    assert model.purchase_model is not model.purchase_model_


def test_nothing_is_said_of_rows_that_a_purchase_model_cannot_see(log, parts, recwarn):
    X_train, _, y_train, _ = parts
    model = CLVRegressor(LinearRegression(), purchase_model=ModifiedBetaGeoNBD()).fit(X_train, y_train)
    rows = {"who": [log.customers.max() + 1, log.customers[0]], "when": [log.observed_until] * 2}
    X = log.snapshots_at(rows, customer="who", as_of="when")
    found = model.features(X)[["expected_purchases", "alive_probability"]].to_numpy()
    assert (found[0] == 0).all()
    assert (found[1] > 0).all()
    assert np.isfinite(model.predict(X)).all()
    assert not recwarn.list


def test_no_rows_have_no_predictions(X):
    model = CLVRegressor(LinearRegression()).fit(X, X.future_value())
    assert model.predict(X[:0]).shape == (0,)
    assert model.predict_interval(X[:0]).shape == (0, 2)


# -- what it learns ----------------------------------------------------------------------------


def test_it_beats_the_naive_rule_on_later_dates(parts, model):
    _, X_test, _, y_test = parts
    said, naive = model.predict(X_test), NaiveValue().fit(X_test).predict(X_test)
    assert said.sum() == pytest.approx(y_test.sum(), rel=0.2)
    assert normalised_gini(y_test, said) > normalised_gini(y_test, naive)


REGRESSORS = [
    LinearRegression(),
    RandomForestRegressor(10, random_state=0),
    make_pipeline(StandardScaler(), Ridge()),
]


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_any_regressor_will_do(parts, estimator):
    X_train, X_test, y_train, y_test = parts
    model = CLVRegressor(estimator).fit(X_train, y_train)
    assert type(model.estimator_) is type(estimator)
    assert model.predict(X_test).sum() == pytest.approx(y_test.sum(), rel=0.3)


def seasonal():
    """Customers who spend three times as much in the second half of each year, and come all the time."""
    rng = np.random.default_rng(5)
    starts = rng.integers(0, 900, 900)
    rows = []
    for who, start in enumerate(starts):
        rate, mean = rng.gamma(2, 1 / 60), rng.lognormal(3, 0.5)
        days = np.cumsum(rng.exponential(1 / rate, 200)).astype(int) + start
        for day in np.unique(days[days < 1096]):
            season = 3.0 if day % 365 >= 181 else 1.0
            rows.append((who, day, mean * season * rng.lognormal(0, 0.3)))
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "value"])
    frame["time"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(frame["day"], unit="D")
    return log_of(frame, observed_until="2024-01-02")


@pytest.fixture(scope="module")
def year():
    return seasonal()


def test_totals_are_those_of_the_season(year):
    """As of July the half-year ahead is the dear one: only the same season a year ago can know that."""
    X = year.snapshots(pd.date_range("2022-01-01", "2023-01-01", freq="MS"), horizon="181D")
    test = year.snapshots(["2023-07-01"], horizon="181D")
    y, came = X.future_value(), test.future_value().sum()
    season, latest = CLVRegressor(random_state=0).fit(X, y), CLVRegressor(level="latest", random_state=0).fit(X, y)
    assert season.predict(test).sum() == pytest.approx(came, rel=0.12)
    assert latest.predict(test).sum() < 0.75 * came
    levels = list(season.levels_.values())
    assert list(season.levels_) == list(np.unique(X.as_of))
    assert max(levels) > 1.5 * min(levels)
    assert CLVRegressor(level=None, random_state=0).fit(X, y).levels_ == {}


def test_a_young_log_speaks_for_no_other_year(year):
    """Its first dates show whoever bought first and lately; their level is not used a year later."""
    X = year.snapshots(pd.date_range("2021-02-01", "2021-12-01", freq="MS"), horizon="181D")
    model = CLVRegressor(LinearRegression()).fit(X, X.future_value())
    later = year.snapshots(["2022-02-01"])
    plain = CLVRegressor(LinearRegression(), level="latest").fit(X, X.future_value())
    assert model.predict(later) == pytest.approx(plain.predict(later))
    assert model.predict(year.snapshots(["2022-11-01"])).sum() != plain.predict(year.snapshots(["2022-11-01"])).sum()


# -- intervals ---------------------------------------------------------------------------------


def test_later_outcomes_lie_in_the_intervals(parts, model):
    _, X_test, _, y_test = parts
    low, high = model.predict_interval(X_test, 0.9).T
    assert 0.87 <= np.mean((low <= y_test) & (y_test <= high)) <= 0.97
    assert (low >= 0).all()
    assert (low <= high).all()
    wide = model.predict_interval(X_test, 0.95)
    assert (wide[:, 1] >= high).all()


class Recorder(RegressorMixin, BaseEstimator):
    seen: list = []  # noqa: RUF012  shared by clones on purpose

    def fit(self, X, y):
        type(self).seen.append(len(X))
        return self

    def predict(self, X):
        return np.ones(len(X))


def test_calibration_knows_no_later_label(X):
    Recorder.seen.clear()
    model = CLVRegressor(Recorder(), level=None).fit(X, X.future_value())
    known = X.as_of + X.horizon <= X.as_of.max()
    assert Recorder.seen == [len(X), known.sum()]
    assert model.calibrated_on_ == (X.as_of.max(), X.as_of.max())
    assert model.learned_until_ == X.as_of.max() + X.horizon


def test_one_date_has_predictions_and_no_intervals(log):
    X = log.snapshots(["2024-06-01"], horizon="91D")
    model = CLVRegressor().fit(X, X.future_value())
    assert model.calibrated_on_ is None
    assert len(model.predict(X)) == len(X)
    with pytest.raises(ParameterError, match=r"no intervals: .* horizon of 91D"):
        model.predict_interval(X)


# -- in scikit-learn's tools -------------------------------------------------------------------


def test_it_is_searched_and_back_tested(X):
    y = X.future_value()
    model = make_pipeline(FunctionTransformer(), CLVRegressor(LinearRegression()))
    grid = {"clvregressor__level": ["season", None], "clvregressor__estimator__positive": [True, False]}
    search = GridSearchCV(model, grid, cv=TemporalSplit(2), scoring="neg_mean_absolute_error").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_[-1].predict_interval(X).shape == (len(X), 2)
    scoring = "neg_root_mean_squared_error"
    result = backtest(CLVRegressor(LinearRegression()), X, y, TemporalSplit(2), scoring=scoring, baseline=NaiveValue())
    assert result.score > result.baseline_score
    # Over parameters of what is inside, too.
    assert clone(model).set_params(clvregressor__estimator__positive=True)[-1].estimator.positive


def test_money_before_is_the_naive_rule(log):
    X = log.snapshots(["2024-06-01", "2024-09-01"], horizon="91D")
    past = log.snapshots_at(
        {"who": X.customer_id, "when": X.as_of - np.timedelta64(91, "D")}, customer="who", as_of="when", horizon="91D"
    )
    assert NaiveValue().fit(X).predict(X) == pytest.approx(past.future_value())


# -- what is refused ---------------------------------------------------------------------------


def test_what_is_wrong_is_named(log, X, model):
    y = X.future_value()
    for estimator in (CLVRegressor(), NaiveValue()):
        with pytest.raises(ParameterError, match="takes Snapshots, rows of an event log .* EventLog itself"):
            estimator.fit(log, y)
        with pytest.raises(ParameterError, match="needs rows with a label window"):
            estimator.fit(log.snapshots(["2024-06-01"]), np.ones(1))
        poor = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t", observed_until="2024-03-01")
        with pytest.raises(ParameterError, match="needs money, and the log has none"):
            estimator.fit(poor.snapshots(["2024-01-05"], horizon="5D"), np.ones(1))
    with pytest.raises(ParameterError, match="'y' parameter of CLVRegressor"):
        CLVRegressor().fit(X, y[1:])
    with pytest.raises(ParameterError, match="X has none"):
        CLVRegressor().fit(X[:0], y[:0])
    with pytest.raises(ParameterError, match=r"horizon 91D .* X has 30D"):
        model.predict(log.snapshots(["2024-06-01"], horizon="30D"))
    with pytest.raises(ValueError, match="windows"):
        CLVRegressor(windows=("30D", "a month")).fit(X, y)
    with pytest.raises(ValueError, match="windows"):
        CLVRegressor(windows="30D").fit(X, y)
    with pytest.raises(ValueError, match="purchase_model"):
        CLVRegressor(purchase_model=LinearRegression()).fit(X, y)
    with pytest.raises(ValueError, match="not its class"):
        CLVRegressor(LinearRegression).fit(X, y)


# -- the accuracy that is promised -------------------------------------------------------------


def online_retail(folder):
    """Both years, each invoice once."""
    parts = []
    for name in ("2009_2010", "2010_2011"):
        with gzip.open(folder / "online_retail" / f"online_retail_{name}.csv.gz") as file:
            parts.append(pd.read_csv(file, dtype={"invoice": str, "stock_code": str}))
    first, second = parts
    lines = pd.concat([first, second[~second["invoice"].isin(first["invoice"].unique())]])
    return EventLog.from_frame(
        lines, customer="customer_id", time="invoice_date", price="unit_price", quantity="quantity", order="invoice"
    )


@pytest.mark.slow
def test_online_retail_half_a_year_ahead(data_folder):
    """Defaults, months as training dates: total within 15 %, Gini >= .85, Spearman >= .57."""
    log = online_retail(data_folder)
    X = log.snapshots(pd.date_range("2010-02-01", "2011-06-01", freq="MS"), horizon="26W")
    X_train, X_test, y_train, y = temporal_train_test_split(X, X.future_value(), split_time="2011-06-01")
    assert len(X_test) == 4933
    assert X_test.future_purchases().sum() == 7537
    assert y.sum() == pytest.approx(4.29e6, rel=1e-3)
    assert X_train.as_of.max() == np.datetime64("2010-12-01")
    said = CLVRegressor(random_state=0).fit(X_train, y_train).predict(X_test)
    naive = NaiveValue().fit(X_test).predict(X_test)
    assert 0.85 <= said.sum() / y.sum() <= 1.15
    assert normalised_gini(y, said) >= 0.85
    assert spearmanr(y, said).statistic >= 0.57
    assert np.abs(said - y).mean() < np.abs(naive - y).mean()
