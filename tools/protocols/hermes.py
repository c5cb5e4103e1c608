"""Native calls of Hermes and Qwen models: `<tool_call>` JSON outside the thought, answered by a turn of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from langchain_core.tools import BaseTool
from typing_extensions import override

from peerleap.tools import prompts
from peerleap.tools.limits import ToolLimits
from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest, thought_region
from peerleap.tools.protocols.json_call import CALL, CALL_END, CALL_MARKERS, last_opening, read_call
from peerleap.tools.untrusted import neutralise

_RESULT = "PEERLEAP-TOOL-RESULT"


@dataclass(frozen=True, slots=True)
class HermesProtocol(ToolProtocol):
    """Calls as the chat template has them. They end the assistant's turn, and count only outside `<think>`."""

    before: str = "<|im_end|>\n<|im_start|>user\n<tool_response>\n"
    """What the template puts between a call and its answer."""
    after: str = "\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    """What it puts between the answer and the next turn of the model."""
    name: str = "hermes"
    stop: tuple[str, ...] = (CALL_END,)
    stop_token_ids: tuple[int, ...] = ()
    markers: tuple[str, ...] = (*CALL_MARKERS, "<|im_start|>", "<|im_end|>", "<|endoftext|>")
    in_thought: bool = False

    @classmethod
    def from_tokenizer(cls, tokenizer: Any) -> Self:
        """The protocol with the turn markers of the model's own chat template.

        Whole conversations are not compared: templates that drop earlier thoughts rewrite what was already generated.

        Args:
            tokenizer: the model's tokenizer, as `transformers` loads it.

        Returns:
            A protocol whose answers stand between the template's own turn markers.

        Raises:
            ValueError: there is no chat template, or it writes no call in `<tool_call>`.
        """
        if not tokenizer.chat_template:
            raise ValueError("the model has no chat template that could describe the tools: use the fence protocol")
        call = {"type": "function", "function": {"name": "f", "arguments": {"x": "1"}}}
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "name": "f", "content": _RESULT},
        ]
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        close, result = text.rfind(CALL_END, 0, text.find(_RESULT)), text.find(_RESULT)
        if min(close, result) < 0:
            raise ValueError(f"the chat template writes no {CALL_END!r} before a tool's answer: use the fence protocol")
        protocol = cls(before=text[close + len(CALL_END) : result], after=text[result + len(_RESULT) :])
        specials = tuple(map(str, getattr(tokenizer, "all_special_tokens", ())))
        return replace(protocol, markers=tuple(dict.fromkeys((*protocol.markers, *specials))))

    @override
    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        spend = prompts.limits(tools, limits, (*self.markers, *markers))
        return prompts.NATIVE.format(calls=limits.calls, limits=spend) if tools else ""

    @override
    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        return prompts.functions(tools, (*self.markers, *markers))

    @override
    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        start, limit = thought_region(text, start, in_thought=False, in_answer=True)
        opening = text.find(CALL, start, limit)
        close = text.find(CALL_END, opening, limit) if opening >= 0 else -1
        if close < 0:
            return None
        end = close + len(CALL_END)
        # The last opening: a model that talks about the tag names it before it uses it.
        opening = max(opening, last_opening(text, opening, close))
        return read_call(text[opening + len(CALL) : close], text[opening:end], end)

    @override
    def pending(self, text: str, start: int = 0) -> int | None:
        start, limit = thought_region(text, start, in_thought=False, in_answer=True)
        opening = last_opening(text, start, limit)
        return None if opening < 0 or text.find(CALL_END, opening, limit) >= 0 else opening

    @override
    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        left = f"\n{prompts.left(remaining)}".rstrip()
        return f"{self.before}{neutralise(result, self.markers)}{left}{self.after}"
