"""Sandboxes of every tier, and a world outside them that shows what an attack did to it."""

import asyncio
import contextlib
import ctypes
import os
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from peerleap.tools.sandbox import CellResult, Sandbox, Session, probe
from peerleap.tools.sandbox.launch import PRELOAD, Walls

PROJECT = Path(__file__).parents[3]
HOST_SECRET = "SECRET-" + secrets.token_hex(8)
VICTIM_SIZE = 48_611
SHARED_PLACES = ("/", "/tmp", "/var/tmp", "/dev/shm", "/usr", "/usr/lib")


def descendants(root: int) -> set[int]:
    """Every living process below `root`, zombies not counted."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                if state != "Z":
                    parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


@dataclass
class World:
    """What is outside: files, sockets and a process, each of which would show that it was reached."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(6))
    secret: str = field(default_factory=lambda: "SECRET-" + secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.secret_file = self.folder / f"{self.secret}.txt"
        self.secret_file.write_text(self.secret)
        self.victim_file = self.folder / "victim"
        self.drop = self.folder / "drop"
        self.listeners = self._listen()
        self.victim: subprocess.Popen[bytes] | None = None
        self.reset()

    def _listen(self) -> dict[str, socket.socket]:
        places: dict[str, tuple[int, int, Any]] = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": (socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "s")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.token}"),
        }
        opened = {}
        for name, (family, kind, address) in places.items():
            opened[name] = socket.socket(family, kind)
            opened[name].bind(address)
            opened[name].setblocking(False)
            if kind == socket.SOCK_STREAM:
                opened[name].listen(100)
        return opened

    def reset(self) -> None:
        """Undo what a successful attack did."""
        for place in SHARED_PLACES:
            (Path(place) / self.token).unlink(missing_ok=True)
        shutil.rmtree(self.drop, ignore_errors=True)
        self.drop.mkdir()
        self.drop.chmod(0o777)
        self.victim_file.unlink(missing_ok=True)
        self.victim_file.write_bytes(b"v" * VICTIM_SIZE)
        self.victim_file.chmod(0o666)
        os.utime(self.victim_file, (1e9, 1e9))
        self.kill_victim()
        self.victim = subprocess.Popen(["sleep", "600"], env={"VICTIM": self.secret})
        self._drain()
        self.priority = os.getpriority(os.PRIO_PROCESS, self.victim.pid)
        self.affinity = os.sched_getaffinity(self.victim.pid)
        self.files = resource.prlimit(self.victim.pid, resource.RLIMIT_NOFILE)
        self.processes = descendants(os.getpid())

    def kill_victim(self) -> None:
        if self.victim is not None:
            self.victim.kill()
            self.victim.wait()

    def _drain(self) -> list[str]:
        reached = []
        for name, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(100)
                reached.append(f"the {name} socket was reached")
        return reached

    @property
    def names(self) -> dict[str, object]:
        """What the attacker knows: every address, no secret."""
        assert self.victim is not None
        return {
            "secret_folder": str(self.folder),
            "victim_file": str(self.victim_file),
            "drop": str(self.drop),
            "victim": self.victim.pid,
            "host": os.getpid(),
            "project": str(PROJECT),
            "token": self.token,
            "places": SHARED_PLACES,
            "tcp": self.listeners["tcp"].getsockname(),
            "udp": self.listeners["udp"].getsockname(),
            "unix": self.listeners["unix"].getsockname(),
        }

    def damage(self, result: CellResult, known: set[int] | None = None) -> list[str]:
        """Everything that is not as `reset` left it, and every secret that the result holds."""
        assert self.victim is not None
        found = self._drain()
        said = f"{result.stdout} {result.value} {result.error}"
        for secret in (self.secret, HOST_SECRET, "root:x:0", "[build-system]", "ESCAPED"):
            if secret in said:
                found.append(f"the result holds {secret!r}")
        found += [f"{place} was written" for place in SHARED_PLACES if (Path(place) / self.token).exists()]
        found += [f"{path} was created" for path in self.drop.iterdir()]
        if not self.victim_file.exists():
            return [*found, "the victim file is gone"]
        now = self.victim_file.stat()
        if (now.st_mode & 0o777, now.st_mtime, now.st_size, now.st_nlink) != (0o666, 1e9, VICTIM_SIZE, 1):
            found.append("the victim file was changed")
        if os.listxattr(self.victim_file):
            found.append("the victim file has attributes")
        pid = self.victim.pid
        if self.victim.poll() is not None:
            found.append("the victim process was killed")
        elif (os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid)) != (self.priority, self.affinity):
            found.append("the victim process was rescheduled")
        elif resource.prlimit(pid, resource.RLIMIT_NOFILE) != self.files:
            found.append("the victim process was limited")
        elif "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text():
            found.append("the victim process is traced")
        if new := descendants(os.getpid()) - (self.processes if known is None else known):
            found.append(f"processes {new} are left")
        return found


