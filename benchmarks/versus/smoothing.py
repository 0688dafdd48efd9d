"""Smoothers and lag features: crmkit beside numpy, numbagg, bottleneck, scipy, pandas, polars and mlforecast.

Run ``python benchmarks/versus/smoothing.py`` on an otherwise idle machine, in an environment of its own::

    python3.11 -m venv rivals
    rivals/bin/python -m pip install -e . -r benchmarks/versus/smoothing-requirements.txt

Contestants take turns in one process, on the same data and with the same number of threads; each number
of threads has a process of its own, whose libraries know of no other. A figure is the ratio of the
medians by the clock; where the machine does other work, compare the processors' seconds beside it, which
are added up over threads. The first round is not timed: it compares the rivals' answers with ours.

Each rival is given its data in the layout it likes best, and its conversion is not charged: pandas and
polars have a column for each series. bottleneck, scipy and pandas know one thread only.

What cannot be compared: numbagg knows adjusted weights only; beside it stands ours with the same ones. Each of
the moving statistics of rivals but polars' median updates sums, which lose digits as values of another scale
pass by: their largest error, in parts of the sum of absolute values in the window, is printed beside their seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from smoothing_frames import demand, groups, lags
from smoothing_turns import ALPHA, Asked, Size, agree, show, smoother, take_turns

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
WINDOWS = (5, 21, 101, 501)


def walks(rows: int, columns: int = 1000, missing: float = 0.0) -> np.ndarray:
    """Random walks, one a row."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, columns)).cumsum(axis=1)
    if missing:
        X[rng.random(X.shape) < missing] = np.nan
    return X


def frames(X: np.ndarray) -> tuple[Any, Any]:
    """The frames of pandas and of polars, a column for each series."""
    import polars as pl

    names = [f"series_{row}" for row in range(X.shape[0])]
    return pd.DataFrame(X.T.copy(), columns=names), pl.from_numpy(X.T, names, orient="row").fill_nan(None)


def exponential(X: np.ndarray, threads: int) -> dict[str, Callable[[], Any]]:
    """Everybody who has an exponential mean; the copies come first."""
    import numbagg
    import polars as pl
    from scipy.signal import lfilter

    plain = smoother(threads).fit(X)
    adjusted = smoother(threads, adjust=True).fit(X)
    by_pandas, by_polars = frames(X)
    start = (1 - ALPHA) * X[:, :1]
    out = np.full_like(X, 1.0)
    every = pl.all().ewm_mean(alpha=ALPHA, adjust=False, ignore_nulls=False)
    result: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: plain.transform(X),
        "crmkit, adjusted": lambda: adjusted.transform(X),
        "crmkit, kernel, preallocated": kernel(X, threads),
        "X.copy()": lambda: X.copy(order="K"),
        "np.copyto, preallocated": lambda: np.copyto(out, X),
        "numbagg, adjusted": lambda: numbagg.move_exp_nanmean(X, alpha=ALPHA),
        "pandas": lambda: by_pandas.ewm(alpha=ALPHA, adjust=False).mean(),
        "polars": lambda: by_polars.select(every),
    }
    if not np.isnan(X).any():
        result["scipy lfilter"] = lambda: lfilter([ALPHA], [1, ALPHA - 1], X, axis=1, zi=start)[0]
    return result


