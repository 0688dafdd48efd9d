"""Kernels that read contracts: when the latest one began, and whether it has ended."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def find_tenure(start, stop, codes, as_ofs, stops, pointers, time, states, period, out):
    """Renewals that the latest contract of each row has survived, and whether it has ended.

    `states` holds 1 for events that start a contract, 2 for those that end one, else 0. `out`, of
    shape (2, n), receives NaN for a row that sees no start. A renewal is due each `period` after the
    start; it is survived if it is due before the end of the contract, or before as_of.
    """
    for row in range(start, stop):
        began = np.int64(-1)
        ended = np.int64(-1)
        for position in range(stops[row] - 1, pointers[codes[row]] - 1, -1):
            if states[position] == 2:
                ended = np.int64(position)  # of several ends the first counts, which is read last
            elif states[position] == 1:
                began = np.int64(position)
                break
        if began < 0:
            out[0, row] = np.nan
            out[1, row] = np.nan
            continue
        until = time[ended] if ended >= 0 else as_ofs[row]
        out[0, row] = max((until - time[began] - 1) // period, 0)
        out[1, row] = 1.0 if ended >= 0 else 0.0
