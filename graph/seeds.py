"""Seeds and random generators for one purpose of one run, the same on every machine."""

from hashlib import blake2b
from random import Random


def derive_seed(seed: int, *parts: str | int) -> int:
    """A seed for one purpose of one run: independent of every other purpose, the same on every machine."""
    digest = blake2b("\x1f".join(map(str, (seed, *parts))).encode(), digest_size=4)
    return int.from_bytes(digest.digest(), "big") >> 1


def derive_random(seed: int, *parts: str | int) -> Random:
    """A random generator for one purpose of one run."""
    return Random(derive_seed(seed, *parts))  # noqa: S311
