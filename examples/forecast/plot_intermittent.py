"""
Demand that comes now and then
==============================

Most items of most shops are asked for in few weeks. Which are they, what can be said of them, and why the best
score may go to the forecast that is of no use.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.forecast import CrostonForecaster, EMAForecaster, MovingAverageForecaster, demand_classes, rolling_origin
from crmkit.metrics import forecast_bias

# %%
# Six hundred items over three years, simulated: each has its own chance of being asked for in a week, and its own
# size of a demand, more or less even.

rng = np.random.default_rng(0)
n_items, n_weeks = 600, 156
weeks = pd.date_range("2022-01-03", periods=n_weeks, freq="W-MON")
chance = rng.beta(0.8, 1.2, n_items)
spread = rng.uniform(0.1, 1.4, n_items)
size = np.ceil(rng.lognormal(1, spread[:, None], (n_items, n_weeks)))
sold = np.where(rng.random((n_items, n_weeks)) < chance[:, None], size, 0.0)
demand = pd.DataFrame({"series": np.repeat(np.arange(n_items), n_weeks), "time": np.tile(weeks, n_items)})
demand["value"] = sold.ravel()

# %%
# Four classes
# ------------
# How often: weeks for each one with demand. How evenly: the squared coefficient of variation of what was asked for
# then. The cut-offs are those of Syntetos, Boylan and Croston (2005).

classes = demand_classes(demand).query("demand_class != 'none'")
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, own in classes.groupby("demand_class"):
    ax.plot(own["adi"], own["cv2"], ".", label=f"{name}: {len(own)}")
ax.axvline(1.32, color="0.5", linestyle=":")
ax.axhline(0.49, color="0.5", linestyle=":")
ax.set(xscale="log", yscale="log", xlabel="weeks for each week with demand (ADI)", ylabel="variation of demands (CV²)")
ax.legend(frameon=False)

# %%
# What is a good forecast?
# ------------------------
# Of the items that are asked for in few weeks: forecasts of four weeks from twenty past dates.

rare = classes.loc[classes["adi"] > 3, "series"]
rare_demand = demand[demand["series"].isin(rare)]
models = {
    "croston": CrostonForecaster(),
    "sba": CrostonForecaster("sba"),
    "tsb": CrostonForecaster("tsb"),
    "exponential": EMAForecaster(alpha=0.1),
    "last 52 weeks": MovingAverageForecaster(52),
}
past = rolling_origin(models, rare_demand, steps=4, n_origins=20, coverage=None)
table = past.scores[["model", "mae", "mase", "bias"]].set_index("model")
said = past.predictions
nothing = said[said["model"] == "croston"]["actual"]
table.loc["nothing, ever"] = [nothing.abs().mean(), np.nan, forecast_bias(nothing, np.zeros(len(nothing)))]
table.round(3)

# %%
# By absolute errors the winner is "nothing, ever": in most weeks it is right. It leaves the shelf empty, and the
# bias of -1 says so. The absolute error is smallest for the median, which is zero here; the forecasts are means. So
# bias is read first. Croston's own forecast is 6 % too high; the correction of Syntetos and Boylan (SBA) takes that
# away. Beyond it there is little to choose: demand that comes by chance cannot be forecast better than by its mean.
#
# When an item dies
# -----------------
# Croston's forecast moves only when there is a demand, so it never falls for an item that is asked for no more. The
# variant of Teunter, Syntetos and Babai (TSB) does.

item = classes[classes["cv2"] < 0.2]["adi"].sub(4).abs().idxmin()  # asked for every fourth week, quite evenly
alive = np.where(np.arange(n_weeks) < 90, sold[item], 0.0)
one = pd.DataFrame({"time": weeks, "value": alive})
lines = {}
for name in ("croston", "sba", "tsb", "exponential"):
    lines[name] = [
        models[name].set_params(calibration=0).fit(one[:end]).predict()["forecast"].iloc[0]
        for end in range(20, n_weeks + 1)
    ]
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
ax.vlines(weeks, 0, alive, color="0.8")
for name, values in lines.items():
    ax.plot(weeks[19:], values, label=name)
ax.axvline(weeks[90], color="0.5", linestyle=":")
ax.set(ylabel="demand, and its forecast", ylim=(0, None))
ax.legend(frameon=False)

# %%
# How much to keep
# ----------------
# A mean is not a stock. Who wants to serve nine of ten weeks needs the upper end of an interval: of 80 % coverage, so
# that one in ten is above it.

model = CrostonForecaster("sba", steps=4).fit(rare_demand)
forecast = model.predict()
upper = model.predict_interval(coverage=0.8)[:, 1]
print(f"forecast {forecast['forecast'].mean():.2f} a week, of which nine in ten weeks stay below {upper.mean():.2f}")
check = rolling_origin(CrostonForecaster("sba"), rare_demand, steps=4, n_origins=20, coverage=0.8).predictions
own = check[check["model"] == "CrostonForecaster"]
print(f"in the back-test {(own['actual'] <= own['high']).mean():.1%} did")
plt.show()
