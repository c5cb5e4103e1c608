"""The paper's numbers (arXiv 2505.07787, tables 1, 3, 5 and 7) beside ours, where model and setting match."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_BENCHMARKS = {
    "aime2024": "AIME 2024",
    "aime2025": "AIME 2025",
    "aimo2025": "AIMO 2025",
    "gpqa_diamond": "GPQA Diamond",
}
_QUESTIONS = {"aime2024": 30, "aime2025": 30, "aimo2025": 10, "gpqa_diamond": 198}
# Section 3.1; not set means the default, which is the same.
_SETUP: dict[str, Any] = {
    "interval": 4096,
    "summary_tokens": 256,
    "rounds": None,
    "communicate_at": None,
    "trigger": "interval",
    "block_as": "thought",
}
# The authors' code sets a `min_p` that the paper does not name; `--preset paper` has it.
_SAMPLING: dict[str, set[float]] = {
    "temperature": {0.6}, "top_p": {0.95}, "top_k": {40}, "min_p": {0.0, 0.05}, "repetition_penalty": {1.0},
}  # fmt: skip
_ROUTERS = {"dispersed", "clustered", "hybrid", "random"}


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
    """The paper's value for this model, data set, method, N, T, top-k, budget and sampling.

    `None` where any of them differs, where not all questions are asked, and by another grader than ours.
    """
    method, benchmark = _method(config), _BENCHMARKS.get(str(config["task"]))
    model = str(config["model"]).rstrip("/").rpartition("/")[2]
    settings = config.get("settings", {})
    width = 8 if config["task"] == "gpqa_diamond" else 32
    budget = 32_768 if "32B" in model else 16_384
    sampling = settings.get("sampling", {})
    if (
        method is None
        or benchmark is None
        or config["paths"] != width
        or config["questions"] != _QUESTIONS[config["task"]]
        or config.get("grader", "peerleap") != "peerleap"
        or settings.get("max_tokens", 16_384) != budget
        or any(settings.get(name, value) != value for name, value in _SETUP.items())
        or any(sampling.get(name) not in {None, *values} for name, values in _SAMPLING.items())
        or config.get("matched")
        or config.get("budget")
        or config.get("peers")
    ):
        return None
    names = {"pass@1": "pass@1", "cons@n": f"cons@{width}", "shortest@n": f"cons@{width}"}
    if metric not in names:
        return None
    if method == "Baseline" and metric != "pass@1":
        method = "Majority Vote" if metric == "cons@n" else "Shortest Majority Vote"
    elif metric == "shortest@n":
        return None
    return _rows().get((model, benchmark, method, names[metric]))


def _method(config: Mapping[str, Any]) -> str | None:
    settings = config.get("settings", {})
    if config["method"] == "independent":
        return "Baseline"
    router = settings.get("router", "dispersed")
    if config["method"] != "leap" or router not in _ROUTERS:
        return None
    return f"LeaP {router.capitalize()} Top-{settings.get('top_k', 4)}"
