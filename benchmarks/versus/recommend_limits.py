"""What is measured of item cosine without a rival: memory, a day's events, and how near the machine's limit it is."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from recommend_data import filled, with_money
from scipy import sparse

MEGABYTE = 2**20

#: Resident memory while one matrix is fitted, in a fresh process. Writing 5 there resets the peak.
MEMORY_SCRIPT = """
import ctypes, gc, sys
import numpy as np
from scipy import sparse
from crmkit.recommend import ItemCosineRecommender
path, dtype, interaction, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
def resident(which):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(which))
def held(matrix):
    return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
def fit(X):
    return ItemCosineRecommender(n_neighbors=50, interaction=interaction, n_jobs=threads).fit(X)
rng = np.random.default_rng(0)
small = sparse.random(3000, 3000, 0.02, format="csr", random_state=rng)
fit((small * 100).ceil().astype(dtype))
del small
gc.collect()
ctypes.CDLL(None).malloc_trim(0)  # what was freed is given back, so that it is not used again unseen
before = resident("VmRSS")
X = sparse.csr_matrix(sparse.load_npz(path))
X = sparse.csr_matrix((np.ceil(rng.random(X.nnz) * 100).astype(dtype), X.indices, X.indptr), shape=X.shape)
gc.collect()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
loaded = resident("VmRSS")
model = fit(X)
print(before, loaded, resident("VmHWM"), held(X), held(model.similarity_))
"""


def peak_memory(path: Path, threads: int) -> Iterator[str]:
    """Peak resident memory of fits, above what the process held before it read the matrix."""
    for dtype, interaction in (("float64", "binary"), ("int8", "binary"), ("float64", "value")):
        command = [sys.executable, "-c", MEMORY_SCRIPT, str(path), dtype, interaction, str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        before, loaded, peak, given, made = (int(part) / MEGABYTE for part in done.stdout.split())
        limit = 2 * (given + made) + 64 * threads
        yield (
            f"{interaction}, matrix of {dtype} ({given:.0f} MiB, similarities {made:.0f} MiB): {peak - before:.0f} MiB "
            f"with the matrix, {peak - loaded:.0f} MiB on top of it (asked for {limit:.0f} MiB)"
        )


def partial_fit(X: sparse.csr_matrix, threads: int, repeats: int) -> Iterator[str]:
    """One day after the other joins a model of ten million interactions; then one customer's answer."""
    from crmkit import EventLog
    from crmkit.recommend import ItemCosineRecommender

    rng = np.random.default_rng(0)
    n_old = int(np.searchsorted(X.indptr, 10_000_000))
    X = X[:n_old]
    n_days, day = 730, pd.Timedelta("1D")
    first, last = pd.Timestamp("2022-01-01"), pd.Timestamp("2022-01-01") + n_days * day

    def events(customer: np.ndarray, item: np.ndarray, begin: pd.Timestamp, days: int) -> pd.DataFrame:
        moment = np.datetime64(begin, "us") + rng.integers(0, days * 86_400, len(item)).astype("m8[s]")
        return pd.DataFrame({"customer": customer, "item": item, "time": moment})

    cells = X.tocoo()
    frame = events(cells.row, cells.col, first, n_days)
    log = EventLog.from_frame(frame, customer="customer", item="item", time="time", observed_until=last)
    n_new, n_daily = n_old // n_days, X.nnz // n_days
    models = {
        kind: ItemCosineRecommender(n_neighbors=50, interaction=kind, n_jobs=threads) for kind in ("binary", "count")
    }
    seconds: dict[str, list[float]] = {name: [] for name in (*models, "append", "one")}
    for model in models.values():
        model.fit(log.snapshot())
    for _ in range(repeats):
        # Old customers and a few new ones buy what was bought before, and a little that is new.
        customer = np.append(rng.integers(n_old, size=n_daily - n_new), n_old + np.arange(n_new))
        item = np.append(rng.choice(X.indices, n_daily - 5), X.shape[1] + np.arange(5))
        begin = time.perf_counter()
        log = log.append(events(customer, item, last, 1), observed_until=last + day)
        seconds["append"].append(time.perf_counter() - begin)
        last, n_old = last + day, n_old + n_new
        today = log.snapshot(active_within="1D")
        for kind, model in models.items():
            begin = time.perf_counter()
            model.partial_fit(today)
            seconds[kind].append(time.perf_counter() - begin)
    for kind, model in models.items():
        again = ItemCosineRecommender(n_neighbors=50, interaction=kind, n_jobs=threads).fit(log.snapshot()).similarity_
        if (again != model.similarity_).nnz:
            raise RuntimeError("This is not what one fit on everything finds.")
        yield (
            f"{kind}, {len(today):,} customers and {n_daily:,} events join {X.nnz:,}: "
            f"{statistics.median(seconds[kind]):.3f} s (asked for well under 1 s)"
        )
    rows = [today[start : start + 1] for start in range(min(len(today), 300))]
    for row in rows:
        begin = time.perf_counter()
        models["binary"].recommend(row, n=10)
        seconds["one"].append(time.perf_counter() - begin)
    yield f"the log takes the day in {statistics.median(seconds['append']):.3f} s"
    yield f"one customer of the log: {1e3 * statistics.median(seconds['one'][20:]):.2f} ms"


