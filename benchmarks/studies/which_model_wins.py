"""Which model of value wins where, out of time: Online Retail, CDNOW and a grocery.

    CRMKIT_DATA=/data python benchmarks/studies/which_model_wins.py
    CRMKIT_DATA=/data python benchmarks/studies/which_model_wins.py --only grocery

Every model knows what happened before the test date and nothing after it; learned models are trained
on the first days of the months before, as far as their labels were complete. Printed: figures with
95 % intervals, the naive rule last, and the share of outcomes inside the 90 % intervals.

The grocery has no prices: its money is the number of purchase days.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.value import BetaGeoNBD, CLVEstimator, CLVRegressor, ModifiedBetaGeoNBD, ParetoNBD, value_report


class Counts:
    """Expected purchases as a value, where every purchase is worth one."""

    def __init__(self, model, horizon):
        self.model, self.horizon = model, horizon

    def fit(self, X):
        self.model.fit(X)
        return self

    def predict(self, X):
        return self.model.expected_purchases(X, self.horizon)

    def predict_interval(self, X, coverage):
        return self.model.predict_interval(X, coverage, horizon=self.horizon, random_state=0)


def online_retail(folder):
    """Two years of a wholesaler of gifts; 776 invoices are in both files."""
    parts = [
        pd.read_csv(folder / "online_retail" / f"online_retail_{years}.csv.gz", dtype={"invoice": str})
        for years in ("2009_2010", "2010_2011")
    ]
    lines = pd.concat([parts[0], parts[1][~parts[1]["invoice"].isin(parts[0]["invoice"].unique())]])
    return EventLog.from_frame(
        lines, customer="customer_id", time="invoice_date", price="unit_price", quantity="quantity", order="invoice"
    )


def cdnow(folder):
    """The whole cohort, not the sample that crmkit ships."""
    lines = pd.read_csv(folder / "cdnow" / "cdnow_master.csv")
    return EventLog.from_frame(lines, customer="customer_id", time="date", value="dollar_value")


def grocery(folder):
    """An online grocery whose customers buy in a regular rhythm."""
    lines = pd.read_csv(folder / "grocery" / "grocery_elog.csv").assign(value=1.0)
    return EventLog.from_frame(lines, customer="cust", time="date", value="value")


#: Name, data, test date, horizon, first training date.
STUDIES = (
    ("online retail", online_retail, "2011-06-01", "26W", "2010-02-01"),
    ("cdnow, 13 weeks", cdnow, "1998-04-01", "13W", "1997-04-01"),
    ("cdnow, 25 weeks", cdnow, "1998-01-01", "25W", "1997-04-01"),
    ("grocery", grocery, "2007-07-01", "26W", "2006-02-01"),
)


def classical(name, horizon):
    """Models that learn from the test rows' own past."""
    if name == "grocery":
        kinds = {"BG/NBD": BetaGeoNBD(), "MBG/CNBD-2": ModifiedBetaGeoNBD(regularity=2), "Pareto/NBD": ParetoNBD()}
        return {label: Counts(model, horizon) for label, model in kinds.items()}
    kinds = {"BG/NBD": BetaGeoNBD(), "MBG/NBD": ModifiedBetaGeoNBD(), "Pareto/NBD": ParetoNBD()}
    return {f"{label} + GG": CLVEstimator(model, horizon=horizon) for label, model in kinds.items()}


def study(name, log, day, horizon, first):
    end = pd.Timestamp(day) - pd.Timedelta(horizon)
    train = log.snapshots(pd.date_range(first, end, freq="MS"), horizon=horizon)
    test = log.snapshots([day], horizon=horizon)
    y = test.future_value()
    learned = {
        "learned": CLVRegressor(random_state=0),
        "learned, MBG/NBD inside": CLVRegressor(purchase_model=ModifiedBetaGeoNBD(), random_state=0),
    }
    models, seconds = {}, {}
    for label, model in {**classical(name, horizon), **learned}.items():
        began = time.perf_counter()
        models[label] = model.fit(train, train.future_value()) if label in learned else model.fit(test)
        seconds[label] = time.perf_counter() - began
    print(f"\n{name}: {len(test):,} customers as of {day}, next {horizon}; {len(train):,} training rows")
    print(value_report(models, test, y))
    for label, model in models.items():
        print(f"{label:24s} fit {seconds[label]:6.2f} s   {coverage(model, test, y)}")


def coverage(model, test, y):
    try:
        low, high = model.predict_interval(test, 0.9).T
    except ParameterError:
        return "no intervals: no date to calibrate on"
    return f"90 % intervals hold {np.mean((low <= y) & (y <= high)):.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="part of a study's name")
    only = parser.parse_args().only
    folder = Path(os.environ["CRMKIT_DATA"])
    # What the models think of these data is not what is asked.
    warnings.simplefilter("ignore")
    for name, load, day, horizon, first in STUDIES:
        if only in name:
            study(name, load(folder), day, horizon, first)


if __name__ == "__main__":
    main()
