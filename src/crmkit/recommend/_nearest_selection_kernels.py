"""The best of many numbers."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._wide_floats import first_bit

__all__ = ["kth_largest", "sort_items"]


@kernel
def kth_largest(values, n, k):
    """Return the k-th largest of the first n values, 1 <= k <= n; they are put into another order."""
    left = 0
    right = n - 1
    place = k - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i = left
        j = right
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            right = j
        elif place >= i:
            left = i
        else:
            break
    return values[place]


@kernel
def sort_items(items, n, words, groups):
    """Sort the first n items, all different: each sets a bit, and bits are read in order.

    `words` has 32 items in each number and `groups` 32 words; all are 0 before and after.
    """
    for place in range(n):
        item = np.int64(items[place])
        word = item >> 5
        words[word] |= 1 << (item & 31)
        groups[word >> 5] |= 1 << (word & 31)
    filled = 0
    for group in range(len(groups)):
        filled_words = groups[group]
        groups[group] = 0
        while filled_words != 0:
            full = (group << 5) | first_bit(filled_words)
            filled_words &= filled_words - 1
            bits = words[full]
            words[full] = 0
            while bits != 0:
                items[filled] = (full << 5) | first_bit(bits)
                bits &= bits - 1
                filled += 1
