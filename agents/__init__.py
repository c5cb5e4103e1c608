from peerleap.agents.peer import Peer, Sampling, path_peers
from peerleap.agents.teams import TEAMS, TeamError, experts, load_team, paper, read_team, rebuild_team

__all__ = [
    "TEAMS",
    "Peer",
    "Sampling",
    "TeamError",
    "experts",
    "load_team",
    "paper",
    "path_peers",
    "read_team",
    "rebuild_team",
]
