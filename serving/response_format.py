"""OpenAI's `response_format` as the JSON schema that the answer must fit."""

from typing import Any

from peerleap.graph import SettingsError, as_settings
from peerleap.serving.errors import RequestError, shown

_ANY_OBJECT = '{"type": "object"}'
_KINDS = "give {'type': 'json_schema', 'json_schema': {'name': ..., 'schema': {...}}}, 'json_object' or 'text'"
_FIELDS = frozenset({"name", "description", "schema", "strict"})


def schema_of(response_format: dict[str, Any] | None) -> str | None:
    """The schema, as JSON text; `None` where the answer is wanted in words.

    Args:
        response_format: the field of a request. A schema is kept whether or not it is `strict`.

    Raises:
        RequestError: 400, it is none of OpenAI's forms, or holds no schema.
    """
    form = {"type": "text"} if response_format is None else response_format
    kind = form.get("type")
    if kind not in ("text", "json_object", "json_schema"):  # a tuple: it may be anything that JSON has
        raise _refused(f"type={shown(kind)}: {_KINDS}")
    for name in form:
        if name != "type" and (name, kind) != ("json_schema", "json_schema"):
            raise _refused(f"{name!r} is no field of it; {_KINDS}")
    if kind != "json_schema":
        return None if kind == "text" else _ANY_OBJECT
    named = form.get("json_schema")
    if not isinstance(named, dict) or not isinstance(named.get("schema"), dict):
        raise _refused(f"json_schema={shown(named)}: {_KINDS}")
    for name in named:
        if name not in _FIELDS:
            raise _refused(f"{name!r} is no field of json_schema; there are {', '.join(sorted(_FIELDS))}")
    schema = named["schema"]
    if (about := named.get("description")) and isinstance(about, str):
        schema = {"description": about, **schema}
    try:
        return as_settings({"json_schema": schema}).json_schema
    except SettingsError as error:
        raise _refused(str(error)) from None


def _refused(words: str) -> RequestError:
    return RequestError(400, f"response_format: {words}", param="response_format")
