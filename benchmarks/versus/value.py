"""Fits of the purchase models: crmkit beside lifetimes and pymc-marketing; and values of a million customers.

Run ``python benchmarks/versus/value.py`` on an otherwise idle machine, in an environment of its own::

    python3.11 -m venv rivals
    rivals/bin/python -m pip install -e . -r benchmarks/versus/value-requirements.txt

All contestants take turns in one process, on the same arrays and with two threads; a figure is the
ratio of the medians. The customers are drawn as those of CDNOW: its published parameters, first
purchases within 13 weeks, 39 weeks observed. "Day grid" counts purchases by days, "continuous" by
instants, so that hardly two customers are equal.

What is charged: making the estimator, and its fit. lifetimes works out standard errors of BG/NBD within its fit, so
ours are asked for there as well; it offers weights to users who group equal customers themselves,
which is shown beside (the grouping charged), as it is how one would speed it up. Whether both found
the same is judged by lifetimes' own likelihood. pymc-marketing maximises a posterior with its
default priors, so its parameters are only near ours.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

THREADS = "2"
for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)

import numpy as np  # noqa: E402  # the thread counts have to be set first
import pandas as pd  # noqa: E402  # the thread counts have to be set first

from crmkit import EventLog, value  # noqa: E402  # the thread counts have to be set first
from crmkit.datasets import load_cdnow, make_purchases  # noqa: E402  # the thread counts have to be set first

CASES = (
    "bg-day", "bg-continuous", "pareto-day", "pareto-continuous", "pareto-million", "cdnow", "pymc", "clv",
)  # fmt: skip
COLUMNS = ["frequency", "recency", "T"]

#: A day of value of many customers, in a process of its own, so that its peak memory is known.
CLV_SCRIPT = """
import resource, sys, time
import numpy as np
from crmkit import EventLog
from crmkit.datasets import make_purchases
from crmkit.value import CLVEstimator

def rows(n):
    frame, _ = make_purchases(n, r=0.62, alpha=2.5, a=0.4, b=2.4, span="104W", acquisition="52W", random_state=0)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-12-29")
    return len(frame), log.snapshot()

def value(X):
    model = CLVEstimator().fit(X)
    return model.predict(X), model.predict_interval(X, coverage=0.9)

