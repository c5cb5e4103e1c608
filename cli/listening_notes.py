"""What was found out of which model, beside the prepared models: `ask` and `eval` show it."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SHOWN = "mentioned"


def remember_listening(found: Any, verdict: str, file: Path) -> None:
    """Note the outcome of a listening test, by the model's name; a folder that cannot be written to is no error.

    Args:
        found: what `peerleap.evals.studies.read_listening` returns.
        verdict: the same in a sentence.
        file: the results.
    """
    estimate = found.take_up.discrimination
    note = {
        "verdict": verdict,
        "discrimination": None if estimate is None else [estimate.value, estimate.low, estimate.high],
        "paths": found.paths,
        "questions": found.questions,
        "file": str(file.absolute()),
        "weights": _weights(found.model),
    }
    _write({**_read(), _name(found.model): note})


def listening_note(model: str | None) -> str:
    """One sentence on how a model listens, for whoever is about to run LeaP on it.

    Args:
        model: hub id, folder, or `None` for the default one.

    Returns:
        What its listening test came to; for a model that had none, how to test it, once; empty after that, and for the
        embedded miniature, whose listening was measured where it was made.
    """
    from peerleap.engine import MINIATURE, default_model

    name = _name(model or default_model())
    known = _read()
    note, weights = known.get(name), _weights(name)
    if note is None or note.get("weights", weights) != weights:  # a folder that was trained again
        if name == MINIATURE:
            return ""
        _write({**known, name: {_SHOWN: True, "weights": weights}})
        return (
            f"whether {name} tells right peers from wrong ones was never tested: `peerleap study listening gsm8k "
            f"--model {model or default_model()}` takes minutes"
        )
    verdict, estimate, measured = note.get("verdict"), note.get("discrimination"), ""
    if not isinstance(verdict, str):
        return ""
    if isinstance(estimate, list) and len(estimate) == 3 and all(isinstance(bound, int | float) for bound in estimate):
        value, low, high = (100 * bound for bound in estimate)
        measured = f" discrimination {value:+.0f} [{low:+.0f}, {high:+.0f}];"
    return f"listening test, {note.get('paths')} paths:{measured} {verdict}"


def _name(model: str) -> str:
    from peerleap.engine import model_folder

    folder = model_folder(model)
    return model if folder is None else str(folder.resolve())


def _weights(model: str) -> list[list[Any]]:
    """Name, size and time of each file of weights of a folder; empty for a model of the hub."""
    from peerleap.engine import MINIATURE, model_folder, resolve_model

    folder = model_folder(resolve_model(model).path if model == MINIATURE else model)
    found = [] if folder is None else sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    return [[path.name, status.st_size, status.st_mtime_ns] for path in found for status in [path.stat()]]


def file() -> Path:
    """Where the notes are."""
    from peerleap.engine import cache_folder

    return cache_folder() / "listening.json"


def _read() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(note, dict) for note in found.values()) else {}


def _write(notes: Mapping[str, Any]) -> None:
    from peerleap.cli.display import write_whole

    with contextlib.suppress(OSError):
        file().parent.mkdir(parents=True, exist_ok=True)
        write_whole(json.dumps(notes, indent=1), file())
