"""What this machine can build: every wall is put up once in a throw-away process and pushed against."""

import functools
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from peerleap.tools.sandbox.errors import SandboxUnavailable
from peerleap.tools.sandbox.launch import Walls, launch

_PROBE_TIMEOUT_S = 30
# Below it, opening a readable file with O_TRUNC empties it: only read-only mounts stop that.
_MIN_ABI_ALONE = 3

INSTALL = "install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap)"
_ADVICE = f"{INSTALL} and allow user namespaces, or use a kernel of 6.2 or newer with Landlock enabled"


@dataclass(frozen=True)
class SandboxReport:
    """The strongest walls that work here, and why not stronger ones."""

    tier: int
    """1: bubblewrap, Landlock and seccomp; 2: seccomp and one of the other two; 0: no sandbox."""
    landlock_abi: int
    """The kernel's Landlock version; 0: none."""
    seccomp: bool
    """Whether the system call filter installs (Linux on x86-64 or aarch64)."""
    netns: bool
    """Whether sessions get a network namespace without any interface to the outside."""
    reasons: tuple[str, ...]
    """One sentence for each wall that does not work."""
    walls: Walls
    """What a `Sandbox` would build."""


@functools.cache
def probe(bwrap: str | None = None) -> SandboxReport:
    """Find out, once per process, which walls work. `bwrap` is a path; None looks on `PATH`.

    Starts two short-lived processes (about 0.1 s) and changes nothing.
    """
    if sys.platform != "linux":
        nothing = Walls(bwrap=None, landlock=False, seccomp=False)
        return SandboxReport(0, 0, False, False, (f"the sandbox needs Linux, this is {sys.platform!r}",), nothing)
    reasons: list[str] = []
    inner = _inner_walls(reasons)
    program = bwrap or shutil.which("bwrap")
    outside, inside = Walls(None, inner.landlock, inner.seccomp), None
    if program is None:
        reasons.append(f"bwrap was not found: {INSTALL}")
    else:
        inside, reason = _try(Walls(program, inner.landlock, inner.seccomp))
        reasons += [f"bwrap {program!r} does not work: {reason}"] if reason else []
    abi = int(inner.answer.get("abi", 0))
    walls = outside if inside is None else Walls(program, inner.landlock, inner.seccomp)
    if walls.tier == 2 and not walls.bwrap and abi < _MIN_ABI_ALONE:
        reasons.append(f"Landlock {abi} cannot stand alone, it takes {_MIN_ABI_ALONE}: use a kernel of 6.2 or newer")
        walls = Walls(None, landlock=False, seccomp=inner.seccomp)
    netns = inside is not None and inside.get("interfaces") in ([], ["lo"])
    return SandboxReport(walls.tier, abi, inner.seccomp, netns, tuple(reasons), walls)


def choose(report: SandboxReport, min_tier: int, *, allow_unsandboxed: bool) -> Walls:
    """The walls to build; `SandboxUnavailable` if they are weaker than `min_tier` and nobody allowed that."""
    if 0 < report.tier <= min_tier:
        return report.walls
    if sys.platform != "linux":
        raise SandboxUnavailable(f"{report.reasons[0]}; run peerleap in a Linux container or virtual machine")
    if allow_unsandboxed:
        return report.walls
    found = f"only tier {report.tier} works" if report.tier else "no sandbox works"
    raise SandboxUnavailable(
        f"{found} here and min_tier={min_tier!r} asks for more ({'; '.join(report.reasons)}). "
        f"To get one, {_ADVICE}; or pass allow_unsandboxed=True to run model-written code with your own rights."
    )


@dataclass(frozen=True)
class _Inner:
    landlock: bool
    seccomp: bool
    answer: dict[str, Any]


def _inner_walls(reasons: list[str]) -> _Inner:
    # Each alone first: together, one that is missing would hide the other.
    works = {}
    answer: dict[str, Any] = {}
    for name, walls in (("Landlock", Walls(None, True, False)), ("seccomp", Walls(None, False, True))):
        found, reason = _try(walls)
        works[name] = found is not None
        answer |= found or {}
        if reason:
            reasons.append(f"{name} does not work: {reason}")
    return _Inner(works["Landlock"], works["seccomp"], answer)


def _try(walls: Walls) -> tuple[dict[str, Any] | None, str]:
    """The self-test's answer, or None and what went wrong."""
    start = launch("probe", walls)
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and worker
            start.command,
            env=start.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["failed"]:
        return None, answer["failed"]
    if answer["escapes"]:
        return None, "; ".join(answer["escapes"])
    return answer, ""
