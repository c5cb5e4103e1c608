"""The system call filter: an allow-list, assembled by hand into classic BPF.

A call not in `syscalls.py` fails with `EPERM`; a foreign architecture kills the process. A few
calls are allowed for harmless arguments only:

- `clone` makes threads, never a process or a namespace; `clone3`, whose arguments a filter
  cannot read, answers `ENOSYS`, on which the C library uses `clone`;
- `kill`, `tkill`, `tgkill` and `prlimit64` reach this process alone;
- `prctl` names threads and memory; it cannot undo the parent-death signal;
- `fcntl` and `ioctl` cannot ask the kernel to send a signal to someone else (`F_SETOWN`, `FIOASYNC`).
"""

import ctypes
import errno
import platform
import struct
import sys
from dataclasses import dataclass

from . import kernel
from .syscalls import ALLOWED, CHECKED, LAST_KNOWN

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_DENY = _FAIL | errno.EPERM
_ABSENT = _FAIL | errno.ENOSYS
_MODE_FILTER = 2

# Offsets in struct seccomp_data. Every checked argument is an int, so its low half (little endian) decides.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

_CLONE_THREAD = 0x00010000
# New namespaces (mount, cgroup, uts, ipc, user, pid, net), ptrace, vfork, a foreign parent.
_CLONE_FORBIDDEN = 0x00020000 | 0x7E000000 | 0x00002000 | 0x00004000 | 0x00008000
_PRCTL_OPTIONS = (15, 0x53564D41)  # PR_SET_NAME, PR_SET_VMA
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)  # DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC
_O_ASYNC = 0x2000
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX


@dataclass(frozen=True)
class Architecture:
    """One processor family: its audit number and its column of the tables."""

    audit: int
    column: int


ARCHITECTURES = {"x86_64": Architecture(0xC000003E, 0), "aarch64": Architecture(0xC00000B7, 1)}


def supported() -> Architecture | None:
    """The tables of the running machine; None where there are none (then there is no filter)."""
    if sys.maxsize < 2**32 or sys.byteorder != "little":
        return None
    return ARCHITECTURES.get(platform.machine())


def install(pid: int) -> None:
    """Filter this process, whose id is `pid`, for good. Needs `no_new_privs`; `OSError` if the kernel refuses."""
    architecture = supported()
    if architecture is None:
        raise OSError(errno.ENOSYS, f"no system call table for {platform.machine()!r}")
    program = assemble(architecture, pid)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(holder))


def assemble(architecture: Architecture, pid: int) -> bytes:
    """The filter's program: 8 bytes per instruction."""
    column = architecture.column
    code = _Program()
    code.add(_LOAD, _ARCHITECTURE)
    code.add(_JUMP_EQUAL, architecture.audit, then=1)
    code.add(_RETURN, _KILL_PROCESS)
    code.add(_LOAD, _NUMBER)
    for first, last in _ranges(sorted(number for row in ALLOWED.values() if (number := row[column]) is not None)):
        code.add(_JUMP_GREATER_EQUAL, first, otherwise=2)
        code.add(_JUMP_GREATER_EQUAL, last + 1, then=1)
        code.add(_RETURN, _ALLOW)
    checked = {name: row[column] for name, row in CHECKED.items()}
    code.when(checked["clone3"], [(_RETURN, _ABSENT, 0, 0)])
    code.when(checked["clone"], _thread_only())
    for name in ("kill", "tkill", "tgkill"):
        code.when(checked[name], _argument_in(0, (pid,)))
    code.when(checked["prlimit64"], _argument_in(0, (0, pid)))
    code.when(checked["prctl"], _argument_in(0, _PRCTL_OPTIONS))
    code.when(checked["ioctl"], _argument_in(1, _IOCTL_REQUESTS))
    code.when(checked["fcntl"], _without_bit(2, _O_ASYNC) + _argument_in(1, _FCNTL_COMMANDS))
    code.add(_JUMP_GREATER_EQUAL, LAST_KNOWN + 1, otherwise=1)
    code.add(_RETURN, _ABSENT)
    code.add(_RETURN, _DENY)
    return code.bytes()


_Instruction = tuple[int, int, int, int]


class _Program:
    def __init__(self) -> None:
        self._instructions: list[_Instruction] = []

    def add(self, operation: int, value: int, *, then: int = 0, otherwise: int = 0) -> None:
        self._instructions.append((operation, value, then, otherwise))

    def when(self, number: int, block: list[_Instruction]) -> None:
        """Run `block`, which ends in a return on every way through, for one system call."""
        self.add(_JUMP_EQUAL, number, otherwise=len(block))
        self._instructions += block

    def bytes(self) -> bytes:
        return b"".join(struct.pack("HBBI", op, then, other, value) for op, value, then, other in self._instructions)


def _thread_only() -> list[_Instruction]:
    return [
        (_LOAD, _FIRST_ARGUMENT, 0, 0),
        (_JUMP_ANY_BIT, _CLONE_FORBIDDEN, 2, 0),
        (_JUMP_ANY_BIT, _CLONE_THREAD, 0, 1),
        (_RETURN, _ALLOW, 0, 0),
        (_RETURN, _DENY, 0, 0),
    ]


def _argument_in(index: int, values: tuple[int, ...]) -> list[_Instruction]:
    block = [(_LOAD, _FIRST_ARGUMENT + 8 * index, 0, 0)]
    for left, value in zip(range(len(values), 0, -1), values, strict=True):
        block.append((_JUMP_EQUAL, value, left, 0))
    return [*block, (_RETURN, _DENY, 0, 0), (_RETURN, _ALLOW, 0, 0)]


def _without_bit(index: int, bit: int) -> list[_Instruction]:
    return [(_LOAD, _FIRST_ARGUMENT + 8 * index, 0, 0), (_JUMP_ANY_BIT, bit, 0, 1), (_RETURN, _DENY, 0, 0)]


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
