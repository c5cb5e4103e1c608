"""Deleting a server's runs, pruning and copying threads: what is left can be read, and nothing else is."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from peerleap.graph import CheckpointError, CompiledLeapGraph, InputError, open_checkpointer
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Stored, beside_latest, orphans
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
def graph(team: Any, block_then: Any, store: Checkpointer) -> CompiledLeapGraph:
    compiled: CompiledLeapGraph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=store)
    return compiled


def config(thread: str, run: str | None = None) -> Any:
    """As a server calls: the id of its run is in the checkpoints' metadata."""
    return {"configurable": {"thread_id": thread}, "metadata": {"run_id": run} if run else {}}


def rows(store: Any) -> dict[str, int]:
    """How many rows there are in each table."""
    tables: tuple[str, ...] = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "leap_notes", "leap_compacted")
    cursor: Any
    if isinstance(store, SqliteCheckpointer):
        tables, cursor = ("checkpoints", "writes", "leap_notes", "leap_compacted"), store.cursor()
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


def test_states_that_another_run_stored_stay_readable(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a", FIRST), context=small, interrupt_before=["vote"])
    graph.invoke(None, config("a", SECOND))
    there = [state for state in history(graph, "a") if state[0].get("answer")]
    full = rows(store)
    assert there[0][0]["answer"] == "4"
    store.delete_for_runs([FIRST])
    assert history(graph, "a") == there
    assert [found.metadata.get("run_id") for found in store.list(config("a"))] == [SECOND] * len(there)
    assert rows(store)["checkpoints"] < full["checkpoints"]
    store.delete_for_runs([SECOND])
    assert set(rows(store).values()) == {0}


def test_deleting_no_run_or_an_unknown_one(graph: Any, small: Any, store: Checkpointer) -> None:
    graph.invoke(QUESTION, config("a"), context=small)
    before = rows(store)
    store.delete_for_runs([])
    store.delete_for_runs([FIRST])
    store.prune([])
    store.prune(["nobody"])
    assert rows(store) == before


def size(store: Any) -> int:
    """Bytes of all stored values."""
    found = store.list(None)
    total = 0
    for one in found:
        total += len(store.serde.dumps_typed(one.checkpoint)[1])
        total += sum(len(store.serde.dumps_typed(value)[1]) for _, _, value in one.pending_writes or ())
    return total


def test_pruning_leaves_one_checkpoint_with_all_that_the_state_is_read_from(
    graph: Any, small: Any, store: Checkpointer
) -> None:
    graph.invoke(QUESTION, config("a"), context=small)
    block = next(s for s in graph.get_state_history(config("a")) if s.next == ("leap_block",))
    changed = {**block.values["params"], "top_k": 1}
    forked = graph.update_state(block.config, {"params": changed}, as_node="solver_1")
    graph.invoke(None, forked)
    graph.invoke(QUESTION, config("b"), context=small)
    store.note("a", "", "task", 0, NOTE)
    there, before = graph.get_state(config("a")), size(store)
    asyncio.run(store.aprune(["a", "b"]))
    assert rows(store)["checkpoints"] == 2
    assert size(store) < before / 4
    found = graph.get_state(config("a"))
    assert (found.values, found.config, found.metadata) == (there.values, there.config, there.metadata)
    assert found.values["params"]["top_k"] == 1
    assert found.parent_config is None
    assert store.notes("a", "", "task") == []
    store.prune(["a", "b"])
    assert graph.get_state(config("a")).values == there.values, "pruned twice"
    store.prune(["a", "b"], strategy="delete")
    assert set(rows(store).values()) == {0}


def test_a_pruned_run_goes_on_and_is_pruned_again(graph: Any, small: Any, store: Checkpointer) -> None:
    for thread in ("a", "b"):
        graph.invoke(QUESTION, config(thread), context=small, interrupt_before=["leap_block"])
    store.prune(["b"])
    store.copy_thread("b", "c")
    expected = graph.invoke(None, config("a"))
    for thread in ("b", "c"):
        out = graph.invoke(None, config(thread))
        assert ids(out["histories"]) == ids(expected["histories"])
        store.prune([thread])
        state = graph.get_state(config(thread)).values
        assert ids({name: state[f"history_{name}"] for name in out["histories"]}) == ids(expected["histories"])
        assert state["rounds"] == expected["rounds"]
        assert graph.invoke({"question": "And 3 + 3?"}, config(thread), context=small)["answer"] == "4"


def ids(histories: Any) -> Any:
    return {name: [(s["kind"], s["token_ids"]) for s in history] for name, history in histories.items()}


def test_what_cannot_be_compacted_is_not_deleted(
    graph: Any, small: Any, store: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.invoke(QUESTION, config("a"), context=small)
    before = rows(store)
    with monkeypatch.context() as patch:
        patch.setattr(store.serde, "loads_typed", lambda _: 1 / 0)
        with pytest.raises(CheckpointError, match="damaged"):
            store.prune(["a"])
    assert rows(store) == before


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
            segment.pop("seconds", None)
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


def test_what_stays_and_loses_its_parent() -> None:
    tree = _stored(
        ("1", None, "x"), ("2", "1", "x"), ("3", "2", "y"), ("4", "1", "x"), ("5", "4", "y"), ("6", "0", "x")
    )  # fmt: skip
    assert [one.checkpoint_id for one in beside_latest(tree)] == ["1", "2", "3", "4", "5"]
    assert [one.checkpoint_id for one in orphans(tree, [one for one in tree if one.run_id == "x"])] == ["3", "5"]
    assert orphans(tree, []) == orphans(tree, tree) == []
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
