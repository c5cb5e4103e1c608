"""What a run can refuse, and how it can fail.

InputError (ValueError)      the question or the call
SettingsError (ValueError)   a setting of the run
└── SchemaError              the JSON schema, which the engine does not take
AllPathsFailed (RuntimeError)  no path could go on; `reasons` says why, path by path
ThreadBusy (RuntimeError)    another run is in progress under the same thread id
CheckpointError (RuntimeError)  stored runs cannot be read or written
"""

from collections.abc import Mapping


class InputError(ValueError):
    """The question, or the way the graph was called, is not usable."""


class SettingsError(ValueError):
    """A setting has a value that it cannot have."""


class SchemaError(SettingsError):
    """A JSON schema cannot be used, or the engine can hold no request to one."""


class AllPathsFailed(RuntimeError):
    """Every path failed, so there is nothing to vote on."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        """Path name to the reason it failed."""
        by_reason: dict[str, list[str]] = {}
        for path, reason in self.reasons.items():
            by_reason.setdefault(reason, []).append(path)
        message = "; ".join(f"{', '.join(paths)}: {reason}" for reason, paths in by_reason.items())
        super().__init__(f"every path failed: {message}")


class ThreadBusy(RuntimeError):
    """Another run goes on under the same thread id, in this process or another one."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread_id={thread_id!r}: a run is going on under this name; wait until it ends, or use another name"
        )


class CheckpointError(RuntimeError):
    """Stored runs cannot be read or written; what was stored before is not touched."""
