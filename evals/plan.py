"""What an eval is going to do, checked before any model loads."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from peerleap.engine import Engine, each_once, requests_at_once, vocabulary_hash
from peerleap.evals.data import Problem
from peerleap.evals.grading import METHODS as GRADER_METHODS
from peerleap.evals.methods import (
    BUDGETED,
    TEAMED,
    MethodConfig,
    Study,
    check_method,
    method_options,
    paths_at_once,
    voting_paths,
)
from peerleap.evals.records import encode
from peerleap.evals.stats import Design
from peerleap.graph import as_settings


@dataclass(frozen=True)
class Plan:
    """One eval: a method with its configuration on every problem, `runs` times, from the seed `seed` on."""

    task: str
    problems: Sequence[Problem]
    method: str
    config: MethodConfig
    runs: int = 1
    seed: int = 0
    in_flight: int | None = None
    """Most questions at once; `None` is as many as keep this machine, or the servers, busy."""
    servers: int = 0
    """Number of servers that run the model; 0 where it runs on this machine."""
    grader: str = "peerleap"
    budget: float | None = None
    """What every question may spend, in `unit`; for the methods that go on until it is spent."""
    budgets: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """The same for each `(question id, run)`, where another method's are matched."""
    matched: str | None = None
    """Hash of the configuration that spent those."""
    unit: Literal["tokens", "seconds"] = "tokens"
    """Generated tokens, or seconds of wall-clock."""
    keep_ids: bool = False
    """Whether the records keep the token ids of every segment: training rows are made from them."""

    study: Study | None = None
    """What runs on each question instead of a method; `method` is its name, and its options are its own."""

    def __post_init__(self) -> None:
        if self.study is None:
            options = method_options(self.method, self.config.options)
            object.__setattr__(self, "config", replace(self.config, options=options))
        as_settings(self.config.settings)
        if self.grader not in GRADER_METHODS:
            raise ValueError(f"grader={self.grader!r} is not one of {', '.join(GRADER_METHODS)}")
        limits = {"paths": 1024, "runs": 10_000, "in_flight": 100_000}
        numbers = {
            "paths": self.config.paths,
            "runs": self.runs,
            "in_flight": 1 if self.in_flight is None else self.in_flight,
        }
        for name, value in numbers.items():
            if type(value) is not int or not 1 <= value <= limits[name]:
                raise ValueError(f"{name}={value!r}: give a whole number from 1 to {limits[name]}")
        if type(self.seed) is not int:
            raise ValueError(f"seed={self.seed!r}: give a whole number")
        if (self.budget is not None or self.budgets) and self.method not in BUDGETED:
            raise ValueError(
                f"budget: {self.method!r} does not go on until one is spent; {', '.join(sorted(BUDGETED))} do"
            )
        if self.budget is not None and not self.budget > 0:
            raise ValueError(f"budget={self.budget!r}: give a number above 0")
        if self.config.team is not None and self.method not in TEAMED:
            raise ValueError(f"team: only {', '.join(sorted(TEAMED))} can have one, or tools, not {self.method!r}")
        if self.study is None:
            check_method(self.method, self.config, budgeted=self.budget is not None or bool(self.budgets))

    @property
    def seeds(self) -> list[int]:
        """The seed of each run: its name in the records."""
        return list(range(self.seed, self.seed + self.runs))

    @property
    def width(self) -> int:
        """Paths of a question that vote."""
        if self.config.team is not None:
            return self.config.team.width
        return voting_paths(self.method, self.config.paths)

    @property
    def questions_in_flight(self) -> int:
        """The bound on questions that run at once.

        Two at least: while the paths of one wait for the slowest, those of the other write.
        """
        team = self.config.team
        paths = self.config.paths if team is None else team.width
        at_once = paths_at_once(self.method, paths, self.config.options) if self.study is None else self.study.at_once
        return self.in_flight or max(2, -(-requests_at_once(self.servers) // at_once))

    def engines(self, usual: Engine) -> list[Engine]:
        """Those that its paths run on: `usual`, or a team's own, each once."""
        team = self.config.team
        used = [usual] if team is None else [team.engine(peer, usual) for peer in team.peers]
        return each_once(used)

    def record_config(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """What makes results comparable, for the header; not `runs`: more of the same may be added to a file."""
        team = self.config.team
        config = {
            "task": self.task,
            "questions": len(self.problems),
            "data": data_hash(self.problems),
            "method": self.method,
            "paths": self.width,
            "settings": {k: v for k, v in self.config.settings.items() if v is not None},
            "options": dict(self.config.options),
            "peers": None if team is None else team.described(),
            "seed": self.seed,
            "grader": self.grader,
            "matched": self.matched,
            **model,
        }
        # Keys that older files do not have are left out where they say nothing: their hashes stay.
        if self.budget is not None:
            config["budget"] = f"{self.budget:g} {self.unit}"
        if self.matched is not None and self.unit != "tokens":
            config["matched_unit"] = self.unit
        if self.keep_ids:
            config["keep_ids"] = True
        if team is not None and team.engines:
            config["models"] = {name: model_config(engine) for name, engine in team.engines.items()}
        normal: dict[str, Any] = json.loads(encode(config))
        return normal

    def sentence(self) -> str:
        """What the design can show against another method on the same questions."""
        return Design(questions=len(self.problems), runs=self.runs, paths=self.width).sentence()


def data_hash(problems: Sequence[Problem]) -> str:
    """SHA-256 over the questions as the model reads them, with their golds."""
    rows = [[problem.id, problem.text, problem.answer, problem.kind] for problem in problems]
    return hashlib.sha256(encode(rows)).hexdigest()


def model_config(engine: Engine, *, vocabulary: bool = False) -> dict[str, Any]:
    """Name of the model and a hash over its folder's configuration and its files' names and sizes, if it has one.

    With `vocabulary`, also the hash of its tokens, for records that keep ids.
    """
    found: dict[str, Any] = {"model": engine.model, "model_hash": _folder_hash(engine)}
    return {**found, "vocabulary": vocabulary_hash(engine.tokenizer)} if vocabulary else found


def _folder_hash(engine: Engine) -> str | None:
    path = getattr(getattr(engine, "resolved", None), "path", None)
    folder = Path(path) if path else None
    if folder is None or not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file():
            digest.update(f"{file.name}:{file.stat().st_size};".encode())
            if file.name == "config.json":
                digest.update(file.read_bytes())
    return digest.hexdigest()
