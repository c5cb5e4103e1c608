"""Ctrl-C: heard at once, said at once, and pressed again it stops everything."""

import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console

INTERRUPTED = 130
"""Exit code."""
STOPPING = "stopping; the engine can take up to 15 s to end; Ctrl-C again stops at once"

T = TypeVar("T")


def leave_at_once(*_: object) -> None:
    """End this process without waiting for anything; the engine's processes die with it."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the live view hides the cursor
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def run_until_interrupted(coroutine: Coroutine[Any, Any, T], notice: Callable[[str], None] = lambda _: None) -> T:
    """As `asyncio.run`, but Ctrl-C is heard whichever thread the system gives the signal to.

    `asyncio.run` wakes up for Ctrl-C only where the main thread gets it: a loop that waits for an engine would go on
    waiting. A handler of the loop itself is woken through its file descriptor.

    Args:
        coroutine: what to run; Ctrl-C cancels it.
        notice: is told at once that the run stops, and how long that may take.

    Raises:
        KeyboardInterrupt: what ran was cancelled by Ctrl-C.
    """
    import asyncio

    return asyncio.run(_run(coroutine, notice))


async def _run(coroutine: Coroutine[Any, Any, T], notice: Callable[[str], None]) -> T:
    import asyncio

    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    interrupted = asyncio.Event()

    def stop() -> None:
        if interrupted.is_set():
            leave_at_once()
        interrupted.set()
        notice(STOPPING)
        this.cancel()

    listening = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # as after `nohup`, or behind `&` in a script
    if listening:
        loop.add_signal_handler(signal.SIGINT, stop)
    try:
        return await coroutine
    except asyncio.CancelledError:
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        if listening:
            loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def until_interrupted(messages: Console) -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl-C was pressed, for work that stops between steps; a second one raises."""
    pressed = False

    def stop(number: int, frame: Any) -> None:  # noqa: ARG001
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        messages.print("stopping after this step, so that the state can be saved", highlight=False)

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
