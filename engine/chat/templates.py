"""Renders a model's chat template, for prompts and to learn from the template itself."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from peerleap.engine.errors import ModelError

MESSAGE, REPLY, THOUGHT = "PEERLEAP-MESSAGE", "PEERLEAP-REPLY", "PEERLEAP-THOUGHT"
"""Texts that stand for a user's message, a reply and a thought where a template is tried."""

_SWITCHES = ("enable_thinking", "thinking", "reasoning")
"""What templates call the switch of a model that can think or not; some close the thought at once unless it is on."""

Message = Mapping[str, Any]
Turn = tuple[str, str]


def chat_template(tokenizer: Any) -> str:
    """The source of the chat template that prompts are rendered with; empty where the model has none."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default", "")
    return template or ""


def render(
    tokenizer: Any,
    messages: Sequence[Message | Turn],
    *,
    on: bool | None = None,
    open_reply: bool = True,
    tools: list[dict[str, Any]] | None = None,
) -> str:
    """The text that a template makes of a conversation.

    Args:
        tokenizer: the model's tokenizer; it has a chat template.
        messages: turns as `(role, content)`, or messages in OpenAI's form.
        on: what the template's switches for thinking are set to; `None` leaves them alone.
        open_reply: end with what opens the next reply.
        tools: function descriptions in OpenAI's form.

    Raises:
        ModelError: the template refuses the conversation or is faulty.
    """
    options: dict[str, Any] = {} if on is None else dict.fromkeys(_SWITCHES, on)
    if tools:
        options["tools"] = tools
    turns = [{"role": m[0], "content": m[1]} if isinstance(m, tuple) else dict(m) for m in messages]
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=open_reply, **options)
    except Exception as error:  # a template is a program, and raises what it likes
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(f"the chat template of {_name(tokenizer)} cannot be rendered: {reason}") from error
    return text


def past_reply(tokenizer: Any) -> tuple[str, str] | None:
    """What a template writes before a past reply's thought, and between the thought and the reply.

    `None` where it drops the thought or cannot take one.
    """
    thought = dict.fromkeys(("reasoning_content", "reasoning", "thinking"), THOUGHT)
    reply = {"role": "assistant", "content": REPLY, **thought}
    try:
        text = render(tokenizer, [("user", MESSAGE), reply], on=True, open_reply=False)
    except ModelError:
        return None
    before, found, rest = text.partition(THOUGHT)
    between, answered, _ = rest.partition(REPLY)
    return (before, between) if found and answered else None


@lru_cache(maxsize=16)
def turn_markers(tokenizer: Any) -> tuple[str, str] | None:
    """What the chat template puts before and after a user's message that follows a reply.

    The first text ends the reply, the second ends the message and opens the next reply. `None` without a template, and
    where the template takes no second message.
    """
    if not chat_template(tokenizer):
        return None
    turns = [("user", "x"), ("assistant", REPLY), ("user", MESSAGE)]
    try:
        text = render(tokenizer, turns)
    except ModelError:
        return None
    before, found, after = text.partition(REPLY)[2].partition(MESSAGE)
    return (before, after) if found else None


def _name(tokenizer: Any) -> str:
    return repr(str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__))
