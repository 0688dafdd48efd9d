"""ChurnClassifier: on tables, on snapshots, what it decides, and what it refuses."""

from __future__ import annotations

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from crmkit.churn import ChurnClassifier, ChurnProfit
from crmkit.events import EventLog
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.features import InterPurchaseFeatures, RFMTransformer, WindowAggregator
from crmkit.metrics import estimate
from crmkit.model_selection import TemporalSplit
from crmkit.testing._sample import sample_snapshots


def made_table(n=600, seed=0):
    """Customers with numbers, categories, missing cells and a value, and whether they left."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "tenure": rng.integers(0, 60, n),
            "calls": rng.poisson(2, n).astype(float),
            "plan": rng.choice(["basic", "family", "pro"], n),
            "online": rng.random(n) < 0.5,
            "clv": rng.gamma(2, 100, n),
        }
    )
    eta = -0.05 * table["tenure"] + 0.4 * table["calls"] + (table["plan"] == "pro") * 1.0 - 0.5
    left = (rng.random(n) < expit(eta)).astype(int)
    table.loc[rng.random(n) < 0.1, "calls"] = np.nan
    table.loc[rng.random(n) < 0.1, "plan"] = None
    return table, left.to_numpy()


@pytest.fixture(scope="module")
def table():
    return made_table()


@pytest.fixture(scope="module")
def rows():
    return sample_snapshots()


def fast(**options):
    """A classifier that is fitted in no time."""
    return ChurnClassifier(LogisticRegression(), random_state=0, **options)


# -- tables ---------------------------------------------------------------------------------------


def test_probabilities_are_calibrated_and_ordered(table):
    X, y = table
    new, came = made_table(5_000, seed=1)
    model = ChurnClassifier(random_state=0).fit(X, y)
    p = model.predict_proba(new)
    assert p.shape == (5_000, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert roc_auc_score(came, p[:, 1]) > 0.72
    assert abs(p[:, 1].mean() - came.mean()) < 0.03
    assert model.calibration_.method == "sigmoid"
    assert model.calibration_.rows == "folds"
    assert (model.calibration_.n, model.calibration_.n_churned) == (600, y.sum())
    assert model.feature_names_ == list(X)
    assert model.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(model.predict(new), (p[:, 1] > 0.5).astype(int))


def test_polars_pandas_and_arrays_agree(table):
    X, y = table
    model = fast().fit(X, y)
    told = model.predict_proba(X)
    as_polars = pl.DataFrame({name: [None if pd.isna(cell) else cell for cell in X[name]] for name in X})
    np.testing.assert_array_equal(fast().fit(as_polars, y).predict_proba(as_polars), told)
    np.testing.assert_array_equal(model.predict_proba(X.convert_dtypes()), told)
    np.testing.assert_array_equal(model.predict_proba(X.assign(plan=X["plan"].astype("category"))), told)
    cells = X.to_numpy(dtype=object)
    np.testing.assert_allclose(fast().fit(cells, y).predict_proba(cells), told, atol=1e-9)
    assert isinstance(model.rank(X), pd.DataFrame)
    assert isinstance(fast().fit(as_polars, y).rank(as_polars), pl.DataFrame)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(20, random_state=0),
        SVC(),
        GaussianNB(),
        MLPClassifier((4,), solver="lbfgs", max_iter=30, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda one: type(one).__name__.lower(),
)
def test_learners_of_all_sorts(table, estimator):
    X, y = table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty steps are few for a net
        model = ChurnClassifier(estimator, random_state=0).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    assert ((p > 0) & (p < 1)).all()
    assert roc_auc_score(y, p) > 0.7
    # A row adds up to its log-odds, whatever the learner.
    told = model.explain(X.iloc[:7])
    np.testing.assert_allclose(told.to_numpy().sum(axis=1), logit(p[:7]), atol=1e-6)
    assert list(told) == [*X, "base"]


def test_sigmoid_keeps_the_order_and_isotonic_makes_steps(table):
    X, y = table
    raw = fast(calibration=None).fit(X, y).predict_proba(X)[:, 1]
    sigmoid = fast(calibration="sigmoid").fit(X, y).predict_proba(X)[:, 1]
    isotonic = fast(calibration="isotonic").fit(X, y)
    np.testing.assert_array_equal(np.argsort(raw, kind="stable"), np.argsort(sigmoid, kind="stable"))
    assert len(np.unique(isotonic.predict_proba(X)[:, 1])) < 100
    assert isotonic.calibration_.method == "isotonic"
    assert fast(calibration=None).fit(X, y).calibration_ == (None, "none", 0, 0, None, None)


def test_calibration_mends_scores_that_are_no_probabilities():
    X, y = made_table(2_000)
    new, came = made_table(5_000, seed=1)
    # Naive Bayes is known for being too sure of itself.
    raw, mended = (
        ChurnClassifier(GaussianNB(), calibration=how, random_state=0).fit(X, y).predict_proba(new)[:, 1]
        for how in (None, "auto")
    )
    assert ((mended - came) ** 2).mean() < ((raw - came) ** 2).mean()
    sure = mended > 0.6
    assert abs(mended[sure].mean() - came[sure].mean()) < 0.05


# -- labels ---------------------------------------------------------------------------------------


def test_text_labels_need_it_said(table):
    X, y = table
    labels = np.where(y == 1, "Attrited Customer", "Existing Customer")
    with pytest.raises(ParameterError, match=r"pos_label='Attrited Customer' or pos_label='Existing Customer'"):
        fast().fit(X, labels)
    model = fast(pos_label="Attrited Customer").fit(X, labels)
    plain = fast().fit(X, y)
    assert model.pos_label_ == "Attrited Customer"
    np.testing.assert_allclose(model.predict_proba(X)[:, 0], plain.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(model.predict(X) == "Attrited Customer", plain.predict(X) == 1)
    with pytest.raises(ParameterError, match="not one of the labels"):
        fast(pos_label="Yes").fit(X, labels)
    # Without column names it is an ordinary classifier, which says what it took.
    numbers = X[["tenure"]].to_numpy(dtype=float)
    with pytest.warns(CrmkitWarning, match="The second one is taken"):
        assert fast().fit(numbers, labels).pos_label_ == "Existing Customer"


@pytest.mark.parametrize(
    ("labels", "churn"), [([False, True], True), ([-1, 1], 1), ([1, 2], 1), ([0.0, 1.0], 1.0)], ids=str
)
def test_one_and_true_are_churn(table, labels, churn):
    X, y = table
    other = next(label for label in labels if label != churn)
    model = fast().fit(X, np.where(y == 1, churn, other))
    assert model.pos_label_ == churn
    column = model.classes_.tolist().index(churn)
    assert roc_auc_score(y, model.predict_proba(X)[:, column]) > 0.7


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.zeros(600), "one class"),
        (np.arange(600) % 3, "Only binary"),
        (np.arange(10), "10 values for the 600 rows"),
        (None, "requires y"),
        (np.where(np.arange(600) % 2, 2, 3), "pos_label=2 or pos_label=3"),
        (np.array(["yes", "no", None] * 200, dtype=object), "missing labels"),
    ],
    ids=["one class", "three", "short", "none", "other numbers", "missing"],
)
def test_labels_that_are_refused(table, y, said):
    with pytest.raises(ValueError, match=said):
        fast().fit(table[0], y)


# -- columns --------------------------------------------------------------------------------------


def test_an_id_is_refused_by_name(table):
    X, y = table
    with pytest.raises(ParameterError, match="'customerID'.*leave the column out"):
        fast().fit(X.assign(customerID=[f"C{row:05}" for row in range(len(X))]), y)
    with pytest.raises(ParameterError, match="'charges'.*to_numeric"):
        fast().fit(X.assign(charges=[f"{row / 7}" for row in range(len(X))]), y)


def test_missing_columns_unseen_levels_and_constants(table):
    X, y = table
    odd = X.assign(nothing=np.nan, same=7.0)
    model = fast().fit(odd, y)
    new = odd.iloc[:5].assign(plan="never seen", nothing=1.0)
    assert np.isfinite(model.predict_proba(new)).all()
    np.testing.assert_allclose(model.explain(odd.iloc[:5])[["nothing", "same"]].to_numpy(), 0.0, atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(odd[odd.columns[::-1]])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X)
    with pytest.raises(ParameterError, match="infinity"):
        fast().fit(X.assign(calls=np.inf), y)


def test_objects_that_are_numbers_are_numbers(table):
    X, y = table
    odd = X.assign(
        calls=[None if pd.isna(value) else Decimal(int(value)) for value in X["calls"]],
        tenure=X["tenure"].astype(object),
        online=[bool(value) for value in X["online"]],
    ).astype({"online": object})
    np.testing.assert_array_equal(fast().fit(odd, y).predict_proba(odd), fast().fit(X, y).predict_proba(X))
    with pytest.raises(ParameterError, match="'calls' of X holds objects of type int, str"):
        fast().fit(X.assign(calls=["a", 1] * 300), y)


def test_names_and_positions(table):
    X, y = table
    numbers = X[["tenure", "calls", "clv"]].astype(float)
    model = fast().fit(numbers, y)
    told = model.predict_proba(numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn says that there are no names
        np.testing.assert_array_equal(model.predict_proba(numbers.to_numpy()), told)
        np.testing.assert_array_equal(model.predict_proba(numbers.set_axis([0, 1, 2], axis=1)), told)
        np.testing.assert_array_equal(fast().fit(numbers.to_numpy(), y).predict_proba(numbers), told)
    as_dict = {name: numbers[name].to_numpy() for name in reversed(list(numbers))}
    np.testing.assert_array_equal(model.predict_proba(as_dict), told)
    with pytest.raises(ValueError, match="calls"):
        model.predict({"tenure": [1.0], "clv": [2.0]})
    with pytest.raises(ParameterError, match="several columns named 'tenure'"):
        fast().fit(numbers.set_axis(["tenure", "tenure", "clv"], axis=1), y)
    with pytest.raises(ParameterError, match="collect"):
        fast().fit(pl.LazyFrame({"a": [1.0, 2.0]}), [0, 1])


def test_estimators_that_cannot_serve_are_refused_before_they_are_fitted(table):
    X, y = table
    with pytest.raises(ParameterError, match="decision_function or predict_proba"):
        ChurnClassifier(LinearRegression()).fit(X, y)
    with pytest.raises(ParameterError, match="KNeighborsClassifier takes none"):
        ChurnClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(len(y)))


def test_the_callers_data_are_left_alone(table):
    X, y = table
    before, labels = X.copy(), y.copy()
    fast(profit=ChurnProfit(value="clv")).fit(X, y).rank(X)
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(y, labels)


def test_a_fit_that_fails_changes_nothing(table):
    X, y = table
    model = fast().fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ParameterError):
        model.fit(X, np.zeros(len(X)))
    assert pickle.dumps(model) == before


# -- decisions ------------------------------------------------------------------------------------


def test_profit_finds_the_threshold_and_ranks(table):
    X, y = table
    model = fast(profit=ChurnProfit(value=200, incentive=10, contact=1)).fit(X, y)
    # Break-even of calibrated probabilities is 11 / 67.
    assert 0.05 < model.threshold_ < 0.3
    p = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X), p >= model.threshold_)
    table_ = model.rank(X)
    assert list(table_) == ["row", "probability", "expected_profit", "contact"]
    assert (np.diff(table_["expected_profit"]) <= 0).all()
    np.testing.assert_array_equal(p[table_["row"]], table_["probability"])
    np.testing.assert_allclose(table_["expected_profit"], 56 * table_["probability"] - 11 * (1 - table_["probability"]))
    np.testing.assert_array_equal(table_["contact"], table_["probability"] >= model.threshold_)


def test_values_of_their_own(table):
    X, y = table
    model = fast(profit=ChurnProfit(value="clv")).fit(X, y)
    assert "clv" not in model.feature_names_
    told = model.rank(X)
    np.testing.assert_array_equal(told["contact"], told["expected_profit"] >= model.threshold_)
    # As an array it is known for the rows of fit alone.
    other = fast(profit=ChurnProfit(value=X["clv"].to_numpy())).fit(X.drop(columns="clv"), y)
    assert other.threshold_ == pytest.approx(model.threshold_)
    with pytest.raises(ParameterError, match="array"):
        other.rank(X.drop(columns="clv"))
    with pytest.raises(ValueError, match="clv"):
        fast(profit=ChurnProfit(value="clv")).fit(X.drop(columns="clv"), y)


def test_a_budget_and_a_share_are_kept_on_the_list(table):
    X, y = table
    new, _ = made_table(1_000, seed=3)
    profit = ChurnProfit(budget=2.0)
    told = fast(profit=profit).fit(X, y).rank(new)
    cost = profit.expected_cost(told.loc[told["contact"], "probability"].to_numpy()).sum()
    assert 1_900 < cost <= 2_000
    # The first of the list, and nobody else.
    assert told["contact"].is_monotonic_decreasing
    told = fast(decision="share", decision_value=0.1).fit(X, y).rank(new)
    assert told["contact"].to_numpy().nonzero()[0].tolist() == list(range(100))


def test_weights_count_in_the_decision(table):
    X, y = table
    weight = np.where(X["tenure"] < 10, 5.0, 1.0)
    for options in ({"profit": ChurnProfit()}, {"decision": "share", "decision_value": 0.3}, {"decision": "f1"}):
        model = fast(calibration=None, **options).fit(X, y, sample_weight=weight)
        reached = model.predict(X) == 1
        # Shares of held-out rows and of these rows are not the same, but both are weighted.
        assert abs(model.target_fraction_ - weight[reached].sum() / weight.sum()) < 0.06


def test_cost_larger_than_value_contacts_nobody(table):
    X, y = table
    model = fast(profit=ChurnProfit(value=5, incentive=10)).fit(X, y)
    assert model.threshold_ == np.inf
    assert model.target_fraction_ == 0.0
    assert not model.predict(X).any()
    assert not model.rank(X)["contact"].any()


@pytest.mark.parametrize(
    ("decision", "value", "share"),
    [("share", 0.1, (0.05, 0.15)), ("threshold", 0.3, (0.3, 0.6)), ("f1", None, (0.2, 0.7)), (None, None, (0.05, 0.5))],
)
def test_other_decisions(table, decision, value, share):
    X, y = table
    model = fast(decision=decision, decision_value=value).fit(X, y)
    assert share[0] <= model.predict(X).mean() <= share[1]
    assert share[0] <= model.target_fraction_ <= share[1]
    assert np.isnan(model.rank(X)["expected_profit"]).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"decision": "profit"}, "profit=ChurnProfit"),
        ({"decision": "share"}, "decision_value"),
        ({"decision": "threshold", "decision_value": 1.5}, "decision_value"),
        ({"decision_value": 0.5}, "leave it out"),
        ({"decision": "most"}, "decision"),
        ({"profit": 200}, "profit"),
        ({"profit": ChurnProfit(contact=-1)}, "contact"),
        ({"features": "all"}, "features"),
        ({"calibration": "platt"}, "calibration"),
        ({"estimator": LogisticRegression}, "not its class"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(table, options, said):
    with pytest.raises(ValueError, match=said):
        ChurnClassifier(**options).fit(*table)


def test_a_grid_over_the_value(table):
    X, y = table
    search = GridSearchCV(fast(profit=ChurnProfit()), {"profit__value": [50, 200, 1000]}, cv=3, scoring="f1")
    search.fit(X, y)
    thresholds = [clone(search.estimator).set_params(profit__value=v).fit(X, y).threshold_ for v in (50, 200, 1000)]
    assert thresholds[0] > thresholds[1] > thresholds[2]


def test_rare_churn_and_few_rows():
    X, _ = made_table(3_000)
    y = np.zeros(3_000, dtype=int)
    y[[3, 700, 2_100]] = 1
    model = fast(profit=ChurnProfit()).fit(X, y)
    assert model.calibration_.method is None
    assert model.calibration_.rows == "none"
    assert 0 < model.predict_proba(X)[:, 1].mean() < 0.01
    # Nothing was held out, so the cut is where probabilities say that contacting pays.
    assert model.predict(X).mean() < 0.01


def test_constant_scores_are_no_reason_to_fail(table):
    X, y = table
    model = ChurnClassifier(DummyClassifier(strategy="prior"), profit=ChurnProfit(), random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean(), atol=0.01)
    assert model.predict(X).all()
    assert model.target_fraction_ == 1.0


# -- snapshots ------------------------------------------------------------------------------------


def test_from_the_log_to_the_decision(rows):
    y = rows.churned()
    model = ChurnClassifier(profit=ChurnProfit(value=60, incentive=5), random_state=0).fit(rows, y)
    told = model.rank(rows)
    assert list(told) == ["customer_id", "as_of", "probability", "expected_profit", "contact"]
    assert len(told) == len(rows)
    assert model.fitted_on_ == (rows.log.fingerprint, (rows.as_of.min(), rows.as_of.max()))
    frame = model.feature_table(rows)
    assert list(frame) == model.feature_names_
    assert {"recency_days", "frequency", "age_band"} <= set(model.feature_names_)
    told = model.explain(rows[:4])
    np.testing.assert_allclose(told.to_numpy().sum(axis=1), logit(model.predict_proba(rows[:4])[:, 1]), atol=1e-6)


def test_calibrated_on_the_latest_rows_whose_training_labels_are_known(rows):
    y = rows.churned()
    model = fast().fit(rows, y)
    held = model.calibration_
    latest = rows.as_of == rows.as_of.max()
    assert held.rows == "latest"
    assert held.n == latest.sum()
    assert held.n_churned == y[latest].sum()
    assert held.first == held.last == rows.as_of.max()
    # By hand: a model of what was known then, its log-odds on the latest rows, and a line through them.
    train = rows.as_of + rows.horizon <= rows.as_of.max()
    earlier = fast(calibration=None).fit(rows[train], y[train])
    said = logit(earlier.predict_proba(rows[latest])[:, 1])[:, None]
    from crmkit.churn._calibration import Calibrator

    expected = Calibrator.learn(said, y[latest].astype(float), np.ones(int(latest.sum())), "sigmoid")
    np.testing.assert_allclose(model.calibrator_.weights, expected.weights, rtol=1e-6)
    # The level is that of all rows, not of the latest date.
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1].mean(), y.mean(), atol=1e-9)


def test_one_date_is_calibrated_by_customers():
    rng = np.random.default_rng(0)
    events = pd.DataFrame({"who": rng.integers(0, 200, 900), "when": pd.Timestamp("2024-01-01")})
    events["when"] += pd.to_timedelta(rng.integers(0, 300, 900), unit="D")
    log = EventLog.from_frame(events, customer="who", time="when")
    X = log.snapshots(["2024-07-01"], horizon="60D")
    model = fast().fit(X, X.churned())
    assert model.calibration_.rows == "customers"
    assert model.calibration_.n == len(X)


def test_features_of_ones_own(rows):
    y = rows.churned()
    one = fast(features=RFMTransformer()).fit(rows, y)
    assert one.feature_names_ == ["recency_days", "frequency", "monetary"]
    several = fast(features=[RFMTransformer(), InterPurchaseFeatures(), "attributes"]).fit(rows, y)
    assert several.feature_names_[:3] == one.feature_names_
    assert len(several.feature_names_) == len(set(several.feature_names_))
    bare = EventLog.from_frame({"who": [1, 2], "when": ["2024-01-01", "2024-01-05"]}, customer="who", time="when")
    with pytest.raises(ParameterError, match="with_attributes"):
        fast(features=["attributes"]).fit(bare.snapshots(["2024-01-06"]), [0, 1])
    for wrong in ([], ["attribute"], [RFMTransformer], "rfm"):
        with pytest.raises(ValueError, match="features"):
            fast(features=wrong).fit(rows, y)


def test_ids_of_customers_are_refused_on_any_number_of_dates(rows):
    known = pd.DataFrame({"who": rows.log.customers, "email": [f"{one}@example.org" for one in rows.log.customers]})
    log = rows.log.with_attributes(known, customer="who")
    X = log.snapshots(["2023-06-01", "2023-08-01", "2023-10-01"], horizon="60D")
    with pytest.raises(ParameterError, match="'email'.*leave the column out"):
        fast().fit(X, X.churned())
    with pytest.raises(ParameterError, match="'base'"):
        fast().fit(pd.DataFrame({"base": [1.0, 2.0]}), [0, 1])


def test_another_log_needs_the_customer_columns(rows):
    model = fast().fit(rows, rows.churned())
    frame = rows.log.to_frame().head(200)
    bare = EventLog.from_frame(
        frame, customer="customer_id", time="time", value="value", item="item", order="order", kind="kind",
        purchases="order", columns=["minutes", "score"],
    )  # fmt: skip
    with pytest.raises(ParameterError, match="X lacks 'country'.*with_attributes"):
        model.predict(bare.snapshot())


def test_rows_of_their_own_dates_are_held_out_by_time():
    """Contract ends: hardly two rows share an instant, and the latest five hundred are one slice."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(700), 4)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 86_400, len(who)), unit="s")
    log = EventLog.from_frame({"who": who, "when": when.to_numpy()}, customer="who", time="when")
    ends = pd.Timestamp("2024-04-01") + pd.to_timedelta(rng.integers(0, 150 * 86_400, 4_000), unit="s")
    X = log.snapshots_at({"who": rng.integers(0, 700, 4_000), "end": ends}, customer="who", as_of="end", horizon="30D")
    y = X.churned()
    held = fast().fit(X, y).calibration_
    assert held.rows == "latest"
    latest = (X.as_of >= held.first) & (X.as_of <= held.last)
    assert held.last == X.as_of.max()
    # As many as it takes, and not more of them.
    assert 500 <= held.n == latest.sum() <= 600
    assert min(held.n_churned, held.n - held.n_churned) >= 100


