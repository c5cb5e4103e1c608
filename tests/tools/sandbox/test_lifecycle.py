"""Nothing is left: no process, no descriptor, no folder, whatever way a sandbox ends."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peerleap.tools.sandbox import Sandbox, SandboxClosed, SandboxUnavailable, SandboxWarning, probe
from peerleap.tools.sandbox.fork_server import ForkServer
from peerleap.tools.sandbox.launch import Walls

Descendants = Callable[[int], set[int]]
OpenFiles = Callable[[], dict[int, str]]
Eventually = Callable[[Callable[[], bool]], bool]


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that import neither numpy nor sympy start in a moment."""
    monkeypatch.setattr("peerleap.tools.sandbox.worker_process.PRELOAD", ())


TIERS = {
    "1": probe().walls,
    "2": Walls(None, landlock=True, seccomp=True),
    "2b": Walls(probe().walls.bwrap, landlock=False, seccomp=True),
    "none": Walls(None, landlock=False, seccomp=False),
}

# A host in a process of its own: warms a sandbox up, runs a cell for ever, and says which processes it has.
HOST = """
import sys, threading, time, warnings
warnings.simplefilter("ignore")
from peerleap.tools.sandbox import Sandbox
from peerleap.tools.sandbox.launch import Walls
import peerleap.tools.sandbox.fork_server
peerleap.tools.sandbox.worker_process.PRELOAD = ()
walls = Walls(sys.argv[1] or None, landlock=sys.argv[2] == "1", seccomp=sys.argv[3] == "1")
sandbox = Sandbox(_walls=walls, timeout_s=600)
busy, idle = sandbox.session("busy"), sandbox.session("idle")
threading.Thread(target=busy.run, args=("while True: pass",), daemon=True).start()
time.sleep(0.2)
print("ready", flush=True)
"""


def wait_for_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


@pytest.fixture(params=["1", "2"], ids=["tier1", "tier2"])
def walls(request: pytest.FixtureRequest) -> Walls:
    if (TIERS["1"].tier != 1 and request.param == "1") or (not TIERS["2b"].bwrap and request.param == "2b"):
        pytest.skip(f"tier {request.param}: {probe().reasons}")
    return TIERS[request.param]


@pytest.fixture
def sandbox(walls: Walls) -> Iterator[Sandbox]:
    """A warm one, all of whose processes are there."""
    with Sandbox(_walls=walls) as made:
        made.session("warm").close()
        yield made


@pytest.fixture
def nothing_left(descendants: Descendants, open_files: OpenFiles) -> Callable[[], None]:
    gc.collect()
    processes, files = descendants(os.getpid()), open_files()
    folders = set(Path(tempfile.gettempdir()).glob("peerleap-*"))
    threads = set(threading.enumerate())

    def check() -> None:
        assert descendants(os.getpid()) <= processes
        assert open_files() == files
        assert set(Path(tempfile.gettempdir()).glob("peerleap-*")) <= folders
        assert {thread.name for thread in set(threading.enumerate()) - threads} == set()

    return check


@pytest.mark.parametrize("walls", ["1", "2", "2b"], ids=["tier1", "tier2", "tier2b"], indirect=True)
@pytest.mark.parametrize("way", ["SIGKILL", "SIGTERM", "end", "exception"])
def test_nothing_survives_the_host(
    way: str,
    walls: Walls,
    python: Callable[..., subprocess.Popen[str]],
    descendants: Descendants,
    eventually: Eventually,
) -> None:
    last = {"end": "pass", "exception": "raise SystemExit(1)"}.get(way, "time.sleep(600)")
    arguments = (walls.bwrap or "", str(int(walls.landlock)), str(int(walls.seccomp)))
    with python(HOST + last, *arguments) as host:
        wait_for_ready(host)
        if way.startswith("SIG"):
            below = descendants(host.pid)
            assert len(below) >= 3
            host.send_signal(signal.Signals[way])
            host.wait()
            # We are the subreaper: what outlives the host is found below us.
            assert eventually(lambda: not below & descendants(os.getpid()))
        else:
            below = descendants(host.pid)
            host.wait()
            assert not below & descendants(os.getpid())


