"""Every sentence about tools that a model reads before it calls one, and what it is told of a lost session."""

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.tools import BaseTool

from peerleap.tools.untrusted import neutralise

__all__ = [
    "CALL_SYNTAX",
    "INSTALLED",
    "MONTY_INSTALLED",
    "OPENMATH",
    "PYTHON_FENCE",
    "RETOOL",
    "SEARCH_O1",
    "SEARCH_R1",
    "START_NUDGE",
    "STATE_LOST",
    "functions",
    "listing",
]

PYTHON_FENCE = """\
While reasoning you may run Python. Write a block that starts with ```python on its own line and ends with ``` on its \
own line; the system runs it and inserts the output in an ```output block. State persists between your blocks; \
{installed}; there is no network and no file access; print what you need. At most {calls} blocks, \
{seconds:g} seconds each."""

INSTALLED = "numpy and sympy are installed"
MONTY_INSTALLED = (
    "it is plain Python with math, re, json, datetime, random, decimal, itertools, functools and collections, and "
    "without numpy, sympy, fractions and generators"
)

CALL_SYNTAX = """\
{other} tools: write <tool_call>{{"name": ..., "arguments": {{...}}}}</tool_call>; the answer comes back in \
<tool_response>. At most {calls} calls in all.
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
At most {calls} calls, {seconds:g} seconds each."""

SEARCH_R1 = """\
If you lack some knowledge, you can call a search engine by <search> query </search> and it will return the top \
results between <information> and </information>. At most {calls} searches."""

SEARCH_O1 = """\
You have the ability to perform web searches: write <|begin_search_query|> your query here <|end_search_query|>. \
The system then provides you with helpful information in the format \
<|begin_search_result|> ... <|end_search_result|>. At most {calls} searches."""

OPENMATH = """\
Please integrate natural language reasoning with code executions: write Python between <tool_call> and </tool_call>; \
its output comes back in an ```output block. You may perform up to {calls} Python code calls."""


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
    about: dict[str, Any] = schema if isinstance(schema, dict) else schema.model_json_schema()
    required = about.get("required", ())
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {field.get('type', 'any')}"
        for name, field in about.get("properties", {}).items()
    )
