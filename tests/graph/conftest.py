"""A scripted team: a test says what each path writes at each stage, and reads what every request was."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest

from peerleap.agents import Peer, path_peers, prompts
from peerleap.engine import Completion, SamplingParams, ScriptedEngine, detect_thinking
from peerleap.graph import Segment, build_graph
from peerleap.graph.seeds import derive_seed

LONG = "So it goes on. " * 2000
"""More than any path in these tests may write."""


@dataclass(frozen=True)
class Call:
    """One request, as a script sees it."""

    path: str
    stage: str
    """thought, summary, answer (the section after the thought) or ask (a forced answer)."""
    prompt: str
    ids: list[int]
    params: SamplingParams

    @property
    def round(self) -> int:
        """Summaries that the path has written; the prompt of a team names the closing tag, too."""
        return self.prompt.count("</summarize>") - (prompts.PEERS in self.prompt)

    @property
    def number(self) -> int:
        return int(self.path.rsplit("_", 1)[1])


Write = Callable[[Call], str]


class TeamEngine(ScriptedEngine):
    """A scripted engine that knows, by the request's seed, which path is writing."""

    def __init__(self, write: Write, names: Sequence[str], seed: int = 0, **kwargs: Any) -> None:
        super().__init__(self._say, **kwargs)
        self.calls: list[Call] = []
        self.running = 0
        self._write, self._names, self._seed = write, list(names), seed
        self._call: ContextVar[Call] = ContextVar("call")

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, *, on_text: Any = None) -> Completion:
        ids = list(token_ids)
        path = next(n for n in self._names if derive_seed(self._seed, n, len(ids)) == params.seed)
        prompt = self.tokenizer.decode(ids)
        call = Call(path, _stage(prompt, params, detect_thinking(self.tokenizer).thinks), prompt, ids, params)
        self.calls.append(call)
        self._call.set(call)
        self.running += 1
        try:
            return await super().generate(ids, params, on_text=on_text)
        finally:
            self.running -= 1

    def _say(self, prompt: str, params: SamplingParams) -> str:
        return self._write(self._call.get())

    def of(self, path: str, stage: str | None = None) -> list[Call]:
        return [call for call in self.calls if call.path == path and stage in {None, call.stage}]


def _stage(prompt: str, params: SamplingParams, thinks: bool) -> str:
    if "</summarize>" in params.stop:
        return "summary"
    if prompt.endswith(("Final answer: \\boxed{", "Final answer:")):
        return "ask"
    return "answer" if thinks and not params.stop and not params.stop_token_ids else "thought"


@dataclass
class Run:
    """A finished run with the engine that served it."""

    out: dict[str, Any]
    engine: TeamEngine
    events: list[dict[str, Any]] = field(default_factory=list)

    def history(self, path: str) -> list[Segment]:
        found: list[Segment] = self.out["histories"][path]
        return found

    def kinds(self, path: str) -> list[str]:
        return [segment["kind"] for segment in self.history(path)]

    def texts(self, path: str, kind: str) -> list[str]:
        return [segment["text"] for segment in self.history(path) if segment["kind"] == kind]

    def segments(self, path: str, kind: str) -> list[Any]:
        return [segment for segment in self.history(path) if segment["kind"] == kind]


@dataclass
class Team:
    """An engine and its uncompiled graph."""

    engine: TeamEngine
    graph: Any


# Bytes are tokens here: blocks and prompts are some five times longer than with a real tokenizer.
SMALL = {"interval": 40, "grace": 20, "summary_tokens": 64, "max_tokens": 6000, "answer_tokens": 60, "rounds": 2}


def make_team(
    write: Write,
    *,
    paths: int = 2,
    peers: list[Peer] | None = None,
    seed: int = 0,
    engine_class: type[TeamEngine] = TeamEngine,
    **engine: Any,
) -> Team:
    peers = peers or [Peer(name="solver", count=paths)]
    made = engine_class(write, list(path_peers(peers)), seed, **engine)
    return Team(made, build_graph(peers=peers, engine=made))


def run_leap(
    write: Write,
    *,
    paths: int = 2,
    peers: list[Peer] | None = None,
    thinking: bool = False,
    question: str = "What is 2 + 2?",
    context_length: int = 131_072,
    prepare: Callable[[TeamEngine], None] = lambda _engine: None,
    **settings: Any,
) -> Run:
    team = make_team(
        write, paths=paths, peers=peers, seed=settings.get("seed", 0), thinking=thinking, context_length=context_length
    )
    prepare(team.engine)
    run = Run({}, team.engine)
    unset = {"interval", "rounds"} if "communicate_at" in settings else set()
    context = {**{key: value for key, value in SMALL.items() if key not in unset}, **settings}
    stream = team.graph.compile().stream({"question": question}, context=context, stream_mode=["custom", "values"])
    for mode, part in stream:
        if mode == "custom":
            run.events.append(part)
        else:
            run.out = part
    return run


def say(
    thought: str = "It is \\boxed{4}.", summary: str = "I have 4.</summarize>", answer: str = "\\boxed{4}"
) -> Write:
    """A script that says the same at every stage of a kind; a forced answer is `4}`."""
    said = {"thought": thought, "summary": summary, "answer": answer, "ask": "4}\n"}
    return lambda call: said[call.stage]


def block_then(last: str, *, blocks: int = 1, summary: str = "I have {path}.</summarize>") -> Write:
    """Think for ever in the first `blocks` rounds, share the path's own name, and end with `last`."""

    def write(call: Call) -> str:
        if call.stage == "summary":
            return summary.replace("{path}", call.path)
        if call.stage == "thought":
            return LONG if call.round < blocks else last
        return "4}\n" if call.stage == "ask" else last

    return write


@pytest.fixture(name="leap", scope="session")
def _leap() -> Any:
    """Runs a question: `leap(write, paths=..., **settings) -> Run`."""
    return run_leap


@pytest.fixture(name="team", scope="session")
def _team() -> Any:
    """An engine and an uncompiled graph: `team(write, paths=...) -> Team`."""
    return make_team


@pytest.fixture(name="say", scope="session")
def _say() -> Any:
    return say


@pytest.fixture(name="block_then", scope="session")
def _block_then() -> Any:
    return block_then


@pytest.fixture(name="long", scope="session")
def _long() -> str:
    return LONG


@pytest.fixture(name="small", scope="session")
def _small() -> dict[str, Any]:
    return dict(SMALL)
