"""A Python sandbox for model-written code: warm, stateful, walled in. See docs/sandbox.md.

In reading order:

- `sandbox`: owns the warm worker and the sessions forked from it
- `session`: one path's Python, as its user sees it
- `interpreter`: a session's state machine
- `turns`: one cell at a time; cells run again for their variables
- `pool`: where the processes of sessions come from
- `fork_server`: the host's handle of the warm worker
- `process`: the host's end of one session's socket
- `loop_thread`: the thread that owns them all
- `launch`: the command that starts a worker
- `probe`: which walls this machine can build
- `limits`: what a cell may use
- `result`: what came of a cell
- `monty`: Python without Linux
- `worker/`: inside the walls; it imports nothing of ours
"""

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable, SandboxWarning
from peerleap.tools.sandbox.limits import LONGEST_S, Limits
from peerleap.tools.sandbox.monty import MontySandbox
from peerleap.tools.sandbox.probe import SandboxReport, choose, probe
from peerleap.tools.sandbox.result import CellError, CellResult, ReplayResult
from peerleap.tools.sandbox.sandbox import Sandbox
from peerleap.tools.sandbox.session import Session

__all__ = [
    "LONGEST_S",
    "CellError",
    "CellResult",
    "Limits",
    "MontySandbox",
    "ReplayResult",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxReport",
    "SandboxUnavailable",
    "SandboxWarning",
    "Session",
    "choose",
    "probe",
]
