"""Deleting a server's runs, pruning and copying threads: what is left can be read, and nothing else is."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from peerleap.graph import InputError, open_checkpointer
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Stored, beside_latest, only_of_runs
from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer

QUESTION = {"question": "What is 2 + 2?"}
FIRST, SECOND = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
NOTE = {"answer": None}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkpointer]:
    where = tmp_path / "runs.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_checkpointer(where) as opened:
        yield opened


@pytest.fixture
def graph(team: Any, block_then: Any, store: Checkpointer) -> Any:
    return team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=store)


def config(thread: str, run: str | None = None) -> Any:
    """As a server calls: the id of its run is in the checkpoints' metadata."""
    return {"configurable": {"thread_id": thread}, "metadata": {"run_id": run} if run else {}}


def rows(store: Any) -> dict[str, int]:
    """How many rows there are in each table."""
    tables: tuple[str, ...] = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "leap_notes")
    cursor: Any
    if isinstance(store, SqliteCheckpointer):
        tables, cursor = ("checkpoints", "writes", "leap_notes"), store.cursor()
    else:
        cursor = store._cursor()
    with cursor as opened:
        counted = {}
        for table in tables:
            row = opened.execute(f"SELECT count(*) AS n FROM {table}").fetchone()
            counted[table] = row["n"] if isinstance(row, dict) else row[0]
    return counted


def history(graph: Any, thread: str) -> list[Any]:
    """All states of a thread, as they are read back."""
    return [(found.values, found.next) for found in graph.get_state_history(config(thread))]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_deleted_run_leaves_nothing(graph: Any, small: Any, store: Checkpointer, asynchronous: bool) -> None:
    graph.invoke(QUESTION, config("kept", FIRST), context=small)
    store.note("kept", "", "task", 0, NOTE)
    before, there = rows(store), history(graph, "kept")
    graph.invoke(QUESTION, config("a", SECOND), context=small)
    store.note("a", "", "task", 0, NOTE)
    assert rows(store) != before
    if asynchronous:
        asyncio.run(store.adelete_for_runs([SECOND]))
    else:
        store.delete_for_runs([SECOND])
    assert rows(store) == before
    assert store.threads() == ["kept"]
    assert history(graph, "kept") == there


def test_the_thread_is_as_it_was_before_the_run(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a", FIRST), context=small)
    before, there = rows(store), history(graph, "a")
    graph.invoke({"question": "And 3 + 3?"}, config("a", SECOND), context=small)
    assert graph.get_state(config("a")).values["problem"] == "And 3 + 3?"
    store.delete_for_runs([SECOND])
    assert history(graph, "a") == there
    assert rows(store)["checkpoints"] == before["checkpoints"]


def test_a_run_that_another_went_on_from_stays(team: Any, block_then: Any, small: Any, store: Checkpointer) -> None:
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=store)
    graph.invoke(QUESTION, config("a", FIRST), context=small, interrupt_before=["vote"])
    graph.invoke(None, config("a", SECOND))
    before, there = rows(store), history(graph, "a")
    assert there[0][0]["answer"] == "4"
    store.delete_for_runs([FIRST])
    assert rows(store) == before
    assert history(graph, "a") == there


