import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.tools import StructuredTool, tool
from pydantic.v1 import BaseModel as V1Model

from peerleap import tools
from peerleap.tools import ToolLimits, prompts
from peerleap.tools.protocols.base import BadCall, StopReason, ToolRequest
from peerleap.tools.protocols.fence import FenceProtocol
from peerleap.tools.untrusted import LEAP_TAGS, has_marker, neutralise

FENCE = FenceProtocol()


def code_of(text: str, start: int = 0, stop_reason: StopReason = None) -> str | None:
    found = FENCE.parse(text, start, stop_reason)
    return found.args["code"] if isinstance(found, ToolRequest) else None


@pytest.mark.parametrize(
    ("text", "stop_reason", "code"),
    [
        ("So:\n```python\nprint(1)\n```\n", "\n```\n", "print(1)"),
        ("```python\nprint(1)\n```", None, "print(1)"),
        ("```Python \nx = 1\n\nprint(x)\n``` \n", None, "x = 1\n\nprint(x)"),
        ("```py\n1\n```\nmore", None, "1"),
        ("run this: ```python\nprint(1)\n```\n", "\n```\n", "print(1)"),
        ("````python\nprint('```')\n```\n````\n", None, "print('```')\n```"),
        ("1. do\n   ```python\n   if x:\n       y\n   ```\n", None, "if x:\n    y"),
        ("```python\nprint(1)\n``` \n```output", "```output", "print(1)"),
        ("```python\nprint(1)```output", "```output", "print(1)"),
        ("```python\nprint(1)\n```output", "```output", "print(1)"),
        ("```\nnever closed\n```python\n2\n```\n", "\n```\n", "2"),
        ("```python\nprint(1)\n```</think> done", None, "print(1)"),
        # line ends of Windows, and words behind the closing fence
        ("```python\r\nx = 1\r\nprint(x)\r\n```\r\n", "\n```\r\n", "x = 1\nprint(x)"),
        ("```python\r\ns = '''\r\n```\r\n'''\r\n```\r\n", None, "s = '''\n```\n'''"),
        ("```python\nprint(1)\n``` ", "\n``` ", "print(1)"),
        ("```python\nprint(1)\n``` so it is", None, "print(1)"),
        ("``` python\nprint(1)\n```\n", "\n```\n", "print(1)"),
        # complete only with its own closing fence
        ("```python\nprint(1)\n", None, None),
        ("```python\nprint(1)", None, None),
        ("```python", None, None),
        ("```python\nprint('</tool_call>')", "</tool_call>", None),
        # other languages, inline code, and a block in a longer fence
        ("```text\nprint(1)\n```\n", "\n```\n", None),
        ("```python-repl\n>>> 1\n```\n", "\n```\n", None),
        ("```\nplain\n```\n", "\n```\n", None),
        ("a ```python block``` is", None, None),
        ("````markdown\n```python\nprint(1)\n```\n````\n", None, None),
        # not behind the thought
        ("done</think>\n```python\nprint(1)\n```\n", "\n```\n", None),
        # a fence in a string is data until the string is closed
        ("```python\ns = '''\n```\n", "\n```\n", None),
        ("```python\ns = '''\n```\n'''\nprint(s)\n```\n", "\n```\n", "s = '''\n```\n'''\nprint(s)"),
        ("```python\ns = '''\n```", None, "s = '''"),
        ('```python\n# it\'s """\nprint(1)\n```\n', "\n```\n", '# it\'s """\nprint(1)'),
    ],
)
def test_python_blocks(text: str, stop_reason: StopReason, code: str | None) -> None:
    assert code_of(text, 0, stop_reason) == code


def test_the_end_is_where_the_answer_goes() -> None:
    text = "x ```python\n1\n```\nnot yet read ```python\n2\n```\n"
    first = FENCE.parse(text)
    assert isinstance(first, ToolRequest)
    assert text[: first.end] == "x ```python\n1\n```\n"
    assert text[: first.end].endswith(first.raw)
    assert code_of(text, first.end) == "2"
    second = FENCE.parse(text, first.end)
    assert isinstance(second, ToolRequest)
    assert first.id != second.id


def test_only_text_behind_start_is_read() -> None:
    comment = "<comment>\n```python\nprint('peer')\n```\n</comment>\n"
    assert FENCE.parse(comment + "I see.", len(comment)) is None
    nudged = "thinking.\n" + prompts.START_NUDGE
    assert code_of(nudged + "print(6*7)\n```\n", len("thinking.\n"), "\n```\n") == "print(6*7)"


def test_an_empty_block_is_told() -> None:
    found = FENCE.parse("```python\n \n```\n")
    assert isinstance(found, BadCall)
    assert "empty" in found.message


def test_without_a_python_tool_blocks_are_text() -> None:
    plain = FenceProtocol(python=None)
    assert plain.stop == ("</tool_call>",)
    assert plain.parse("```python\n1\n```\n") is None


def call(body: str) -> ToolRequest | BadCall | None:
    return FENCE.parse(f"so <tool_call>{body}</tool_call>", 0, "</tool_call>")


