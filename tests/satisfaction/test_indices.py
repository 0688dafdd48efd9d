"""Means and shares of answers: published figures, scipy, every row by hand, and what intervals cover."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmkit._intervals import wilson
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction import SurveyTotal, acsi, bayesian_average, ces, csat, rating_mean, survey_total

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text(encoding="utf-8"))["indices"]

ratings = st.lists(st.integers(1, 5), min_size=2, max_size=50)

#: Each index of one question on a scale of 1 to 5, with what it needs.
INDICES = {
    "rating_mean": (rating_mean, {}),
    "bayesian_average": (bayesian_average, {"prior_mean": 3.5, "prior_weight": 20}),
    "csat": (csat, {}),
    "ces": (ces, {}),
    "ces-share": (ces, {"definition": "share", "easy": 4}),
    "survey_total": (lambda answers, **options: survey_total(answers, **options).per_person, {"n_questions": 1}),
    "acsi": (lambda answers, **options: acsi(answers, answers, answers, **options), {}),
}


@pytest.fixture(params=INDICES)
def index(request):
    function, needs = INDICES[request.param]
    return lambda answers, **options: function(answers, **{"scale": (1, 5), **needs, **options})


def repeated(counts):
    return np.repeat([int(answer) for answer in counts], list(counts.values()))


def four(estimate):
    return [round(float(part), 4) for part in (estimate.value, estimate.low, estimate.high)]


# ------------------------------------------------------------------------------------- published figures


def test_ratings():
    case = GOLDEN["ratings"]
    assert rating_mean(repeated(case["counts"]), scale=(1, 5)).value == case["mean"]
    weighted = GOLDEN["weighted ratings"]
    found = rating_mean(weighted["ratings"], scale=(1, 5), sample_weight=weighted["weights"])
    assert found.value == pytest.approx(weighted["mean"])


def test_totals():
    case = GOLDEN["totals"]
    found = survey_total(case["totals"], n_questions=5, scale=(1, 12))
    assert isinstance(found, SurveyTotal)
    assert found.per_person.value == pytest.approx(case["per_person"])
    assert found.per_question.value == pytest.approx(case["per_question"])
    expected = stats.t.interval(0.95, 9, case["per_person"], stats.sem(case["totals"]))
    assert (found.per_person.low, found.per_person.high) == pytest.approx(expected)
    assert (found.per_question.low, found.per_question.high) == pytest.approx(np.divide(expected, 5))


def test_weighted_rating():
    case = GOLDEN["weighted rating"]
    found = bayesian_average([8, 9] * 500, prior_mean=6.9, prior_weight=2500, scale=(1, 10))
    assert round(found.value, 4) == case["rating"]


def test_top_box():
    case = GOLDEN["top box"]
    assert four(csat([5] * 90 + [4] * 50 + [2] * 60)) == [0.7, *case["interval"]]


def test_mobile_phone_survey(data_folder):
    case = GOLDEN["survey_ecsi"]
    answers = pd.read_csv(data_folder / "survey_ecsi" / "ecsi_mobile_phone.csv")
    for top, share in case["CUSA1 top boxes"].items():
        assert csat(answers["CUSA1"], scale=(1, 10), top=int(top)).value == pytest.approx(share)
    three = [answers[name] for name in ("CUSA1", "CUSA2", "CUSA3")]
    assert [round(one.mean(), 3) for one in three] == case["means"]
    assert round(acsi(*three).value, 3) == case["equal"]
    assert round(acsi(*three, weights=(0.3885, 0.3190, 0.2925)).value, 3) == case["Ohio"]


# --------------------------------------------------------------------------------------------- by hand


@given(ratings, st.floats(0.5, 0.99))
def test_means_are_the_textbook_s(answers, coverage):
    found = rating_mean(answers, scale=(1, 5), coverage=coverage)
    assert found.value == pytest.approx(np.mean(answers))
    half = stats.t.ppf((1 + coverage) / 2, len(answers) - 1) * stats.sem(answers)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert (found.n, found.coverage, found.method) == (len(answers), coverage, "t")
    assert ces(answers, scale=(1, 5), coverage=coverage) == found


@given(ratings, st.integers(1, 4), st.floats(0.5, 0.99))
def test_shares_are_the_textbook_s(answers, top, coverage):
    hits = sum(answer > 5 - top for answer in answers)
    expected = stats.binomtest(hits, len(answers)).proportion_ci(coverage, method="wilson")
    found = csat(answers, top=top, coverage=coverage)
    assert (found.value, found.low, found.high) == pytest.approx((hits / len(answers), expected.low, expected.high))
    assert (found.n, found.method) == (len(answers), "Wilson")
    assert ces(answers, scale=(1, 5), definition="share", easy=6 - top, coverage=coverage) == found


@given(st.lists(st.tuples(*[st.integers(1, 10)] * 3), min_size=2, max_size=30), st.tuples(*[st.floats(0.1, 5)] * 3))
def test_acsi_by_hand(rows, weights):
    own = [sum(w * (x - 1) / 9 * 100 for w, x in zip(weights, row, strict=True)) / sum(weights) for row in rows]
    found = acsi(*zip(*rows, strict=True), weights=weights)
    expected = rating_mean(own, scale=(-1, 101))
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


@given(ratings, st.floats(1, 5), st.floats(0, 1000))
def test_bayesian_average_by_hand(answers, prior, worth):
    n = len(answers)
    found = bayesian_average(answers, prior_mean=prior, prior_weight=worth, scale=(1, 5))
    assert found.value == pytest.approx(n / (n + worth) * np.mean(answers) + worth / (n + worth) * prior)
    half = stats.t.ppf(0.975, n - 1) * np.std(answers, ddof=1) / (n + worth) ** 0.5
    assert found.high - found.value == pytest.approx(half)
    assert found.value - found.low == pytest.approx(half)


def test_without_a_prior_the_average_is_the_mean():
    plain, shrunk = (
        rating_mean([3, 4, 5], scale=(1, 5)),
        bayesian_average([3, 4, 5], prior_mean=1, prior_weight=0, scale=(1, 5)),
    )
    assert (plain.value, plain.low, plain.high) == (shrunk.value, shrunk.low, shrunk.high)


@given(st.lists(st.lists(st.integers(1, 5), min_size=4, max_size=4), min_size=2, max_size=20))
def test_totals_of_answers_and_of_sums_are_one(rows):
    assert survey_total(np.array(rows), scale=(1, 5)) == survey_total(
        [sum(row) for row in rows], n_questions=4, scale=(1, 5)
    )


# --------------------------------------------------------------------------------------------- weights


@given(data=st.data())
@pytest.mark.parametrize("name", INDICES)
def test_weights(name, data):
    function, needs = INDICES[name]
    answers = [*data.draw(ratings), 5]
    weight = data.draw(st.lists(st.floats(0.3, 5), min_size=len(answers), max_size=len(answers)))

    def index(answers, weight=None):
        return function(answers, scale=(1, 5), sample_weight=weight, **needs)

    found = index(answers, weight)
    unit = 1 if name == "bayesian_average" else 7  # against a prior weights count ratings
    scaled = index([*answers, 1], [unit * w for w in weight] + [0])
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx((found.value, found.low, found.high))
    assert scaled.n == found.n == len(answers)
    assert index(answers, [1] * len(answers)) == index(answers)
    assert name == "bayesian_average" or index(answers, [0.3] * len(answers)) == index(answers)
    assert index(answers * 2, [w / 2 for w in weight] * 2).value == pytest.approx(found.value)
    whole = [round(w * 2) + 1 for w in weight]
    assert index(answers, whole).value == pytest.approx(index(np.repeat(answers, whole)).value)


def test_shares_of_weights_rest_on_the_effective_number():
    answers, weight = [5] * 30 + [1] * 70, np.r_[np.full(50, 3.0), np.ones(50)]
    n, share = 200**2 / (50 * 9 + 50), 90 / 200
    z = stats.norm.ppf(0.975)
    found = csat(answers, sample_weight=weight)
    for end in (found.low, found.high):
        assert abs(end - share) == pytest.approx(z * (end * (1 - end) / n) ** 0.5)
    assert found.n == 100


# ---------------------------------------------------------------------------------- what intervals cover


def test_wilson_covers_what_is_said():
    """The notes of csat: shares from 0.02 to 0.98, summed over all counts exactly."""
    for n, mean, least in ((25, 95.3, 89.4), (100, 95.1, 92.7), (1000, 95.0, 93.9)):
        hits = np.arange(n + 1)
        low, high = wilson(hits / n, n, 0.95)
        # The coverage jumps where an interval begins or ends, and is least beside such a share.
        jumps = np.concatenate([low - 1e-9, high + 1e-9])
        worst, evenly = (
            [100 * stats.binom.pmf(hits[(low <= p) & (p <= high)], n, p).sum() for p in shares]
            for shares in (jumps[(jumps > 0.02) & (jumps < 0.98)], np.linspace(0.02, 0.98, 500))
        )
        assert round(min(worst), 1) == least
        assert np.mean(evenly) == pytest.approx(mean, abs=0.06)


def test_means_of_skewed_ratings_are_covered_too_seldom():
    """The notes of rating_mean: 1.5 points are kept from 100 answers on, and not at 25."""
    values, shares = np.arange(1.0, 6), [0.08, 0.02, 0.03, 0.07, 0.80]
    rng = np.random.default_rng(0)
    for n, expected in ((25, 90.7), (100, 93.7), (1000, 94.7)):
        counts = rng.multinomial(n, shares, 40_000)
        mean = counts @ values / n
        error = np.sqrt((counts @ values**2 - n * mean**2).clip(0) / (n - 1) / n)
        held = np.abs(mean - values @ shares) <= stats.t.ppf(0.975, n - 1) * error
        assert 100 * held.mean() == pytest.approx(expected, abs=0.5)


# ------------------------------------------------------------------------------------- odd and bad input


def test_one_answer(index):
    found = index([4])
    assert found.n == 1
    if found.method == "Wilson":
        assert 0 < found.low < found.value == found.high == 1
    else:
        assert (found.low, found.high) == (-np.inf, np.inf)


def test_alike_answers_have_no_error(index):
    found = index([4, 4, 4])
    assert found.low <= found.value <= found.high
    assert found.method == "Wilson" or found.low == found.high


@pytest.mark.parametrize("kind", ["array", "pandas", "nullable", "polars"])
def test_containers_and_missing_answers(index, kind):
    values = [5, None, 2, 4]
    made = {
        "array": np.array([5, np.nan, 2, 4]),
        "pandas": pd.Series(values, index=[3, 3, 1, 0]),
        "nullable": pd.Series(values, dtype="Int64"),
        "polars": pl.Series(values),
    }[kind]
    assert index(made) == index([5, 2, 4])
    assert index(made, not_applicable=[2]) == index([5, 4])


def test_texts_need_a_mapping(index):
    with pytest.raises(ParameterError, match="holds text"):
        index(["5 - very satisfied", "1"])


def test_mapped_texts():
    words = {"poor": 1, "fair": 2, "good": 4, "great": 8}
    answers = ["poor", "great", "good", "good", None]
    assert csat(answers, scale=words) == csat([1, 5, 5, 5])
    assert csat(answers, scale=words, top=1) == csat([1, 5, 1, 1])
    assert rating_mean(answers, scale=words) == rating_mean([1, 8, 4, 4], scale=(1, 8))
    assert acsi(answers, answers, answers, scale=words) == acsi(*[[1, 8, 4, 4]] * 3, scale=(1, 8))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-310, 1e-200, 1e200, 1e300])
def test_huge_and_tiny_weights_and_scales(unit):
    rng = np.random.default_rng(0)
    parts = rng.integers(1, 11, size=(3, 50)).astype(float)
    weight = rng.integers(1, 4, size=50).astype(float)
    plain = acsi(*parts, weights=(1, 1, 2), sample_weight=weight)
    options = {"weights": (unit, unit, 2 * unit), "sample_weight": weight * unit, "scale": (unit, 10 * unit)}
    huge = acsi(*(parts * unit), **options)
    assert (huge.value, huge.low, huge.high) == pytest.approx((plain.value, plain.low, plain.high))
    mean = rating_mean(parts[0], scale=(1, 10))
    measured = rating_mean(parts[0] * unit, scale=(unit, 10 * unit))
    assert (measured.low / unit, measured.high / unit) == pytest.approx((mean.low, mean.high))


def test_no_sum_of_weights_is_too_large():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rating_mean([1, 5], scale=(1, 5), sample_weight=[1.7e308] * 2).value == 3
        assert acsi([5], [5], [1], weights=(1.7e308,) * 3).value == pytest.approx(800 / 27)


def test_who_lacks_one_of_three_is_left_out_and_counted():
    with pytest.warns(CrmkitWarning, match="acsi leaves out 1 of 4 respondents"):
        found = acsi([8, 9, np.nan, np.nan], [7, 8, 9, np.nan], [7, 9, 9, np.nan])
    assert found == acsi([8, 9], [7, 8], [7, 9])
    with pytest.warns(CrmkitWarning, match="survey_total leaves out 1 of 3 respondents"):
        found = survey_total([[1, 2], [5, np.nan], [3, 5]], scale=(1, 5))
    assert found.per_person == survey_total([3, 8], n_questions=2, scale=(1, 5)).per_person


@pytest.mark.parametrize(
    ("answers", "options", "message"),
    [
        ([5, 6], {}, "answers off the scale"),
        ([np.nan, np.nan], {}, "got no answers: all of 2"),
        ([5, 3], {"sample_weight": [1, -1]}, "must not be negative"),
        ([5, 3], {"sample_weight": [1, np.nan]}, "sample_weight"),
        ([5, 3], {"sample_weight": [1, 1, 1]}, "of length 2"),
        ([5, 3], {"coverage": 1.0}, "'coverage' parameter of"),
        ([5, 3], {"scale": (5, 1)}, "scale"),
        ([5, 3], {"scale": 5}, "scale"),
        (np.ones((4, 2)), {}, "one question. Got 2 columns"),
    ],
)
def test_what_is_refused(index, answers, options, message):
    with pytest.raises(ParameterError, match=message):
        index(answers, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: csat([5, 3], top=5), r"'top' parameter of csat must be an int in the range \[1, 4\]"),
        (lambda: csat([5, 3], top=0), "'top' parameter of csat"),
        (lambda: ces([5, 3], definition="sum"), "'definition' parameter of ces"),
        (lambda: ces([5, 3], definition="share", easy=1), "'easy' parameter of ces"),
        (lambda: acsi([5], [5], [5], weights=(1, 1)), "'weights' parameter of acsi must be of length 3"),
        (lambda: acsi([5], [5], [5], weights=(1, 1, -1)), "'weights' parameter of acsi .* none negative"),
        (lambda: acsi([5], [5], [5], weights=(0, 0, 0)), "'weights' parameter of acsi .* not all 0"),
        (lambda: acsi([5], [5], [99]), r"acsi\(ideal\) got answers off the scale"),
        (lambda: acsi(["5"], [5], [5]), r"of acsi\(satisfaction\) holds text"),
        (lambda: acsi([5], np.ones((1, 2)), [5]), r"acsi\(confirmation\) takes the answers to one question"),
        (lambda: acsi([5, 6], [5], [5]), "arrays of acsi must have one length"),
        (lambda: bayesian_average([5], prior_mean=6, prior_weight=1, scale=(1, 5)), "'prior_mean' parameter"),
        (lambda: bayesian_average([5], prior_mean=3, prior_weight=-1, scale=(1, 5)), "'prior_weight' parameter"),
        (lambda: survey_total([9, 11], n_questions=2, scale=(1, 5)), "off the scale"),
        (lambda: survey_total([9, 8], n_questions=0, scale=(1, 5)), "'n_questions' parameter"),
    ],
)
def test_own_parameters(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
