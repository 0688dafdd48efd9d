"""Kernels that turn identifiers into codes."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

_FIBONACCI = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: Knuth, TAOCP 3, 6.4


@kernel
def mark_present(start, stop, values, low, present):
    """Set a flag for each value of a dense range."""
    for row in range(start, stop):
        present[values[row] - low] = 1


@kernel
def remap_dense(start, stop, values, low, ranks, codes):
    """Codes of the values of a dense range."""
    for row in range(start, stop):
        codes[row] = ranks[values[row] - low]


@kernel
def subtract(start, stop, values, low, codes):
    """Codes of the values of a range that has no holes."""
    for row in range(start, stop):
        codes[row] = values[row] - low


@kernel
def remap_codes(start, stop, ranks, codes):
    """Replace each code by its rank, in place; missing codes stay."""
    for row in range(start, stop):
        if codes[row] >= 0:
            codes[row] = ranks[codes[row]]


# Looking up one row after the other costs a cache miss and often a mispredicted branch each time,
# some 100 ns. So rows are taken in blocks: first all slots are read, without a branch between the
# reads, then all keys are compared, and only what did not match at its first slot is probed.
# The tables come from the caller, who asks numpy for them: numpy's large arrays lie on huge pages,
# arrays made inside a kernel do not.
_BLOCK = 256


@kernel
def _int_slot(value, table):
    return np.int64((np.uint64(value) * _FIBONACCI) >> np.uint64(32)) & (len(table) - 1)


@kernel
def _find_int(value, table, keys):
    """The slot that holds a value, or the free slot where it belongs."""
    slot = _int_slot(value, table)
    while table[slot] >= 0 and keys[table[slot]] != value:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@kernel
def rehash_ints(count, table, keys):
    """Enter the first keys into an empty table."""
    for code in range(count):
        table[_find_int(keys[code], table, keys)] = code


@kernel
def hash_int_codes(start, stop, count, values, codes, table, keys):
    """Number the values of a range of rows by first appearance.

    Open addressing with linear probing. Returns the row before which the keys were full (`stop`
    when they sufficed) and the count of keys.
    """
    guesses = np.empty(_BLOCK, np.int32)
    matches = np.empty(_BLOCK, np.bool_)
    for block in range(start, stop, _BLOCK):
        size = min(_BLOCK, stop - block)
        for j in range(size):
            guesses[j] = table[_int_slot(values[block + j], table)]
        for j in range(size):
            matches[j] = (keys[max(guesses[j], 0)] == values[block + j]) & (guesses[j] >= 0)
        for j in range(size):
            if matches[j]:
                codes[block + j] = guesses[j]
                continue
            value = values[block + j]
            slot = _find_int(value, table, keys)
            if table[slot] < 0:
                if count == len(keys):
                    return block + j, count
                table[slot] = count
                keys[count] = value
                count += 1
            codes[block + j] = table[slot]
    return stop, count


# Texts are read eight bytes at a time: `words` is the buffer of all texts as little-endian 64-bit
# words, with at least 16 bytes of padding behind the last text. What a table knows of a text stands
# in one cache line: its first 16 bytes, length, first byte and first row.
_WORD_0, _WORD_1, _LENGTH, _LEFT, _ROW = 0, 1, 2, 3, 7


@kernel
def _word(words, left, length):
    """The up to eight bytes that begin at `left`, zero behind the end of the text."""
    if length <= 0:
        return np.uint64(0)
    position = left >> 3
    shift = np.uint64(8 * (left & 7))
    # Shifted twice, since a shift by 64 is undefined.
    value = (words[position] >> shift) | ((words[position + 1] << np.uint64(1)) << (np.uint64(63) - shift))
    if length >= 8:
        return value
    return value & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))


@kernel
def _hash_text(words, left, length):
    """A 64-bit hash: multiply and fold for every eight bytes."""
    state = np.uint64(length) * _FIBONACCI
    for done in range(0, length, 8):
        state = (state ^ _word(words, left + done, length - done)) * _FIBONACCI
        state = state ^ (state >> np.uint64(32))
    state = state * _FIBONACCI
    return np.int64(state ^ (state >> np.uint64(29)))


@kernel
def _is_text(words, left, length, texts, code):
    """Whether the text of a code is the text at `left`."""
    if (
        texts[code, _LENGTH] != length
        or texts[code, _WORD_0] != np.int64(_word(words, left, length))
        or texts[code, _WORD_1] != np.int64(_word(words, left + 8, length - 8))
    ):
        return False
    for done in range(16, length, 8):
        if _word(words, left + done, length - done) != _word(words, texts[code, _LEFT] + done, length - done):
            return False
    return True


@kernel
def _find_text(words, left, length, table, texts):
    """The slot that holds a text, or the free slot where it belongs."""
    mask = len(table) - 1
    slot = _hash_text(words, left, length) & mask
    while table[slot] >= 0 and not _is_text(words, left, length, texts, table[slot]):
        slot = (slot + 1) & mask
    return slot


@kernel
def rehash_texts(count, words, table, texts):
    """Enter the first texts into an empty table."""
    for code in range(count):
        table[_find_text(words, texts[code, _LEFT], texts[code, _LENGTH], table, texts)] = code


@kernel
def _enter_text(words, left, length, row, slot, count, table, texts):
    table[slot] = count
    texts[count, _WORD_0] = np.int64(_word(words, left, length))
    texts[count, _WORD_1] = np.int64(_word(words, left + 8, length - 8))
    texts[count, _LENGTH] = length
    texts[count, _LEFT] = left
    texts[count, _ROW] = row


@kernel
def hash_text_codes(start, stop, count, offsets, words, codes, table, texts):
    """Number the texts of a range of rows by first appearance.

    Returns the row before which the texts were full (`stop` when they sufficed) and their count.
    The last column of `texts` holds the row that has each text first.
    """
    guesses = np.empty(_BLOCK, np.int32)
    matches = np.empty(_BLOCK, np.bool_)
    for block in range(start, stop, _BLOCK):
        size = min(_BLOCK, stop - block)
        for j in range(size):
            left = offsets[block + j]
            slot = _hash_text(words, left, offsets[block + j + 1] - left) & (len(table) - 1)
            guesses[j] = table[slot]
        for j in range(size):
            left = offsets[block + j]
            length = offsets[block + j + 1] - left
            guess = max(guesses[j], 0)
            matches[j] = (
                (guesses[j] >= 0)
                & (texts[guess, _LENGTH] == length)
                & (texts[guess, _WORD_0] == np.int64(_word(words, left, length)))
                & (texts[guess, _WORD_1] == np.int64(_word(words, left + 8, length - 8)))
                & (length <= 16)
            )
        for j in range(size):
            if matches[j]:
                codes[block + j] = guesses[j]
                continue
            row = block + j
            left = offsets[row]
            length = offsets[row + 1] - left
            slot = _find_text(words, left, length, table, texts)
            if table[slot] < 0:
                if count == len(texts):
                    return row, count
                _enter_text(words, left, length, row, slot, count, table, texts)
                count += 1
            codes[row] = table[slot]
    return stop, count


@kernel
def merge_text_codes(offsets, words, rows, count, table, texts, ranks):
    """Find the texts of some rows in a table with enough room, entering the new ones.

    Returns the count of texts; `ranks` receives the code of each row.
    """
    for position in range(len(rows)):
        left = offsets[rows[position]]
        length = offsets[rows[position] + 1] - left
        slot = _find_text(words, left, length, table, texts)
        if table[slot] < 0:
            _enter_text(words, left, length, rows[position], slot, count, table, texts)
            count += 1
        ranks[position] = table[slot]
    return count


@kernel
def pack_words(offsets, data, rows, longest):
    """The texts as big-endian 64-bit words, first word first, so that number order is byte order.

    The order of UTF-8 bytes is the order of code points, as in numpy and Python.
    """
    words = np.zeros(((longest + 7) // 8 if longest > 0 else 1, len(rows)), np.uint64)
    for position in range(len(rows)):
        left = offsets[rows[position]]
        for byte in range(offsets[rows[position] + 1] - left):
            shift = np.uint64(56 - 8 * (byte & 7))
            words[byte >> 3, position] |= np.uint64(data[left + byte]) << shift
    return words
