"""Edit distances of many texts to each other, 32 at a time: a round of N paths compares N (N - 1) / 2 summaries.

numba, which comes with vLLM, compiles the inner loop when this is imported: some seconds, once on a machine.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

# Patterns that are compared at once. The compiler knows the number and puts them into vector registers.
LANES = 32
_WORD = 64
_ONE, _TOP_BIT = np.uint64(1), np.uint64(63)


@njit("void(u8[:, :, ::1], u8[:, ::1], i8[::1], i8[::1], i8, u8[:, ::1])", nogil=True, cache=True)
def _count_edits(present: Array, rows: Array, letters: Array, starts: Array, first: int, out: Array) -> None:
    """Add, to `out[text, lane]`, what `text` adds to the distance of the pattern in `lane` to an empty text.

    This is Myers' bit-vector algorithm (1999) in blocks of 64 rows (Hyyro 2003). A pattern's rows end at the top bit of
    the last word.

    Args:
        present: which rows of a pattern hold a letter, as bits: [letters, words, lanes].
        rows: which bits are rows of a pattern: [words, lanes].
        letters: the texts, one after the other.
        starts: where each text begins in `letters`, and the end of the last one: [texts + 1].
        first: the first text to compare.
        out: [texts, lanes]; modulo 2 ** 64, since it may fall.
    """
    words = rows.shape[0]
    # Whether a cell is one more or one less than its neighbour: down a column, and from a column to the next.
    down_more, down_less = np.empty_like(rows), np.empty_like(rows)
    next_more, next_less = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    for text in range(first, len(starts) - 1):
        down_more[:] = rows
        down_less[:] = 0
        for place in range(starts[text], starts[text + 1]):
            next_more[:] = 1
            next_less[:] = 0
            for word in range(words):
                equals, more_here, less_here = present[letters[place], word], down_more[word], down_less[word]
                for lane in range(LANES):
                    equal, more, less = equals[lane], more_here[lane], less_here[lane]
                    vertical = equal | less
                    equal |= next_less[lane]
                    diagonal = (((equal & more) + more) ^ more) | equal | less
                    next_up = less | ~(diagonal | more)
                    next_down = more & diagonal
                    above, below = next_more[lane], next_less[lane]
                    next_more[lane], next_less[lane] = next_up >> _TOP_BIT, next_down >> _TOP_BIT
                    next_up = next_up << _ONE | above
                    next_down = next_down << _ONE | below
                    more_here[lane] = next_down | ~(vertical | next_up)
                    less_here[lane] = next_up & vertical
            for lane in range(LANES):
                out[text, lane] += next_more[lane] - next_less[lane]


def distances(texts: Sequence[str]) -> Array:
    """Levenshtein distance of every two texts, in characters: [texts, texts], symmetric."""
    count = len(texts)
    order = sorted(range(count), key=lambda i: len(texts[i]))  # patterns of one group are about equally long
    characters = "".join(texts[i] for i in order).encode("utf-32-le", "surrogatepass")
    alphabet, letters = np.unique(np.frombuffer(characters, np.uint32), return_inverse=True)
    starts = np.cumsum([0, *(len(texts[i]) for i in order)], dtype=np.int64)
    below = np.zeros((count, count), np.int64)

    def compare(first: int) -> None:
        last = min(first + LANES, count)
        lengths = np.diff(starts[first : last + 1])
        height = max(1, -(-int(lengths[-1]) // _WORD)) * _WORD
        lane = np.repeat(np.arange(last - first), lengths)
        row = np.arange(len(lane)) - np.repeat(np.cumsum(lengths) - height, lengths)
        present = np.zeros((len(alphabet) + 1, LANES, height), np.bool_)
        present[letters[starts[first] : starts[last]], lane, row] = True
        present[-1, lane, row] = True
        bits = np.packbits(present, axis=2, bitorder="little").view("<u8").transpose(0, 2, 1)
        out = np.zeros((count, LANES), np.uint64)
        _count_edits(np.ascontiguousarray(bits[:-1]), bits[-1].copy(), letters, starts, first, out)
        below[first:, first:last] = out[first:, : last - first].view(np.int64) + lengths

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:  # the inner loop runs without the GIL
        list(threads.map(compare, range(0, count, LANES)))
    below = np.tril(below, -1)
    place = np.argsort(order)
    return (below + below.T)[np.ix_(place, place)]