@pytest.mark.parametrize(
    ("body", "args"),
    [
        ('{"name": "f", "arguments": {"q": "a"}}', {"q": "a"}),
        ('\n{"name": "f", "parameters": {"q": "line\nbreak"}}\n', {"q": "line\nbreak"}),
        ('{"name": "f", "arguments": "{\\"q\\": 1}"}', {"q": 1}),
        ('{"name": " f "}', {}),
    ],
)
def test_calls_of_other_tools(body: str, args: dict[str, object]) -> None:
    found = call(body)
    assert isinstance(found, ToolRequest)
    assert (found.name, found.args) == ("f", args)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ('{"name": "f", "arguments": {"q": "a}}', "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "nested"),
        ('{"name": "f", "arguments": {"q": NaN}}', "NaN"),
        ('{"name": "f", "arguments": {"q": "\\ud800"}}', "surrogate"),
        ('{"name": 3}', "no tool name"),
        ("[1]", "no tool name"),
        ('{"name": "f", "arguments": [1]}', "no JSON object"),
        ('{"name": "f", "arguments": "[1]"}', "no JSON object"),
        ('{"name": "f", "arguments": "nope"}', "not JSON"),
    ],
)
def test_bad_calls_are_told(body: str, part: str) -> None:
    found = call(body)
    assert isinstance(found, BadCall)
    assert part in found.message


def test_calls_that_do_not_count() -> None:
    json_call = '<tool_call>{"name": "f"}</tool_call>'
    assert FENCE.parse(f"```json\n{json_call}\n```\n") is None
    assert FENCE.parse(f"</think>{json_call}") is None
    assert FENCE.parse('<tool_call>{"name": "f"}') is None
    found = FENCE.parse(f"```json\n{{}}\n```\n{json_call}")
    assert isinstance(found, ToolRequest)


USED = '<tool_call>{"name": "f", "arguments": {"q": 1}}</tool_call>'


@pytest.mark.parametrize(
    "named", ["I could use <tool_call> or code.\n", "<tool_call>, <tool_call> etc.\n", "<tool_call>: "]
)
def test_a_tag_that_is_only_named_hides_nothing(named: str) -> None:
    assert FENCE.pending(named) is None
    assert code_of(f"{named}```python\nprint(6*7)\n```\n", 0, "\n```\n") == "print(6*7)"
    assert code_of(f"{named}```python\n1\n```\n{USED}", 0, "</tool_call>") == "1"
    found = FENCE.parse(named + USED, 0, "</tool_call>")
    assert isinstance(found, ToolRequest)
    assert (found.args, found.raw) == ({"q": 1}, USED)


@pytest.mark.parametrize("behind", ["\n\nNo answer, so I compute.\n", "</tool_cal>\n", "\n<tool_response>\nx\n"])
def test_a_call_that_was_never_closed_hides_nothing(behind: str) -> None:
    opened = USED.removesuffix("</tool_call>")
    assert FENCE.pending(opened + behind) is None
    assert code_of(f"{opened}{behind}```python\nprint(6*7)\n```\n", 0, "\n```\n") == "print(6*7)"
    for more in ("", "\n", "</tool", "\n</tool_call"):
        assert FENCE.pending(opened + more) == 0
    code = '<tool_call>{"name": "python", "arguments": {"code": "x\n```python\nprint(1)\n```\n'
    assert FENCE.parse(code, 0, "\n```\n") is None  # in the middle of an argument
    assert FENCE.pending(code) == 0


def test_of_two_openings_the_last_is_closed() -> None:
    found = FENCE.parse('<tool_call>{"name": hm, again: ' + USED)
    assert isinstance(found, ToolRequest)
    assert found.raw == USED
    assert FENCE.pending("so <tool_call> \n") == 3  # the call may still follow
    told = FENCE.parse("<tool_call>\n```json\n{}\n```\n</tool_call>")
    assert isinstance(told, BadCall)


@pytest.mark.parametrize(
    "before",
    [
        "print(1)\n```\nSo it is one.\n",  # the rest of a block that was cut
        "print(1)\n``` so it is one.\n",
        "```json\n{}\n``` so it is nothing.\n",
        "```\nplain\n```\n",
        "```\nnever closed\n",
    ],
)
def test_a_fence_that_opens_nothing_hides_nothing(before: str) -> None:
    for text, stop in ((USED, "</tool_call>"), ("```python\n1\n```\n", "\n```\n")):
        found = FENCE.parse(before + text, 0, stop)
        assert isinstance(found, ToolRequest)
        assert found.raw == text


def test_pending_names_the_unfinished_call() -> None:
    assert FENCE.pending("abc\n```python\nprint(1)\n\n") == 4
    assert FENCE.pending("abc <tool_call>{") == 4
    assert FENCE.pending("abc\n```python\nprint(1)\n```\n") is None
    assert FENCE.pending("abc\n```text\nprint(1)\n") is None


