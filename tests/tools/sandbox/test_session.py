"""State, errors, loss, replay and cancellation, as a path meets them."""
# ruff: noqa: E501  a cell reads better on one line

import asyncio
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.tools.sandbox import CellError, Sandbox, SandboxClosed, SandboxError, Session
from peerleap.tools.sandbox.process import Process

Eventually = Callable[[Callable[[], bool]], bool]


def test_cells_share_variables(session: Session) -> None:
    assert session.run("x = 1").text() == "(no output; use print)"
    assert session.run("print('a')\nx + 1").text() == "a\nOut: 2"
    assert session.run("_ * 10").value == "20"
    assert session.run("def f(n): return n * x").ok
    assert session.run("f(7)").value == "7"


def test_sympy_numpy_and_classes_work(session: Session) -> None:
    cells = {
        "import sympy as sp; x = sp.symbols('x'); sp.solve(x**2 - 4, x)": "[-2, 2]",
        "sp.integrate(sp.exp(-x**2), (x, -sp.oo, sp.oo))": "sqrt(pi)",
        "import numpy as np; np.linalg.det(np.eye(3))": "np.float64(1.0)",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    a: 'int'\nP(1)": "P(a=1)",
        "import fractions, itertools, collections, statistics, decimal, heapq; fractions.Fraction(2, 4)": "Fraction(1, 2)",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool: squares = list(pool.map(lambda n: n * n, range(5)))\nsquares": "[0, 1, 4, 9, 16]",
        "sp.lambdify(x, sp.sin(x), 'numpy')(0.0)": "np.float64(0.0)",
        "exit()": None,
    }
    for code, value in cells.items():
        result = session.run(code)
        assert result.ok, result.text()
        assert result.value == value


def test_errors_show_the_cells_lines_only(session: Session) -> None:
    session.run("import sympy\ndef f(): return sympy.Integer('no')")
    error = session.run("y = 2\nf()").error
    assert isinstance(error, CellError)
    assert error.type == "ValueError"
    assert [frame.splitlines()[0] for frame in error.traceback] == [
        'File "<cell 2>", line 2, in <module>',
        'File "<cell 1>", line 2, in f',
    ]
    assert session.run("y").value == "2"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("x =", "SyntaxError: invalid syntax"),
        ("input()", "EOFError: EOF when reading a line"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import sys, numpy; sys.exit(numpy.zeros(2))", "SystemExit: [0. 0.]"),
        # What a cell exits with is never compared: its `__eq__` is the cell's code too.
        (
            "class A(str):\n    def __eq__(self, other):\n        while True: pass\nexit(A('left'))",
            "SystemExit: left",
        ),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("a\0b", "Error: source code string cannot contain null bytes"),
        ("'\ud800'", "UnicodeEncodeError"),
        ("import requests", "ModuleNotFoundError: No module named 'requests'"),
        ("import pytest", "ModuleNotFoundError: No module named 'pytest'"),
        ("# " + "x" * 100_000, "ValueError: a cell of 100002 characters is over the limit of 80000"),
    ],
)
def test_error_text(code: str, expected: str, session: Session) -> None:
    result = session.run(code)
    assert expected in result.text()
    assert not result.ok
    assert not result.state_lost


def test_random_numbers_follow_the_name(sandbox: Sandbox) -> None:
    code = "import random, numpy as np\n(random.random(), np.random.rand(), hash('a'))"

    def draw(name: str) -> str | None:
        with sandbox.session(name) as session:
            return session.run(code).value

    assert draw("one") == draw("one")
    assert draw("one") != draw("two")


def test_sessions_do_not_mix(sandbox: Sandbox) -> None:
    sessions = [sandbox.session(f"path {number}") for number in range(6)]
    failures = []

    def work(number: int, session: Session) -> None:
        session.run(f"x = {number}; total = 0")
        for step in range(20):
            value = session.run(f"total += x\n(x, {step}, total)").value
            if value != str((number, step, number * (step + 1))):
                failures.append(value)

    threads = [threading.Thread(target=work, args=item) for item in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.close()
    assert failures == []


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), 1e19])
def test_a_time_limit_that_no_timer_takes_is_refused(timeout_s: float, session: Session) -> None:
    session.run("x = 1")
    with pytest.raises(ValueError, match=f"timeout_s={re.escape(repr(timeout_s))} must be"):
        session.run("x", timeout_s=timeout_s)
    assert session.run("x", timeout_s=1e8).value == "1"


