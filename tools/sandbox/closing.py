"""What ends with a `with` block."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Closed by the end of a `with` block."""

    @abstractmethod
    def close(self) -> None:
        """End what it has started. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClosing(Closing):
    """Closed by the end of a `with` block or of an `async with` block."""

    @abstractmethod
    async def aclose(self) -> None:
        """`close` for an event loop."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
