"""What a request says: its body read with a bound, its fields checked, LeaP's settings put together."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from peerleap.graph import Settings, SettingsError
from peerleap.graph.chat import THOUGHTS, Thoughts, merged
from peerleap.serving.errors import RequestError, shown
from peerleap.serving.fields import check_fields
from peerleap.serving.model_names import named_settings
from peerleap.serving.response_format import schema_of

# Seconds in which a client must have sent its request.
_SECONDS = 60
_ROLES: dict[str, type[BaseMessage]] = {
    "system": SystemMessage, "developer": SystemMessage, "user": HumanMessage, "assistant": AIMessage
}  # fmt: skip


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
    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: str
    content: str | list[dict[str, Any]] | None = None


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)

    model: str = Field(max_length=2000)
    messages: list[_Message] = Field(min_length=1, max_length=10_000)
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] = []
    response_format: dict[str, Any] | None = None
    leap: dict[str, Any] = {}


async def read_body(request: Request, most: int) -> dict[str, Any]:
    """The JSON object of a request.

    Args:
        request: not read yet.
        most: bytes.

    Raises:
        RequestError: 413, 415, 408 or 400.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a page in a browser can send others without asking
        raise RequestError(415, f"content-type={kind!r}: give application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise RequestError(413, f"the request has more than {most:,} bytes")
    except TimeoutError:
        raise RequestError(408, f"the request was not sent within {_SECONDS} s") from None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise RequestError(400, "the body is no JSON object")
    return found


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
        what = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        value = "" if first["type"] == "missing" else f"={shown(first['input'])}"
        raise RequestError(400, f"{path}{value}: {what}", param=str(first["loc"][0])) from None
    leap = {**named_settings(sent.model), **sent.leap}
    paths, thoughts = leap.pop("paths", None), leap.pop("thoughts", "one")
    if paths is not None and (type(paths) is not int or paths < 1):
        raise RequestError(400, f"paths={shown(paths)}: give a number from 1", param="leap.paths")
    if thoughts not in THOUGHTS:
        raise RequestError(400, f"thoughts={shown(thoughts)}: give one, all or none", param="leap.thoughts")
    stop = tuple(filter(None, (sent.stop,) if isinstance(sent.stop, str) else sent.stop))
    settings = _settings(sent, leap)
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


def _settings(sent: _Body, leap: dict[str, Any]) -> Settings:
    """OpenAI's fields as settings, and LeaP's own over them."""
    # Who asks again wants another answer, unless a seed is named.
    plain: dict[str, Any] = {"seed": secrets.randbits(32) if sent.seed is None else sent.seed % 2**63}
    if (budget := sent.max_completion_tokens or sent.max_tokens) is not None:
        plain["max_tokens"] = budget
    if (schema := schema_of(sent.response_format)) is not None:
        plain["json_schema"] = schema
    sampling = {name: getattr(sent, name) for name in ("temperature", "top_p") if getattr(sent, name) is not None}
    try:
        settings = merged({**plain, "sampling": sampling}, leap)
    except SettingsError as error:
        raise RequestError(400, f"leap: {error}", param="leap") from None
    if settings.human_peer:
        raise RequestError(400, "human_peer=True: nobody can be asked through this server", param="leap.human_peer")
    return settings


def _message(number: int, message: _Message) -> BaseMessage:
    where = f"messages.{number}"
    more = message.model_extra or {}
    called = next((name for name in ("tool_calls", "function_call") if more.get(name)), None)
    if (kind := _ROLES.get(message.role)) is None or called is not None:
        what = f"role={message.role!r}" if kind is None else called
        cure = "give system, developer, user and assistant messages; there are no tools for a client to run"
        raise RequestError(400, f"{where}: {what}: {cure}", param="messages")
    # A model that has refused has said so in a field of its own.
    content = message.content if message.content is not None else str(more.get("refusal") or "")
    if isinstance(content, list):
        for part in content:
            if part.get("type") != "text" or not isinstance(part.get("text"), str):
                what = f"a part of type {shown(part.get('type'))}"
                raise RequestError(400, f"{where}: {what}: the models here read text only", param="messages")
        content = "\n\n".join(part["text"] for part in content)
    return kind(content=content)
