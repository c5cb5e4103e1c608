"""LeaP over two real vLLM servers, with `vllm-router` where it is installed, and without: where paths go, and kills.

Servers, the router and the process that asks are killed (`kill -9`) at random instants of a run of 16 paths and 4 LeaP
blocks; what comes out must be what an undisturbed run in one process gives, token for token. Each kill of a server
costs a start of vLLM, so what is done is written down, and a bench that is stopped goes on:

python tests/bench/replicas_bench.py --kills 20 --record replicas.jsonl
"""

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from peerleap.engine import MINIATURE, ServerEngine, VLLMEngine

_KILLS, _CONTEXT = 6, 2048
_QUESTIONS = {  # one for each way to the servers, so that all meet empty caches
    "no router": "What is 564 - 118 + 172 + 119 + 109 - 774 + 622 + 269 - 780?",
    "sticky_least_loaded": "What is 325 + 481 - 226 + 147 - 508 + 633 - 214 + 390 - 477?",
    "consistent_hash": "What is 702 - 351 + 268 + 415 - 129 - 340 + 577 - 186 + 233?",
}
_VICTIMS = {
    "no router": ("server", "asker"),
    "sticky_least_loaded": ("server", "router", "asker", "server", "router", "asker", "both servers"),
}


def _load(*parts: str) -> Any:
    file = Path(__file__).parents[1].joinpath(*parts)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_asking = _load("bench", "replicas_asker.py")
_real = _load("engine", "server", "real_server.py")


class _Record:
    """What is done, a line of JSON each."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lines: list[dict[str, Any]] = []
        if file.exists():
            self.lines = [json.loads(line) for line in file.read_text().splitlines()]

    def find(self, **what: Any) -> list[dict[str, Any]]:
        return [line for line in self.lines if what.items() <= line.items()]

    def add(self, **line: Any) -> dict[str, Any]:
        self.lines.append(line)
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print("  " + ", ".join(f"{name} {value}" for name, value in line.items()), file=sys.stderr, flush=True)
        return line


class _Machines:
    """Two servers, each with a core of its own, and routers before them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.servers = [_real.VLLMServer(folder / f"server{core}.log", _CONTEXT, core) for core in (0, 1)]
        for server in self.servers:
            server.start()
        self.wait()

    def wait(self) -> None:
        for server in self.servers:
            server.wait()

    @contextmanager
    def router(self, way: str, servers: list[str]) -> Iterator[Any]:
        router = None if way == "no router" else _real.VLLMRouter(self._folder / "router.log", servers, way)
        try:
            if router is not None:
                router.start()
                router.wait()
            yield router
        finally:
            if router is not None:
                router.kill()

    def close(self) -> None:
        for server in self.servers:
            server.kill()


def _undisturbed(record: _Record, ways: Sequence[str]) -> None:
    """The same runs in this process."""
    missing = [way for way in ways if not record.find(what="in process", way=way)]
    engine = VLLMEngine(MINIATURE, max_model_len=_CONTEXT) if missing else None
    for way in missing:
        assert engine is not None
        record.add(what="in process", way=way, **_asking.run(engine, _QUESTIONS[way]))
    if engine is not None:
        engine.close()


def _places(record: _Record, machines: _Machines, way: str) -> None:
    """A run whose requests are watched."""
    recorders = [_real.Recorder(server) for server in machines.servers]
    urls = [recorder.url for recorder in recorders]
    with machines.router(way, urls) as router:
        engine = ServerEngine(urls if router is None else router.url, MINIATURE)
        begun = time.monotonic()
        run = _asking.run(engine, _QUESTIONS[way])
        seconds = time.monotonic() - begun
        engine.close()
    sessions = [set(recorder.requests) for recorder in recorders]
    counts = [sum(recorder.requests.values()) for recorder in recorders]
    record.add(what="places", way=way, paths=[len(each) for each in sessions], watched=counts,
               moved=len(sessions[0] & sessions[1]), seconds=round(seconds, 1), **run)  # fmt: skip
    for recorder in recorders:
        recorder.close()