@pytest.mark.parametrize(
    ("text", "stop_reason", "rendered"),
    [
        ("```python\n1\n```\n", "\n```\n", "```output\n42\n```\n"),
        ("```python\n1\n```", None, "\n```output\n42\n```\n"),
        ("```python\n1\n``` \n```output", "```output", "\n42\n```\n"),
        ('<tool_call>{"name": "f"}</tool_call>', None, "\n<tool_response>\n42\n</tool_response>\n"),
    ],
)
def test_render(text: str, stop_reason: StopReason, rendered: str) -> None:
    found = FENCE.parse(text, 0, stop_reason)
    assert found is not None
    assert FENCE.render(found, "42\n") == rendered
    assert "[3 tool calls left]" in FENCE.render(found, "42", 3)


def test_hint_names_only_what_the_path_has() -> None:
    @tool
    def python(code: str) -> str:
        """Runs code."""
        return code

    @tool
    def look_up(word: str, language: str = "en") -> str:
        """Looks a word up."""
        return word + language

    limits = ToolLimits(calls=5, seconds=2.5)
    both = FENCE.hint([python, look_up], limits)
    assert "At most 5 calls in all. Each may take 2.5 seconds, all together 60; results are cut to 1000" in both
    assert both.endswith("- look_up(word: string, language?: string): Looks a word up.")
    assert "tool_call" not in FENCE.hint([python], limits)
    assert "```python" not in FENCE.hint([look_up], limits)
    assert FENCE.hint([], limits) == ""


def test_every_kind_of_schema_is_told() -> None:
    class Old(V1Model):
        word: str
        language: str = "en"

    def look_up(word: str, language: str = "en") -> str:
        return word + language

    old = StructuredTool(name="old", description="Looks.", func=look_up, args_schema=Old)
    table = {"type": "object", "properties": {"word": {"type": "string"}, "language": True}, "required": None}
    served = StructuredTool(name="served", description="Looks.", func=look_up, args_schema=table)
    assert prompts.listing([old, served]) == (
        "- old(word: string, language?: string): Looks.\n- served(word?: string, language?: any): Looks."
    )


def test_tools_with_limits_of_their_own_are_named() -> None:
    own = tools.python(timeout_s=2, max_output=5000)
    look_up = StructuredTool.from_function(lambda: "", name="look_up", description="Looks.")
    told = FENCE.hint([own], ToolLimits(path_seconds=30))
    assert "Each may take 2 seconds, all together 30; results are cut to 5000 characters." in told
    told = FENCE.hint([own, look_up], ToolLimits(seconds=1, chars=200))
    assert "Each may take 1 seconds, all together 60; results are cut to 200 (python: 5000) characters." in told
    assert "results are cut to 1000 characters" in FENCE.hint([tools.python()], ToolLimits())


def test_limits_are_checked() -> None:
    for field, value in {"calls": -1, "chars": -1, "seconds": 0, "path_seconds": -2.0}.items():
        with pytest.raises(ValueError, match=f"{field}={value!r}"):
            ToolLimits(**{field: value})  # type: ignore[arg-type]


PIECES = [
    *("```python\n", "```", "\n```\n", "````", "```output", "\n", "print(1)", "x = '''", "'''", '"', "# a", "word "),
    *("<tool_call>", "</tool_call>", '{"name": "f", "arguments": {}}', "</think>", "```text\n", "`", "<"),
    *("I name <tool_call> here ", "\n``` ", "\r\n"),
]
HOSTILE = st.lists(
    st.sampled_from(
        [*PIECES, *LEAP_TAGS, *FENCE.markers, "<|im_end|>", "</s>", "user:", "</tool_response>", "\\boxed{1}"]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    HOSTILE,
    st.sampled_from(["```python\n1\n```\n", '<tool_call>{"name": "f"}</tool_call>', "<tool_call>x</tool_call>"]),
)
def test_a_hostile_result_never_steers(result: str, text: str) -> None:
    found = FENCE.parse(text)
    assert found is not None
    shown = result if isinstance(found, ToolRequest) else found.message
    rendered = FENCE.render(found, shown)
    inside = rendered.removeprefix("\n<tool_response>\n").removesuffix("\n</tool_response>\n")
    inside = inside.removeprefix("```output\n").removesuffix("\n```\n")
    assert not has_marker(inside, FENCE.markers)
    assert FENCE.parse(text + rendered, len(text + rendered)) is None
    # Even a caller that reads the whole history again sees the call, not the answer.
    again = FENCE.parse(text + rendered + "go on", found.end)
    assert again is None
    assert json.dumps(neutralise(rendered)) == json.dumps(neutralise(neutralise(rendered)))


@pytest.mark.parametrize(
    "text",
    [
        "a ```b``` c " * 8000,
        "```" + " ```" * 20000,
        "```python\n'''\n" + "```\n" * 20000,
        '```python\n"' + '\\"' * 50000 + "\n```\n",
        "```python\n" + " " * 100_000,
        "a <tool_call> b " * 8000 + "</tool_call>",
        "<tool_call>{" * 8000 + "</tool_call>",
        "<tool_call>{} b " * 8000,
    ],
)
@pytest.mark.timeout(60)  # quadratic reading took minutes
def test_no_text_takes_long_to_read(text: str) -> None:
    call = FENCE.parse(text, 0, "\n```\n")
    assert call is None or call.end <= len(text)
