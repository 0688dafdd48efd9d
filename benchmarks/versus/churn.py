"""Churn: window features beside polars and featuretools, profit of scores beside empulse, and decisions.

Run ``python benchmarks/versus/churn.py`` on an otherwise idle machine, in an environment of its own::

    python3.11 -m venv rivals
    rivals/bin/python -m pip install -e . -r benchmarks/versus/churn-requirements.txt

Contestants take turns in one process, in an order drawn anew each round, on the same data and with the same number
of threads; each number of threads has a process of its own. A figure is the ratio of the medians by the clock; where
the machine does other work, compare the processors' seconds beside it, which are added up over threads. The first
round is not timed: it compares the rivals' answers with ours.

Ours starts from a log that is built, and is charged the choice of rows (`snapshots`) and the frame that comes out.
polars has its events sorted by customer and time, which is charged to neither; there it is faster than unsorted.
Its "searched" sums are differences of one running sum, found by binary search of customer and second in one whole
number: the fastest that was found in polars, but such sums lose cents, and the numbers overflow for microseconds.
Results of gigabytes come and go here, and who is called first after another has to get that memory back from the
system, which can take longer than the work (two seconds more for ours, one for polars, were seen): where a title says
"settled", each is called twice when it is its turn, and the second call is timed.
featuretools makes one pass a window. empulse is not in the requirements (its licence is the AGPL): it is run
where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from smoothing_turns import Asked, agree, show, shown, take_turns, write

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
FIRST = np.datetime64("2022-01-01", "us")
DAYS = 730
DAY = 86_400_000_000
DATES = pd.date_range("2023-01-01", periods=12, freq="MS")
WINDOWS = (30, 90, 365)
#: What polars calls our columns.
NAMES = {
    "days_since_first_events_all": "first",
    "days_since_last_events_all": "last",
    "count_events_all": "frequency",
    "sum_money_all": "money",
    **{f"count_events_{days}D": f"count_{days}" for days in WINDOWS},
    **{f"sum_money_{days}D": f"sum_{days}" for days in WINDOWS},
}


@dataclass(frozen=True)
class Size:
    """How much there is to do."""

    events: int
    repeats: int
    threads: int


def make_events(n: int, seed: int = 0) -> pd.DataFrame:
    """Events of n / 10 customers over two years, to the second, sorted; customers come one after the other."""
    rng = np.random.default_rng(seed)
    begin = rng.integers(0, (DAYS - 40) * 86_400, n // 10)
    customer = rng.integers(0, n // 10, n)
    seconds = begin[customer] + (rng.random(n) * (DAYS * 86_400 - begin[customer])).astype(np.int64)
    order = np.lexsort((seconds, customer))
    return pd.DataFrame(
        {
            "customer": customer[order],
            "time": FIRST + seconds[order].astype("m8[s]"),
            "value": np.round(rng.lognormal(3, 1, n), 2),
        }
    )


def log_of(frame: Any) -> Any:
    """The log."""
    from crmkit import EventLog

    return EventLog.from_frame(frame, customer="customer", time="time", value="value", observed_until="2024-01-01")


def aggregator(threads: int, windows: tuple[int, ...] = WINDOWS) -> Any:
    """Ours: each window's events and money, and four figures of the whole history."""
    from crmkit.features import WindowAggregator

    every = ("days_since_first", "days_since_last", "count", "sum")
    return WindowAggregator({**{f"{days}D": ("count", "sum") for days in windows}, "all": every}, n_jobs=threads)


def with_crmkit(log: Any, dates: pd.DatetimeIndex, threads: int) -> Any:
    """From the log to the frame."""
    X = log.snapshots(dates)
    return aggregator(threads).fit_transform(X)


def grouped_by_polars(events: Any, dates: pd.DatetimeIndex) -> Any:
    """A group-by for each date: the fastest of ten ways to write it, among them lazy plans run together."""
    import polars as pl

    when, value, found = pl.col("time"), pl.col("value"), []
    for date in dates.to_pydatetime():
        inside = {days: when >= pl.lit(date) - pl.duration(days=days) for days in WINDOWS}
        days_before = {name: (pl.lit(date) - pl.col(name)).dt.total_microseconds() / DAY for name in ("first", "last")}
        query = events.lazy().filter(when < date).group_by("customer")
        found.append(
            query.agg(
                *(rows.sum().alias(f"count_{days}") for days, rows in inside.items()),
                *(value.filter(rows).sum().alias(f"sum_{days}") for days, rows in inside.items()),
                first=when.first(),
                last=when.last(),
                frequency=pl.len(),
                money=value.sum(),
            )
            .with_columns(**days_before, as_of=pl.lit(date))
            .collect()
        )
    return pl.concat(found)


