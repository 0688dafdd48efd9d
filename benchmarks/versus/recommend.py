"""Item cosine: crmkit beside implicit, similaripy and sparse_dot_topn; memory, a day's events, and the machine's limit.

Run ``python benchmarks/versus/recommend.py`` on an otherwise idle machine, in an environment of its own::

    python3.11 -m venv rivals
    rivals/bin/python -m pip install -e . -r benchmarks/versus/recommend-requirements.txt

Contestants take turns in one process, on the same matrix, with the same number of neighbours and of
threads; each number of threads has a process of its own, whose libraries know of no other. A figure
is the ratio of the medians by the clock; where the machine does other work, compare the processors'
seconds beside it, which are added up over threads. The first round is not timed: it compares the
rivals' similarities with ours, list by list.

Each is given what it takes: implicit the matrix customers × items, in float64, which its fit
normalises as ours does; similaripy the matrix and its transpose, in float32; sparse_dot_topn the
normalised matrix and its transpose, in float32. Making those is not charged to them, while ours
starts from the matrix customers × items. In all three an item is its own neighbour and takes a
place, so they are asked for one more.

What cannot be compared: similaripy and sparse_dot_topn add up in float32, the latter what is normalised already,
so that popular items differ in the third digit. All three break ties as they come, so equal
similarities at the end of a list may stand for different items. implicit recommends from lists kept per
source only, works on one thread there, and gives items back that a customer has when it finds no others.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import recommend_data as data
from recommend_limits import limits, partial_fit, peak_memory
from scipy import sparse

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
N_NEIGHBORS = 50

#: The matrices, by the name of a case; a weighting stands behind a colon.
MATRICES: dict[str, Callable[[], sparse.csr_matrix]] = {
    "ml20m-plain": lambda: data.movielens(taste=False),
    "ml20m-taste": lambda: data.movielens(taste=True),
    "movielens-100k": data.movielens_100k,
    "online-retail": data.online_retail,
    "lastfm": data.lastfm,
}
#: How a case's cells are filled, and what our estimator is told; idf weights itself.
WEIGHTS: dict[str, tuple[Callable[[sparse.csr_matrix], sparse.csr_matrix], dict[str, str]]] = {
    "binary": (lambda X: X, {"interaction": "binary"}),
    "counts": (data.with_counts, {"interaction": "count"}),
    "values": (data.with_money, {"interaction": "value"}),
    "idf": (data.with_idf, {"interaction": "binary", "weighting": "idf"}),
}
WEIGHTED = [f"{name}:{weight}" for name in ("ml20m-plain", "ml20m-taste") for weight in ("counts", "values", "idf")]
OTHERS = ("serve-target", "serve-source", "one-customer", "memory", "partial-fit", "limits")
CASES = (*MATRICES, *WEIGHTED, *OTHERS)
#: How many times as fast as the fastest rival we are asked to be, with two threads and with one.
ASKED: dict[str, dict[int, float]] = {
    "ml20m-plain": {2: 6, 1: 8},
    "ml20m-taste": {2: 6, 1: 8},
    "movielens-100k": {2: 1.5, 1: 2},
    "online-retail": {2: 1.5, 1: 2},
    "lastfm": {2: 1, 1: 1},
    "serve-target": {2: 4},
    "serve-source": {2: 5},
    **{case: {2: 2, 1: 2} for case in WEIGHTED},
}


def write(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def matrix(case: str, folder: Path) -> sparse.csr_matrix:
    """The matrix of a case without its weights, drawn once for all processes."""
    name = case.partition(":")[0]
    path = folder / f"{name}.npz"
    if not path.exists():
        sparse.save_npz(path, MATRICES[name](), compressed=False)
    return sparse.csr_matrix(sparse.load_npz(path))


def cosine(threads: int, **options: Any) -> Any:
    """Ours."""
    from crmkit.recommend import ItemCosineRecommender

    return ItemCosineRecommender(n_neighbors=N_NEIGHBORS, n_jobs=threads, **options)


def implicit_fit(X: sparse.csr_matrix, threads: int) -> Any:
    """A fitted recommender of implicit."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=N_NEIGHBORS + 1, num_threads=threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what it has made of the matrix itself
        model.fit(X, show_progress=False)
    return model


def rivals(X: sparse.csr_matrix, threads: int) -> dict[str, Callable[[], sparse.csr_matrix]]:
    """The neighbours that each rival finds, from what it takes."""
    import similaripy
    from sparse_dot_topn import sp_matmul_topn

    customers = X.astype(np.float32)
    items = sparse.csr_matrix(customers.T)
    length = np.sqrt(np.bincount(X.indices, X.data**2, minlength=X.shape[1]))
    unit = sparse.csr_matrix(data.filled(X, X.data / length[X.indices]).T).astype(np.float32)
    unit_transposed = sparse.csr_matrix(unit.T)
    k = N_NEIGHBORS + 1
    quiet = {"verbose": False, "format_output": "csr", "num_threads": threads}
    return {
        "similaripy": lambda: similaripy.cosine(items, customers, k=k, **quiet),
        "sparse_dot_topn": lambda: sp_matmul_topn(unit, unit_transposed, top_n=k, n_threads=threads),
        "implicit": lambda: implicit_fit(X, threads).similarity,
    }


