"""
Pictures of purchase models
===========================

Does the model buy as the customers do, what does it make of a history, and how do customers differ? Eight
pictures of one model, MBG/NBD on CDNOW as of 1 October 1997, with the 39 weeks that followed beside it.
"""

import matplotlib.pyplot as plt

from crmkit import CLVEstimator, EventLog
from crmkit.datasets import load_cdnow
from crmkit.plotting import (
    AliveHistoryDisplay,
    AliveProbabilityDisplay,
    CalibrationByFrequencyDisplay,
    FrequencyRecencyDisplay,
    HeterogeneityDisplay,
    PurchaseCountDisplay,
    TrackingDisplay,
    ValueConcentrationDisplay,
)
from crmkit.value import ModifiedBetaGeoNBD

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
X = log.snapshot("1997-10-01", horizon="39W")
model = ModifiedBetaGeoNBD().fit(X)

# %%
# Does it buy as they do?
# -----------------------
# Week by week and added up, before and after the date at which it was fitted.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
TrackingDisplay.from_estimator(model, X, ax=axes[0])
TrackingDisplay.from_estimator(model, X, kind="cumulative", ax=axes[1])

# %%
# How many customers bought how often, and what those went on to buy.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
PurchaseCountDisplay.from_estimator(model, ax=axes[0])
CalibrationByFrequencyDisplay.from_estimator(model, X, ax=axes[1])

# %%
# What it makes of a history
# --------------------------
# The more often somebody bought, the more telling is a silence: the upper left corners are cold.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
FrequencyRecencyDisplay.from_estimator(model, "39W", ax=axes[0])
AliveProbabilityDisplay.from_estimator(model, ax=axes[1])

# %%
# One customer over time: each purchase is a proof of life, each week without one a doubt.

busiest = X.customer_id[X.summary()["frequency"].to_numpy().argmax()]
AliveHistoryDisplay.from_estimator(model, log, busiest)

# %%
# How customers differ
# --------------------
# The distributions of rates and dropout over the customers, and how much of the value few of them hold.

HeterogeneityDisplay.from_estimator(model)

# %%

value = CLVEstimator(horizon="39W").fit(X)
ValueConcentrationDisplay.from_estimator(value, X, X.future_value())
plt.show()
