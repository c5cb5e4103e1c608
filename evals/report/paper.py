"""The paper's numbers (arXiv 2505.07787, tables 1 to 7) beside ours, where model and setting are the authors'."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from peerleap.graph import as_settings, model_defaults

_BENCHMARKS = {
    "aime2024": ("AIME 2024", 30),
    "aime2025": ("AIME 2025", 30),
    "aimo2025": ("AIMO 2025", 10),
    "gpqa_diamond": ("GPQA Diamond", 198),
    "aime2024+aime2025+aimo2025": ("Math Comb.", 70),
}
_ROUTERS = {"dispersed", "clustered", "hybrid", "random"}
# Section 3.1. The authors' code sets a `min_p` that the paper does not name.
_SAMPLING: dict[str, tuple[float, ...]] = {
    "temperature": (0.6,), "top_p": (0.95,), "top_k": (40,), "min_p": (0.05, 0.0), "repetition_penalty": (1.0,),
}  # fmt: skip
# What decides a LeaP path beside them, as the authors' code has it.
_AUTHORS: dict[str, Any] = {
    "interval": 4096,
    "summary_tokens": 256,
    "rounds": None,
    "communicate_at": None,
    "trigger": "interval",
    "prompt": "paper",
    "block_as": "thought",
    "alumni": False,
    "cut": "exact",
    "similarity": "indel",
    "budget_counts": "own",
}
# Section 4: these models were trained on the plain prompt, and begin their summaries by themselves.
_LEAP_T = {"trigger": "model", "prompt": "plain"}


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """One cell of one table, in percent."""

    table: int
    method: str
    value: float


@cache
def _rows() -> dict[tuple[str, str, str, str], PaperNumber]:
    lines = files("peerleap.evals.report").joinpath("paper_numbers.jsonl").read_text(encoding="utf-8").splitlines()
    rows: dict[tuple[str, str, str, str], PaperNumber] = {}
    for line in lines:
        row = json.loads(line)
        key = (row["model"], row["benchmark"], row["method"], row["metric"])
        rows.setdefault(key, PaperNumber(row["table"], row["method"], row["value"]))
    return rows


def paper_number(config: Mapping[str, Any], metric: str) -> PaperNumber | None:
    """Find the paper's value for a configuration.

    Args:
        config: The `config` of a results file's header.
        metric: `pass@1`, `cons@n` or `shortest@n`.

    Returns:
        The cell; `None` where the paper has none, or where anything differs (`paper_differences`).
    """
    return None if paper_differences(config) else _cell(config, metric)


def paper_differences(config: Mapping[str, Any]) -> list[str]:
    """List what sets a configuration apart from the paper's run of the same method, model and data set.

    Args:
        config: The `config` of a results file's header.

    Returns:
        One text for each difference; empty where there is none, or where the paper has no such run at all.
    """
    if not any(_cell(config, metric) for metric in ("pass@1", "cons@n")):
        return []
    settings, model = _effective(config), _model(config)
    width, budget = (8 if config["task"] == "gpqa_diamond" else 32), (32_768 if "32B" in model else 16_384)
    wanted: dict[str, Any] = {"max_tokens": budget}
    if config["method"] != "independent":
        wanted |= _AUTHORS | (_LEAP_T if model.startswith("LeaP-T") else {})
    if config["method"] == "leap_s":
        # T and the number of blocks are the method's own.
        wanted = {name: value for name, value in wanted.items() if name not in {"interval", "rounds"}}
    found = [
        _difference(name, settings.get(name), value)
        for name, value in wanted.items()
        if settings.get(name) != value and not (name == "similarity" and settings["router"] == "random")
    ]
    sampling = settings.get("sampling") or {}
    found += [
        _difference(name, sampling.get(name), values[0])
        for name, values in _SAMPLING.items()
        if sampling.get(name) not in values
    ]
    wanted_run = {"paths": width, "questions": _BENCHMARKS[config["task"]][1], "grader": "peerleap"}
    found += [
        _difference(name, config.get(name, value), value)
        for name, value in wanted_run.items()
        if config.get(name, value) != value
    ]
    return found + [f"{name} (authors: none)" for name in ("matched", "budget", "peers") if config.get(name)]


def _difference(name: str, ours: Any, theirs: Any) -> str:
    return f"{name} {ours} (authors: {theirs})"


def _effective(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting's value, the defaults too; all models of the paper think."""
    stored = {key: value for key, value in config.get("settings", {}).items() if value is not None}
    defaults = model_defaults(as_settings(stored), model=str(config["model"]), thinks=True)
    sampling = {**defaults["sampling"], **(stored.get("sampling") or {})}
    return {**defaults, **stored, "sampling": sampling}


def _model(config: Mapping[str, Any]) -> str:
    return str(config["model"]).rstrip("/").rpartition("/")[2]


def _cell(config: Mapping[str, Any], metric: str) -> PaperNumber | None:
    benchmark, method = _BENCHMARKS.get(str(config["task"])), _method(config)
    if benchmark is None or method is None:
        return None
    width = 8 if config["task"] == "gpqa_diamond" else 32
    name = {"pass@1": "pass@1", "cons@n": f"cons@{width}", "shortest@n": f"cons@{width}"}.get(metric)
    if name is None or (method != "Baseline" and metric == "shortest@n"):
        return None
    if method == "Baseline" and metric != "pass@1":
        method = "Majority Vote" if metric == "cons@n" else "Shortest Majority Vote"
    return _rows().get((_model(config), benchmark[0], method, name))


def _method(config: Mapping[str, Any]) -> str | None:
    """What the paper's tables call the configuration's method."""
    if config["method"] == "independent":
        return "Baseline"
    settings = _effective(config)
    router, top_k = settings["router"], settings["top_k"]
    if config["method"] == "leap" and router in _ROUTERS:
        return f"LeaP {router.capitalize()} Top-{top_k}"
    if config["method"] != "leap_s" or router != "dispersed":
        return None
    point = (settings.get("communicate_at") or [settings.get("interval")])[0]
    peers = (config.get("options") or {}).get("peers")
    if point not in {2048, 4096} or (top_k != 2 and peers != 16):
        return None
    name = f"LeaP-S T={point // 1024}K"
    return name if peers == 4 else f"{name} k={peers}{f' (Top-{top_k})' if peers == 16 else ''}"
