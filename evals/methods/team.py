"""Who works on every question, where that is more than paths of one kind that only reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from peerleap.agents import Peer, path_peers
from peerleap.engine import Engine
from peerleap.graph import LeapGraph, build_graph


@dataclass(frozen=True, eq=False, slots=True)
class Team:
    """Peers with their tools; one object for a whole eval, so that its graphs and their tools are made once."""

    peers: tuple[Peer, ...]
    engines: Mapping[str, Engine] = field(default_factory=dict)
    """The engine of a peer, by its name, where it is not the eval's."""

    def __post_init__(self) -> None:
        path_peers(self.peers)

    @property
    def width(self) -> int:
        """How many paths there are."""
        return sum(peer.count for peer in self.peers)

    def engine(self, peer: Peer, usual: Engine) -> Engine:
        """What runs the paths of a peer."""
        return self.engines.get(peer.name, usual)

    def member(self, index: int) -> tuple[str, Peer]:
        """Name and peer of the path `index`, from 0; beyond the team's size, its peers come again in their order."""
        lap, place = divmod(index, self.width)
        for peer in self.peers:
            if place < peer.count:
                return f"{peer.name}_{lap * peer.count + place + 1}", peer
            place -= peer.count
        raise AssertionError("a place is below the width")

    def described(self) -> list[dict[str, Any]]:
        """The peers as the records keep them: their instructions, how they sample, what they may call."""
        return [{**peer.model_dump(mode="json"), "tools": [tool.name for tool in peer.tools]} for peer in self.peers]


# Made once each: the schema types of a graph stay in LangGraph's caches for good.
@lru_cache(maxsize=4)
def team_graph(team: Team, engine: Any) -> LeapGraph:
    """All paths of a team, which hear each other."""
    return build_graph(peers=list(team.peers), engine={peer.name: team.engine(peer, engine) for peer in team.peers})


@lru_cache(maxsize=32)
def member_graph(team: Team, name: str, engine: Any) -> LeapGraph:
    """One path of the peer `name`, alone."""
    peer = next(peer for peer in team.peers if peer.name == name)
    return build_graph(peers=[peer.model_copy(update={"count": 1})], engine=team.engine(peer, engine))
