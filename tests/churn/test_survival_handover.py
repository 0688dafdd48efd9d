"""What `Snapshots.time_to_next` hands over gives the published curves and coefficients of survival models.

Two published tables of durations become logs of contracts that begin on days of their own; the rows are taken as
of those days. Estimators are written out here, so that no survival package is needed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from crmkit import EventLog
from crmkit._durations import time_unit_microseconds

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "survival.json").read_text(encoding="utf-8"))
NOW = np.datetime64("2024-01-01", "us")


def handed_over(duration, observed, unit, covariates):
    """Durations as a log and back: who has left began long ago, who is still there began `duration` before now."""
    length = duration.to_numpy() * np.timedelta64(time_unit_microseconds(unit), "us")
    left = observed.to_numpy() == 1
    began = NOW - length - left * np.timedelta64(1000, "D")
    who = np.arange(len(length))
    events = pd.concat(
        [
            pd.DataFrame({"who": who, "when": began - np.timedelta64(30, "D"), "what": "sign"}),
            pd.DataFrame({"who": who, "when": began + length, "what": "cancel"})[left],
        ]
    )
    log = EventLog.from_frame(
        events, customer="who", time="when", kind="what", purchases="sign", observed_until=NOW
    ).with_attributes(covariates.assign(who=who), customer="who")
    X = log.snapshots_at(pd.DataFrame({"who": who, "when": began}), customer="who", as_of="when")
    return X.time_to_next("cancel", time_unit=unit), X.attributes()


def kaplan_meier(frame):
    duration, observed = frame["duration"].to_numpy(), frame["observed"].to_numpy()
    times = np.unique(duration[observed == 1])
    left = np.array([(observed[duration == t] == 1).sum() for t in times])
    at_risk = np.array([(duration >= t).sum() for t in times])
    return times, np.cumprod(1 - left / at_risk)


def survival_at(frame, time):
    times, share = kaplan_meier(frame)
    return np.append(1.0, share)[np.searchsorted(times, time, side="right")]


def efron_loss(beta, Z, duration, observed):
    """Cox's partial likelihood; of d who leave at one time, part after part leaves the risk set (Efron 1977)."""
    risk, total = np.exp(Z @ beta), 0.0
    for t in np.unique(duration[observed == 1]):
        here = (duration == t) & (observed == 1)
        d, all_risk = here.sum(), risk[duration >= t].sum()
        total += (Z[here] @ beta).sum() - sum(np.log(all_risk - k / d * risk[here].sum()) for k in range(d))
    return -total


@pytest.fixture(scope="module")
def telco(data_folder):
    table = pd.read_csv(data_folder / "telco_churn_ibm" / "telco_customer_churn.csv.gz")
    return handed_over(table["tenure"], (table["Churn"] == "Yes").astype(int), "M", table[["Contract"]])


@pytest.fixture(scope="module")
def rossi(data_folder):
    table = pd.read_csv(data_folder / "survival_reference" / "rossi.csv")
    return handed_over(table["week"], table["arrest"], "W", table[list(GOLDEN["rossi_cox"])])


def test_durations_come_back_as_they_were(rossi, data_folder):
    table = pd.read_csv(data_folder / "survival_reference" / "rossi.csv")
    assert rossi[0]["duration"].tolist() == table["week"].tolist()
    assert rossi[0]["observed"].tolist() == table["arrest"].tolist()
    assert rossi[1]["age"].tolist() == table["age"].tolist()


@pytest.mark.parametrize("month", [1, 12, 24, 36, 48, 60, 72])
def test_telco_kaplan_meier_is_as_published(telco, month):
    assert survival_at(telco[0], month) == pytest.approx(GOLDEN["telco_survival"][str(month)], abs=5e-6)


def test_rossi_kaplan_meier_is_as_published(rossi):
    assert survival_at(rossi[0], 52) == pytest.approx(GOLDEN["rossi_survival"]["52"], abs=5e-7)


def test_rossi_cox_is_as_published(rossi):
    frame, attributes = rossi
    Z = attributes.to_numpy(np.float64)
    data = (Z - Z.mean(axis=0), frame["duration"].to_numpy(), frame["observed"].to_numpy())
    found = minimize(efron_loss, np.zeros(Z.shape[1]), args=data, method="BFGS", options={"gtol": 1e-5})
    assert found.x == pytest.approx(list(GOLDEN["rossi_cox"].values()), abs=2e-5)
    assert -found.fun == pytest.approx(GOLDEN["rossi_loglik"], abs=1e-4)
