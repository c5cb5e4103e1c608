"""Length-prefixed JSON frames: the only thing that host and session say to each other."""

import json
import struct
from collections.abc import Mapping
from typing import Any

MAX_FRAME = 1 << 20
"""Bytes of one frame's JSON; a longer length prefix is an attack, not a message."""

_PREFIX = struct.Struct(">I")


class FrameError(ValueError):
    """The other side sent something that is not a frame."""


def pack(message: Mapping[str, Any]) -> bytes:
    """Encode one message; `FrameError` if it is over `MAX_FRAME` bytes."""
    body = json.dumps(message, ensure_ascii=True, allow_nan=False).encode("ascii")
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _PREFIX.pack(len(body)) + body


class FrameReader:
    """Turns a byte stream, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes received that do not make a frame yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that `data` completes; `FrameError` on anything malformed."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _PREFIX.size:
            (length,) = _PREFIX.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise FrameError(f"a frame announces {length} bytes, the limit is {MAX_FRAME}")
            end = _PREFIX.size + length
            if len(self._buffer) < end:
                break
            messages.append(_decode(bytes(self._buffer[_PREFIX.size : end])))
            del self._buffer[:end]
        return messages


def _decode(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a frame is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError(f"a frame holds a {type(message).__name__}, not an object")
    return message


def _refuse_constant(name: str) -> float:
    raise FrameError(f"a frame holds {name!r}")