def test_deleting_no_run_or_an_unknown_one(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a"), context=small)
    before = rows(store)
    store.delete_for_runs([])
    store.delete_for_runs([FIRST])
    store.prune([])
    store.prune(["nobody"])
    assert rows(store) == before


def test_pruning_keeps_what_the_latest_state_comes_from(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a"), context=small)
    plain = rows(store)
    block = next(s for s in graph.get_state_history(config("a")) if s.next == ("leap_block",))
    changed = {**block.values["params"], "top_k": 1}
    forked = graph.update_state(block.config, {"params": changed}, as_node="solver_1")
    graph.invoke(None, forked)
    graph.invoke(QUESTION, config("b"), context=small)
    store.note("a", "", "task", 0, NOTE)
    store.note("b", "", "task", 0, NOTE)
    there, count = graph.get_state(config("a")), rows(store)
    asyncio.run(store.aprune(["a", "b"]))
    pruned = rows(store)
    assert plain["checkpoints"] < pruned["checkpoints"] < count["checkpoints"]
    found = graph.get_state(config("a"))
    assert (found.values, found.config, found.metadata) == (there.values, there.config, there.metadata)
    assert found.values["params"]["top_k"] == 1
    assert store.notes("a", "", "task") == []
    assert store.notes("b", "", "task") == [NOTE], "nothing was deleted beside it"
    store.prune(["a", "b"], strategy="delete")
    assert set(rows(store).values()) == {0}


def test_an_unknown_strategy(store: Checkpointer) -> None:
    with pytest.raises(ValueError, match="strategy='all'"):
        store.prune(["a"], strategy="all")


def test_a_copy_goes_on_where_the_original_stood(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a", FIRST), context=small, interrupt_before=["leap_block"])
    store.note("a", "", "task", 0, NOTE)
    asyncio.run(store.acopy_thread("a", "b"))
    assert history(graph, "b") == history(graph, "a")
    assert store.notes("b", "", "task") == [NOTE]
    assert graph.get_state(config("b")).metadata.get("thread_id", "b") == "b"
    expected = graph.invoke(None, config("a"))
    store.delete_thread("a")
    store.delete_for_runs([FIRST])
    assert store.threads() == ["b"], "the copy is not the run's"
    out = graph.invoke(None, config("b"))
    for histories in (out["histories"], expected["histories"]):
        for segment in (s for path in histories.values() for s in path):
            segment.pop("cached_tokens", None)  # the other thread's requests have filled the cache
    assert out["histories"] == expected["histories"]


def test_a_copy_over_a_thread_is_refused(graph: Any, small: Any, store: Checkpointer) -> None:
    for thread in ("a", "b"):
        graph.invoke(QUESTION, config(thread), context=small)
    before = rows(store)
    with pytest.raises(InputError, match="thread_id='b'"):
        store.copy_thread("a", "b")
    store.copy_thread("nobody", "c")
    assert rows(store) == before


def _stored(*given: tuple[str, str | None, str | None]) -> list[Stored]:
    return [Stored("a", "", at, parent, run) for at, parent, run in given]


def test_lineage() -> None:
    tree = _stored(
        ("1", None, "x"), ("2", "1", "x"), ("3", "2", "y"), ("4", "1", "x"), ("5", "4", "x"), ("6", "0", "x")
    )  # fmt: skip
    assert [one.checkpoint_id for one in only_of_runs(tree, {"x"})] == ["4", "5", "6"]
    assert [one.checkpoint_id for one in only_of_runs(tree, {"y"})] == ["3"]
    assert [one.checkpoint_id for one in only_of_runs(tree, {"x", "y"})] == ["1", "2", "3", "4", "5", "6"]
    assert [one.checkpoint_id for one in beside_latest(tree[:5])] == ["2", "3"]
    elsewhere = [one._replace(thread_id=str(uuid4())) for one in tree[:2]]
    assert [one.checkpoint_id for one in beside_latest(elsewhere)] == []


async def test_a_cancelled_run_that_is_deleted_stays_deleted(
    graph: Any, small: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(write: Any) -> Any:
        def written(*args: Any) -> Any:
            time.sleep(0.01)
            return write(*args)

        return written

    monkeypatch.setattr(store, "put", slowly(store.put))
    monkeypatch.setattr(store, "put_writes", slowly(store.put_writes))
    for turn in range(24):
        run = asyncio.create_task(graph.ainvoke(QUESTION, config("a"), context=small))
        await asyncio.sleep(0.02 + 0.008 * turn)
        run.cancel()
        await asyncio.wait({run})
        await store.adelete_thread("a")
        await asyncio.sleep(0.05)
        assert not any(rows(store).values())
