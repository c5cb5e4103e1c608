from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Sampling(BaseModel):
    """How a path samples; the fields are those of vLLM's `SamplingParams`. `None` leaves a field to the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    """0 is greedy; the paper uses 0.6."""
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    """The paper uses 0.95."""
    top_k: Annotated[int | None, Field(ge=0)] = None
    """0 considers all tokens; the paper uses 40."""
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    repetition_penalty: Annotated[float | None, Field(gt=0, le=2)] = None

    def over(self, base: "Sampling") -> "Sampling":
        """These values where they are set, those of `base` elsewhere."""
        return base.model_copy(update=self.model_dump(exclude_none=True))


class Peer(BaseModel):
    """One kind of reasoner: a model with its expertise and sampling, and how many paths of it there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    """Names its paths: `solver` gives `solver_1`, `solver_2`, ..."""
    count: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many paths."""
    model: str | None = None
    """Hub id, local folder, or `None` for the graph's model."""
    instructions: Annotated[str | None, Field(max_length=4000)] = None
    """The peer's expertise in words; goes into the prompt of its paths."""
    sampling: Sampling = Sampling()
    """What differs from the settings of the run."""
    engine_args: dict[str, Any] = {}
    """vLLM's engine arguments for this peer's model, on top of the graph's."""

    @property
    def path_names(self) -> list[str]:
        """Names of the paths, in order."""
        return [f"{self.name}_{number}" for number in range(1, self.count + 1)]


def path_peers(peers: Sequence[Peer]) -> dict[str, Peer]:
    """The peer of each path, by path name, in order.

    Raises:
        ValueError: no peer, two peers of one name, or two paths of one name.
    """
    if not peers:
        raise ValueError("peers=[]: a team has at least one peer")
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
