"""Real processes, killed at random instants: nothing is lost, doubled or done again."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from langgraph.types import Overwrite

from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph, open_checkpointer
from peerleap.graph.seeds import derive_seed

_SERVER = Path(__file__).with_name("crash_server.py")
_KINDS = {"thought", "summary", "answer"}


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("crash_server", _SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


crash = _load()


@pytest.fixture(scope="module")
def server() -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    with subprocess.Popen(
        [sys.executable, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    graph = build_graph(paths=crash.PATHS, engine=ScriptedEngine(crash.script)).compile()
    out = graph.invoke({"question": "What is 2 + 2?"}, context=crash.SETTINGS)
    assert len(out["rounds"]) >= 2
    return {"histories": ids(out["histories"]), "rounds": out["rounds"]}


def ids(histories: Any) -> Any:
    return {name: [(s["kind"], s["round"], s["token_ids"]) for s in history] for name, history in histories.items()}


def attempt(server: "subprocess.Popen[str]", job: dict[str, Any], seconds: float | None) -> bool:
    """Run a job; kill it after some seconds. Whether it ran to its end."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(job) + "\n")
    server.stdin.flush()
    pid = int(server.stdout.readline())
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    server.stdin.write("\n")
    server.stdin.flush()
    status = int(server.stdout.readline())
    assert status in {0, signal.SIGKILL}, status
    return status == 0


def stored_requests(where: str, thread: str) -> tuple[set[int], int]:
    """Seeds of the requests whose results are stored, in checkpoints or beside them; how many of rounds not over."""
    config: Any = {"configurable": {"thread_id": thread}}
    with open_checkpointer(where) as store:
        graph = build_graph(paths=crash.PATHS, engine=ScriptedEngine(crash.script)).compile(checkpointer=store)
        state = graph.get_state(config)
        values, found = state.values, store.get_tuple(config)
        notes = {task.name: store.notes(thread, "", task.id) for task in state.tasks}
    if found is None or "status" not in values:
        return set(), 0
    histories = {name: list(values[f"history_{name}"]) for name in values["status"]}
    summaries = []
    for _, channel, value in found.pending_writes or ():
        if channel.startswith("history_") and not isinstance(value, Overwrite):
            histories[channel.removeprefix("history_")] += value
        elif channel == "__return__":
            summaries.append(value["segments"])
    said = [(name, entry["segment"]) for name, entries in notes.items() for entry in entries]
    seeds = {derive_seed(0, name, segment["prompt_tokens"]) for name, segment in said}
    for name, history in histories.items():
        ends = [0]
        for segment in history:
            if segment["kind"] in _KINDS:
                seeds.add(derive_seed(0, name, ends[-1]))
            ends.append(ends[-1] + len(segment["token_ids"]))
        # A summary that is stored beside the checkpoint follows this path's history if its request was this long.
        for segments in summaries:
            length = ends[-1] + sum(len(s["token_ids"]) for s in segments if s["kind"] == "trigger")
            prompt = next((s["prompt_tokens"] for s in segments if s["kind"] == "summary"), None)
            if prompt == length and len([h for h in histories.values() if _length(h) == ends[-1]]) == 1:
                seeds.add(derive_seed(0, name, length))
    return seeds, len(said)


def _length(history: Any) -> int:
    return sum(len(segment["token_ids"]) for segment in history)


def crash_until_done(
    server: Any, job: dict[str, Any], random: Random, undisturbed: Any, kills: int, whole: float
) -> tuple[int, int]:
    """Kill a run a number of times, let it end, and check it; kills that hit it alive, requests of rounds not over."""
    hit = halves = 0
    log = Path(job["log"])
    for _ in range(kills):
        kept, half = stored_requests(job["store"], job["thread"])
        halves += half
        log.write_text("")
        ended = attempt(server, job, random.uniform(0.02, whole))
        assert not kept & set(map(int, log.read_text().split())), "something that was stored was done again"
        if ended:
            break
        hit += 1
    kept, half = stored_requests(job["store"], job["thread"])
    log.write_text("")
    assert attempt(server, job, None)
    assert not kept & set(map(int, log.read_text().split())), "something that was stored was done again"
    with open_checkpointer(job["store"]) as store:
        graph = build_graph(paths=crash.PATHS, engine=ScriptedEngine(crash.script)).compile(checkpointer=store)
        state = graph.get_state({"configurable": {"thread_id": job["thread"]}})
        cursor = store._cursor() if "postgres" in job["store"] else store.cursor()  # type: ignore[attr-defined]
        with cursor as rows:
            assert rows.execute("SELECT * FROM leap_notes").fetchall() == []
    assert state.next == ()
    histories = {name: state.values[f"history_{name}"] for name in state.values["status"]}
    assert {"histories": ids(histories), "rounds": state.values["rounds"]} == undisturbed
    return hit, halves + half


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("kind", "least"), [("sqlite", 26), ("postgres", 8)])
def test_kill_at_any_instant(
    request: Any, server: Any, undisturbed: Any, tmp_path: Path, asynchronous: bool, kind: str, least: int
) -> None:
    where = str(tmp_path / "runs.sqlite") if kind == "sqlite" else request.getfixturevalue("postgres")
    random = Random(int(asynchronous))
    kills = number = halves = 0
    while kills < least:
        job = {
            "store": where,
            "thread": f"run {number}",
            "log": str(tmp_path / "requests"),
            "speed": 600,
            "asynchronous": asynchronous,
            "durability": ("sync", "async")[number % 2],
        }
        hit, half = crash_until_done(server, job, random, undisturbed, 4, 0.9)
        kills, halves, number = kills + hit, halves + half, number + 1
    assert halves > 0 or kind == "postgres"  # where most kills hit it before its first round is half over
    print(f"{kind}, {'async' if asynchronous else 'sync'}: {kills} kills in {number} runs, {halves} half rounds kept")
