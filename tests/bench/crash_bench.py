"""Runs on the real engine, killed at random instants and resumed: nothing is lost, doubled or done again.

Each kill costs a start of vLLM. `python tests/bench/crash_bench.py STORE LOG` is the process that is killed.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from peerleap.engine import SamplingParams, VLLMEngine, close_engines
from peerleap.graph import build_graph, open_checkpointer

_KILLS, _PATHS = 5, 4
_QUESTION = {"question": "A farmer has 12 sheep, buys 7 more and then sells 5. How many sheep has he?"}
_SETTINGS = {
    "interval": 40, "grace": 16, "summary_tokens": 24, "answer_tokens": 16, "rounds": 6, "top_k": 2, "max_tokens": 1000,
}  # fmt: skip
_CONFIG: Any = {"configurable": {"thread_id": "run"}}


class _LoggingEngine(VLLMEngine):
    """Writes the seed of each request, which names its path and place, when it begins."""

    def __init__(self, log: Path) -> None:
        super().__init__(max_model_len=2048)
        self._log = log

    async def generate(
        self, token_ids: Any, params: SamplingParams, *, session: Any = None, on_text: Any = None
    ) -> Any:
        with self._log.open("a") as file:
            file.write(f"{params.seed}\n")
        return await super().generate(token_ids, params, session=session, on_text=on_text)


def _child(store: str, log: Path) -> None:
    """Begin the run or go on with it; say `ready` when the engine is, and at the end what an undisturbed run is."""
    import asyncio

    engine = _LoggingEngine(log)
    asyncio.run(engine.generate(engine.tokenizer.encode("Hello"), SamplingParams(max_tokens=1)))
    log.write_text("")
    print("ready", flush=True)
    with open_checkpointer(store) as opened:
        graph = build_graph(paths=_PATHS, engine=engine).compile(checkpointer=opened)
        begun = opened.get_tuple(_CONFIG) is not None
        graph.invoke(None if begun else _QUESTION, _CONFIG, context=None if begun else _SETTINGS)
    log.replace(log.with_suffix(".resumed"))
    print("ended", flush=True)
    whole = build_graph(paths=_PATHS, engine=engine).compile().invoke(_QUESTION, context=_SETTINGS)
    print(json.dumps({"histories": whole["histories"], "rounds": whole["rounds"]}), flush=True)
    engine.close()
    close_engines()


class _Attempts:
    def __init__(self, folder: Path) -> None:
        self.store, self.log = str(folder / "runs.sqlite"), folder / "requests"
        self.redone = 0

    def start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, __file__, self.store, str(self.log)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "ready\n":
            if not line:
                raise RuntimeError("the engine did not start")
        return process

    def count_redone(self, kept: set[int]) -> None:
        log = next(log for log in (self.log.with_suffix(".resumed"), self.log) if log.exists())
        self.redone += len(kept & set(map(int, log.read_text().split())))


def _crash_test() -> Any:
    file = Path(__file__).parents[1] / "graph" / "runs" / "test_crash.py"
    spec = importlib.util.spec_from_file_location("test_crash", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(report: Callable[[str], object] = lambda line: print(line, file=sys.stderr, flush=True)) -> dict[str, Any]:
    crash, random = _crash_test(), Random()
    with tempfile.TemporaryDirectory() as folder:
        attempts, kills = _Attempts(Path(folder)), 0
        while kills < _KILLS:
            kept, half = crash.stored_requests(attempts.store, "run")
            process, seconds = attempts.start(), random.uniform(0.1, 4)
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGKILL)
            alive = process.wait() == -signal.SIGKILL
            assert process.stdout is not None
            alive = alive and process.stdout.read() == ""
            attempts.count_redone(kept)
            report(f"killed after {seconds:.1f} s; {len(kept)} requests were kept, {half} of them of a round not over")
            if not alive:
                break
            kills += 1
        kept, half = crash.stored_requests(attempts.store, "run")
        process = attempts.start()
        out, _ = process.communicate()
        report(f"resumed; {len(kept)} requests were kept, {half} of them of a round not over")
        attempts.count_redone(kept)
        whole = json.loads(out.splitlines()[-1])
        with open_checkpointer(attempts.store) as store:
            graph = build_graph(paths=_PATHS, engine=crash.ScriptedEngine(crash.crash.script)).compile(
                checkpointer=store
            )
            values = graph.get_state(_CONFIG).values
    histories = {name: values[f"history_{name}"] for name in values["status"]}
    same = crash.ids(histories) == crash.ids(whole["histories"]) and values["rounds"] == whole["rounds"]
    requests = sum("prompt_tokens" in segment for history in histories.values() for segment in history)
    report(f"{kills} kills, {requests} requests in the run, {len(values['rounds'])} blocks, the same: {same}")
    return {
        "crash_real_kills": {"value": kills, "unit": "kills", "goal": ">= 5", "ok": kills >= _KILLS},
        "crash_real_redone": {"value": attempts.redone, "unit": "requests", "goal": "0", "ok": attempts.redone == 0},
        "crash_real_differs": {"value": int(not same), "unit": "runs", "goal": "0", "ok": same},
    }


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
