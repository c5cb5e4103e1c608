"""Threads of a session: bounded by the kernel where it can, by the host everywhere, and on one core."""

import os
import platform
from pathlib import Path

import pytest

from peerleap.tools.sandbox import Sandbox, Session
from peerleap.tools.sandbox.process import Process
from peerleap.tools.sandbox.user_ids import exempt, ranges
from peerleap.tools.sandbox.worker.accounting import MOST_THREADS

# clone(VM | FS | FILES | SIGHAND | THREAD | SYSVSEM), past Python and the C library; each thread only pauses.
RAW = """
import ctypes, mmap
code = bytes.fromhex('4889febf000f050031d24d31d24d31c0b8380000000f054885c07401c3b8220000000f05ebf7')
page = mmap.mmap(-1, 4096, prot=7)
page.write(code)
clone = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
stack = mmap.mmap(-1, 65536)
top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + 60000
made = 0
while made < 20000 and clone(top) > 0:
    made += 1
"""
x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the machine code is x86-64's")


def process(session: Session) -> Process:
    found = session._interpreter._process
    assert found is not None
    return found


def threads(session: Session) -> int:
    status = Path(f"/proc/{process(session).pid}/status").read_text()
    return int(status.partition("Threads:")[2].split()[0])


def bounded(session: Session) -> None:
    """Raw clones end at the bound, the session goes on, and the next session has threads of its own."""
    result = session.run(RAW + "made")
    assert result.value is not None
    assert int(result.value) < MOST_THREADS
    assert threads(session) <= MOST_THREADS
    assert session.run("6 * 7").value == "42"


@x86
def test_raw_threads_are_bounded(sandbox: Sandbox, session: Session) -> None:
    bounded(session)
    with sandbox.session("sibling") as sibling:
        started = sibling.run("import threading\nt = threading.Thread(target=print)\nt.start(); t.join(); 'started'")
        assert started.value == "'started'"


@x86
def test_raw_threads_are_bounded_without_landlock(lone: Session) -> None:
    bounded(lone)


@x86
def test_the_host_kills_a_session_of_too_many_threads(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where no limit of the kernel binds.
    monkeypatch.setattr("peerleap.tools.sandbox.process.MOST_THREADS", 50)
    session.run("x = 1")
    result = session.run(RAW + "import time; time.sleep(60)", timeout_s=30)
    assert result.state_lost
    assert not result.timed_out
    assert result.error is not None
    assert "threads; 50 at most; variables were lost" in result.error.message
    assert session.run("6 * 7").value == "42"


@x86
def test_threads_are_counted_at_the_reply_too(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerleap.tools.sandbox.process.MOST_THREADS", 50)
    monkeypatch.setattr("peerleap.tools.sandbox.process._LOOK_S", 60)
    assert "threads; 50 at most" in session.run(RAW).text()


def test_the_host_knows_each_sessions_process(sandbox: Sandbox, session: Session) -> None:
    with sandbox.session("other") as other:
        pids = {process(one).pid for one in (session, other)}
        assert len(pids) == 2
        for pid in pids:
            assert os.getpid() in ancestors(pid)


def ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        found.append(pid)
    return found


def test_a_session_stays_on_one_core(session: Session) -> None:
    code = """
import os
before = os.sched_getaffinity(0)
try:
    os.sched_setaffinity(0, range(64))
except OSError:
    pass
len(before), len(os.sched_getaffinity(0))
"""
    assert session.run(code).value == "(1, 1)"


TAKE_BACK = """
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
done = []
def attempt(name, work):
    try:
        result = work()
    except OSError:
        return
    if result in (None, 0): done.append(name)
attempt('setresuid', lambda: os.setresuid(0, 0, 0))
attempt('setreuid', lambda: os.setreuid(0, 0))
attempt('setuid', lambda: os.setuid(0))
attempt('swap', lambda: os.setresuid(os.geteuid(), -1, -1))
attempt('setresgid', lambda: os.setresgid(0, 0, 0))
attempt('setgroups', lambda: os.setgroups([0]))
attempt('unshare', lambda: 0 if libc.unshare(0x10000000) == 0 else 1)
attempt('setns', lambda: 0 if libc.setns(3, 0) == 0 else 1)
attempt('map', lambda: open('/proc/self/uid_map', 'w').write('0 0 1'))
attempt('nice', lambda: os.setpriority(0, 0, -5))
attempt('core', lambda: os.sched_setaffinity(0, {0, 1}))
attempt('scheduler', lambda: os.sched_setscheduler(0, 0, os.sched_param(0)))
for name in ('RLIMIT_NPROC', 'RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_NOFILE', 'RLIMIT_FSIZE'):
    hard = resource.getrlimit(getattr(resource, name))[1]
    try:
        resource.setrlimit(getattr(resource, name), (hard + 1, hard + 1))
    except (OSError, ValueError):
        pass
    else:
        done.append(name)
done
"""


def test_what_was_given_up_cannot_be_taken_back(session: Session) -> None:
    assert session.run(TAKE_BACK).value == "[]"


def test_what_was_given_up_cannot_be_taken_back_without_landlock(lone: Session) -> None:
    assert lone.run(TAKE_BACK).value == "[]"


def test_only_root_hands_out_user_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert ranges(mapped=True) == ranges(mapped=False) == ()
    assert not exempt()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert all(first > 1000 and count for mapped in (True, False) for first, count in ranges(mapped=mapped))


# The last, since it ends the sandboxes of other tiers.
@x86
def test_raw_threads_are_bounded_without_walls(naked: Sandbox) -> None:
    with naked.session("threads") as session:
        bounded(session)
