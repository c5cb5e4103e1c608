"""How a path's text asks for a tool, and how the answer is written back into it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.tools import BaseTool

from peerleap.tools.limits import ToolLimits

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
    """A call that is complete but cannot be read; the model reads `message`."""

    message: str
    raw: str
    end: int


class ToolProtocol(Protocol):
    """The seam between generated text and tools: every method is a pure function of its arguments."""

    @property
    def name(self) -> str:
        """The name in settings and team files."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Stop strings of the engine while the path may call tools; `parse` needs them in the text."""
        ...

    @property
    def stop_token_ids(self) -> tuple[int, ...]:
        """Stop tokens of the engine while the path may call tools."""
        ...

    @property
    def markers(self) -> tuple[str, ...]:
        """Texts that steer this protocol; neutralised in every tool result and every peer's comment."""
        ...

    @property
    def in_thought(self) -> bool:
        """Whether calls count inside `<think>`."""
        ...

    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        """What the prompt says about the tools.

        Args:
            tools: the peer's tools.
            limits: what one path may spend on them.
            markers: the model's own control texts, neutralised in the tools' definitions.

        Returns:
            Text for the prompt; empty where the chat template says it all.
        """
        ...

    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        """The `tools=` of `apply_chat_template`.

        Args:
            tools: the peer's tools.
            markers: as for `hint`.

        Returns:
            Definitions in OpenAI's form for native protocols, else `None`.
        """
        ...

    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        """Find the first complete call.

        Args:
            text: text that the path itself generated, decoded with its special tokens.
            start: index from which to look.
            stop_reason: what ended the completion.

        Returns:
            The call; `None` where there is none, which means: generate on.
        """
        ...

    def pending(self, text: str, start: int = 0) -> int | None:
        """The index where an unfinished call begins; nothing should be inserted behind it."""
        ...

    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        """The text to append behind a call.

        Args:
            call: what `parse` returned.
            result: the tool's answer; neutralised here against the protocol's own markers.
            remaining: calls that are left, named in the text; `None` names none.

        Returns:
            Final text: encode it as it is. Special tokens of a native protocol in it are meant.
        """
        ...


def thought_region(text: str, start: int, *, in_thought: bool, in_answer: bool) -> tuple[int, int]:
    """The part of `text[start:]` that may hold calls.

    Args:
        text: text that a path generated.
        start: index from which to look.
        in_thought: whether calls count before `</think>`.
        in_answer: whether calls count behind it.

    Returns:
        Start and end of a slice of `text`; empty where no call can be.
    """
    close = text.find(THOUGHT_END)
    if in_thought and in_answer:
        return start, len(text)
    if in_thought:
        return start, len(text) if close < 0 else max(start, close)
    if close >= 0:
        return max(start, text.rfind(THOUGHT_END) + len(THOUGHT_END)), len(text)
    return (len(text) if "<think>" in text else start), len(text)


def unavailable(artifact: Any) -> bool:
    """Whether a tool could not answer and says why, as search and pages do: `{"unavailable": "<reason>"}`.

    Args:
        artifact: any tool's artifact. One of another shape, or with another type under that key, says nothing.

    Returns:
        True for an artifact with a text under `unavailable`.
    """
    return isinstance(artifact, dict) and isinstance(artifact.get("unavailable"), str)
