"""Compiled and plain number ids alike, on arrays that cannot be written."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest

from crmkit._frames import _ids, _ids_kernels

COLUMNS = {
    "dense": np.arange(700) % 37,
    "sparse": (np.arange(700) % 37) * 7_919_000_000_003,
    "text": np.array([f"客{number % 37}" for number in range(700)], dtype=object),
    "long text": np.array([f"more than sixteen bytes {number % 37}" for number in range(700)], dtype=object),
    "many": np.arange(1_500)[::-1] * 10**12,
    "many texts": np.array([str(number) for number in range(1_500)], dtype=object),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_plain_python_gives_the_same(name, n_threads, monkeypatch):
    values = COLUMNS[name].copy()
    values.flags.writeable = False
    column = nw.from_native(pd.Series(values, name="id", copy=False), series_only=True)
    compiled = _ids.factorize(column, "customer")
    run = _ids.run_in_ranges
    monkeypatch.setattr(_ids, "run_in_ranges", lambda *args: run(*args, threads=n_threads, minimum=1))
    threaded = _ids.factorize(column, "customer")
    for kernel in [key for key in vars(_ids) if hasattr(getattr(_ids_kernels, key, None), "py_func")]:
        monkeypatch.setattr(_ids, kernel, getattr(_ids_kernels, kernel).py_func)
    with np.errstate(over="ignore"):  # hashes overflow on purpose
        plain = _ids.factorize(column, "customer")
    for codes, uniques in (threaded, plain):
        assert codes.tolist() == compiled[0].tolist()
        assert uniques.tolist() == compiled[1].tolist()
