"""
The level under daily sales
===========================

Sales go up every weekend, up before Christmas, and up and down by chance; on some days the till was not read. What is
the level underneath? Three smoothers answer, each with a question of its own.

The sales are simulated, so the level is known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EMASmoother
from crmkit.smoothing import MovingAverageSmoother

# %%
# Half a year of three products, one row each. A week in October is missing, and single days here and there.

rng = np.random.default_rng(0)
days = pd.date_range("2024-07-01", "2024-12-29")
level = np.outer([40, 25, 12], 1 + 0.6 / (1 + np.exp(-(np.arange(len(days)) - 130) / 8)))
week = np.array([0.8, 0.8, 0.85, 0.95, 1.2, 1.5, 0.9])[days.day_of_week]
sales = pd.DataFrame(rng.poisson(level * week), index=["tea", "coffee", "cups"], columns=days, dtype=float)
sales.loc[:, "2024-10-07":"2024-10-13"] = np.nan
sales = sales.mask(rng.random(sales.shape) < 0.03)
sales.iloc[:, :8]

# %%
# Which one
# ---------
# An exponential average follows soon, and the weekend is in it. A moving average over seven days has each weekday
# once, so the week is gone, and it is three days late. Centred it is not late; it knows the next three days, so it
# is for looking back only. With ``min_periods=4`` a window may lack three days.

smoothers = {
    "exponential, alpha .3": EMASmoother(alpha=0.3),
    "last 7 days": MovingAverageSmoother(7, min_periods=4),
    "7 days around": MovingAverageSmoother(7, center=True, min_periods=4),
}
smoothed = {name: smoother.fit_transform(sales) for name, smoother in smoothers.items()}

figure, axes = plt.subplots(3, 1, figsize=(8, 8), sharex=True, layout="constrained")
for ax, (name, values) in zip(axes, smoothed.items(), strict=True):
    ax.plot(days, sales.loc["tea"], ".", color="0.75", label="sold")
    ax.plot(days, level[0], "k--", linewidth=1, label="the level that was simulated")
    ax.plot(days, values[0], color="C0")
    ax.set_title(name, loc="left")
    ax.set_ylabel("tea")
axes[0].legend(frameon=False, ncols=2)

# %%
# In the missing week the exponential average stays where it was, and moving averages have no result where fewer than
# four days are known. How far from the level are they, in percent of it, over the days on which all have a result?

known = ~np.isnan(list(smoothed.values())).any(axis=(0, 1))
for name, values in smoothed.items():
    error = np.abs(values - level)[:, known] / level[:, known]
    print(f"{name:22s} {error.mean():.1%}")

# %%
# How long a memory
# -----------------
# A long memory has less noise, and is later. The same exponential average with five half-lives; the one that
# ``alpha="auto"`` learns forecasts the next day best, which is not the same as being nearest to the level.

halflives = [1, 3, 7, 14, 28]
rows = []
for halflife in halflives:
    values = EMASmoother(halflife=halflife).fit_transform(sales)
    rows.append(np.abs(values - level)[:, 28:].mean() / level[:, 28:].mean())
learnt = EMASmoother(alpha="auto").fit(sales)
print(f"alpha='auto': {learnt.alpha_:.3f}, a half-life of {np.log(0.5) / np.log(1 - learnt.alpha_):.1f} days")
pd.DataFrame({"halflife": halflives, "error": rows}).round(3)

# %%
# A gap by count and by the clock
# -------------------------------
# After a gap the past is old. With ``ignore_na=False`` (the default) it fades in the gap, and the first values after
# it count for more; with ``ignore_na=True`` the gap is as if it were not there. Fading by the clock is the former,
# and needs no rows for the days that are missing. Here with ``adjust=True``, by which a value's weight is one half at
# the half-life, a quarter at twice that, and so on.

after = slice(days.get_loc("2024-10-14"), days.get_loc("2024-10-17"))
sold = sales.loc[["tea"]].dropna(axis=1)
rules = {
    "ignore_na=False": EMASmoother(halflife=3, adjust=True).fit_transform(sales)[0, after],
    "by the clock": EMASmoother(halflife="3D", adjust=True).fit_transform(sold)[0, sold.columns.isin(days[after])],
    "ignore_na=True": EMASmoother(halflife=3, adjust=True, ignore_na=True).fit_transform(sales)[0, after],
}
pd.DataFrame(rules, index=days[after]).round(1)

# %%
# A season of an even number of periods
# -------------------------------------
# Months have twelve to a year, and twelve have no middle. The convention is 2 × 12: thirteen months, of which the
# first and the last count half, so that each month of the year counts once.

months = pd.period_range("2019-01", "2024-12", freq="M")
season = np.array([0.8, 0.8, 0.9, 0.9, 1, 1, 0.9, 0.9, 1, 1.1, 1.6, 1.9])
trend = 1000 * 1.006 ** np.arange(len(months))
revenue = trend * season[months.month - 1] * rng.normal(1, 0.03, len(months))
centred = MovingAverageSmoother(12, center=True).fit_transform([revenue])[0]
trailing = MovingAverageSmoother(12).fit_transform([revenue])[0]

figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
when = months.to_timestamp()
ax.plot(when, revenue, color="0.75", label="revenue")
ax.plot(when, trend * season.mean(), "k--", linewidth=1, label="the trend that was simulated")
ax.plot(when, centred, color="C0", label="2 × 12, centred")
ax.plot(when, trailing, color="C1", label="last 12 months")
ax.legend(frameon=False, ncols=2)
ax.set_ylim(0, None)
plt.show()
