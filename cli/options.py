import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from peerleap.agents import Peer

_LEAP, _MODEL = "LeaP and sampling", "The model"

# What `ask` and `eval` have in common.
Router = Annotated[
    str | None,
    typer.Option(help="dispersed, clustered, hybrid, random, all or evidence.", rich_help_panel=_LEAP),
]
Interval = Annotated[
    int | None, typer.Option("--interval", "-T", help="Tokens between two LeaP blocks.", rich_help_panel=_LEAP)
]
TopK = Annotated[
    int | None, typer.Option("--top-k", "-k", help="Most summaries a path reads in a block.", rich_help_panel=_LEAP)
]
Rounds = Annotated[int | None, typer.Option(help="Most LeaP blocks.", rich_help_panel=_LEAP)]
CommunicateAt = Annotated[
    str | None, typer.Option(help="LeaP blocks only after these token counts, as 2048,4096.", rich_help_panel=_LEAP)
]
MaxTokens = Annotated[int | None, typer.Option(help="A path's budget in tokens.", rich_help_panel=_LEAP)]
BlockAs = Annotated[
    str | None,
    typer.Option(
        help="thought, or turns: chat models sum up and read their peers in turns of the conversation.",
        rich_help_panel=_LEAP,
    ),
]
SummaryTokens = Annotated[int | None, typer.Option(help="Most tokens of a summary.", rich_help_panel=_LEAP)]
Temperature = Annotated[float | None, typer.Option(help="0 is greedy.", rich_help_panel=_LEAP)]
Sampling = Annotated[
    list[str] | None,
    typer.Option(help="As top_p=1, top_k=20, min_p=0.05; may be repeated.", rich_help_panel=_LEAP),
]
Preset = Annotated[
    str | None, typer.Option(help="paper: as the authors' code, where we differ.", rich_help_panel=_LEAP)
]
TeamFile = Annotated[
    str | None,
    typer.Option(
        "--team", help="A team file (TOML, YAML), or paper or experts, instead of --paths.", rich_help_panel="The run"
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Hub id or folder; the embedded model unless given.",
        rich_help_panel=_MODEL,
        envvar="PEERLEAP_MODEL",
        show_default=False,
    ),
]
EngineArg = Annotated[
    list[str] | None,
    typer.Option(help="An engine argument of vLLM, as max_model_len=8192; may be repeated.", rich_help_panel=_MODEL),
]

# What `ask` says by options of its own, and what only Python can give.
_PYTHON = "build_graph in Python"
_TAKEN = {"model": "--model", "paths": "--paths", "peers": _PYTHON, "engine": _PYTHON, "answer_only": _PYTHON}


def settings_from(
    *,
    communicate_at: Any = None,
    temperature: float | None = None,
    sampling: list[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Settings of a run from the options that were given, checked.

    Raises:
        SettingsError: an option has a value that it cannot have.
    """
    from peerleap.graph.settings import as_settings

    context = {name: value for name, value in fields.items() if value is not None}
    if communicate_at is not None:
        context["communicate_at"] = str(communicate_at).replace(" ", "").split(",")
    sampled = _named_values("--sampling", sampling, "top_p=0.9")
    if temperature is not None:
        sampled["temperature"] = temperature
    if sampled:
        context["sampling"] = sampled
    as_settings(context)
    return context


def parse_budget(text: str | None) -> "tuple[float | None, Literal['tokens', 'seconds']]":
    """A budget and its unit: `20000` is tokens, `30s` seconds.

    Raises:
        ValueError: neither.
    """
    if text is None:
        return None, "tokens"
    if re.fullmatch(r"[0-9]{1,12}", text):
        return int(text), "tokens"
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?s", text):
        return float(text[:-1]), "seconds"
    raise ValueError(f"--budget {text!r}: give generated tokens, as 20000, or seconds, as 30s")


def team_from(team: str | None, tools: list[str] | None, paths: int | None) -> "tuple[Peer, ...] | None":
    """The peers of `--team`, or the paths of one kind that `--tools` names tools for; `None` without either.

    Raises:
        ValueError: both, a team with `--paths`, an unknown tool, or tools that this machine cannot run.
    """
    from peerleap.agents import TOOLS, Peer, ToolFileError, load_team, make_tool

    names = [name for text in tools or [] for name in text.replace(" ", "").split(",")]
    if team is not None and (names or paths is not None):
        raise ValueError(f"--team {team!r}: it says which paths and tools there are; leave out --paths and --tools")
    if unknown := [name for name in names if name not in TOOLS]:
        raise ValueError(f"--tools {unknown[0]!r}: none of {', '.join(sorted(TOOLS))}")
    if team is None and not names:
        return None
    try:
        made = [make_tool(name, {}) for name in dict.fromkeys(names)]
    except ToolFileError as error:
        raise ValueError(f"--tools{error}") from error
    peers = load_team(team) if team is not None else [Peer(name="solver", count=paths or 4, tools=made)]
    if any(tool.name == "python" for peer in peers for tool in peer.tools):
        _check_walls()
    return tuple(peers)


def _check_walls() -> None:
    """Refuse numbers of a tool that would refuse every call."""
    from peerleap.tools.sandbox import SandboxUnavailable, choose, probe

    try:
        choose(probe(), 2, allow_unsandboxed=False)
    except SandboxUnavailable as error:
        raise ValueError(f"the tool 'python': {error}") from error


def engine_arguments(given: list[str] | None) -> dict[str, Any]:
    """Engine arguments from `name=value` texts; values are JSON where they read as such, else text.

    Raises:
        ValueError: not `name=value`, or not an engine argument.
    """
    arguments = _named_values("--engine-arg", given, "max_model_len=8192")
    if taken := sorted(set(arguments) & set(_TAKEN)):
        name = taken[0]
        text = f"{name}={arguments[name]}"
        raise ValueError(f"--engine-arg {text!r}: {name!r} is not an engine argument; use {_TAKEN[name]}")
    return arguments


def _named_values(option: str, given: list[str] | None, example: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"{option} {text!r}: give name=value, such as {example}")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values
