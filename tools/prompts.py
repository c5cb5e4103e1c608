"""Every sentence about tools that a model reads before it calls one, and what it is told of a lost session."""

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.tools import BaseTool

from peerleap.tools.protocols.base import ToolLimits
from peerleap.tools.untrusted import neutralise

__all__ = [
    "CALLS",
    "CALL_SYNTAX",
    "INSTALLED",
    "MONTY_INSTALLED",
    "NATIVE",
    "OPENMATH",
    "PYTHON_FENCE",
    "RETOOL",
    "SEARCH_O1",
    "SEARCH_R1",
    "START_NUDGE",
    "STATE_LOST",
    "functions",
    "left",
    "limits",
    "listing",
]

PYTHON_FENCE = """\
While reasoning you may run Python. Write a block that starts with ```python on its own line and ends with ``` on its \
own line; the system runs it and inserts the output in an ```output block. State persists between your blocks; \
{installed}; there is no network and no file access; print what you need."""

INSTALLED = "numpy and sympy are installed"
MONTY_INSTALLED = (
    "it is plain Python with math, re, json, datetime, random, decimal, itertools, functools and collections, and "
    "without numpy, sympy, fractions and generators"
)

CALL_SYNTAX = """\
{other} tools: write <tool_call>{{"name": ..., "arguments": {{...}}}}</tool_call>; the answer comes back in \
<tool_response>. {limits}
{tools}"""

STATE_LOST = "SandboxRestarted: {restored} of {total} earlier blocks were restored ({reason}); the rest was lost\n"

START_NUDGE = "Wait, maybe using Python here is a good idea.\n```python\n"

RETOOL = """\
You now have the ability to selectively write executable Python code to enhance your reasoning process. Write it as
<code>
```python
...
```
</code>
The output comes back in <interpreter>. The Python code should be complete scripts, including necessary imports. \
At most {calls} calls in all. {limits}"""

SEARCH_R1 = """\
If you lack some knowledge, you can call a search engine by <search> query </search> and it will return the top \
results between <information> and </information>. At most {calls} searches. {limits}"""

SEARCH_O1 = """\
You have the ability to perform web searches: write <|begin_search_query|> your query here <|end_search_query|>. \
The system then provides you with helpful information in the format \
<|begin_search_result|> ... <|end_search_result|>. At most {calls} searches. {limits}"""

OPENMATH = """\
Please integrate natural language reasoning with code executions: write Python between <tool_call> and </tool_call>; \
its output comes back in an ```output block. You may perform up to {calls} Python code calls. {limits}"""

CALLS = "At most {calls} calls in all. {limits}"
# Beside the functions of a chat template, which say nothing of limits.
NATIVE = "You may use tools. At most {calls} calls in all. {limits}"

_LIMITS = """\
Each may take {seconds} seconds, all together {path_seconds:g}; results are cut to {chars} characters."""
_LEFT = "[{remaining} tool calls left]"


def limits(tools: Sequence[BaseTool], limits: ToolLimits, markers: Iterable[str] = ()) -> str:
    """What `tools` may spend, but for the number of calls; a tool with limits of its own is named with them."""
    about = [(neutralise(tool.name, markers), tool.metadata or {}) for tool in tools]
    seconds = {name: min(limits.seconds, own.get("max_seconds", limits.seconds)) for name, own in about}
    chars = {name: own.get("max_chars", limits.chars) for name, own in about}
    return _LIMITS.format(
        seconds=_each(seconds, limits.seconds), chars=_each(chars, limits.chars), path_seconds=limits.path_seconds
    )


def left(remaining: int | None) -> str:
    """What a result says about the calls that are left; nothing for `None`."""
    return "" if remaining is None else _LEFT.format(remaining=remaining)


def _each(values: dict[str, float], usual: float) -> str:
    """One number where it holds for every tool, else the usual one and who has others."""
    if len(set(values.values())) == 1:
        usual, values = next(iter(values.values())), {}
    others = ", ".join(f"{name}: {value:.9g}" for name, value in values.items() if value != usual)
    return f"{usual:.9g} ({others})" if others else f"{usual:.9g}"


# A definition may come from a server, and a prompt is encoded with its special tokens: both forms are made harmless.


def listing(tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> str:
    """One line per tool: its name, the arguments a model may fill in, and its description."""
    lines = (f"{tool.name}({_arguments(tool)}): {tool.description}" for tool in tools)
    return "\n".join(f"- {neutralise(' '.join(line.split()), markers)}" for line in lines)


def functions(tools: Sequence[BaseTool], markers: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The tools in OpenAI's form, as chat templates want them."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    return [_harmless(convert_to_openai_tool(tool), tuple(markers)) for tool in tools]


def _harmless(schema: Any, markers: tuple[str, ...]) -> Any:
    """A JSON value with all its texts made harmless, the names in it too."""
    if isinstance(schema, str):
        return neutralise(schema, markers)
    if isinstance(schema, dict):
        return {neutralise(str(key), markers): _harmless(value, markers) for key, value in schema.items()}
    return [_harmless(value, markers) for value in schema] if isinstance(schema, list | tuple) else schema


def _arguments(tool: BaseTool) -> str:
    schema: Any = tool.tool_call_schema
    # A table where a server gave it, or a class of pydantic, whose version 1 LangChain takes, too.
    describe = getattr(schema, "model_json_schema", None) or getattr(schema, "schema", None)
    about: dict[str, Any] = describe() if describe else schema
    required = about.get("required") or ()
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {field.get('type', 'any') if isinstance(field, dict) else 'any'}"
        for name, field in about.get("properties", {}).items()
    )
