"""Satisfaction: drivers and alpha beside pingouin, indices beside what pandas, scipy and statsmodels offer.

Run ``python benchmarks/versus/satisfaction.py`` on an otherwise idle machine, in an environment of its own::

    python3.11 -m venv rivals
    rivals/bin/python -m pip install -e . -r benchmarks/versus/satisfaction-requirements.txt

Contestants take turns in one process, in an order drawn anew each round, on the same data and with the same number
of threads; each case and number of threads has a process of its own. A figure is the ratio of the medians by the
clock. The first round is not timed: it compares the rivals' answers with ours, and stops where they differ.

Ours is charged what a user's call costs, from the frame or array to the estimates. pingouin (its licence is the GPL,
so it is in no environment but this one) fits a regression for each subset of the predictors, twice as many for each one
more: it is timed once for fifteen, and not asked beyond. "numpy, subsets" solves the correlation matrix of each subset:
what a user would write. "numpy, rows" draws respondents again, a million for each of the thousand samples, which is
what most write; it is timed for twenty samples, and that fifty times over.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from smoothing_turns import Asked, agree, show, shown, take_turns, write

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

#: Of the thousand samples, those that are drawn by rows, which take a hundredth of a second each.
SAMPLES, DRAWN = 1_000, 20


@dataclass(frozen=True)
class Size:
    """How much there is to do."""

    answers: int
    repeats: int
    threads: int


def make_drivers(k: int, n: int = 3_000) -> tuple[pd.DataFrame, np.ndarray]:
    """Answers from 1 to 5 that go together, and a satisfaction that depends on them."""
    rng = np.random.default_rng(k)
    taste = rng.normal(size=(n, 1))
    X = np.clip(np.round(3 + taste + rng.normal(size=(n, k))), 1, 5)
    y = X @ rng.gamma(0.5, size=k) + 2 * rng.normal(size=n)
    return pd.DataFrame(X, columns=[f"question_{j}" for j in range(k)]), y


def make_answers(n: int, k: int = 20, missing: float = 0.03) -> tuple[pd.DataFrame, np.ndarray]:
    """Answers from 1 to 5, some missing, and the segment of each respondent."""
    rng = np.random.default_rng(0)
    segment = rng.integers(0, 200, n)
    taste = 3.4 + rng.normal(0, 0.3, 200)[segment] + rng.normal(0, 0.7, n)
    columns = {}
    for j in range(k):
        answer = np.clip(np.round(taste + rng.normal(0, 0.8, n)), 1, 5)
        columns[f"question_{j}"] = np.where(rng.random(n) < missing, np.nan, answer)
    return pd.DataFrame(columns), segment


def importances(X: Any, y: np.ndarray, method: str, size: Size) -> np.ndarray:
    """Ours, from the data to the importances, without intervals."""
    from crmkit.satisfaction import DriverAnalysis

    return DriverAnalysis(method, n_resamples=0, n_jobs=size.threads).fit(X, y).importances_


def by_subsets(X: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """Shapley values with a solution of the normal equations for each subset."""
    k = X.shape[1]
    R = np.corrcoef(X.to_numpy(), y, rowvar=False)
    r2 = np.zeros(2**k)
    bits = 1 << np.arange(k)
    for many in range(1, k + 1):
        # All subsets of one size at once, some tens of thousands at a time.
        every = np.array(list(combinations(range(k), many)))
        for part in np.array_split(every, -(-len(every) // 20_000)):
            block, right = R[part[:, :, None], part[:, None, :]], R[part, k]
            r2[bits[part].sum(axis=1)] = (np.linalg.solve(block, right[:, :, None])[:, :, 0] * right).sum(axis=1)
    subset = np.arange(2**k)
    count = np.array([one.bit_count() for one in range(2**k)])
    share = np.array([1 / (k * math.comb(k - 1, many)) if many < k else 0.0 for many in range(k + 1)])
    without = [subset[subset & bit == 0] for bit in bits]
    return np.array(
        [((r2[rest | bit] - r2[rest]) * share[count[rest]]).sum() for rest, bit in zip(without, bits, strict=True)]
    )


def by_eigenvectors(X: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """Johnson's weights, as they are printed."""
    R = np.corrcoef(X.to_numpy(), y, rowvar=False)
    values, vectors = np.linalg.eigh(R[:-1, :-1])
    root = vectors * np.sqrt(values) @ vectors.T
    return root**2 @ np.linalg.solve(root, R[:-1, -1]) ** 2


