"""Errors of the sandbox.

    SandboxError
    ├── SandboxUnavailable   this machine cannot build the walls that were asked for
    └── SandboxClosed        the sandbox or the session was closed

What a cell does wrong is no error here: it is in the `CellResult`.
"""


class SandboxError(RuntimeError):
    """Something about the sandbox itself, not about the code in it."""


class SandboxUnavailable(SandboxError):
    """No walls strong enough, or no worker; the message says what to install."""


class SandboxClosed(SandboxError):
    """Used after `close()`."""


class SandboxWarning(UserWarning):
    """Code runs without walls because `allow_unsandboxed=True` asked for it."""
