"""The place where runs are kept."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peerleap.graph import CheckpointError, open_checkpointer
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.location import runs_location

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkpointer]:
    where = tmp_path / "runs.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_checkpointer(where) as opened:
        yield opened


def test_sync_and_async_over_one_store(team: Any, block_then: Any, small: Any, store: Checkpointer) -> None:
    made = team(block_then("\\boxed{4}"), paths=3)
    graph = made.graph.compile(checkpointer=store)
    out = graph.invoke(QUESTION, CONFIG, context=small)
    other: Any = {"configurable": {"thread_id": "b"}}
    for config in (other, {"configurable": {"thread_id": "c"}}):  # two event loops
        again = asyncio.run(graph.ainvoke(QUESTION, config, context=small))
        assert again["rounds"] == out["rounds"]
    stored = graph.get_state(other).values["history_solver_1"]
    assert [s["token_ids"] for s in stored] == [s["token_ids"] for s in again["histories"]["solver_1"]]
    state = asyncio.run(graph.aget_state(CONFIG))
    assert state.values["history_solver_1"] == out["histories"]["solver_1"]
    assert store.threads() == ["c", "b", "a"]
    store.delete_thread("b")
    assert store.threads() == ["c", "a"]


def test_a_store_serves_a_later_process(team: Any, block_then: Any, small: Any, tmp_path: Path) -> None:
    with open_checkpointer(tmp_path / "new" / "runs.sqlite") as store:
        out = team(block_then("\\boxed{4}")).graph.compile(checkpointer=store).invoke(QUESTION, CONFIG, context=small)
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    with open_checkpointer(str(tmp_path / "new" / "runs.sqlite")) as store:
        state = team(block_then("never asked")).graph.compile(checkpointer=store).get_state(CONFIG)
    assert state.values["history_solver_2"] == out["histories"]["solver_2"]


def test_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_RUNS", "/somewhere/runs.sqlite")
    assert runs_location() == "/somewhere/runs.sqlite"
    monkeypatch.delenv("PEERLEAP_RUNS")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert runs_location() == "/data/peerleap/runs.sqlite"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, by far; " * 40)
    with pytest.raises(CheckpointError, match=r"notes\.txt.*not a database"):
        open_checkpointer(file)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="runs cannot be stored in"):
        open_checkpointer(tmp_path / "file" / "runs.sqlite")


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr("peerleap.graph.checkpoints.postgres._CONNECT_SECONDS", 0.5)
    with pytest.raises(CheckpointError, match=r"postgresql://127\.0\.0\.1:1/none") as caught:
        open_checkpointer("postgresql://user:secret@127.0.0.1:1/none?connect_timeout=1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["k" * 16, "k" * 32])
def test_encrypted_at_rest(
    team: Any, block_then: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    pytest.importorskip("Crypto")
    monkeypatch.setenv("LANGGRAPH_AES_KEY", key)
    made = team(block_then("\\boxed{4}", summary="The crocodile sums up.</summarize>"))
    with open_checkpointer(tmp_path / "runs.sqlite") as store:
        graph = made.graph.compile(checkpointer=store)
        out = graph.invoke({"question": "How many 2 crocodiles?"}, CONFIG, context=small)
        assert graph.get_state(CONFIG).values["history_solver_1"] == out["histories"]["solver_1"]
    for file in tmp_path.glob("runs.sqlite*"):
        if file.is_file():
            assert b"crocodile" not in file.read_bytes()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_encrypted_with_another_key(
    request: pytest.FixtureRequest, team: Any, say: Any, small: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, kind: str,
) -> None:  # fmt: skip
    pytest.importorskip("Crypto")
    where = tmp_path / "runs.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")
    made = team(say())
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "k" * 16)
    with open_checkpointer(where) as store:
        made.graph.compile(checkpointer=store).invoke(QUESTION, CONFIG, context=small)
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "another key here")
    with pytest.raises(CheckpointError, match="another key than that of LANGGRAPH_AES_KEY"):
        open_checkpointer(where)
    monkeypatch.delenv("LANGGRAPH_AES_KEY")
    with open_checkpointer(where) as store:
        graph = made.graph.compile(checkpointer=store)
        with pytest.raises(CheckpointError, match="there is no key in LANGGRAPH_AES_KEY"):
            graph.invoke(None, CONFIG)
        with pytest.raises(CheckpointError, match="there is no key in LANGGRAPH_AES_KEY"):
            asyncio.run(graph.ainvoke(QUESTION, CONFIG))


def test_a_key_of_a_wrong_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "short")
    with pytest.raises(CheckpointError, match="5 bytes"):
        open_checkpointer(tmp_path / "runs.sqlite")


_STRICT = """
import asyncio, sys, warnings
warnings.simplefilter("error")
from langchain_core.messages import HumanMessage
from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph, open_checkpointer
script = lambda prompt, params: "I have 4.</summarize>" if "</summarize>" in params.stop else "x" * 99
config = {"configurable": {"thread_id": "1"}}
context = {"interval": 40, "rounds": 1, "summary_tokens": 64, "max_tokens": 2000}
with open_checkpointer(sys.argv[1]) as store:
    graph = build_graph(paths=2, engine=ScriptedEngine(script)).compile(checkpointer=store)
    out = asyncio.run(graph.ainvoke({"messages": [HumanMessage("What is 2 + 2?")]}, config, context=context))
    values = graph.get_state(config).values
