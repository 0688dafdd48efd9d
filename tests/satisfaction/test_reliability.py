"""Reliability: published figures, sums by hand, what theory says of weights and loadings, and what intervals hold."""

import json
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import f as f_distribution

from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.satisfaction import cronbach_alpha, reliability
from crmkit.satisfaction._reliability import reliability_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text(encoding="utf-8"))[
    "reliability"
]
NAMES = ("alpha", "standardized_alpha", "lambda_6", "omega")


def spread(first, second, weight):
    """Weighted covariance of two questions over who answered both; weights count respondents."""
    both = [(a, b, w) for a, b, w in zip(first, second, weight, strict=True) if not np.isnan(a + b)]
    total = sum(w for _, _, w in both)
    means = [sum(row[j] * row[2] for row in both) / total for j in (0, 1)]
    return sum((a - means[0]) * (b - means[1]) * w for a, b, w in both) / (total - 1)


def by_hand(answers, weight=None):
    """Alpha, standardised alpha and lambda-6, pair by pair."""
    columns = list(np.asarray(answers, dtype=float).T)
    k, weight = len(columns), np.ones(len(answers)) if weight is None else weight
    C, R = np.empty((k, k)), np.empty((k, k))
    for i, a in enumerate(columns):
        for j, b in enumerate(columns):
            C[i, j] = spread(a, b, weight)
            hole = np.isnan(a) | np.isnan(b)
            a_there, b_there = np.where(hole, np.nan, a), np.where(hole, np.nan, b)
            R[i, j] = C[i, j] / np.sqrt(spread(a_there, a_there, weight) * spread(b_there, b_there, weight))
    alphas = [k / (k - 1) * (1 - np.trace(M) / M.sum()) for M in (C, R)]
    regular = np.linalg.eigvalsh(R)[0] > 1e-6
    return [*alphas, 1 - (1 / np.diag(np.linalg.inv(R))).sum() / R.sum() if regular else np.nan]


def answers_with(alpha, n, k):
    """Answers whose alpha is as said, exactly."""
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(n, 1)), rng.normal(size=(n, k))

    def miss(share):
        C = np.cov(share * common + own, rowvar=False)
        return k / (k - 1) * (1 - np.trace(C) / C.sum()) - alpha

    return brentq(miss, 0.05, 20.0, xtol=1e-14) * common + own


def alike(alpha, n, k):
    """Answers with one variance and one covariance of all questions, whose alpha is as said."""
    share = alpha / (k - alpha * (k - 1))
    noise = np.random.default_rng(0).normal(size=(n, k))
    basis = np.linalg.qr(noise - noise.mean(axis=0))[0] * np.sqrt(n - 1)
    return basis @ np.linalg.cholesky(np.full((k, k), share) + (1 - share) * np.eye(k)).T + 3.0


def survey(n, k=5, seed=0, holes=0.0, scale=5):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 1)) * rng.uniform(0.6, 1.2, size=k) + rng.normal(size=(n, k))
    answers = np.clip(np.rint(latent + (scale + 1) / 2), 1, scale)
    answers[rng.random(answers.shape) < holes] = np.nan
    return answers


def values_of(found):
    return [float(one) for one in found.estimates.values()]


#: Pairs of few respondents, whose covariances no answers of all could have.
CONTRADICTORY = [
    [1, 1, np.nan],
    [5, 5, np.nan],
    [np.nan, 1, 1],
    [np.nan, 9, 9],
    [2, np.nan, 2],
    [3, np.nan, 9],
    [1, 1, np.nan],
]


