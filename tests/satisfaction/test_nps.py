"""Net promoter scores: published figures, every answer counted by hand, and what intervals cover, exactly."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy
from scipy.stats import norm

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.satisfaction import nps, nps_difference

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text(encoding="utf-8"))["nps"]

Z = norm.ppf(0.975)
likely = st.lists(st.integers(0, 10), min_size=1, max_size=60)


def answers_of(promoters, passives, detractors):
    return [10] * promoters + [7] * passives + [4] * detractors


def score_by_hand(answers, weight=None):
    weight = [1] * len(answers) if weight is None else weight
    signed = sum(w * ((a >= 9) - (a <= 6)) for a, w in zip(answers, weight, strict=True))
    return 100 * signed / sum(weight)


def interval_by_hand(answers, more, coverage=0.95):
    """Centre and variance of Wald's interval with `more` answers added."""
    z = norm.ppf((1 + coverage) / 2)
    n = len(answers) + more
    p = (sum(a >= 9 for a in answers) + more / 4) / n
    d = (sum(a <= 6 for a in answers) + more / 4) / n
    half = z * ((p + d - (p - d) ** 2) / n) ** 0.5
    score = score_by_hand(answers)
    return min(max(100 * (p - d - half), -100), score), max(min(100 * (p - d + half), 100), score)


@pytest.mark.parametrize("case", GOLDEN["one"], ids=lambda case: str(case["counts"]))
def test_published_scores(case):
    answers = answers_of(*case["counts"])
    wald, adjusted = nps(answers, interval="wald"), nps(answers)
    assert wald.value == adjusted.value == case["nps"]
    assert [round(wald.low, 2), round(wald.high, 2)] == case["wald"]
    assert [round(adjusted.low, 2), round(adjusted.high, 2)] == case["adjusted"]
    assert (adjusted.n, adjusted.coverage, adjusted.method) == (len(answers), 0.95, "adjusted Wald")


def test_published_difference():
    case = GOLDEN["difference"]
    found = nps_difference(*(answers_of(*counts) for counts in case["counts"]), interval="wald")
    error = (found.high - found.low) / (2 * Z)
    assert found.value == case["difference"]
    assert round(error, 3) == case["standard_error"]
    assert round(found.value / error, 3) == case["z"]
    assert found.n == 200


def test_mobile_phone_survey(data_folder):
    case = GOLDEN["survey_ecsi CUSL3"]
    answers = pd.read_csv(data_folder / "survey_ecsi" / "ecsi_mobile_phone.csv")["CUSL3"]
    wald, adjusted = (nps(answers, scale=(1, 10), interval=name) for name in ("wald", "adjusted_wald"))
    assert wald.value == pytest.approx(case["nps"])
    assert [round(wald.low, 2), round(wald.high, 2)] == case["wald"]
    assert [round(adjusted.low, 2), round(adjusted.high, 2)] == case["adjusted"]


@given(likely, st.floats(0.5, 0.99))
def test_every_answer_counted_by_hand(answers, coverage):
    for interval, more in (("wald", 0), ("adjusted_wald", 3)):
        found = nps(answers, interval=interval, coverage=coverage)
        assert found.value == pytest.approx(score_by_hand(answers), abs=1e-12)
        assert (found.low, found.high) == pytest.approx(interval_by_hand(answers, more, coverage), abs=1e-9)
        assert found.n == len(answers)


def test_whole_scores_are_whole():
    """No 28.000000000000004: exact fractions of counts are rounded once."""
    for promoters in range(40):
        for detractors in range(40):
            answers = answers_of(promoters, 3, detractors)
            expected = Fraction(100 * (promoters - detractors), len(answers))
            assert nps(answers).value == pytest.approx(float(expected), abs=0, rel=1e-15)
    assert nps(answers_of(16, 0, 9)).value == 28


