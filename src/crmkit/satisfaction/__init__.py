"""Satisfaction: what answers to a survey say, how sure that is, and what drives it.

Scales are declared. `SatisfactionScorer` makes one score of a respondent's answers; `nps`, `csat`, `ces`, `acsi`,
`servqual` and their siblings are indices with intervals, `index_table` gives them by segment or week. `reliability`
says whether questions measure one thing, `DriverAnalysis` what satisfaction goes along with, and
`SatisfactionClassifier` and `SatisfactionRegressor` what those would say who did not answer. `LoyaltyScorer` adds up
what customers do and say; `clean_answers` and `answer_counts` serve everything else.
"""

from __future__ import annotations

from crmkit.satisfaction._answer_counts import answer_counts
from crmkit.satisfaction._answers import clean_answers
from crmkit.satisfaction._classifier import SatisfactionClassifier
from crmkit.satisfaction._drivers import DriverAnalysis
from crmkit.satisfaction._index_table import index_table
from crmkit.satisfaction._index_transformer import SurveyIndexTransformer
from crmkit.satisfaction._indices import SurveyTotal, acsi, bayesian_average, ces, csat, rating_mean, survey_total
from crmkit.satisfaction._loyalty import LoyaltyScorer
from crmkit.satisfaction._nps import nps, nps_difference
from crmkit.satisfaction._regressor import SatisfactionRegressor
from crmkit.satisfaction._reliability import Reliability, cronbach_alpha, reliability
from crmkit.satisfaction._scorer import SatisfactionScorer
from crmkit.satisfaction._servqual import Servqual, servqual

__all__ = [
    "DriverAnalysis",
    "LoyaltyScorer",
    "Reliability",
    "SatisfactionClassifier",
    "SatisfactionRegressor",
    "SatisfactionScorer",
    "Servqual",
    "SurveyIndexTransformer",
    "SurveyTotal",
    "acsi",
    "answer_counts",
    "bayesian_average",
    "ces",
    "clean_answers",
    "cronbach_alpha",
    "csat",
    "index_table",
    "nps",
    "nps_difference",
    "rating_mean",
    "reliability",
    "servqual",
    "survey_total",
]
