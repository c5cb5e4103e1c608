"""How a session gives everything up, in the order in which it can."""

import ctypes
import os
import resource
import signal

from . import kernel, landlock, seccomp
from .plan import Plan

_MAX_FILES = 64
_STACK_BYTES = 8 << 20
_FILE_BYTES = 16 << 20
# Below the host, but not so far that a machine busy with inference starves a cell into its time limit.
_NICE = 5

_CAPABILITY_VERSION_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}


def die_with(parent: int) -> None:
    """End with `parent`, even if that is killed; exits at once if it is gone already. 0: no check."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)


def hide() -> None:
    """Keep other processes of this user from reading or tracing this one."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def lock_down(plan: Plan, *, core: int = 0) -> dict[str, int]:
    """Apply the plan's limits and walls to this process for good.

    Args:
        plan: the limits and walls.
        core: which of the usable processor cores to stay on, counted round: a session of many threads uses one.

    Returns:
        The walls in force: Landlock's version, and 1 for seccomp.

    Raises:
        OSError: a wall cannot be built.
    """
    _limit(plan)
    os.nice(_NICE)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    _drop_capabilities()
    hide()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    walls = {"landlock": 0, "seccomp": 0}
    if plan.landlock:
        walls["landlock"] = landlock.restrict(plan.readable)
    if plan.seccomp:
        seccomp.install(os.getpid())
        walls["seccomp"] = 1
    return walls


def _limit(plan: Plan) -> None:
    limits = {
        resource.RLIMIT_AS: plan.memory_bytes,
        resource.RLIMIT_CPU: plan.cpu_s,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_NOFILE: _MAX_FILES,
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bound, bound))


def _drop_capabilities() -> None:
    # A host that runs as root hands its powers down; bubblewrap drops them, a bare worker must.
    number = _CAPSET.get(os.uname().machine)
    if number is None:
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    kernel.syscall(number, header, (ctypes.c_uint32 * 6)())