async def test_a_hundred_sessions_at_once(sandbox: Sandbox) -> None:
    async def work(number: int) -> list[str | None]:
        async with await sandbox.asession(f"path {number}") as session:
            return [(await session.arun(f"x = {number}\nx")).value, (await session.arun("x + 1")).value]

    values = await asyncio.gather(*(work(number) for number in range(100)))
    assert values == [[str(number), str(number + 1)] for number in range(100)]


def test_modules_changed_in_one_session_are_whole_in_another(sandbox: Sandbox, session: Session) -> None:
    session.run("import sympy, json; sympy.solve = json.dumps = None; import sys; sys.path.insert(0, '.')")
    with sandbox.session("other") as other:
        assert other.run("import sympy, json; json.dumps(str(sympy.solve('x - 1')))").value == "'\"[1]\"'"


def test_a_module_planted_in_one_session_is_not_imported_in_another(sandbox: Sandbox, session: Session) -> None:
    session.run(
        "import sys\nfor place in ('.', *sys.path):\n"
        "    try: open(place + '/json.py', 'x').write('dumps = None')\n    except OSError: pass\n"
        "sys.path.insert(0, '.')\nsys.modules['json'] = sys"
    )
    with sandbox.session("other") as other:
        code = "import sys; sys.modules.pop('json', None); sys.path.insert(0, '.'); import json; json.dumps([1])"
        assert other.run(code).value == "'[1]'"


def test_history_and_replay(session: Session) -> None:
    for code in ("x = 1", "1/0", "y = x + 1", "print('hello')"):
        session.run(code)
    kept = ("x = 1", "y = x + 1", "print('hello')")
    assert session.history == kept
    assert session.run("import os; os._exit(0)").state_lost
    assert session.history == kept
    replay = session.replay()
    assert (replay.restored, replay.total, replay.reason, replay.complete) == (3, 3, "", True)
    result = session.run("x + y")
    assert (result.value, result.state_lost) == ("3", False)
    assert list(session.history) == [*kept, "x + y"]


def test_replay_is_bounded(session: Session) -> None:
    cells = [f"x{number} = {number}" for number in range(5)]
    assert session.replay(cells, max_cells=3).restored == 3
    assert session.run("x2").value == "2"
    assert session.replay(["a = 1", "b = c", "d = 1"]).reason.startswith("cell 2 failed: ")
    assert session.replay(["a = 1", "while True: pass"], max_s=0.3).restored == 1
    assert session.run("a").value == "1"


def test_a_loss_nobody_replayed_starts_a_new_history(session: Session) -> None:
    session.run("x = 1")
    session.run("import os; os._exit(0)")
    result = session.run("y = 2")
    assert not result.state_lost  # the result before this one said so
    assert session.history == ("y = 2",)


