"""The sampling values that a model's makers recommend, from its `generation_config.json`."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from peerleap.engine.errors import ModelError
from peerleap.engine.models import resolve_model

_FILE = "generation_config.json"
_FIELDS = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
}
"""Fields of `SamplingParams` with the range of each."""


def recommended_sampling(model: str | None = None) -> dict[str, float | int]:
    """Sampling values of a model's `generation_config.json`, under the names of `SamplingParams`.

    Args:
        model: hub id or folder; `None` is the default model.

    Returns:
        The values that the file sets; `temperature` 0 where it turns sampling off. Empty without such a file.

    Raises:
        ModelError: there is no such model, or the file holds a value that cannot be sampled with.
    """
    found = resolve_model(model)
    text = _read(found.path)
    if text is None:
        return {}
    try:
        config: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model={found.name!r}: its {_FILE!r} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"model={found.name!r}: its {_FILE!r} is not a JSON object")
    values = {name: config[name] for name in _FIELDS if config.get(name) is not None}
    for name, value in values.items():
        low, high = _FIELDS[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ModelError(
                f"model={found.name!r}: {name}={value!r} in its {_FILE!r} is not between {low} and {high}; "
                "correct the file, or give the sampling values yourself"
            )
    if config.get("do_sample") is False:
        return {"temperature": 0}
    return values


def _read(path: str) -> str | None:
    folder = Path(path)
    if folder.is_dir():
        file = folder / _FILE
        return file.read_text(encoding="utf-8") if file.is_file() else None
    from huggingface_hub import hf_hub_download

    with suppress(Exception):  # a model without the file, or a hub that cannot be reached
        return Path(hf_hub_download(path, _FILE)).read_text(encoding="utf-8")
    return None
