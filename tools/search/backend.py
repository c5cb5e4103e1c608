"""The seam to a search engine."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One result, as the engine gave it: untrusted text."""

    title: str
    url: str
    snippet: str
    date: str = ""
    """When the page was published, where the engine says so."""


class SearchError(Exception):
    """The engine gave no answer; the message says why in words that a model may read."""

    def __init__(self, reason: str, *, retry_after: float | None = None, lasting: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds that the engine wants to be left alone for."""
        self.lasting = lasting
        """Whether asking again cannot help."""


class SearchBackend(Protocol):
    """A search engine. It needs no cache, limits or retries: `SearchClient` has them.

    Answers are cached under its name and, where it is a dataclass, by the fields that it is compared by.
    """

    @property
    def name(self) -> str:
        """Different for engines, and for options that are no such fields, that answer differently."""
        ...

    async def search(self, query: str, count: int) -> list[SearchHit]:
        """At most `count` hits, best first; empty when there are none. Raises `SearchError`."""
        ...
