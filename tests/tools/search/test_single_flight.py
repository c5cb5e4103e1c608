"""Calls that several event loops share, as the paths of a sync run do: each path has a loop of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from peerleap.tools.search.single_flight import SingleFlight


class Work:
    """Takes as long as `held` is not set, and counts how often it began and how it ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.started, self.held = threading.Event(), threading.Event()

    async def __call__(self) -> int:
        self.begun += 1
        self.started.set()
        try:
            while not self.held.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return 7


def waiting(shared: SingleFlight[int], number: int) -> Callable[[], bool]:
    return lambda: sum(call.waiting for call in shared._running.values()) == number


async def test_shared_calls_outlive_one_waiter_and_not_the_last() -> None:
    shared, ended, go_on = SingleFlight[int](), [], asyncio.Event()

    async def work() -> int:
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return 7

    first = asyncio.create_task(shared.run("k", work))
    second = asyncio.create_task(shared.run("k", work))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    go_on.set()
    assert await second == 7
    go_on.clear()
    only = asyncio.create_task(shared.run("k", work))
    await asyncio.sleep(0.01)
    only.cancel()
    await asyncio.gather(first, only, return_exceptions=True)
    go_on.set()
    assert await shared.run("k", work) == 7
    assert ended == ["cancelled"]


def test_every_loop_gets_the_result_of_one_call(wait_until: Callable[..., None]) -> None:
    shared, work = SingleFlight[int](), Work()
    with ThreadPoolExecutor(4) as threads:
        paths = [threads.submit(asyncio.run, shared.run("k", work)) for _ in range(4)]
        wait_until(waiting(shared, 4), 20)
        work.held.set()
        assert [path.result(20) for path in paths] == [7] * 4
    assert work.begun == 1
    assert shared._running == {}


def test_every_loop_gets_the_error_of_one_call(wait_until: Callable[..., None]) -> None:
    shared, work = SingleFlight[int](), Work()

    async def failing() -> int:
        raise LookupError(str(await work()))

    with ThreadPoolExecutor(4) as threads:
        paths = [threads.submit(asyncio.run, shared.run("k", failing)) for _ in range(4)]
        wait_until(waiting(shared, 4), 20)
        work.held.set()
        assert [str(path.exception(20)) for path in paths] == ["7"] * 4
    assert work.begun == 1


@pytest.mark.parametrize("way", ["loop ends", "loop stops"])
def test_another_loop_takes_over(way: str, wait_until: Callable[..., None]) -> None:
    shared, work = SingleFlight[int](), Work()
    joined = threading.Event()

    async def leader() -> None:
        task = asyncio.create_task(shared.run("k", work))
        while not joined.is_set():
            await asyncio.sleep(0.01)
        if way == "loop ends":
            task.cancel()

    def lead() -> asyncio.AbstractEventLoop | None:
        if way == "loop ends":
            asyncio.run(leader())
            return None
        loop = asyncio.new_event_loop()
        loop.run_until_complete(leader())
        return loop  # stopped and not closed: nobody cancels what goes on there

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(lead)
        assert work.started.wait(20)
        others = [threads.submit(asyncio.run, shared.run("k", work)) for _ in range(2)]
        wait_until(waiting(shared, 3), 20)
        joined.set()
        wait_until(lambda: work.begun == 2, 20)
        work.held.set()
        assert [other.result(20) for other in others] == [7, 7]
        stopped = first.result(20)
    assert work.begun == 2
    if stopped is not None:
        stopped.run_until_complete(asyncio.sleep(0.1))
        stopped.close()


def test_a_waiter_that_leaves_takes_nothing_away(wait_until: Callable[..., None]) -> None:
    shared, work = SingleFlight[int](), Work()

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shared.run("k", work), 0.05)

    with ThreadPoolExecutor(2) as threads:
        path = threads.submit(asyncio.run, shared.run("k", work))
        assert work.started.wait(20)
        threads.submit(asyncio.run, impatient()).result(20)
        work.held.set()
        assert path.result(20) == 7
    assert (work.begun, work.cancelled) == (1, 0)


def test_the_last_waiter_ends_work_on_another_loop(wait_until: Callable[..., None]) -> None:
    shared, work = SingleFlight[int](), Work()
    left, over = threading.Event(), threading.Event()

    async def leader() -> None:
        task = asyncio.create_task(shared.run("k", work))
        while not waiting(shared, 2)():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        left.set()
        while not over.is_set():
            await asyncio.sleep(0.01)

    async def follower() -> None:
        task = asyncio.create_task(shared.run("k", work))
        while not left.is_set():
            await asyncio.sleep(0.01)
        task.cancel()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(asyncio.run, leader())
        assert work.started.wait(20)
        second = threads.submit(asyncio.run, follower())
        try:
            second.result(20)
            wait_until(lambda: work.cancelled == 1, 20)
        finally:
            over.set()
        first.result(20)
    assert work.begun == 1
