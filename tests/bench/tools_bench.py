"""What the way of a tool call costs, without the tool."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from peerleap.tools.protocols.base import ToolRequest
from peerleap.tools.protocols.fence import FenceProtocol
from peerleap.tools.runner import ToolRunner
from peerleap.tools.untrusted import neutralise

CALLS = 300
PROSE = "We note that x < y and so the sum is at most n^2, as 'shown' before. "


class State(TypedDict, total=False):
    times: list[float]
    worked: list[float]


def run() -> dict[str, dict[str, Any]]:
    """The measured values, each with its unit and goal."""
    (with_async, worked), (with_threads, _) = _overheads(blocking=False), _overheads(blocking=True)
    return {
        "tools_overhead_ms_p50": _row(statistics.median(with_async), "ms", 3),
        "tools_overhead_ms_p99": _row(_p99(with_async), "ms", 3),
        # The same in processor time, which other work on the machine does not change.
        "tools_overhead_cpu_ms_p50": _row(statistics.median(worked), "ms", 3),
        "tools_overhead_cpu_ms_p99": _row(_p99(worked), "ms", 3),
        "tools_overhead_blocking_ms_p50": _row(statistics.median(with_threads), "ms", 3),
        # Two hand-overs between threads, each of which may wait for the interpreter's 5 ms switch interval.
        "tools_overhead_blocking_ms_p99": _row(_p99(with_threads), "ms", 10),
        "tools_neutralise_100kb_ms": _row(_neutralise_ms(), "ms", 10),
    }


def _row(value: float, unit: str, goal: float) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "goal": f"<= {goal}", "ok": value <= goal}


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of a few runs: the others measure the machine's other work."""
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spans.append(time.perf_counter() - began)
    return min(spans)


def _neutralise_ms() -> float:
    text = (PROSE * 1600)[:100_000]
    return _best(lambda: neutralise(text, ["<|im_end|>", "</s>"])) * 1e3


def _overheads(*, blocking: bool) -> tuple[list[float], list[float]]:
    """Milliseconds, and those on the loop's processor, from a generated text to the text to append, in a graph."""

    @tool("python")
    async def at_once(code: str) -> str:
        """Answers at once."""
        return code

    @tool("python")
    def on_thread(code: str) -> str:
        """Answers at once."""
        return code

    protocol = FenceProtocol()
    text = PROSE * 40 + "\n```python\nprint(6 * 7)\n```\n"
    with ToolRunner([on_thread if blocking else at_once]) as runner:

        async def path(state: State) -> State:
            times, worked = [], []
            for _call in range(CALLS + 20):
                began, working = time.perf_counter(), time.thread_time()
                call = protocol.parse(text, 0, "\n```\n")
                assert isinstance(call, ToolRequest)
                outcome = await runner.run(call)
                protocol.render(call, outcome.text, runner.remaining(outcome.use))
                times.append((time.perf_counter() - began) * 1e3)
                worked.append((time.thread_time() - working) * 1e3)
            return {"times": times[20:], "worked": worked[20:]}

        graph = StateGraph(State).add_node("path", path).add_edge(START, "path").compile()
        out = asyncio.run(graph.ainvoke({}))
        return list(out["times"]), list(out["worked"])


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:32} {row['value']:>8} {row['unit']}  {row['goal']:>6}  {'ok' if row['ok'] else 'MISSED'}")
