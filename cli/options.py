"""Options that commands share, and the values that they stand for, checked."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import typer

_LEAP, _MODEL, _RUN, OUT = "LeaP and sampling", "The model", "The run", "The output"
_BY_MODEL = "depends on the model"


_leap_option: Callable[..., Any] = partial(typer.Option, rich_help_panel=_LEAP)
run_option: Callable[..., Any] = partial(typer.Option, rich_help_panel=_RUN)


def one_of(*names: str) -> Callable[[], list[str]]:
    """Completion of an option's value; the settings check the value itself."""
    return lambda: [*names]


# What `ask` and `eval` have in common.
Router = Annotated[
    str | None,
    _leap_option(
        help="Which peers' summaries a path reads: dispersed, clustered, hybrid, random, all, evidence or none.",
        autocompletion=one_of("dispersed", "clustered", "hybrid", "random", "all", "evidence", "none"),
        show_default="dispersed",
        metavar="NAME",
    ),
]
Interval = Annotated[
    int | None,
    _leap_option("--interval", "-T", help="Tokens between two LeaP blocks.", show_default=_BY_MODEL),
]
_TALK = ("always", "disagree", "novel", "probe", "off")
_WHOM = f"Whom a LeaP block interrupts: {', '.join(_TALK)}."
_talk_option = _leap_option(help=_WHOM, autocompletion=one_of(*_TALK), show_default="always", metavar="NAME")
Talk = Annotated[str | None, _talk_option]
TopK = Annotated[
    int | None,
    _leap_option(
        "--top-k", "-k", help="Maximum number of summaries that a path reads in a LeaP block.", show_default=_BY_MODEL
    ),
]
Rounds = Annotated[int | None, _leap_option(help="Maximum number of LeaP blocks.", show_default=_BY_MODEL)]
CommunicateAt = Annotated[
    str | None,
    _leap_option(
        help="LeaP blocks at these token counts only, such as 2048,4096; instead of --interval and --rounds.",
        metavar="COUNTS",
    ),
]
MaxTokens = Annotated[int | None, _leap_option(help="Token budget of a path.", show_default=_BY_MODEL)]
BlockAs = Annotated[
    str | None,
    _leap_option(
        autocompletion=one_of("thought", "turns"),
        help="thought: write LeaP blocks into the thought; turns: as turns of the conversation, for chat models.",
        show_default="thought",
        metavar="NAME",
    ),
]
SummaryTokens = Annotated[
    int | None,
    _leap_option(help="Maximum length of a summary in tokens.", show_default=_BY_MODEL),
]
Temperature = Annotated[
    float | None, _leap_option(help="Sampling temperature; 0 is greedy.", show_default="0.6; miniature: 0.8")
]
Sampling = Annotated[
    list[str] | None,
    _leap_option(
        help="Another sampling parameter, such as top_p=1; or model: what the model's makers recommend. Repeatable.",
        metavar="NAME=VALUE",
    ),
]
Preset = Annotated[
    str | None,
    _leap_option(
        autocompletion=one_of("paper"),
        help="paper: follow the authors' code where it differs from the paper.",
        metavar="NAME",
    ),
]
TeamFile = Annotated[
    str | None,
    typer.Option(
        "--team",
        help="A team file, or the ready-made team paper or experts; instead of --paths.",
        metavar="FILE",
        rich_help_panel=_RUN,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Hub id or folder of a model.",
        show_default="an embedded model",
        rich_help_panel=_MODEL,
        envvar="PEERLEAP_MODEL",
    ),
]
Server = Annotated[
    list[str] | None,
    typer.Option(
        help="Base URL of a vLLM server that runs the model, such as http://127.0.0.1:8000; repeatable.",
        metavar="URL",
        show_default="vLLM in this process",
        rich_help_panel=_MODEL,
        envvar="PEERLEAP_SERVER",
    ),
]
Thinking = Annotated[
    str | None,
    typer.Option(
        autocompletion=one_of("auto", "off"),
        help="How the model marks its thought: auto, off (answer at once), or two marks, such as '<think> </think>'.",
        show_default="auto",
        metavar="MARKS",
        rich_help_panel=_MODEL,
    ),
]
EngineArg = Annotated[
    list[str] | None,
    typer.Option(
        help="An engine argument under vLLM's name, such as max_model_len=8192; repeatable.",
        metavar="NAME=VALUE",
        rich_help_panel=_MODEL,
    ),
]

# What every command that runs paths has.
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the answer.", rich_help_panel=OUT)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the answer only: no progress, no table.", rich_help_panel=OUT)
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Log every summary and tool call in full, and vLLM's own log.", rich_help_panel=OUT
    ),
]

# Arguments of `build_graph` that are no engine arguments, with what replaces them here.
_PYTHON = "build_graph in Python"
_TAKEN = {"model": "--model", "paths": "--paths", "peers": _PYTHON, "engine": _PYTHON, "server": "--server"}
_TAKEN |= {"answer_only": _PYTHON, "api_key": "the environment variable PEERLEAP_API_KEY"}


def settings_from(
    *,
    communicate_at: Any = None,
    temperature: float | None = None,
    sampling: list[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Settings of a run from the options of the command line, checked.

    Raises:
        SettingsError: an option has a value that it cannot have.
    """
    from peerleap.graph import as_settings

    context = {name: value for name, value in fields.items() if value is not None}
    if communicate_at is not None:
        context["communicate_at"] = str(communicate_at).replace(" ", "").split(",")
    pairs = ["base=model" if value == "model" else value for value in sampling or ()]
    sampled = named_values("--sampling", pairs, "top_p=0.9, or the word model")
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
    raise ValueError(f"--budget {text!r}: give generated tokens, such as 20000, or seconds, such as 30s")


def server_urls(texts: list[str] | None) -> str | None:
    """The servers of `--server`, checked.

    Returns:
        Their base URLs, with commas; `None` where the option is not given, empty where it is and says: none.

    Raises:
        EngineArgumentError: one is no base URL.
    """
    if texts is None:
        return None
    joined = ",".join(texts).strip(" ,")
    if not joined:
        return ""
    from peerleap.engine import parse_servers

    return ",".join(parse_servers(joined))


def engine_arguments(pairs: list[str] | None) -> dict[str, Any]:
    """Engine arguments from `name=value` texts; values are JSON where they read as such, else text.

    Raises:
        ValueError: not `name=value`, or not an engine argument.
    """
    arguments = named_values("--engine-arg", pairs, "max_model_len=8192")
    if taken := sorted(set(arguments) & set(_TAKEN)):
        name = taken[0]
        text = name if name == "api_key" else f"{name}={arguments[name]}"
        raise ValueError(f"--engine-arg {text!r}: {name!r} is not an engine argument; use {_TAKEN[name]}")
    return arguments


def named_values(option: str, pairs: list[str] | None, example: str) -> dict[str, Any]:
    """`name=value` texts; values are JSON where they read as such, else text.

    Raises:
        ValueError: not `name=value`.
    """
    values: dict[str, Any] = {}
    for text in pairs or []:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"{option} {text!r}: give name=value, such as {example}")
        try:
            values[name] = json.loads(value)
        except (ValueError, RecursionError):
            values[name] = value
    return values
