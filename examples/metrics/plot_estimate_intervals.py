"""
Why customers are resampled, not rows
=====================================

A customer base is usually looked at on several dates, so each customer has several rows, and these
are alike: whoever bought often by March bought often by April. An interval that takes the rows as
independent believes in more evidence than there is.

Here customers are simulated, so the truth is known, and both kinds of interval are put to the test.
"""

import matplotlib.pyplot as plt
import numpy as np

from crmkit.metrics import Estimate, estimate, lift, proportion

# %%
# Two hundred customers on six dates
# ----------------------------------
# Each customer has a taste for buying that stays the same. The score sees it through noise.


def simulate(n_customers: int, seed: int, n_dates: int = 6) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), n_dates)
    taste = 2.0 * rng.normal(size=n_customers)[customer]
    y = (taste - 1.5 + rng.logistic(size=len(customer)) > 0).astype(int)
    score = taste + 2.0 * rng.normal(size=n_customers)[customer]
    return customer, y, score


customer, y, score = simulate(200, seed=0)
by_customer = estimate(lift, y, score, groups=customer, random_state=0)
by_row = estimate(lift, y, score, random_state=0)
print("resampling customers:", by_customer)
print("resampling rows:     ", by_row)

# %%
# How often does each hold the truth?
# -----------------------------------
# The lift of a hundred thousand such customers stands for the truth. An interval of 90 % should hold
# it in nine of ten samples.

_, *population = simulate(100_000, seed=1)
truth = lift(*population)


def interval(seed: int, *, customers: bool) -> Estimate:
    customer, y, score = simulate(200, seed)
    groups = customer if customers else None
    return estimate(lift, y, score, groups=groups, coverage=0.9, n_resamples=150, random_state=seed)


samples = {
    "customers": [interval(seed, customers=True) for seed in range(2, 52)],
    "rows": [interval(seed, customers=False) for seed in range(2, 52)],
}

figure, axes = plt.subplots(1, 2, figsize=(9, 6), sharex=True, sharey=True, layout="constrained")
for axis, (name, intervals) in zip(axes, samples.items(), strict=True):
    held = [one.low <= truth <= one.high for one in intervals]
    colours = ["tab:blue" if inside else "tab:red" for inside in held]
    axis.hlines(range(len(intervals)), [one.low for one in intervals], [one.high for one in intervals], colors=colours)
    axis.axvline(truth, color="black", linewidth=1)
    share = proportion(sum(held), len(held))
    axis.set(title=f"Resampling {name}\n{share:.0%} hold the truth", xlabel="lift of the best tenth")
axes[0].set_ylabel("sample")
plt.show()

# %%
# Comparing two models
# --------------------
# Two intervals that overlap do not say that two models are equally good: both move with the same
# customers. Estimate the difference instead, on the same resamples.

second = score + np.random.default_rng(5).normal(size=200)[customer]


def gain(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return lift(y, first) - lift(y, second)


print("first: ", estimate(lift, y, score, groups=customer, random_state=0))
print("second:", estimate(lift, y, second, groups=customer, random_state=0))
print("gain:  ", estimate(gain, y, score, second, groups=customer, random_state=0))
