"""Standard output of a cell: the head and the tail are kept, the middle is counted and hashed."""

import hashlib
import io

_PIECE = 1 << 20  # characters


class Capture(io.TextIOBase):
    """A text stream that never holds more than `limit` characters of each end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget everything written."""
        self._head: list[str] = []
        self._room = self._limit
        self._tail = ""
        self._total = 0
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        """Always."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, for programs that ask."""
        return "utf-8"

    def write(self, text: str) -> int:
        """Keep what fits; returns the length of `text`, as streams do."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._total += len(text)
        _feed(self._hash, text)
        rest = text
        if self._room:
            self._head.append(text[: self._room])
            rest = text[self._room :]
            self._room -= len(text) - len(rest)
        if rest:
            self._tail = (self._tail + rest[-self._limit :])[-self._limit :]
        return len(text)

    def excerpt(self) -> dict[str, object]:
        """What was written, as `excerpt` reports any text."""
        digest = self._hash.hexdigest()
        return {"head": "".join(self._head), "tail": self._tail, "total": self._total, "sha256": digest}


def excerpt(text: str, limit: int) -> dict[str, object]:
    """The first and last `limit` characters of a text, its length, and the SHA-256 of all of it."""
    whole = hashlib.sha256()
    _feed(whole, text)
    return {"head": text[:limit], "tail": text[limit:][-limit:], "total": len(text), "sha256": whole.hexdigest()}


def _feed(whole: "hashlib._Hash", text: str) -> None:
    # In pieces: an output that fits into the session's memory once need not fit twice.
    for start in range(0, len(text), _PIECE):
        whole.update(text[start : start + _PIECE].encode("utf-8", "surrogatepass"))
