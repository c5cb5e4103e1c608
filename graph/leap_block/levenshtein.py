"""Edit distances of many texts to each other, eight at a time in vector registers.

A round of N paths compares N (N - 1) / 2 summaries. RapidFuzz does 64 cells of a distance's table per step, this does
512 of eight tables. The kernel is `levenshtein.ll`; llvmlite, which comes with vLLM, compiles it for the machine.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 8
_WORD = 64

Kernel = Callable[..., None]
Integers = NDArray[Any]


@cache
def kernel() -> Kernel | None:
    """The compiled `distances` of `levenshtein.ll`; `None` where llvmlite is missing or knows an older LLVM."""
    try:
        from llvmlite import binding as llvm
    except ImportError:
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        module = llvm.parse_assembly(
            (files("peerleap.graph.leap_block") / "levenshtein.ll").read_text(encoding="ascii")
        )
    except RuntimeError:
        return None
    machine = llvm.Target.from_default_triple().create_target_machine(
        opt=3, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    # A foreign function runs without the GIL: one thread per core.
    function = ctypes.CFUNCTYPE(None, *[pointer] * 5, *[number] * 3, pointer)(engine.get_function_address("distances"))
    function.engine = engine  # type: ignore[attr-defined]  # it owns the machine code
    return function


def distances(texts: Sequence[str], kernel: Kernel) -> Integers:
    """Levenshtein distance of every two texts, in characters: [texts, texts], symmetric."""
    count = len(texts)
    order = sorted(range(count), key=lambda i: len(texts[i]))  # patterns of one group are about equally long
    letters = np.frombuffer("".join(texts[i] for i in order).encode("utf-32-le", "surrogatepass"), np.uint32)
    seen = np.zeros(int(letters.max(initial=0)) + 1, np.bool_)
    seen[letters] = True
    alphabet = np.flatnonzero(seen)
    codes = (np.cumsum(seen, dtype=np.int32) - 1)[letters]
    starts = np.cumsum([0, *(len(texts[i]) for i in order)], dtype=np.int64)
    sorted_distances = np.zeros((count, count), np.int64)

    def group(first: int) -> None:
        last = min(first + LANES, count)
        words = max(1, -(-int(starts[last] - starts[last - 1]) // _WORD))
        lengths = np.diff(starts[first : last + 1])
        lane = np.repeat(np.arange(last - first), lengths)
        place = np.arange(len(lane)) - np.repeat(starts[first:last] - starts[first], lengths)
        present = np.zeros((last - first, len(alphabet) + 1, words * _WORD), np.bool_)
        present[lane, codes[starts[first] : starts[last]], place] = True
        present[lane, -1, place] = True
        bits = np.packbits(present, axis=2, bitorder="little").view("<u8").transpose(1, 2, 0)
        peq, places = _aligned(len(alphabet), words, LANES), _aligned(words, LANES)
        peq[:, :, : last - first], places[:, : last - first] = bits[:-1], bits[-1]
        column, out = _aligned(words, 2, LANES), _aligned(count - first, LANES)
        pointers = [array.ctypes.data for array in (peq, places, column, codes, starts)]
        kernel(*pointers, words, first, count, out.ctypes.data)
        sorted_distances[first:, first:last] = out[:, : last - first]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        list(threads.map(group, range(0, count, LANES)))
    lower = np.tril(sorted_distances, -1)
    place = np.argsort(order)
    return (lower + lower.T)[np.ix_(place, place)]


def _aligned(*shape: int) -> Integers:
    """Zeros that begin where a vector register may load them from."""
    size = int(np.prod(shape)) * 8
    room = np.zeros(size + _WORD, np.uint8)
    offset = -room.ctypes.data % _WORD
    return room[offset : offset + size].view(np.uint64).reshape(shape)
