"""Keys of LangGraph's configurations that it does not document: after an upgrade, look here first."""

from langchain_core.runnables import RunnableConfig

CHECKPOINTER = "__pregel_checkpointer"
"""Set where a graph, or one around it, stores its runs."""
TASK = "__pregel_task_id"
"""Id of the task that a node runs as; the same when the node is repeated."""
NAMESPACE = "checkpoint_ns"
"""Namespace of the checkpoint that a node's task belongs to, the task's own part last."""
SEPARATOR = "|"
"""Stands in a namespace between that of a graph and that of one inside it."""
NESTED = "__pregel_read"
"""Set where a graph runs inside another one."""
STREAMED = "__pregel_stream"
"""The same, where the outer graph streams what happens in the inner one."""


def newest(thread: str) -> RunnableConfig:
    """Configuration of a thread's latest checkpoint."""
    return {"configurable": {"thread_id": thread, NAMESPACE: ""}}
