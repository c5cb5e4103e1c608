import json
from typing import Any

# What `ask` says by options of its own, and what only Python can give.
_TAKEN = {"model": "--model", "paths": "--paths", "peers": "build_graph in Python", "engine": "build_graph in Python"}


def settings_from(*, communicate_at: str | None, temperature: float | None, **fields: Any) -> dict[str, Any]:
    """Settings of a run from the options that were given, checked.

    Raises:
        SettingsError: an option has a value that it cannot have.
    """
    from peerleap.graph.settings import as_settings

    context = {name: value for name, value in fields.items() if value is not None}
    if communicate_at is not None:
        context["communicate_at"] = communicate_at.replace(" ", "").split(",")
    if temperature is not None:
        context["sampling"] = {"temperature": temperature}
    as_settings(context)
    return context


def engine_arguments(given: list[str] | None) -> dict[str, Any]:
    """Engine arguments from `name=value` texts; values are JSON where they read as such, else text.

    Raises:
        ValueError: not `name=value`, or not an engine argument.
    """
    arguments: dict[str, Any] = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"--engine-arg {text!r}: give name=value, such as max_model_len=8192")
        if name in _TAKEN:
            raise ValueError(f"--engine-arg {text!r}: {name!r} is not an engine argument; use {_TAKEN[name]}")
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    return arguments
