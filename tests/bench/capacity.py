"""What many replicas would do: a discrete-event simulation of LeaP on 1 to 64 GPUs, for what one machine cannot run.

python tests/bench/capacity.py                      # the table of docs/scale.md, some minutes
python tests/bench/capacity.py --total 4000 --replicas 1 8

Speeds of the replicas are in `capacity_replica`, with their sources; what our process costs is measured, what a router
costs is assumed (`Client`).
"""

import argparse
import heapq
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import log
from pathlib import Path as File

sys.path.insert(0, str(File(__file__).parents[2]))

from tests.bench.capacity_replica import GPU, Replica


@dataclass(frozen=True)
class Client:
    """Processes that send the requests, one core each."""

    processes: int = 1
    request: float = 3.5e-3
    """Seconds of a request, half of them before it is sent."""
    token: float = 0.21e-6
    """Seconds for each token of a request, sent or received."""
    router: float = 0.2e-3
    """Seconds of a router, the same one for all; assumed."""


@dataclass(frozen=True)
class Load:
    total: int = 100_000
    """Paths."""
    paths: int = 8
    in_flight: int = 16
    """Questions of all processes at once."""
    median: float = 6_000.0
    sigma: float = 0.6
    """Lengths of thoughts: lognormal."""
    most: int = 16_384
    interval: int = 4_096
    summary: int = 200
    comment: int = 1_100
    """Tokens of what a path reads of its peers."""
    prompt: int = 350
    grace: int = 60
    """Tokens from T to the end of the paragraph: a request of its own."""
    answer: int = 300
    affinity: bool = True


@dataclass(eq=False)
class Path:
    left: int
    process: int
    name: int
    home: int = 0
    length: int = 0
    begun: float = 0.0
    ready: float = 0.0


