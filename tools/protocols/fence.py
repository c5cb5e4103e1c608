"""The default protocol: a Python fence, and `<tool_call>` for every other tool."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool
from typing_extensions import override

from peerleap.tools import prompts
from peerleap.tools.limits import ToolLimits
from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest, thought_region
from peerleap.tools.protocols.json_call import (
    CALL,
    CALL_END,
    CALL_MARKERS,
    begins_call,
    is_abandoned,
    last_opening,
    read_call,
)
from peerleap.tools.untrusted import neutralise

_OUTPUT = "```output"
_PYTHON = frozenset({"python", "python3", "py"})
_EVENT = re.compile(rf"`{{3,}}|{CALL}")
_BLOCK = re.compile(r"`{3}[ \t]*py", re.IGNORECASE)
# Inside a block: comments and strings, in which a fence is data, and lines that close the block. What follows a
# repetition always matches, so none goes back; possessive ones (`*+`) would be wrong before Python 3.11.5.
_CODE = re.compile(
    r"""
    \#[^\n]*
    | "{3} (?: [^"\\] | \\.? | "(?!"") )* (?: "{3} | (?P<open2>\Z) )
    | '{3} (?: [^'\\] | \\.? | '(?!'') )* (?: '{3} | (?P<open1>\Z) )
    | " (?: [^"\\\n] | \\.? )* "?
    | ' (?: [^'\\\n] | \\.? )* '?
    | ^[ \t>]*(?P<ticks>`{3,})(?: [ \t]*\r?(?:\n|\Z) | [ \t]+(?=[^\s`]) )
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_LAST_CLOSE = re.compile(r"^[ \t>]*(?P<ticks>`{3,})[ \t]*\r?\n?\Z", re.MULTILINE)
_NEAR = 64  # how far a fence's line is read


