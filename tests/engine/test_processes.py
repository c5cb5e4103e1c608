"""Which processes belong to an engine."""

import subprocess
import sys

_SCRIPT = """
import subprocess, sys
from multiprocessing import resource_tracker
from peerleap.engine.llm_thread import _engine_processes

resource_tracker.ensure_running()
with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
    found = _engine_processes()
    process.communicate(b"\\n")
sys.exit(0 if found == [process.pid] else f"{found}, not {process.pid} alone")
"""


def test_the_tracker_of_multiprocessing_is_none_of_them() -> None:
    """It outlives every engine: whoever waits for it waits ten seconds at every end of an engine."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
