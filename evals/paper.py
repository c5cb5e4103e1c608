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
_SETUP = {"interval": 4096, "summary_tokens": 256}  # section 3.1; not set means the default, which is the same
_ROUTERS = {"dispersed", "clustered", "hybrid", "random"}


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """One cell of one table, in percent."""

    table: int
    method: str
    value: float


@cache
def _rows() -> dict[tuple[str, str, str, str], PaperNumber]:
    lines = files("peerleap.evals").joinpath("paper_numbers.jsonl").read_text(encoding="utf-8").splitlines()
    rows: dict[tuple[str, str, str, str], PaperNumber] = {}
    for line in lines:
        row = json.loads(line)
        key = (row["model"], row["benchmark"], row["method"], row["metric"])
        rows.setdefault(key, PaperNumber(row["table"], row["method"], row["value"]))
    return rows


def paper_number(config: Mapping[str, Any], metric: str) -> PaperNumber | None:
    """The paper's value for this model, data set, method, N, T, top-k and budget; `None` where any of them differs."""
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
        or settings.get("max_tokens", 16_384) != budget
        or any(settings.get(name, value) != value for name, value in _SETUP.items())
        or settings.get("rounds") is not None
        or settings.get("communicate_at") is not None
        or sampling.get("temperature", 0.6) != 0.6
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