def test_a_run_and_a_failed_run_leave_nothing(walls: Walls, nothing_left: Callable[[], None]) -> None:
    with Sandbox(_walls=walls) as sandbox:
        good, bad, hung = (sandbox.session(name) for name in ("good", "bad", "hung"))
        good.run("1")
        bad.run("import os; os._exit(1)")
        hung.run("import signal; signal.setitimer(0, 0)\nwhile True: pass", timeout_s=0.1)
        with pytest.raises(ZeroDivisionError), sandbox.session("raising"):
            raise ZeroDivisionError
    nothing_left()


def test_a_cancelled_run_leaves_nothing(walls: Walls, nothing_left: Callable[[], None]) -> None:
    asyncio.run(cancel_some(walls))
    nothing_left()


async def cancel_some(walls: Walls) -> None:
    sandbox = Sandbox(_walls=walls)
    opening = [asyncio.create_task(sandbox.asession(f"{number}")) for number in range(3)]
    await asyncio.sleep(0.05)
    opening[0].cancel()
    sessions = [await task for task in opening[1:]]
    tasks = [asyncio.create_task(session.arun("while True: pass")) for session in sessions]
    await asyncio.sleep(0.1)
    tasks[0].cancel()
    await sandbox.aclose()
    # The one that was not cancelled learns from its result that its process was taken away.
    assert (await tasks[1]).state_lost
    with pytest.raises(SandboxClosed):
        await sessions[1].arun("1")


