"""The C library's `prctl` and `syscall`, raising `OSError` as Python's own wrappers do."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.syscall.restype = ctypes.c_long
_libc.unshare.argtypes = [ctypes.c_int]

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38


def prctl(option: int, argument: int = 0, second: int = 0) -> None:
    """Set one attribute of the calling process; `OSError` names the option."""
    if _libc.prctl(option, argument, second, 0, 0):
        raise _last_error(f"prctl({option})")


def unshare(flags: int) -> None:
    """Move the calling process into namespaces of its own; `OSError` if the kernel refuses."""
    if _libc.unshare(flags):
        raise _last_error(f"unshare({flags:#x})")


def syscall(number: int, *arguments: object) -> int:
    """Call a system call by number; `OSError` names it."""
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise _last_error(f"syscall({number})")
    return result


def _last_error(what: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{what}: {os.strerror(code)}")
