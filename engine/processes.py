"""The processes of an engine, as Linux lists them; elsewhere there are none to be seen."""

import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_DEATH_SECONDS = 10


def children(thread: threading.Thread | None) -> list[int]:
    """Processes that a thread has started."""
    if thread is None or thread.native_id is None:
        return []
    return _listed(Path(f"/proc/self/task/{thread.native_id}/children"))


def descendants(pids: Sequence[int]) -> list[int]:
    """These processes and all below them."""
    found = list(pids)
    for pid in found:  # grows as it is read
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            found += _listed(file)
    return found


def wait_until_gone(pids: Sequence[int]) -> None:
    """Return when none of them runs any more, or after ten seconds."""
    deadline = time.monotonic() + _DEATH_SECONDS
    while any(map(_runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _listed(file: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(pid) for pid in file.read_text().split()]
    return []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
