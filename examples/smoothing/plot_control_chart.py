"""
Has satisfaction moved?
=======================

A satisfaction index is computed every week, and every week it is a little higher or lower than before. When is it
time to look for a cause? A control chart answers by a bargain: you say how seldom it may alarm in vain, it finds
what has moved as soon as that allows.

Here the index is simulated, so it is known that all was well for four years, and that something went wrong in the
25th week of the fifth.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.plotting import ControlChartDisplay
from crmkit.smoothing import CUSUMChart, EWMAChart, PChart

rng = np.random.default_rng(7)
weeks = pd.date_range("2020-01-06", periods=260, freq="7D", name="week")
answers = pd.Series(rng.poisson(80, 260), index=weeks)
level = np.where(np.arange(260) < 208 + 24, 78.0, 75.5)
index = pd.Series(rng.normal(level, 22 / np.sqrt(answers)), index=weeks, name="index").round(1)
well, year = index[:208], index[208:]
change = weeks[208 + 24]

# %%
# The bargain
# -----------
# The chart learns mean and standard deviation from the four good years. One false alarm in 370 weeks, on average,
# is what it is allowed; its limits are solved from that.

ewma = EWMAChart(arl0=370).fit(well)
cusum = CUSUMChart(arl0=370).fit(well)
print(f"target {ewma.target_:.1f}, sigma {ewma.sigma_:.2f}, L {ewma.limit_:.3f}, h {cusum.h_:.3f}")

# %%
# The year
# --------
# Single weeks hardly show it: the level falls by one standard deviation, and what single weeks do is as large as
# that. The weighted average and the sum collect the evidence.

figure, axes = plt.subplots(2, 1, figsize=(8, 7), layout="constrained", sharex=True)
for chart, ax in zip((ewma, cusum), axes, strict=True):
    ControlChartDisplay.from_estimator(chart, year, ax=ax)
    ax.axvline(change, color="0.6", linestyle=":")

# %%
# The size is an estimate of how far the index has moved. The first alarm chooses its moment, so its size is on
# average too large; some weeks later it is a fair one.

ewma.alarms(year).head(6).round({"size": 2})

# %%
# A chart of single points, the same bargain, has ``alpha=1``:

single = EWMAChart(alpha=1, arl0=370).fit(well)
for name, chart in {"single weeks": single, "EWMA": ewma, "CUSUM": cusum}.items():
    alarms = chart.alarms(year)
    found = alarms.loc[alarms["time"] >= change, "time"]
    late = "not found" if found.empty else f"found after {(found.iloc[0] - change).days // 7 + 1} weeks"
    print(f"{name:13} {late}, {(alarms['time'] < change).sum()} alarms before")

# %%
# How soon, on average?
# ---------------------
# Weeks until the alarm, by the size of the shift in standard deviations, for a shift that is there when the chart
# starts. One year is one draw of this lottery, the table is the odds. Small weights find small shifts sooner.

charts = {
    "single weeks": single,
    "EWMA .4": EWMAChart(alpha=0.4).fit(well),
    "EWMA .2": ewma,
    "EWMA .1": EWMAChart(alpha=0.1).fit(well),
    "CUSUM .5": cusum,
}
table = pd.DataFrame({name: [chart.run_length(shift) for shift in (0, 0.5, 1, 2, 3)] for name, chart in charts.items()})
table.set_axis(pd.Index([0, 0.5, 1, 2, 3], name="shift")).round(1)

# %%
# How sure is the bargain?
# ------------------------
# Target and sigma are estimates, and a sigma that came out too low makes a nervous chart. The true run length in
# control of a chart that is fitted on so many weeks lies, nine times in ten, in these ranges:

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for n in (26, 52, 104, 208):
        chart = EWMAChart(arl0=370).fit(well[-n:])
        print(f"{n:3} weeks: {chart.in_control_run_length(coverage=0.9):.0f}")
print()
print(said[0].message)

# %%
# Half a year is little to learn a standard deviation from. Where it is known from elsewhere, pass ``sigma=``.
#
# Shares: as many limits as sizes
# -------------------------------
# Of how many answers were there complaints? Weeks with few answers may stray further, and five complaints in
# twenty answers are no normal distribution. Limits are quantiles of the binomial distribution of each week's own
# size.

n = rng.integers(15, 160, 104)
share = np.where(np.arange(104) < 52 + 30, 0.05, 0.12)
complaints = pd.DataFrame({"count": rng.binomial(n, share), "size": n}, index=weeks[-104:])
shares = PChart(arl0=370).fit(complaints[:52])
display = ControlChartDisplay.from_estimator(shares, complaints[52:], name="Share of answers with a complaint")
plt.show()

# %%

shares.alarms(complaints[52:]).round({"size": 3})
