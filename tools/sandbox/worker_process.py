"""The worker's process, as the operating system has it: started, its children found, killed."""

import contextlib
import os
import select
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from peerleap.tools.sandbox.errors import SandboxUnavailable
from peerleap.tools.sandbox.launch import PRELOAD, Launch, Walls, launch
from peerleap.tools.sandbox.user_ids import IdMap


def start_worker(
    walls: Walls, control: int, folder: str, *, memory_mb: int, max_output: int
) -> subprocess.Popen[bytes]:
    """Start a worker, with user ids for its sessions where this process is root.

    Args:
        walls: what to build around it.
        control: descriptor of its end of the control socket.
        folder: its current folder.
        memory_mb: MiB of address space of a session.
        max_output: characters of a result.

    Returns:
        The process: bubblewrap's, where there is one.

    Raises:
        SandboxUnavailable: it cannot be started.
    """
    sizes: dict[str, Any] = {"memory_mb": memory_mb, "max_output": max_output}
    start = partial(launch, "serve", walls, control=control, preload=PRELOAD, **sizes)
    if not walls.bwrap or os.geteuid():
        return _execute(start(), (control,), folder)
    with IdMap() as id_map:
        process = _execute(start(id_map=id_map), (control, *id_map.inherited), folder)
        id_map.write()
        return process


def _execute(start: Launch, inherited: tuple[int, ...], folder: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603  our own interpreter and worker
            start.command,
            env=start.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailable(f"the worker did not start: {error}") from error


def children(pid: int) -> list[int]:
    """The ids of a process's children; none for one that has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def runs(watch: int | None) -> bool:
    """Whether the process of a pidfd has not ended yet."""
    if watch is None:
        return False
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    return not poll.poll(0)


def kill_child(pid: int, parent: int) -> None:
    """Kill `pid` if it is still a child of `parent`."""
    with contextlib.suppress(OSError):
        watch = os.pidfd_open(pid)
        try:
            # The number may have been given to another process in between; the descriptor cannot.
            if pid in children(parent):
                signal.pidfd_send_signal(watch, signal.SIGKILL)
        finally:
            os.close(watch)