value(rows(2_000)[1])
n_events, X = rows(int(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
predicted, ends = value(X)
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert len(predicted) == len(X) and np.isfinite(predicted).all() and (ends[:, 0] <= ends[:, 1]).all()
print(n_events, len(X), seconds, before, peak)
"""


def histories(n: int, model: str, collapse: str | None) -> np.ndarray:
    """Repeat purchases, recency and length of observation, in weeks, of new customers."""
    frame, _ = make_purchases(n, model=model, spend=None, span="39W", acquisition="13W", random_state=0)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", observed_until="2023-10-01")
    return log.snapshot().summary(collapse=collapse)[COLUMNS].to_numpy()


def grouped(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows, and how many customers each stands for, as users of lifetimes have to do themselves."""
    few, counts = np.unique(table, axis=0, return_counts=True)
    return few, counts.astype(float)


def take_turns(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, one round after the other, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(repeats + 1):
        for name, call in contestants.items():
            begin = time.perf_counter()
            call()
            if round_:
                seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(title: str, medians: dict[str, float], asked: str) -> None:
    """Print ratios, with the seconds beside them, and what was asked for."""
    own = medians["crmkit"]
    parts = [f"{name} {value:.3f} s = {value / own:.0f} x" for name, value in medians.items() if name != "crmkit"]
    write(f"{title}: {'; '.join([f'crmkit {own:.4f} s', *parts])} ({asked})")


def write(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fit_bg(table: np.ndarray) -> Any:
    """Ours, with the standard errors that lifetimes gives as well."""
    model = value.BetaGeoNBD().fit(table)
    if not np.isfinite(model.standard_errors_).all():
        raise RuntimeError("No standard errors.")
    return model


def fit_pareto(table: np.ndarray) -> Any:
    """Ours."""
    return value.ParetoNBD().fit(table)


def lifetimes_bg(table: np.ndarray, weights: np.ndarray | None = None) -> Any:
    """BG/NBD of lifetimes."""
    from lifetimes import BetaGeoFitter

    return BetaGeoFitter().fit(*table.T, weights=weights)


def lifetimes_pareto(table: np.ndarray, weights: np.ndarray | None = None) -> Any:
    """Pareto/NBD of lifetimes, whose start is drawn from the global state."""
    from lifetimes import ParetoNBDFitter

    np.random.seed(0)  # noqa: NPY002  # what lifetimes draws from
    return ParetoNBDFitter().fit(*table.T, weights=weights)


def check(ours: Any, rival: Any, table: np.ndarray) -> str:
    """The likelihood of lifetimes must find our parameters no worse; say how far apart both are."""
    names = [name for name in ("r", "alpha", "s", "beta", "a", "b") if name in rival.params_]
    mine, other = (np.array([model[name] for name in names]) for model in (ours.parameters_, rival.params_))
    columns = (*table.T, np.ones(len(table)), 0.0)
    is_bg = "a" in names
    minus = [rival._negative_log_likelihood(np.log(values) if is_bg else values, *columns) for values in (mine, other)]
    if minus[0] > minus[1] + 1e-7:
        raise RuntimeError(f"lifetimes finds its parameters better: {minus}.")
    return f"parameters differ by {np.abs(other / mine - 1).max():.1e} at most"


def against_lifetimes(case: str, size: int, repeats: int) -> None:
    """One of the pairs with lifetimes."""
    model, grid = case.split("-")
    n = size if model == "bg" else max(size // 10, 100)
    table = histories(n, {"bg": "bg_nbd", "pareto": "pareto_nbd"}[model], "D" if grid == "day" else None)
    ours, theirs = {"bg": (fit_bg, lifetimes_bg), "pareto": (fit_pareto, lifetimes_pareto)}[model]
    said = check(ours(table), theirs(table), table)
    contestants: dict[str, Callable[[], object]] = {
        "crmkit": lambda: ours(table),
        "lifetimes": lambda: theirs(table),
    }
    if grid == "day":
        contestants["lifetimes on rows grouped by hand"] = lambda: theirs(*grouped(table))
    name, distinct = {"bg": "BG/NBD", "pareto": "Pareto/NBD"}[model], len(grouped(table)[0])
    title = f"{name}, {n:,} customers, {grid} ({distinct:,} distinct)"
    asked = {"bg-day": 60, "bg-continuous": 20, "pareto-day": 300, "pareto-continuous": 80}[case]
    show(title, take_turns(contestants, repeats), f"asked for {asked} x; {said}")


def pareto_million(size: int, repeats: int) -> None:
    """Ours alone."""
    for grid, collapse, asked in (("day", "D", 0.5), ("continuous", None, 1.5)):
        table = histories(size, "pareto_nbd", collapse)
        medians = take_turns({"crmkit": lambda table=table: fit_pareto(table)}, repeats)
        show(f"Pareto/NBD, {size:,} customers, {grid}", medians, f"asked for {asked} s")


def every_model() -> dict[str, Callable[[], object]]:
    """A fit of each model of the room to the CDNOW sample.

    The contract models take a customer who is silent for a quarter as one whose contract has ended.
    """
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    X = log.snapshot("1997-10-01")
    days, gaps, weeks = X.summary(), X.summary(gaps=True), X.summary(collapse="W")
    weeks = weeks.rename(columns={"T": "n_periods"})[["frequency", "recency", "n_periods"]]
    silent = days["T"] - days["recency"]
    contracts = pd.DataFrame({"periods": np.floor(days["recency"] / 4.0) + (silent > 13), "ended": (silent > 13) + 0.0})
    contracts = contracts[contracts["periods"] > 0].reset_index(drop=True)
    spends = days[["frequency", "monetary_value"]]
    spends = spends[spends["frequency"] > 0]
    return {
        "BetaGeoNBD": lambda: value.BetaGeoNBD().fit(days),
        "BetaGeoNBD k=2": lambda: value.BetaGeoNBD(regularity=2).fit(gaps),
        "BetaGeoNBD k=auto": lambda: value.BetaGeoNBD(regularity="auto").fit(gaps),
        "ModifiedBetaGeoNBD": lambda: value.ModifiedBetaGeoNBD().fit(days),
        "ModifiedBetaGeoNBD k=auto": lambda: value.ModifiedBetaGeoNBD(regularity="auto").fit(gaps),
        "ParetoNBD": lambda: value.ParetoNBD().fit(days),
        "BetaGeoBetaBinomial": lambda: value.BetaGeoBetaBinomial().fit(weeks),
        "ShiftedBetaGeometric": lambda: value.ShiftedBetaGeometric().fit(contracts),
        "BetaDiscreteWeibull": lambda: value.BetaDiscreteWeibull().fit(contracts),
        "GammaGamma": lambda: value.GammaGamma().fit(spends),
        "CLVEstimator": lambda: value.CLVEstimator().fit(X),
    }


def cdnow(repeats: int) -> None:
    """Warm fits to the CDNOW sample."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        medians = take_turns(every_model(), max(repeats, 11))
    for name, seconds in medians.items():
        write(f"CDNOW sample, {name}: {1e3 * seconds:.1f} ms (asked for 20 ms)")


def pymc(repeats: int) -> None:
    """MAP of pymc-marketing beside our fits of the CDNOW sample."""
    import logging

    from pymc_marketing import clv

    logging.getLogger("pymc").setLevel(logging.ERROR)
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    table = log.snapshot("1997-10-01").summary().reset_index()[["customer_id", *COLUMNS]]
    ours = {"BG/NBD": lambda: value.BetaGeoNBD().fit(table), "Pareto/NBD": lambda: value.ParetoNBD().fit(table)}
    rivals = {"BG/NBD": clv.BetaGeoModel, "Pareto/NBD": clv.ParetoNBDModel}

    def maximum(name: str) -> Any:
        model = rivals[name](data=table)
        model.fit(method="map", progressbar=False)
        return model

    for name, fit in ours.items():
        begin = time.perf_counter()
        found = maximum(name).fit_summary()
        cold = time.perf_counter() - begin
        mine = fit().parameters_
        far = max(abs(found[letter] / own - 1) for letter, own in mine.items())
        medians = take_turns({"crmkit": fit, "pymc-marketing": lambda name=name: maximum(name)}, repeats)
        show(f"CDNOW sample, {name}", medians, f"its first one {cold:.1f} s; parameters within {far:.0%}")


def clv(size: int, repeats: int) -> None:
    """From snapshots to values with intervals of 90 %, in fresh processes."""
    runs = []
    for _ in range(repeats):
        done = subprocess.run([sys.executable, "-c", CLV_SCRIPT, str(size)], capture_output=True, text=True, check=True)
        runs.append([float(part) for part in done.stdout.split()])
    events, customers, seconds, before, peak = (statistics.median(column) for column in zip(*runs, strict=True))
    write(
        f"CLVEstimator, {events:,.0f} events to values and 90 % intervals of {customers:,.0f} customers: "
        f"{seconds:.2f} s (asked for 15 s); peak memory {peak * 1024 / 1e9:.2f} GB (asked for 4 GB), "
        f"{before * 1024 / 1e9:.2f} GB of them for making the events and the log"
    )


def main() -> None:
    """Run all cases, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1_000_000, help="customers; a tenth for Pareto/NBD beside rivals")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help=", ".join(CASES))
    options = parser.parse_args()
    cases = options.only.split(",") if options.only else CASES
    unknown = set(cases) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    for case in cases:
        if case == "pareto-million":
            pareto_million(options.size, options.repeats)
        elif case == "cdnow":
            cdnow(options.repeats)
        elif case == "pymc":
            pymc(options.repeats)
        elif case == "clv":
            clv(options.size, options.repeats)
        else:
            against_lifetimes(case, options.size, options.repeats)
    write(f"(peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB)")


if __name__ == "__main__":
    main()
