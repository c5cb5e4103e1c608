"""Landlock: what files a process may touch, decided by the process itself and never taken back.

Landlock says nothing about metadata: stat, chmod, chown, utime and xattr pass it by. The seccomp
filter closes all of these but stat, so a session without a mount namespace can still learn that
a file exists.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from . import kernel

# The three calls have the same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NETWORK = 0b11  # TCP bind and connect
_SCOPES = 0b11  # abstract unix sockets and signals


def abi() -> int:
    """The kernel's Landlock version; 0 where there is none. Changes nothing."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_QUERY))
    except OSError:
        return 0


def restrict(readable: Iterable[str], writable_files: Iterable[str] = ("/dev/null",)) -> int:
    """Allow this process these paths and nothing else, and no TCP; returns the ABI in force.

    Needs `no_new_privs`. Paths that do not exist are left out. `OSError` if the kernel refuses.
    """
    version = abi()
    handled = 0
    for since, rights in _RIGHTS_BY_ABI.items():
        handled |= rights if version >= since else 0
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", _NETWORK)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    ruleset = kernel.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path in readable:
            folder = READ_DIR if Path(path).is_dir() else 0
            _allow(ruleset, path, EXECUTE | READ_FILE | folder)
        for path in writable_files:
            _allow(ruleset, path, READ_FILE | WRITE_FILE)
        kernel.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", rights, target)
        kernel.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(target)
