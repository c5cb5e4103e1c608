"""Finds calls in a stream of text, for engines that cannot stop on a protocol's stop strings themselves."""

from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest

__all__ = ["CallDetector"]


class CallDetector:
    """Reads a completion delta by delta and reports a call as soon as its stop string is complete.

    The result does not depend on how the text is cut into deltas. A `None` for a stop string that closed no call
    means: go on reading.
    """

    def __init__(self, protocol: ToolProtocol) -> None:
        self._protocol = protocol
        self._stops = protocol.stop
        self._overlap = max((len(stop) for stop in self._stops), default=1) - 1
        self._parts: list[str] = []
        self._tail = ""
        self._length = 0
        self._passed = 0  # where the last stop string that closed no call ended

    @property
    def text(self) -> str:
        """All text read so far."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def feed(self, delta: str) -> ToolRequest | BadCall | None:
        """Adds `delta`; returns the call that it completes. `text` may go on behind the call's `end`."""
        self._parts.append(delta)
        self._length += len(delta)
        window = self._tail + delta
        self._tail = window[-self._overlap :] if self._overlap else ""
        for stop in self._stops:
            if stop in window:
                return self._check(self._length - len(window))
        return None

    def finish(self, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        """The call that the end of the completion completes."""
        return self._protocol.parse(self.text, 0, stop_reason)

    def _check(self, begin: int) -> ToolRequest | BadCall | None:
        text = self.text
        while True:
            ends = [
                (at + len(stop), stop)
                for stop in self._stops
                if (at := text.find(stop, max(begin, self._passed - len(stop) + 1))) >= 0
            ]
            if not ends:
                return None
            self._passed, stop = min(ends)
            if call := self._protocol.parse(text[: self._passed], 0, stop):
                return call
