"""How alike summaries are: equation 4 of the paper."""

from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz.distance import Indel, Levenshtein
from rapidfuzz.process import cdist

from peerleap.graph.leap_block.levenshtein import distances, kernel

Matrix = list[list[float]]

# Below, RapidFuzz is done before the vector kernel is compiled. Longer texts don't fit the processor's caches.
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
        compiled = kernel()
        if compiled is not None:
            lengths = np.array([len(text) for text in texts])
            longest = np.maximum(np.maximum.outer(lengths, lengths), 1)  # two empty texts are equal
            many: Matrix = (1.0 - distances(texts, compiled) / longest).tolist()
            return many
    scorer: Callable[..., float] = (Indel if kind == "indel" else Levenshtein).normalized_similarity
    matrix: Matrix = cdist(texts, texts, scorer=scorer, dtype=float, workers=-1).tolist()
    return matrix
