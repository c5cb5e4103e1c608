"""How a path's text asks for a tool, and how the answer is written back into it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.tools import BaseTool

__all__ = ["BadCall", "StopReason", "ToolLimits", "ToolProtocol", "ToolRequest", "thought_region", "unavailable"]

StopReason = str | int | None
"""The stop string or stop token id that ended a completion; `None` for end of sequence and for a used-up budget."""

THOUGHT_END = "</think>"


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A complete call found in a path's own text."""

    name: str
    """The tool's name, as the model wrote it."""
    args: dict[str, Any]
    raw: str
    """The call as written; it ends where the answer is inserted."""
    end: int
    """Index in the parsed text right behind the call."""

    @property
    def id(self) -> str:
        """The same text at the same place has the same id, so a replayed run repeats it."""
        return f"call_{hashlib.sha256(f'{self.end}:{self.raw}'.encode(errors='replace')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class BadCall:
    """A call that is complete but cannot be read; `message` is told to the model."""

    message: str
    raw: str
    end: int


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What one path may spend on tools."""

    calls: int = 8
    """Calls per path."""
    seconds: float = 10.0
    """Seconds per call."""
    chars: int = 1000
    """Characters of one result; a tool's `metadata["max_chars"]` goes first."""
    path_seconds: float = 60.0
    """Seconds of all calls of a path together."""

    def __post_init__(self) -> None:
        for name in ("calls", "chars"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r} is negative")
        for name in ("seconds", "path_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} is not above 0 seconds")


class ToolProtocol(Protocol):
    """The seam between generated text and tools: every method is a pure function of its arguments.

    `render` returns final text. Encode it as it is: what came from outside is harmless in it already, and its special
    tokens, where a protocol has any, are meant.
    """

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Stop strings of the engine while the path may call tools."""

    @property
    def stop_token_ids(self) -> tuple[int, ...]:
        """Stop tokens of the engine while the path may call tools."""

    @property
    def keep_stop(self) -> bool:
        """Whether `parse` needs the stop string in the text (`include_stop_str_in_output`)."""

    @property
    def skip_special_tokens(self) -> bool:
        """Whether the engine may leave special tokens out of the text."""

    @property
    def markers(self) -> tuple[str, ...]:
        """Texts that steer this protocol; broken in every tool result and every peer's comment."""

    @property
    def in_thought(self) -> bool:
        """Whether calls count inside `<think>`."""

    @property
    def nudge(self) -> str:
        """Text that opens a call on the path's behalf; empty for none."""

    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        """What to tell the model in its prompt; `markers` are the model's own, broken in the tools' definitions."""

    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        """The `tools=` of `apply_chat_template`, for native protocols; `markers` as for `hint`."""

    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        """The first complete call in `text[start:]`, which must be text the path itself generated."""

    def pending(self, text: str, start: int = 0) -> int | None:
        """Where a call begins that `text` does not finish: nothing should be inserted behind it."""

    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        """The text to append behind `call`; `remaining` calls are told to the model unless it is `None`."""


def thought_region(text: str, start: int, *, in_thought: bool, in_answer: bool) -> tuple[int, int]:
    """The part of `text[start:]` that may hold calls, as a slice; empty when there is none."""
    close = text.find(THOUGHT_END)
    if in_thought and in_answer:
        return start, len(text)
    if in_thought:
        return start, len(text) if close < 0 else max(start, close)
    if close >= 0:
        return max(start, text.rfind(THOUGHT_END) + len(THOUGHT_END)), len(text)
    return (len(text) if "<think>" in text else start), len(text)


def unavailable(artifact: Any) -> bool:
    """Whether a tool says why it could not answer: `{"unavailable": "..."}`, as search and pages do.

    Any tool may have an artifact of its own, with a field of that name and another value.
    """
    return isinstance(artifact, dict) and isinstance(artifact.get("unavailable"), str)