# -- the machine's limit ---------------------------------------------------------------------------------------


@numba.njit(nogil=True)
def add_bit_rows(rows, planes, rounds):
    """Seven rows of bits at a time are added up into bit-sliced counters, whose fourth bit and on are dropped."""
    for _ in range(rounds):
        for group in range(0, len(rows) - 6, 7):
            for word in range(rows.shape[1]):
                a, b, c = rows[group, word], rows[group + 1, word], rows[group + 2, word]
                d, e, f = rows[group + 3, word], rows[group + 4, word], rows[group + 5, word]
                ones, twos = planes[0, word], planes[1, word]
                part = ones ^ a
                carry1, ones = (ones & a) | (part & b), part ^ b
                part = ones ^ c
                carry2, ones = (ones & c) | (part & d), part ^ d
                part = ones ^ e
                carry3, ones = (ones & e) | (part & f), part ^ f
                carry4 = ones & rows[group + 6, word]
                planes[0, word] = ones ^ rows[group + 6, word]
                part = twos ^ carry1
                carry5, twos = (twos & carry1) | (part & carry2), part ^ carry2
                part = twos ^ carry3
                carry6, twos = (twos & carry3) | (part & carry4), part ^ carry4
                planes[1, word] = twos
                planes[2, word] ^= carry5 ^ carry6


@numba.njit(nogil=True)
def add_scattered(target, places, values, weight, rounds):
    """Multiply-adds into places that differ."""
    for _ in range(rounds):
        for at in range(len(places)):
            target[places[at]] += weight * values[at]


@numba.njit(nogil=True)
def add_dense(target, values, weight, rounds):
    """Multiply-adds into all places, as vectors."""
    for _ in range(rounds):
        for at in range(len(target)):
            target[at] += weight * values[at]


def rate(call: Callable[[int], object], n_each: int) -> float:
    """Operations per second of one thread, the best of five."""
    rounds = max(200_000_000 // n_each, 1)
    call(1)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        call(rounds)
        seconds.append(time.perf_counter() - begin)
    return rounds * n_each / min(seconds)


def machine(n_items: int) -> dict[str, float]:
    """What one core does in a tight loop, from 16 KiB (within L1) and from as much as a row of items takes (L2)."""
    rng = np.random.default_rng(0)
    found = {}
    for cache, n_words in (("L1", 128), ("L2", 4_096)):
        rows = rng.integers(2**62, size=(14, n_words)).astype(np.uint64)
        planes = np.zeros((3, n_words), np.uint64)
        words = rate(lambda rounds, rows=rows, planes=planes: add_bit_rows(rows, planes, rounds), rows.size)
        found[f"additions of rows of 512 bits from {cache}"] = words / 8
    for cache, n in (("L1", 2_048), ("L2", n_items)):
        places, values = np.sort(rng.permutation(n)[: n // 2]).astype(np.int32), rng.random(n // 2)
        target = np.zeros(n)
        found[f"scattered multiply-adds into {cache}"] = rate(
            lambda rounds, t=target, p=places, v=values: add_scattered(t, p, v, 1e-9, rounds), len(places)
        )
        dense, single = rng.random(n).astype(np.float32), np.zeros(n, np.float32)
        found[f"vector multiply-adds (float32) in {cache}"] = rate(
            lambda rounds, t=single, v=dense: add_dense(t, v, np.float32(1e-9), rounds), n
        )
    return found


def limits(X: sparse.csr_matrix, cosine: Any, threads: int, repeats: int) -> Iterator[str]:
    """What whole fits achieve in each thread, beside what one core can do."""
    can = machine(X.shape[1])
    for what, each_second in can.items():
        yield f"one core can do {each_second / 1e9:.2f} billion {what} a second"
    own = np.diff(X.indptr).astype(np.float64)
    pairs = float((own * (own - 1)).sum() / 2)
    buyers = np.sort(np.bincount(X.indices, minlength=X.shape[1]))[::-1]
    bit_rows = float((buyers * (np.arange(len(buyers)) // 512 + 1)).sum())
    money = with_money(filled(X, np.ones(X.nnz)))
    for name, given, options, n_bit_rows in (
        ("binary", X, {"interaction": "binary"}, bit_rows),
        ("values", money, {"interaction": "value"}, None),
    ):
        seconds = {}
        for k in (50, 1):
            runs = []
            for _ in range(repeats):
                model = cosine(threads, **options).set_params(n_neighbors=k)
                begin = time.perf_counter()
                model.fit(given)
                runs.append(time.perf_counter() - begin)
            seconds[k] = statistics.median(runs)
        busy = seconds[50] * threads
        parts = [f"{pairs / busy / 1e9:.2f} billion pairs of a customer's items a second and thread"]
        if n_bit_rows is not None:
            parts.append(f"{n_bit_rows / busy / 1e9:.2f} billion rows of 512 bits, if it added all below the diagonal")
        yield f"{name}: fit {seconds[50]:.3f} s, with one neighbour {seconds[1]:.3f} s; {'; '.join(parts)}"
