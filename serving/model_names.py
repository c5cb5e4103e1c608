"""Settings in a model's name, for clients that can set nothing else: `peerleap:paths=8,top_k=2`."""

import json
from typing import Any

from peerleap.agents import Sampling
from peerleap.graph import Settings
from peerleap.serving.errors import RequestError, shown

NAME = "peerleap"


def named_settings(model: str) -> dict[str, Any]:
    """What a model's name sets, in the form of the field `leap`.

    Raises:
        RequestError: 404, another model; 400, a part of the name is no `setting=value`, or sets what another part sets.
    """
    name, _, settings = model.partition(":")
    if name != NAME or not model.isascii() or not model.isprintable():
        raise RequestError(
            404,
            f"model={shown(model)}: there is {NAME!r}, and {NAME}:SETTING=VALUE,... such as '{NAME}:paths=8,top_k=2'",
            param="model",
            code="model_not_found",
        )
    leap: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in settings.split(","))):
        key, sign, value = part.partition("=")
        if not sign or not key.isidentifier():
            raise RequestError(400, f"model={shown(model)}: {part!r} is no SETTING=VALUE", param="model")
        # `top_k` is a name of both: the number of summaries goes first, as in the settings.
        inside = key in Sampling.model_fields and key not in Settings.model_fields
        if key in leap or key in sampling:
            raise RequestError(400, f"model={shown(model)}: {key!r} is there twice", param="model")
        (sampling if inside else leap)[key] = _value(value)
    if sampling and "sampling" in leap:
        cure = f"give either sampling or {', '.join(sampling)}; sampling=model goes with others as base=model"
        raise RequestError(400, f"model={shown(model)}: {cure}", param="model")
    return {**leap, "sampling": sampling} if sampling else leap


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