# -- published ---------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", "ACENO")
def test_five_scales_of_personality(data_folder, letter):
    table = pd.read_csv(data_folder / "survey_bfi" / "bfi.csv")[[f"{letter}{j}" for j in range(1, 6)]]
    expected = GOLDEN["bfi"]["scales"][letter]
    turned = [name for name in GOLDEN["bfi"]["reverse"] if name in table]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reliability(table, scale=(1, 6), reverse=turned)
        listwise = cronbach_alpha(table, scale=(1, 6), reverse=turned, missing="listwise")
    assert [round(value, 4) for value in values_of(found)] == [expected[name] for name in NAMES]
    assert round(float(listwise), 4) == expected["listwise"]
    assert listwise.n == table.dropna().shape[0]
    assert found.reversed == ()
    # Without the keys, the questions that need them are named.
    if turned:
        with pytest.warns(CrmkitWarning, match=", ".join(map(repr, turned)) + " run against the other questions"):
            alpha = cronbach_alpha(table)
    else:
        alpha = cronbach_alpha(table)
    assert round(float(alpha), 4) == expected["no_keys"]


@pytest.mark.parametrize("block", list(GOLDEN["ecsi"]["blocks"]))
def test_blocks_of_a_telephone_survey(data_folder, block):
    table = pd.read_csv(data_folder / "survey_ecsi" / "ecsi_mobile_phone.csv").filter(regex=f"^{block}\\d")
    expected = GOLDEN["ecsi"]["blocks"][block]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if block == "CUSL" else "error")  # CUSL3: a Heywood case
        found = reliability(table, scale=(1, 10))
    assert round(float(found.alpha), 4) == expected["alpha"]
    assert round(float(found.standardized_alpha), 3) == expected["standardized_alpha"]
    if "omega" in expected:
        assert round(float(found.omega), 4) == expected["omega"]


@pytest.mark.parametrize("case", GOLDEN["feldt"]["cases"], ids=lambda case: f"n={case['n']}")
def test_feldt_as_published(case):
    answers = answers_with(case["alpha"], case["n"], case["k"])
    incomplete = np.vstack([answers, answers[: case["incomplete"]]])
    incomplete[case["n"] :, 0] = np.nan
    found = cronbach_alpha(incomplete, missing="listwise")
    assert float(found) == pytest.approx(case["alpha"], abs=1e-12)
    assert (round(found.low, 3), round(found.high, 3)) == (case["low"], case["high"])
    assert found.n == case["n"]


# -- by hand -----------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(4, 30), st.integers(2, 5), st.sampled_from([0.0, 0.2]), st.booleans())
def test_coefficients_pair_by_pair(seed, n, k, holes, weighted):
    answers = survey(n, k, seed, holes)
    weight = np.random.default_rng(seed).integers(1, 4, size=n).astype(float) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = reliability(answers, sample_weight=weight)
        except ParameterError:
            assume(False)
        expected = by_hand(answers, weight)
    assert values_of(found)[:2] == pytest.approx(expected[:2], rel=1e-9, abs=1e-9)
    if not np.isnan(expected[2]):
        assert found.lambda_6.value == pytest.approx(expected[2], rel=1e-6, abs=1e-6)
    plain = (
        cronbach_alpha(answers, sample_weight=weight),
        cronbach_alpha(answers, sample_weight=weight, standardized=True),
    )
    assert [float(one) for one in plain] == pytest.approx(expected[:2], rel=1e-9, abs=1e-9)
    assert plain[0].low == pytest.approx(found.alpha.low)


def test_questions_one_by_one():
    answers = survey(40, 4, seed=3, holes=0.1)
    table = pd.DataFrame(answers, columns=list("abcd"))
    items = reliability(table).items
    assert items.index.tolist() == list("abcd")
    assert items["n"].tolist() == table.notna().sum().tolist()
    assert items["mean"].to_numpy() == pytest.approx(table.mean().to_numpy())
    assert items["sd"].to_numpy() == pytest.approx(table.std().to_numpy())
    C = table.cov().to_numpy()
    for j, name in enumerate("abcd"):
        others = [i for i in range(4) if i != j]
        rest = C[np.ix_(others, others)].sum()
        correlation = C[j, others].sum() / np.sqrt(C[j, j] * rest)
        assert items.loc[name, "item_rest_correlation"] == pytest.approx(correlation)
        assert items.loc[name, "alpha_if_dropped"] == pytest.approx(float(cronbach_alpha(table.drop(columns=name))))


