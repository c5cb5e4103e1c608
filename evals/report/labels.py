"""What results are called in tables and plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peerleap.evals.report.results import Results

_LEAP = ("router", "top_k", "interval", "rounds", "communicate_at", "block_as")


def label(config: Mapping[str, Any]) -> str:
    """What a configuration is called: its method, and what of its settings says most."""
    method, settings = str(config["method"]), config.get("settings", {})
    said = [f"{key} {settings[key]}" for key in (_LEAP if method == "leap" else ()) if key in settings]
    said += [str(settings["preset"])] if "preset" in settings else []
    said += [_who(peer) for peer in config.get("peers") or ()]
    said += [f"matched {config.get('matched_unit', 'tokens')}"] if config.get("matched") else []
    said += [str(config["budget"])] if config.get("budget") else []
    return _with(method, said)


def told_apart(results: Sequence["Results"]) -> list["Results"]:
    """The results, those of the same name with what differs between their settings, or else with their files' names."""
    return _telling(_telling(results, _differences), lambda result, _: [result.file.name])


def _telling(
    results: Sequence["Results"], tell: Callable[["Results", Sequence["Results"]], list[str]]
) -> list["Results"]:
    """The results, those of the same name with what `tell` says of each among them."""
    told = []
    for result in results:
        same = [other for other in results if other.name == result.name]
        told.append(replace(result, name=_with(result.name, tell(result, same))) if len(same) > 1 else result)
    return told


def _differences(result: "Results", same: Sequence["Results"]) -> list[str]:
    """Its settings, options and engine arguments that not all of them have alike."""
    mine, flat = _flat(result.config), [_flat(other.config) for other in same]
    keys = sorted({key for config in flat for key in config if len({other.get(key) for other in flat}) > 1})
    return [f"{key} {mine.get(key, 'by default')}" for key in keys]


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    settings = dict(config.get("settings", {}))
    # LeaP has a top_k, too.
    sampling = {f"sampling {key}": value for key, value in (settings.pop("sampling", None) or {}).items()}
    return {
        key: str(value)
        for part in (settings, sampling, config.get("options") or {}, config.get("engine_args") or {},
                     {"paths": config.get("paths"), "seed": config.get("seed")})
        for key, value in part.items()
    }  # fmt: skip


def _with(name: str, said: Sequence[str]) -> str:
    """`leap (router random)` with more between its brackets."""
    if not said:
        return name
    return f"{name[:-1]}, {', '.join(said)})" if name.endswith(")") else f"{name} ({', '.join(said)})"


def _who(peer: Mapping[str, Any]) -> str:
    tools = " and ".join(peer.get("tools", ()))
    return f"{peer['count']} x {peer['name']}{f' with {tools}' if tools else ''}"
