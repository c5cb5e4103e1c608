"""Ready-made teams, teams in a file, and teams that a run has stored."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peerleap.agents import prompts
from peerleap.agents.peer import Peer
from peerleap.agents.team_file import TeamError, as_stored, make_peers, read_peers
from peerleap.tools import python


def paper(paths: int = 4) -> list[Peer]:
    """The paper's team: paths of one kind that only reason.

    Args:
        paths: how many, 1 to 1024.

    Returns:
        One peer.

    Raises:
        ValueError: `paths` is out of range.
    """
    return [Peer(name="solver", count=paths)]


def experts() -> list[Peer]:
    """Two paths that reason, one that checks its algebra by running Python, one that tries another method.

    `coder` needs the walls of the sandbox (docs/sandbox.md); without them its calls are refused, and it only reasons.

    Returns:
        Three peers.
    """
    return [
        Peer(name="solver", count=2),
        Peer(name="coder", instructions=prompts.CODER, tools=[python()]),
        Peer(name="sceptic", instructions=prompts.SCEPTIC),
    ]


TEAMS: dict[str, Callable[[], list[Peer]]] = {"experts": experts, "paper": paper}
"""Ready-made teams by name."""


def load_team(source: str | Path) -> list[Peer]:
    """The team of a TOML file, or a ready-made one.

    A file has a list `peers`, each with the fields of `Peer`; `tools` are `python`, `web_search` and `read_page`, as
    names or as tables with a `name` and options. Peers that describe the same tool share it.

    Args:
        source: the file's path, or a name in `TEAMS`.

    Returns:
        The peers.

    Raises:
        TeamError: there is no such file or team, or something in the file is not usable.
    """
    if isinstance(source, str) and source in TEAMS:
        return TEAMS[source]()
    peers, path = _read(source)
    return make_peers(peers, path)


def read_team(source: str | Path) -> dict[str, Any]:
    """A team in the form that is stored with a run.

    Args:
        source: as for `load_team`.

    Returns:
        JSON from which `rebuild_team` makes the same peers.

    Raises:
        TeamError: as `load_team`; or a value has no form in JSON, such as a date.
    """
    if isinstance(source, str) and source in TEAMS:
        return {"name": source}
    return as_stored(*_read(source))


def rebuild_team(stored: Mapping[str, Any]) -> list[Peer]:
    """The peers of a stored team, whatever has become of its file.

    Args:
        stored: what `read_team` has returned.

    Returns:
        The peers.

    Raises:
        TeamError: a peer cannot be made any more; the message names it and says why.
    """
    name = stored.get("name", "") if isinstance(stored, Mapping) else None
    if not isinstance(name, str):
        raise TeamError(f"the stored team {stored!r:.80} is damaged: give the team again")
    if "peers" not in stored:
        if name not in TEAMS:
            raise TeamError(f"team {name!r:.80}: there is no such ready-made team; there are {', '.join(TEAMS)}")
        return TEAMS[name]()
    peers = make_peers(stored["peers"], Path(name))
    for peer in peers:
        if peer.model and Path(peer.model).is_absolute() and not Path(peer.model).is_dir():
            raise TeamError(f"{name}: peer {peer.name!r}: the folder of its model is gone: {peer.model!r}")
    return peers


def _read(source: str | Path) -> tuple[list[dict[str, Any]], Path]:
    try:
        path = Path(source).expanduser()
        return read_peers(path), path
    except TeamError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # no such file; no such user (~name); a NUL in the name
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        message = f"team {str(source)!r:.300}: {reason}; give a TOML file, or one of {', '.join(sorted(TEAMS))}"
        raise TeamError(message) from error
