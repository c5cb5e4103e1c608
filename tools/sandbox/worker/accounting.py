"""Has the kernel count a session's threads apart from everyone else's, so that a limit on them binds.

`RLIMIT_NPROC` counts the tasks of a real user id in a user namespace, and root is exempt. So each session gets either a
real user id of its own (where the host is root; the effective one stays, so that files remain readable) or a user
namespace of its own.
"""

import os
import resource
from contextlib import suppress
from pathlib import Path

from . import kernel
from .plan import Plan

MOST_THREADS = 256
"""Threads of one session; the host kills one that has more."""

_CLONE_NEWUSER = 0x10000000


def limit_threads(plan: Plan, siblings: int) -> str:
    """Bound the number of this process's threads, as well as this machine can; call it with a single thread.

    Args:
        plan: which user ids can be taken, and whether the kernel exempts the host's user.
        siblings: tasks that are counted together with this one where it gets no count of its own.

    Returns:
        What binds: `"uid"` or `"namespace"` (256 threads of this session), `"shared"` (256 more than all sessions of
        the worker), `"machine"` (256 more than the machine ran when the session began) or `"none"`.
    """
    bound = _separate(plan)
    most = MOST_THREADS
    if bound == "shared":
        most += siblings
    elif bound == "machine":
        most += _tasks_of_the_machine()
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    return bound


def _separate(plan: Plan) -> str:
    for first, count in plan.uids:
        with suppress(OSError):  # not mapped in the container that the host runs in
            os.setresuid(first + os.getpid() % count, -1, -1)
            return "uid"
    if plan.exempt:
        return "none"
    with suppress(OSError):
        kernel.unshare(_CLONE_NEWUSER)
        return "namespace"
    # In bubblewrap's user namespace only the worker's own tasks count, elsewhere all of the user's.
    return "machine" if plan.host_pid else "shared"


def _tasks_of_the_machine() -> int:
    """All tasks that run now: at least as many as any one user's."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
