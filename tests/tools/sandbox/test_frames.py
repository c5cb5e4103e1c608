"""The host believes nothing that comes out of a session."""
# ruff: noqa: E501  a cell reads better on one line

import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerleap.tools.sandbox import Session
from peerleap.tools.sandbox.result import read_reply
from peerleap.tools.sandbox.worker.frames import MAX_FRAME, FrameError, FrameReader, pack

EXCERPT: dict[str, Any] = {"head": "a", "tail": "", "total": 1, "sha256": "0" * 64}
GOOD: dict[str, Any] = {
    "id": 1,
    "output": EXCERPT,
    "value": None,
    "error": None,
    "timed_out": False,
}


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=3), max_size=4),
    st.data(),
)
def test_frames_survive_any_cut(messages: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(pack(message) for message in messages)
    reader = FrameReader()
    received = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += reader.feed(stream[:size])
        stream = stream[size:]
    assert received == messages
    assert reader.pending == 0


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_a_frame_error_or_incomplete(garbage: bytes) -> None:
    try:
        messages = FrameReader().feed(garbage)
    except FrameError:
        return
    assert all(isinstance(message, dict) for message in messages)


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack(">I", 0xFFFFFFFF),
        struct.pack(">I", MAX_FRAME + 1),
        frame(b""),
        frame(b"[" * 500_000),
        frame(b'{"a":' * 100_000),
        frame(b"[1]"),
        frame(b"null"),
        frame(b'{"a": NaN}'),
        frame(b'{"a": -Infinity}'),
        frame(b'{"a": ' + b"9" * 10_000 + b"}"),
        frame(b"\xff\xfe{\x00}\x00"),
        frame(b"{} {}"),
    ],
    ids=range(12),
)
def test_malformed_frames_are_refused(stream: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(stream)


def test_a_message_too_long_to_send_is_refused() -> None:
    with pytest.raises(FrameError, match="limit"):
        pack({"x": "y" * MAX_FRAME})


@pytest.mark.parametrize(
    "change",
    [
        {"id": 2},
        {"id": True},
        {"id": "1"},
        {"timed_out": 0},
        {"output": None},
        {"output": "text"},
        {"output": EXCERPT | {"head": "a" * 1001, "total": 1001}},
        {"output": EXCERPT | {"tail": "b"}},
        {"output": EXCERPT | {"total": 1.0}},
        {"output": EXCERPT | {"total": 10**4000}},
        {"output": EXCERPT | {"head": 1}},
        {"output": EXCERPT | {"sha256": 0}},
        {"output": EXCERPT | {"sha256": "0" * 65}},
        {"output": {"head": "a", "tail": "", "total": 1}},
        {"value": "text"},
        {"error": []},
        {"error": {"type": "E", "message": "m", "traceback": []}},
        {"error": {"type": 1, "message": EXCERPT, "traceback": []}},
        {"error": {"type": "E", "message": EXCERPT, "traceback": [1]}},
    ],
)
def test_replies_of_the_wrong_shape_are_refused(change: dict[str, Any]) -> None:
    assert read_reply(GOOD, 1, limit=1000, timeout_s=1, duration_s=0).stdout == "a"
    with pytest.raises(FrameError):
        read_reply(GOOD | change, 1, limit=1000, timeout_s=1, duration_s=0)


@pytest.mark.parametrize(
    "forged",
    [
        struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
        frame(b"[" * 500_000),
        frame(b"not json"),
        frame(b'{"id": NaN}'),
        frame(json.dumps(GOOD | {"id": 10**6}).encode()),
        frame(json.dumps({"ready": {}}).encode()),
        frame(b"{}") * 3,
    ],
    ids=["length", "depth", "garbage", "nan", "id", "shape", "three"],
)
def test_forged_frames_end_the_session(forged: bytes, session: Session) -> None:
    code = f"import os, zlib\nforged = zlib.decompress({zlib.compress(forged)!r})\nwhile forged: forged = forged[os.write(3, forged):]\n"
    result = session.run(code + "while True: pass", timeout_s=5)
    assert result.state_lost
    assert result.error is not None
    assert "protocol violation" in result.error.message
    assert session.run("6 * 7").value == "42"


def test_half_a_frame_is_a_timeout(session: Session) -> None:
    deaf = "import signal, time; signal.setitimer(signal.ITIMER_REAL, 0); time.sleep(600)"
    result = session.run(f"import os; os.write(3, b'\\0\\0')\n{deaf}", timeout_s=0.2)
    assert result.timed_out
    assert result.state_lost


def test_a_frame_between_cells_ends_the_session(session: Session) -> None:
    code = """
import os, threading, time
def late():
    time.sleep(0.05)
    os.write(3, b'\\0\\0\\0\\2{}')
threading.Thread(target=late).start()
"""
    session.run("x = 1")
    session.run(code)
    # Frozen in between, the thread wakes with the next cell.
    result = session.run("import time; time.sleep(0.5)")
    assert result.state_lost
    assert session.run("6 * 7").value == "42"
