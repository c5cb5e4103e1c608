"""Who decides what a cell's result is: the host's clock, the number of the cell, and no path of this machine."""

import sys
from pathlib import Path

import pytest

from peerleap.tools.sandbox import Session

PLACES = [str(Path(__file__).parents[3]), str(Path(sys.prefix)), "site-packages", "/sandbox/worker", "cells.py"]


def test_a_time_limit_swallowed_in_a_finalizer_is_a_timeout(session: Session) -> None:
    code = """
import time
class Slow:
    def __del__(self):
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
thing = Slow()
del thing
'done'
"""
    result = session.run(code, timeout_s=0.2)
    assert result.timed_out
    assert not result.ok
    assert result.value is None
    assert session.run("6 * 7").value == "42"


LATE = """
class R:
    def __repr__(self):
        try:
            while True: pass
        except BaseException:
            return 'late'
R()
"""


@pytest.mark.parametrize(
    "code",
    [
        "while True:\n    try:\n        while True: pass\n    except BaseException: break\n'swallowed'",
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0)\ntime.sleep(0.4)\n'cancelled'",
        "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\ntime.sleep(0.4)\n'ignored'",
        LATE,
    ],
    ids=["swallowed", "cancelled", "ignored", "while shown"],
)
def test_no_way_around_the_alarm_is_ok(code: str, session: Session) -> None:
    result = session.run(code, timeout_s=0.2)
    assert result.timed_out
    assert result.error is not None
    assert result.error.type == "TimeoutError"


def test_a_claimed_time_limit_ends_the_session(session: Session) -> None:
    code = """
import gc
for cells in gc.get_objects():
    if type(cells).__name__ == 'Cells':
        run = cells.run
        cells.run = lambda code, timeout: {**run(code, timeout), 'timed_out': True}
"""
    session.run(code)
    result = session.run("1")
    assert result.state_lost
    assert not result.timed_out
    assert "claims a time limit" in result.text()


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_a_thread_left_behind_cannot_answer_the_next_cell(session: Session, number: str) -> None:
    leave = f"""
import hashlib, json, os, struct, threading, time
def text(said):
    return {{'head': said, 'tail': '', 'total': len(said), 'sha256': hashlib.sha256(said.encode()).hexdigest()}}
def answer():
    time.sleep(0.05)
    while True:
        reply = {{'id': {number}, 'value': text('FORGED'), 'error': None, 'timed_out': False, 'output': text('')}}
        frame = json.dumps(reply)
        os.write(3, struct.pack('>I', len(frame)) + frame.encode())
        time.sleep(0.01)
threading.Thread(target=answer, daemon=True).start()
"""
    session.run(leave)
    result = session.run("import time; time.sleep(0.5); 'mine'")
    assert "FORGED" not in result.text()
    assert session.run("6 * 7").value == "42"


def test_numbers_of_cells_cannot_be_guessed(session: Session) -> None:
    seen = set()
    look = """
import sys
frame = sys._getframe()
while frame and 'request' not in frame.f_locals: frame = frame.f_back
frame.f_locals['request']['id']
"""
    for _ in range(4):
        value = session.run(look).value
        assert value is not None
        seen.add(int(value))
    assert len(seen) == 4
    assert all(number > 1000 for number in seen)


def test_a_worker_that_fails_says_so(session: Session) -> None:
    code = """
import gc
for cells in gc.get_objects():
    if type(cells).__name__ == 'Cells': cells._capture.excerpt = lambda: 1 / 0
"""
    result = session.run(code)
    assert result.state_lost
    assert "the Python process failed: ZeroDivisionError: division by zero" in result.text()
    assert "protocol violation" not in result.text()


SPOKEN = {
    "a finalizer": "class A:\n    def __del__(self): raise ValueError('left')\na = A(); del a",
    "a weak reference": "import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda _: 1 / 0)\ndel a",
    "a callback of C": (
        "import ctypes\nkind = ctypes.CFUNCTYPE(ctypes.c_int)\nkind(lambda: 1 / 0)()"
    ),
    "a thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()",
    "a thread in a library": (
        "import threading, json\nt = threading.Thread(target=json.loads, args=('{',))\nt.start(); t.join()"
    ),
    "a warning": "import warnings\nwarnings.warn('left')",
    "a warning of a library": "import numpy as np\nnp.array([1.0]) / np.array([0.0])",
    "a finalizer whose message raises": (
        "class E(Exception):\n    def __str__(self): raise KeyError('k')\n"
        "class A:\n    def __del__(self): raise E\na = A(); del a"
    ),
    "the alarm in a finalizer": (
        "import time\nclass A:\n    def __del__(self):\n        end = time.monotonic() + 0.3\n"
        "        while time.monotonic() < end: pass\na = A(); del a"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOKEN)
def test_what_python_says_by_itself_names_no_path(name: str, session: Session) -> None:
    result = session.run(SPOKEN[name], timeout_s=0.2 if "alarm" in name else 10)
    text = result.text() + result.stdout
    assert "Exception ignored" in text or "Exception in a thread" in text or "Warning" in text
    for place in PLACES:
        assert place not in text
