"""The process that asks in `replicas_bench.py`: it runs a question on servers, and can be killed and started again."""

import asyncio
import hashlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from peerleap.engine import MINIATURE, Engine, SamplingParams, ServerEngine
from peerleap.graph import build_graph, open_checkpointer

PATHS = 16
_SETTINGS = {"rounds": 4, "interval": 24}
_CONFIG: Any = {"configurable": {"thread_id": "run"}}


def _summary(out: Any) -> dict[str, Any]:
    """A run in short: all its tokens in order, its votes, and how it was cached."""
    histories = {
        name: [(s["kind"], s["round"], s["token_ids"]) for s in out["histories"][name]] for name in out["paths"]
    }
    whole = json.dumps([histories, out["votes"], out["rounds"]], sort_keys=True)
    return {
        "answer": out["answer"],
        "blocks": len(out["rounds"]),
        "requests": out["usage"]["requests"],
        "failed": sum(path["status"] == "failed" for path in out["paths"].values()),
        "cached_share": round(100 * out["usage"]["cached"] / out["usage"]["prefill"], 2),
        "digest": hashlib.sha256(whole.encode()).hexdigest()[:16],
    }


def run(engine: Engine, question: str, checkpointer: Any = None) -> dict[str, Any]:
    """Begin a run or go on with it."""
    graph = build_graph(paths=PATHS, engine=engine).compile(checkpointer=checkpointer)
    begun = checkpointer is not None and checkpointer.get_tuple(_CONFIG) is not None
    first: Any = (None, None) if begun else ({"question": question}, _SETTINGS)
    return _summary(asyncio.run(graph.ainvoke(first[0], _CONFIG, context=first[1])))


class _LoggingEngine(ServerEngine):
    """Writes the seed of each request, which names its path and place, when it begins."""

    log: Path

    async def generate(
        self, token_ids: Any, params: SamplingParams, *, session: Any = None, on_text: Any = None
    ) -> Any:
        with self.log.open("a") as file:
            file.write(f"{params.seed}\n")
        return await super().generate(token_ids, params, session=session, on_text=on_text)


def _child(store: str, log: str, question: str, servers: list[str]) -> None:
    logging.basicConfig(level=logging.WARNING)
    engine = _LoggingEngine(servers, MINIATURE)
    engine.log = Path(log)
    engine.check()
    print("ready", flush=True)
    with open_checkpointer(store) as opened:
        print(json.dumps(run(engine, question, opened)), flush=True)
    engine.close()


class Asker:
    """A process that runs the question, which can be killed and started again."""

    def __init__(self, folder: Path, question: str, servers: list[str]) -> None:
        self.store, self.log = str(folder / "runs.sqlite"), folder / "requests"
        self._command = [sys.executable, __file__, self.store, str(self.log), question, *servers]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.log.write_text("")
        with self.log.with_suffix(".err").open("ab") as errors:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(self.log.with_suffix(".err").read_text()[-3000:])

    def running(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> dict[str, Any]:
        assert self._process is not None
        out, _ = self._process.communicate()
        if self._process.returncode:
            return {"error": self.log.with_suffix(".err").read_text().strip().splitlines()[-1]}
        return dict(json.loads(out))


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
