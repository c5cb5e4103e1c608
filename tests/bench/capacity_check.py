"""Holds the simulation of `capacity` against an eval over real sockets, to a server whose speed is known.

python tests/bench/capacity_check.py
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))


from peerleap.engine import ScriptedEngine, ServerEngine, encode
from peerleap.evals import MethodConfig, Plan, Records, run_eval
from peerleap.evals.data import Problem
from peerleap.evals.grading import Grader
from peerleap.evals.plan import model_config
from peerleap.evals.records import Header
from tests.bench.capacity import Client, Load, Simulation
from tests.bench.capacity_replica import GPU
from tests.bench.remote_bench import _process
from tests.engine.server.wire_server import WireServer

_LOAD = Load(
    paths=8, median=900, sigma=0.6, most=4000, interval=512, summary=64, comment=800, prompt=500, grace=0, answer=0
)
_SETTINGS = {
    "interval": 512, "rounds": 40, "max_tokens": 8000, "budget_counts": "own", "summary_tokens": 256, "cut": "exact",
    "router": "random", "top_k": 4, "answer_tokens": 64,
}  # fmt: skip
_QUESTIONS, _IN_FLIGHT, _TOKEN = 16, 8, 4e-3
"""Questions, how many of them in flight, and seconds of a token."""


def main() -> None:
    wall, ours, servers, requests = asyncio.run(_eval())
    load = replace(_LOAD, total=_QUESTIONS * _LOAD.paths, in_flight=_IN_FLIGHT)
    client = Client(request=ours / requests, token=0.0, router=servers / requests)
    gpu = GPU(weights=_TOKEN, each=0.0, kv=0.0, prefill=1e12, room=10**12, sequences=10**6)
    simulation = Simulation(1, load, client, gpu, seed=1)  # the lengths that the server draws
    predicted = 3600 * simulation.run()["hours"]
    print(
        f"{wall:.1f} s, simulated {predicted:.1f} s ({predicted / wall:.2f}); {requests} requests, simulated "
        f"{simulation.requests}; a request takes our process {1000 * ours / requests:.1f} ms and the server "
        f"{1000 * servers / requests:.1f} ms, waits for a core included"
    )


def _seconds(pid: int) -> float:
    """Seconds that a process has run, and that it could have run but waited for a core."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(n) for task in tasks for n in task.read_text().split()[:2]) / 1e9


async def _eval() -> tuple[float, float, float, int]:
    """Seconds of an eval, those of this process and of the server, and requests."""
    problems = [
        Problem(id=f"q{n}", question=f"What is 2 + 2, {n}?", answer="4", kind="integer") for n in range(_QUESTIONS)
    ]
    plan = Plan("bench", problems, "leap", MethodConfig(paths=_LOAD.paths, settings=_SETTINGS), in_flight=_IN_FLIGHT)
    with (
        tempfile.TemporaryDirectory() as folder,
        _process([sys.executable, __file__, folder]) as process,
        Grader() as grader,
    ):
        assert process.stdout is not None
        url = (await asyncio.to_thread(process.stdout.readline)).decode().strip()
        engine = ServerEngine(url, folder)
        await engine.start()
        seen: list[int] = []
        with Records.open(Path(folder) / "r.jsonl", Header(plan.record_config(model_config(engine)))) as records:
            pids = os.getpid(), process.pid
            begun, before = time.perf_counter(), [_seconds(pid) for pid in pids]
            failed = await run_eval(plan, engine, records, grader, on_tokens=seen.append)
            wall = time.perf_counter() - begun
            ours, servers = (_seconds(pid) - s for pid, s in zip(pids, before, strict=True))
        assert not failed
        await asyncio.to_thread(engine.close)
    return wall, ours, servers, len(seen)


def _serve(folder: Path) -> None:
    """A server that writes no text of a model, but so many tokens at so many a second."""
    engine = ScriptedEngine(lambda _prompt, _params: "", context_length=1 << 18)
    engine.tokenizer.save_pretrained(folder)
    summary = encode(engine.tokenizer, "2 + 2 is 4. ".ljust(_LOAD.summary - 12, ".") + "</summarize>")
    ending = [*encode(engine.tokenizer, "\n\n\\boxed{4}"), engine.tokenizer.eos_token_id]
    drawn = random.Random(1)
    left: dict[str, int] = defaultdict(
        lambda: max(200, min(_LOAD.most, round(drawn.lognormvariate(log(_LOAD.median), _LOAD.sigma))))
    )

    class Paced(WireServer):
        async def _complete(self, headers: Any, body: Any, writer: Any) -> None:
            if not body.get("stream"):
                return await super()._complete(headers, body, writer)
            session, stop = headers["x-session-id"], None
            if "</summarize>" in body["stop"]:
                ids, stop = summary, "</summarize>"
            else:
                n = min(left[session], body["max_tokens"])
                left[session] -= n
                ids = [65] * n if left[session] else [65] * (n - len(ending)) + ending
            ended = stop is not None or ids[-1:] == ending[-1:]
            await asyncio.sleep(len(ids) * _TOKEN)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            choice = {"index": 0, "text": "", "token_ids": ids, "prompt_token_ids": body["prompt"], "stop_reason": stop,
                      "finish_reason": "stop" if ended else "length"}  # fmt: skip
            for event in (
                {"choices": [choice]},
                {"choices": [], "usage": self._usage(len(body["prompt"]), len(ids), 0)},
            ):
                self._event(writer, json.dumps(event).encode())
            self._event(writer, b"[DONE]")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return None

    print(Paced(engine, folder).url, flush=True)
    signal.pause()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _serve(Path(sys.argv[1]))
    else:
        main()