@dataclass(frozen=True)
class Searched:
    """Events by one sorted whole number each, and sums up to each."""

    key: Any
    sums: Any
    times: Any
    customers: Any

    @classmethod
    def of(cls, events: Any) -> Searched:
        """What is there before a date is asked for."""
        import polars as pl

        second = (pl.col("time") - pl.lit(pd.Timestamp(FIRST).to_pydatetime())).dt.total_seconds()
        key = events.select(key=pl.col("customer") * 2**27 + second)["key"].set_sorted()
        customers = pl.DataFrame({"customer": events["customer"].unique(maintain_order=True)})
        customers = customers.with_columns(begin=pl.col("customer") * 2**27)
        customers = customers.with_columns(start=key.search_sorted(customers["begin"]))
        customers = customers.with_columns(first=events["time"].gather(customers["start"]))
        return cls(key, pl.concat([pl.Series([0.0]), events["value"].cum_sum()]), events["time"], customers)

    def features(self, dates: pd.DatetimeIndex) -> Any:
        """The same frame as by grouping."""
        import polars as pl

        key, sums, times = pl.lit(self.key), pl.lit(self.sums), pl.lit(self.times)
        found = []
        for date in dates:
            second, now = int((date - pd.Timestamp(FIRST)).total_seconds()), pl.lit(date.to_pydatetime())
            lefts = {
                f"left_{days}": key.search_sorted(pl.col("begin") + max(second - days * 86_400, 0)) for days in WINDOWS
            }
            stop, total = pl.col("stop"), sums.gather(pl.col("stop"))
            found.append(
                self.customers.lazy()
                .with_columns(stop=key.search_sorted(pl.col("begin") + second), **lefts)
                .filter(stop > pl.col("start"))
                .select(
                    "customer",
                    *((stop - pl.col(f"left_{days}")).alias(f"count_{days}") for days in WINDOWS),
                    *((total - sums.gather(pl.col(f"left_{days}"))).alias(f"sum_{days}") for days in WINDOWS),
                    first=(now - pl.col("first")).dt.total_microseconds() / DAY,
                    last=(now - times.gather(stop - 1)).dt.total_microseconds() / DAY,
                    frequency=stop - pl.col("start"),
                    money=total - sums.gather(pl.col("start")),
                    as_of=now,
                )
                .collect()
            )
        return pl.concat(found)


def agree_all(ours: Any, X: Any, theirs: Any, name: str, tolerance: float) -> str:
    """How far a rival's columns are from ours."""
    import polars as pl

    keys = pl.DataFrame({"as_of": X.as_of, "customer": X.customer_id})
    order = np.lexsort((keys["customer"].to_numpy(), keys["as_of"].to_numpy()))
    theirs = theirs.sort("as_of", "customer")
    if not np.array_equal(keys["customer"].to_numpy()[order], theirs["customer"].to_numpy()):
        raise RuntimeError(f"{name} has other rows.")
    found = [
        agree(np.asarray(ours[own], dtype=np.float64)[order], theirs[other].to_numpy(), f"{name}, {other}", tolerance)
        for own, other in NAMES.items()
    ]
    return max(found, key=lambda said: float(said.split()[1]))


def windows(size: Size) -> None:
    """Twelve dates, three windows and the whole history."""
    import polars as pl

    frame = make_events(size.events)
    events = pl.from_pandas(frame).with_columns(pl.col("customer").set_sorted())
    logs = {"crmkit": log_of(events), "crmkit, pandas": log_of(frame)}
    searched = Searched.of(events)
    contestants: dict[str, Callable[[], Any]] = {
        name: lambda log=log: with_crmkit(log, DATES, size.threads) for name, log in logs.items()
    }
    contestants["polars, grouped"] = lambda: grouped_by_polars(events, DATES)
    contestants["polars, searched"] = lambda: searched.features(DATES)
    ours, X = contestants["crmkit"](), logs["crmkit"].snapshots(DATES)
    said = {
        name: agree_all(ours, X, contestants[name](), name, tolerance)
        for name, tolerance in (("polars, grouped", 1e-9), ("polars, searched", 1e-6))
    }
    title = f"{size.events:,} events, {len(X):,} rows of {len(DATES)} dates, {len(NAMES)} columns"
    del ours, X
    asked = (Asked("crmkit", "polars, grouped", 1 / 7), Asked("crmkit, pandas", "polars, grouped", 1 / 7))
    show(f"{title}, settled", take_turns(contestants, size.repeats, settled=True), said, asked, size.threads)


