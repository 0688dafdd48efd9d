"""Cohort tables of ten million events: crmkit beside pandas and polars.

Run ``python benchmarks/versus/cohorts.py`` on an otherwise idle machine with what
``benchmarks/versus/requirements.txt`` names. All contestants take turns in one process, on the same
data and with two threads each; a figure is the ratio of the medians. Every rival is given its data in
its own frame already, and its answer is compared with ours. crmkit is timed twice: from a log that is
there already, as in a study of several tables, and from the frame.
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

import numpy as np  # noqa: E402  # the thread counts have to be set first
import pandas as pd  # noqa: E402  # the thread counts have to be set first
import polars as pl  # noqa: E402  # the thread counts have to be set first

from crmkit.cohorts import cohort_table, period_table  # noqa: E402  # the thread counts have to be set first
from crmkit.events import EventLog  # noqa: E402  # the thread counts have to be set first

COLUMNS = {"customer": "customer", "time": "time", "value": "value", "observed_until": "2024-01-01"}


def make_events(n: int) -> pd.DataFrame:
    """Events of n / 10 customers over two years, to the second, log-normal amounts in cents."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer": rng.integers(0, n // 10, n),
            "time": np.datetime64("2022-01-01", "us") + rng.integers(0, 730 * 86_400, n).astype("m8[s]"),
            "value": np.round(rng.lognormal(3, 1, n), 2),
        }
    )


def months(times: pd.Series) -> np.ndarray:
    """Months since 1970."""
    return times.to_numpy().astype("M8[M]").astype(np.int64)


def customers_with_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """The recipe of every tutorial, with whole numbers for months."""
    month = months(frame["time"])
    cohort = frame.assign(month=month).groupby("customer")["month"].transform("min")
    return frame.groupby([cohort, month - cohort])["customer"].nunique().unstack()


def money_with_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with a sum."""
    month = months(frame["time"])
    cohort = frame.assign(month=month).groupby("customer")["month"].transform("min")
    return frame.groupby([cohort, month - cohort])["value"].sum().unstack()


def with_polars(frame: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """First months by a group-by, joined back."""
    month = pl.col("time").dt.year().cast(pl.Int32) * 12 + pl.col("time").dt.month()
    events = frame.lazy().with_columns(month=month)
    first = events.group_by("customer").agg(cohort=pl.col("month").min())
    ages = events.join(first, on="customer").with_columns(age=pl.col("month") - pl.col("cohort"))
    return ages.group_by("cohort", "age").agg(value=value).sort("cohort", "age").collect()


def periods_with_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """Active, new and retained customers, and money, of each month."""
    month = months(frame["time"])
    pairs = pd.DataFrame({"customer": frame["customer"], "month": month}).drop_duplicates()
    pairs = pairs.sort_values(["customer", "month"])
    before = pairs["month"].shift().where(pairs["customer"] == pairs["customer"].shift())
    pairs = pairs.assign(new=before.isna(), retained=before == pairs["month"] - 1)
    table = pairs.groupby("month").agg(active=("customer", "size"), new=("new", "sum"), retained=("retained", "sum"))
    return table.assign(money=frame["value"].groupby(month).sum())


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


def main() -> None:
    """Run all pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    frame = make_events(options.events)
    polars = pl.from_pandas(frame)
    log = EventLog.from_frame(frame, **COLUMNS)
    customers, money = pl.col("customer").n_unique(), pl.col("value").sum()
    for values, rival, expression in (
        ("customers", customers_with_pandas, customers),
        ("money", money_with_pandas, money),
    ):
        ours = cohort_table(log, values=values).to_numpy()
        np.testing.assert_allclose(ours[np.isfinite(ours)], rival(frame).stack().dropna(), rtol=1e-9)
        np.testing.assert_allclose(ours[np.isfinite(ours)], with_polars(polars, expression)["value"], rtol=1e-9)
        medians = take_turns(
            {
                "crmkit": lambda values=values: cohort_table(log, values=values),
                "crmkit from the frame": lambda values=values: cohort_table(
                    EventLog.from_frame(frame, **COLUMNS), values=values
                ),
                "polars": lambda expression=expression: with_polars(polars, expression),
                "pandas": lambda rival=rival: rival(frame),
            },
            options.repeats,
        )
        show(f"{options.events:,} events, {values} by cohort and month", medians)
    ours, rival = period_table(log), periods_with_pandas(frame)
    for column in rival:
        np.testing.assert_allclose(ours[column], rival[column], rtol=1e-9)
    medians = take_turns(
        {"crmkit": lambda: period_table(log), "pandas": lambda: periods_with_pandas(frame)}, options.repeats
    )
    show(f"{options.events:,} events, table of months", medians)


if __name__ == "__main__":
    main()
