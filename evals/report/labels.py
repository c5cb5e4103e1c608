"""Names for results that would otherwise have the same one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from peerleap.evals.report.results import Results, with_details


def with_distinct_names(results: Sequence[Results]) -> list[Results]:
    """Rename results that share a name.

    Args:
        results: The files of one comparison.

    Returns:
        The same results; those with a common name carry the settings that differ between them, or else their files'
        names.
    """
    return _renamed(_renamed(results, _differences), lambda result, _: [result.file.name])


def _renamed(results: Sequence[Results], details: Callable[[Results, Sequence[Results]], list[str]]) -> list[Results]:
    renamed = []
    for result in results:
        same = [other for other in results if other.name == result.name]
        name = with_details(result.name, details(result, same)) if len(same) > 1 else result.name
        renamed.append(replace(result, name=name))
    return renamed


def _differences(result: Results, same: Sequence[Results]) -> list[str]:
    """Its settings, options and engine arguments that not all of them share."""
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
