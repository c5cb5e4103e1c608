"""The settings of a run that suit a model, from the model's own folder."""

import json
from pathlib import Path
from typing import Any

from peerleap.engine.errors import ModelError
from peerleap.engine.shipped.miniature import MINIATURE, miniature_folder

SETTINGS_FILE = "leap_settings.json"
"""Settings by their names, such as `{"interval": 64, "top_k": 3}`; `peerleap train miniature` writes one."""


def model_settings(model: str) -> dict[str, Any]:
    """Read the settings that a model's folder brings.

    Args:
        model: Name of an embedded model, a folder, or a hub id, which brings none.

    Returns:
        Settings by their names; empty where the folder has no such file.

    Raises:
        ModelError: The file is no JSON object.
    """
    file = (miniature_folder() if model == MINIATURE else Path(model).expanduser()) / SETTINGS_FILE
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"model={model!r}: its {SETTINGS_FILE!r} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"model={model!r}: its {SETTINGS_FILE!r} is no JSON object; write settings by their names")
    return values