async def test_cancelling_kills_the_process(
    sandbox: Sandbox, descendants: Callable[[int], set[int]], eventually: Eventually
) -> None:
    before = descendants(os.getpid())
    session = await sandbox.asession("cancelled")
    (process,) = descendants(os.getpid()) - before
    assert (await session.arun("x = 1")).ok
    task = asyncio.create_task(session.arun("while True: pass"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(eventually, lambda: process not in descendants(os.getpid()))
    result = await session.arun("1 + 1")
    assert (result.value, result.state_lost) == ("2", True)
    assert result.text().startswith("SandboxRestarted: ")
    assert not (await session.arun("2")).state_lost
    await session.aclose()
    assert await asyncio.to_thread(eventually, lambda: descendants(os.getpid()) <= before)


async def test_a_loss_whose_result_was_cancelled_is_told_by_the_next(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = threading.Event()
    deaf = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"

    async def end(child: Process, reason: str) -> None:
        pool.drop(child, reason)
        dying.set()
        await asyncio.sleep(600)  # as on a machine on which a killed process takes its time to die

    async with await sandbox.asession("owed") as session:
        assert (await session.arun("x = 1")).ok
        pool = session._interpreter._pool
        with monkeypatch.context() as slow:
            slow.setattr(pool, "end", end)
            task = asyncio.create_task(session.arun(deaf, timeout_s=0.1))
            assert await asyncio.to_thread(dying.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        result = await session.arun("1 + 1")
        assert (result.value, result.state_lost) == ("2", True)
        assert not (await session.arun("2")).state_lost


async def test_a_timeout_of_the_caller_cancels(sandbox: Sandbox) -> None:
    async with await sandbox.asession("impatient") as session:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.arun("while True: pass"), 0.2)
        assert (await session.arun("1")).value == "1"


def test_one_session_on_several_loops_and_threads(sandbox: Sandbox) -> None:
    session = asyncio.run(sandbox.asession("travelling"))
    asyncio.run(session.arun("x = 1"))
    values = []
    thread = threading.Thread(target=lambda: values.append(session.run("x + 1").value))
    thread.start()
    thread.join()
    assert values == ["2"]
    assert asyncio.run(session.arun("x + 2")).value == "3"
    asyncio.run(session.aclose())


async def test_one_cell_at_a_time(session: Session) -> None:
    task = asyncio.create_task(session.arun("import time; time.sleep(1); 1"))
    await asyncio.sleep(0.1)
    with pytest.raises(SandboxError, match="'test' is already running"):
        await session.arun("2")
    assert (await task).value == "1"


async def test_after_a_cancelled_cell_the_next_one_can_come_at_once(session: Session, cancel_and_go_on: Any) -> None:
    await cancel_and_go_on(session)  # it asserts


def test_a_closed_session_says_so(sandbox: Sandbox) -> None:
    session = sandbox.session("closed")
    session.close()
    session.close()
    with pytest.raises(SandboxClosed, match="'closed'"):
        session.run("1")
    with pytest.raises(SandboxClosed):
        session.replay()


def state(pid: int) -> tuple[str, ...]:
    """What another process could have changed of one: its priority, its processors, its tracer, its limits."""
    folder = Path(f"/proc/{pid}")
    nice = (folder / "stat").read_text().rsplit(")", 1)[1].split()[16]
    status = (folder / "status").read_text().splitlines()
    kept = [line for line in status if line.startswith(("TracerPid", "Cpus_allowed_list"))]
    return (nice, *kept, (folder / "limits").read_text())


def test_siblings_cannot_reach_each_other(
    sandbox: Sandbox, session: Session, descendants: Callable[[int], set[int]]
) -> None:
    session.run("1")
    before = descendants(os.getpid())
    with sandbox.session("sibling") as sibling:
        (process,) = descendants(os.getpid()) - before
        sibling.run("secret = 'SECRET-of-the-sibling'")
        pid = sibling.run("import os; os.getpid()").value
        as_it_was = state(process)
        code = f"""
import ctypes, os, resource
libc = ctypes.CDLL(None)
reached = []
for name, work in {{
    'nice': lambda: os.setpriority(0, {pid}, 19),
    'pin': lambda: os.sched_setaffinity({pid}, {{min(os.sched_getaffinity(0))}}),
    'limit': lambda: resource.prlimit({pid}, resource.RLIMIT_NOFILE, (4, 4)),
    'files': lambda: os.listdir('/proc/{pid}/fd'),
    'memory': lambda: open('/proc/{pid}/mem', 'rb'),
    'trace': lambda: 1 / (libc.ptrace(16, {pid}, 0, 0) + 1),
    'kill': lambda: os.kill({pid}, 9),
}}.items():
    try:
        work()
        reached.append(name)
    except (OSError, ZeroDivisionError):
        pass
reached
"""
        assert session.run(code).value == "[]"
        # What counts is the sibling, whatever the attacker has to say.
        assert state(process) == as_it_was
        assert process in descendants(os.getpid())
        assert sibling.run("secret").value == "'SECRET-of-the-sibling'"
