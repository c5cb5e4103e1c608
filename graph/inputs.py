"""One call of the graph: its input, options and context are checked before anything is stored."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    convert_to_messages,
    message_chunk_to_message,
)  # fmt: skip
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import ValidationError

from peerleap.agents import Sampling
from peerleap.graph.errors import InputError, SettingsError
from peerleap.graph.history import storable
from peerleap.graph.langgraph_keys import CHECKPOINTER, NESTED
from peerleap.graph.settings import Settings, as_settings
from peerleap.graph.state import INPUT_KEYS, Conversation, Message, Role

NOT_STORED = "human_peer: a run that waits for a person must be stored; compile with a checkpointer"

_ROLES: dict[str, Role] = {
    "system": "system", "developer": "system", "human": "user", "user": "user", "ai": "assistant",
    "assistant": "assistant",
}  # fmt: skip
# Of a model's own messages: what it shows beside its text. All else there (thoughts, calls) is its own affair.
_SHOWN = ("image", "audio", "input_audio", "output_audio", "video", "file", "document")
# A supervisor makes those whom it calls say that they hand back to it; the words stand beside a call of such a tool.
_BACK = "transfer_back_to_"
# What vendors call a part that is text; some leave the name out.
_TEXTS = ("text", "input_text", "output_text", "?")
# What a call can be given beside its input, by name.
_OPTIONS = {*signature(CompiledStateGraph.stream).parameters}


def read_conversation(state: Mapping[str, Any], *, handed_over: bool = False) -> Conversation:
    """The question, and the messages before it.

    The question is `question`, or, where there is none, the last message if a person wrote it. Where an agent has
    handed the conversation over to this graph, which leaves a tool's message at the end, it is the person's last
    message. A `question` stands alone: the messages beside it are not read.

    Args:
        state: holds `question` or `messages`.
        handed_over: another graph hands over its conversation, in which others may have spoken since the question.

    Raises:
        InputError: there is no question, it is empty, or a message has parts that no text model can read.
    """
    question, messages = state.get("question"), as_messages(state)
    earlier: Sequence[BaseMessage] = ()
    if question is None and messages:
        at = len(messages) - 1
        if handed_over or messages[at].type == "tool":
            at = next((n for n in range(at, -1, -1) if _role(messages[n]) == "user"), at)
        if _role(messages[at]) != "user":
            none = ", and no message is a person's" if handed_over else ""
            raise InputError(f"messages: the last one is from {messages[at].type!r}; it must be a person's{none}")
        since = [message for message in messages[at + 1 :] if _role(message) == "system"]
        question, earlier = _text(messages[at]), [*messages[:at], *since]
    if question is None:
        raise InputError("no question: give {'question': '...'} or {'messages': [...]} with a person's message last")
    text = storable(question) if isinstance(question, str) else ""
    if not text.strip():
        raise InputError(f"question={question!r}: give a text that is not empty")
    return Conversation(text, _earlier(earlier))


def _role(message: BaseMessage) -> Role | None:
    """Whose turn a message is; `None` for what belongs to the agent that called for it."""
    calls = message.tool_calls if isinstance(message, AIMessage) else ()
    if calls and all(call["name"].startswith(_BACK) for call in calls):
        return None
    return _ROLES.get(message.role if isinstance(message, ChatMessage) else message.type)


def _earlier(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """The messages as turns: system texts joined at the beginning, each once, neighbours of one role joined.

    Tool calls and their results belong to the agent that made them, and are left out; another role is refused.
    """
    system: list[str] = []
    turns: list[Message] = []
    for message in messages:
        role = _role(message)
        if role is None and isinstance(message, ChatMessage) and message.role not in {"tool", "function"}:
            raise InputError(f"messages: role={message.role!r} is not one of {', '.join(map(repr, _ROLES))}")
        text = storable(_text(message)).strip() if role is not None else ""
        if role is None or not text:
            continue
        if role == "system":
            system += [] if text in system else [text]  # some clients send it with every turn
        elif turns and turns[-1].role == role:
            turns[-1] = Message(role, f"{turns[-1].text}\n\n{text}")
        else:
            turns.append(Message(role, text))
    return (*([Message("system", "\n\n".join(system))] if system else []), *turns)


def _text(message: BaseMessage) -> str:
    """The text of a message, plain text documents in paragraphs of their own.

    Raises:
        InputError: it has an image, audio, a file or another part that is no text.
    """
    if isinstance(message.content, str):
        return message.content
    texts = [""]
    for part in message.content:
        kind, text = ("text", part) if isinstance(part, str) else (str(part.get("type", "?")), part.get("text"))
        text = part.get("refusal") if kind == "refusal" and not isinstance(part, str) else text
        if kind in {*_TEXTS, "refusal"} and isinstance(text, str):
            texts[-1] += text
        elif kind == "text-plain" and isinstance(text, str):
            texts += [text, ""]
        elif kind in _TEXTS or _role(message) != "assistant" or kind.startswith(_SHOWN):
            why = "has no text" if kind in _TEXTS else "cannot be read; the models here read text only"
            raise InputError(f"messages: a part of type {kind!r} {why}")
    return "\n\n".join(text for text in texts if text)


def as_messages(values: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages of an input, in whichever form LangGraph takes them: a tuple is one message, `("user", "...")`.

    Raises:
        InputError: they are no messages.
    """
    messages = values.get("messages") or []
    try:
        found = convert_to_messages(messages if isinstance(messages, list) else [messages])
    except (NotImplementedError, TypeError, ValueError) as error:
        reason = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else str(error).partition("\n")[0]
        cure = "give a list such as [{'role': 'user', 'content': '...'}]"
        raise InputError(f"messages={messages!r:.200}: {reason}; {cure}") from error
    return [message_chunk_to_message(m) if isinstance(m, BaseMessageChunk) else m for m in found]