def test_customers_of_another_sort_are_warned_of(rows):
    log = rows.log
    X = log.snapshots(["2023-06-01", "2023-08-01", "2023-10-01"], horizon="60D", active_within="90D")
    model = fast(features=RFMTransformer()).fit(X, X.churned())
    everybody = log.snapshot()
    silent = (
        everybody.as_of - np.asarray(log.only("order").to_frame().groupby("customer_id")["time"].max())
    ) > np.timedelta64(90, "D")
    with pytest.warns(CrmkitWarning, match=f"active_within=90D, and {silent.sum()} of {len(everybody)} customers"):
        model.predict(everybody)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(log.snapshot(active_within="90D"))
        # A service asks about a customer without knowing how long they are silent.
        model.predict(everybody[~silent])


def test_kinds_that_come_later_are_not_known():
    """A kind that first occurs after every as_of changes nothing, not even the columns."""
    rng = np.random.default_rng(0)
    events = pd.DataFrame({"who": rng.integers(0, 120, 900), "what": "order", "paid": 5.0})
    events["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 900), unit="D")
    later = events.iloc[:50].assign(what="survey", when=pd.Timestamp("2024-11-20"))
    made = [
        EventLog.from_frame(
            frame,
            customer="who",
            time="when",
            value="paid",
            kind="what",
            purchases="order",
            observed_until="2024-12-01",
        )
        for frame in (events, pd.concat([events, later]))
    ]
    told = []
    for log in made:
        X = log.snapshots(["2024-05-01", "2024-07-01", "2024-09-01"], horizon="30D")
        told.append(fast().fit(X, X.churned()).predict_proba(X))
    np.testing.assert_array_equal(*told)


def test_two_features_of_one_name_are_refused(rows):
    y = rows.churned()
    twice = [WindowAggregator(["90D"], ["count"], kinds=kind) for kind in rows.log.kinds[:2].tolist()]
    with pytest.raises(ParameterError, match="'count_events_90D', the second one by the WindowAggregator"):
        fast(features=twice).fit(rows, y)
    known = pd.DataFrame({"who": rows.log.customers, "frequency": 1.0})
    log = rows.log.with_attributes(known, customer="who")
    X = log.snapshots(["2023-06-01", "2023-10-01"], horizon="60D")
    with pytest.raises(ParameterError, match="'frequency', the second one by the customer columns"):
        fast().fit(X, X.churned())


def test_predictions_leave_the_threads_of_the_process_alone(table):
    from threadpoolctl import threadpool_info

    X, y = table
    model = ChurnClassifier(random_state=0).fit(X, y)
    before = [pool["num_threads"] for pool in threadpool_info()]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(lambda _: model.predict_proba(X[:3]), range(8)))
            list(pool.map(lambda _: fast().fit(X, y), range(4)))
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_nested_searches_over_time(rows):
    y = rows.churned()
    log = rows.log
    X = log.snapshots(pd.date_range("2023-05-01", "2023-10-01", freq="MS"), horizon="30D")
    y = X.churned()
    search = GridSearchCV(
        fast(features=RFMTransformer()), {"estimator__C": [0.01, 1.0]}, cv=TemporalSplit(1), scoring="roc_auc"
    )
    scores = cross_val_score(search, X, y, cv=TemporalSplit(2), scoring="roc_auc", n_jobs=2)
    assert len(scores) == 2
    assert np.isfinite(scores).all()


