"""Finds `<tool_call>` tags and reads `{"name": ..., "arguments": {...}}` as models write them."""

import json
import re
from typing import Any, NoReturn

from peerleap.tools import prompts
from peerleap.tools.protocols.base import BadCall, ToolRequest

CALL, CALL_END = "<tool_call>", "</tool_call>"
CALL_MARKERS = (CALL, CALL_END, "<tool_response>", "</tool_response>")

_DECODER = json.JSONDecoder(strict=False)
_BEGIN = re.compile(r"\s*+(?:\{|\Z)")


def begins_call(text: str, at: int, limit: int) -> bool:
    """Whether the `<tool_call>` that ends at `at` begins a call: an object follows, or nothing yet.

    Otherwise the text only names the tag, which our own hint shows.
    """
    return _BEGIN.match(text, at, limit) is not None


def is_abandoned(text: str, at: int, limit: int) -> bool:
    """Whether other text than a closing tag follows the object of the call whose `<tool_call>` ends at `at`."""
    body = text[at:limit].lstrip()
    try:
        _, end = _DECODER.raw_decode(body)
    except (ValueError, RecursionError):
        return False  # it is not whole yet, or not JSON, which `read_call` reports once it is closed
    return not CALL_END.startswith(body[end:].strip())


def last_opening(text: str, start: int, limit: int) -> int:
    """Where the last `<tool_call>` of `text[start:limit]` that begins a call is; -1 for none."""
    at = text.rfind(CALL, start, limit)
    while at >= 0 and not begins_call(text, at + len(CALL), limit):
        at = text.rfind(CALL, start, at)
    return at


def read_call(body: str, raw: str, end: int) -> ToolRequest | BadCall:
    """The request in `body`; `raw` and `end` are the whole call's text and the index behind it."""
    try:
        call = _loads(body)
    except ValueError as error:
        return BadCall(prompts.NOT_JSON.format(error=error), raw, end)
    if not isinstance(call, dict) or not isinstance(name := call.get("name"), str) or not name.strip():
        return BadCall(prompts.NO_TOOL_NAME, raw, end)
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        return read_arguments(name.strip(), arguments, raw, end)
    if not isinstance(arguments, dict):
        return BadCall(prompts.NO_ARGUMENTS.format(name=name[:80]), raw, end)
    return ToolRequest(name.strip(), arguments, raw, end)


def read_arguments(name: str, body: str, raw: str, end: int) -> ToolRequest | BadCall:
    """The request for the tool `name` whose arguments are the JSON object in `body`."""
    try:
        arguments = _loads(body) if body.strip() else {}
    except ValueError as error:
        return BadCall(prompts.ARGUMENTS_NOT_JSON.format(name=name[:80], error=error), raw, end)
    if not isinstance(arguments, dict):
        return BadCall(prompts.ARGUMENTS_NO_OBJECT.format(name=name[:80]), raw, end)
    return ToolRequest(name, arguments, raw, end)


def _loads(body: str) -> Any:
    try:
        # Not strict: models put line breaks of code into strings as they are.
        value = json.loads(body, strict=False, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
