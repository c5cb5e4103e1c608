"""gpt-oss calls: a message addressed to a tool, read and written as text with its special tokens."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from langchain_core.tools import BaseTool
from typing_extensions import override

from peerleap.tools import prompts
from peerleap.tools.limits import ToolLimits
from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest
from peerleap.tools.protocols.json_call import read_arguments
from peerleap.tools.untrusted import neutralise

_CALL, _MESSAGE = "<|call|>", "<|message|>"
_NEEDED = ("<|start|>", "<|channel|>", _MESSAGE, _CALL, "<|end|>")
_BORDERS = ("<|end|>", "<|return|>", _CALL)
_RECIPIENT = re.compile(r"\bto=(?P<name>[\w.\-]+)")


@dataclass(frozen=True, slots=True)
class HarmonyProtocol(ToolProtocol):
    """`<|channel|>commentary to=functions.f <|message|>{...}<|call|>`, and raw code to the built-in `python`."""

    argument: str = "code"
    """The Python tool's argument that takes raw code."""
    name: str = "harmony"
    stop: tuple[str, ...] = (_CALL,)
    stop_token_ids: tuple[int, ...] = ()
    """The token of `<|call|>`, which differs between vocabularies."""
    markers: tuple[str, ...] = (
        *("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>"),
    )
    in_thought: bool = True

    @classmethod
    def from_tokenizer(cls, tokenizer: Any) -> Self:
        """The protocol with the stop token of the model's own vocabulary.

        Args:
            tokenizer: the model's tokenizer, as `transformers` loads it.

        Returns:
            A protocol that stops on the id of `<|call|>`.

        Raises:
            ValueError: the vocabulary lacks a control token of gpt-oss, or there is no chat template.
        """
        ids = {text: tokenizer.encode(text, add_special_tokens=False) for text in _NEEDED}
        if missing := [text for text in _NEEDED if len(ids[text]) != 1]:
            raise ValueError(f"the vocabulary has no token {missing[0]!r}: use the fence protocol")
        if not tokenizer.chat_template:
            raise ValueError("the model has no chat template that could describe the tools: use the fence protocol")
        return cls(stop_token_ids=tuple(ids[_CALL]))

    @override
    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        spend = prompts.limits(tools, limits, (*self.markers, *markers))
        return prompts.NATIVE.format(calls=limits.calls, limits=spend) if tools else ""

    @override
    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        return prompts.functions(tools, (*self.markers, *markers))

    @override
    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        close = text.find(_CALL, start)
        end = close + len(_CALL)
        if close < 0:
            # Engines that keep the stop token's text back still name the token.
            if stop_reason not in (_CALL, *self.stop_token_ids):
                return None
            close = end = len(text)
        opening = max(start, *(text.rfind(mark, start, close) + len(mark) for mark in _BORDERS))
        raw = text[opening:end]
        head, found, body = text[opening:close].partition(_MESSAGE)
        recipient = _RECIPIENT.search(head)
        if not found or recipient is None:
            return BadCall(prompts.HARMONY_NO_TOOL, raw, end)
        name = recipient["name"].removeprefix("functions.")
        if recipient["name"] == "python":
            return ToolRequest(name, {self.argument: body}, raw, end)
        return read_arguments(name, body, raw, end)

    @override
    def pending(self, text: str, start: int = 0) -> int | None:
        opening = max(start, *(text.rfind(mark, start) + len(mark) for mark in _BORDERS))
        return opening if _RECIPIENT.search(text[opening:].partition(_MESSAGE)[0]) else None

    @override
    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        recipient = _RECIPIENT.search(call.raw.partition(_MESSAGE)[0])
        tool = recipient["name"] if recipient else "functions.unknown"
        channel = "analysis" if tool == "python" else "commentary"
        left = f"\n{prompts.left(remaining)}".rstrip()
        close = "" if call.raw.endswith(_CALL) else _CALL
        body = neutralise(result, self.markers)
        answer = f"<|start|>{tool} to=assistant<|channel|>{channel}<|message|>{body}{left}<|end|>"
        return f"{close}{answer}<|start|>assistant"
