import json
from typing import Any

# What `ask` says by options of its own, and what only Python can give.
_TAKEN = {"model": "--model", "paths": "--paths", "peers": "build_graph in Python", "engine": "build_graph in Python"}


def settings_from(
    *, communicate_at: str | None, temperature: float | None, sampling: list[str] | None = None, **fields: Any
) -> dict[str, Any]:
    """Settings of a run from the options that were given, checked.

    Raises:
        SettingsError: an option has a value that it cannot have.
    """
    from peerleap.graph.settings import as_settings

    context = {name: value for name, value in fields.items() if value is not None}
    if communicate_at is not None:
        context["communicate_at"] = communicate_at.replace(" ", "").split(",")
    sampled = _named_values("--sampling", sampling, "top_p=0.9")
    if temperature is not None:
        sampled["temperature"] = temperature
    if sampled:
        context["sampling"] = sampled
    as_settings(context)
    return context


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