def by_pingouin(X: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """The regression of pingouin, with its importances."""
    import pingouin

    return pingouin.linear_regression(X, y, relimp=True)["relimp"].to_numpy()[1:]


def once(call: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """What a call gives, and what it took."""
    begin = time.perf_counter(), time.process_time()
    found = call()
    return found, (time.perf_counter() - begin[0], time.process_time() - begin[1])


def shapley(k: int, asked: str, size: Size) -> None:
    """Shapley values of R²; the rivals are timed once."""
    X, y = make_drivers(k)
    array = X.to_numpy()
    contestants = {
        "crmkit": lambda: importances(X, y, "shapley", size),
        "crmkit, an array": lambda: importances(array, y, "shapley", size),
    }
    ours, said = contestants["crmkit"](), {}
    medians = take_turns(contestants, 10 * size.repeats)
    rivals = {"pingouin": by_pingouin} if k <= 15 else {}
    rivals["numpy, subsets"] = by_subsets
    for name, rival in rivals.items():
        rival(X.iloc[:, :4], y)
        theirs, medians[name] = once(lambda rival=rival: rival(X, y))
        said[name] = f"{agree(ours, theirs, name, 1e-8)}, once"
    title = f"Shapley values of {k} predictors, {len(X):,} rows (asked: {asked})"
    show(title, medians, said, (Asked("crmkit", "pingouin", 1 / 100, size.threads),), size.threads)
    whole = float(np.corrcoef(X.to_numpy() @ np.linalg.lstsq(*centred(X, y), rcond=None)[0], y)[0, 1] ** 2)
    write(f"  sum of ours less R2 of the regression: {ours.sum() - whole:.0e}")


def centred(X: pd.DataFrame, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both without their means."""
    return X.to_numpy() - X.to_numpy().mean(axis=0), y - y.mean()


def shapley15(size: Size) -> None:
    """Beside pingouin and numpy."""
    shapley(15, "5 ms, and a hundredth of pingouin", size)


def shapley18(size: Size) -> None:
    """Beside numpy."""
    shapley(18, "20 ms", size)


def shapley22(size: Size) -> None:
    """The most that are exact."""
    shapley(22, "exact; a prototype took .11 s", size)


def johnson(size: Size) -> None:
    """Relative weights of fifty predictors."""
    from crmkit.satisfaction._relative_weights import relative_weights

    X, y = make_drivers(50)
    array = X.to_numpy()
    R = np.corrcoef(array, y, rowvar=False)
    contestants = {
        "crmkit": lambda: importances(X, y, "johnson", size),
        "crmkit, an array": lambda: importances(array, y, "johnson", size),
        "crmkit, from the correlations": lambda: relative_weights(R[:-1, :-1], R[:-1, -1]),
        "numpy, eigenvectors": lambda: by_eigenvectors(X, y),
    }
    said = {"numpy, eigenvectors": agree(contestants["crmkit"](), by_eigenvectors(X, y), "numpy", 1e-8)}
    medians = take_turns(contestants, 10 * size.repeats)
    show(f"relative weights of 50 predictors, {len(X):,} rows (asked: 2 ms)", medians, said, (), size.threads)


def index(size: Size) -> None:
    """A composite index with its interval in each of two hundred segments."""
    from scipy.stats import t
    from statsmodels.stats.weightstats import DescrStatsW

    from crmkit.satisfaction import SatisfactionScorer

    X, segment = make_answers(size.answers)
    array = X.to_numpy()
    of_frames, of_arrays = (SatisfactionScorer(scale=(1, 5)).fit(one) for one in (X, array))

    def points(X: pd.DataFrame) -> pd.Series:
        return ((X.mean(axis=1) - 1) * 25).where(X.notna().mean(axis=1) >= 0.5)

    def by_pandas() -> np.ndarray:
        found = points(X).groupby(segment).agg(["mean", "sem", "count"])
        away = t.ppf(0.975, found["count"] - 1) * found["sem"]
        return np.column_stack([found["mean"], found["mean"] - away, found["mean"] + away])

    def by_statsmodels() -> np.ndarray:
        each = [DescrStatsW(one.to_numpy()) for _, one in points(X).dropna().groupby(segment)]
        return np.array([(one.mean, *one.tconfint_mean()) for one in each])

    contestants: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: of_frames.score_table(X, segment),
        "crmkit, an array": lambda: of_arrays.score_table(array, segment),
        "pandas, grouped": by_pandas,
        "statsmodels, segment by segment": by_statsmodels,
    }
    ours = contestants["crmkit"]()[["value", "low", "high"]].to_numpy()
    said = {name: agree(ours, call(), name, 1e-9) for name, call in list(contestants.items())[2:]}
    title = f"index of {len(X):,} respondents x {X.shape[1]} questions in 200 segments, with intervals (asked: 1 s)"
    show(title, take_turns(contestants, size.repeats), said, (), size.threads)
    _, (clock, _) = once(lambda: SatisfactionScorer(scale=(1, 5)).fit(X))
    write(f"  the fit, with its reliability and statistics of each question: {shown(clock)}")


def nps(size: Size) -> None:
    """A thousand samples of a million answers."""
    from crmkit.satisfaction import nps as ours

    rng = np.random.default_rng(0)
    answers = rng.choice(11, size.answers, p=np.array([3, 1, 2, 3, 3, 8, 8, 14, 22, 17, 19]) / 100)

    def by_counts() -> tuple[float, float]:
        found = ours(answers, interval="bootstrap", n_resamples=SAMPLES, random_state=0)
        return found.low, found.high

    def by_rows() -> tuple[float, float]:
        point = 100.0 * ((answers >= 9).astype(np.int8) - (answers <= 6).astype(np.int8))
        draws = [point[rng.integers(0, len(point), len(point))].mean() for _ in range(DRAWN)]
        return tuple(np.quantile(draws, (0.025, 0.975)).tolist())

    contestants: dict[str, Callable[[], Any]] = {"crmkit": by_counts, "crmkit, adjusted Wald": lambda: ours(answers)}
    contestants["crmkit"]()
    medians = take_turns(contestants, size.repeats)
    name = f"numpy, rows ({DRAWN} samples)"
    runs = [once(by_rows)[1] for _ in range(2)]
    medians[name] = tuple(statistics.median(part) for part in zip(*runs, strict=True))
    medians[f"numpy, rows ({SAMPLES:,} reckoned)"] = tuple(SAMPLES / DRAWN * part for part in medians[name])
    wald = ours(answers, interval="wald")
    low, high = by_counts()
    said = {"crmkit": f"ends {abs(low - wald.low):.3f} and {abs(high - wald.high):.3f} points from Wald's"}
    if max(abs(low - wald.low), abs(high - wald.high)) > 0.2 * (wald.high - wald.low):
        raise RuntimeError("The ends of the bootstrap are not those of Wald's interval.")
    title = f"NPS of {len(answers):,} answers, {SAMPLES:,} samples (asked: 100 ms)"
    show(title, medians, said, (), size.threads)


def alpha(size: Size) -> None:
    """Cronbach's alpha with its interval, with and without missing answers."""
    import pingouin

    from crmkit.satisfaction import cronbach_alpha

    for missing in (0.0, 0.03):
        X, _ = make_answers(size.answers, missing=missing)

        def by_numpy(X: pd.DataFrame = X) -> float:
            C = np.cov(X.to_numpy(), rowvar=False)
            return len(C) / (len(C) - 1) * (1 - np.trace(C) / C.sum())

        def by_pandas(X: pd.DataFrame = X) -> float:
            C = X.cov().to_numpy()
            return len(C) / (len(C) - 1) * (1 - np.trace(C) / C.sum())

        contestants: dict[str, Callable[[], Any]] = {
            "crmkit": lambda X=X: float(cronbach_alpha(X)),
            "pingouin": lambda X=X: float(pingouin.cronbach_alpha(X)[0]),
        }
        contestants |= {"pandas, cov": by_pandas} if missing else {"numpy, cov": by_numpy}
        own = contestants["crmkit"]()
        said = {name: agree(own, call(), name, 1e-9) for name, call in list(contestants.items())[1:]}
        title = f"alpha of {len(X):,} respondents x {X.shape[1]} questions, {missing:.0%} missing"
        show(title, take_turns(contestants, size.repeats), said, (), size.threads)


CASES = {
    "shapley15": shapley15,
    "shapley18": shapley18,
    "shapley22": shapley22,
    "johnson": johnson,
    "index": index,
    "nps": nps,
    "alpha": alpha,
}


def main() -> None:
    """Run the cases, each in a process that has the number of threads and nothing of the others in memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", default="2", help="one or several numbers")
    parser.add_argument("--scale", type=float, default=1.0, help="in parts of a million respondents")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if len(chosen) == 1 and all(os.environ.get(variable) == options.threads for variable in THREAD_VARIABLES):
        CASES[chosen[0]](Size(int(options.scale * 1_000_000), options.repeats, int(options.threads)))
        return
    for threads in options.threads.split(","):
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
        for case in chosen:
            command = [sys.executable, __file__, "--only", case, "--threads", threads]
            command += [f"--repeats={options.repeats}", f"--scale={options.scale}"]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
