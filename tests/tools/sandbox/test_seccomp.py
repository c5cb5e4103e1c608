"""The filter's program, run by a small interpreter, for both architectures on any machine."""

import errno
import re
import struct
from pathlib import Path

import pytest

from peerleap.tools.sandbox.worker.seccomp import ARCHITECTURES, assemble
from peerleap.tools.sandbox.worker.syscalls import ALLOWED, CHECKED, LAST_KNOWN

PID = 4321
ALLOW, KILL, DENY, ABSENT = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
BOTH = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    architecture = ARCHITECTURES[machine]
    program = list(struct.iter_unpack("HBBI", assemble(architecture, PID)))
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, architecture.audit if audit is None else audit, 0, *padded)
    accumulator = position = 0
    while True:
        operation, then, otherwise, value = program[position]
        position += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            position += then if holds else otherwise


@BOTH
def test_everything_not_listed_is_denied(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    allowed = {row[column] for row in ALLOWED.values()}
    checked = {row[column] for row in CHECKED.values()}
    for number in range(LAST_KNOWN + 1):
        if number not in checked:
            assert verdict(machine, number) == (ALLOW if number in allowed else DENY), number
    # The x32 calls of x86-64 are numbers with this bit.
    for number in (LAST_KNOWN + 1, 1000, 0x40000000, 0x40000039, 0x7FFFFFFF):
        assert verdict(machine, number) == ABSENT


# aarch64 has no table of its own: it takes the generic one.
HEADERS = {"x86_64": ("x86_64-linux-gnu/asm/unistd_64.h", "asm/unistd_64.h"), "aarch64": ("asm-generic/unistd.h",)}


@BOTH
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    found = [file for name in HEADERS[machine] if (file := Path("/usr/include") / name).is_file()]
    if not found:
        pytest.skip(f"no {HEADERS[machine][0]} (Debian's linux-libc-dev)")
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", found[0].read_text(), re.MULTILINE)
    numbers = {{"fstatat": "newfstatat"}.get(name, name): int(number) for name, number in defined}
    column = ARCHITECTURES[machine].column
    ours = {name: row[column] for name, row in (ALLOWED | CHECKED).items()}
    assert {name: number for name, number in ours.items() if number is not None} == {
        name: numbers[name] for name, number in ours.items() if number is not None
    }
    # None is for calls that the architecture does not have, and for nothing else.
    assert [name for name, number in ours.items() if number is None and name in numbers] == []


@BOTH
def test_a_foreign_architecture_is_killed(machine: str) -> None:
    for audit in {0x40000003, 0x40000028, X86_64.audit, AARCH64.audit} - {ARCHITECTURES[machine].audit}:
        assert verdict(machine, 39, audit=audit) == KILL


@BOTH
def test_clone_makes_threads_only(machine: str) -> None:
    clone, clone3 = (CHECKED[name][ARCHITECTURES[machine].column] for name in ("clone", "clone3"))
    glibc_thread, musl_thread, fork, vfork = 0x3D0F00, 0x7D0F00, 0x1200011, 0x4111
    assert verdict(machine, clone, glibc_thread) == verdict(machine, clone, musl_thread) == ALLOW
    for flags in (fork, vfork, 17, 0, *(glibc_thread | 1 << bit for bit in (13, 14, 15, 17, 25, 26, 27, 28, 29, 30))):
        assert verdict(machine, clone, flags) == DENY, hex(flags)
    assert verdict(machine, clone3, 0) == ABSENT


@BOTH
def test_signals_and_limits_reach_oneself_only(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    for name in ("kill", "tkill", "tgkill"):
        assert verdict(machine, CHECKED[name][column], PID) == ALLOW
        for pid in (0, 1, PID + 1, 2**32 - 1, 2**32 - PID):
            assert verdict(machine, CHECKED[name][column], pid) == DENY
    assert verdict(machine, CHECKED["prlimit64"][column], 0) == ALLOW
    assert verdict(machine, CHECKED["prlimit64"][column], 1) == DENY


@BOTH
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("prctl", (15,), ALLOW),  # PR_SET_NAME
        ("prctl", (1, 0), DENY),  # PR_SET_PDEATHSIG
        ("prctl", (4, 1), DENY),  # PR_SET_DUMPABLE
        ("fcntl", (3, 1), ALLOW),  # F_GETFD
        ("fcntl", (3, 1030), ALLOW),  # F_DUPFD_CLOEXEC
        ("fcntl", (3, 4, 0x800), ALLOW),  # F_SETFL O_NONBLOCK
        ("fcntl", (3, 4, 0x2000), DENY),  # F_SETFL O_ASYNC
        ("fcntl", (3, 8, 1), DENY),  # F_SETOWN
        ("fcntl", (3, 10, 9), DENY),  # F_SETSIG
        ("fcntl", (3, 15), DENY),  # F_SETOWN_EX
        ("fcntl", (3, 1024), DENY),  # F_SETLEASE
        ("ioctl", (1, 0x5401), ALLOW),  # TCGETS, for isatty
        ("ioctl", (0, 0x5412), DENY),  # TIOCSTI
        ("ioctl", (3, 0x8901), DENY),  # FIOSETOWN
        ("ioctl", (3, 0x5452), DENY),  # FIOASYNC
    ],
)
def test_checked_arguments(machine: str, name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert verdict(machine, CHECKED[name][ARCHITECTURES[machine].column], *arguments) == expected
