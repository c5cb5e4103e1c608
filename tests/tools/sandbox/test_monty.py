"""The `monty` backend, with the real package: what it runs, what it refuses, and that nothing of it is left."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.tools import ToolLimits, python
from peerleap.tools.sandbox import CellResult, SandboxClosed, SandboxError
from peerleap.tools.sandbox.monty import MontySandbox

pytest.importorskip("pydantic_monty")

Descendants = Callable[[int], set[int]]


@pytest.fixture
def box() -> Iterator[MontySandbox]:
    with MontySandbox(timeout_s=5, memory_mb=64) as made:
        yield made


def run(box: MontySandbox, *cells: str, timeout_s: float | None = None) -> list[CellResult]:
    async def all_of_them() -> list[CellResult]:
        session = await box.asession("path")
        return [await session.arun(cell, timeout_s=timeout_s) for cell in cells]

    return asyncio.run(all_of_them())


def test_cells_share_variables(box: MontySandbox) -> None:
    first, second, third = run(
        box, "x = 40\ndef f(a):\n    return a + 2", "print('hi'); f(x)", "import math; math.comb(10, 3)"
    )
    assert (first.text(), second.text(), third.text()) == ("(no output; use print)", "hi\nOut: 42", "Out: 120")
    assert first.ok
    assert not second.truncated
    assert 0 < second.duration_s < 5


def test_sessions_share_nothing(box: MontySandbox) -> None:
    async def both() -> list[CellResult]:
        one, other = await box.asession("one"), await box.asession("other")
        await one.arun("secret = 7")
        return [await other.arun("secret"), await one.arun("secret")]

    other, one = asyncio.run(both())
    assert other.error is not None
    assert other.error.type == "NameError"
    assert one.value == "7"


def test_errors_say_where(box: MontySandbox) -> None:
    result, syntax, _ = run(box, "def f(a):\n    return a / 0\nf(1)", "1 +", "1")
    assert result.error is not None
    assert result.text() == (
        'Traceback (most recent call last):\n  File "<cell 1>", line 3, in <module>\n    f(1)\n'
        '  File "<cell 1>", line 2, in f\n    return a / 0\nZeroDivisionError: division by zero'
    )
    assert "SyntaxError" in syntax.text()


# What does not exist cannot be reached: each of these must fail inside, and leave the world as it was.
ATTACKS = {
    "read a file": "open({path!r}).read()",
    "write a file": "open({path!r}, 'w').write('taken')",
    "read through pathlib": "from pathlib import Path\nPath({path!r}).read_text()",
    "list a folder": "import os\nos.listdir('/')",
    "environment": "import os\nos.environ",
    "one variable": "import os\nos.getenv('PEERLEAP_TEST_SECRET') + ''",
    "run a program": "import subprocess\nsubprocess.run(['touch', {path!r}])",
    "shell": "import os\nos.system('touch ' + {path!r})",
    "fork": "import os\nos.fork()",
    "kill": "import os\nos.kill(1, 0)",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', {port}))",
    "http": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/')",
    "ctypes": "import ctypes\nctypes.CDLL(None)",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "globals of a function": "def f(): pass\nf.__globals__['__builtins__']",
    "frames": "import sys\nsys._getframe(0).f_back",
    "eval a way out": "eval(\"__import__('os').system('true')\")",
    "import by name": "__import__('os').system('true')",
    "numpy": "import numpy",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_there_is_no_way_out(name: str, box: MontySandbox, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("host secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        code = ATTACKS[name].format(path=str(file), port=listener.getsockname()[1])
        attack, after = run(box, code, "6 * 7")
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert attack.error is not None
    assert "host secret" not in attack.text()
    assert file.read_text() == "host secret"
    assert list(tmp_path.iterdir()) == [file]
    assert after.value == "42"


def test_the_standard_library_is_not_there_by_accident(box: MontySandbox) -> None:
    from peerleap.tools import prompts

    there = ["math", "re", "json", "datetime", "random", "decimal", "itertools", "functools", "collections"]
    assert all(name in prompts.MONTY_INSTALLED for name in there)
    results = run(box, *(f"import {name}" for name in [*there, "numpy", "sympy", "fractions"]))
    assert [result.ok for result in results] == [True] * len(there) + [False] * 3
    (generator,) = run(box, "def g():\n    yield 1\nlist(g())")
    assert "NotImplementedError" in generator.text()


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "x = 0\nfor i in range(10**12): x += i",
        "try:\n    while True: pass\nexcept BaseException:\n    while True: pass",
    ],
)
def test_a_cell_over_its_time_is_stopped_and_its_variables_are_gone(code: str, box: MontySandbox) -> None:
    _, stopped, after, again = run(box, "x = 1", code, "x", "1 + 1", timeout_s=0.5)
    assert stopped.timed_out
    assert stopped.state_lost
    assert stopped.text() == "SandboxRestarted: stopped after 0.5 s; variables were lost"
    assert 0.4 < stopped.duration_s < 5
    assert after.error is not None
    assert again.value == "2"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("[0] * 10**9", "MemoryError"),
        ("x = 'a'\nwhile True: x += x", "MemoryError"),
        ("2 ** 10 ** 9", "MemoryError"),
        ("def g(): return g()\ng()", "RecursionError"),
    ],
)
def test_memory_depth_and_output_are_bounded(code: str, told: str, box: MontySandbox) -> None:
    result, after = run(box, code, "6 * 7")
    assert told in result.text()
    assert len(result.text()) < 2500
    assert after.value == "42"


@pytest.mark.timeout(50)
@pytest.mark.parametrize(
    "code",
    [
        "while True: print('a' * 1000)",
        "while True: print('é')",
        "try:\n    while True: print('a' * 1000)\nexcept BaseException:\n    while True: pass",
    ],
)
def test_a_flood_of_output_ends_at_its_bound(code: str, box: MontySandbox) -> None:
    _, flood, lost, after = run(box, "x = 1", code, "x", "6 * 7", timeout_s=100)
    assert not flood.timed_out
    assert flood.state_lost
    assert flood.truncated
    assert flood.text().startswith(("aaaa", "é\né\n"))
    assert flood.text().endswith("SandboxRestarted: stopped after 64000 characters of output; variables were lost")
    assert len(flood.text()) < 1000
    assert lost.error is not None
    assert after.value == "42"


def test_much_output_of_a_cell_that_ends_is_cut(box: MontySandbox) -> None:
    _, much, after = run(box, "x = 1", "for n in range(60): print('b' * 1000)", "x")
    assert much.ok
    assert much.truncated
    assert len(much.text()) < 1200
    assert after.value == "1"


@pytest.mark.parametrize(
    "code", ["10**5000", "x = []\nfor _ in range(100_000): x = [x]\nx", "'a' * 100_000", "print('b' * 100_000)"]
)
def test_values_and_output_are_cut_or_told(code: str, box: MontySandbox) -> None:
    result, after = run(box, code, "6 * 7")
    assert 0 < len(result.text()) < 2500
    assert after.value == "42"


def test_lone_surrogates_are_no_accident(box: MontySandbox) -> None:
    result, after = run(box, "\ud800", "6 * 7")
    assert "SyntaxError" in result.text()
    assert after.value == "42"


async def test_cells_are_run_again(box: MontySandbox) -> None:
    session = await box.asession("path")
    replayed = await session.areplay(["x = 40", "y = 2"])
    assert replayed.complete
    assert (await session.arun("x + y")).value == "42"
    failing = await session.areplay(["z = 1", "1 / 0", "z = 2"])
    assert (failing.restored, failing.total) == (1, 3)
    assert "ZeroDivisionError" in failing.reason
    bounded = await session.areplay(["1"] * 5, max_cells=2)
    assert bounded.reason == "the bound of 2 cells and 30 s was met"


async def test_one_cell_at_a_time_and_none_after_the_end(box: MontySandbox) -> None:
    session = await box.asession("path")
    first = asyncio.create_task(session.arun("while True: pass", timeout_s=1))
    await asyncio.sleep(0.2)
    with pytest.raises(SandboxError, match="already running a cell"):
        await session.arun("1")
    assert (await first).timed_out
    session.close()
    with pytest.raises(SandboxClosed):
        await session.arun("1")


async def test_cancelling_a_cell_ends_its_process(box: MontySandbox, descendants: Descendants) -> None:
    before = descendants(os.getpid())
    session = await box.asession("path")
    task = asyncio.create_task(session.arun("while True: pass"))
    await asyncio.sleep(0.3)
    assert descendants(os.getpid()) - before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    box.close()
    assert descendants(os.getpid()) <= before


async def test_after_a_cancelled_cell_the_next_one_can_come_at_once(box: MontySandbox, cancel_and_go_on: Any) -> None:
    await cancel_and_go_on(await box.asession("path"))  # it asserts


def test_nothing_is_left(
    descendants: Descendants, open_files: Callable[[], dict[int, str]], eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    with MontySandbox() as first:  # what the package starts once for the process stays
        run(first, "1")
    processes, files, threads = descendants(os.getpid()), open_files(), set(threading.enumerate())
    with MontySandbox() as box:
        run(box, "1", "while True: pass", timeout_s=0.2)
    with MontySandbox() as unused:
        unused.warm_up()
    assert descendants(os.getpid()) <= processes
    assert eventually(lambda: open_files().items() <= files.items())
    assert not set(threading.enumerate()) - threads


def write(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "so far</summarize>"
    if not params.stop_token_ids:
        return "\\boxed{42}"
    outputs = prompt.count("\n```output\n")
    if outputs == 0:
        return "```python\nx = 40; print('made', x)\n```\n"
    if "</comment>\n" not in prompt:
        return "I think. " * 100
    return "```python\nx + 2\n```\n" if outputs == 1 else "Done.</think>"


def graph(**options: Any) -> Any:
    tool = python(backend="monty")
    peers = [Peer(name="coder", count=2, tools=[tool], limits=ToolLimits(seconds=30))]
    return build_graph(peers=peers, engine=ScriptedEngine(write, thinking=True)).compile(**options)


SETTINGS = {"interval": 200, "cut": "exact", "summary_tokens": 64, "max_tokens": 8000, "answer_tokens": 60, "rounds": 1}


def test_a_run_uses_it_and_leaves_nothing(descendants: Descendants) -> None:
    before = descendants(os.getpid())
    out = graph().invoke({"question": "What is 40 + 2?"}, context=SETTINGS)
    for path in ("coder_1", "coder_2"):
        made, read = (s["text"] for s in out["histories"][path] if s["kind"] == "tool")
        assert made == "```output\nmade 40\n[7 tool calls left]\n```\n"
        assert read == "```output\nOut: 42\n[6 tool calls left]\n```\n"
        prompt = out["histories"][path][0]["text"]
        assert "without numpy, sympy" in prompt
        assert "numpy and sympy are installed" not in prompt
    assert descendants(os.getpid()) <= before


def test_a_resumed_run_gets_its_variables_back() -> None:
    config = {"configurable": {"thread_id": "resume"}}
    stopping = graph(checkpointer=InMemorySaver(), interrupt_before=["leap_block"])
    stopping.invoke({"question": "What is 40 + 2?"}, config, context=SETTINGS)
    while stopping.get_state(config).next:
        stopping.invoke(None, config, context=SETTINGS)
    texts = [s["text"] for s in stopping.get_state(config).values["history_coder_1"] if s["kind"] == "tool"]
    assert "Out: 42" in texts[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"backend": "docker"}, "backend='docker' is none of sandbox, monty"),
        ({"backend": "monty", "timeout_s": 0}, "timeout_s=0 must be a positive number"),
        ({"backend": "monty", "memory_mb": 1}, "memory_mb=1 must be between"),
        ({"backend": "monty", "max_output": 1}, "max_output=1 must be between"),
    ],
)
def test_bad_options_are_told_at_once(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        python(**options)


def test_options_of_the_other_backend_are_refused() -> None:
    with pytest.raises(TypeError, match="min_tier"):
        python(backend="monty", min_tier=1)
    with MontySandbox() as box, pytest.raises(ValueError, match="give these to the sandbox that you pass"):
        python(box, memory_mb=64)


def test_without_the_package_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ImportError, match=r"pip install 'peerleap\[monty\]'"):
        python(backend="monty")