def test_the_other_sort_of_rows_is_refused(rows, table):
    X, y = table
    of_log = fast(features=RFMTransformer()).fit(rows, rows.churned())
    of_table = fast().fit(X, y)
    with pytest.raises(ParameterError, match="fitted on Snapshots"):
        of_log.predict(X)
    with pytest.raises(ParameterError, match="fitted on a table"):
        of_table.predict(rows)
    with pytest.raises(ParameterError, match="horizon"):
        of_log.predict(rows.log.snapshots(["2023-10-01"], horizon="30D"))
    with pytest.raises(ParameterError, match="EventLog itself"):
        of_table.fit(rows.log, y)
    with pytest.raises(ParameterError, match="X has none"):
        of_log.fit(rows[:0], [])
    # Rows of today have no label window.
    assert len(of_log.predict(rows.log.snapshot())) == len(rows.log.snapshot())


def test_no_rows_give_no_rows(rows):
    model = fast(features=RFMTransformer(), profit=ChurnProfit()).fit(rows, rows.churned())
    none = rows[:0]
    assert model.predict_proba(none).shape == (0, 2)
    assert model.predict(none).shape == (0,)
    assert len(model.rank(none)) == 0
    assert len(model.explain(none)) == 0


def test_the_value_is_read_as_of_each_row(rows):
    log = rows.log
    known = pd.DataFrame(
        {
            "who": np.repeat(log.customers, 2),
            "since": np.tile(pd.to_datetime(["2022-01-01", "2023-09-01"]), log.n_customers),
            "worth": np.tile([10.0, 1000.0], log.n_customers),
        }
    )
    with_worth = log.with_attributes(known, customer="who", known_at="since")
    X = with_worth.snapshots(["2023-06-01", "2023-08-01", "2023-10-01"], horizon="60D")
    model = fast(profit=ChurnProfit(value="worth")).fit(X, X.churned())
    assert "worth" not in model.feature_names_
    told = model.rank(X)
    early = told["as_of"] < pd.Timestamp("2023-09-01")
    assert told.loc[early, "expected_profit"].max() < 0
    assert told.loc[~early, "expected_profit"].max() > 100


