"""What has moved is found, what has not is left alone, and the figures are those of the metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmkit import EventLog, RFMTransformer
from crmkit.churn import ChurnClassifier, DriftReport, drift_over_time
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.metrics import population_stability_index, stability_cutoff
from crmkit.value import CLVRegressor

FIGURES = ["name", "sort", "psi", "cutoff", "moved", "missing_then", "missing_now"]


def customers(n, seed, **shifts):
    rng = np.random.default_rng(seed)
    amount = rng.gamma(2.0, 30.0, n) * shifts.get("factor", 1.0)
    amount[rng.random(n) < shifts.get("missing", 0.1)] = np.nan
    return pd.DataFrame(
        {
            "amount": amount,
            "orders": rng.poisson(shifts.get("orders", 1.2), n),
            "zero_mostly": np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
            "flag": rng.random(n) < 0.05,
            "plan": rng.choice(shifts.get("plans", ["a", "b", "客户", None]), n),
            "city": rng.zipf(1.6, n).clip(max=400).astype(str),
        }
    )


@pytest.fixture(scope="module")
def rows():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshots(pd.date_range("1997-07-01", "1998-04-01", freq="3MS"), horizon="60D")


def line(report, name):
    table = report.table if isinstance(report.table, pd.DataFrame) else report.table.to_pandas()
    return table.set_index("name").loc[name]


def test_where_nothing_moved_one_of_twenty_is_said_to_have():
    moved = [
        DriftReport.from_tables(customers(n, seed), customers(m, seed + 10_000)).table["moved"]
        for seed in range(40)
        for n, m in ((1500, 400), (300, 3000), (90, 110))
    ]
    share = np.mean(np.concatenate(moved))
    # 720 comparisons: the standard error is 0.8 %.
    assert 0.025 < share < 0.085


def test_what_moved_is_found_and_comes_first():
    then = customers(3000, 0)
    report = DriftReport.from_tables(then, customers(1000, 1, factor=1.5, orders=2.0, plans=["a", "b", "new"]))
    assert list(report.table.columns) == FIGURES
    assert report.table["psi"].is_monotonic_decreasing
    assert set(report.table["name"][:3]) == {"amount", "orders", "plan"}
    assert report.table["moved"][:3].all()
    assert (report.n_then, report.n_now) == (3000, 1000)
    # Labels that then did not have, and missing ones that now has not.
    assert line(report, "plan")["psi"] > 0.25
    assert line(report, "plan")["missing_then"] == pytest.approx(0.25, abs=0.03)
    assert line(report, "plan")["missing_now"] == 0


def test_a_missing_value_is_a_bin_of_its_own():
    report = DriftReport.from_tables(customers(2000, 0), customers(2000, 1, missing=0.25))
    found = line(report, "amount")
    assert found["moved"]
    assert found[["missing_then", "missing_now"]].tolist() == pytest.approx([0.1, 0.25], abs=0.02)
    assert set(report.table["name"][report.table["moved"]]) >= {"amount"}


def test_figures_are_those_of_the_metric():
    then, now = customers(3000, 0), customers(1000, 1, factor=1.2)
    report = DriftReport.from_tables(then, now)
    assert line(report, "amount")["psi"] == pytest.approx(population_stability_index(then["amount"], now["amount"]))
    # Ten quantiles and the missing values.
    assert line(report, "amount")["cutoff"] == pytest.approx(stability_cutoff(3000, 1000, 11))
    assert line(report, "plan")["psi"] == pytest.approx(population_stability_index(then["plan"], now["plan"]))
    assert line(report, "plan")["cutoff"] == pytest.approx(stability_cutoff(3000, 1000, 4))
    assert line(report, "flag")["cutoff"] == pytest.approx(stability_cutoff(3000, 1000, 2))
    fewer = DriftReport.from_tables(then, now, bins=4, level=0.99)
    expected = population_stability_index(then["amount"], now["amount"], bins=4)
    assert line(fewer, "amount")["psi"] == pytest.approx(expected)
    assert line(fewer, "amount")["cutoff"] == pytest.approx(stability_cutoff(3000, 1000, 5, level=0.99))


def test_few_customers_have_few_bins():
    then, now = customers(500, 0), customers(60, 1)
    report = DriftReport.from_tables(then, now)
    expected = population_stability_index(then["amount"], now["amount"], bins=3)
    assert line(report, "amount")["psi"] == pytest.approx(expected)


def test_rare_levels_count_together_with_new_ones():
    then = pd.DataFrame({"code": ["a"] * 500 + ["b"] * 495 + [f"rare {j}" for j in range(5)]})
    now = pd.DataFrame({"code": ["a"] * 500 + ["b"] * 495 + ["new"] * 5})
    assert DriftReport.from_tables(then, now).table["psi"][0] == pytest.approx(0)
    assert DriftReport.from_tables(then, now).table["cutoff"][0] == pytest.approx(stability_cutoff(1000, 1000, 3))


def test_constants():
    then = pd.DataFrame({"same": np.ones(300), "changes": np.zeros(300), "gone": np.ones(300), "text": ["x"] * 300})
    now = pd.DataFrame({"same": np.ones(200), "changes": np.ones(200), "gone": [np.nan] * 200, "text": [None] * 200})
    report = DriftReport.from_tables(then, now)
    assert line(report, "same")[["psi", "moved"]].tolist() == [0, False]
    assert line(report, "changes")["moved"]
    assert line(report, "gone")[["moved", "missing_now"]].tolist() == [True, 1.0]
    assert line(report, "text")[["moved", "missing_now"]].tolist() == [True, 1.0]
    assert np.isfinite(report.table["psi"]).all()


def test_flags_with_and_without_gaps():
    rng = np.random.default_rng(0)
    then, now = rng.random(300) < 0.3, [None if x < 0.2 else bool(x < 0.5) for x in rng.random(300)]
    report = DriftReport.from_tables(pl.DataFrame({"flag": then}), pl.DataFrame({"flag": now}))
    assert line(report, "flag")["missing_now"] == pytest.approx(0.2, abs=0.06)
    assert line(report, "flag")["moved"]
    back = DriftReport.from_tables(pl.DataFrame({"flag": now}), pl.DataFrame({"flag": then}))
    assert line(back, "flag")["moved"]


def test_polars_arrays_and_dicts_say_the_same():
    then, now = customers(800, 0), customers(500, 1)
    frames = DriftReport.from_tables(then, now)
    polars = DriftReport.from_tables(pl.from_pandas(then), pl.from_pandas(now))
    assert isinstance(polars.table, pl.DataFrame)
    pd.testing.assert_frame_equal(polars.table.to_pandas(), frames.table, check_dtype=False)
    assert repr(polars) == repr(frames)
    dicts = DriftReport.from_tables(dict(then), dict(now))
    pd.testing.assert_frame_equal(dicts.table, frames.table)
    arrays = DriftReport.from_tables(*(one[["amount", "orders"]].to_numpy() for one in (then, now)))
    assert sorted(arrays.table["name"]) == ["x0", "x1"]
    assert line(arrays, "x0")["psi"] == line(frames, "amount")["psi"]


def test_columns_of_scores():
    then, now = customers(800, 0), customers(500, 1)
    report = DriftReport.from_tables(then, now.assign(extra=1), scores=("amount",))
    assert line(report, "amount")["sort"] == "score"
    assert (report.table["sort"] == "feature").sum() == 5
    assert "extra" not in report.table["name"].tolist()


def test_a_churn_classifier(rows):
    model = ChurnClassifier(LogisticRegression(), features=RFMTransformer()).fit(rows, rows.churned())
    then, now = rows.where(before="1997-09-01"), rows.where(after="1998-03-01")
    report = DriftReport.from_estimator(model, then, now)
    assert set(report.table["name"]) == {*model.feature_names_, "probability"}
    assert (report.n_then, report.n_now) == (len(then), len(now))
    scores = [model.predict_proba(one)[:, 1] for one in (then, now)]
    assert line(report, "probability")["psi"] == pytest.approx(population_stability_index(*scores))
    assert line(report, "probability")["sort"] == "score"
    assert "customers then" in repr(report)


def test_labels_in_another_order_are_the_same_scores(rows):
    y = np.where(rows.churned() == 1, "gone", "stays")
    model = ChurnClassifier(LogisticRegression(), features=RFMTransformer(), pos_label="gone").fit(rows, y)
    number = ChurnClassifier(LogisticRegression(), features=RFMTransformer()).fit(rows, rows.churned())
    then, now = rows.where(before="1997-09-01"), rows.where(after="1998-03-01")
    one, other = (line(DriftReport.from_estimator(m, then, now), "probability")["psi"] for m in (model, number))
    assert one == pytest.approx(other)


def test_a_search_is_its_best_estimator(rows):
    y = np.where(rows.churned() == 1, "gone", "stays")
    model = ChurnClassifier(LogisticRegression(), features=RFMTransformer(), pos_label="gone")
    search = GridSearchCV(model, {"calibration": [None]}, cv=2).fit(rows, y)
    then, now = rows.where(before="1997-09-01"), rows.where(after="1998-03-01")
    own = DriftReport.from_estimator(search.best_estimator_, then, now)
    pd.testing.assert_frame_equal(DriftReport.from_estimator(search, then, now).table, own.table)
    assert line(own, "probability")["psi"] > 0


def test_several_rows_of_a_customer_count_once(rows):
    report = DriftReport.from_estimator(RFMTransformer().fit(rows), rows.where(before="1998-02-01"), rows)
    assert report.n_now == len(np.unique(rows.codes)) < len(rows)
    assert (report.table["sort"] == "feature").all()


@pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")
def test_other_estimators(rows):
    then, now = rows.where(before="1997-09-01"), rows.where(after="1998-03-01")
    value = CLVRegressor(LinearRegression(), level=None).fit(rows, rows.future_value())
    report = DriftReport.from_estimator(value, then, now)
    assert set(report.table["name"]) == {*value.feature_names_, "prediction"}
    pipeline = make_pipeline(RFMTransformer(), StandardScaler(), LogisticRegression()).fit(rows, rows.churned())
    piped = DriftReport.from_estimator(pipeline, then, now)
    assert set(piped.table["name"]) == {"recency_days", "frequency", "monetary", "probability"}
    # Scaling moves no quantile.
    plain = DriftReport.from_estimator(RFMTransformer().fit(rows), then, now)
    assert line(piped, "recency_days")["psi"] == pytest.approx(line(plain, "recency_days")["psi"])


def test_models_of_tables():
    then, now = (customers(400, seed)[["orders", "zero_mostly"]] for seed in (0, 1))
    y = np.arange(400) % 2
    report = DriftReport.from_estimator(make_pipeline(StandardScaler(), LogisticRegression()).fit(then, y), then, now)
    assert set(report.table["name"]) == {"orders", "zero_mostly", "probability"}
    three = LogisticRegression().fit(then, np.array(["a", "b", "c", "a"] * 100))
    assert line(DriftReport.from_estimator(three, then, now), "prediction")["sort"] == "score"
    made = DriftReport.from_estimator(StandardScaler().fit(then), then, now)
    assert set(made.table["name"]) == {"orders", "zero_mostly"}


def test_dates_one_after_the_other(rows):
    transformer = RFMTransformer().fit(rows)
    found = drift_over_time(transformer, rows)
    assert list(found.columns) == ["as_of", "name", "sort", "n", "psi", "cutoff", "moved"]
    dates = np.unique(rows.as_of)
    assert found["as_of"].unique().tolist() == pd.to_datetime(dates[1:]).tolist()
    for date in dates[1:]:
        pair = DriftReport.from_estimator(transformer, rows[rows.as_of == dates[0]], rows[rows.as_of == date])
        own = found[found["as_of"] == date].set_index("name")
        assert own["psi"].to_dict() == pytest.approx(pair.table.set_index("name")["psi"].to_dict())
        assert (own["n"] == pair.n_now).all()
    back = drift_over_time(transformer, rows, reference="1998-04-01")
    assert back["as_of"].max() < pd.Timestamp("1998-04-01")


def test_dates_of_a_polars_log():
    frame = pl.from_pandas(load_cdnow())
    log = EventLog.from_frame(frame, customer="customer_id", time="date", value="value")
    X = log.snapshots(["1997-10-01", "1998-01-01"])
    found = drift_over_time(RFMTransformer().fit(X), X)
    assert isinstance(found, pl.DataFrame)
    assert isinstance(DriftReport.from_estimator(RFMTransformer().fit(X), X[:2000], X[3000:]).table, pl.DataFrame)


def test_what_is_shown():
    then, now = (
        customers(800, 0).rename(columns={"plan": "<plan>"}),
        customers(500, 1).rename(columns={"plan": "<plan>"}),
    )
    report = DriftReport.from_tables(then, now)
    assert repr(report).startswith("DriftReport(")
    assert len(repr(report).splitlines()) == 8
    page = report._repr_html_()
    assert "&lt;plan&gt;" in page
    assert "<plan>" not in page
    assert page.count("<tr") == 7
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 30)))
    assert repr(DriftReport.from_tables(wide.to_numpy(), wide.to_numpy())).endswith("… and 10 more")


@pytest.mark.parametrize(
    ("then", "now", "options", "said"),
    [
        ({"a": [1.0]}, {"b": [1.0]}, {}, "now='a'"),
        ({"a": [1.0]}, {"a": [1.0]}, {"scores": ("s",)}, "then='s'"),
        ({"a": [1.0]}, {"a": ["x"]}, {}, "The column 'a' holds text or categories in one group of rows, and numbers"),
        (np.ones((0, 2)), np.ones((3, 2)), {}, "there are none then"),
        (np.ones((3, 2)), np.ones((0, 2)), {}, "there are none now"),
        (np.ones(3), np.ones(3), {}, "The 'then' parameter of DriftReport must be a frame"),
        ({"a": [1.0]}, {"a": [1.0]}, {"bins": 1}, "'bins' parameter of DriftReport"),
        ({"a": [1.0]}, {"a": [1.0]}, {"level": 1.0}, "'level' parameter of DriftReport"),
    ],
)
def test_what_is_refused(then, now, options, said):
    with pytest.raises((ParameterError, ColumnNotFoundError), match=said):
        DriftReport.from_tables(then, now, **options)


def test_rows_that_are_refused(rows):
    model = RFMTransformer().fit(rows)
    with pytest.raises(ParameterError, match="'X' parameter of drift_over_time must be Snapshots"):
        drift_over_time(model, pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ParameterError, match="X has 1 dates"):
        drift_over_time(model, rows.where(before="1997-09-01"))
    with pytest.raises(ParameterError, match="2001-01-01 is none of them"):
        drift_over_time(model, rows, reference="2001-01-01")
    with pytest.raises(ParameterError, match="finds nothing to compare: object"):
        DriftReport.from_estimator(object(), rows, rows)