assert {name: values["history_" + name] for name in out["histories"]} == out["histories"]
assert all(values[key] == out[key] for key in ("answer", "votes", "paths", "usage", "rounds", "messages"))
print("same")
"""


def test_strict_msgpack(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STRICT, str(tmp_path / "runs.sqlite")],
        env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "same\n", done.stderr


def test_a_full_disk_stops_the_run_and_it_resumes(team: Any, block_then: Any, small: Any, tmp_path: Path) -> None:
    """SQLite's own error, from a limit on its pages: at every page count, nothing is lost or half stored."""
    write = block_then("\\boxed{4}", blocks=2)
    plain = team(write, paths=3).graph.compile().invoke(QUESTION, context=small)
    told: list[str] = []
    for spare in range(1, 25, 3):
        with open_checkpointer(tmp_path / f"{spare}.sqlite") as store:
            conn: sqlite3.Connection = store.conn  # type: ignore[attr-defined]
            pages = conn.execute("PRAGMA page_count").fetchone()[0]
            conn.execute(f"PRAGMA max_page_count={pages + spare}")
            graph = team(write, paths=3).graph.compile(checkpointer=store)
            try:
                out = graph.invoke(QUESTION, CONFIG, context=small)
            except CheckpointError as error:
                told.append(str(error))
                conn.execute("PRAGMA max_page_count=1000000")
                began = store.get_tuple(CONFIG) is not None
                out = graph.invoke(None if began else QUESTION, CONFIG, context=small)
        assert _ids(out["histories"]) == _ids(plain["histories"]), spare
    assert len(told) >= 4
    assert all("full" in message and "resume" in message for message in told)


def _ids(histories: Any) -> Any:
    return {name: [(s["kind"], s["token_ids"]) for s in history] for name, history in histories.items()}


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_database_that_goes_away(team: Any, block_then: Any, small: Any, tmp_path: Path, how: str) -> None:
    file, moved = tmp_path / "runs.sqlite", tmp_path / "moved"
    gone: list[Callable[[], object]] = [lambda: file.rename(moved)]
    if how == "replaced":
        gone.append(file.touch)

    def write(call: Any) -> str:
        if call.stage == "summary":
            while gone:
                gone.pop(0)()
        said: str = block_then("\\boxed{4}")(call)
        return said

    with open_checkpointer(file) as store:
        graph = team(write).graph.compile(checkpointer=store)
        with pytest.raises(CheckpointError, match="gone"):
            graph.invoke(QUESTION, CONFIG, context=small)
        moved.rename(file)
        assert graph.invoke(None, CONFIG)["answer"] == "4"