@pytest.mark.slow
def test_without_signal_it_scores_one_half():
    """Memoryless customers, all alike: what they did says nothing of what they will do."""
    rng = np.random.default_rng(5)
    n_events = rng.poisson(12, 1_500)
    who = np.repeat(np.arange(1_500), n_events)
    when = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.uniform(0, 720, len(who)), unit="D")
    events = pd.DataFrame({"who": who, "when": when, "paid": rng.gamma(2, 10, len(who)).round(2)})
    log = EventLog.from_frame(events, customer="who", time="when", value="paid", observed_until="2025-01-01")
    X = log.snapshots(pd.date_range("2023-10-01", "2024-10-01", freq="MS"), horizon="60D")
    y = X.churned()
    (fold,) = TemporalSplit(1).folds(X)
    model = ChurnClassifier(random_state=0).fit(X[fold.train], y[fold.train])
    score = model.predict_proba(X[fold.test])[:, 1]
    auc = estimate(roc_auc_score, y[fold.test], score, groups=X.customer_id[fold.test], random_state=0)
    assert auc.low < 0.5 < auc.high
    # And the probabilities say so: all are near the share of those who stay silent.
    assert np.abs(score - y.mean()).max() < 0.12


def test_pickles_and_clones(table, rows):
    X, y = table
    for model, data in ((fast(profit=ChurnProfit()).fit(X, y), X), (fast().fit(rows, rows.churned()), rows)):
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict_proba(data), model.predict_proba(data))
        assert not hasattr(clone(model), "threshold_")


def test_refitting_on_the_other_sort_leaves_nothing_behind(table, rows):
    X, y = table
    model = fast().fit(X, y)
    assert model.n_features_in_ == X.shape[1]
    model.fit(rows, rows.churned())
    assert not hasattr(model, "n_features_in_")
    model.fit(X, y)
    assert not hasattr(model, "fitted_on_")


def test_weights_count_rows(table):
    X, y = table
    weight = np.where(y == 1, 5.0, 1.0)
    heavier = fast(calibration=None).fit(X, y, sample_weight=weight).predict_proba(X)[:, 1].mean()
    assert heavier > fast(calibration=None).fit(X, y).predict_proba(X)[:, 1].mean() + 0.1
    with pytest.raises(ValueError, match="one class only"):
        fast().fit(X, y, sample_weight=(y == 1).astype(float))