def test_item_rest_correlation_of_complete_answers():
    answers = survey(50, 3, seed=1)
    found = reliability(answers).items["item_rest_correlation"]
    for j in range(3):
        rest = answers.sum(axis=1) - answers[:, j]
        assert found.iloc[j] == pytest.approx(np.corrcoef(answers[:, j], rest)[0, 1])


def test_dropping_one_of_two_leaves_no_alpha():
    assert reliability(survey(30, 2)).items["alpha_if_dropped"].isna().all()


def test_feldt_by_quantiles():
    answers = survey(60, 4, seed=2)
    found = cronbach_alpha(answers, coverage=0.8)
    F = f_distribution.ppf([0.9, 0.1], 59, 59 * 3)
    assert (found.low, found.high) == pytest.approx(tuple(1 - (1 - float(found)) * F))
    assert (found.n, found.coverage, found.method) == (60, 0.8, "Feldt")


# -- theory ------------------------------------------------------------------------------------


@given(st.floats(0.05, 0.95), st.integers(2, 9))
def test_equal_loadings_make_omega_alpha(alpha, k):
    found = reliability(alike(alpha, 40, k))
    assert [float(found.alpha), float(found.standardized_alpha), float(found.omega)] == pytest.approx([alpha] * 3)
    loading = np.sqrt(alpha / (k - alpha * (k - 1)))
    assert found.items["loading"].to_numpy() == pytest.approx(np.full(k, loading))


@pytest.mark.filterwarnings("ignore:.*Heywood")
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_weights(holes):
    answers = survey(80, 4, seed=5, holes=holes)
    plain = reliability(answers)
    same = reliability(answers, sample_weight=np.ones(80))
    assert same.estimates == plain.estimates
    pd.testing.assert_frame_equal(same.items, plain.items)
    doubled = reliability(np.vstack([answers, answers]), sample_weight=np.full(160, 0.5))
    assert values_of(doubled) == pytest.approx(values_of(plain), rel=1e-9)
    pd.testing.assert_frame_equal(doubled.items.drop(columns="n"), plain.items.drop(columns="n"), rtol=1e-9)
    weight = np.random.default_rng(0).integers(0, 4, size=80)
    repeated = reliability(np.repeat(answers, weight, axis=0))
    weighted = reliability(answers, sample_weight=weight)
    assert values_of(weighted) == pytest.approx(values_of(repeated), rel=1e-9)
    assert weighted.items[["mean", "sd"]].to_numpy() == pytest.approx(repeated.items[["mean", "sd"]].to_numpy())
    # Three times the same answer say less than three answers.
    assert weighted.alpha.high - weighted.alpha.low > repeated.alpha.high - repeated.alpha.low


@pytest.mark.filterwarnings("error", "ignore:.*Heywood")
@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("mean", [5e-324, 1e-300, 1 / 80, 0.01, 0.7, 7.0, 1e6, 1e300])
def test_the_unit_of_weights(mean, holes):
    """It is free for coefficients of complete answers, and of weights that cannot count respondents."""
    answers, weight = survey(80, 4, seed=5, holes=holes), np.arange(80) % 3 + 1.0
    weight /= weight.mean()
    plain = reliability(answers, sample_weight=weight)
    scaled = reliability(answers, sample_weight=np.arange(80) % 3 * mean + mean)
    for one, other in zip(plain.estimates.values(), scaled.estimates.values(), strict=True):
        rel = 1e-6 if mean < 0.05 or not holes else 0.02
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), rel=rel)
        assert other.n == one.n
    pd.testing.assert_frame_equal(scaled.items, plain.items, rtol=1e-6 if mean < 0.05 else 0.02)


@pytest.mark.filterwarnings(
    "error", "ignore:.*Heywood", "ignore:.*exactly", "ignore:.*run against", "ignore:.*too little"
)
def test_few_respondents_give_no_other_warnings():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        answers = rng.integers(1, 6, size=(rng.integers(2, 5), rng.integers(2, 5))).astype(float)
        try:
            found = reliability(answers, sample_weight=rng.uniform(0.0, 2.0, len(answers)) if seed % 2 else None)
        except ParameterError:
            continue
        assert not np.isinf(found.items.to_numpy()).any()


