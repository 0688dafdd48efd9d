"""The best of many numbers."""

from __future__ import annotations

from crmkit._numba import kernel

__all__ = ["kth_largest"]


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
