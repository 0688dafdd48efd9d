"""Weekly demand of Online Retail's items: every forecaster from past origins, against the seasonal naive.

CRMKIT_DATA=/data python benchmarks/studies/demand_online_retail.py
CRMKIT_DATA=/data python benchmarks/studies/demand_online_retail.py --years 1 --items 3000
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR

import crmkit.forecast as room
from crmkit import EventLog
from crmkit.metrics import estimate

STEPS, ORIGINS = 4, 6


def weekly_demand(folder, years):
    """Units sold of each item in each week, from its first purchase on."""
    columns = {"customer": "customer_id", "time": "invoice_date", "item": "stock_code", "order": "invoice"}
    texts = {"stock_code": str, "invoice": str}
    lines = pd.read_csv(folder / "online_retail" / "online_retail_2010_2011.csv.gz", dtype=texts)
    if years == 2:
        before = pd.read_csv(folder / "online_retail" / "online_retail_2009_2010.csv.gz", dtype=texts)
        # The two files have 776 invoices of December 2010 in common.
        lines = pd.concat([before, lines[~lines["invoice"].isin(before["invoice"])]])
    log = EventLog.from_frame(lines, price="unit_price", quantity="quantity", **columns)
    return log.demand("W", by="item")


def sold_most(demand, n_items):
    """The items of which most was sold before the first origin: what came later is not looked at."""
    weeks = demand["time"].drop_duplicates().sort_values()
    before = demand[demand["time"] < weeks.iloc[-STEPS * ORIGINS]]
    chosen = before.groupby("series")["value"].sum().nlargest(n_items).index
    return demand[demand["series"].isin(chosen)]


def forecasters():
    """What is compared, besides the seasonal naive."""
    boosting = HistGradientBoostingRegressor(random_state=0)
    absolute = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
    poisson = HistGradientBoostingRegressor(loss="poisson", random_state=0)
    forest = RandomForestRegressor(50, min_samples_leaf=20, random_state=0)
    vectors = make_pipeline(StandardScaler(), LinearSVR(epsilon=0.1, random_state=0))
    year = {"time_features": [("year", 2)]}
    return {
        "seasonal naive": room.SeasonalNaiveForecaster(season=52),
        "naive": room.NaiveForecaster(),
        "mean of 4": room.MovingAverageForecaster(4),
        "mean of 13": room.MovingAverageForecaster(13),
        "EMA, alpha learnt": room.EMAForecaster(alpha="auto"),
        "Croston": room.CrostonForecaster(),
        "Croston, SBA": room.CrostonForecaster("sba"),
        "Croston, TSB": room.CrostonForecaster("tsb"),
        "linear (the default)": room.DemandForecaster(),
        "linear, direct": room.DemandForecaster(strategy="direct"),
        "linear, values": room.DemandForecaster(target_transform=None),
        "linear, log": room.DemandForecaster(target_transform="log"),
        "linear, log difference": room.DemandForecaster(target_transform="log_difference"),
        "linear, waves of the year": room.DemandForecaster(target_transform="difference", **year),
        "linear, lags of a year too": room.DemandForecaster(
            LinearRegression(), lags=[*range(1, 14), 52, 53], target_transform="difference"
        ),
        "support vectors": room.DemandForecaster(vectors, target_transform="difference"),
        "forest": room.DemandForecaster(forest, target_transform=None),
        "boosting": room.DemandForecaster(boosting),
        "boosting, Poisson": room.DemandForecaster(poisson, target_transform="scale"),
        "boosting, absolute error": room.DemandForecaster(absolute, target_transform="scale"),
    }


def gain(base, other):
    """The mean over items of the difference in MASE, with a 95 % interval."""
    found = estimate(np.mean, (base - other).dropna().to_numpy(), random_state=0)
    return f"{float(found):+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--years", type=int, choices=[1, 2], default=2, help="of data; one holds no season of 52 weeks")
    parser.add_argument("--items", type=int, default=500, help="the items sold most before the first origin")
    said = parser.parse_args()
    warnings.simplefilter("ignore")
    demand = sold_most(weekly_demand(Path(os.environ["CRMKIT_DATA"]), said.years), said.items)
    n = demand["series"].nunique()
    zeros = (demand["value"] == 0).mean()
    print(f"{n:,} items, {demand['time'].nunique()} weeks, {zeros:.0%} of {len(demand):,} values are zero")
    print(room.demand_classes(demand)["demand_class"].value_counts().to_dict())
    print(f"{'':28s} {'MASE':>6s} {'WAPE':>6s} {'bias':>6s} {'inside':>6s} {'seconds':>7s}  gain in MASE over")
    print(f"{'':66s}the seasonal naive         the mean of 8")
    by_series = {}
    for name, model in {"mean of 8": room.MovingAverageForecaster(8), **forecasters()}.items():
        began = time.process_time()
        found = room.rolling_origin({name: model}, demand, steps=STEPS, n_origins=ORIGINS)
        took = time.process_time() - began
        row = found.scores.set_index("model").loc[name]
        table = found.by_series.set_index(["model", "series"])["mase"]
        by_series[name] = table.loc[name]
        over = [gain(table.loc["seasonal_naive"], by_series[name]), gain(by_series["mean of 8"], by_series[name])]
        print(
            f"{name:28s} {row['mase']:6.3f} {row['wape']:6.3f} {row['bias']:+6.2f} {row['coverage']:6.2f} {took:7.1f}  "
            + "  ".join(over),
            flush=True,
        )


if __name__ == "__main__":
    main()
