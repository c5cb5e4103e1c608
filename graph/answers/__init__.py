"""A path's own answer: where it stands, what it says, and which answers are equal. The vote and the graders use it."""

from peerleap.graph.answers.own_answer import canonical, detect_task, extract_answer

__all__ = ["canonical", "detect_task", "extract_answer"]
