"""Ready-made teams, and teams described in a file."""

import json
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from peerleap.agents import prompts
from peerleap.agents.peer import Peer, Sampling, path_peers
from peerleap.agents.team_engine import EngineFileError, check_engine_args
from peerleap.agents.team_tools import TOOLS, ToolFileError, make_tool
from peerleap.tools import ToolLimits, python

__all__ = ["TEAMS", "TeamError", "experts", "load_team", "paper", "read_team", "rebuild_team"]

# A TOML parser reads a file whole: this is far more than any team needs.
_MAX_BYTES = 1_000_000


class TeamError(ValueError):
    """A team file is not usable; the message names the file, the field, its value and the cure."""


def paper(paths: int = 4) -> list[Peer]:
    """The paper's team: paths of one kind that only reason.

    Raises:
        ValueError: `paths` is not between 1 and 1024.
    """
    return [Peer(name="solver", count=paths)]


def experts() -> list[Peer]:
    """Two paths that reason, one that checks its algebra by running Python, one that looks for another way.

    `coder` needs the walls of the sandbox (docs/sandbox.md); without them its calls are refused, and it only reasons.
    """
    return [
        Peer(name="solver", count=2),
        Peer(name="coder", instructions=prompts.CODER, tools=[python()]),
        Peer(name="sceptic", instructions=prompts.SCEPTIC),
    ]


TEAMS: dict[str, Callable[[], list[Peer]]] = {"experts": experts, "paper": paper}
"""Ready-made teams by name."""


def load_team(source: str | Path) -> list[Peer]:
    """The team of a TOML or YAML file, or the ready-made team of that name.

    A file has a list `peers`, each with the fields of `Peer`; `tools` are `python`, `web_search` and `read_page`, as
    names or as tables with a `name` and options. Peers that describe the same tool share it. YAML needs PyYAML.

    Raises:
        TeamError: no such file or team, or something in the file is not as it must be.
    """
    if isinstance(source, str) and source in TEAMS:
        return TEAMS[source]()
    path = Path(source).expanduser()
    try:
        return _team(_read(path), path)
    except OSError as error:
        there = ", ".join(sorted(TEAMS))
        raise TeamError(f"{path}: {error.strerror or error}; give a TOML or YAML file, or one of {there}") from error


def read_team(source: str | Path) -> dict[str, Any]:
    """The team of a file, or the ready-made one of that name, as JSON that `rebuild_team` makes the same peers of.

    Raises:
        TeamError: as `load_team`; or a value has no form in JSON, such as a date.
    """
    if isinstance(source, str) and source in TEAMS:
        return {"name": source}
    load_team(source)
    path = Path(source).expanduser()
    peers = [{**peer} for peer in _read(path)["peers"]]
    for peer in peers:
        if peer.get("model") and (folder := Path(peer["model"]).expanduser()).is_dir():
            peer["model"] = str(folder.absolute())  # it will be looked for from another folder
    try:
        return json.loads(json.dumps({"name": str(path), "peers": peers}, allow_nan=False))  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise TeamError(f"{path}: cannot be kept with a run: {error}") from error


def rebuild_team(told: Mapping[str, Any]) -> list[Peer]:
    """The peers of a team that `read_team` has read, whatever has become of its file.

    Raises:
        TeamError: a peer cannot be made any more; names it and says why.
    """
    name = told.get("name", "")
    if "peers" not in told:
        if name not in TEAMS:
            raise TeamError(f"team {name!r}: there is no such ready-made team any more; there are {', '.join(TEAMS)}")
        return TEAMS[name]()
    peers = _team({"peers": told["peers"]}, Path(name))
    for peer in peers:
        if peer.model and Path(peer.model).is_absolute() and not Path(peer.model).is_dir():
            raise TeamError(f"{name}: peer {peer.name!r}: its model's folder is gone: {peer.model!r}")
    return peers


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise TeamError(f"{path}: over {_MAX_BYTES} bytes, which is no description of a team")
    try:
        text = content.decode("utf-8-sig")
        if path.suffix in {".yaml", ".yml"}:
            return _yaml(text, path)
        if path.suffix == ".toml":
            return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise TeamError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TeamError(f"{path}: not TOML: {error}") from error
    raise TeamError(f"{path}: its name must end in .toml, .yaml or .yml")


