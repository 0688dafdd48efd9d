"""Weekly demand of Online Retail's items: every forecaster from past origins, against the seasonal naive.

    CRMKIT_DATA=/data python benchmarks/studies/demand_online_retail.py
    CRMKIT_DATA=/data python benchmarks/studies/demand_online_retail.py --items 4000
    CRMKIT_DATA=/data python benchmarks/studies/demand_online_retail.py --years 1

Both years of the wholesaler are joined: 105 complete weeks from 30 November 2009. One year holds no season of 52
weeks, so a seasonal naive says little more there than the last value. Even two years hold only one season to learn
from; whatever is said of the year here is said of one Christmas.

From each of six origins, four weeks apart (the first 20 June 2011), four weeks are forecast; everything is fitted anew
on what was before. The items are those of which most was sold before the first origin. Errors are in units of each
item's mean change over 52 weeks (MASE; from week to week where it is younger) and of all units sold (WAPE). "inside"
is the share of values in intervals for 90 %. Gains come with 95 % intervals from drawing items again; that all items
met the same summer and autumn is in none of them.

500 items (17 % of weeks without a sale, 336 erratic, 101 lumpy, 61 smooth, 2 intermittent):

                              MASE   WAPE   bias inside  gain over the seasonal naive   over the mean of 8 weeks
    boosting, absolute error  0.608  0.601  -0.30   0.89  +1.210 [+0.789, +1.797]  +0.050 [+0.038, +0.061]
    boosting                  0.625  0.622  -0.42   0.89  +1.193 [+0.772, +1.780]  +0.033 [+0.020, +0.045]
    linear, log difference    0.629  0.617  -0.35   0.88  +1.189 [+0.766, +1.775]  +0.029 [+0.015, +0.041]
    linear, log               0.637  0.635  -0.46   0.88  +1.181 [+0.759, +1.769]  +0.021 [+0.006, +0.034]
    linear (the default)      0.637  0.634  -0.18   0.86  +1.181 [+0.757, +1.763]  +0.020 [+0.015, +0.026]
    linear, direct            0.639  0.636  -0.18   0.86  +1.179 [+0.755, +1.761]  +0.019 [+0.012, +0.024]
    linear, difference        0.649  0.648  -0.12   0.88  +1.169 [+0.745, +1.754]  +0.009 [+0.004, +0.013]
    linear, lags of a year    0.651  0.649  -0.15   0.88  +1.167 [+0.743, +1.752]  +0.007 [+0.001, +0.012]
    mean of 8                 0.657  0.658  -0.08   0.89  +1.160 [+0.736, +1.747]
    mean of 13                0.667  0.664  -0.09   0.89  +1.151 [+0.728, +1.737]  -0.009 [-0.018, -0.002]
    EMA, alpha learnt         0.668  0.668  -0.05   0.88  +1.149 [+0.726, +1.733]  -0.011 [-0.018, -0.003]
    support vectors           0.668  0.664  -0.16   0.88  +1.149 [+0.727, +1.733]  -0.011 [-0.020, -0.003]
    mean of 4                 0.674  0.676  -0.06   0.88  +1.144 [+0.718, +1.728]  -0.016 [-0.025, -0.008]
    Croston, TSB              0.717  0.897  +0.17   0.89  +1.100 [+0.705, +1.675]  -0.060 [-0.099, -0.030]
    linear, waves of the year 0.736  0.710  +0.01   0.85  +1.081 [+0.663, +1.664]  -0.079 [-0.089, -0.068]
    naive                     0.852  0.860  +0.03   0.87  +0.965 [+0.541, +1.552]  -0.195 [-0.223, -0.167]
    linear, values            0.855  0.743  -0.03   0.89  +0.963 [+0.582, +1.501]  -0.197 [-0.248, -0.155]
    forest                    0.868  0.766  +0.14   0.89  +0.949 [+0.577, +1.488]  -0.211 [-0.267, -0.164]
    Croston, SBA              1.056  1.130  +0.36   0.89  +0.762 [+0.453, +1.132]  -0.398 [-0.651, -0.214]
    boosting, Poisson         1.060  0.838  +0.20   0.88  +0.757 [+0.450, +1.197]  -0.403 [-0.562, -0.278]
    Croston                   1.086  1.166  +0.43   0.89  +0.732 [+0.432, +1.094]  -0.428 [-0.694, -0.234]
    seasonal naive            1.818  1.173  +0.48   0.88                           -1.160 [-1.747, -0.736]

What to make of it. The year before is a bad guide to an item: the seasonal naive loses to everything. A mean of the
last eight weeks is hard to beat: the best models are 1 to 8 % better in MASE. Nearly all that goes further goes there
by forecasting too little: absolute errors are smallest at the median, and a week of few large orders has a low one.
Whoever orders stock wants the mean: there "linear, difference" (-12 %) and the mean of 8 (-8 %) are what stands, and
the difference between them is small.

4,000 items (56 % of weeks without a sale): boosting of absolute errors .627 (WAPE .678, bias -.40), linear log
difference .640 (.687, -.40), linear difference .658 (.732, -.13), the default .661 (.697, -.46: it chose logarithms),
mean of 8 .701 (.743, -.09), EMA .712, Croston TSB .757, naive .766, seasonal naive 1.577.

One year alone (53 weeks, the 500 items of it): boosting of absolute errors .796 (WAPE .606, bias -.25), linear log
difference .805 (.612, -.29), the default .826 (.633, -.26), mean of 8 .852 (.660, -.05), linear difference .874
(.669, -.02), naive 1.086 (.848, +.04), seasonal naive 1.095 (.854, +.04).
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
        "linear, difference": room.DemandForecaster(target_transform="difference"),
        "linear, log": room.DemandForecaster(target_transform="log"),
        "linear, log difference": room.DemandForecaster(target_transform="log_difference"),
        "linear, waves of the year": room.DemandForecaster(target_transform="difference", **year),
        "linear, lags of a year too": room.DemandForecaster(
            LinearRegression(), lags=[*range(1, 14), 52, 53], target_transform="difference"
        ),
        "support vectors": room.DemandForecaster(vectors, target_transform="difference"),
        "forest": room.DemandForecaster(forest, target_transform=None),
        "boosting": room.DemandForecaster(boosting),
        "boosting, Poisson": room.DemandForecaster(poisson, target_transform=None),
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
