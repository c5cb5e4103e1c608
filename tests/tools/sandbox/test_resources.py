"""Cells that eat memory, time, output or their own process: the session may die, the sandbox answers on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peerleap.tools.sandbox import Sandbox, Session

SOFT = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1e6)",
    "loop that swallows exceptions": "while True:\n    try:\n        1/0\n    except Exception: pass",
    "hanging repr": "class A:\n    def __repr__(self):\n        while True: pass\nA()",
    "hanging eq": "class A:\n    def __eq__(self, other):\n        while True: pass\n[A()] == [A()]",
    "hanging str of an exit code": "class A:\n    def __str__(self):\n        while True: pass\nexit(A())",
    "hanging str of an error": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    "print forever": "while True: print('x' * 1000)",
}
HARD = {
    "loop that swallows everything": "import time\nwhile True:\n    try:\n        while True: time.sleep(0.01)\n"
    "    except BaseException: pass",
    "alarm ignored": "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
    "alarm cancelled": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
    "blocked in C": "import threading\nlock = threading.Lock()\nlock.acquire()\n"
    "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\nlock.acquire()",
}
EITHER = {
    "power tower": "9**9**9",
    "huge factorial": "import math; math.factorial(10**8)",
    "hanging del": "class A:\n    def __del__(self):\n        while True: pass\na = A(); del a\nwhile True: pass",
}
DEATHS = {
    "_exit": "import os; os._exit(0)",
    "abort": "import os; os.abort()",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "close all files": "import os; os.closerange(0, 100)",
    "close the socket": "import os; os.close(3)",
    "kill itself": "import os; os.kill(os.getpid(), 9)",
}


@pytest.fixture(autouse=True)
def others_live_on(session: Session, sandbox: Sandbox) -> Iterator[None]:
    with sandbox.session("sibling") as sibling:
        sibling.run("x = 6")
        yield
        assert sibling.run("x * 7").value == "42"
        assert session.run("6 * 7").value == "42"


@pytest.mark.parametrize("name", SOFT)
def test_soft_timeout_keeps_the_variables(name: str, session: Session) -> None:
    session.run("x = 5")
    result = session.run(SOFT[name], timeout_s=0.3)
    assert result.timed_out
    assert not result.state_lost
    assert result.text().endswith("TimeoutError: stopped after 0.3 s (variables kept)")
    assert session.run("x").value == "5"


@pytest.mark.parametrize("name", HARD)
def test_hard_timeout_kills_the_process(name: str, session: Session) -> None:
    session.run("x = 5")
    result = session.run(HARD[name], timeout_s=0.2)
    assert result.timed_out
    assert result.state_lost
    assert result.text() == "SandboxRestarted: stopped after 0.2 s; variables were lost"
    assert session.run("'x' in globals()").value == "False"


@pytest.mark.parametrize("name", EITHER)
def test_slow_c_code_is_stopped(name: str, session: Session) -> None:
    assert session.run(EITHER[name], timeout_s=0.2).timed_out


@pytest.mark.parametrize("name", DEATHS)
def test_a_process_that_ends_is_replaced(name: str, session: Session) -> None:
    result = session.run(DEATHS[name])
    assert result.state_lost
    assert not result.timed_out
    assert result.error is not None
    assert result.error.type == "SandboxRestarted"


@pytest.mark.parametrize(
    "code", ["x = bytearray(3 << 30)", "import numpy as np; x = np.ones(1 << 29)", "x = 'a' * (1 << 30)"]
)
def test_memory_is_bounded(code: str, session: Session) -> None:
    result = session.run(code)
    assert result.error is not None
    assert "MemoryError" in result.error.type


def test_threads_are_bounded(session: Session) -> None:
    code = """
import threading
stop = threading.Event()
count = 0
try:
    for _ in range(2000):
        threading.Thread(target=stop.wait, daemon=True).start()
        count += 1
except RuntimeError:
    pass
stop.set()
count
"""
    result = session.run(code)
    assert result.value is not None
    assert int(result.value) < 500


def test_disk_cannot_be_filled(session: Session, tmp_path: Path) -> None:
    code = f"""
import os
made = 0
for place in ('.', '/tmp', '/var/tmp', '/dev/shm', '/sandbox', {str(tmp_path)!r}, os.path.expanduser('~')):
    for work in (lambda: open(place + '/big', 'wb'), lambda: os.mkdir(place + '/folder')):
        try:
            work()
            made += 1
        except OSError:
            pass
made
"""
    assert session.run(code).value == "0"


def test_recursion_without_limit(session: Session) -> None:
    result = session.run("import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()", timeout_s=0.5)
    assert result.error is not None


@pytest.mark.parametrize(
    "code",
    [
        "print('x' * 200_000_000)",
        "raise ValueError('x' * 50_000_000)",
        "'x' * 50_000_000",
        "print('\\ud800' * 10_000); raise ValueError('\\ud800')",
        "raise type('E' * 1_000_000, (Exception,), {})('m')",
        "for i in range(100_000): print(i)",
        "import sys; sys.stderr.write('e' * 100_000)",
        "exec(compile('1/0', '<cell ' + 'n' * 1_000_000, 'exec'))",
        "def f(n):\n    " + "x = 1; " * 200 + "1/0 if n == 0 else f(n - 1)\nf(20)",
    ],
)
def test_output_is_bounded(code: str, session: Session) -> None:
    result = session.run(code)
    assert len(result.text()) < 1500
    assert not result.state_lost
    result.text().encode()


def test_a_thread_left_behind_does_not_run_between_cells(
    session: Session, descendants: Callable[[int], set[int]]
) -> None:
    fork_server = session._interpreter._pool._current()
    assert fork_server is not None
    before = {fork_server.pid, *descendants(fork_server.pid)}
    code = "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()"
    session.run(code)

    def ticks() -> dict[int, int]:
        stats = {pid: Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in before}
        return {pid: int(fields[11]) + int(fields[12]) for pid, fields in stats.items()}

    time.sleep(0.1)
    first = ticks()
    time.sleep(0.6)
    assert ticks() == first


@pytest.mark.parametrize(
    "code",
    [
        "import json; json.dumps = json.loads = None; json.encoder = None",
        "import ast; ast.parse = None",
        "import builtins; builtins.repr = builtins.len = builtins.str = builtins.exec = None",
        "import sys; sys.stdout = sys.stderr = None; sys.modules.clear()",
        "import sys; sys.stdout.write = None; sys.stdout.clear = None",
        "import os; os.read = os.write = None",
        "import sys; sys.settrace(lambda *a: 1/0)",
        "import linecache; linecache.cache = None",
        "globals().clear()",
        "del __builtins__",
    ],
)
def test_monkeypatching_hurts_nobody_else(code: str, session: Session) -> None:
    # The session itself may be unusable afterwards; it must end or answer, and a fresh one must work.
    session.run(code, timeout_s=0.5)
    session.run("1", timeout_s=0.5)
    session.run("import os; os._exit(1)", timeout_s=0.5)
    session.replay([])
    assert session.run("1 + 1").value == "2"