def test_respondents_without_weight_or_answers_are_not_there():
    answers = survey(60, 4, seed=6, holes=0.1)
    answers[7] = np.nan
    weight = np.arange(60) % 3 > 0
    found = reliability(answers, sample_weight=weight)
    there = answers[weight & ~np.isnan(answers).all(axis=1)]
    assert found.estimates == reliability(there).estimates


def test_order_of_respondents_changes_no_coefficient():
    answers = survey(300, 5, seed=8)
    order = np.random.default_rng(0).permutation(300)
    plain, moved = reliability(answers), reliability(answers[order])
    assert values_of(moved) == pytest.approx(values_of(plain))
    # Sorted respondents are not left out side by side: the interval stays what it was, but for chance.
    ordered = reliability(answers[np.argsort(answers.sum(axis=1))])
    assert ordered.omega.high - ordered.omega.low == pytest.approx(plain.omega.high - plain.omega.low, rel=0.35)


def test_scale_and_origin_of_questions_change_nothing_standardised():
    answers = survey(100, 4, seed=9)
    other = answers * [1, 10, 0.1, 3] + [0, 1e6, -5, 2]
    assert values_of(reliability(other))[1:] == pytest.approx(values_of(reliability(answers))[1:], rel=1e-7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-320, 1e-200, 2.0**900, 3e307])
def test_huge_and_tiny_answers(unit):
    answers = survey(100, 4, seed=9)
    plain, found = reliability(answers), reliability(answers * unit)
    assert values_of(found) == pytest.approx(values_of(plain), rel=1e-3 if unit < 1e-300 else 1e-9)
    assert found.items["sd"].to_numpy() == pytest.approx(plain.items["sd"].to_numpy() * unit, rel=1e-3)
    one = reliability(answers * [unit, 1.0, 1.0, 1.0])
    assert one.items["sd"].to_numpy() == pytest.approx(plain.items["sd"].to_numpy() * [unit, 1, 1, 1], rel=1e-3)
    assert values_of(one)[1:] == pytest.approx(values_of(plain)[1:], rel=1e-3 if unit < 1e-300 else 1e-9)


# -- missing answers ---------------------------------------------------------------------------


def test_missing_answers_by_each_rule():
    answers = survey(50, 4, seed=4, holes=0.15)
    complete = answers[~np.isnan(answers).any(axis=1)]
    listwise = cronbach_alpha(answers, missing="listwise")
    assert listwise == cronbach_alpha(complete)
    assert listwise.n == len(complete)
    filled = np.where(np.isnan(answers), np.nanmedian(answers, axis=0), answers)
    imputed = cronbach_alpha(answers, missing="impute")
    assert float(imputed) == pytest.approx(float(cronbach_alpha(filled)))
    assert imputed.n == 50
    both = [(~np.isnan(answers[:, [i, j]]).any(axis=1)).sum() for i, j in combinations(range(4), 2)]
    assert cronbach_alpha(answers).n == int(len(both) / sum(1 / n for n in both))


def test_codes_and_texts_are_read(make_frame):
    words = {"no": 1, "maybe": 2, "yes": 3}
    columns = {"a": ["no", "maybe", "yes", "yes", "n/a"], "b": ["no", "no", "yes", "yes", "yes"]}
    frame = make_frame(columns)
    frame = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    found = cronbach_alpha(frame, scale=words, not_applicable=["n/a"])
    numbers = [[1, 1], [2, 1], [3, 3], [3, 3], [np.nan, 3]]
    assert found == cronbach_alpha(numbers, scale=(1, 3))


def test_reverse_by_name_and_by_position():
    table = pd.DataFrame(survey(60, 3), columns=["a", "b", "c"])
    turned = table.assign(b=6 - table["b"])
    expected = cronbach_alpha(table)
    assert float(cronbach_alpha(turned, scale=(1, 5), reverse=["b"])) == pytest.approx(float(expected))
    assert float(cronbach_alpha(turned.to_numpy(), scale=(1, 5), reverse=[1])) == pytest.approx(float(expected))


