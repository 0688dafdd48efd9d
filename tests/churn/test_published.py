"""What is said of ChurnClassifier on public data: two tables of contracts, and a shop out of time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from crmkit import ChurnClassifier, EventLog
from crmkit.churn import ChurnProfit
from crmkit.features import RFMTransformer
from crmkit.metrics import brier_decomposition, estimate, expected_maximum_profit_churn, maximum_profit_churn
from crmkit.model_selection import TemporalSplit
from crmkit.value import BetaGeoNBD


@pytest.fixture(scope="module")
def telco(data_folder):
    table = pd.read_csv(data_folder / "telco_churn_ibm" / "telco_customer_churn.csv.gz")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    return table.drop(columns="customerID")


@pytest.fixture(scope="module")
def mlc(data_folder):
    return pd.read_csv(data_folder / "mlc_churn" / "mlc_churn.csv.gz").drop(columns="rownames")


def out_of_fold(model, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]


# Scores that need no model, and what contacting by them earns; sums over g on 4,001 points found the same.
@pytest.mark.parametrize(
    ("score", "expected", "best"),
    [
        ("tenure", 8.51291143, 8.30001420),
        ("charges", 7.96406369, 7.88016470),
        ("contract", 9.71188461, 9.69501633),
    ],
)
def test_profit_of_plain_scores(telco, score, expected, best):
    y = (telco["Churn"] == "Yes").to_numpy()
    plain = {
        "tenure": -telco["tenure"],
        "charges": telco["MonthlyCharges"],
        "contract": 1000 * (telco["Contract"] == "Month-to-month") - telco["tenure"],
    }[score].to_numpy(dtype=np.float64)
    assert expected_maximum_profit_churn(y, plain) == pytest.approx(expected, abs=1e-6)
    assert maximum_profit_churn(y, plain) == pytest.approx(best, abs=1e-6)


@pytest.mark.slow
def test_telco(telco):
    X, came = telco.drop(columns="Churn"), (telco["Churn"] == "Yes").to_numpy().astype(np.int64)
    p = out_of_fold(ChurnClassifier(random_state=0), X, came)
    auc = estimate(roc_auc_score, came, p, n_resamples=300, random_state=0)
    assert float(auc) >= 0.847
    assert auc.low <= 0.85 <= auc.high  # nobody is known to do better without resampling before the split
    assert np.mean((p - came) ** 2) <= 0.1345
    assert expected_maximum_profit_churn(came, p) >= 10.25
    assert brier_decomposition(came, p).reliability < 0.001


@pytest.mark.slow
def test_mlc(mlc):
    X, came = mlc.drop(columns="churn"), (mlc["churn"] == "yes").to_numpy().astype(np.int64)
    p = out_of_fold(ChurnClassifier(random_state=0), X, came)
    assert roc_auc_score(came, p) >= 0.92
    assert np.mean((p - came) ** 2) <= 0.038
    assert expected_maximum_profit_churn(came, p) >= 6.25


@pytest.mark.slow
def test_churners_repeated_before_splitting_flatter(telco):
    X, y = telco.drop(columns="Churn"), (telco["Churn"] == "Yes").to_numpy().astype(np.int64)
    forest = ChurnClassifier(RandomForestClassifier(30, random_state=0), calibration=None)
    honest = roc_auc_score(y, out_of_fold(forest, X, y))
    more = np.random.default_rng(0).choice(np.flatnonzero(y), (y == 0).sum() - y.sum())
    rows = np.concatenate([np.arange(len(y)), more])
    flattered = roc_auc_score(y[rows], out_of_fold(forest, X.iloc[rows].reset_index(drop=True), y[rows]))
    assert 0.80 < honest < 0.84
    assert flattered > 0.95


@pytest.fixture(scope="module")
def shop(data_folder):
    """Two years of Online Retail; 776 invoices are in both files."""
    parts = [
        pd.read_csv(data_folder / "online_retail" / f"online_retail_{years}.csv.gz", dtype={"invoice": str})
        for years in ("2009_2010", "2010_2011")
    ]
    lines = pd.concat([parts[0], parts[1][~parts[1]["invoice"].isin(parts[0]["invoice"].unique())]])
    return EventLog.from_frame(
        lines,
        customer="customer_id",
        time="invoice_date",
        price="unit_price",
        quantity="quantity",
        order="invoice",
        tz="Europe/London",
    )


# One rule, three audiences: what a model is asked decides how good it looks.
@pytest.mark.parametrize(("active_within", "auc"), [(None, 0.77), ("180D", 0.66), ("90D", 0.60)])
def test_recency_by_audience(shop, active_within, auc):
    dates = pd.date_range("2011-06-01", "2011-09-01", freq="MS")
    X = shop.snapshots(dates, horizon="90D", active_within=active_within)
    y, days = X.churned(), RFMTransformer(columns="values").fit_transform(X)["recency_days"].to_numpy()
    scores = [roc_auc_score(y[X.as_of == date], days[X.as_of == date]) for date in dates.to_numpy()]
    assert np.mean(scores) == pytest.approx(auc, abs=0.01)


@pytest.mark.slow
def test_online_retail_out_of_time(shop):
    # Every third month, so that it takes seconds.
    X = shop.snapshots(pd.date_range("2010-03-01", "2011-09-01", freq="3MS"), horizon="90D", active_within="180D")
    y, profit = X.churned(), ChurnProfit(value=200, incentive=10, contact=1)
    for fold in TemporalSplit(n_splits=4).folds(X):
        train, test, came = X[fold.train], X[fold.test], y[fold.test]
        model = ChurnClassifier(profit=profit, random_state=0).fit(train, y[fold.train])
        p = model.predict_proba(test)[:, 1]
        days = RFMTransformer(columns="values").fit_transform(test)["recency_days"].to_numpy()
        alive = BetaGeoNBD(penalty=1e-3).fit(shop.snapshot(fold.split_time)).alive_probability(test)
        for rival in (days, 1 - alive):
            assert roc_auc_score(came, p) > roc_auc_score(came, rival) + 0.02
            assert expected_maximum_profit_churn(came, p) > expected_maximum_profit_churn(came, rival)
