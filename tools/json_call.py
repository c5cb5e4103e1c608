"""Reads `{"name": ..., "arguments": {...}}` as models write it."""

import json
from typing import Any, NoReturn

from peerleap.tools.protocol import BadCall, ToolRequest

__all__ = ["CALL_MARKERS", "read_arguments", "read_call"]

CALL_MARKERS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

_FORM = '{"name": ..., "arguments": {...}}'


def read_call(body: str, raw: str, end: int) -> ToolRequest | BadCall:
    """The request in `body`; `raw` and `end` are the whole call's text and the index behind it."""
    try:
        call = _loads(body)
    except ValueError as error:
        return BadCall(f"The call is not JSON ({error}). Write it as {_FORM}.", raw, end)
    if not isinstance(call, dict) or not isinstance(name := call.get("name"), str) or not name.strip():
        return BadCall(f"The call has no tool name. Write it as {_FORM}.", raw, end)
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        return read_arguments(name.strip(), arguments, raw, end)
    if not isinstance(arguments, dict):
        return BadCall(f"The arguments of {name[:80]!r} are no JSON object. Write the call as {_FORM}.", raw, end)
    return ToolRequest(name.strip(), arguments, raw, end)


def read_arguments(name: str, body: str, raw: str, end: int) -> ToolRequest | BadCall:
    """The request for the tool `name` whose arguments are the JSON object in `body`."""
    try:
        arguments = _loads(body) if body.strip() else {}
    except ValueError as error:
        return BadCall(f"The arguments of {name[:80]!r} are not JSON ({error}).", raw, end)
    if not isinstance(arguments, dict):
        return BadCall(f"The arguments of {name[:80]!r} are no JSON object.", raw, end)
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