def cutoffs(size: Size) -> None:
    """What one more date costs."""
    log = log_of(make_events(size.events))
    dates = pd.date_range("2022-02-01", periods=24, freq="MS")
    rows = {n: log.snapshots(dates[-n:]) for n in (1, 3, 6, 12, 24)}
    fitted = aggregator(size.threads).fit(rows[1])
    calls = {f"{n} dates": lambda X=X: fitted.transform(X) for n, X in rows.items()}
    for call in calls.values():
        call()
    medians = take_turns(calls, size.repeats, settled=True)
    write(f"dates, {size.events:,} events, {size.threads} threads (asked: flat)")
    for n, X in rows.items():
        clock, busy = medians[f"{n} dates"]
        each = f"a date {shown(clock / n)}, a million rows {shown(clock / len(X) * 1e6)}"
        write(f"  {n:>2} dates, {len(X):>10,} rows  {shown(clock):>8} (processors {shown(busy):>8})  {each}")


def lengths(size: Size) -> None:
    """What one more window costs."""
    X = log_of(make_events(size.events)).snapshots(DATES)
    ends = (30, 60, 90, 120, 180, 270, 365, 540)
    fitted = {n: aggregator(size.threads, ends[:n]).fit(X) for n in range(1, len(ends) + 1)}
    calls = {f"{n} windows": lambda model=model: model.transform(X) for n, model in fitted.items()}
    medians = take_turns(calls, size.repeats, settled=True)
    write(f"windows x (count, sum), {len(X):,} rows, {size.threads} threads (asked: flat)")
    before = 0.0
    for n in fitted:
        clock, busy = medians[f"{n} windows"]
        more = f"one more {shown(clock - before) if clock > before else 'nothing'}" if before else "with the history"
        write(f"  {n} windows  {shown(clock):>8} (processors {shown(busy):>8})  {more}")
        before = clock


def featuretools(size: Size) -> None:
    """The same features by featuretools, of few enough customers that it ends."""
    import featuretools as ft
    import polars as pl

    # Its warnings are about pandas' future.
    warnings.simplefilter("ignore")
    n = size.events // 1000
    frame = make_events(n)
    log, dates = log_of(frame), DATES[::3]
    X = log.snapshots(dates)
    entities = ft.EntitySet("log")
    entities.add_dataframe(
        dataframe_name="events", dataframe=frame.assign(event=range(n)), index="event", time_index="time"
    )
    entities.normalize_dataframe("events", "customers", "customer", make_time_index=True)
    # Without it, windows hold nothing of customers who came before they begin.
    entities.add_last_time_indexes()
    cutoff = pd.DataFrame({"customer": X.customer_id, "time": X.as_of.astype("M8[ns]")})
    options = {
        "entityset": entities,
        "target_dataframe_name": "customers",
        "trans_primitives": [],
        "cutoff_time": cutoff,
    }
    options |= {"include_cutoff_time": False, "cutoff_time_in_index": True}
    since = [ft.primitives.TimeSinceFirst(unit="days"), ft.primitives.TimeSinceLast(unit="days")]

    def passes() -> Any:
        every, _ = ft.dfs(agg_primitives=["count", "sum", *since], **options)
        renamed = {"COUNT(events)": "frequency", "SUM(events.value)": "money"}
        renamed |= {name: "first" if "FIRST" in name else "last" for name in every if name.startswith("TIME")}
        parts = [every.rename(columns=renamed)]
        for days in WINDOWS:
            part, _ = ft.dfs(agg_primitives=["count", "sum"], training_window=f"{days} days", **options)
            parts.append(part.set_axis([f"count_{days}", f"sum_{days}"], axis=1))
        return pd.concat(parts, axis=1)

    contestants = {"crmkit": lambda: with_crmkit(log, dates, size.threads), "featuretools": passes}
    theirs = pl.from_pandas(passes().rename_axis(["customer", "as_of"]).reset_index())
    said = {"featuretools": agree_all(contestants["crmkit"](), X, theirs, "featuretools", 1e-9)}
    medians = take_turns(contestants, min(size.repeats, 3))
    rates = {name: f"{len(X) / clock:,.0f} rows a second" for name, (clock, _) in medians.items()}
    said = {name: ", ".join(filter(None, (said.get(name), rate))) for name, rate in rates.items()}
    title = f"{n:,} events, {len(X):,} rows of {len(dates)} dates, {len(NAMES)} columns"
    show(title, medians, said, (Asked("crmkit", "featuretools", 1 / 100),), size.threads)


