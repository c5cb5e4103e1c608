"""The warm process that sessions are forked from; it never runs a cell itself.

It takes orders on a SEQPACKET socket, one JSON object each: `spawn` (with the session's socket
attached), `freeze`, `thaw` and `kill`, by the host's own number for the session. Process ids stay
in here: a child is reaped only here, so an order never meets a recycled id.
"""

import array
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from . import landlock, session
from .lockdown import die_with, hide
from .packages import preload
from .plan import Plan

_ORDER_BYTES = 4096
_OTHER_TASKS = 3  # this process, the first of its namespace, and the new session
_SIGNALS = {"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT, "kill": signal.SIGKILL}


def main(plan_json: str) -> NoReturn:
    """Warm up, say so, and take orders until the host closes its end."""
    plan = Plan.from_json(plan_json)
    die_with(plan.host_pid)
    hide()
    preload(plan.packages, plan.preload)
    control = socket.socket(fileno=plan.control)
    control.send(json.dumps({"ready": True, "landlock": landlock.abi()}).encode())
    ForkServer(control, plan).serve()


class ForkServer:
    """The children of this process, by the host's numbers."""

    def __init__(self, control: socket.socket, plan: Plan) -> None:
        self._control = control
        self._plan = plan
        self._children: dict[int, int] = {}
        self._watches: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> NoReturn:
        """Take orders and reap children; ends with the control socket, children first."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._control.fileno():
                    self._reap(descriptor)
                elif not self._obey():
                    self._end()

    def _obey(self) -> bool:
        order, attached, _, _ = self._control.recvmsg(_ORDER_BYTES, socket.CMSG_SPACE(array.array("i").itemsize))
        if not order:
            return False
        message: dict[str, Any] = json.loads(order)
        if message["order"] == "spawn":
            self._spawn(message, _descriptor(attached))
        elif message["session"] in self._children:
            os.kill(self._children[message["session"]], _SIGNALS[message["order"]])
        return True

    def _spawn(self, order: dict[str, int], connection: int) -> None:
        fork_server = os.getpid()
        number = order["session"]
        try:
            pid = os.fork()
        except OSError:
            # The host sees its end closed and reports a session that did not start.
            os.close(connection)
            return
        if pid == 0:
            siblings = len(self._children) + _OTHER_TASKS
            session.serve(self._plan, connection, order, self._control, fork_server=fork_server, siblings=siblings)
        os.close(connection)
        self._children[number] = pid
        watch = os.pidfd_open(pid)
        self._watches[watch] = number
        self._poll.register(watch, select.POLLIN)

    def _reap(self, watch: int) -> None:
        os.waitpid(self._children.pop(self._watches.pop(watch)), 0)
        self._poll.unregister(watch)
        os.close(watch)

    def _end(self) -> NoReturn:
        for pid in self._children.values():
            os.kill(pid, signal.SIGKILL)
        for pid in self._children.values():
            os.waitpid(pid, 0)
        os._exit(0)


def _descriptor(attached: list[tuple[int, int, bytes]]) -> int:
    received = array.array("i")
    received.frombytes(attached[0][2][: received.itemsize])
    return received[0]
