"""A Python sandbox for model-written code: warm, stateful, walled in. See docs/sandbox.md."""

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable, SandboxWarning
from peerleap.tools.sandbox.probe import SandboxReport, probe
from peerleap.tools.sandbox.result import CellError, CellResult, ReplayResult
from peerleap.tools.sandbox.sandbox import Sandbox
from peerleap.tools.sandbox.session import Session

__all__ = [
    "CellError",
    "CellResult",
    "ReplayResult",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxReport",
    "SandboxUnavailable",
    "SandboxWarning",
    "Session",
    "probe",
]
