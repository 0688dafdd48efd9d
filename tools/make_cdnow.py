"""Make src/crmkit/datasets/data/cdnow.npz from the files of the distribution ``lifetimes`` 0.11.3.

    pip download --no-deps lifetimes==0.11.3
    python tools/make_cdnow.py Lifetimes-0.11.3-py3-none-any.whl

The file holds the columns as whole numbers (customers are numbered 1, 2, … in the order of the master
file), coded by what `crmkit.datasets` expects of each after reading those before it. So the library's
own reader runs here too, is told the numbers that it is to find, and notes what it expected. The
sample is a list of customers: its lines are theirs in the master file, which is checked here.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np

from crmkit.datasets import load_cdnow
from crmkit.datasets._cdnow import decode
from crmkit.datasets._lanes import LANES, WHOLE, LaneReader

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
    above = np.where(quantity < 6, cents // 16_384, 0)
    joined, numbers = numbers_to_find(lines, chosen, day, quantity, cents - 16_384 * above)
    above = np.repeat(np.arange(len(cents)), above)
    writer = Writer(numbers)
    decode(writer, joined, above)
    np.savez(TARGET, words=writer.words_of_notes(), joined=joined.astype("<u2"), above=above.astype("<u4"))
    for whole, positions in ((True, np.arange(len(day))), (False, rows)):
        frame = load_cdnow(sample=not whole)
        days = (frame["date"] - np.datetime64("1997-01-01")).dt.days
        found = frame["customer_id"], days, frame["quantity"], frame["value"] * 100
        if not all(np.array_equal(one.round(), column[positions]) for one, column in zip(found, master, strict=True)):
            raise SystemExit("What was written is not read back.")


def numbers_to_find(
    lines: np.ndarray, chosen: np.ndarray, day: np.ndarray, quantity: np.ndarray, cents: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the customers by day, and what `decode` reads, in its order."""
    owner = np.repeat(np.arange(len(lines)), lines)
    start = np.cumsum(lines) - lines
    first, step = day[start], np.diff(day, prepend=0)
    step[start] = -1
    # The day on which most of 31 customers in a row bought first, which does not go back.
    around = [np.bincount(first[max(0, at - 15) : at + 16]).argmax() for at in range(len(first))]
    main = np.maximum.accumulate(around)
    found = [lines, (first - main) % 90]
    for low, high in ((2, 3), (3, 6), (6, 12), (12, 256)):
        found.append(step[(step >= 0) & ((low <= lines) & (lines < high))[owner]])
    found += [np.diff(np.sort(chosen), prepend=0), quantity]
    by_day = np.argsort(day, kind="stable")
    found.append(cents[by_day[quantity[by_day] == 1]])
    for rows in np.split(by_day, np.searchsorted(day[by_day], [137, 273, 410])):
        found += [cents[rows[quantity[rows] == several]] for several in range(2, 6)]
    many = quantity > 5
    steps = 64 * quantity[many]
    found += [cents[many] // steps, cents[many] % steps]
    return np.bincount(main, minlength=90), found


class Writer(LaneReader):
    """The reader, told what it is to find."""

    def __init__(self, numbers: list[np.ndarray]) -> None:
        self.numbers = np.concatenate(numbers)
        self.notes: list[tuple[np.ndarray, np.ndarray]] = []

    def _find(self, n: int, *_: object) -> np.ndarray:
        found, self.numbers = self.numbers[:n], self.numbers[n:]
        return found

    def _advance(self, low: np.ndarray, size: np.ndarray) -> None:
        self.notes.append((low, size))

    def words_of_notes(self) -> np.ndarray:
        """Return what the reader needs to find the same: it is written from the end to the beginning."""
        if len(self.numbers):
            raise SystemExit("The reader asked for fewer numbers than there are.")
        states, words = np.full(LANES, 1 << 31, dtype=np.int64), []
        for low, size in reversed(self.notes):
            now = states[: len(size)]
            large = np.flatnonzero(now >> 33 >= size)
            words.append(now[large] % (1 << 32))
            now[large] >>= 32
            now[:] = now // size * WHOLE + low + now % size
        return np.concatenate([states >> 32, states % (1 << 32), *reversed(words)]).astype("<u4")


if __name__ == "__main__":
    main(sys.argv[1])
