"""From ten million events to the purchase summary: crmkit beside polars, DuckDB and pandas.

Run ``python benchmarks/versus/events.py`` on an otherwise idle machine with what
``benchmarks/versus/requirements.txt`` names. All contestants take turns in one process, on the same
data and with two threads each; a figure is the ratio of the medians. Every rival is given its data in
its own frame already, its conversion is not charged, and its answer is compared with ours.

What is computed: per customer the number of repeat days, days from first to last purchase, days from
first purchase to as_of, and mean money of the repeat days, days being counted back from as_of.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

THREADS = "2"
for variable in ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)

import duckdb  # noqa: E402  # the thread counts have to be set first
import numpy as np  # noqa: E402  # the thread counts have to be set first
import pandas as pd  # noqa: E402  # the thread counts have to be set first
import polars as pl  # noqa: E402  # the thread counts have to be set first

from crmkit.events import EventLog, purchases  # noqa: E402  # the thread counts have to be set first

AS_OF = np.datetime64("2024-01-01", "us")
DAY = 86_400_000_000


def make_events(n: int, ids: str, *, in_order: bool = False) -> pd.DataFrame:
    """Events of n / 10 customers over two years, to the second, log-normal amounts in cents."""
    rng = np.random.default_rng(0)
    customer = rng.integers(0, n // 10, n)
    seconds = rng.integers(0, 730 * 86_400, n)
    if in_order:
        seconds.sort()
    frame = pd.DataFrame(
        {
            "customer": customer,
            "time": np.datetime64("2022-01-01", "us") + seconds.astype("m8[s]"),
            "value": np.round(rng.lognormal(3, 1, n), 2),
        }
    )
    if ids == "sparse":
        frame["customer"] = rng.choice(10**12, n // 10, replace=False)[customer]
    elif ids == "text":
        frame["customer"] = pd.Series([f"C{code:08d}" for code in range(n // 10)], dtype="str").to_numpy()[customer]
        frame["customer"] = frame["customer"].astype("str")
    return frame


def with_crmkit(frame: pd.DataFrame) -> pd.DataFrame:
    """The whole way, from the frame."""
    log = EventLog.from_frame(frame, customer="customer", time="time", value="value", observed_until="2024-01-01")
    return log.snapshot().summary(time_unit="D")


def with_polars(frame: pl.DataFrame) -> pl.DataFrame:
    """Days first, then customers: the fastest of three ways tried."""
    day = ((pl.lit(AS_OF) - pl.col("time")).dt.total_microseconds() - 1) // DAY
    return (
        frame.lazy()
        .with_columns(day=day)
        .group_by("customer", "day")
        .agg(pl.col("value").sum())
        .group_by("customer")
        .agg(
            frequency=pl.len() - 1,
            T=pl.col("day").max(),
            last=pl.col("day").min(),
            total=pl.col("value").sum(),
            first=pl.col("value").sort_by("day").last(),
        )
        .select(
            "customer",
            "frequency",
            "T",
            recency=pl.col("T") - pl.col("last"),
            money=(pl.col("total") - pl.col("first")) / pl.col("frequency"),
        )
        .sort("customer")
        .collect()
    )


def with_duckdb(frame: pl.DataFrame) -> object:
    """The same in SQL, on an Arrow table without a copy."""
    connection = duckdb.connect()
    connection.execute(f"set threads={THREADS}")
    events = frame.to_arrow()  # noqa: F841  # named in the query
    return connection.sql(
        f"""
        with days as (
            select customer, (epoch_us(timestamp '2024-01-01') - epoch_us(time) - 1) // {DAY} as day, sum(value) as v
            from events group by 1, 2)
        select customer, count(*) - 1 as frequency, max(day) - min(day) as recency, max(day) as T,
               (sum(v) - arg_max(v, day)) / nullif(count(*) - 1, 0) as money
        from days group by customer order by customer"""
    ).to_arrow_table()


def with_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """Two group-bys."""
    day = ((AS_OF - frame["time"].to_numpy()).astype(np.int64) - 1) // DAY
    days = frame.assign(day=day).groupby(["customer", "day"], sort=True)["value"].sum().reset_index()
    grouped = days.groupby("customer")
    table = grouped.agg(T=("day", "max"), last=("day", "min"), n=("day", "size"), total=("value", "sum"))
    first = grouped["value"].last()
    table["frequency"] = table["n"] - 1
    table["recency"] = table["T"] - table["last"]
    table["money"] = (table["total"] - first) / table["frequency"].where(table["frequency"] > 0)
    return table


def rfm_with_crmkit(log: EventLog, dates: pd.DatetimeIndex) -> object:
    """Rows of twelve dates and the RFM values of each, from a log that is there already."""
    X = log.snapshots(dates)
    return X, purchases(X, "D", full=False)


def rfm_with_polars(frame: pl.DataFrame, dates: pd.DatetimeIndex) -> list[pl.DataFrame]:
    """Twelve filters and group-bys."""
    found = []
    for as_of in dates:
        day = ((pl.lit(as_of.to_numpy().astype("M8[us]")) - pl.col("time")).dt.total_microseconds() - 1) // DAY
        query = frame.lazy().filter(pl.col("time") < as_of.to_pydatetime()).with_columns(day=day).group_by("customer")
        found.append(
            query.agg(
                recency=pl.col("day").min() + 1, frequency=pl.col("day").n_unique(), monetary=pl.col("value").sum()
            ).collect()
        )
    return found


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


def show(title: str, medians: dict[str, float]) -> None:
    """Print ratios, with the seconds beside them."""
    own = medians["crmkit"]
    parts = [f"{name} {value:.3f} s = {value / own:.1f} x" for name, value in medians.items() if name != "crmkit"]
    sys.stdout.write(f"{title}: crmkit {own:.3f} s; {'; '.join(parts)}\n")
    sys.stdout.flush()


def check(ours: pd.DataFrame, rival: pl.DataFrame) -> None:
    """The rival computes what we compute."""
    assert (ours["frequency"].to_numpy() == rival["frequency"].to_numpy()).all()
    np.testing.assert_allclose(ours["monetary_value"].to_numpy(), rival["money"].to_numpy(), rtol=1e-9)


def main() -> None:
    """Run all pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="dense, sorted, sparse, text, small, snapshots")
    options = parser.parse_args()
    cases = options.only.split(",") if options.only else ["dense", "sorted", "sparse", "text", "small", "snapshots"]
    for case in (case for case in cases if case != "snapshots"):
        n = options.events // 10 if case == "small" else options.events
        frame = make_events(n, case if case in {"sparse", "text"} else "dense", in_order=case == "sorted")
        polars = pl.from_pandas(frame)
        check(with_crmkit(frame), with_polars(polars))
        medians = take_turns(
            {
                "crmkit": lambda frame=frame: with_crmkit(frame),
                "polars": lambda polars=polars: with_polars(polars),
                "duckdb": lambda polars=polars: with_duckdb(polars),
                "pandas": lambda frame=frame: with_pandas(frame),
            },
            options.repeats,
        )
        show(f"{n:,} events, {case} ids" if case != "sorted" else f"{n:,} events in time order", medians)
    if "snapshots" in cases:
        frame = make_events(options.events, "dense")
        polars = pl.from_pandas(frame)
        log = EventLog.from_frame(frame, customer="customer", time="time", value="value", observed_until="2024-01-01")
        dates = pd.date_range("2023-01-01", periods=12, freq="MS")
        medians = take_turns(
            {"crmkit": lambda: rfm_with_crmkit(log, dates), "polars": lambda: rfm_with_polars(polars, dates)},
            options.repeats,
        )
        show(f"{options.events:,} events, RFM values at 12 dates", medians)


if __name__ == "__main__":
    main()
