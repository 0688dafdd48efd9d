"""What is compared of many series in one frame: exponential means by group, lag features, and demand from a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from smoothing_turns import ALPHA, Asked, Size, agree, show, smoother, take_turns

LAGS = (1, 2, 3, 4, 7, 8, 12, 13)
ROLLING = (
    ("mean", 4), ("mean", 8), ("mean", 12), ("std", 4), ("std", 12), ("min", 4), ("min", 12), ("max", 4), ("max", 12),
)  # fmt: skip
EMA = (0.1, 0.3, 0.5)
N_STEPS = 200


def groups(size: Size) -> None:
    """Exponential means of series of about twenty values, one after the other, as a sorted log has them."""
    import polars as pl

    rng = np.random.default_rng(0)
    lengths = 1 + rng.poisson(20, 2 * size.series)
    group = np.repeat(np.arange(len(lengths)), lengths)
    value = rng.standard_normal(len(group))
    by_pandas = pd.Series(value).groupby(group)
    by_polars = pl.DataFrame({"group": group, "value": value})
    in_order = by_polars.with_columns(pl.col("group").set_sorted())
    over = pl.col("value").ewm_mean(alpha=ALPHA, adjust=False, ignore_nulls=False).over("group")
    ours = smoother(size.threads)
    contestants: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: ours.transform_groups(value, group),
        "value.copy()": value.copy,
        "polars": lambda: by_polars.select(over),
        "polars, told that it is sorted": lambda: in_order.select(over),
        "pandas": lambda: by_pandas.ewm(alpha=ALPHA, adjust=False).mean(),
    }
    answer = contestants["crmkit"]()
    said = {
        "polars": agree(answer, by_polars.select(over)["value"], "polars", 1e-12),
        "pandas": agree(answer, contestants["pandas"](), "pandas", 1e-12),
    }
    asked = tuple(
        Asked("crmkit", rival, 1 / times, threads)
        for rival, times in (("pandas", 300), ("polars", 40))
        for threads in (1, 2)
    )
    title = f"EMA by group, {len(lengths):,} series, {len(value):,} values"
    show(title, take_turns(contestants, min(size.repeats, 3)), said, asked, size.threads)


def long_frame(n_series: int, dtype: str) -> pd.DataFrame:
    """Daily values of series, sorted."""
    values = np.random.default_rng(0).standard_normal(n_series * N_STEPS).astype(dtype)
    days = np.datetime64("2024-01-01") + np.arange(N_STEPS).astype("m8[D]")
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n_series), N_STEPS),
            "ds": np.tile(days.astype("M8[us]"), n_series),
            "y": values,
        }
    )


def mlforecast(threads: int, freq: str) -> Any:
    """The same features, made by mlforecast."""
    from mlforecast import MLForecast, lag_transforms

    rolling = [getattr(lag_transforms, f"Rolling{name.capitalize()}")(window) for name, window in ROLLING]
    means = [lag_transforms.ExponentiallyWeightedMean(alpha) for alpha in EMA]
    return MLForecast([], freq, lags=list(LAGS), lag_transforms={1: [*rolling, *means]}, num_threads=threads)


def lags(size: Size) -> None:
    """Twenty features of each of two hundred days of many series."""
    import polars as pl

    from crmkit.forecast import LagFeatures

    ours = LagFeatures(LAGS, rolling=ROLLING, ema=EMA, series="unique_id", time="ds", value="y", n_jobs=size.threads)
    kept = {"static_features": [], "dropna": False}
    for dtype in ("float64", "float32"):
        frame = long_frame(size.series, dtype)
        table = pl.from_pandas(frame)
        contestants: dict[str, Callable[[], Any]] = {
            "crmkit, pandas": lambda frame=frame: ours.fit(frame).transform(frame),
            "crmkit, polars": lambda table=table: ours.fit(table).transform(table),
            "mlforecast, pandas": lambda frame=frame: mlforecast(size.threads, "D").preprocess(frame, **kept),
            "mlforecast, polars": lambda table=table: mlforecast(size.threads, "1d").preprocess(table, **kept),
        }
        answer = contestants["crmkit, pandas"]()
        said = {}
        for name in list(contestants)[1:]:
            found = contestants[name]()
            if name.startswith("mlforecast"):
                found = found.drop(["unique_id", "ds", "y"], axis=1) if "pandas" in name else found[:, 3:]
            said[name] = agree(answer, found.to_numpy(), name, 1e-9 if dtype == "float64" else 1e-3)
            del found
        asked = tuple(
            Asked(f"crmkit, {backend}", f"mlforecast, {backend}", 1 / 2, threads)
            for backend in ("pandas", "polars")
            for threads in (1, 2)
        )
        title = f"lag features, {size.series:,} series x {N_STEPS} days x {answer.shape[1]} features, {dtype}"
        del answer
        show(title, take_turns(contestants, min(size.repeats, 3)), said, asked, size.threads)


def demand(size: Size) -> None:
    """Weekly quantities of each item from a log, with zeros filled in; polars has none to fill."""
    import polars as pl

    from crmkit import EventLog

    n, rng = size.events, np.random.default_rng(0)
    n_items = max(n // 1000, 1)
    frame = pd.DataFrame(
        {
            "customer": rng.integers(0, max(n // 10, 1), n),
            "time": np.datetime64("2022-01-03", "us") + rng.integers(0, 728 * 86_400, n).astype("m8[s]"),
            "item": np.minimum(rng.zipf(1.3, n), n_items),
            "quantity": rng.integers(1, 6, n).astype(float),
        }
    )
    log = EventLog.from_frame(
        frame, customer="customer", time="time", item="item", quantity="quantity", observed_until="2024-01-01"
    )
    table = pl.from_pandas(frame)
    week = pl.col("time").dt.truncate("1w")
    found = {
        "polars": table.lazy().group_by("item", week).agg(pl.col("quantity").sum()),
        "polars, sorted": table.lazy().group_by("item", week).agg(pl.col("quantity").sum()).sort("item", "time"),
    }
    contestants: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: log.demand("W"),
        **{name: lambda query=query: query.collect() for name, query in found.items()},
    }
    ours = contestants["crmkit"]()
    sold = ours[ours["value"] > 0].reset_index(drop=True)
    theirs = found["polars, sorted"].collect()
    if not np.array_equal(sold["series"], theirs["item"]) or not np.array_equal(sold["time"], theirs["time"]):
        raise RuntimeError("polars finds other items, or other weeks.")
    said = {"polars, sorted": agree(sold["value"], theirs["quantity"], "polars", 1e-12)}
    title = f"weekly demand, {n:,} events, {ours['series'].nunique():,} items, {len(ours):,} rows of which "
    title += f"{len(ours) - len(sold):,} zeros"
    show(title, take_turns(contestants, size.repeats), said, (), size.threads)
