"""What the graph costs beside its engine: LangGraph and our nodes per round, and the routing of summaries."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from peerleap.engine import Completion, OnText, SamplingParams, ScriptedEngine
from peerleap.graph import Settings, build_graph
from peerleap.graph.defaults import COMMON, INSTRUCT
from peerleap.graph.leap_block.block import route
from peerleap.graph.settings import complete
from peerleap.graph.state import Summary

_SETTINGS = {"interval": 64, "cut": "exact", "max_tokens": 60_000, "answer_tokens": 16}


class _TimedEngine(ScriptedEngine):
    """Counts the time that its callers spend in it, so that it can be taken off."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seconds = 0.0

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        start = time.perf_counter()
        step = super().generate(token_ids, params, session=session, on_text=on_text)
        self.seconds += time.perf_counter() - start
        # Drive the coroutine by hand: what it does between its awaits is its own time.
        while True:
            start = time.perf_counter()
            try:
                step.send(None)
            except StopIteration as stop:
                self.seconds += time.perf_counter() - start
                done: Completion = stop.value
                return done
            self.seconds += time.perf_counter() - start
            await asyncio.sleep(0)


def _script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"x is {(params.seed or 0) % 1000}, by cases; what is left is to check the last one.</summarize>"
    return "some thinking about it. " * 20


def _graph_ms(paths: int) -> float:
    engine = _TimedEngine(_script)
    graph = build_graph(paths=paths, engine=engine).compile()

    def seconds(rounds: int) -> float:
        engine.seconds = 0.0
        # Millions of ids that the scripted engine keeps for tests: every garbage collection would go through them.
        engine.requests.clear()
        start = time.perf_counter()
        asyncio.run(graph.ainvoke({"question": "What is 2 + 2?"}, context={**_SETTINGS, "rounds": rounds}))
        return time.perf_counter() - start - engine.seconds

    seconds(1)
    return statistics.median((seconds(6) - seconds(2)) / 4 * 1000 for _ in range(15))


def _routing_ms(count: int) -> float:
    random = Random(0)
    words = [f"word{n}" for n in range(400)]
    texts = [" ".join(random.choices(words, k=140))[:1000] for _ in range(count)]
    names = [f"solver_{n}" for n in range(1, count + 1)]
    summaries = {name: Summary(text=text, tokens=0, cut=False) for name, text in zip(names, texts, strict=True)}
    settings = complete(Settings(top_k=4), {**COMMON, **INSTRUCT})

    def once() -> float:
        start = time.perf_counter()
        route(summaries, names, names, settings, 0)
        return (time.perf_counter() - start) * 1000

    once()
    return statistics.median(once() for _ in range(3))


def run() -> dict[str, dict[str, Any]]:
    figures = {}
    value = _graph_ms(64)
    figures["graph_ms_per_round_n64"] = {"value": value, "unit": "ms", "goal": "< 150", "ok": value < 150}
    for count, goal in ((64, 20), (256, 200), (1024, 3000)):
        value = _routing_ms(count)
        figures[f"routing_ms_n{count}"] = {"value": value, "unit": "ms", "goal": f"< {goal}", "ok": value < goal}
    return figures
