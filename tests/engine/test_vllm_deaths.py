"""Engine processes that are killed under their requests. Each test costs the shared engine a start."""

import asyncio
import os
import signal
import threading
from typing import Any

import pytest

from peerleap.engine import EngineDead, SamplingParams, VLLMEngine
from peerleap.graph import build_graph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    # The contexts of a dead vLLM are closed as they are collected.
    pytest.mark.filterwarnings("ignore:Unclosed context:ResourceWarning"),
]

CONTEXT = {"interval": 24, "grace": 0, "summary_tokens": 24, "answer_tokens": 16, "rounds": 2, "top_k": 2, "seed": 3}


def run(engine: Any) -> dict[str, Any]:
    graph: Any = build_graph(paths=4, engine=engine).compile()
    result: dict[str, Any] = graph.invoke({"question": "What is 3 + 4 * 5?"}, context={**CONTEXT, "max_tokens": 300})
    return result


def kill(pids: set[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_run_survives_the_death_of_its_engine(
    real_engine: VLLMEngine, record: Any, wait_until: Any, engine_processes: Any
) -> None:
    undisturbed = run(real_engine)
    recorder, results = record(real_engine), list[dict[str, Any]]()
    thread = threading.Thread(target=lambda: results.append(run(recorder)))
    thread.start()
    wait_until(lambda: len(recorder.completions) >= 5 and real_engine.unfinished() > 0, 120)
    kill(engine_processes(os.getpid()))
    thread.join()
    assert results, "the run failed"
    assert {path["status"] for path in results[0]["paths"].values()} <= {"finished", "forced"}
    for name, history in undisturbed["histories"].items():
        assert [s["token_ids"] for s in results[0]["histories"][name]] == [s["token_ids"] for s in history]
    assert results[0]["answer"] == undisturbed["answer"]


def test_an_engine_that_dies_twice_is_given_up(real_engine: VLLMEngine, engine_processes: Any) -> None:
    """The second engine is killed under the request too: the caller is told, and is not kept waiting."""
    deaths = list[set[int]]()

    async def die_twice() -> None:
        ids = real_engine.tokenizer.encode("Once upon a time")
        said = asyncio.Event()
        request = asyncio.create_task(
            real_engine.generate(ids, SamplingParams(max_tokens=3500, seed=0), on_text=lambda _: said.set())
        )
        await said.wait()
        while not request.done():
            running = engine_processes(os.getpid())
            if real_engine.unfinished() and running and running not in deaths:
                deaths.append(running)
                kill(running)
            await asyncio.sleep(0.2)
        await request

    with pytest.raises(EngineDead, match=r"model='miniature' died, was restarted, and died again"):
        asyncio.run(die_twice())
    assert len(deaths) == 2
