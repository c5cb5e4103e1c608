"""One session: a fork of the fork server that locks itself down and then runs the cells it is sent."""

import json
import os
from collections.abc import Mapping
from socket import socket as Socket  # noqa: N812
from typing import NoReturn

from .accounting import limit_threads
from .cells import Cells
from .frames import FrameReader, pack
from .lockdown import die_with, lock_down
from .packages import seed
from .plan import Plan

_SOCKET = 3
_CHUNK = 1 << 16


def serve(
    plan: Plan, socket: int, order: Mapping[str, int], control: Socket, *, fork_server: int, siblings: int
) -> NoReturn:
    """Become a session on the connected `socket`; returns never.

    Args:
        plan: limits and walls.
        socket: descriptor of the session's end.
        order: the host's number of the `session`, `seed` for random generators, and `core` to run on.
        control: the fork server's socket, for one message to the host.
        fork_server: process id of the parent.
        siblings: tasks of the worker.
    """
    try:
        # The kernel attaches this process's id as the host knows it, which is otherwise known in here only.
        control.send(json.dumps({"session": order["session"]}).encode())
        threads = limit_threads(plan, siblings)
        die_with(fork_server)
        _keep_only(socket)
        seed(order["seed"])
        walls = lock_down(plan, core=order["core"])
        _send({"ready": {**walls, "threads": threads}})
        _answer(Cells(plan.max_output))
    except Exception as error:  # noqa: BLE001  a session that cannot lock itself down must not run
        _send({"failed": f"{type(error).__name__}: {error}"[:500]})
    finally:
        os._exit(0)


def _keep_only(socket: int) -> None:
    nothing = os.open("/dev/null", os.O_RDWR)
    # The socket may itself be one of the low numbers: move it out of their way first.
    parked = os.dup(socket)
    while parked <= _SOCKET:
        parked = os.dup(parked)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.dup2(parked, _SOCKET)
    os.closerange(_SOCKET + 1, 1 << 16)


def _answer(cells: Cells) -> None:
    reader = FrameReader()
    while chunk := os.read(_SOCKET, _CHUNK):
        for request in reader.feed(chunk):
            reply = cells.run(request["code"], request["timeout_s"])
            _send({"id": request["id"], **reply})


def _send(message: dict[str, object]) -> None:
    data = pack(message)
    while data:
        data = data[os.write(_SOCKET, data) :]