@given(likely)
def test_who_answers_the_other_way_round_mirrors_the_score(answers):
    turned = [{True: 0, False: 10}[a >= 9] if (a >= 9) != (a <= 6) else 7 for a in answers]
    found, mirrored = nps(answers), nps(turned)
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx((-found.value, -found.high, -found.low))


@given(likely)
def test_the_difference_of_a_sample_from_itself(answers):
    for interval in ("wald", "adjusted_wald"):
        found = nps_difference(answers, answers, interval=interval)
        assert found.value == 0
        assert found.low == pytest.approx(-found.high, abs=1e-9)
    other = nps_difference(answers, [10, 3, 8])
    back = nps_difference([10, 3, 8], answers)
    assert (back.value, back.low, back.high) == pytest.approx((-other.value, -other.high, -other.low))


@given(likely, st.data())
def test_weights(answers, data):
    answers = [*answers, 10]
    weight = data.draw(st.lists(st.floats(0.1, 5), min_size=len(answers), max_size=len(answers)))
    found = nps(answers, sample_weight=weight)
    assert found.value == pytest.approx(score_by_hand(answers, weight), abs=1e-9)
    assert nps(answers, sample_weight=[0.3] * len(answers)) == nps(answers)
    again = nps([*answers, 0], sample_weight=[7 * w for w in weight] + [0])
    assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high), abs=1e-9)
    assert again.n == len(answers)
    doubled = nps(answers * 2, sample_weight=[w / 2 for w in weight] * 2)
    assert doubled.value == pytest.approx(found.value, abs=1e-9)


def test_unequal_weights_rest_on_fewer_answers():
    answers, weight = answers_of(50, 30, 20), np.r_[np.full(50, 3.0), np.ones(50)]
    p, d = 150 / 200, 20 / 200
    n = 200**2 / (50 * 9 + 50)
    half = 100 * Z * ((p + d - (p - d) ** 2) / n) ** 0.5
    found = nps(answers, sample_weight=weight, interval="wald")
    assert (found.value, found.low, found.high) == pytest.approx((65, 65 - half, 65 + half))


def cells(n):
    """All counts of promoters and detractors among n."""
    promoters = np.repeat(np.arange(n + 1), np.arange(n + 1, 0, -1))
    return promoters, np.concatenate([np.arange(n + 1 - k) for k in range(n + 1)])


def covered(n, p, d, more):
    """The exact share of samples whose 95 % interval holds the true score."""
    x, y = cells(n)
    log = gammaln(n + 1) - gammaln(x + 1) - gammaln(y + 1) - gammaln(n - x - y + 1)
    chance = np.exp(log + xlogy(x, p) + xlogy(y, d) + xlogy(n - x - y, max(1 - p - d, 0)))
    a, b = (x + more / 4) / (n + more), (y + more / 4) / (n + more)
    half = Z * np.sqrt(np.maximum(a + b - (a - b) ** 2, 0) / (n + more))
    low, high = np.clip(a - b - half, -1, 1), np.clip(a - b + half, -1, 1)
    return 100 * chance[(low <= p - d + 1e-12) & (p - d <= high + 1e-12)].sum()


POPULATIONS = [(0.5, 0.2), (0.3, 0.3), (0.7, 0.1), (0.8, 0.05), (0.9, 0.02), (0.05, 0.85), (0.02, 0.6), (0.95, 0.01)]


@pytest.mark.parametrize("n", [25, 100, 1000])
def test_the_adjusted_interval_covers_what_it_says(n):
    """Never 1.5 points less, in populations skewed both ways; more than 1.5 only where n is small."""
    shares = [covered(n, p, d, 3) for p, d in POPULATIONS]
    assert min(shares) > 93.5
    assert max(shares) < {25: 97, 100: 97.1, 1000: 95.4}[n]