def empc(size: Size) -> None:
    """Expected maximum profit of a million scores."""
    from crmkit.metrics import expected_maximum_profit_churn

    rng = np.random.default_rng(0)
    n = size.events // 10
    y = (rng.random(n) < 0.2).astype(np.int64)
    score, value = rng.normal(size=n) + y, rng.gamma(2, 100, n)
    contestants: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: expected_maximum_profit_churn(y, score),
        "crmkit, a value each": lambda: expected_maximum_profit_churn(y, score, value=value),
        "np.argsort": lambda: np.argsort(-score),
    }
    said = {}
    if importlib.util.find_spec("empulse"):
        from empulse.metrics import empc_score

        contestants["empulse"] = lambda: empc_score(y, score)
        said["empulse"] = agree(contestants["crmkit"](), contestants["empulse"](), "empulse", 1e-8)
    contestants["crmkit, a value each"]()
    medians = take_turns(contestants, size.repeats)
    show(f"expected maximum profit, {n:,} scores (asked: 150 ms)", medians, said, (), size.threads)


def trained(log: Any) -> Any:
    """A classifier that has learnt from fifty thousand rows of a year."""
    from crmkit import ChurnClassifier
    from crmkit.churn import ChurnProfit

    X = log.snapshots(pd.date_range("2023-01-01", "2023-09-01", freq="MS"), horizon="90D")
    few = np.random.default_rng(0).choice(len(X), min(50_000, len(X)), replace=False)
    X = X[np.sort(few)]
    return ChurnClassifier(profit=ChurnProfit(), random_state=0).fit(X, X.churned())


def score(size: Size) -> None:
    """From the log to the decision for all customers."""
    log = log_of(make_events(size.events))
    begin = time.perf_counter()
    model = trained(log)
    fit = time.perf_counter() - begin
    model.rank(log.snapshot()[:1000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls: dict[str, Callable[[], Any]] = {
        "crmkit, rank": lambda: model.rank(log.snapshot()),
        "crmkit, predict": lambda: model.predict(log.snapshot()),
        "crmkit, features alone": lambda: model.feature_table(log.snapshot()),
    }
    medians = take_turns(calls, min(size.repeats, 3))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    columns = f"{len(model.feature_names_)} columns, fit of 50,000 rows {shown(fit)}"
    show(
        f"{len(log.snapshot()):,} customers from log to decision (asked: 20 s), {columns}",
        medians,
        {},
        (),
        size.threads,
    )
    write(f"  peak of resident memory {peak / 2**20:.2f} GB, of the process before {before / 2**20:.2f} GB")


def one(size: Size) -> None:
    """A service: fifty events of one customer, from arrays to the decision, warm."""
    model = trained(log_of(make_events(min(size.events, 1_000_000))))
    frame = make_events(500, seed=1).head(50)
    events = {name: column.to_numpy() for name, column in frame.assign(customer=7).sort_values("time").items()}
    X = log_of(events).snapshot()
    calls: dict[str, Callable[[], Any]] = {
        "crmkit, predict": lambda: model.predict(log_of(events).snapshot()),
        "crmkit, predict_proba": lambda: model.predict_proba(log_of(events).snapshot()),
        "crmkit, rank": lambda: model.rank(log_of(events).snapshot()),
        "crmkit, the log alone": lambda: log_of(events).snapshot(),
        "crmkit, features alone": lambda: model.feature_table(X),
    }
    for call in calls.values():
        call()
    write(f"one customer, {len(frame)} events, warm, median of 200 (asked: 10 ms), {size.threads} threads")
    for name, call in calls.items():
        seconds = []
        for _ in range(200):
            begin = time.perf_counter(), time.process_time()
            call()
            seconds.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
        clock, busy = (statistics.median(part) for part in zip(*seconds, strict=True))
        slow = shown(float(np.quantile([each for each, _ in seconds], 0.9)))
        write(f"  {name:<34}{shown(clock):>9}   processors {shown(busy):>9}   nine of ten below {slow}")


CASES = {
    "windows": windows,
    "cutoffs": cutoffs,
    "lengths": lengths,
    "featuretools": featuretools,
    "empc": empc,
    "score": score,
    "one": one,
}


def main() -> None:
    """Run the cases, each in a process that has the number of threads and nothing of the others in memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", default="2", help="one or several numbers")
    parser.add_argument("--scale", type=float, default=1.0, help="in parts of ten million events")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if len(chosen) == 1 and all(os.environ.get(variable) == options.threads for variable in THREAD_VARIABLES):
        CASES[chosen[0]](Size(int(options.scale * 10_000_000), options.repeats, int(options.threads)))
        return
    for threads in options.threads.split(","):
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
        for case in chosen:
            command = [sys.executable, __file__, "--only", case, "--threads", threads]
            command += [f"--repeats={options.repeats}", f"--scale={options.scale}"]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