def walls_of(tier: str) -> Walls:
    report = probe()
    if tier == "none":
        return Walls(None, landlock=False, seccomp=False)
    if tier in ("1", "2b") and not report.walls.bwrap:
        pytest.skip(f"tier {tier}: {report.reasons}")
    if tier in ("1", "2") and not report.walls.landlock:
        pytest.skip(f"tier {tier}: {report.reasons}")
    return Walls(report.walls.bwrap if tier != "2" else None, landlock=tier != "2b", seccomp=True)


@pytest.fixture(scope="session", autouse=True)
def host() -> Iterator[None]:
    """Secrets in the environment; orphans come to us, so that none can hide from `descendants`."""
    subreaper, libc = 36, ctypes.CDLL(None)
    libc.prctl(subreaper, 1, 0, 0, 0)
    os.environ["PEERLEAP_TEST_SECRET"] = HOST_SECRET
    yield
    del os.environ["PEERLEAP_TEST_SECRET"]
    libc.prctl(subreaper, 0, 0, 0, 0)


@pytest.fixture(scope="session")
def world(host: None) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="peerleap-world-"))
    folder.chmod(0o755)
    made = World(folder)
    yield made
    made.reset()
    made.kill_victim()
    for listener in made.listeners.values():
        listener.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sandboxes(host: None) -> Iterator[Callable[[str], Sandbox]]:
    """One sandbox per tier, started when first asked for."""
    open_now: dict[str, Sandbox] = {}

    def sandbox(tier: str) -> Sandbox:
        if tier not in open_now:
            for other in open_now.values():
                other.close()
            open_now.clear()
            open_now[tier] = Sandbox(_walls=walls_of(tier))
            # What is imported changes no wall; where only walls are tested, start in a moment.
            names = PRELOAD if tier in ("1", "2") else ("numpy",)
            patch.setattr("peerleap.tools.sandbox.worker_process.PRELOAD", names)
        return open_now[tier]

    with pytest.MonkeyPatch.context() as patch:
        yield sandbox
    for made in open_now.values():
        made.close()


@pytest.fixture(scope="session", params=["1", "2"], ids=["tier1", "tier2"])
def sandbox(request: pytest.FixtureRequest, sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes(request.param)


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    with sandbox.session("test") as opened:
        yield opened


@pytest.fixture(scope="session")
def lone_sessions() -> dict[Sandbox, Session]:
    return {}


@pytest.fixture
def lone(sandboxes: Callable[[str], Sandbox], lone_sessions: dict[Sandbox, Session]) -> Session:
    """Tier 2b: starting takes seconds, so its tests share a session, until a test of another tier closes it."""
    sandbox = sandboxes("2b")
    if sandbox not in lone_sessions:
        lone_sessions[sandbox] = sandbox.session("lone")
    return lone_sessions[sandbox]


@pytest.fixture
def naked(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    """No walls: here the attacks must succeed, or they would prove nothing."""
    made = sandboxes("none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.session("first").close()
    return made


@pytest.fixture
def attack(world: World) -> Callable[..., list[str]]:
    """Run an attack in a session and return the damage."""

    def run(session: Session, *cells: str, patience_s: float = 0) -> list[str]:
        session.run("1")
        world.reset()
        prelude = f"import ctypes, os, sys\nW = {world.names!r}\nPID = os.getpid()\n"
        for number, cell in enumerate(cells):
            result = session.run(f"{prelude if not number else ''}{cell}\nprint('TRIED')", timeout_s=10)
            assert "TRIED" in result.stdout, f"the attack did not run to its end: {result.text()}"
        deadline = time.monotonic() + patience_s
        while not (found := world.damage(result)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    return run


@pytest.fixture(name="descendants")
def descendants_fixture() -> Callable[[int], set[int]]:
    """Every living process below another."""
    return descendants


@pytest.fixture
def open_files() -> Callable[[], dict[int, str]]:
    """Our own descriptors and what they are."""

    def look() -> dict[int, str]:
        found = {}
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found[int(entry.name)] = str(entry.readlink())
        return {number: target for number, target in found.items() if "/fd" not in target}

    return look


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Whether something comes true within 20 seconds."""

    def wait(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 20
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    return wait


@pytest.fixture
def python() -> Callable[..., subprocess.Popen[str]]:
    """Start a Python of our own, a stand-in for a host."""

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
        )

    return start


@pytest.fixture
def cancel_and_go_on() -> Callable[[Any], Awaitable[None]]:
    """Cancel cells of a session, and run the next one at once."""

    async def go_on(session: Any) -> None:
        for turn in range(8):
            task = asyncio.create_task(session.arun("while True: pass"))
            await asyncio.sleep(0.005 * turn)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await session.arun("1 + 1")).value == "2"

    return go_on
