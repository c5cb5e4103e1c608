"""What a method of an eval is: what it works with, and how it describes the paths that it ran."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.team import Team
from peerleap.evals.stats import Tokens
from peerleap.graph.history import Probe, Segment, path_usage


@dataclass(frozen=True, slots=True)
class MethodConfig:
    """What a method works with on every question."""

    paths: int = 4
    """N, where the method has a choice."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the LeaP graph (`peerleap.graph.Settings`), without `seed` and `task`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The method's own numbers, such as `layers`; see `peerleap.evals.methods.OPTIONS`."""
    team: Team | None = None
    """Peers that differ or call tools, for `leap`, `independent` and `deepconf`; its counts say how many paths."""
    budget: int | None = None
    """Tokens that this question's paths may generate together: `independent` and `deepconf` add paths to reach it,
    `revise` adds revisions."""
    seconds: float | None = None
    """The same in seconds, instead: what begins before they are over is seen through."""
    checkpoint: Path | None = None
    """SQLite file that lets the question go on where a killed process left it; `None` keeps its state in memory."""


@dataclass(frozen=True, slots=True)
class PathResult:
    """How one path of one question ended, with everything it wrote and read."""

    name: str
    outcome: str
    """finished, forced or failed; dropped, where its method ended it."""
    history: tuple[Segment, ...]
    answer: str | None
    """The path's own answer as the graph reads it."""
    counted: bool = True
    """Whether it votes: the early layers of `moa` and the early steps of `rsa` only feed the later ones."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    probes: Mapping[int, Probe] = field(default_factory=dict)
    """By LeaP block, from 0: what it was asked for beside its history."""

    @property
    def error(self) -> str | None:
        """Why the path failed."""
        errors = [segment["text"] for segment in self.history if segment["kind"] == "error"]
        return errors[-1] if errors else None

    @property
    def tokens(self) -> Tokens:
        """Where its tokens went."""
        usage = path_usage(self.history, self.probes.values())
        return Tokens(
            own=usage["thought"] + usage["answer"],
            summary=usage["summary"],
            inserted=usage["inserted"],
            prefill=usage["prefill"],
            cached=usage["cached"],
            probe=usage.get("probe", 0),
        )


Method = Callable[[Problem, Engine, MethodConfig, int], Awaitable[list[PathResult]]]
"""`method(problem, engine, config, seed)`: the paths, in an order that the seed alone decides.

Raises what makes the whole question impossible (`SettingsError`, `InputError`, `EngineError`); a path that fails is a
result with the outcome `failed`.
"""


@dataclass(frozen=True, slots=True)
class Study:
    """An experiment that is run as a method is, on every question, in several arms; paths are named after their arm.

    The paths of the arm that the others are compared with are those that count.
    """

    run: Method
    at_once: int
    """How many paths of one question run at once."""
