"""Speed of survey statistics; how often their intervals hold the truth, which must not move."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.datasets import make_retail
from crmkit.events import EventLog
from crmkit.plotting import DriverDisplay, LikertDisplay
from crmkit.satisfaction import (
    DriverAnalysis,
    LoyaltyScorer,
    SatisfactionClassifier,
    SatisfactionRegressor,
    SatisfactionScorer,
    cronbach_alpha,
    index_table,
    nps,
    reliability,
)


def survey(n, k=20):
    """Answers from 1 to 5 that go together, some missing, and the segment of each respondent."""
    rng = np.random.default_rng(0)
    segment = rng.integers(0, 200, n)
    taste = 3.4 + rng.normal(0, 0.3, 200)[segment] + rng.normal(0, 0.7, n)
    answers = np.clip(np.round(taste[:, None] + rng.normal(0, 0.8, (n, k))), 1, 5)
    answers[rng.random((n, k)) < 0.03] = np.nan
    return pd.DataFrame(answers, columns=[f"question_{j}" for j in range(k)]), segment


def drivers(k, n=3_000):
    """Answers of k questions, and a satisfaction that depends on them."""
    rng = np.random.default_rng(k)
    X = np.clip(np.round(3 + rng.normal(size=(n, 1)) + rng.normal(size=(n, k))), 1, 5)
    return pd.DataFrame(X, columns=[f"question_{j}" for j in range(k)]), X @ rng.gamma(0.5, size=k) + rng.normal(size=n)


class Index:
    """From answers to an index in each of two hundred segments."""

    params = [10_000, 1_000_000]
    param_names = ["n_respondents"]
    timeout = 600

    def setup(self, n_respondents):
        self.X, self.segment = survey(n_respondents)
        self.scorer = SatisfactionScorer(scale=(1, 5)).fit(self.X)
        self.recommend = np.random.default_rng(0).integers(0, 11, n_respondents)
        self.time_score_table(n_respondents)

    def time_fit(self, n_respondents):
        SatisfactionScorer(scale=(1, 5)).fit(self.X)

    def time_score_table(self, n_respondents):
        self.scorer.score_table(self.X, self.segment)

    def time_transform(self, n_respondents):
        self.scorer.transform(self.X)

    def time_nps_of_segments(self, n_respondents):
        index_table(nps, self.recommend, self.segment)

    def peakmem_score_table(self, n_respondents):
        self.scorer.score_table(self.X, self.segment)


class Promoters:
    """Intervals of an NPS."""

    params = [["adjusted_wald", "bootstrap"], [1_000, 1_000_000]]
    param_names = ["interval", "n_answers"]

    def setup(self, interval, n_answers):
        self.answers = np.random.default_rng(0).integers(0, 11, n_answers)
        self.time_nps(interval, n_answers)

    def time_nps(self, interval, n_answers):
        nps(self.answers, interval=interval, random_state=0)


class Reliability:
    """How consistently twenty questions measure one thing."""

    params = [1_000, 100_000]
    param_names = ["n_respondents"]

    def setup(self, n_respondents):
        self.X, _ = survey(n_respondents)
        self.time_alpha(n_respondents)

    def time_alpha(self, n_respondents):
        cronbach_alpha(self.X)

    def time_reliability(self, n_respondents):
        reliability(self.X)


class Drivers:
    """Importances alone, and with their intervals."""

    params = [["shapley", "johnson"], [7, 15, 22]]
    param_names = ["method", "n_predictors"]
    timeout = 600

    def setup(self, method, n_predictors):
        self.X, self.y = drivers(n_predictors)
        self.time_importances(method, n_predictors)

    def time_importances(self, method, n_predictors):
        DriverAnalysis(method, n_resamples=0).fit(self.X, self.y)

    def time_intervals(self, method, n_predictors):
        DriverAnalysis(method, random_state=0).fit(self.X, self.y)


class Models:
    """Who is satisfied, by twenty numbers and a category; and loyalty from a log."""

    timeout = 600

    def setup(self):
        rng = np.random.default_rng(0)
        X = pd.DataFrame(rng.normal(size=(100_000, 20)), columns=[f"number_{j}" for j in range(20)])
        self.X = X.assign(plan=rng.choice(["basic", "family", "pro"], len(X)))
        self.score = self.X["number_0"] + rng.normal(size=len(X))
        self.model = SatisfactionClassifier().fit(self.X, self.score > 0)
        frame, _ = make_retail(20_000, random_state=0)
        log = EventLog.from_frame(
            frame, customer="customer_id", time="time", value="value", kind="kind", purchases="order", columns=["score"]
        )
        self.rows = log.snapshot()
        parts = {"recency": 2, "frequency": 1, "monetary_value": 1, "satisfaction": 2}
        self.loyalty = LoyaltyScorer(parts, satisfaction="score", scale=(0, 10)).fit(self.rows)

    def time_fit_classifier(self):
        SatisfactionClassifier().fit(self.X, self.score > 0)

    def time_predict(self):
        self.model.predict_proba(self.X)

    def time_fit_regressor(self):
        SatisfactionRegressor().fit(self.X, self.score)

    def time_loyalty(self):
        self.loyalty.transform(self.rows)


class Pictures:
    """Twenty questions as bars, and fifteen drivers whose names are not to collide."""

    def setup(self):
        self.X, _ = survey(10_000)
        X, y = drivers(15)
        self.analysis = DriverAnalysis(n_resamples=0).fit(X, y)
        self.time_grid()

    def teardown(self):
        plt.close("all")

    def time_answers(self):
        LikertDisplay.from_answers(self.X, scale=(1, 5)).figure_.canvas.draw()
        plt.close("all")

    def time_grid(self):
        DriverDisplay.from_estimator(self.analysis, kind="grid").figure_.canvas.draw()
        plt.close("all")


class Quality:
    """Out of two thousand surveys drawn with known truth, the share of intervals of 95 % that hold it."""

    timeout = 600

    def track_coverage_of_nps(self):
        rng = np.random.default_rng(0)
        share = np.array([3, 1, 2, 3, 3, 8, 8, 14, 22, 17, 19]) / 100
        truth = 100 * (share[9:].sum() - share[:7].sum())
        found = [nps(rng.choice(11, 50, p=share)) for _ in range(2_000)]
        return float(np.mean([one.low <= truth <= one.high for one in found]))

    def track_coverage_of_alpha(self):
        # Parallel questions: alpha is k r / (1 + (k - 1) r).
        rng = np.random.default_rng(0)
        truth = 5 * 0.5 / (1 + 4 * 0.5)
        surveys = (rng.normal(size=(100, 1)) + rng.normal(size=(100, 5)) for _ in range(2_000))
        found = [cronbach_alpha(one) for one in surveys]
        return float(np.mean([one.low <= truth <= one.high for one in found]))

    track_coverage_of_nps.unit = "share"
    track_coverage_of_alpha.unit = "share"