def kernel(X: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """Ours without what is around it, into memory that is there already."""
    from crmkit._numba import read_only
    from crmkit.smoothing._ema_table import Rule, smooth_into

    by_columns = X.flags.f_contiguous
    lying = read_only(X.T if by_columns else X)
    out = np.full_like(lying, 1.0)  # not zeros: numpy asks for those without large pages
    rule = Rule(np.full(X.shape[1], 1 - ALPHA), ALPHA, False, False, 1)

    def call() -> np.ndarray:
        smooth_into(lying, rule, threads, out, by_columns=by_columns)
        return out.T if by_columns else out

    return call


def ema(size: Size, *, order: str = "C", missing: float = 0.0) -> None:
    """Exponential means of rows."""
    X = np.asarray(walks(size.rows, missing=missing), order=order)  # type: ignore[call-overload]  # order is "C" or "F" here
    contestants = exponential(X, size.threads)
    ours, adjusted = contestants["crmkit"](), contestants["crmkit, adjusted"]()
    said = {}
    for name, call in contestants.items():
        if name.startswith(("crmkit", "X.copy", "np.copyto")):
            continue
        found = call()
        # polars has nothing where the value is missing, where pandas, numbagg and ours carry the last mean on.
        if name == "polars":
            found = np.where(np.isnan(X), ours, found.to_numpy().T)
        elif name == "pandas":
            found = found.to_numpy().T
        said[name] = agree(adjusted if name.startswith("numbagg") else ours, found, name, 1e-10)
    said["crmkit, kernel, preallocated"] = agree(ours, contestants["crmkit, kernel, preallocated"](), "the kernel", 0)
    asked = (
        Asked("crmkit", "X.copy()", 1.0),
        Asked("crmkit", "numbagg, adjusted", 1 / 2),
        Asked("crmkit, adjusted", "numbagg, adjusted", 1 / 2),
        Asked("crmkit, kernel, preallocated", "np.copyto, preallocated", 1.2),
        Asked("crmkit, kernel, preallocated", "np.copyto, preallocated", 1.6, threads=1),
    )
    if missing:
        names = "crmkit, kernel, preallocated", "np.copyto, preallocated"
        asked = (Asked(*names, 2.5), Asked(*names, 2.5, threads=1))
    elif order == "F":
        asked = ()  # nothing is asked for where columns lie together
    layout = "columns together" if order == "F" else "rows together"
    title = f"EMA, {X.shape[0]:,} x {X.shape[1]:,} float64, {layout}, {missing:.0%} missing"
    show(title, take_turns(contestants, size.repeats), said, asked, size.threads)


def moving(statistic: str, window: int, X: np.ndarray, threads: int) -> dict[str, Callable[[], Any]]:
    """Everybody who has the statistic."""
    import bottleneck
    import numbagg
    import polars as pl

    from crmkit.smoothing import MovingAverageSmoother

    ours = MovingAverageSmoother(window, statistic=statistic, n_jobs=threads).fit(X)
    by_pandas, by_polars = frames(X)
    every = getattr(pl.all(), f"rolling_{statistic}")(window)
    out = np.full_like(X, 1.0)
    result: dict[str, Callable[[], Any]] = {
        "crmkit": lambda: ours.transform(X),
        "np.copyto, preallocated": lambda: np.copyto(out, X),
        "bottleneck": lambda: getattr(bottleneck, f"move_{statistic}")(X, window, axis=1),
        "polars": lambda: by_polars.select(every).to_numpy().T,
    }
    if statistic == "mean":
        result["numbagg"] = lambda: numbagg.move_mean(X, window=window)
    if statistic != "median":  # pandas' median takes ten times as long as the others'
        result["pandas"] = lambda: getattr(by_pandas.rolling(window), statistic)().to_numpy().T
    return result


def error(found: np.ndarray, X: np.ndarray, window: int) -> float:
    """Largest error of a moving mean, in parts of the mean of absolute values in the window."""
    views = np.lib.stride_tricks.sliding_window_view(X.astype(np.longdouble), window, axis=1)
    exact, scale = views.mean(axis=-1), np.abs(views).mean(axis=-1)
    return float((np.abs(found[:, window - 1 :] - exact) / scale).max())


def windows(statistic: str, size: Size) -> None:
    """Moving statistics of rows."""
    rows = max(size.rows // 10, 1) if statistic == "median" else size.rows
    X = walks(rows)
    # Every seventh row jumps by nine digits for a while, and comes back.
    X[::7, 300:310] *= 1e9
    checked = X[: min(rows, 28)]
    asked = {
        "mean": (Asked("crmkit", "np.copyto, preallocated", 2.0), Asked("crmkit", "bottleneck", 1 / 1.3)),
        "min": (Asked("crmkit", "bottleneck", 1 / 4),),
        "max": (Asked("crmkit", "bottleneck", 1 / 4),),
        "median": (Asked("crmkit", "bottleneck", 1.0),),
    }[statistic]
    for window in WINDOWS:
        contestants = moving(statistic, window, X, size.threads)
        ours = contestants["crmkit"]()
        said = {}
        for name, call in contestants.items():
            if name == "np.copyto, preallocated":
                continue
            found = call()
            if statistic == "mean":
                agree(ours[1:7], found[1:7], name, 1e-9)
                said[name] = f"error {error(found[: len(checked)], checked, window):.0e}"
            elif name != "crmkit":
                said[name] = agree(ours, found, name, 0)
        title = f"moving {statistic}, window {window}, {rows:,} x {X.shape[1]:,} float64"
        show(title, take_turns(contestants, size.repeats), said, asked, size.threads)


def small(size: Size) -> None:
    """One row of a hundred values, a thousand times."""
    import bottleneck
    import numbagg
    import polars as pl

    from crmkit.smoothing import MovingAverageSmoother

    X = walks(1, 100)
    series, column = pd.Series(X[0]), pl.Series(X[0])
    exponential, mean = smoother(1).fit(X), MovingAverageSmoother(21).fit(X)
    median = MovingAverageSmoother(21, statistic="median").fit(X)
    contestants: dict[str, Callable[[], object]] = {
        "crmkit, EMA": lambda: exponential.transform(X),
        "crmkit, moving mean": lambda: mean.transform(X),
        "crmkit, moving median": lambda: median.transform(X),
        "crmkit, EMA, fit_transform": lambda: smoother(1).fit_transform(X),
        "crmkit, EMA, new object": lambda: smoother(1).fit(X).transform(X),
        "numbagg, EMA": lambda: numbagg.move_exp_nanmean(X, alpha=ALPHA),
        "pandas, EMA": lambda: series.ewm(alpha=ALPHA, adjust=False).mean(),
        "polars, EMA": lambda: column.ewm_mean(alpha=ALPHA, adjust=False, ignore_nulls=False),
        "bottleneck, moving mean": lambda: bottleneck.move_mean(X, 21, axis=1),
        "bottleneck, moving median": lambda: bottleneck.move_median(X, 21, axis=1),
    }
    ours = contestants["crmkit, EMA"]()
    said = {
        "pandas, EMA": agree(ours[0], contestants["pandas, EMA"](), "pandas", 1e-12),
        "polars, EMA": agree(ours[0], contestants["polars, EMA"](), "polars", 1e-12),
        "bottleneck, moving mean": agree(mean.transform(X), contestants["bottleneck, moving mean"](), "bn", 1e-12),
        "bottleneck, moving median": agree(median.transform(X), contestants["bottleneck, moving median"](), "bn", 0),
    }
    thousand = {name: lambda call=call: [call() for _ in range(1000)] for name, call in contestants.items()}
    medians = take_turns(thousand, size.repeats)
    each = {name: (clock / 1000, busy / 1000) for name, (clock, busy) in medians.items()}
    show("1 x 100 float64, warm, one call (asked for 100 us)", each, said, (), size.threads)


def cases() -> dict[str, Callable[[Size], None]]:
    """What is run, by name."""
    return {
        "ema": ema,
        "ema-missing": lambda size: ema(size, missing=0.05),
        "ema-fortran": lambda size: ema(size, order="F"),
        **{
            statistic: lambda size, name=statistic: windows(name, size)
            for statistic in ("mean", "min", "max", "median")
        },
        "groups": groups,
        "lags": lags,
        "demand": demand,
        "small": small,
    }


def main() -> None:
    """Run the cases, each number of threads in a process that knows of no other."""
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(known), help=", ".join(known))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", default="2,1", help="one or several numbers")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of 1,000 values (median: a tenth of them)")
    parser.add_argument("--series", type=int, default=100_000, help="series of lags; groups has twice as many")
    parser.add_argument("--events", type=int, default=10_000_000, help="events of demand")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if all(os.environ.get(variable) == options.threads for variable in THREAD_VARIABLES):
        threads = int(options.threads)
        for name in chosen:
            known[name](Size(options.rows, options.series, options.events, options.repeats, threads))
        return
    for threads in options.threads.split(","):
        sizes = [f"--{name}={getattr(options, name)}" for name in ("rows", "series", "events", "repeats")]
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
        command = [sys.executable, __file__, "--only", options.only, "--threads", threads, *sizes]
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
