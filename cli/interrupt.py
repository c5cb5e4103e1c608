import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console

T = TypeVar("T")


def run_until_interrupted(coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, but Ctrl-C is heard whichever thread the system gives the signal to.

    `asyncio.run` wakes up for Ctrl-C only where the main thread gets it: a loop that waits for an engine would go on
    waiting. A handler of the loop itself is woken through its file descriptor.

    Raises:
        KeyboardInterrupt: what ran was cancelled by Ctrl-C.
    """
    return asyncio.run(_run(coroutine))


async def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    interrupted = asyncio.Event()

    def stop() -> None:
        interrupted.set()
        this.cancel()

    heeded = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # as after `nohup`, or behind `&` in a script
    if heeded:
        loop.add_signal_handler(signal.SIGINT, stop)
    try:
        return await coroutine
    except asyncio.CancelledError:
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        if heeded:
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
