from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config

State = dict[str, Any]


class Node(Runnable[State, Any]):
    """A node, or a choice of nodes, for `invoke` and `ainvoke` alike.

    Unlike a `RunnableLambda`, it is no run of its own in a trace: LangGraph makes one for the node, and another one
    would hold the whole state again.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[State, RunnableConfig], Any],
        arun: Callable[[State, RunnableConfig], Awaitable[Any]],
    ) -> None:
        self.name, self._run, self._arun = name, run, arun

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """The node's update of the state, or the names of the nodes."""
        return self._run(input, config or ensure_config())

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """As `invoke`."""
        return await self._arun(input, config or ensure_config())
