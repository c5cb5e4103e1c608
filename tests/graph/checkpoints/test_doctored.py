"""Rows that somebody else wrote: they run nothing, are named in one line, and harm no other run."""

import base64
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerleap.graph import CheckpointError, InputError, SettingsError, fork, open_checkpointer, read_run
from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer

_Ext, _packed = ormsgpack.Ext, ormsgpack.packb
QUESTION = {"question": "What is 2 + 2?"}
KEY = "k" * 32


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def ext(code: int, *parts: Any) -> bytes:
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(parts)))


def attacks(mark: Path) -> dict[str, tuple[str, bytes]]:
    """Values that run `touch mark` in a reader that is not strict."""
    command = f"touch {mark}"
    python = f"__import__('os').system({command!r})"
    constructor = {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": [command]}
    secret = {"lc": 1, "type": "secret", "id": ["LANGGRAPH_AES_KEY"]}
    pickled = f"cos\nsystem\n(S'{command}'\ntR.".encode()
    nested = ormsgpack.packb(ormsgpack.Ext(7, ext(0, "os", "system", command)))
    return {
        "one argument": ("msgpack", ext(0, "os", "system", command)),
        "arguments": ("msgpack", ext(1, "os", "system", [command])),
        "keywords": ("msgpack", ext(2, "os", "system", {"command": command})),
        "method": ("msgpack", ext(3, "os", "system", command, "__call__")),
        "method of a module": ("msgpack", ext(3, "os", "path", command, "os.system")),
        "pydantic 1": ("msgpack", ext(4, "subprocess", "getoutput", {"cmd": command})),
        "pydantic 2": ("msgpack", ext(5, "subprocess", "getoutput", {"cmd": command}, "model_validate")),
        "eval": ("msgpack", ext(0, "builtins", "eval", python)),
        "exec": ("msgpack", ext(1, "builtins", "exec", [python])),
        "import": ("msgpack", ext(0, "builtins", "__import__", "antigravity")),
        "runpy": ("msgpack", ext(0, "runpy", "run_path", str(mark.with_suffix(".py")))),
        "pickle within": ("msgpack", ext(0, "pickle", "loads", pickled)),
        "in a snapshot": ("msgpack", nested),
        "in a list": (
            "msgpack",
            _packed([{"x": _Ext(0, _packed(["os", "system", command]))}]),
        ),
        "JSON constructor": ("json", json.dumps(constructor).encode()),
        "JSON secret": ("json", json.dumps(secret).encode()),
        "pickle": ("pickle", pickled),
        "pickle in capitals": ("PICKLE", pickled),
        "encrypted by name only": ("msgpack+aes", ext(0, "os", "system", command)),
        "unknown cipher": ("msgpack+rot13", ext(0, "os", "system", command)),
        "empty kind": ("", b""),
        "no msgpack": ("msgpack", b"\xc1"),
        "cut off": ("msgpack", b"\x81\xa1"),
        "nested deep": ("msgpack", b"\x91" * 100_000 + b"\xc0"),
        "claims a size": ("msgpack", b"\xdd\xff\xff\xff\xff"),
        "null": ("null", b""),
        "bytes": ("bytes", b"x"),
    }


TABLES = {
    "sqlite": {
        "checkpoint": ("checkpoints", "checkpoint"), "write": ("writes", "value"), "note": ("leap_notes", "value"),
    },
    "postgres": {
        "checkpoint": ("checkpoint_blobs", "blob"), "write": ("checkpoint_writes", "blob"),
        "note": ("leap_notes", "value"),
    },
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def where(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path | str:
    return tmp_path / "runs.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture(params=[None, KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    if request.param:
        pytest.importorskip("Crypto")
        monkeypatch.setenv("LANGGRAPH_AES_KEY", request.param)
    return None if request.param is None else str(request.param)


def write(kind: str, where: Any, statement: str, *values: Any) -> None:
    """As somebody who has the database, but not the key."""
    if kind == "sqlite":
        with sqlite3.connect(where) as connection:
            connection.execute(statement.replace("%s", "?"), values)
    else:
        import psycopg

        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement, values)


def quiet(read: Callable[[], object]) -> None:
    """Read; what cannot be read is one line that names the run."""
    message = "bad"
    try:
        read()
    except (CheckpointError, InputError, SettingsError) as error:
        message = str(error)
    assert "bad" in message
    assert "\n" not in message


def readers(graph: Any, store: Any) -> dict[str, Callable[[], object]]:
    """Everything that reads a stored run."""
    return {
        "get_state": lambda: graph.get_state(config("bad")).values,
        "history": lambda: [*graph.get_state_history(config("bad"))],
        "list": lambda: [*store.list(config("bad"))],
        "read_run": lambda: read_run(graph, config("bad")),
        "fork": lambda: fork(graph, config("bad"), round=0),
        "resume": lambda: graph.invoke(None, config("bad")),
        "notes": lambda: store.notes("bad", "", "task"),
        "prune": lambda: store.prune(["bad"]),
        "copy": lambda: store.copy_thread("bad", "copy"),
    }


@pytest.mark.parametrize("part", ["checkpoint", "write", "note"])
def test_doctored_rows_run_nothing(
    team: Any, block_then: Any, small: Any, kind: str, where: Any, key: Any, part: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    mark.with_suffix(".py").write_text(f"open({str(mark)!r}, 'w')")
    table, column = TABLES[kind][part]
    often = {"get_state", "resume", "notes"}
    with open_checkpointer(where) as store:
        graph = team(block_then("\\boxed{4}")).graph.compile(checkpointer=store)
        for thread in ("good", "template"):
            graph.invoke(QUESTION, config(thread), context=small, interrupt_before=["vote"])
            store.note(thread, "", "task", 0, {"answer": None})
        there = graph.get_state(config("good")).values
        for name, (stored, value) in attacks(mark).items():
            store.delete_thread("bad")
            store.copy_thread("template", "bad")
            statement = f"UPDATE {table} SET type = %s, {column} = %s WHERE thread_id = 'bad'"
            write(kind, where, statement, stored, value)
            for reader, read in readers(graph, store).items():
                if reader in often or (kind, key) == ("sqlite", None):
                    quiet(read)
                if reader == "notes" and part == "note" and key:
                    with pytest.raises(CheckpointError, match="bad"):
                        read()
                store.delete_thread("copy")
            assert not mark.exists(), name
        assert graph.get_state(config("good")).values == there
        assert "good" in store.threads()


def _transplants() -> dict[str, str]:
    return {
        "checkpoint of another thread": "UPDATE checkpoints SET checkpoint = (SELECT checkpoint FROM checkpoints AS o "
        "WHERE o.thread_id = 'other' ORDER BY checkpoint_id DESC LIMIT 1) WHERE thread_id = 'bad'",
        "rows renamed": "UPDATE checkpoints SET thread_id = 'bad' WHERE thread_id = 'other' AND "
        "checkpoint_id NOT IN (SELECT checkpoint_id FROM checkpoints WHERE thread_id = 'bad')",
        "an earlier checkpoint as the latest": "UPDATE checkpoints SET checkpoint = (SELECT checkpoint FROM checkpoints "  # noqa: E501
        "AS o WHERE o.thread_id = 'bad' ORDER BY checkpoint_id LIMIT 1) WHERE thread_id = 'bad'",
        "writes of another checkpoint": "UPDATE writes SET value = (SELECT value FROM writes AS o WHERE "
        "o.thread_id = 'bad' AND o.channel = writes.channel ORDER BY checkpoint_id LIMIT 1) WHERE thread_id = 'bad'",
        "writes of another thread": "UPDATE writes SET value = (SELECT value FROM writes AS o WHERE "
        "o.thread_id = 'other' AND o.channel = 'history_solver_1' LIMIT 1) WHERE thread_id = 'bad'",
        "writes of another path": "UPDATE writes SET channel = 'history_solver_2' WHERE channel = 'history_solver_1' AND "  # noqa: E501
        "thread_id = 'bad'",
        "notes of another thread": "UPDATE leap_notes SET value = (SELECT value FROM leap_notes AS o WHERE "
        "o.thread_id = 'other') WHERE thread_id = 'bad'",
        "one bit": "UPDATE writes SET value = CAST(substr(value, 1, 20) || X'00' || substr(value, 22) AS BLOB) "
        "WHERE thread_id = 'bad'",
        "cut to nothing": "UPDATE writes SET value = X'' WHERE thread_id = 'bad'",
        "unencrypted metadata": "UPDATE checkpoints SET metadata = "
        "CAST(json_set(CAST(metadata AS TEXT), '$.leap_recipe', '{}') AS BLOB) WHERE thread_id = 'bad'",
        "metadata of another thread": "UPDATE checkpoints SET metadata = (SELECT metadata FROM checkpoints AS o WHERE "
        "o.thread_id = 'other' LIMIT 1) WHERE thread_id = 'bad'",
    }


@pytest.mark.parametrize("name", _transplants())
def test_encrypted_rows_are_bound_to_their_place(
    team: Any, block_then: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("Crypto")
    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    where = tmp_path / "runs.sqlite"
    with open_checkpointer(where) as store:
        graph = team(block_then("\\boxed{4}")).graph.compile(checkpointer=store)
        for thread in ("bad", "other"):
            metadata = {"leap_recipe": json.dumps({"of": thread})}
            graph.invoke(QUESTION, {**config(thread), "metadata": metadata}, context=small, interrupt_before=["vote"])
            store.note(thread, "", "task", 0, {"answer": None})
        write("sqlite", where, _transplants()[name])
        with pytest.raises(CheckpointError, match=r"'bad'.*(changed, moved|not encrypted|damaged)"):  # noqa: PT012
            store.notes("bad", "", "task")
            graph.get_state(config("bad"))
            store.prune(["bad"])
            raise AssertionError(name)


@pytest.mark.parametrize("attack", ["value", "version", "json", "seal", "inline"])
def test_encrypted_in_postgres_is_bound_to_its_place(
    team: Any, block_then: Any, small: Any, postgres: str, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    pytest.importorskip("Crypto")
    import psycopg

    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    with open_checkpointer(postgres) as store:
        graph = team(block_then("The crocodile: \\boxed{4}")).graph.compile(checkpointer=store)
        for thread in ("bad", "other"):
            graph.invoke({"question": "How many 2 crocodiles?"}, config(thread), context=small)
        with psycopg.connect(postgres, autocommit=True) as connection:
            for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
                stored = connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()
                assert "crocodile" not in str(stored)
                assert b"crocodile".hex() not in str(stored)
        statement = {
            "value": "UPDATE checkpoint_blobs AS b SET blob = o.blob FROM checkpoint_blobs AS o "
            "WHERE b.thread_id = 'bad' AND o.thread_id = 'other' AND b.channel = 'problem' AND o.channel = 'problem'",
            "version": "UPDATE checkpoint_blobs AS b SET blob = o.blob FROM checkpoint_blobs AS o WHERE "
            "b.thread_id = 'bad' AND o.thread_id = 'bad' AND b.channel = 'round' AND o.channel = 'round' "
            "AND o.version < b.version",
            "json": "UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{channel_versions}', "
            "(checkpoint -> 'channel_versions') - 'problem') WHERE thread_id = 'bad'",
            "seal": "DELETE FROM checkpoint_blobs WHERE channel = 'leap_seal' AND thread_id = 'bad'",
            "inline": "UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{channel_values,problem}', '\"new\"') "  # noqa: E501
            "WHERE thread_id = 'bad'",
        }[attack]
        write("postgres", postgres, statement)
        if attack == "inline":  # the encrypted value is the one that counts
            assert graph.get_state(config("bad")).values["problem"] == "How many 2 crocodiles?"
        else:
            with pytest.raises(CheckpointError, match="'bad'"):
                graph.get_state(config("bad"))
        assert graph.get_state(config("other")).values["answer"] == "4"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metadata", b"{"), ("metadata", b"[]"), ("metadata", b"null"), ("metadata", b"[" * 200_000),
        ("metadata", b"1" * 5000), ("metadata", b"\xff"), ("checkpoint", "text"), ("checkpoint", 7), ("checkpoint", None),  # noqa: E501
        ("type", None), ("type", 7), ("type", b"msgpack"), ("checkpoint_id", "zz"), ("checkpoint", b""),
        ("parent_checkpoint_id", 7),
    ],
)  # fmt: skip
def test_damaged_columns_are_one_line(
    team: Any, block_then: Any, small: Any, tmp_path: Path, column: str, value: Any
) -> None:
    where = tmp_path / "runs.sqlite"
    with open_checkpointer(where) as store:
        graph = team(block_then("\\boxed{4}")).graph.compile(checkpointer=store)
        for thread in ("bad", "good"):
            graph.invoke(QUESTION, {**config(thread), "metadata": {"run_id": thread}}, context=small)
        latest = "checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 'bad')"
        write("sqlite", where, f"UPDATE checkpoints SET {column} = %s WHERE thread_id = 'bad' AND {latest}", value)
        for read in readers(graph, store).values():
            quiet(read)
        assert "good" in store.threads()
        store.delete_for_runs(["nobody", "good"])
        assert graph.get_state(config("good")).values == {}


@pytest.mark.parametrize("cycle", ["itself", "its child"])
def test_a_checkpoint_that_descends_from_itself(
    team: Any, block_then: Any, small: Any, kind: str, where: Any, cycle: str
) -> None:
    with open_checkpointer(where) as store:
        graph = team(block_then("\\boxed{4}")).graph.compile(checkpointer=store)
        graph.invoke(QUESTION, config("bad"), context=small)
        parent = "checkpoint_id" if cycle == "itself" else "(SELECT max(checkpoint_id) FROM checkpoints)"
        write(kind, where, f"UPDATE checkpoints SET parent_checkpoint_id = {parent} WHERE thread_id = 'bad'")
        for name, read in readers(graph, store).items():
            if name in {"get_state", "read_run", "prune", "history"}:
                with pytest.raises((CheckpointError, InputError), match="descends from itself"):
                    read()
            elif name == "fork":
                with pytest.raises((CheckpointError, InputError)):
                    read()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON writes BEGIN DELETE FROM checkpoints; END",
        "CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "CREATE TABLE g (a INT, b AS (zeroblob(1000000000)))",
    ],
)
def test_a_file_that_holds_programs_is_refused(tmp_path: Path, statement: str) -> None:
    where = tmp_path / "runs.sqlite"
    open_checkpointer(where).close()
    write("sqlite", where, statement)
    with pytest.raises(CheckpointError, match=r"no file of runs: it holds a"):
        open_checkpointer(where)


def test_checkpoints_that_are_a_view(tmp_path: Path) -> None:
    where = tmp_path / "runs.sqlite"
    write("sqlite", where, "CREATE VIEW checkpoints AS SELECT 1 AS thread_id")
    with pytest.raises(CheckpointError, match="view"):
        open_checkpointer(where)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_new_file_is_its_owners_only(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with open_checkpointer(tmp_path / "runs.sqlite") as store:
            store.note("a", "", "task", 0, {})
            for file in tmp_path.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    finally:
        os.umask(before)


@pytest.mark.parametrize("thread", ["\ud800", "a\x00b"])
def test_a_thread_id_that_cannot_be_stored(team: Any, say: Any, small: Any, where: Any, thread: str) -> None:
    with open_checkpointer(where) as store:
        graph = team(say()).graph.compile(checkpointer=store)
        for call in (
            lambda: graph.invoke(QUESTION, config(thread), context=small),
            lambda: graph.get_state(config(thread)),
            lambda: read_run(graph, config(thread)),
        ):
            with pytest.raises(InputError, match="thread_id="):
                call()
        assert store.threads() == []


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteCheckpointer]:
    with open_checkpointer(tmp_path_factory.mktemp("fuzz") / "runs.sqlite") as store:
        assert isinstance(store, SqliteCheckpointer)
        store.put(
            {"configurable": {"thread_id": "bad", "checkpoint_ns": ""}},
            {"v": 4, "id": "1", "ts": "", "channel_values": {}, "channel_versions": {}, "versions_seen": {},
             "updated_channels": None},
            {}, {},
        )  # fmt: skip
        yield store


_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_values = st.binary(max_size=200) | st.builds(
    lambda code, data: ormsgpack.packb(ormsgpack.Ext(code, data)),
    st.integers(0, 127),
    st.binary(max_size=60) | st.builds(ormsgpack.packb, st.lists(st.text() | _data, max_size=5)),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["msgpack", "null", "bytes", "json", "msgpack+aes", ""])
    | st.text(max_size=8).filter(str.isascii),
    value=_values,
    metadata=st.binary(max_size=60) | st.builds(lambda data: json.dumps(data, default=repr).encode(), _data),
)
def test_any_bytes_are_a_value_or_one_error(file: SqliteCheckpointer, kind: str, value: bytes, metadata: bytes) -> None:
    with file.cursor() as cursor:
        cursor.execute("UPDATE checkpoints SET type = ?, checkpoint = ?, metadata = ?", (kind, value, metadata))
        cursor.execute("INSERT OR REPLACE INTO writes VALUES ('bad', '', '1', 't', 0, 'c', ?, ?, '')", (kind, value))
        cursor.execute("INSERT OR REPLACE INTO leap_notes VALUES ('bad', '', 't', 0, ?, ?)", (kind, value))
    for read in (
        lambda: file.get_tuple(config("bad")),
        lambda: file.notes("bad", "", "t"),
        lambda: file.prune(["bad"]),
    ):
        quiet(read)


def test_the_key_is_not_in_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("Crypto")
    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    open_checkpointer(tmp_path / "runs.sqlite").close()
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "another key here")
    with pytest.raises(CheckpointError) as caught:
        open_checkpointer(tmp_path / "runs.sqlite")
    assert KEY not in str(caught.value)
    assert base64.b64encode(KEY.encode()).decode() not in str(caught.value)
