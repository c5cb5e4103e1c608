"""Protocols in which one pair of tags holds one tool's only argument."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool
from typing_extensions import override

from peerleap.tools import prompts
from peerleap.tools.limits import ToolLimits
from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest, thought_region
from peerleap.tools.untrusted import neutralise


@dataclass(frozen=True, slots=True, kw_only=True)
class TagProtocol(ToolProtocol):
    """`<open>argument<close>`, answered by `before + result + after`."""

    name: str
    open: str
    close: str
    tool: str
    """The tool that every call goes to."""
    argument: str
    """The tool's argument that takes the text between the tags."""
    before: str
    after: str
    words: str
    """The hint, with `{calls}` of the limits, and `{limits}` for the others."""
    fenced: bool = False
    """Whether the argument may come in a Markdown fence, which is taken off."""
    invalid: str = ""
    """What is inserted for an empty call instead of an answer; empty to answer with the error."""
    left: str = ""
    """A note behind the answer, with `{remaining}`; empty for one inside the answer."""
    none_left: str = ""
    """The note behind the last answer."""
    in_thought: bool = True
    in_answer: bool = False
    """Whether calls count behind `</think>` too."""
    stop_token_ids: tuple[int, ...] = ()

    @property
    @override
    def stop(self) -> tuple[str, ...]:
        return (self.close,)

    @property
    @override
    def markers(self) -> tuple[str, ...]:
        """Every tag in the protocol's own texts."""
        tags = re.findall(r"</?[^<>\s]+>", self.open + self.close + self.before + self.after)
        return tuple(dict.fromkeys(tags))

    @override
    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        mine = [tool for tool in tools if tool.name == self.tool]
        return self.words.format(calls=limits.calls, limits=prompts.limits(mine, limits, markers)) if mine else ""

    @override
    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        return None

    @override
    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        start, limit = thought_region(text, start, in_thought=self.in_thought, in_answer=self.in_answer)
        close = text.find(self.close, start, limit)
        # The last opening: a model that talks about the tag names it before it uses it.
        opening = text.rfind(self.open, start, close) if close >= 0 else -1
        while close >= 0 and opening < 0:
            close = text.find(self.close, close + 1, limit)
            opening = text.rfind(self.open, start, close) if close >= 0 else -1
        if opening < 0:
            return None
        end = close + len(self.close)
        body, raw = text[opening + len(self.open) : close], text[opening:end]
        body = _unfenced(body) if self.fenced else body.strip()
        if not body.strip():
            return BadCall(prompts.EMPTY_TAGS.format(open=self.open, close=self.close), raw, end)
        return ToolRequest(self.tool, {self.argument: body}, raw, end)

    @override
    def pending(self, text: str, start: int = 0) -> int | None:
        start, limit = thought_region(text, start, in_thought=self.in_thought, in_answer=self.in_answer)
        opening = text.rfind(self.open, start, limit)
        if opening < 0 or text.find(self.close, opening, limit) >= 0:
            return None
        line, ended, _ = text[opening + len(self.open) : limit].partition("\n")
        # Words behind the tag, and then another line: the text only names it.
        named = ended and line.strip() and not line.lstrip().startswith("```")
        return None if named else opening

    @override
    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        body, count = neutralise(result, self.markers), prompts.left(remaining)
        if isinstance(call, BadCall) and self.invalid:
            return f"{self.invalid}{count}\n" if count else self.invalid
        if self.left or not count:
            note = (self.left.format(remaining=remaining) if remaining else self.none_left) if count else ""
            return f"{self.before}{body}{self.after}{note}"
        body = body.rstrip("\n")
        return f"{self.before}{body}\n{count}\n{self.after}"


def _unfenced(body: str) -> str:
    """Code without a Markdown fence around all of it."""
    inner = body.strip()
    first, _, rest = inner.partition("\n")
    if "".join(first.split()).lower() in {"```", "```py", "```python", "```python3"} and rest.endswith("```"):
        return rest.removesuffix("```").strip("\n")
    return body.strip("\n")
