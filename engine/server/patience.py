"""How long a request is sent again and again before it is given up."""

import asyncio

from peerleap.engine.errors import EngineDead


class Patience:
    """How long a request has met nothing but trouble, and may go on to.

    Args:
        seconds: the longest time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._why = ""

    def begin(self, why: str) -> None:
        """Something went wrong."""
        self._since, self._why = self._since or asyncio.get_running_loop().time(), why

    def over(self) -> None:
        """A server was at work on the request."""
        self._since = None

    async def wait(self, pause: float, why: str) -> None:
        """Sleep, while there is patience left.

        Raises:
            EngineDead: there is not.
        """
        if self._since is None or not self._why:
            self.begin(why)
        assert self._since is not None
        if asyncio.get_running_loop().time() + pause - self._since > self._seconds:
            raise EngineDead(f"{self._why}; tried again for {self._seconds:.0f} s")
        await asyncio.sleep(pause)
