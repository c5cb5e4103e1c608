"""vLLM's engine process does not notice when the process that started it is killed. As a plugin of vLLM, loaded in each
of its processes, this makes it die with its host.
"""

import ctypes
import os
import signal
import sys

HOST = "PEERLEAP_ENGINE_HOST"
"""Environment variable that holds the process id of the host."""

_PR_SET_PDEATHSIG = 1


def mark_host() -> None:
    """Say that engine processes started from here on belong to this process."""
    os.environ[HOST] = str(os.getpid())


def die_with_host() -> None:
    """Entry point of the plugin: in an engine process of ours, ask the kernel to be killed when the host dies."""
    host = os.environ.get(HOST, "")
    if not host.isdigit() or int(host) == os.getpid() or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        os.kill(int(host), 0)
    except ProcessLookupError:  # it died while this process was starting
        os._exit(1)