# -- what is warned of -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 1000])
def test_forgotten_keys_are_named(n):
    table = pd.DataFrame(survey(n, 5, seed=1), columns=list("abcde"))
    table[["b", "e"]] = 6 - table[["b", "e"]]
    with pytest.warns(CrmkitWarning, match="reliability: 'b', 'e' run against the other questions") as caught:
        found = reliability(table)
    assert found.reversed == ("b", "e")
    assert caught[0].filename == __file__
    with pytest.warns(CrmkitWarning, match="cronbach_alpha: 'b', 'e' run against") as caught:
        cronbach_alpha(table)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reliability(table, scale=(1, 5), reverse=["b", "e"]).reversed == ()


def test_unrelated_questions_are_seldom_warned_of():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        named = [bool(reliability(rng.normal(size=(60, 5))).reversed) for _ in range(60)]
    assert np.mean(named) <= 0.1


def test_heywood_case_is_said():
    rng = np.random.default_rng(0)
    first = rng.normal(size=200)
    table = pd.DataFrame({"a": first + 0.3 * rng.normal(size=200), "b": first + rng.normal(size=200)})
    table["c"] = 2 * table["a"] - 0.4 * table["b"] + rng.normal(size=200)
    with pytest.warns(CrmkitWarning, match="the loading of 'a' would exceed 1") as caught:
        found = reliability(table)
    assert caught[0].filename == __file__
    assert found.items["loading"].max() == 1.0
    assert 0.0 < found.omega.low < found.omega.value < found.omega.high < 1.0


@pytest.mark.filterwarnings("ignore:.*Heywood")
def test_identical_questions_have_an_alpha_of_one():
    for k in (2, 3, 6, 7):
        found = cronbach_alpha(np.repeat(survey(30, 1, seed=k), k, axis=1))
        assert float(found) == pytest.approx(1.0)
        assert found.low <= found.high <= 1.0


def test_questions_that_others_give():
    table = pd.DataFrame(survey(80, 3, seed=2), columns=["a", "b", "c"])
    with pytest.warns(CrmkitWarning, match="other questions give 'a', 'copy' exactly") as caught:
        found = reliability(table.assign(copy=table["a"]))
    assert caught[0].filename == __file__
    assert found.lambda_6.value <= 1.0
    with pytest.warns(CrmkitWarning, match="other questions give"):
        few = reliability(survey(5, 6, seed=3) + np.arange(30).reshape(5, 6) % 7)
    assert (few.lambda_6.low, few.lambda_6.high) == (-np.inf, 1.0)
    assert few.lambda_6.value == pytest.approx(1.0)


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("function", [cronbach_alpha, reliability])
@pytest.mark.parametrize(
    ("answers", "options", "match"),
    [
        ([[1, 3], [2, 3], [3, 3]], {}, "'x1' has none"),
        ([[1, np.nan], [2, np.nan], [3, np.nan]], {}, "'x1' has none"),
        ([[1], [2], [3]], {}, "two questions or more, and two respondents. Got 1 and 3"),
        ([[1, 2]], {}, "Got 2 and 1"),
        ([[1, np.nan], [np.nan, 2], [2, np.nan], [np.nan, 1]], {"missing": "listwise"}, "Got 2 and 0"),
        (
            [[1, np.nan], [np.nan, 2], [2, np.nan], [np.nan, 1]],
            {},
            "too few who differ answered both of 'x0', 'x1'",
        ),
        ([[1, 5], [2, 4], [5, 1]], {}, "sums of answers, and these do not differ"),
        (CONTRADICTORY, {}, "too few answered for pairs of questions to agree"),
        ([[1, 2], [2, 9], [3, 1]], {"scale": (1, 5)}, "off the scale"),
        ([[1, 2], [2, 3], [3, 1]], {"sample_weight": [1, -1, 1]}, "sample_weight"),
        ([[1, 2], [2, 3], [3, 1]], {"sample_weight": [0, 0, 0]}, "sample_weight"),
        ([[1, 2], [2, 3], [3, 1]], {"sample_weight": [1, 1]}, "sample_weight"),
        ([[1, 2], [2, 3], [3, 1]], {"missing": "drop"}, "'missing' parameter"),
        ([[1, 2], [2, 3], [3, 1]], {"coverage": 95}, "'coverage' parameter"),
        ([[1, 2], [2, 3], [3, 1]], {"reverse": [0]}, "Give scale"),
        ([["good", "bad"], ["bad", "bad"], ["bad", "good"]], {}, "holds text"),
    ],
)
def test_errors_say_what_is_wrong(function, answers, options, match):
    with pytest.raises(ParameterError, match=match):
        function(answers, **options)


