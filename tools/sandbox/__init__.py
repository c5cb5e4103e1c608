"""A Python sandbox for model-written code: warm, stateful, walled in. See docs/sandbox.md."""

from .errors import SandboxClosed, SandboxError, SandboxUnavailable, SandboxWarning
from .report import SandboxReport, probe
from .result import CellError, CellResult, ReplayResult
from .sandbox import Sandbox
from .session import Session

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
