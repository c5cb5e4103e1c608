"""How long an eval will take, said before it begins, by what earlier evals on this machine measured."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerleap.engine import cache_folder
from peerleap.evals.methods import METHODS
from peerleap.evals.plan import Plan
from peerleap.evals.records import Header
from peerleap.evals.report import Results

_LEAST_SECONDS = 1.0


def forecast(plan: Plan, header: Header, left: int, matched: Results | None = None) -> str:
    """Estimate an eval's time.

    Args:
        plan: The eval.
        header: Its file's header, which names the model.
        left: Questions' runs that are not in the file yet.
        matched: Results whose cost is its budget, if any.

    Returns:
        A sentence without its full stop; it says so where nothing was measured yet.
    """
    work = f"{_count(left, 'question')} to run, {_count(plan.width, 'path')} each"
    if not left:
        return "every question is done"
    if matched is not None and matched.paths and matched.seconds > _LEAST_SECONDS:
        seconds = left * matched.seconds / len(matched.paths)
        return f"{work}: about {spoken(seconds)}, as long as {matched.file.name} took for as many"
    known = _read().get(_model(header.config), {})
    rate = known.get("tokens_per_second")
    if not rate:
        return f"{work}: no eval of this model has run on this machine yet, so the time shows after the first questions"
    arms = 1 if plan.study is None else plan.study.at_once / plan.width
    per_path = known.get(plan.method) or arms * (known.get("tokens_per_path") or 0)
    tokens = left * plan.width * per_path
    return (
        f"{work}: about {spoken(tokens / rate)}, at {rate:,.0f} tokens/s and {per_path:,.0f} tokens a path, as in the "
        "last eval of this model here"
    )


def remember(results: Results) -> None:
    """Note an eval's speed for the next forecast; a folder that cannot be written is no error."""
    voters = len(results.voters)
    if results.seconds < _LEAST_SECONDS or not voters or not results.tokens.generated:
        return
    per_path = results.tokens.generated / voters
    fields = {
        "tokens_per_second": results.tokens.generated / results.seconds,
        str(results.config["method"]): per_path,
    }
    if results.config["method"] in METHODS:  # the paths of a study's other arms have no vote
        fields["tokens_per_path"] = per_path
    known = _read()
    known[_model(results.config)] = {**known.get(_model(results.config), {}), **fields}
    with contextlib.suppress(OSError):
        file().parent.mkdir(parents=True, exist_ok=True)
        new = file().with_name(f"{file().name}.new")
        new.write_text(json.dumps(known))
        new.replace(file())


def spoken(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def file() -> Path:
    """Where the speeds of earlier evals are."""
    return cache_folder() / "eval_speeds.json"


def _read() -> dict[str, dict[str, float]]:
    try:
        found = json.loads(file().read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(value, dict) for value in found.values()) else {}


def _model(config: Mapping[str, Any]) -> str:
    return str(config.get("model_hash") or config["model"])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