def test_other_errors():
    with pytest.raises(ColumnNotFoundError, match="reverse='zz'"):
        cronbach_alpha(pd.DataFrame(survey(9, 3), columns=["a", "b", "c"]), scale=(1, 5), reverse=["zz"])
    with pytest.raises(ParameterError, match="'standardized' parameter"):
        cronbach_alpha(survey(9, 3), standardized="yes")
    with pytest.raises(ParameterError, match="SatisfactionScorer compares answers that differ"):
        reliability_of(np.ones((5, 3)), ["a", "b", "c"], np.ones(5), "SatisfactionScorer", "pairwise")


@pytest.mark.filterwarnings("ignore:.*Heywood")
def test_data_are_left_alone():
    answers, weight = survey(40, 3, holes=0.1), np.full(40, 0.01)
    for array in (answers, weight):
        array.flags.writeable = False
    kept = answers.copy()
    for missing in ("pairwise", "listwise", "impute"):
        reliability(answers, missing=missing, sample_weight=weight)
    np.testing.assert_array_equal(answers, kept)


def test_shown_as_four_lines():
    assert repr(reliability(survey(50, 3))).split("\n")[3].startswith("omega              0.")


# -- what intervals hold -----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "n_surveys"), [(25, 4000), (100, 3000), (1000, 600)])
def test_feldt_holds_what_it_says(n, n_surveys):
    rng = np.random.default_rng(n)
    truth = 5 * 0.36 / (1 + 4 * 0.36)
    held = 0
    for _ in range(n_surveys // 100):
        answers = 0.6 * rng.normal(size=(100, n, 1)) + 0.8 * rng.normal(size=(100, n, 5))
        answers -= answers.mean(axis=1, keepdims=True)
        C = np.swapaxes(answers, 1, 2) @ answers
        alpha = 1.25 * (1 - np.trace(C, axis1=1, axis2=2) / C.sum(axis=(1, 2)))
        first = cronbach_alpha(answers[0])
        high, low = (1 - np.array([first.high, first.low])) / (1 - float(first))  # the two quantiles of F
        held += ((1 - (1 - alpha) * low <= truth) & (truth <= 1 - (1 - alpha) * high)).sum()
    assert abs(held / n_surveys - 0.95) <= 0.015


@pytest.mark.parametrize(("n", "holes"), [(25, 0.0), (25, 0.2), (100, 0.0)])
def test_jackknife_holds_what_it_says(n, holes):
    rng = np.random.default_rng(n)
    loadings = np.linspace(0.4, 0.8, 5)

    def answers(size):
        latent = rng.normal(size=(size, 1)) * loadings + rng.normal(size=(size, 5)) * np.sqrt(1 - loadings**2)
        return np.digitize(latent, [-1.8, -1.0, -0.2, 0.8]).astype(float)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = reliability(answers(400_000))
        held = {"lambda_6": 0, "omega": 0}
        for _ in range(250):
            sample = answers(n)
            sample[rng.random(sample.shape) < holes] = np.nan
            found = reliability(sample)
            for name in held:
                interval = getattr(found, name)
                held[name] += interval.low <= float(getattr(truth, name)) <= interval.high
    # Of 250 surveys 95 % are 237 or 238, give or take 3.4.
    assert all(229 <= count <= 248 for count in held.values()), held
