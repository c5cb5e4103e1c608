"""Latency and throughput of the Python sandbox; `make bench` calls `run()`."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.tools import python
from peerleap.tools.sandbox import Sandbox

_CELLS = 400
_SPAWNS = 60
_SESSIONS = 8
_CELLS_EACH = 100
_RUNS = 5


def run() -> dict[str, dict[str, Any]]:
    """One row per number: value, unit, goal, ok."""
    with Sandbox() as sandbox:
        asked = _milliseconds(sandbox.warm_up)  # the worker starts behind it; nobody waits
        starting = time.perf_counter()
        session = sandbox.session("bench")
        started = time.perf_counter() - starting
        session.run("1+1")
        cells = sorted(_milliseconds(lambda: session.run("1+1")) for _ in range(_CELLS))
        spawns = sorted(_spawn(sandbox, number) for number in range(_SPAWNS))
        over = max(_kill_over(sandbox) for _ in range(3))
        rate = _rate(sandbox)
    first = sorted(_first_request(tools=True) - _first_request(tools=False) for _ in range(_RUNS))
    return {
        "sandbox_warm_up_ms": _row(asked, "ms", "<= 10", lambda value: value <= 10),
        "sandbox_start_s": _row(started, "s", "<= 6", lambda value: value <= 6),
        # What a run with a cold `python` tool adds before the model's first token, against one without tools.
        "sandbox_run_delay_ms_p50": _row(_quantile(first, 0.5), "ms", "<= 50", lambda value: value <= 50),
        "sandbox_cell_ms_p50": _row(_quantile(cells, 0.5), "ms", "<= 1", lambda value: value <= 1),
        "sandbox_cell_ms_p99": _row(_quantile(cells, 0.99), "ms", "<= 10", lambda value: value <= 10),
        "sandbox_spawn_ms_p50": _row(_quantile(spawns, 0.5), "ms", "<= 30", lambda value: value <= 30),
        "sandbox_spawn_ms_p99": _row(_quantile(spawns, 0.99), "ms", "<= 150", lambda value: value <= 150),
        "sandbox_kill_over_s": _row(over, "s", "<= 0.2", lambda value: value <= 0.2),
        "sandbox_cells_per_s_8": _row(rate, "cells/s", ">= 200", lambda value: value >= 200),
    }


def _first_request(*, tools: bool) -> float:
    """Milliseconds from the call of a graph to the first request to its engine, with a worker that is cold."""
    asked: list[float] = []

    def write(_prompt: str, params: SamplingParams) -> str:
        asked.append(time.perf_counter())
        return "Done.</think>" if params.stop_token_ids else "\\boxed{4}"

    peers = [Peer(name="coder", tools=[python()] if tools else [])]
    graph: Any = build_graph(peers=peers, engine=ScriptedEngine(write, thinking=True)).compile()
    start = time.perf_counter()
    graph.invoke({"question": "What is 2 + 2?"}, context={"rounds": 0})
    return (asked[0] - start) * 1e3


def _spawn(sandbox: Sandbox, number: int) -> float:
    start = time.perf_counter()
    session = sandbox.session(f"spawn {number}")
    spent = (time.perf_counter() - start) * 1e3
    session.close()
    return spent


def _kill_over(sandbox: Sandbox) -> float:
    """Seconds beyond timeout and grace until a cell that ignores its alarm is gone."""
    deaf = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"
    with sandbox.session("deaf") as session:
        result = session.run(deaf, timeout_s=0.2)
    assert result.timed_out
    assert result.state_lost
    return result.duration_s - 0.2 - 1.0


def _rate(sandbox: Sandbox) -> float:
    sessions = [sandbox.session(f"rate {number}") for number in range(_SESSIONS)]

    def work(number: int) -> None:
        for cell in range(_CELLS_EACH):
            sessions[number].run(f"x = {cell}\nsum(i * i for i in range(100)) + x")

    start = time.perf_counter()
    with ThreadPoolExecutor(_SESSIONS) as pool:
        list(pool.map(work, range(_SESSIONS)))
    return _SESSIONS * _CELLS_EACH / (time.perf_counter() - start)


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(value: float, unit: str, goal: str, ok: Callable[[float], bool]) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "goal": goal, "ok": ok(value)}


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:24} {row['value']:>10} {row['unit']:8} goal {row['goal']:8} {'ok' if row['ok'] else 'MISSED'}")
