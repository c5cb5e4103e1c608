"""Tools that a team file can name, with options: `"python"`, or `{name = "web_search", backend = "searxng", ...}`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from peerleap.tools import python, read_page, web_search

__all__ = ["TOOLS", "ToolFileError", "make_tool"]


class ToolFileError(ValueError):
    """A tool of a team file is not usable; the message begins with the field behind `tools[0]`."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PythonOptions(_Options):
    """Of `python`; what is not set is the backend's own. Walls cannot be taken down by a file."""

    backend: Literal["sandbox", "monty"] = "sandbox"
    timeout_s: Annotated[float | None, Field(gt=0, le=3600)] = None
    memory_mb: Annotated[int | None, Field(ge=8)] = None
    max_output: Annotated[int | None, Field(ge=100, le=10_000)] = None
    grace_s: Annotated[float | None, Field(gt=0, le=60)] = None
    """Of the sandbox only."""
    min_tier: Literal[1, 2] | None = None
    """Of the sandbox only."""

    @model_validator(mode="after")
    def _of_the_backend(self) -> Self:
        for name in ("grace_s", "min_tier"):
            if self.backend == "monty" and getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)!r}: backend='monty' has no such option")
        return self

    def make(self) -> BaseTool:
        """The tool."""
        options = self.model_dump(exclude_none=True, exclude={"backend"})
        return python(backend=self.backend, **options)


class SearchOptions(_Options):
    """Of `web_search`; what is not set is the engine's own."""

    backend: Literal["ddgs", "searxng"] = "ddgs"
    url: Annotated[str | None, Field(pattern=r"^https?://[^\s/]+")] = None
    """Of the SearXNG server."""
    language: Annotated[str | None, Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*|all)?$")] = None
    """Of SearXNG only."""
    time_range: Literal["day", "month", "year"] | None = None
    """Of SearXNG only."""
    region: Annotated[str | None, Field(pattern=r"^[a-z]{2}-[a-z]{2}$")] = None
    """Of ddgs only, as `us-en`."""
    engines: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    """Of ddgs only: names with commas between them."""
    count: Annotated[int, Field(ge=1, le=20)] = 5
    seconds: Annotated[float, Field(gt=0, le=120)] = 9.0
    cache: Path | None = None

    @model_validator(mode="after")
    def _of_the_backend(self) -> Self:
        if self.backend == "searxng" and self.url is None:
            raise ValueError("backend='searxng': give the server's url, such as url='http://127.0.0.1:8888'")
        foreign = ("region", "engines") if self.backend == "searxng" else ("url", "language", "time_range")
        for name in foreign:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)!r}: backend={self.backend!r} has no such option")
        return self

    def make(self) -> BaseTool:
        """The tool."""
        names = {"language", "time_range", "region", "engines"}
        own = self.model_dump(exclude_none=True, include=names)
        backend: Any
        if self.backend == "searxng":
            from peerleap.tools.search.searxng import SearxngBackend

            backend = SearxngBackend(self.url or "", **own)
        else:
            from peerleap.tools.search.ddgs import DdgsBackend

            backend = DdgsBackend(**own)
        return web_search(backend, count=self.count, seconds=self.seconds, cache=self.cache)


class PageOptions(_Options):
    """Of `read_page`. Which private hosts may be read is not a file's to say."""

    seconds: Annotated[float, Field(gt=0, le=120)] = 5.0
    cache: Path | None = None

    def make(self) -> BaseTool:
        """The tool."""
        return read_page(seconds=self.seconds, cache=self.cache)


TOOLS: dict[str, type[PythonOptions] | type[SearchOptions] | type[PageOptions]] = {
    "python": PythonOptions,
    "read_page": PageOptions,
    "web_search": SearchOptions,
}
"""The tools that a file can name, with their options."""

# What only Python can say, and why.
_NOT_HERE = {
    "allow_unsandboxed": "a file cannot take the walls down",
    "allow_hosts": "a file cannot open private hosts",
}


def make_tool(given: Any, made: dict[Any, BaseTool]) -> BaseTool:
    """The tool that `given` describes: a name, or a table with a `name` and options.

    Peers that describe the same tool share it: `made` keeps them.

    Raises:
        ToolFileError: no such tool or option, or a package that it needs is not installed.
    """
    name, options = (given, {}) if isinstance(given, str) else _taken_apart(given)
    if name not in TOOLS:
        raise ToolFileError(
            f": {name!r} is none of {', '.join(sorted(TOOLS))}; other tools need Python: Peer(tools=...)"
        )
    for option in (option for option in options if option in _NOT_HERE):
        raise ToolFileError(f".{option}={options[option]!r:.80}: {_NOT_HERE[option]}; use Python: Peer(tools=...)")
    try:
        checked = TOOLS[name].model_validate(options)
        if (name, checked) not in made:
            made[name, checked] = checked.make()
    except ValidationError as error:
        raise ToolFileError("; ".join(_told(item, name) for item in error.errors())) from error
    except (ImportError, ValueError) as error:
        raise ToolFileError(f": {error}") from error
    return made[name, checked]


def _taken_apart(given: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ToolFileError(f"={given!r:.80}: give a name, or a table with a 'name', of {', '.join(sorted(TOOLS))}")
    return given["name"], {str(key): value for key, value in given.items() if key != "name"}


def _told(item: Any, name: str) -> str:
    at = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        there = ", ".join(sorted(TOOLS[name].model_fields)) or "none"
        return f".{at}={item['input']!r:.80}: {name!r} has no such option; there are {there}"
    if item["type"] == "value_error":
        return f": {item['ctx']['error']}"
    if item["type"] == "string_pattern_mismatch" and at == "url":
        return f".url={item['input']!r:.80}: give an address that begins with http:// or https://"
    return f".{at}={item['input']!r:.80}: {item['msg'][0].lower()}{item['msg'][1:]}"
