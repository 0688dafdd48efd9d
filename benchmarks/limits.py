"""The limits that are not ratios against a rival: memory, copies, latency, import time, first run.

Run ``python benchmarks/limits.py`` on an otherwise idle machine, with crmkit installed. Each line says
what was measured, the figure and the limit.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

PEAK_SCRIPT = """
import resource
import numpy as np, pandas as pd
from crmkit.events import EventLog
roles = dict(customer="customer", time="time", value="value", observed_until="2024-01-01")
def events(n):
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        "customer": rng.integers(0, max(n // 10, 1), n),
        "time": np.datetime64("2022-01-01", "us") + rng.integers(0, 730 * 86400, n).astype("m8[s]"),
        "value": np.round(rng.lognormal(3, 1, n), 2)})
EventLog.from_frame(events(100_000), **roles)
frame = events(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
log = EventLog.from_frame(frame, **roles)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
used = frame.memory_usage(index=False).sum() / 1024
print((peak - before) / used)
"""


def run(script: str, **environment: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return done.stdout.strip()


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """Median time of a call, after two to warm up."""
    seconds = []
    for round_ in range(repeats + 2):
        begin = time.perf_counter()
        call()
        if round_ > 1:
            seconds.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(seconds)


def import_time() -> float:
    """Median milliseconds that ``import crmkit`` adds to a bare Python."""
    timed = "import time; t = time.perf_counter(); import crmkit; print(1e3 * (time.perf_counter() - t))"
    return statistics.median(float(run(timed)) for _ in range(11))


def one_customer() -> float:
    """Milliseconds from a frame of one customer's 50 events to the row of RFM values and scores."""
    import numpy as np
    import pandas as pd

    from crmkit import EventLog, RFMTransformer
    from crmkit.datasets import load_cdnow

    roles = {"customer": "customer_id", "time": "date", "value": "value"}
    rfm = RFMTransformer(columns="all").fit(EventLog.from_frame(load_cdnow(), **roles).snapshot("1997-10-01"))
    rng = np.random.default_rng(0)
    days = pd.Timestamp("1997-01-01") + pd.to_timedelta(rng.integers(0, 200, 50), unit="D")
    frame = pd.DataFrame({"customer_id": np.full(50, 7), "date": days, "value": rng.integers(1, 9_999, 50) / 100})
    return milliseconds(
        lambda: rfm.transform(EventLog.from_frame(frame, **roles, observed_until="1997-10-01").snapshot()), 200
    )


def half_of_rows() -> tuple[float, float]:
    """Bytes per row that taking half of ten million rows copies, and its milliseconds."""
    import numpy as np

    from crmkit.datasets import make_purchases
    from crmkit.events import EventLog

    frame, _ = make_purchases(1_000_000, random_state=0)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value")
    end = log.observed_until
    X = log.snapshots([end - np.timedelta64(30 * month, "D") for month in range(14)])[:10_000_000]
    half = np.arange(0, len(X), 2)
    taken = X[half]
    if taken.log is not log:
        raise RuntimeError("Taking rows copied the log.")
    own = sum(array.nbytes for array in (taken.codes, taken.as_of_us, taken.stop))
    sys.stdout.write(f"  ({len(X):,} rows)\n")
    return own / len(taken), milliseconds(lambda: X[half], 5)


def demo(folder: str, cache: str) -> float:
    """Seconds of the demo."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "crmkit", "demo", "--out", folder],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "XDG_CACHE_HOME": cache, "MPLCONFIGDIR": f"{cache}/matplotlib"},
    )
    return time.perf_counter() - begin


def main() -> None:
    """Print all limits."""
    write = sys.stdout.write
    write(f"import crmkit: {import_time():.1f} ms (limit 10)\n")
    write(f"peak memory of from_frame over its used columns, 10 M events: {float(run(PEAK_SCRIPT)):.2f} (limit 3)\n")
    write(f"one customer's 50 events, frame to RFM row: {one_customer():.2f} ms (limit 3)\n")
    per_row, half = half_of_rows()
    write(f"half of the rows: copies {per_row:.0f} bytes a row taken (limit: the row arrays, 20), {half:.0f} ms\n")
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = demo(folder, folder), statistics.median(demo(folder, folder) for _ in range(3))
    write(f"demo: {cold:.1f} s cold (limit 60), {warm:.1f} s warm (limit 15)\n")
    write(f"(peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB)\n")


if __name__ == "__main__":
    main()
