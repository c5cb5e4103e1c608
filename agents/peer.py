"""A kind of reasoner, and the paths of a team."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from langchain_core.tools import BaseTool
from langchain_core.tools import tool as as_tool
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from peerleap.agents.sampling import Sampling, ThinkingChoice
from peerleap.tools import PROTOCOLS, ToolLimits, can_call

MOST_PATHS = 1024
"""The largest number of paths of one peer, and of a team."""


def _tool(value: Any) -> Any:
    return as_tool(value) if callable(value) and not isinstance(value, BaseTool) else value


class Peer(BaseModel):
    """One kind of reasoner: a model with its expertise, sampling and tools, and how many paths of it there are."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    """Names its paths: `solver` gives `solver_1`, `solver_2`, ..."""
    count: Annotated[int, Field(ge=1, le=MOST_PATHS)] = 1
    """The number of paths."""
    model: str | None = None
    """Hub id, local folder, or `None` for the graph's model."""
    server: Annotated[str | tuple[str, ...] | None, Field(exclude=True)] = None
    """Base URLs of vLLM servers that run its model, or `None` for the graph's. Not part of what is stored."""
    thinking: ThinkingChoice | None = None
    """How its model marks its thought, where the settings of the run do not suit it: `auto`, `off`, or two marks with a
    blank between them, such as `<think> </think>`."""
    instructions: Annotated[str | None, Field(max_length=4000)] = None
    """The peer's expertise in words; goes into the prompt of its paths."""
    sampling: Sampling = Sampling()
    """What differs from the settings of the run."""
    engine_args: dict[str, Any] = {}
    """vLLM's engine arguments for this peer's model, on top of the graph's."""
    tools: Annotated[list[Annotated[BaseTool, BeforeValidator(_tool)]], Field(exclude=True)] = []
    """LangChain tools, or plain functions, that its paths may call while they think. Not part of what is stored."""
    protocol: str = "fence"
    """How a call looks in the text; a name in `peerleap.tools.PROTOCOLS`."""
    limits: ToolLimits = ToolLimits()
    """What one path may spend on tools."""
    nudge: bool = False
    """Begin a Python block for a path that has called no tool by the end of a LeaP block, as START does."""

    @field_validator("limits", mode="before")
    @classmethod
    def _known_limits(cls, value: Any) -> Any:
        known = ToolLimits.__dataclass_fields__
        if isinstance(value, dict) and (unknown := sorted(set(map(str, value)) - set(known))):
            raise ValueError(f"limits: {unknown[0]!r} is none of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _callable(self) -> Self:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol={self.protocol!r} is none of {', '.join(sorted(PROTOCOLS))}")
        names = [tool.name for tool in self.tools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tools: two are named {twice[0]!r}")
        if uncallable := [name for name in names if not can_call(self.protocol, name)]:
            can = ", ".join(protocol for protocol in sorted(PROTOCOLS) if can_call(protocol, uncallable[0]))
            raise ValueError(
                f"peer {self.name!r}: protocol={self.protocol!r} has no call for the tool {uncallable[0]!r}; "
                f"there are {can}"
            )
        if self.nudge and not (self.protocol == "fence" and "python" in names):
            raise ValueError("nudge=True: needs the tool 'python' and protocol='fence'")
        return self

    @property
    def path_names(self) -> list[str]:
        """Names of the paths, in order."""
        return [f"{self.name}_{number}" for number in range(1, self.count + 1)]


def path_peers(peers: Sequence[Peer]) -> dict[str, Peer]:
    """The paths of a team.

    Args:
        peers: the team.

    Returns:
        The peer of each path, by path name, in order.

    Raises:
        ValueError: no peer, two peers of one name, two paths of one name, or more than 1024 paths.
    """
    if not peers:
        raise ValueError("peers=[]: a team has at least one peer")
    if (total := sum(peer.count for peer in peers)) > MOST_PATHS:
        raise ValueError(f"peers: {total} paths in all; a team has at most {MOST_PATHS}")
    names = [peer.name for peer in peers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"peers: two peers are named {twice[0]!r}; give each its own name, or one of them a count")
    paths: dict[str, Peer] = {}
    for peer in peers:
        for name in peer.path_names:
            if name in paths:
                raise ValueError(f"peers: {paths[name].name!r} and {peer.name!r} both have a path {name!r}")
            paths[name] = peer
    return paths