@dataclass(frozen=True, slots=True)
class FenceProtocol(ToolProtocol):
    """```` ```python ```` blocks answered by ```` ```output ````, `<tool_call>` JSON answered by `<tool_response>`."""

    python: str | None = "python"
    """The tool that runs Python blocks; `None` leaves them plain text."""
    argument: str = "code"
    """The Python tool's argument that takes the block."""
    name: str = "fence"
    stop_token_ids: tuple[int, ...] = ()
    markers: tuple[str, ...] = (*CALL_MARKERS, "```python", _OUTPUT)
    in_thought: bool = True

    @property
    @override
    def stop(self) -> tuple[str, ...]:
        r"""`"\n```\n"` closes a block; it never matches the opening `"\n```python\n"`."""
        return ("\n```\n", "\n```\r\n", "\n``` ", _OUTPUT, CALL_END) if self.python else (CALL_END,)

    @override
    def hint(self, tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
        others = [tool for tool in tools if tool.name != self.python]
        parts = []
        broken = (*self.markers, *markers)
        spend = prompts.CALLS.format(calls=limits.calls, limits=prompts.limits(tools, limits, broken))
        for mine in (tool for tool in tools if tool.name == self.python):
            installed = neutralise((mine.metadata or {}).get("installed", prompts.INSTALLED), markers)
            parts.append(prompts.PYTHON_FENCE.format(installed=installed))
        if others:
            word = "Other" if parts else "You may use"
            parts.append(prompts.CALL_SYNTAX.format(other=word, limits=spend, tools=prompts.listing(others, broken)))
        elif parts:
            parts.append(spend)
        return " ".join(parts)

    @override
    def template_tools(self, tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]] | None:
        return None

    @override
    def parse(self, text: str, start: int = 0, stop_reason: StopReason = None) -> ToolRequest | BadCall | None:
        return self._scan(text, start, stop_reason)[0]

    @override
    def pending(self, text: str, start: int = 0) -> int | None:
        return self._scan(text, start, None)[1]

    @override
    def render(self, call: ToolRequest | BadCall, result: str, remaining: int | None = None) -> str:
        body = neutralise(result, self.markers).strip("\n")
        left = f"\n{prompts.left(remaining)}".rstrip()
        gap = "" if call.raw.endswith("\n") else "\n"
        if call.raw.endswith(CALL_END):
            return f"\n<tool_response>\n{body}{left}\n</tool_response>\n"
        opening = "" if call.raw.endswith(_OUTPUT) else _OUTPUT
        return f"{gap if opening else ''}{opening}\n{body}{left}\n```\n"

    def _scan(self, text: str, start: int, stop_reason: StopReason) -> tuple[ToolRequest | BadCall | None, int | None]:
        """The first complete call, or where an unfinished one begins."""
        start, limit = thought_region(text, start, in_thought=True, in_answer=False)
        fence = 0  # backticks of an open block in another language
        at, close = start, text.find(CALL_END, start, limit)
        while event := _EVENT.search(text, at, limit):
            here, at = event.span()
            if event.group() == CALL:
                if fence:
                    continue
                if -1 < close < at:
                    close = text.find(CALL_END, at, limit)
                if begins_call(text, at, limit):
                    if close < 0 and is_abandoned(text, at, limit):
                        continue
                    if close < 0:
                        return None, here
                    return _json_call(text, last_opening(text, here, close), close), None
                if close < 0 or self._holds_call(text, at, close):
                    continue  # the text only names the tag
                return _json_call(text, here, close), None
            before, info, line = _around(text, here, at, start, limit)
            ticks = at - here
            if info.split(" ")[0] in _PYTHON and self.python and ticks >= fence and (not before or info in _PYTHON):
                # Also inside another block of as many backticks: that one was never closed.
                found = self._block(text, here, line, limit, ticks=ticks, stop_reason=stop_reason) if line else None
                return found, here if found is None else None
            if before or "`" in info:
                continue  # backticks inside a sentence
            # Without a language it opens nothing: it may be the rest of a block that an insertion has cut.
            language = not text[at : at + 1].isspace() and at < limit
            if language and not fence:
                fence = ticks
            elif not language and ticks >= fence:
                fence = 0
        return None, None

    def _holds_call(self, text: str, start: int, limit: int) -> bool:
        """Whether a call or a block begins within, so that the tag before `start` is not the one that is closed."""
        return text.find(CALL, start, limit) >= 0 or (
            self.python is not None and _BLOCK.search(text, start, limit) is not None
        )

    def _block(
        self, text: str, opening: int, body: int, limit: int, *, ticks: int, stop_reason: StopReason
    ) -> ToolRequest | BadCall | None:
        for piece in _CODE.finditer(text[body:limit]):
            if piece["ticks"] and len(piece["ticks"]) >= ticks:
                code, end = text[body : body + piece.start()], body + piece.end()
                if stop_reason == _OUTPUT and text[end:limit].strip() == _OUTPUT:
                    end = limit  # the model began to write the output: it gets the real one behind its own heading
                return self._request(code, text[opening:end], end)
            if piece["open1"] is None and piece["open2"] is None:
                continue
            # A string that never ends may still do so after this fence, unless the model stopped here itself.
            close = _LAST_CLOSE.search(text[body:limit], piece.start())
            if close and len(close["ticks"]) >= ticks and (stop_reason is None or text[limit - 1] == "`"):
                return self._request(text[body : body + close.start()], text[opening:limit], limit)
        if stop_reason == _OUTPUT and text.endswith(_OUTPUT, body, limit):
            code = text[body : limit - len(_OUTPUT)].rstrip().removesuffix("`" * ticks)
            return self._request(code, text[opening:limit], limit)
        return None

    def _request(self, code: str, raw: str, end: int) -> ToolRequest | BadCall:
        if not code.strip():
            return BadCall(prompts.EMPTY_BLOCK, raw, end)
        return ToolRequest(self.python or "", {self.argument: _dedented(code)}, raw, end)


def _json_call(text: str, opening: int, close: int) -> ToolRequest | BadCall:
    end = close + len(CALL_END)
    return read_call(text[opening + len(CALL) : close], text[opening:end], end)


def _around(text: str, here: int, at: int, start: int, limit: int) -> tuple[str, str, int]:
    """What stands before and behind a fence on its line, and where the next line begins (0: nowhere yet)."""
    before = text[max(start, here - _NEAR) : here].rpartition("\n")[2].strip(" \t>")
    info = text[at : min(limit, at + _NEAR)].partition("\n")[0].strip().lower()
    return before, info, text.find("\n", at, limit) + 1 if info.split(" ")[0] in _PYTHON else 0


def _dedented(code: str) -> str:
    r"""`code` without the indentation that a list item or a quotation gives the whole block, and without `\r`."""
    lines = code.replace("\r\n", "\n").removesuffix("\n").split("\n")
    first = next(line for line in lines if line.strip())
    margin = first[: len(first) - len(first.lstrip(" \t>"))]
    same = margin and all(line.startswith(margin) or not line.strip() for line in lines)
    return "\n".join(line.removeprefix(margin) for line in lines) if same else "\n".join(lines)
