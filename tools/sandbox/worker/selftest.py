"""Locks itself down as a session would, tries to get out, and reports; `probe()` reads it."""

import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from . import landlock, seccomp
from .lockdown import lock_down
from .plan import Plan

_OUTSIDE = ("/", "/etc", "/proc/self")


def main(plan_json: str) -> None:
    """Print one JSON object: the walls that went up and whether they hold."""
    plan = Plan.from_json(plan_json)
    report: dict[str, object] = {
        "abi": landlock.abi(),
        "filter": seccomp.supported() is not None,
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "failed": None,
    }
    try:
        report["walls"] = lock_down(plan)
        report["escapes"] = _escapes(plan)
    except OSError as error:
        report["failed"] = str(error)
    print(json.dumps(report))
    sys.stdout.flush()


def _escapes(plan: Plan) -> list[str]:
    escapes = []
    if plan.seccomp:
        with suppress(OSError):
            socket.socket().close()
            escapes.append("a socket was opened")
    if plan.landlock:
        for path in _OUTSIDE:
            with suppress(OSError):
                list(Path(path).iterdir())
                escapes.append(f"{path!r} was listed")
    return escapes
