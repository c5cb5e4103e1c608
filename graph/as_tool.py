"""A LeaP graph as a tool of an agent."""

from collections.abc import Mapping
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException

from peerleap.graph.compiled import CompiledLeapGraph
from peerleap.graph.errors import AllPathsFailed, InputError
from peerleap.graph.settings import Settings, as_settings

_DESCRIPTION = (
    "Ask a team of reasoners who work on one question side by side and learn from each other. "
    "Give the whole question; they see nothing else."
)
_ARTIFACT = ("answer", "votes", "paths", "usage")


def leap_tool(
    graph: CompiledLeapGraph,
    *,
    name: str = "ask_peers",
    description: str = _DESCRIPTION,
    context: Settings | Mapping[str, Any] | None = None,
) -> BaseTool:
    """A tool with which an agent asks the graph a question and reads its answer.

    The result's artifact has `answer`, `votes`, `paths` and `usage`; histories stay out of the agent's messages. What
    the question is to blame for, and a run in which every path failed, is told to the agent as a tool error.

    Args:
        graph: a compiled graph; without a checkpointer of its own, since an agent asks any number of questions.
        name: what the agent calls it.
        description: what the agent is told about it.
        context: settings of every run.

    Raises:
        SettingsError: a setting is unknown or out of range.
        ValueError: the graph is not compiled.
    """
    if not isinstance(graph, CompiledLeapGraph):
        raise ValueError(f"graph={graph!r}: give a compiled graph, build_graph(...).compile()")  # noqa: TRY004
    settings = as_settings(context)

    def ask(question: Annotated[str, "the whole question"], config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        try:
            return _reply(graph.invoke({"question": question}, config, context=settings))
        except (InputError, AllPathsFailed) as error:
            raise ToolException(str(error)) from error

    async def aask(
        question: Annotated[str, "the whole question"], config: RunnableConfig
    ) -> tuple[str, dict[str, Any]]:
        try:
            return _reply(await graph.ainvoke({"question": question}, config, context=settings))
        except (InputError, AllPathsFailed) as error:
            raise ToolException(str(error)) from error

    return StructuredTool.from_function(
        ask, aask, name=name, description=description, response_format="content_and_artifact", handle_tool_error=True
    )


def _reply(out: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    artifact = {key: out[key] for key in _ARTIFACT}
    if out["answer"] is None:
        return "The team found no answer.", artifact
    agreed = next((vote["votes"] for vote in out["votes"] if vote["answer"] == out["answer"]), 0)
    return f"{out['answer']}\n({agreed} of {len(out['paths'])} agree)", artifact