def _kill(record: _Record, machines: _Machines, way: str, number: int, crash: Any) -> None:
    """A run with one kill in it. A server may still be starting that was killed in the one before."""
    random, victims = Random(f"{way} {number}"), _VICTIMS[way]
    victim = victims[number % len(victims)]
    after = random.uniform(0, 0.9 * record.find(what="places", way=way)[0]["seconds"])
    urls = [server.url for server in machines.servers]
    if "server" in victim:
        machines.wait()
    with machines.router(way, urls) as router, tempfile.TemporaryDirectory() as folder:
        asker = _asking.Asker(Path(folder), _QUESTIONS[way], urls if router is None else [router.url])
        asker.start()
        time.sleep(after)
        hit, redone, at_work, begun = asker.running(), 0, None, time.monotonic()
        if victim == "asker":
            asker.kill()
            stored, _ = crash.stored_requests(asker.store, "run")
            asker.start()
        else:
            one = random.choice(machines.servers)
            targets = {"router": [router], "server": [one], "both servers": machines.servers}[victim]
            at_work = None if victim == "router" else sum(target.running() for target in targets)
            for target in targets:
                target.kill()
            for target in targets:
                target.start()
        run = asker.end()
        if victim == "asker":
            redone = len(stored & set(map(int, asker.log.read_text().split())))
        seconds = round(time.monotonic() - begun, 1)
        warned = asker.log.with_suffix(".err").read_text().count("is gone")
    same = run.get("digest") == record.find(what="in process", way=way)[0]["digest"]
    record.add(what="kill", way=way, number=number, victim=victim, after=round(after, 1), hit=hit, at_work=at_work,
               same=same, redone=redone, then_seconds=seconds, warned=warned, **run)  # fmt: skip


def run(
    kills: int = _KILLS, file: Path | None = None, ways: Sequence[str] = tuple(_QUESTIONS)
) -> dict[str, dict[str, Any]]:
    crash = _load("graph", "runs", "test_crash.py")
    crash.crash.PATHS = _asking.PATHS
    ways = [way for way in ways if _real.ROUTER or way == "no router"]
    with tempfile.TemporaryDirectory() as folder:
        record = _Record(file or Path(folder) / "record")
        _undisturbed(record, ways)
        machines = _Machines(Path(folder))
        try:
            for way in ways:
                if not record.find(what="places", way=way):
                    _places(record, machines, way)
            for way in ways:
                number = len(record.find(what="kill", way=way))
                while way in _VICTIMS and len(record.find(what="kill", way=way, hit=True)) < kills:
                    _kill(record, machines, way, number, crash)
                    number += 1
        finally:
            machines.close()
    return _figures(record, ways, kills)


def _figures(record: _Record, ways: Sequence[str], kills: int) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {}
    for way in ways:
        name = f"replicas_{way.replace(' ', '_')}"
        place, home = record.find(what="places", way=way)[0], record.find(what="in process", way=way)[0]
        apart, moved = home["cached_share"] - place["cached_share"], place["moved"] + (0 in place["paths"])
        figures[f"{name}_paths_moved"] = {"value": moved, "unit": "paths", "goal": "0", "ok": moved == 0}
        figures[f"{name}_cached_lost"] = {"value": apart, "unit": "points", "goal": "<= 2", "ok": apart <= 2}
        if way in _VICTIMS:
            hits = record.find(what="kill", way=way, hit=True)
            differ = sum(not hit["same"] for hit in hits) + (place["digest"] != home["digest"])
            redone = sum(hit["redone"] for hit in hits)
            figures[f"{name}_kills"] = {
                "value": len(hits),
                "unit": "kills",
                "goal": f">= {kills}",
                "ok": len(hits) >= kills,
            }
            figures[f"{name}_differs"] = {"value": differ, "unit": "runs", "goal": "0", "ok": differ == 0}
            figures[f"{name}_redone"] = {"value": redone, "unit": "requests", "goal": "0", "ok": redone == 0}
    return figures


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=_KILLS, help="kills with a router, and as many without")
    parser.add_argument("--record", type=Path, help="what is done is written here, and is not done again")
    parser.add_argument("--way", action="append", choices=[*_QUESTIONS], help="to the servers; all unless named")
    options = parser.parse_args()
    print(json.dumps(run(options.kills, options.record, options.way or tuple(_QUESTIONS)), indent=2))


if __name__ == "__main__":
    _main()
