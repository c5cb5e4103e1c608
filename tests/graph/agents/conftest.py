"""A chat model that says what a test wrote down, and a small team of peers to ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from tests.graph.conftest import Call, Team


class ScriptedChat(BaseChatModel):
    """Says its lines one after the other: a text, or the name of a tool with its arguments."""

    lines: list[Any]
    heard: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.heard.append(list(messages))
        line = self.lines[len(self.heard) - 1]
        if isinstance(line, str):
            message = AIMessage(line)
        else:
            calls = [
                {"name": name, "args": args, "id": f"{len(self.heard)}-{n}"} for n, (name, args) in enumerate(line)
            ]
            message = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture
def chat() -> Callable[..., ScriptedChat]:
    return lambda *lines: ScriptedChat(lines=list(lines))


@dataclass
class Peers(Team):
    """A team and the settings it is asked with."""

    context: dict[str, Any]


@pytest.fixture
def peers(team: Callable[..., Team], small: dict[str, Any]) -> Peers:
    """Two paths that read the first number of the question and double it, after one LeaP block."""

    def write(call: Call) -> str:
        if call.stage == "summary":
            return "I go on.</summarize>"
        number = next(int(word) for word in call.prompt.split("Question: ")[1].split() if word.isdigit())
        return "On and on. " * 200 if call.round < 1 else f"\\boxed{{{2 * number}}}"

    made = team(write, paths=2)
    return Peers(made.engine, made.graph, {**small, "rounds": 1})
