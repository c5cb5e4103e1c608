"""What keeping a run costs: bytes and time of its checkpoints, and of reading it back, on synthetic tokens.

A round here is 2,048 tokens of each path, in two requests; the engine it is compared with decodes 2,000 tokens a second
in all.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

from langchain_core.runnables import RunnableConfig

from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph
from peerleap.graph.checkpoints.journal import Journal, close_journals
from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer
from peerleap.graph.history.segments import Segment
from peerleap.graph.settings import Settings
from peerleap.graph.state import BlockRecord, history_key

_ROUND, _GRACE, _SPEED, _VOCABULARY = 2048, 128, 2000, 151_000
_CONFIG: Any = {"configurable": {"thread_id": "bench"}}


class _TimedStore(SqliteCheckpointer):
    """Counts the time in which at least one write goes on: paths end together, and wait for each other here."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seconds = self._began = 0.0
        self._writing, self._counting = 0, Lock()

    def put(self, *args: Any, **options: Any) -> Any:
        with self._timed():
            return super().put(*args, **options)

    def put_writes(self, *args: Any, **options: Any) -> None:
        with self._timed():
            super().put_writes(*args, **options)

    def note(self, *args: Any) -> None:
        with self._timed():
            super().note(*args)

    def notes(self, *args: Any) -> list[dict[str, Any]]:
        with self._timed():
            return super().notes(*args)

    def drop_notes(self, *args: Any) -> None:
        with self._timed():
            super().drop_notes(*args)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        with self._counting:
            if not self._writing:
                self._began = time.perf_counter()
            self._writing += 1
        try:
            yield
        finally:
            with self._counting:
                self._writing -= 1
                if not self._writing:
                    self.seconds += time.perf_counter() - self._began


def _tokens(random: Random, count: int) -> list[int]:
    # Frequent tokens have small ids, as in a real vocabulary.
    return [int(_VOCABULARY ** random.random()) for _ in range(count)]


def _segments(random: Random, round_number: int) -> Sequence[Segment]:
    return [_segment(random, round_number, _ROUND - _GRACE), _segment(random, round_number, _GRACE)]


def _segment(random: Random, round_number: int, tokens: int) -> Segment:
    text = "".join(random.choices("etaoin shrdlu", k=4 * tokens))
    return Segment(kind="thought", round=round_number, token_ids=_tokens(random, tokens), text=text, finish="interval",
                   prompt_tokens=_ROUND * round_number, cached_tokens=0)  # fmt: skip


async def _write(config: RunnableConfig, segments: Sequence[Segment]) -> None:
    """Keep what the path of a node says as a path does."""
    journal = Journal(config)
    await journal.open()
    for segment in segments:

        async def request(segment: Segment = segment) -> Segment:
            return segment

        await journal.request("thought", segment["prompt_tokens"], request)


def _measure(paths: int, rounds: int, file: Path) -> tuple[float, float, float]:
    """Bytes a token, seconds of writing over seconds of decoding, seconds of reading the state."""
    random = Random(0)
    graph = build_graph(paths=paths, engine=ScriptedEngine(lambda _prompt, _params: ""))
    names = [f"solver_{number}" for number in range(1, paths + 1)]
    turns = {name: iter(range(rounds)) for name in names}

    def node(name: str) -> Any:
        def think(state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
            number = next(turns[name])
            asyncio.run(_write(config, made[name][number]))
            return {history_key(name): made[name][number], "status": {name: {"state": "active"}}}

        return think

    def block(state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        close_journals(config)
        number = state["round"]
        left = number + 1 < rounds
        record = BlockRecord(
            round=number,
            summaries={name: {"text": "x" * 1000, "tokens": 256, "cut": False} for name in names},
            paths=names,
            similarity=[[0.5] * paths for _ in names],
            routes=dict.fromkeys(names, names[:4]),
        )
        done = {} if left else {"status": {name: {"state": "finished"} for name in names}}
        return {"round": number + 1, "rounds": [record], **done}

    made = {name: [_segments(random, number) for number in range(rounds)] for name in names}
    for name in names:
        graph.nodes[name].runnable = _runnable(node(name))
    graph.nodes["leap_block"].runnable = _runnable(block)
    graph.nodes["vote"].runnable = _runnable(lambda _state: {"answer": "4"})
    store = _TimedStore.open(file)
    assert isinstance(store, _TimedStore)
    compiled = graph.compile(checkpointer=store)
    settings = Settings(interval=_ROUND, max_tokens=60_000)
    compiled.invoke({"question": "What is 2 + 2?"}, _CONFIG, context=settings)
    reads = []
    for _ in range(3):
        start = time.perf_counter()
        values = compiled.get_state(_CONFIG).values
        reads.append(time.perf_counter() - start)
    tokens = sum(len(s["token_ids"]) for name in names for s in values[history_key(name)] if s["kind"] == "thought")
    assert tokens == paths * rounds * _ROUND
    store.close()
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*") if part.is_file())
    return size / tokens, store.seconds / (tokens / _SPEED), statistics.median(reads)


def _runnable(function: Any) -> Any:
    from langgraph._internal._runnable import RunnableCallable

    return RunnableCallable(function, trace=False)


def run() -> dict[str, dict[str, Any]]:
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        share = 0.0
        for name, paths, rounds in (("32x16k", 32, 8), ("64x32k", 64, 16)):
            size, time_share, read = _measure(paths, rounds, Path(folder) / f"{name}.sqlite")
            share = max(share, time_share)
            figures[f"checkpoint_bytes_per_token_{name}"] = {
                "value": size, "unit": "bytes", "goal": "<= 10", "ok": size <= 10,
            }  # fmt: skip
    figures["checkpoint_time_share"] = {
        "value": 100 * share, "unit": "%", "goal": "<= 2", "ok": share <= 0.02,
    }  # fmt: skip
    figures["get_state_s_64x32k"] = {"value": read, "unit": "s", "goal": "< 1", "ok": read < 1}
    return figures