def test_a_session_of_its_own_worker_that_is_cancelled_as_it_ends_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, descendants: Descendants, open_files: OpenFiles, eventually: Eventually
) -> None:
    if not probe().walls.bwrap:
        pytest.skip(f"tier 2b: {probe().reasons}")
    ending, go_on = threading.Event(), threading.Event()
    ended = ForkServer.ended

    async def slowly(fork_server: ForkServer, within_s: float) -> bool:
        ending.set()
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        return await ended(fork_server, within_s)

    async def run(box: Sandbox) -> None:
        session = await box.asession("cancelled")
        task = asyncio.create_task(session.arun("import os; os._exit(0)"))
        assert await asyncio.to_thread(ending.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    with Sandbox(_walls=TIERS["2b"]) as made:
        made.session("first").close()
        processes, files = descendants(os.getpid()), open_files()
        monkeypatch.setattr(ForkServer, "ended", slowly)
        asyncio.run(run(made))
        assert eventually(lambda: set(open_files().items()) <= set(files.items()))
        assert eventually(lambda: descendants(os.getpid()) <= processes)


async def test_sessions_that_must_not_share_a_worker_have_one_each_when_they_open_at_once() -> None:
    if not probe().walls.bwrap:
        pytest.skip(f"tier 2b: {probe().reasons}")
    async with Sandbox(_walls=TIERS["2b"]) as made:
        sessions = await asyncio.gather(*(made.asession(f"path {number}") for number in range(4)))
        assert len(set(made._pool._homes.values())) == 4
        for number, session in enumerate(sessions):
            await session.arun(f"x = {number}")
        await sessions[0].aclose()
        assert [(await session.arun("x")).value for session in sessions[1:]] == ["1", "2", "3"]


def test_closing_while_it_starts(walls: Walls, nothing_left: Callable[[], None]) -> None:
    sandbox = Sandbox(_walls=walls)
    sandbox.warm_up()
    time.sleep(0.1)
    sandbox.close()
    nothing_left()


def test_a_forgotten_sandbox_ends(
    walls: Walls, descendants: Descendants, eventually: Eventually, nothing_left: Callable[[], None]
) -> None:
    threads = threading.enumerate()
    sandbox = Sandbox(_walls=walls)
    session = sandbox.session("forgotten")
    del sandbox
    assert session.run("1").value == "1"
    before = descendants(os.getpid())
    del session
    gc.collect()
    assert eventually(lambda: len(descendants(os.getpid())) < len(before))
    assert eventually(lambda: threading.enumerate() == threads)
    nothing_left()


def test_a_forgotten_session_ends(sandbox: Sandbox, descendants: Descendants, eventually: Eventually) -> None:
    before = descendants(os.getpid())
    session = sandbox.session("forgotten")
    assert len(descendants(os.getpid()) - before) == 1
    del session
    gc.collect()
    assert eventually(lambda: descendants(os.getpid()) <= before)


def test_a_session_inherits_its_socket_and_nothing_else(sandbox: Sandbox, descendants: Descendants) -> None:
    before = descendants(os.getpid())
    with sandbox.session("one"), sandbox.session("two") as session:
        look = "import os\nfound = []\nfor n in range(64):\n    try:\n        os.fstat(n)\n        found.append(n)\n"
        assert session.run(look + "    except OSError: pass\nfound").value == "[0, 1, 2, 3]"
        # Only root can look into a process that hides itself.
        for pid in descendants(os.getpid()) - before if os.geteuid() == 0 else ():
            assert {entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2", "3"}


def test_a_worker_that_takes_no_orders_and_does_not_die_is_replaced(
    walls: Walls, descendants: Descendants, eventually: Eventually, nothing_left: Callable[[], None]
) -> None:
    before = descendants(os.getpid())
    with Sandbox(_walls=walls) as sandbox:
        sandbox.session("first").close()
        fork_server = sandbox._pool._current()
        assert fork_server is not None
        # As on a machine so busy that a worker which has ended is not seen to be gone.
        worker = descendants(os.getpid()) - before
        signal_all(worker, signal.SIGSTOP)
        fork_server._control.shutdown(socket.SHUT_RDWR)
        assert fork_server.alive
        assert sandbox.session("second").run("1 + 1").value == "2"
        signal_all(worker, signal.SIGCONT)  # killed they are already, but bubblewrap waits for that itself
    assert eventually(lambda: descendants(os.getpid()) <= before)
    nothing_left()


def signal_all(processes: set[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):  # the death of one may already have been that of the next
            os.kill(pid, number)


def test_a_sandbox_whose_worker_dies_starts_another(walls: Walls, descendants: Descendants) -> None:
    before = descendants(os.getpid())
    with Sandbox(_walls=walls) as sandbox:
        session = sandbox.session("survivor")
        session.run("x = 1")
        signal_all(descendants(os.getpid()) - before, signal.SIGKILL)
        result = session.run("1 + 1")
        # Either the cell met the death, or it ran in a new process: both say that the variables are gone.
        assert result.state_lost
        assert session.run("2 + 2").value == "4"


def test_a_closed_sandbox_says_so(nothing_left: Callable[[], None]) -> None:
    sandbox = Sandbox()
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxClosed):
        sandbox.session("late")
    with pytest.raises(SandboxClosed):
        sandbox.warm_up()
    nothing_left()


def test_a_forked_host_leaves_the_sandbox_alone(sandbox: Sandbox) -> None:
    with sandbox.session("parent") as session:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid == 0:
            try:
                session.run("1")
            except RuntimeError as error:
                sandbox.close()
                os._exit(42 if "belongs to process" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
        assert session.run("2").value == "2"


def test_without_walls_it_refuses(monkeypatch: pytest.MonkeyPatch, nothing_left: Callable[[], None]) -> None:
    import peerleap.tools.sandbox.sandbox as module
    from peerleap.tools.sandbox import SandboxReport

    report = SandboxReport(0, 0, False, False, ("nothing works",), TIERS["none"])
    monkeypatch.setattr(module, "probe", lambda bwrap: report)
    with Sandbox() as refusing, pytest.raises(SandboxUnavailable, match=r"install bubblewrap.*allow_unsandboxed=True"):
        refusing.session("never")
    with Sandbox(allow_unsandboxed=True) as allowing:
        with pytest.warns(SandboxWarning, match="tier 'none'"):
            session = allowing.session("naked")
        assert session.run("x = 6; x * 7").value == "42"
        # Limits, a clean environment and a folder of its own remain.
        assert "MemoryError" in session.run("bytearray(3 << 30)").text()
        assert "PEERLEAP_TEST_SECRET" not in str(session.run("import os; dict(os.environ)").value)
        assert "peerleap-" in str(session.run("os.getcwd()").value)
    nothing_left()


def test_a_weaker_tier_than_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import peerleap.tools.sandbox.sandbox as module
    from peerleap.tools.sandbox import SandboxReport

    report = SandboxReport(2, 7, True, False, ("bwrap was not found",), TIERS["2"])
    monkeypatch.setattr(module, "probe", lambda bwrap: report)
    with Sandbox(min_tier=1) as sandbox, pytest.raises(SandboxUnavailable, match="only tier 2 works"):
        sandbox.session("never")