@pytest.mark.parametrize(("n", "wald", "adjusted"), [(25, 53.1, 92.2), (100, 80.2, 94.3)])
def test_coverage_at_worst(n, wald, adjusted):
    """Over a grid of populations, as the notes of nps say."""
    shares = [0.01, 0.02, 0.03, 0.05, 0.08, *np.arange(0.1, 0.96, 0.05), 0.97]
    grid = [(p, d) for p in shares for d in shares if p + d < 1 + 1e-9]
    assert [round(min(covered(n, p, d, more) for p, d in grid), 1) for more in (0, 3)] == [wald, adjusted]


@pytest.mark.parametrize(("p", "d", "rows"), GOLDEN["coverage"]["rows"])
def test_the_table_of_coverage(p, d, rows):
    """What the notes of nps print."""
    for n, wald, adjusted in rows:
        assert [round(covered(n, p, d, more), 1) for more in (0, 3)] == [wald, adjusted]


def test_coverage_of_differences():
    """Half as many answers added to each of two samples."""
    rng = np.random.default_rng(0)
    for n, m, first, second in (
        (25, 25, (0.5, 0.2), (0.4, 0.25)),
        (25, 100, (0.8, 0.05), (0.7, 0.1)),
        (100, 100, (0.05, 0.85), (0.1, 0.7)),
        (25, 25, (0.9, 0.02), (0.3, 0.3)),
    ):
        score, variance = [], []
        for size, (p, d) in ((n, first), (m, second)):
            counts = rng.multinomial(size, [p, d, 1 - p - d], 20_000) + np.array([0.375, 0.375, 0.75])
            a, b = counts[:, 0] / (size + 1.5), counts[:, 1] / (size + 1.5)
            score.append(a - b)
            variance.append((a + b - (a - b) ** 2) / (size + 1.5))
        off = np.abs(score[0] - score[1] - (first[0] - first[1] - second[0] + second[1]))
        assert 93.5 < 100 * np.mean(off <= Z * np.sqrt(variance[0] + variance[1])) < 96.9


def test_the_bootstrap_is_that_of_rows():
    """Counts drawn are rows drawn: the same distribution, by another route."""
    answers = np.array(answers_of(120, 60, 70))
    rng = np.random.default_rng(1)
    rows = answers[rng.integers(len(answers), size=(4000, len(answers)))]
    drawn = 100 * ((rows >= 9).mean(axis=1) - (rows <= 6).mean(axis=1))
    found = nps(answers, interval="bootstrap", n_resamples=4000, random_state=0)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.9)
    assert found.method == "bootstrap"
    assert found == nps(answers, interval="bootstrap", n_resamples=4000, random_state=0)
    both = nps_difference(answers, answers, interval="bootstrap", n_resamples=4000, random_state=0)
    assert both.high - both.low == pytest.approx(2**0.5 * (found.high - found.low), rel=0.1)


def test_everybody_promotes():
    wald, adjusted, drawn = (nps([10] * 20, interval=name) for name in ("wald", "adjusted_wald", "bootstrap"))
    assert wald.low == wald.high == drawn.low == adjusted.high == adjusted.value == 100
    assert 65 < adjusted.low < 75


def test_one_answer():
    found = nps([9])
    assert (found.value, found.n, found.high) == (100, 1, 100)  # the adjusted interval alone would end at 98.5
    assert found.low < 0


@pytest.mark.parametrize("kind", ["list", "array", "masked", "pandas", "nullable", "polars", "frame"])
def test_containers_and_missing_answers(kind):
    values = [10, None, 9, 2, 7]
    made = {
        "list": values,
        "array": np.array([10, np.nan, 9, 2, 7], dtype=np.float32),
        "masked": np.ma.array([10, 5, 9, 2, 7], mask=[0, 1, 0, 0, 0]),
        "pandas": pd.Series(values, index=[5, 5, 1, 2, 3]),
        "nullable": pd.Series(values, dtype="Int64"),
        "polars": pl.Series(values),
        "frame": pd.DataFrame({"recommend": values}),
    }[kind]
    assert nps(made) == nps([10, 9, 2, 7])


