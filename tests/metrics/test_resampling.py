import json
import math
import warnings
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_array, csr_matrix
from sklearn.metrics import log_loss, roc_auc_score

from crmkit.events import ItemTargets
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate, estimate, lift

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "bootstrap_intervals.json").read_text(encoding="utf-8"))


def clustered(n_customers=40, n_rows=5, seed=0):
    """Rows of one customer share most of their value: the correlation inside is 0.9."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), n_rows)
    return customer, 3 * rng.normal(size=n_customers)[customer] + rng.normal(size=len(customer))


def naive_estimate(function, values, groups, coverage, n_resamples, seed, method="percentile"):
    """The definition, with lists: draw customers, put their rows together, take the ranks."""
    customers = sorted(set(groups))
    rows = {customer: [v for v, g in zip(values, groups, strict=True) if g == customer] for customer in customers}
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(n_resamples):
        drawn = rng.integers(len(customers), size=len(customers))
        figures.append(function([v for position in drawn for v in rows[customers[position]]]))
    value = function(list(values))
    levels = [(1 - coverage) / 2, (1 + coverage) / 2]
    if method == "bca":
        normal = NormalDist()
        z0 = normal.inv_cdf(np.mean([(f < value) + 0.5 * (f == value) for f in figures]))
        without = [function([v for v, g in zip(values, groups, strict=True) if g != c]) for c in customers]
        u = [np.mean(without) - w for w in without]
        a = sum(x**3 for x in u) / (6 * sum(x**2 for x in u) ** 1.5)
        levels = [normal.cdf(z0 + (z0 + normal.inv_cdf(p)) / (1 - a * (z0 + normal.inv_cdf(p)))) for p in levels]
    figures = sorted(figures)
    ends = []
    for level in levels:
        rank = min(max((n_resamples + 1) * level, 1), n_resamples)
        below = figures[math.floor(rank) - 1]
        above = figures[min(math.ceil(rank), n_resamples) - 1]
        ends.append(below + (rank - math.floor(rank)) * (above - below))
    return value, *ends


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_the_definition(method, coverage):
    rng = np.random.default_rng(1)
    groups, values = rng.integers(12, size=50), rng.exponential(size=50)
    result = estimate(np.mean, values, groups=groups, coverage=coverage, n_resamples=99, method=method, random_state=7)
    expected = naive_estimate(np.mean, values, groups, coverage, 99, 7, method)
    assert (result.value, result.low, result.high) == pytest.approx(expected, rel=1e-9)
    assert (result.n, result.coverage) == (len(set(groups)), coverage)
    assert result.method == {"percentile": "bootstrap", "bca": "BCa bootstrap"}[method]


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_published_intervals(method):
    """Their 2,000 and these 5,000 resamples leave the ends uncertain by a few units."""
    data = np.array(GOLDEN["data"], dtype=float)
    result = estimate(np.var, data, coverage=0.9, n_resamples=5000, method=method, random_state=0)
    assert round(result.value, 1) == GOLDEN["value"]
    assert (result.low, result.high) == pytest.approx(GOLDEN[method], abs=6)


def test_with_199_resamples_the_ends_of_95_percent_are_the_5th_from_each_side():
    seen = []

    def mean(values):
        seen.append(values.mean())
        return seen[-1]

    result = estimate(mean, np.arange(30.0), coverage=0.95, n_resamples=199, random_state=0)
    ordered = sorted(seen[1:])
    assert (result.low, result.high) == pytest.approx((ordered[4], ordered[194]))


# -------------------------------------------------------------------------------- groups and rows


def test_whole_customers_are_drawn():
    groups = np.array([3, 1, 3, 2, 3, 1])
    size = {1: 2, 2: 1, 3: 3}

    def check(customer, row):
        for one in set(customer):
            assert (customer == one).sum() % size[one] == 0
            assert len(set(np.bincount(row[customer == one])) - {0}) == 1
        assert sum((customer == one).sum() / size[one] for one in set(customer)) in (2, 3)
        return float(len(customer))

    for method in ("percentile", "bca"):
        assert estimate(check, groups, np.arange(6), groups=groups, method=method, random_state=0).n == 3


def test_without_groups_each_row_is_a_customer():
    values = np.random.default_rng(0).normal(size=30)
    alone = estimate(np.mean, values, random_state=3)
    assert alone == estimate(np.mean, values, groups=np.arange(30), random_state=3)
    assert alone.n == 30


def test_repeating_every_row_tells_nothing_new():
    _, values = clustered()
    customer = np.arange(len(values))
    once = estimate(np.mean, values, groups=customer, random_state=0)
    thrice = estimate(np.mean, np.repeat(values, 3), groups=np.repeat(customer, 3), random_state=0)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    fooled = estimate(np.mean, np.repeat(values, 3), random_state=0)
    assert fooled.high - fooled.low < 0.7 * (once.high - once.low)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.sampled_from([lambda i: i, lambda i: f"客户{i:03d}", lambda i: i / 7]))
def test_neither_the_order_of_rows_nor_the_kind_of_id_matters(random, name):
    customer, values = clustered(12, 4)
    expected = estimate(np.mean, values, groups=customer, n_resamples=100, random_state=0)
    order = random.sample(range(len(values)), len(values))
    groups = [name(int(customer[row])) for row in order]
    result = estimate(np.mean, values[order], groups=groups, n_resamples=100, random_state=0)
    assert (result.value, result.low, result.high) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        pl.Series,
        lambda values: pd.Series(values, index=values),
        lambda values: pd.Series([f"id {v}" for v in values], dtype="category"),
        lambda values: pd.Series([f"id {v}" for v in values], dtype="string"),
        lambda values: np.array([f"id {v}" for v in values], dtype=object),
        lambda values: np.datetime64("2024-01-01") + values,
    ],
)
def test_groups_from_every_kind_of_column(wrap):
    customer, values = clustered(9, 3)
    expected = estimate(np.mean, values, groups=customer, random_state=0)
    assert estimate(np.mean, values, groups=wrap(customer), random_state=0) == expected


def test_arrays_reach_the_function_as_numpy_and_are_not_changed():
    values = np.arange(10.0)
    values.flags.writeable = False

    def spoil(first, second):
        assert type(first) is type(second) is np.ndarray
        if first.flags.writeable:
            first[:] = 0
        return second.mean()

    assert estimate(spoil, values, pd.Series(values), random_state=0).value == 4.5
    assert values.tolist() == list(range(10))


# ------------------------------------------------------------------------------- figures of others


def test_sparse_matrices_and_item_targets_are_resampled_by_rows():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (50, 4)) * rng.integers(0, 2, (50, 4))
    customer = rng.integers(12, size=50)

    def share_of_first(rows):
        rows = getattr(rows, "csr", rows)
        return rows[:, [0]].sum() / rows.sum()

    expected = estimate(share_of_first, dense, groups=customer, n_resamples=50, random_state=0)
    targets = ItemTargets(csr_matrix(dense), np.arange(4))
    for rows in (csr_matrix(dense), csr_array(dense), csc_matrix(dense), targets):
        assert estimate(share_of_first, rows, groups=customer, n_resamples=50, random_state=0) == expected
    with pytest.raises(ParameterError, match=r"one length. Got shapes \[\(50,\), \(49,\)\]"):
        estimate(share_of_first, targets, customer[1:])


def test_metrics_of_scikit_learn():
    rng = np.random.default_rng(0)
    customer = np.repeat(np.arange(60), 3)
    y = rng.integers(2, size=180)
    score = np.clip(0.5 + 0.2 * (2 * y - 1) + 0.2 * rng.normal(size=180), 0.01, 0.99)
    auc = estimate(roc_auc_score, y, score, groups=customer, n_resamples=100, random_state=0)
    assert auc.value == roc_auc_score(y, score)
    assert auc.low < auc.value < auc.high
    loss = estimate(log_loss, y, np.column_stack([1 - score, score]), groups=customer, n_resamples=100, random_state=0)
    assert loss.value == pytest.approx(log_loss(y, score))
    assert estimate(lift, y, score, n_resamples=100, random_state=0).value == lift(y, score)


def test_the_difference_of_two_models_is_surer_than_both():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    a, b = y + rng.normal(size=200), y + rng.normal(size=200)
    b = 0.9 * a + 0.1 * b

    def error(y, score):
        return float(np.mean((y - score) ** 2))

    gain = estimate(lambda y, a, b: error(y, a) - error(y, b), y, a, b, random_state=0)
    alone = estimate(error, y, a, random_state=0)
    assert gain.high - gain.low < 0.5 * (alone.high - alone.low)


# -------------------------------------------------------------------------------------- coverage


@pytest.mark.slow
@pytest.mark.parametrize(("method", "lowest", "highest"), [("percentile", 0.85, 0.94), ("bca", 0.85, 0.94)])
def test_intervals_hold_the_truth_as_often_as_they_say(method, lowest, highest):
    """The true mean is 0. With 40 customers a little less than 90 % is what theory expects."""
    hits = hits_of_rows = 0
    for seed in range(300):
        customer, values = clustered(seed=seed)
        options = {"coverage": 0.9, "n_resamples": 150, "random_state": seed}
        by_customer = estimate(np.mean, values, groups=customer, method=method, **options)
        by_row = estimate(np.mean, values, **options)
        hits += by_customer.low <= 0 <= by_customer.high
        hits_of_rows += by_row.low <= 0 <= by_row.high
    assert lowest <= hits / 300 <= highest
    assert hits_of_rows / 300 < 0.7


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.sampled_from(["percentile", "bca"]))
def test_the_interval_of_a_mean_stays_among_the_values(values, method):
    result = estimate(np.mean, values, n_resamples=50, method=method, random_state=0)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= result.low <= result.high <= max(values) + slack


def test_more_coverage_is_wider():
    _, values = clustered()
    narrow, wide = (estimate(np.mean, values, coverage=c, random_state=0) for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_bca_with_more_customers_than_blocks():
    values = np.random.default_rng(0).exponential(size=1001)
    result = estimate(np.mean, values, method="bca", random_state=0)
    plain = estimate(np.mean, values, random_state=0)
    assert result.low > plain.low
    assert result.high > plain.high


def test_the_seed_decides():
    _, values = clustered()
    same = [estimate(np.mean, values, random_state=1) for _ in range(2)]
    assert same[0] == same[1] != estimate(np.mean, values, random_state=2)
    generator = np.random.default_rng(1)
    assert estimate(np.mean, values, random_state=generator) == same[0]
    assert estimate(np.mean, values, random_state=generator) != same[0]


# -------------------------------------------------------------------------------- what goes wrong


def test_a_figure_that_never_changes_has_no_width():
    for method in ("percentile", "bca"):
        assert estimate(lambda v: 1.0, np.arange(5), method=method, random_state=0) == Estimate(
            1.0, 1.0, 1.0, n=5, coverage=0.95, method="bootstrap" if method == "percentile" else "BCa bootstrap"
        )


@pytest.mark.parametrize("undefined", [lambda: math.nan, lambda: int("x"), lambda: 1 // 0])
def test_undefined_samples_are_counted(undefined):
    calls = []

    def sometimes(values):
        calls.append(1)
        return undefined() if len(calls) % 50 == 0 else values.mean()

    with pytest.warns(
        CrmkitWarning, match="undefined in 20 of 1,000 samples; the interval is that of the others"
    ) as seen:
        estimate(sometimes, np.arange(9.0), random_state=0)
    assert seen[0].filename == __file__

    def often(values):
        calls.append(1)
        return undefined() if len(calls) % 10 == 0 else values.mean()

    calls.clear()
    with pytest.raises(ParameterError, match=r"is undefined .* in 100 of 1,000 samples; at most 5% may be"):
        estimate(often, np.arange(9.0), random_state=0)


def test_one_buyer_is_too_few_for_an_auc():
    y, score = np.array([1] + [0] * 30), np.arange(31)
    with pytest.raises(ParameterError, match="too few customers of one kind"):
        estimate(roc_auc_score, y, score, random_state=0)


def test_warnings_of_the_figure_are_shown_once():
    def warns(values):
        warnings.warn("old", UserWarning, stacklevel=2)
        return values.mean()

    with pytest.warns(UserWarning, match="old") as seen:
        estimate(warns, np.arange(9.0), random_state=0)
    assert len(seen) == 1


def test_bca_says_when_it_cannot_be_had():
    with pytest.raises(ParameterError, match=r"lie on one side .* Pass method='percentile'"):
        estimate(lambda v: float(len(set(v))), np.arange(20), method="bca", random_state=0)
    y = np.array([1.0] + [0.0] * 300)

    def defined_with_the_first(values, first):
        return values.mean() if len(values) == 301 else math.nan

    with pytest.raises(ParameterError, match=r"undefined without some customers\. Pass method='percentile'"):
        estimate(defined_with_the_first, y, y, method="bca", random_state=0)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("mean", [1, 2]), {}, "The 'function' parameter of estimate must be callable. Got 'mean' instead."),
        ((np.mean,), {}, "estimate needs at least one array after the function"),
        ((np.mean, 3), {}, r"The arrays of estimate must have one length. Got shapes \[\(\)\]"),
        ((lambda a, b: 0, [1, 2], [1]), {}, r"must have one length. Got shapes \[\(2,\), \(1,\)\]"),
        ((np.mean, [1]), {}, "needs at least two rows to resample. Got 1."),
        ((np.mean, [1, 2]), {"groups": [7, 7]}, "needs at least two customers to resample. Got 1."),
        ((np.mean, [1, 2]), {"groups": [7]}, r"'groups' .* with the 2 rows of the arrays. Got shape \(1,\)"),
        ((np.mean, [1, 2]), {"groups": ["a", None]}, "'groups' .* is missing in 1 of 2 rows, first at position 1"),
        ((np.mean, [1, 2]), {"groups": [np.nan, 1]}, "'groups' .* is missing in 1 of 2 rows, first at position 0"),
        ((np.mean, [1, 2]), {"groups": [pd.NaT, pd.Timestamp(0)]}, "'groups' .* is missing in 1 of 2 rows"),
        ((np.mean, [1, 2]), {"groups": np.array(["NaT", "2024"], "M8[D]")}, "'groups' .* is missing in 1 of 2 rows"),
        ((np.mean, [1, 2]), {"groups": pd.array(["a", None])}, "'groups' .* is missing in 1 of 2 rows"),
        ((np.mean, [1, 2]), {"groups": np.array(["a", 1], dtype=object)}, "'groups' .* must hold ids of one type"),
        ((np.mean, [1, 2]), {"coverage": 95}, "The 'coverage' parameter of estimate must be a finite float"),
        ((np.mean, [1, 2]), {"coverage": 0.99, "n_resamples": 199}, r"'n_resamples' .* in the range \[200, inf\)"),
        ((np.mean, [1, 2]), {"n_resamples": 39}, r"'n_resamples' .* in the range \[40, inf\). Got 39"),
        ((np.mean, [1, 2]), {"method": "basic"}, "'method' .* must be one of {'bca', 'percentile'}. Got 'basic'"),
        ((np.mean, [1, 2]), {"random_state": "0"}, "'random_state' parameter of estimate must be None"),
        ((np.mean, [1, np.nan]), {}, "returned NaN on the arrays themselves"),
        ((lambda a: a, [1, 2]), {}, "must return one number. It returned ndarray"),
    ],
)
def test_bad_arguments(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        estimate(*arguments, **options)


def test_errors_of_the_figure_itself_are_not_hidden():
    def fails(values):
        raise KeyError("column")

    with pytest.raises(KeyError, match="column"):
        estimate(fails, [1, 2])
