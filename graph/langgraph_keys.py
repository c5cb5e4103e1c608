"""Keys of LangGraph's configurations that it does not document: after an upgrade, look here first."""

CHECKPOINTER = "__pregel_checkpointer"
"""Set where a graph, or one around it, stores its runs."""
TASK = "__pregel_task_id"
"""Id of the task that a node runs as; the same when the node is repeated."""
NAMESPACE = "checkpoint_ns"
"""Namespace of the checkpoint that a node's task belongs to, the task's own part last."""