def test_codes_and_texts():
    assert nps([10, 99, 9, 2, 7], not_applicable=[99]) == nps([10, 9, 2, 7])
    words = {"never": 0, "perhaps": 7, "surely": 10}
    assert nps(["surely", "never", "perhaps", None], scale=words) == nps([10, 0, 7])
    with pytest.raises(ParameterError, match="holds text in 2 of its answers"):
        nps(["5 - very satisfied", "4 - satisfied"])
    with pytest.raises(ParameterError, match="holds text in 2 of its answers"):
        nps(["10", "3"])
    assert nps(["10", "3"], scale={str(n): n for n in range(11)}) == nps([10, 3])


def test_other_scales_need_both_cuts():
    stars = [5, 5, 4, 2, 1]
    with pytest.raises(
        ParameterError, match="nps knows .* scales of 0 to 10 and 1 to 10 alone. On 1 to 5 give promoters"
    ):
        nps(stars, scale=(1, 5))
    with pytest.raises(ParameterError, match="On 1 to 5 give promoters, "):
        nps(stars, scale=(1, 5), promoters=5)
    assert nps(stars, scale=(1, 5), promoters=5, detractors=3).value == 0
    with pytest.raises(ParameterError, match=r"'detractors' parameter of nps must be below promoters=5. Got 5.0"):
        nps(stars, scale=(1, 5), promoters=5, detractors=5)
    with pytest.raises(ParameterError, match=r"'promoters' parameter of nps must be a finite float in the range \[1"):
        nps(stars, scale=(1, 5), promoters=9, detractors=3)


@pytest.mark.parametrize(
    ("answers", "options", "message"),
    [
        ([10, 11], {}, "answers off the scale"),
        ([-1, 5], {}, "answers off the scale"),
        ([np.nan, np.nan], {}, "nps got no answers: all of 2 are missing"),
        ([9, 3], {"sample_weight": [1, -1]}, "must not be negative"),
        ([9, np.nan], {"sample_weight": [0, 1]}, "nps got no answers"),
        ([9, 3], {"sample_weight": [1]}, "of length 2"),
        ([9, 3], {"coverage": 95}, "'coverage' parameter of nps"),
        ([9, 3], {"interval": "wilson"}, "'interval' parameter of nps"),
        ([9, 3], {"interval": "bootstrap", "n_resamples": 10}, "'n_resamples' parameter of nps"),
        ([9, 3], {"interval": "bootstrap", "random_state": "x"}, "'random_state' parameter of nps"),
        (np.ones((4, 2)), {}, "takes the answers to one question. Got 2 columns"),
        ([9, 3], {"scale": {"recommend": (0, 10)}}, "scale"),
    ],
)
def test_what_is_refused(answers, options, message):
    with pytest.raises(ParameterError, match=message):
        nps(answers, **options)


def test_which_of_two_samples_is_refused():
    with pytest.raises(ParameterError, match=r"nps_difference\(second\) got answers off the scale"):
        nps_difference([9, 3], [9, 99])
    with pytest.raises(ParameterError, match=r"nps_difference\(first\) got no answers"):
        nps_difference([np.nan], [9])
    with pytest.raises(ParameterError, match=r"'sample_weight' parameter of nps_difference\(second\)"):
        nps_difference([9, 3], [9, 3], second_weight=[1, -1])


def test_a_scale_of_four_read_as_ten_is_doubted():
    with pytest.warns(CrmkitWarning, match="no answer above the middle of the scale"):
        found = nps([4, 4, 3, 4, 2, 4, 4, 3, 4, 1])
    assert found.value == -100


def test_answers_are_left_as_they_are():
    answers, weight = np.array([10.0, 3.0, np.nan]), np.array([2.0, 1.0, 1.0])
    copies = answers.copy(), weight.copy()
    answers.flags.writeable = weight.flags.writeable = False
    nps(answers, sample_weight=weight, not_applicable=[5])
    np.testing.assert_array_equal(answers, copies[0])
    np.testing.assert_array_equal(weight, copies[1])
