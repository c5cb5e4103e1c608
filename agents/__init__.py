"""Who reasons: peers, the teams they form, and every sentence that a model reads from us.

In reading order:

- `peer`: a kind of reasoner: model, expertise, sampling, tools
- `sampling`: how a path samples, and a server's form of it
- `teams`: ready-made teams, and teams from a file or a stored run
- `team_file`: what a team file can say
- `team_tools`: tools and options that a team file can name
- `toml_file`: bounded reading of such a file
- `prompts`: the sentences (those about tools are in `peerleap.tools.prompts`)
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face
from peerleap.agents.sampling import MOST, Sampling, ThinkingChoice, form_schema

if TYPE_CHECKING:
    from peerleap.agents import prompts
    from peerleap.agents.peer import MOST_PATHS, Peer, path_peers
    from peerleap.agents.team_file import ENGINE_ARGS, EngineFileError, TeamError, check_engine_args
    from peerleap.agents.team_tools import TOOLS, ToolFileError, make_tool
    from peerleap.agents.teams import TEAMS, experts, load_team, paper, read_team, rebuild_team

__all__ = [
    "ENGINE_ARGS",
    "MOST",
    "MOST_PATHS",
    "TEAMS",
    "TOOLS",
    "EngineFileError",
    "Peer",
    "Sampling",
    "TeamError",
    "ThinkingChoice",
    "ToolFileError",
    "check_engine_args",
    "experts",
    "form_schema",
    "load_team",
    "make_tool",
    "paper",
    "path_peers",
    "prompts",
    "read_team",
    "rebuild_team",
]

# Imported when they are first used: LangChain and LangGraph take seconds, and a refused call needs neither.
_LATER = {
    "MOST_PATHS": "peer",
    "Peer": "peer",
    "path_peers": "peer",
    "ENGINE_ARGS": "team_file",
    "EngineFileError": "team_file",
    "TeamError": "team_file",
    "check_engine_args": "team_file",
    "TOOLS": "team_tools",
    "ToolFileError": "team_tools",
    "make_tool": "team_tools",
    "TEAMS": "teams",
    "experts": "teams",
    "load_team": "teams",
    "paper": "teams",
    "read_team": "teams",
    "rebuild_team": "teams",
}

__getattr__ = lazy_face(__name__, _LATER)