def lists(similarity: Any) -> np.ndarray:
    """The similarities of each item's neighbours but itself, largest first, then zeros."""
    found = sparse.coo_matrix(similarity)
    other = found.row != found.col
    row, value = found.row[other], found.data[other].astype(np.float64)
    order = np.lexsort((-value, row))
    row, value = row[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept = place < N_NEIGHBORS
    result = np.zeros((found.shape[0], N_NEIGHBORS))
    result[row[kept], place[kept]] = value[kept]
    return result


def farthest(ours: np.ndarray, similarity: Any, name: str) -> float:
    """Largest difference between our similarities and a rival's, which float32 has to explain."""
    far = float(np.abs(lists(similarity) - ours).max(initial=0.0))
    if far > (5e-3 if name == "sparse_dot_topn" else 1e-4):
        raise RuntimeError(f"{name} finds other similarities: {far:.1e} apart.")
    return far


def take_turns(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median seconds of each, by the clock and of processors, one round after the other."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, call in contestants.items():
            gc.collect()
            begin = time.perf_counter(), time.process_time()
            call()
            seconds[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return {name: tuple(statistics.median(part) for part in zip(*runs, strict=True)) for name, runs in seconds.items()}


def show(case: str, medians: dict[str, tuple[float, float]], threads: int, said: str) -> None:
    """One line: seconds, ratios, and what was asked for."""
    own, busy = medians["crmkit"]
    others = sorted((*seconds, name) for name, seconds in medians.items() if name != "crmkit")
    parts = [
        f"{name} {seconds:.4g} s = {seconds / own:.2f} x (processors {processors / busy:.2f} x)"
        for seconds, processors, name in others
    ]
    asked = ASKED[case].get(threads)
    wanted = "nothing asked for" if asked is None else f"asked for {asked:g} x, has {others[0][0] / own:.2f} x"
    write(f"{case}, {threads} threads: crmkit {own:.4g} s; {'; '.join(parts)} ({wanted}; {said})")


def fit(case: str, X: sparse.csr_matrix, threads: int, repeats: int) -> None:
    """Fits of one matrix."""
    fill, options = WEIGHTS[case.partition(":")[2] or "binary"]
    filled = fill(X)
    given = X if "weighting" in options else filled
    others = rivals(filled, threads)
    ours = lists(cosine(threads, **options).fit(given).similarity_)
    far = {name: farthest(ours, call(), name) for name, call in others.items()}
    medians = take_turns({"crmkit": lambda: cosine(threads, **options).fit(given), **others}, repeats)
    said = ", ".join(f"{name} within {value:.0e}" for name, value in far.items())
    show(case, medians, threads, f"similarities of {said}")


def serve(case: str, X: sparse.csr_matrix, threads: int, repeats: int) -> None:
    """Ten items for every customer."""
    model = cosine(threads, keep=case.removeprefix("serve-")).fit(X)
    rival = implicit_fit(X, threads)
    everybody = np.arange(X.shape[0])
    checked = everybody[:: max(X.shape[0] // 200, 1)]
    scores = (X[checked] @ model.similarity_.T).toarray()
    scores[X[checked].toarray() > 0] = -np.inf
    best = -np.sort(-scores, axis=1)[:, :10]
    found = model.recommend(X, n=10)[1]
    if not np.allclose(found[checked], np.where(best > 0, best, found[checked]), rtol=1e-6, atol=1e-9):
        raise RuntimeError("These are not the best items.")
    others = rival.recommend(everybody, X, N=10, filter_already_liked_items=True)[1]
    same = np.isclose(found, others, rtol=1e-6).all(axis=1).mean()
    medians = take_turns(
        {
            "crmkit": lambda: model.recommend(X, n=10),
            "implicit": lambda: rival.recommend(everybody, X, N=10, filter_already_liked_items=True),
        },
        repeats,
    )
    rate = X.shape[0] / medians["crmkit"][0]
    show(case, medians, threads, f"{rate:,.0f} customers a second; {same:.1%} of the lists score as implicit's")


def one_customer(X: sparse.csr_matrix, threads: int) -> None:
    """One customer after the other, once warm."""
    rows = [X[[row]] for row in np.random.default_rng(0).integers(X.shape[0], size=520)]
    for keep in ("target", "source"):
        model = cosine(threads, keep=keep).fit(X)
        seconds = []
        for row in rows:
            begin = time.perf_counter()
            model.recommend(row, n=10)
            seconds.append(time.perf_counter() - begin)
        middle, late = np.quantile(seconds[20:], [0.5, 0.99])
        write(
            f"one-customer, keep={keep!r}, {threads} threads: {1e3 * middle:.2f} ms, "
            f"99 % within {1e3 * late:.2f} ms (asked for 1 ms)"
        )


def run(case: str, threads: int, repeats: int, folder: Path) -> None:
    """One case."""
    if case in ASKED and not case.startswith("serve"):
        fit(case, matrix(case, folder), threads, repeats)
        return
    X = matrix("ml20m-taste", folder)
    if case.startswith("serve"):
        serve(case, X, threads, repeats)
    elif case == "one-customer":
        one_customer(X, threads)
    elif case == "memory":
        for line in peak_memory(folder / "ml20m-taste.npz", threads):
            write(f"memory, {threads} threads: {line}")
    elif case == "partial-fit":
        for line in partial_fit(X, threads, repeats):
            write(f"partial-fit, {threads} threads: {line}")
    else:
        for line in limits(X, cosine, threads, repeats):
            write(f"limits, {threads} threads: {line}")


def main() -> None:
    """Run the cases, each number of threads in a process that knows of no other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", default="2,1", help="one or several numbers")
    parser.add_argument("--matrices", type=Path, help="a folder that keeps the drawn matrices for further runs")
    options = parser.parse_args()
    cases = options.only.split(",")
    if unknown := set(cases) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if all(os.environ.get(variable) == options.threads for variable in THREAD_VARIABLES) and options.matrices:
        for case in cases:
            run(case, int(options.threads), options.repeats, options.matrices)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.matrices or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for threads in options.threads.split(","):
            own = ["--threads", threads, "--matrices", str(folder), "--repeats", str(options.repeats)]
            environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads)}
            command = [sys.executable, __file__, "--only", ",".join(cases), *own]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
