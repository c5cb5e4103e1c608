"""The body of a request: read with a bound on its bytes, its time, and how much JSON is in it."""

import asyncio
import json
from typing import Any

from starlette.requests import Request

from peerleap.serving.errors import RequestError

# Seconds in which a client must have sent its request.
_SECONDS = 60
# Every value costs time on the loop that all clients share, and 4 MB hold two million of them. A conversation of 10,000
# messages in parts has 60,000.
_VALUES, _ITEMS, _DEPTH = 100_000, 10_000, 100


async def read_body(request: Request, most: int) -> dict[str, Any]:
    """The JSON object of a request.

    Args:
        request: not read yet.
        most: bytes.

    Raises:
        RequestError: 413, 415, 408 or 400.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a page in a browser can send others without asking
        raise RequestError(415, f"content-type={kind!r}: give application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise RequestError(413, f"the request has more than {most:,} bytes")
    except TimeoutError:
        raise RequestError(408, f"the request was not sent within {_SECONDS} s") from None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise RequestError(400, "the body is no JSON object")
    check_size(found)
    return found


def check_size(found: dict[str, Any]) -> None:
    """Refuse JSON whose checking would hold up everybody else, or which is too deep to be written again.

    Raises:
        RequestError: 400; the field where it is found is in `param`.
    """
    values, level = 0, [(name, value) for name, value in found.items() if isinstance(value, dict | list)]
    if len(found) > _ITEMS:
        raise RequestError(400, f"the body has {len(found):,} fields; give at most {_ITEMS:,}")
    for _ in range(_DEPTH):
        below = []
        for name, holder in level:
            values += len(holder)
            if len(holder) > _ITEMS:
                raise RequestError(
                    400, f"{name}: a list or an object of {len(holder):,}; give at most {_ITEMS:,}", param=name
                )
            if values > _VALUES:
                raise RequestError(400, f"the body has more than {_VALUES:,} values; give fewer", param=name)
            items = holder.values() if isinstance(holder, dict) else holder
            below += [(name, value) for value in items if isinstance(value, dict | list)]
        level = below
    if level:
        name = level[0][0]
        raise RequestError(400, f"{name}: more than {_DEPTH} lists and objects within each other", param=name)