@dataclass
class Simulation:
    replicas: int
    load: Load = Load()
    client: Client = Client()
    gpu: GPU = field(default_factory=GPU)
    seed: int = 0
    now: float = 0.0
    barrier: float = 0.0
    """Seconds that paths have waited for others, of `path_seconds`."""
    path_seconds: float = 0.0
    requests: int = 0
    generated: int = 0
    busy: float = 0.0
    routed: float = 0.0
    _events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)

    def run(self) -> dict[str, float]:
        load, self._random, self._number = self.load, random.Random(self.seed), count()
        self._machines = [Replica(self.gpu) for _ in range(self.replicas)]
        self._free, self._router_free = [0.0] * self.client.processes, 0.0
        self._sessions = [[0] * self.replicas for _ in range(self.client.processes)]
        self._questions, self._names = load.total // load.paths, count()
        for n in range(min(load.in_flight, self._questions)):
            self._begin(0.0, n % self.client.processes)
        while self._events:
            self.now, _, what = heapq.heappop(self._events)
            what(self.now)
        wall, machines = self.now, self._machines
        prompts = sum(m.prefilled + m.cached for m in machines)
        return {
            "hours": wall / 3600, "tokens/s": self.generated / wall, "GPU hours": wall * self.replicas / 3600,
            "idle": 1 - sum(m.busy for m in machines) / wall / self.replicas,
            "barrier": self.barrier / self.path_seconds,
            "client": self.busy / wall / self.client.processes, "router": self.routed / wall,
            "cached": sum(m.cached for m in machines) / prompts, "requests/s": self.requests / wall,
            "batch": self.generated / sum(m.v for m in machines),
        }  # fmt: skip

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._number), what))

    def _begin(self, now: float, process: int) -> None:
        if not self._questions:
            return
        self._questions -= 1
        load, paths = self.load, []
        for _ in range(load.paths):
            thought = max(200, min(load.most, round(self._random.lognormvariate(log(load.median), load.sigma))))
            path = Path(thought, process, next(self._names), length=load.prompt, begun=now)
            counts = self._sessions[process]
            path.home = min(range(self.replicas), key=counts.__getitem__)
            counts[path.home] += 1
            paths.append(path)
        self._round(now, paths, paths)

    def _round(self, now: float, active: list[Path], all_: list[Path]) -> None:
        """Every active path thinks for T tokens; those that go on then sum up, behind each other's ends."""
        if not active:
            for path in all_:
                self._sessions[path.process][path.home] -= 1
            self._begin(now, all_[0].process)
            return
        going = [path for path in active if path.left > self.load.interval]
        missing = len(active)

        def arrived(path: Path, at: float) -> None:
            nonlocal missing
            missing -= 1
            path.ready = at
            if path not in going:
                self.path_seconds += at - path.begun
            if not missing:
                self._block(at, going, all_)

        for path in active:
            if path in going:
                path.left -= self.load.interval
                steps = [n for n in (self.load.interval, self.load.grace) if n]
            else:
                steps = [n for n in (path.left, self.load.answer) if n]
            self._chain(now, path, steps, arrived)

    def _block(self, now: float, going: list[Path], all_: list[Path]) -> None:
        missing = len(going)
        if not going:
            self._round(now, [], all_)
            return

        def summed(path: Path, at: float) -> None:
            nonlocal missing
            missing -= 1
            path.ready = at
            if not missing:
                for one in going:
                    self.barrier += at - one.ready
                    one.length += self.load.comment
                self._round(at, going, all_)

        for path in going:
            self.barrier += now - path.ready
            self._chain(now, path, [self.load.summary], summed)

    def _chain(self, now: float, path: Path, steps: list[int], done: Callable[[Path, float], None]) -> None:
        tokens, rest = steps[0], steps[1:]
        self.requests += 1
        self.generated += tokens
        half = self.client.request / 2
        prompt = path.length
        machine = path.home if self.load.affinity else self._random.randrange(self.replicas)

        def back(at: float) -> None:
            path.length += tokens
            end = self._work(at, path.process, half + tokens * self.client.token)
            self._at(end, lambda at: self._chain(at, path, rest, done) if rest else done(path, at))

        self.routed += self.client.router
        sent = self._work(now, path.process, half + prompt * self.client.token)
        self._router_free = max(sent, self._router_free) + self.client.router
        self._at(self._router_free, lambda at: self._arrive(at, machine, path.name, prompt, tokens, back))

    def _work(self, now: float, process: int, seconds: float) -> float:
        self.busy += seconds
        self._free[process] = max(now, self._free[process]) + seconds
        return self._free[process]

    def _arrive(
        self, at: float, machine: int, name: int, prompt: int, tokens: int, back: Callable[[float], None]
    ) -> None:
        replica = self._machines[machine]
        replica.advance(at)
        replica.waiting.append((name, prompt, tokens, back))
        replica.admit(next(self._number))
        self._plan(machine)

    def _plan(self, machine: int) -> None:
        replica = self._machines[machine]
        replica.version += 1
        if replica.running:
            version = replica.version
            self._at(replica.next(), lambda at: self._end(at, machine, version))

    def _end(self, at: float, machine: int, version: int) -> None:
        replica = self._machines[machine]
        if version != replica.version:
            return
        replica.advance(at)
        done = replica.finish()
        replica.admit(next(self._number))
        self._plan(machine)
        done(at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--total", type=int, default=100_000, help="paths of all questions")
    parser.add_argument("--paths", type=int, default=8, help="paths of a question")
    parser.add_argument("--in-flight", type=int, default=128, help="paths in flight for each replica")
    parser.add_argument("--processes", type=int, default=1, help="processes that send requests")
    parser.add_argument("--request-ms", type=float, default=3.5, help="what a request costs such a process")
    parser.add_argument("--token-us", type=float, default=0.21, help="what each of its tokens adds")
    parser.add_argument("--no-affinity", action="store_true", help="each request goes to any replica")
    o = parser.parse_args()
    client = Client(o.processes, o.request_ms / 1e3, o.token_us / 1e6)
    for replicas in o.replicas:
        in_flight = max(2, o.in_flight * replicas // o.paths)
        load = Load(total=o.total, paths=o.paths, in_flight=in_flight, affinity=not o.no_affinity)
        figures = Simulation(replicas, load, client).run()
        print(
            f"{replicas} replicas: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()), flush=True
        )


if __name__ == "__main__":
    main()