def _yaml(text: str, path: Path) -> Any:
    try:
        yaml: Any = import_module("yaml")  # has no types of its own
    except ImportError as error:
        raise TeamError(f"{path}: YAML needs PyYAML (pip install pyyaml); TOML needs nothing") from error

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            # A few nested aliases stand for more text than a machine can hold.
            if self.check_event(yaml.AliasEvent):
                raise TeamError(f"{path}: {self.peek_event().anchor!r} is an alias: write out what it stands for")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=Plain)
    except (yaml.YAMLError, RecursionError) as error:
        raise TeamError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


def _team(given: Any, path: Path) -> list[Peer]:
    if not isinstance(given, Mapping):
        raise TeamError(f"{path}: {given!r:.80}: give a list 'peers'")
    if unknown := [key for key in given if key != "peers"]:
        raise TeamError(f"{path}: {unknown[0]!r} is unknown; there is only 'peers'")
    listed = given.get("peers")
    if not isinstance(listed, list) or not listed:
        raise TeamError(f"{path}: peers={listed!r:.80}: give a list of one or more peers ([[peers]] in TOML)")
    made: dict[Any, BaseTool] = {}
    peers = [_peer(fields, f"{path}: peers[{index}]", made) for index, fields in enumerate(listed)]
    try:
        path_peers(peers)
    except ValueError as error:
        raise TeamError(f"{path}: {error}") from error
    return peers


def _peer(fields: Any, where: str, made: dict[Any, BaseTool]) -> Peer:
    if not isinstance(fields, Mapping):
        raise TeamError(f"{where}={fields!r:.80}: give a table with a 'name'")
    listed = fields.get("tools", [])
    if not isinstance(listed, list):
        raise TeamError(f"{where}.tools={listed!r:.80}: give a list of names, of {', '.join(sorted(TOOLS))}")
    tools = [_tool(given, f"{where}.tools[{index}]", made) for index, given in enumerate(listed)]
    if isinstance(engine_args := fields.get("engine_args"), Mapping):
        try:
            check_engine_args(engine_args)
        except EngineFileError as error:
            raise TeamError(f"{where}.engine_args{error}") from error
    try:
        return Peer.model_validate({**fields, "tools": tools})
    except ValidationError as error:
        raise TeamError("; ".join(_told(item, where) for item in error.errors())) from error


def _tool(given: Any, where: str, made: dict[Any, BaseTool]) -> BaseTool:
    try:
        return make_tool(given, made)
    except ToolFileError as error:
        raise TeamError(f"{where}{error}") from error


def _told(item: Any, where: str) -> str:
    at = [str(part) for part in item["loc"]]
    field = ".".join([where, *at])
    if item["type"] == "extra_forbidden":
        model: type[BaseModel] = Sampling if at[0] == "sampling" and len(at) > 1 else Peer
        return f"{field}={item['input']!r:.80}: no such field; there are {', '.join(sorted(model.model_fields))}"
    if item["type"] == "missing":
        return f"{field}: missing"
    if item["type"] == "value_error":
        return f"{field}: {item['ctx']['error']}"
    if item["type"] == "string_pattern_mismatch":
        return f"{field}={item['input']!r:.80}: give small letters, digits and _, a letter first, 32 at most"
    if at[0] == "limits" and len(at) == 1:
        return f"{field}={item['input']!r:.80}: give a table of {', '.join(ToolLimits.__dataclass_fields__)}"
    return f"{field}={item['input']!r:.80}: {item['msg'][0].lower()}{item['msg'][1:]}"
