"""What a request says: its fields checked, LeaP's settings put together."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError

from peerleap.graph import Settings, SettingsError
from peerleap.graph.chat import THOUGHTS, Thoughts, merged
from peerleap.serving.errors import RequestError, shown
from peerleap.serving.fields import check_fields
from peerleap.serving.model_names import named_settings
from peerleap.serving.response_format import schema_of

_ROLES: dict[str, type[BaseMessage]] = {
    "system": SystemMessage, "developer": SystemMessage, "user": HumanMessage, "assistant": AIMessage
}  # fmt: skip


# Where pydantic's own words are about Python.
_WORDS = {"model_type": "give an object", "dict_type": "give an object", "extra_forbidden": "there is no such field"}


_NO_TOOLS = "give system, developer, user and assistant messages; there are no tools for a client to run"
_TEXT_ONLY = "the models here read text only"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, checked."""

    model: str
    """As the client named it."""
    messages: list[BaseMessage]
    settings: Settings
    paths: int | None
    """`None` for the server's own number."""
    thoughts: Thoughts
    stop: tuple[str, ...]
    stream: bool
    with_usage: bool
    """A stream ends with the token counts."""

    @property
    def question(self) -> str:
        """The text of the last message."""
        return str(self.messages[-1].text)


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False
    include_obfuscation: bool = False
    """Without effect: no chunk is padded."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: str
    content: Any = None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)

    model: str = Field(max_length=2000)
    messages: Annotated[list[_Message], FailFast(), Field(min_length=1, max_length=10_000)]
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    seed: int | None = None
    stop: Annotated[list[str], BeforeValidator(_listed), Field(max_length=16)] = []
    response_format: dict[str, Any] | None = None
    leap: dict[str, Any] = {}


def parse(body: dict[str, Any]) -> Ask:
    """The request that a JSON object stands for.

    Raises:
        RequestError: 400 or 404, a field is not usable; its name is in `param`.
    """
    fields = check_fields(body, set(_Body.model_fields))
    try:
        sent = _Body.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        what = _WORDS.get(first["type"], f"{first['msg'][0].lower()}{first['msg'][1:]}")
        value = "" if first["type"] == "missing" else f"={shown(first['input'])}"
        raise RequestError(400, f"{path}{value}: {what}", param=str(first["loc"][0])) from None
    named, leap = named_settings(sent.model), {**sent.leap}
    paths, thoughts = (leap.pop(key, named.pop(key, other)) for key, other in (("paths", None), ("thoughts", "one")))
    if paths is not None and (type(paths) is not int or paths < 1):
        raise RequestError(400, f"paths={shown(paths)}: give a number from 1", param="leap.paths")
    if thoughts not in THOUGHTS:
        raise RequestError(400, f"thoughts={shown(thoughts)}: give one, all or none", param="leap.thoughts")
    stop = tuple(filter(None, sent.stop))
    settings = _settings(sent, named, leap)
    if stop and settings.json_schema is not None:
        raise RequestError(400, f"stop={shown(stop[0])}: JSON is not cut; leave it out", param="stop")
    return Ask(
        model=sent.model,
        messages=[_message(number, message) for number, message in enumerate(sent.messages)],
        settings=settings,
        paths=paths,
        thoughts=thoughts,
        stop=stop,
        stream=sent.stream,
        with_usage=sent.stream_options.include_usage,
    )


def _settings(sent: _Body, named: dict[str, Any], leap: dict[str, Any]) -> Settings:
    """What the model's name sets, OpenAI's fields over it, and LeaP's own over both."""
    plain: dict[str, Any] = {} if sent.seed is None else {"seed": sent.seed % 2**63}
    if (budget := sent.max_completion_tokens or sent.max_tokens) is not None:
        plain["max_tokens"] = budget
    if (schema := schema_of(sent.response_format)) is not None:
        plain["json_schema"] = schema
    sampling = {name: getattr(sent, name) for name in ("temperature", "top_p") if getattr(sent, name) is not None}
    try:
        # Who asks again wants another answer, unless a seed is named.
        settings = merged(merged({"seed": secrets.randbits(32), **named}, {**plain, "sampling": sampling}), leap)
    except SettingsError as error:
        raise RequestError(400, f"leap: {error}", param="leap") from None
    if settings.human_peer:
        raise RequestError(400, "human_peer=True: nobody can be asked through this server", param="leap.human_peer")
    return settings


def _message(number: int, message: _Message) -> BaseMessage:
    where, more = f"messages.{number}", message.model_extra or {}
    if (kind := _ROLES.get(message.role)) is None:
        raise _refused(f"{where}: role={shown(message.role)}: {_NO_TOOLS}")
    for name in ("tool_calls", "function_call", "audio"):
        if more.get(name):
            raise _refused(f"{where}: {name}: {_NO_TOOLS if name != 'audio' else _TEXT_ONLY}")
    content = message.content
    if content is None:  # a model that has refused says so here
        content = more["refusal"] if isinstance(more.get("refusal"), str) else ""
    if isinstance(content, list):
        content = "\n\n".join(_part(where, part) for part in content)
    if not isinstance(content, str):
        raise _refused(f"{where}.content={shown(content)}: give a text, or a list of parts with texts")
    return kind(content=content)


def _part(where: str, part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    text = part.get(kind) if kind in ("text", "refusal") else None
    if isinstance(text, str):
        return text
    if kind == "text":
        raise _refused(f"{where}: a part of type 'text': text={shown(text)}: give a text")
    if kind is None:
        raise _refused(f"{where}: a part {shown(part)}: give {{'type': 'text', 'text': ...}}")
    raise _refused(f"{where}: a part of type {shown(kind)}: {_TEXT_ONLY}")


def _refused(words: str) -> RequestError:
    return RequestError(400, words, param="messages")
