"""Makes vLLM's processes die with the process that started them, whose death they do not notice themselves.

vLLM loads this as a plugin in each of its processes.
"""

import ctypes
import os
import signal
import sys

from peerleap.engine.phases import report_phases

HOST = "PEERLEAP_ENGINE_HOST"
"""Environment variable that holds the process id of the host."""

_PR_SET_PDEATHSIG = 1


def mark_host() -> None:
    """Mark the engine processes that are started from here on as this process's."""
    os.environ[HOST] = str(os.getpid())


def die_with_host() -> None:
    """Entry point of the plugin: in an engine process of ours, ask the kernel to be killed when the host dies.

    The process also begins to report its phases to the host.
    """
    if follow_host():
        report_phases()


def follow_host() -> bool:
    """Ask the kernel to kill this process when its host dies, where this is an engine process of ours.

    Returns:
        Whether it is.
    """
    host = os.environ.get(HOST, "")
    if not host.isdigit() or int(host) == os.getpid() or sys.platform != "linux":
        return False
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        os.kill(int(host), 0)
    except ProcessLookupError:  # it died while this process was starting
        os._exit(1)
    return True
