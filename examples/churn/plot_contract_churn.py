"""
Contracts that end
==================

A service is sold by the year. Forty-four days before a contract ends it is decided whom to write to; letters take two
weeks, and customers may cancel in the last thirty days. Silence says nothing here: whoever has left, has said so.

The customers are made up, and so the causes are known: whoever is unhappy comes less often in the last months of the
year, a complaint makes it worse, and the cheaper plan is left more easily.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import accuracy_score

from crmkit import ChurnClassifier, EventLog
from crmkit.churn import ChurnProfit
from crmkit.features import InterPurchaseFeatures, WindowAggregator
from crmkit.metrics import estimate
from crmkit.model_selection import temporal_train_test_split
from crmkit.plotting import ContributionDisplay, ProfitCurveDisplay

DAY = np.timedelta64(1, "D")


def make_contracts(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Events, ends of contracts and customers of four years."""
    rng = np.random.default_rng(seed)
    who = np.arange(n)
    plan = rng.choice(["basic", "plus"], n, p=[0.6, 0.4])
    fee = np.where(plan == "basic", 96.0, 240.0) + rng.integers(0, 60, n)
    start = np.datetime64("2021-01-01") + rng.integers(0, 365, n) * DAY
    visits_a_month, there = rng.gamma(4, 0.75, n), np.ones(n, dtype=bool)
    events, ends = [], []

    def happen(what: str, rows: np.ndarray, day: np.ndarray, value: np.ndarray | None = None) -> None:
        events.append(pd.DataFrame({"who": rows, "when": day, "what": what, "paid": value}))

    for _ in range(4):
        happen("pay", who[there], start[there], fee[there])
        mood = rng.normal(size=n)
        for month in range(12):
            fewer = 1.2 * np.minimum(mood, 0) * (month >= 6)
            came = np.repeat(who, rng.poisson(visits_a_month * np.exp(fewer)) * there)
            happen("visit", came, start[came] + (30 * month + rng.integers(0, 30, len(came))) * DAY)
        complains = there & (rng.random(n) < 0.12 * np.exp(-0.3 * mood))
        happen("complain", who[complains], (start + rng.integers(60, 310, n) * DAY)[complains])
        log_odds = -2.6 - 1.8 * mood + 1.2 * complains + 0.6 * (plan == "basic")
        leaves = there & (rng.random(n) < expit(log_odds))
        happen("cancel", who[leaves], (start + (365 - rng.integers(1, 30, n)) * DAY)[leaves])
        start = start + 365 * DAY
        ends.append(pd.DataFrame({"who": who[there], "end": start[there]}))
        there &= ~leaves
    return pd.concat(events), pd.concat(ends), pd.DataFrame({"who": who, "plan": plan, "fee": fee})


events, ends, customers = make_contracts(3000, seed=0)
today = np.datetime64("2024-10-01")
log = EventLog.from_frame(
    events[events["when"] < today], customer="who", time="when", kind="what", value="paid", purchases="pay",
    observed_until=today,
).with_attributes(customers, customer="who")  # fmt: skip
log

# %%
# Rows are ends of contracts
# --------------------------
# Each row has a date of its own. The gap is what letters take, the horizon the time in which one may cancel:
# ``[as_of + 14 days, as_of + 44 days)`` ends where the contract does. Ends after today are not known yet; such a row is
# no zero, and has to be left out.

ends["asked"] = ends["end"] - 44 * DAY
known = ends[ends["end"] <= today]
X = log.snapshots_at(known, customer="who", as_of="asked", horizon="30D", gap="14D")
y = X.happens("cancel")
print(X)
print(f"{y.mean():.1%} cancel")

# %%
# The model and the money
# -----------------------
# A year of the fee is at stake, that of each customer. The offer is a rebate of 15. Three in ten who wanted to leave
# take it and stay; those who would have stayed take it, too. The column ``fee`` is the value, and so the model is not
# told of it.

money = {"incentive": 15, "contact": 1, "accept_rate": 0.3}
features = [
    WindowAggregator({"90D": ["count"], ("270D", "90D"): ["count"], "365D": ["trend"]}, by_kind=True, columns=[]),
    InterPurchaseFeatures(),
    "attributes",
]
model = ChurnClassifier(features=features, profit=ChurnProfit(value="fee", **money), random_state=0)
X_train, X_test, y_train, y_test = temporal_train_test_split(X, y, split_time="2023-12-01")
model.fit(X_train, y_train)
print(model.calibration_)
model.rank(X_test).head()

# %%
# Profit or accuracy
# ------------------
# Most accurate is to call those churners of whom it is more likely than not, and these are few. It pays to write to
# many more: what is lost with a customer is several times what a letter in vain costs. To write to everybody does not
# pay. Money per customer whose contract ended, with intervals:

probability = model.predict_proba(X_test)[:, 1]
decisions = {
    "nobody": np.zeros(len(X_test), dtype=int),
    "everybody": np.ones(len(X_test), dtype=int),
    "more likely than not": (probability > 0.5).astype(int),
    "by expected profit": model.predict(X_test),
}
fee = X_test.attributes()["fee"].to_numpy()
for name, told in decisions.items():
    won = 0.3 * (fee - 15) * (y_test == 1) - 15 * (y_test == 0) - 1
    found = estimate(np.mean, told * won, groups=X_test.customer_id, random_state=0)
    print(f"{name:21} {told.mean():4.0%} written to, accuracy {accuracy_score(y_test, told):.2f}, profit {found}")

# %%
# The curve
# ---------
# What writing to more and more customers earns, in the order of two scores: the profit that is expected of each, which
# knows that some customers are worth more than others, and the probability alone. To know the value pays most where few
# can be written to. The point is what the model does; the ring, the best that could have been done in this order.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ProfitCurveDisplay.from_estimator(model, X_test, y_test, name="by expected profit", ax=ax)
by_probability = {"profit": ChurnProfit(value=fee, **money), "name": "by probability", "n_resamples": 0}
ProfitCurveDisplay.from_predictions(y_test, probability, **by_probability, ax=ax)

# %%
# Why her?
# --------
# What each feature adds to the log-odds, for the first of the list. This explains the model: to make her visit would
# not make her stay.

best = model.rank(X_test).iloc[0]
row = np.flatnonzero((X_test.customer_id == best["customer_id"]) & (X_test.as_of == best["as_of"]))
ContributionDisplay.from_estimator(model, X_test[row], most=8)

# %%
# How long they stay
# ------------------
# The same log answers the other question. ``time_to_next`` gives durations from the first payment on, and whether the
# end was seen; of it, the Kaplan-Meier estimate is five lines.

first = events[events["what"] == "pay"].groupby("who")["when"].min().reset_index()
begun = log.snapshots_at(first, customer="who", as_of="when")
table = begun.time_to_next("cancel", time_unit="Y").assign(plan=begun.attributes()["plan"])
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for plan, own in table.groupby("plan"):
    times, steps = np.unique(own.loc[own["observed"] == 1, "duration"], return_counts=True)
    at_risk = len(own) - np.searchsorted(np.sort(own["duration"]), times)
    survival = np.cumprod(1 - steps / at_risk)
    ax.step(np.r_[0, times], np.r_[1, survival], where="post", label=plan)
ax.set(xlabel="years since the first payment", ylabel="share still there", ylim=(0, 1))
ax.legend(frameon=False)
plt.show()
