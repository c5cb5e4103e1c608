"""One run a thread."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.graph import CheckpointError, InputError, ThreadBusy, open_checkpointer
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.thread_lock import aone_run, one_run

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InMemorySaver | Checkpointer]:
    if request.param == "memory":
        yield InMemorySaver()
        return
    with open_checkpointer(
        tmp_path / "runs.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    ) as store:
        yield store


def test_the_second_run_is_refused_and_the_first_goes_on(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def write(call: Any) -> str:
        inside.set()
        assert go_on.wait(20)
        said: str = block_then("\\boxed{4}")(call)
        return said

    graph = team(write).graph.compile(checkpointer=saver)
    answers: list[str] = []
    first = threading.Thread(target=lambda: answers.append(graph.invoke(QUESTION, CONFIG, context=small)["answer"]))
    first.start()
    assert inside.wait(20)
    try:
        with pytest.raises(ThreadBusy, match="thread_id='a'"):
            graph.invoke(QUESTION, CONFIG, context=small)
        with pytest.raises(ThreadBusy):
            asyncio.run(graph.ainvoke(None, CONFIG))
    finally:
        go_on.set()
        first.join()
    assert answers == ["4"]
    assert graph.invoke(QUESTION, CONFIG, context=small)["answer"] == "4"


async def test_threads_of_other_names_run_side_by_side(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    graph = team(block_then("\\boxed{4}"), tokens_per_second=2000).graph.compile(checkpointer=saver)
    runs = [graph.ainvoke(QUESTION, {"configurable": {"thread_id": str(n)}}, context=small) for n in range(24)]
    assert [out["answer"] for out in await asyncio.gather(*runs)] == ["4"] * 24


async def test_a_cancelled_run_lets_go(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    graph = team(block_then("\\boxed{4}"), tokens_per_second=40).graph.compile(checkpointer=saver)
    run = asyncio.ensure_future(graph.ainvoke(QUESTION, CONFIG, context=small))
    await asyncio.sleep(0.3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    async with aone_run(saver, "a"):
        pass


@pytest.mark.parametrize("closed", [False, True])
async def test_a_reader_that_leaves_can_go_on_at_once(
    team: Any, block_then: Any, small: Any, saver: Any, closed: bool
) -> None:
    made = team(block_then("\\boxed{4}"), tokens_per_second=400)
    graph = made.graph.compile(checkpointer=saver)
    stream = graph.astream(QUESTION, CONFIG, context=small, stream_mode="custom")
    async for event in stream:
        if event["type"] == "tokens":
            break
    if closed:
        await stream.aclose()
        assert made.engine.running == 0
    del stream
    assert (await graph.ainvoke(None, CONFIG))["answer"] == "4"


@pytest.mark.parametrize("events", [False, True])
async def test_a_run_that_is_being_cancelled_is_waited_for(
    team: Any, block_then: Any, small: Any, saver: Any, events: bool
) -> None:
    made = team(block_then("\\boxed{4}"), tokens_per_second=400)
    graph = made.graph.compile(checkpointer=saver)
    if events:  # a task of LangChain's reads the stream, and is cancelled when its reader leaves
        async for event in graph.astream_events(QUESTION, CONFIG, version="v2", context=small):
            if event["event"] == "on_custom_event" and event["data"]["type"] == "tokens":
                break
    else:
        run = asyncio.ensure_future(graph.ainvoke(QUESTION, CONFIG, context=small))
        while not made.engine.running:
            await asyncio.sleep(0.01)
        run.cancel()
    assert (await graph.ainvoke(None, CONFIG))["answer"] == "4"


_HOLDER = """
import sys
from peerleap.graph import open_checkpointer
with open_checkpointer(sys.argv[1]).hold("a"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_another_process_holds_the_thread_until_it_is_killed(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    where = str(tmp_path / "runs.sqlite") if kind == "sqlite" else request.getfixturevalue("postgres")
    with open_checkpointer(where) as store:
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ThreadBusy), one_run(store, "a"):
                pass
            with one_run(store, "b"):
                pass
            holder.kill()
        for _ in range(50):
            try:
                with one_run(store, "a"):
                    break
            except ThreadBusy:  # a server takes a moment to see that its client has died
                threading.Event().wait(0.1)
        else:
            pytest.fail("still held")


def test_nothing_to_resume(team: Any, say: Any, saver: Any) -> None:
    graph = team(say()).graph.compile(checkpointer=saver)
    with pytest.raises(InputError, match="thread_id='a': no run is stored"):
        graph.invoke(None, CONFIG)
    with pytest.raises(InputError, match="nothing to resume"):
        asyncio.run(graph.ainvoke(None, CONFIG))


def test_a_lock_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with open_checkpointer(tmp_path / "runs.sqlite") as store:
        (tmp_path / "runs.sqlite.locks").touch()
        with pytest.raises(CheckpointError, match=r"runs\.sqlite"), one_run(store, "a"):
            pass


@pytest.mark.parametrize("turns", range(4))
def test_an_event_loop_that_ends_with_a_cancelled_run_leaves_the_thread_free(
    saver: Any, turns: int, cancelled_at_loops_end: Any
) -> None:
    cancelled_at_loops_end(aone_run(saver, "a"), turns)
    with one_run(saver, "a"), pytest.raises(ThreadBusy), one_run(saver, "a"):  # it was free, and now it is held
        pass


class _SlowStore:
    """Whose lock takes as long as it is told to."""

    name = "slow"

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.held = 0

    @contextmanager
    def hold(self, _thread_id: str) -> Iterator[None]:
        self.asked.set()
        assert self.go_on.wait(20)
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_run_that_is_cancelled_while_it_takes_its_thread_lets_go_of_it(times: int) -> None:
    store = _SlowStore()

    async def run() -> None:
        async with aone_run(store, "a"):
            pytest.fail("it was cancelled")

    task = asyncio.create_task(run())
    assert await asyncio.to_thread(store.asked.wait, 20)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.01)
    assert task.done() == (times > 1)
    asyncio.get_running_loop().call_later(0.1, store.go_on.set)
    async with aone_run(store, "a"):  # waits for the other one's end
        assert store.held == 1
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert store.held == 0
    del caught
