"""Make src/crmkit/datasets/data/cdnow.npz from the files of the distribution ``lifetimes`` 0.11.3.

    pip download --no-deps lifetimes==0.11.3
    python tools/make_cdnow.py Lifetimes-0.11.3-py3-none-any.whl

The file holds the columns as whole numbers, which compress to an eighth of the text: the lines of
each customer (customers are numbered 1, 2, … in the order of the master file), the day of each line
counted from 1997-01-01, its CDs and its cents. The sample is a list of customers: its lines are
theirs in the master file, which is checked here.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np

MASTER = "lifetimes/datasets/CDNOW_master.txt"
SAMPLE = "lifetimes/datasets/CDNOW_sample.txt"
SHA256 = {
    MASTER: "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    SAMPLE: "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
}
TARGET = Path(__file__).parents[1] / "src/crmkit/datasets/data/cdnow.npz"


def read(wheel: zipfile.ZipFile, name: str, header: bool) -> list[list[str]]:
    """Return the fields of each line of one file of the wheel, whose checksum must be the known one."""
    content = wheel.read(name)
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise SystemExit(f"{name} is not the file of lifetimes 0.11.3: its checksum differs.")
    return [line.split() for line in content.decode("ascii").splitlines()[header:]]


def columns(rows: list[list[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return customer, day, CDs and cents; cents are read from the digits, not from a float."""
    customer = np.array([int(row[0]) for row in rows])
    dates = np.array([f"{row[-3][:4]}-{row[-3][4:6]}-{row[-3][6:]}" for row in rows], dtype="datetime64[D]")
    day = (dates - np.datetime64("1997-01-01")).astype(np.int64)
    cents = np.array([int(row[-1].replace(".", "")) if row[-1][-3] == "." else -1 for row in rows])
    return customer, day, np.array([int(row[-2]) for row in rows]), cents


def main(path: str) -> None:
    """Write the file."""
    with zipfile.ZipFile(path) as wheel:
        master_rows, sample_rows = read(wheel, MASTER, header=True), read(wheel, SAMPLE, header=False)
    customer, day, quantity, cents = master = columns(master_rows)
    sample = columns(sample_rows)
    lines = np.bincount(customer)[1:]
    stop = np.cumsum(lines)
    chosen = sample[0][np.sort(np.unique(sample[0], return_index=True)[1])]
    rows = np.concatenate([np.arange(stop[one - 1] - lines[one - 1], stop[one - 1]) for one in chosen])
    complete = (
        np.array_equal(customer, np.repeat(np.arange(1, len(lines) + 1), lines))
        and cents.min() >= 0
        and all(np.array_equal(whole[rows], part) for whole, part in zip(master, sample, strict=True))
    )
    if not complete:
        raise SystemExit("The sample is not a part of the master file, or a file is not in the expected order.")
    np.savez_compressed(
        TARGET,
        lines=lines.astype(np.uint16),
        day=day.astype(np.uint16),
        quantity=quantity.astype(np.uint8),
        cents=cents.astype(np.int32),
        sample=chosen.astype(np.uint16),
    )


if __name__ == "__main__":
    main(sys.argv[1])
