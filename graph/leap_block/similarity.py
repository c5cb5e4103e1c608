"""How alike summaries are: equation 4 of the paper."""

from collections.abc import Callable, Sequence
from functools import cache
from threading import Thread

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel, Levenshtein
from rapidfuzz.process import cdist

Matrix = list[list[float]]

# Fewer texts are compared by RapidFuzz in milliseconds. Longer ones don't fit the processor's caches.
_MANY_TEXTS = 32
_LONG_TEXT = 8192


def similarity_matrix(texts: Sequence[str], kind: str = "levenshtein") -> Matrix:
    """Similarity of every two texts, 0 to 1, symmetric.

    `levenshtein` is equation 4, `1 - distance / max(len)`; `indel` is `Levenshtein.ratio`, which the authors' code
    uses and which selects other peers.
    """
    if len(texts) < 2:
        return [[1.0] for _ in texts]
    if kind == "levenshtein" and len(texts) >= _MANY_TEXTS and max(map(len, texts)) <= _LONG_TEXT:
        distances = _distances()
        if distances is not None:
            lengths = np.array([len(text) for text in texts])
            longest = np.maximum(np.maximum.outer(lengths, lengths), 1)  # two empty texts are equal
            many: Matrix = (1.0 - distances(texts) / longest).tolist()
            return many
    scorer: Callable[..., float] = (Indel if kind == "indel" else Levenshtein).normalized_similarity
    matrix: Matrix = cdist(texts, texts, scorer=scorer, dtype=float, workers=-1).tolist()
    return matrix


def nearest(text: str, known: Sequence[str], kind: str = "levenshtein") -> float:
    """The similarity of a text to the most similar of the known ones, as in `similarity_matrix`; 0 without any."""
    scorer: Callable[..., float] = (Indel if kind == "indel" else Levenshtein).normalized_similarity
    return max((scorer(text, other) for other in known), default=0.0)


def compile_ahead(texts: int) -> None:
    """Compile, in a thread, what `similarity_matrix` of so many texts needs and would otherwise compile first."""
    if texts >= _MANY_TEXTS:
        Thread(target=_distances, name="peerleap-compile").start()


@cache
def _distances() -> Callable[[Sequence[str]], NDArray[np.int64]] | None:
    """The compiled comparison of many texts; `None` without numba, or where it finds no folder to store the code in."""
    try:
        from peerleap.graph.leap_block.levenshtein import distances
    except (ImportError, RuntimeError):
        return None
    return distances