def read_written(values: Any) -> Any:
    """An input whose `messages` are one text that lists them as JSON, with the list in its place; any other as it is.

    Tools of MCP have no other way to take a conversation: LangGraph's server describes `messages` as a text.
    """
    text = values.get("messages") if isinstance(values, Mapping) else None
    if not isinstance(text, str) or not text.lstrip().startswith("["):
        return values
    try:
        turns = json.loads(text)
    except (ValueError, RecursionError):
        return values
    listed = turns and all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in turns)
    return {**values, "messages": turns} if listed else values


def check_input(values: object, *, nested: bool) -> None:
    """Refuse a call with unknown keys, or without a question, before anything is stored.

    A parent graph hands its whole state to a subgraph, so foreign keys are refused only where we are called directly.

    Raises:
        InputError: names the key and what would be right.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"input={values!r}: give a mapping such as {{'question': '...'}}")
    for key in () if nested else values:
        if key not in INPUT_KEYS:
            close = get_close_matches(str(key), INPUT_KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, INPUT_KEYS))}"
            raise InputError(f"input key {key!r} is unknown; {hint}")
    read_conversation(values, handed_over=nested)


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what LangGraph would drop, so that the run would be another one than was requested.

    Raises:
        InputError: an argument of the call is misspelt.
        SettingsError: a setting is passed as an argument.
    """
    settings = {*Settings.model_fields, *Sampling.model_fields}
    for name, value in options.items():
        if name in _OPTIONS or not (close := get_close_matches(name, {*_OPTIONS, *settings}, n=1, cutoff=0.8)):
            continue
        if close[0] in settings:
            context = {close[0]: value} if close[0] in Settings.model_fields else {"sampling": {close[0]: value}}
            raise SettingsError(f"{name}={value!r}: settings are given as context={context!r}")
        raise InputError(f"a call has no argument {name!r}; did you mean {close[0]!r}?")


def check_call(
    values: object, configurable: Mapping[str, Any], context: object, checkpointer: object, *, inherited: bool
) -> Settings | None:
    """The settings of a call that is in order; `None` where it has none.

    Args:
        values: the input: a mapping, a `Command`, or `None` to resume.
        configurable: what the call is configured with, the graph's own configuration included.
        context: the settings, as the caller passed them.
        checkpointer: the compiled graph's.
        inherited: `configurable` comes from the node of another graph that made this call, so that input and context
            are made for this graph although another one is around it.

    Raises:
        InputError: unknown input key, no question, no thread id, or one that LangGraph loses.
        SettingsError: a setting is unknown or out of range, or needs a checkpointer that there is not.
    """
    nested = NESTED in configurable
    if values is None and checkpointer is None and not nested:
        values = {}  # there is no run that it could resume
    if values is not None and not isinstance(values, Command):
        check_input(values, nested=nested and not inherited)
    if isinstance(values, Command) and values.resume is None and not values.update and not values.goto:
        raise InputError("Command(resume=None): LangGraph takes it for none; resume with '' to say nothing")
    if not nested and checkpointer not in {None, False, True}:
        _check_thread(configurable.get("thread_id"))
    if nested and isinstance(checkpointer, BaseCheckpointSaver) and configurable.get(CHECKPOINTER) is None:
        raise SettingsError(
            "checkpointer: it belongs to the outermost graph; the one around this graph has none, so compile that "
            "one with the checkpointer and this one without"
        )
    settings = None
    if context is not None:
        settings = as_settings(context, nested=nested and not inherited)
    elif not nested and (named := {key: configurable[key] for key in Settings.model_fields if key in configurable}):
        settings = as_settings(named)
    if settings is not None and settings.human_peer and checkpointer in {None, False} and not nested:
        raise SettingsError(NOT_STORED)
    return settings


def _check_thread(thread: object) -> None:
    if not thread:
        if thread is not None and thread != "":
            raise InputError(f"thread_id={thread!r}: LangGraph takes it for none; give a text, as {str(thread)!r}")
        raise InputError(
            "this graph has a checkpointer, so a run needs a name to be found under: "
            "config={'configurable': {'thread_id': '...'}}"
        )
    text = str(thread)
    if storable(text) != text:
        raise InputError(f"thread_id={text!r}: it has a NUL or half a character; use another name")
