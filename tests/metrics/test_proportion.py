import json
import math
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from crmkit.exceptions import ParameterError
from crmkit.metrics import proportion

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "proportion_intervals.json").read_text(encoding="utf-8"))

counts = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
coverages = st.floats(0.01, 0.9999)


@pytest.mark.parametrize(("successes", "n", "low", "high"), GOLDEN["rows"])
def test_published_intervals(successes, n, low, high):
    share = proportion(successes, n)
    assert (round(share.low, 4), round(share.high, 4)) == (low, high)
    assert (share.value, share.n, share.coverage, share.method) == (successes / n, n, 0.95, "Wilson")


@given(counts, coverages)
def test_the_ends_solve_wilson_s_equation(count, coverage):
    successes, n = count
    share = proportion(successes, n, coverage=coverage)
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    for end in (share.low, share.high):
        assert abs(share.value - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-6, abs=1e-9)


@given(counts, coverages)
def test_it_stays_inside_and_around_the_share(count, coverage):
    successes, n = count
    share = proportion(successes, n, coverage=coverage)
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low < share.high
    assert (share.low == 0) == (successes == 0)
    assert (share.high == 1) == (successes == n)


@given(counts, coverages)
def test_successes_and_failures_mirror_each_other(count, coverage):
    successes, n = count
    share, mirrored = proportion(successes, n, coverage=coverage), proportion(n - successes, n, coverage=coverage)
    assert share.low == pytest.approx(1 - mirrored.high, abs=1e-12)


@given(counts, st.tuples(coverages, coverages))
def test_more_coverage_is_wider(count, pair):
    narrow, wide = (proportion(*count, coverage=coverage) for coverage in sorted(pair))
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(counts, coverages)
def test_scipy_agrees(count, coverage):
    expected = binomtest(*count).proportion_ci(coverage, method="wilson")
    share = proportion(*count, coverage=coverage)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "coverage", "message"),
    [
        (3, 0, 0.95, r"'n' parameter of proportion must be an int in the range \[1, inf\). Got 0"),
        (4, 3, 0.95, r"'successes' parameter of proportion must be an int in the range \[0, 3\]. Got 4"),
        (-1, 3, 0.95, "'successes' parameter of proportion"),
        (1.0, 3, 0.95, "'successes' parameter of proportion"),
        (1, 3, 95, "'coverage' parameter of proportion must be a finite float"),
        (1, 3, 1.0, "'coverage' parameter of proportion must be a finite float"),
    ],
)
def test_what_is_no_proportion(successes, n, coverage, message):
    with pytest.raises(ParameterError, match=message):
        proportion(successes, n, coverage=coverage)
