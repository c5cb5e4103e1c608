"""Tools that a team file can name, with options: `"python"`, or `{name = "web_search", backend = "searxng", ...}`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from langchain_core.tools import BaseTool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from peerleap.agents.toml_file import shown_key
from peerleap.tools import python, read_page, web_search
from peerleap.tools.search import DdgsBackend, SearchBackend, SearxngBackend

_DATABASES = (".sqlite3", ".sqlite", ".db")
_LONGEST_PATH = 1024


class ToolFileError(ValueError):
    """A tool of a team file is not usable; the message begins with the field behind `tools[0]`."""


def _cache_path(path: Path) -> Path:
    if len(str(path)) > _LONGEST_PATH:
        raise ValueError(f"cache={str(path)!r:.80}: over {_LONGEST_PATH} characters")
    if path.suffix not in _DATABASES:
        raise ValueError(f"cache={str(path)!r:.80}: its name must end in {', '.join(_DATABASES)}")
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~nosuchuser
        raise ValueError(f"cache={str(path)!r:.80}: {error} Give the file's full path") from error


CachePath = Annotated[Path, AfterValidator(_cache_path)]
"""A SQLite file for answers; one that holds something else is refused when the tool is made."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PythonOptions(_Options):
    """Options of `python`; the backend's own defaults hold for the rest. A file cannot take walls down."""

    backend: Literal["sandbox", "monty"] = "sandbox"
    timeout_s: Annotated[float | None, Field(gt=0, le=3600)] = None
    memory_mb: Annotated[int | None, Field(ge=8, le=65_536)] = None
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
    """Options of `web_search`; the engine's own defaults hold for the rest."""

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
    cache: CachePath | None = None

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
        backend: SearchBackend
        backend = SearxngBackend(self.url or "", **own) if self.backend == "searxng" else DdgsBackend(**own)
        return web_search(backend, count=self.count, seconds=self.seconds, cache=self.cache)


class PageOptions(_Options):
    """Options of `read_page`. A file cannot open private hosts."""

    seconds: Annotated[float, Field(gt=0, le=120)] = 5.0
    cache: CachePath | None = None

    def make(self) -> BaseTool:
        """The tool."""
        return read_page(seconds=self.seconds, cache=self.cache)


TOOLS: dict[str, type[PythonOptions] | type[SearchOptions] | type[PageOptions]] = {
    "python": PythonOptions,
    "read_page": PageOptions,
    "web_search": SearchOptions,
}
"""The tools that a file can name, with their options."""

# Options that only Python can set, and why.
_NOT_HERE = {
    "allow_unsandboxed": "a file cannot take the walls down",
    "allow_hosts": "a file cannot open private hosts",
}


def make_tool(value: Any, shared: dict[Any, BaseTool]) -> BaseTool:
    """Make the tool that a file describes.

    Args:
        value: a tool's name, or a table with a `name` and options.
        shared: the tools made so far; peers that describe the same tool get the same one.

    Returns:
        The tool.

    Raises:
        ToolFileError: no such tool or option, or a package that it needs is not installed.
    """
    name, options = (value, {}) if isinstance(value, str) else _name_and_options(value)
    if name not in TOOLS:
        raise ToolFileError(
            f": {name!r:.80} is none of {', '.join(sorted(TOOLS))}; other tools need Python: Peer(tools=...)"
        )
    for option in (option for option in options if option in _NOT_HERE):
        raise ToolFileError(f".{option}={options[option]!r:.80}: {_NOT_HERE[option]}; use Python: Peer(tools=...)")
    try:
        checked = TOOLS[name].model_validate(options)
        if (name, checked) not in shared:
            shared[name, checked] = checked.make()
    except ValidationError as error:
        raise ToolFileError("; ".join(_option_error(item, name) for item in error.errors())) from error
    except (ImportError, ValueError) as error:
        raise ToolFileError(f": {error}") from error
    return shared[name, checked]


def _name_and_options(value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ToolFileError(f"={value!r:.80}: give a name, or a table with a 'name', of {', '.join(sorted(TOOLS))}")
    return value["name"], {str(key): option for key, option in value.items() if key != "name"}


def _option_error(item: Any, name: str) -> str:
    at = ".".join(shown_key(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        there = ", ".join(sorted(TOOLS[name].model_fields)) or "none"
        return f".{at}={item['input']!r:.80}: {name!r} has no such option; there are {there}"
    if item["type"] == "value_error":
        return f": {item['ctx']['error']}"
    if item["type"] == "string_pattern_mismatch" and at == "url":
        return f".url={item['input']!r:.80}: give an address that begins with http:// or https://"
    return f".{at}={item['input']!r:.80}: {item['msg'][0].lower()}{item['msg'][1:]}"
