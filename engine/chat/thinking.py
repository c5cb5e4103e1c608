"""How a model marks its chain of thought, read off its chat template, its vocabulary and its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from peerleap.engine.chat.families import FAMILIES, Family, scan_marks
from peerleap.engine.chat.templates import MESSAGE, REPLY, chat_template, past_reply, render
from peerleap.engine.errors import ModelError

OPEN, CLOSE = "<think>", "</think>"

# What a name says where the template leaves it open: "DeepSeek-R1-Distill", "LFM2.5-1.2B-Instruct".
_THINKER = re.compile(r"think|reason|magistral|qwq|(?<![a-z0-9])r1(?![a-z0-9])", re.IGNORECASE)
_INSTRUCT = re.compile(r"instruct|(?<![a-z])(chat|it)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model marks its chain of thought."""

    thinks: bool
    """The model was trained to reason between `open` and `close` before its answer."""
    template_opens: bool = False
    """The chat template's generation prompt ends inside the thought already."""
    end_id: int | None = None
    """The single token that `close` is, or `None` where it takes several tokens."""
    open: str = OPEN + "\n"
    """Text that opens a thought behind a generation prompt that does not."""
    close: str = CLOSE
    """Text that ends a thought: the model writes it, and it is inserted where a thought is cut short."""
    off: bool = False
    """Thinking was turned off: templates are told so, and a thought that they open all the same is closed."""
    source: str = field(default="", compare=False)
    """How it was found, for people."""

    @property
    def marks(self) -> str:
        """The two marks around a thought, with a blank between them; empty for a model that does not think."""
        return f"{self.open.strip()} {self.close.strip()}" if self.thinks else ""

    def describe(self) -> str:
        """One line for people: whether the model thinks, between which marks, and how that was found."""
        if not self.thinks:
            return f"does not think ({self.source})" if self.source else "does not think"
        opens = "opened by its template" if self.template_opens else f"from {self.open.strip()}"
        return f"thinks, {opens} to {self.close.strip()} ({self.source})"


def parse_thinking(value: str | Sequence[str]) -> str | tuple[str, str]:
    """Read the setting `thinking`.

    Args:
        value: `auto`, `off`, or the two marks around a thought: a pair, or one text with a blank or a comma between
            them, such as `<think> </think>`.

    Returns:
        `auto`, `off`, or the pair of marks.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, str) and value in {"auto", "off"}:
        return value
    marks = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else list(value)
    if len(marks) != 2 or not all(isinstance(mark, str) and mark.strip() for mark in marks) or marks[0] == marks[1]:
        raise ValueError(
            f"thinking={value!r}: give 'auto', 'off', or the two marks around a thought, as '<think> </think>'"
        )
    return marks[0], marks[1]


@lru_cache(maxsize=64)
def detect_thinking(tokenizer: Any, thinking: str | tuple[str, str] = "auto") -> Thinking:
    """Find out how a model marks its thought.

    The template's own rendering is the best evidence: how it opens a reply with its switches on and off, and how it
    writes a past reply that holds a thought. Where it shows nothing, a table of known families decides, then the marks
    that template and vocabulary share, then the model's name. A vocabulary alone proves nothing: Qwen3's instruct
    models carry unused tokens for it.

    Args:
        tokenizer: the model's tokenizer.
        thinking: `auto`; `off` for a model that shall answer at once; or the pair of marks around its thought.

    Raises:
        ValueError: `thinking` is none of these.
        ModelError: the chat template cannot be rendered.
    """
    choice = parse_thinking(thinking)
    if choice == "off":
        return Thinking(thinks=False, off=True, source="turned off")
    if not isinstance(choice, str):
        return _with_marks(tokenizer, choice)
    template = chat_template(tokenizer)
    if not template:
        return Thinking(thinks=False, source="no chat template")
    return _from_history(tokenizer) or _from_marks(tokenizer, template)


def _with_marks(tokenizer: Any, marks: tuple[str, str]) -> Thinking:
    opened, closed = marks
    reply = _reply(tokenizer, on=True) if chat_template(tokenizer) else ""
    lead = opened + "\n" if closed.startswith("</") else opened
    return _thinking(tokenizer, lead, closed, opens=_inside(reply, opened, closed), source="as set")


def _from_history(tokenizer: Any) -> Thinking | None:
    """Marks that the template itself puts around a past reply's thought; `None` where it writes none."""
    prompt = render(tokenizer, [("user", MESSAGE)], on=True)
    before, after = past_reply(tokenizer) or ("", "")
    close = after.strip()
    if not before or not re.search(r"[<\[|][^\s]*[>\]|]", close):
        return None
    if _reply(tokenizer, on=True).rstrip().endswith(close):  # whatever it is asked, it closes every thought
        return Thinking(thinks=False, source="its template closes every thought")
    if before == prompt or before.rstrip() == prompt.rstrip():
        return _thinking(tokenizer, "", close, opens=True, source="its template opens the thought")
    if not before.startswith(prompt.rstrip()) or _named_instruct(tokenizer):
        return None
    return _thinking(tokenizer, before[len(prompt) :] if before.startswith(prompt) else before[len(prompt.rstrip()) :],
                     close, opens=False, source="its template writes past thoughts")  # fmt: skip


def _from_marks(tokenizer: Any, template: str) -> Thinking:
    vocabulary = tokenizer.get_added_vocab()
    known = [family for family in FAMILIES if family.signature in template]
    for family in (*known, *scan_marks(template, vocabulary)):
        mark, close = family.open.strip(), family.close.strip()
        on, off = _reply(tokenizer, on=True), _reply(tokenizer, on=False)
        if on.rstrip().endswith(close):
            return Thinking(thinks=False, source="its template closes every thought")
        source = f"as {family.name}" if family.name else "by its marks"
        if _inside(on, mark, close):
            return _thinking(tokenizer, family.open, close, opens=True, source="its template opens the thought")
        if off != on and mark in off:  # a closed thought is what it adds where thinking is off
            lead, _, rest = off.removeprefix(on).partition(mark)
            opened = lead + mark + ("\n" if rest.startswith("\n") else "")
            return _thinking(tokenizer, opened, close, opens=False, source="its template has a switch")
        prompt = render(tokenizer, [("user", MESSAGE)], on=True)
        switched = prompt != render(tokenizer, [("user", MESSAGE)], on=False)
        shown = mark in prompt or _empty_thought(tokenizer, mark, close)
        if family.always or switched or shown or _stripped(tokenizer, template, family):
            return _thinking(tokenizer, family.open, close, opens=False, source=source)
    return Thinking(thinks=False, source="its template knows no thought")


def _empty_thought(tokenizer: Any, mark: str, close: str) -> bool:
    """Whether the template writes an emptied thought into past replies, as Kimi K2 Thinking's does."""
    try:
        text = render(tokenizer, [("user", MESSAGE), ("assistant", REPLY)], on=True, open_reply=False)
    except ModelError:
        return False
    before, _, _ = text.rpartition(MESSAGE)[2].partition(REPLY)
    return 0 <= before.find(mark) < before.rfind(close)


def _stripped(tokenizer: Any, template: str, family: Family) -> bool:
    """Whether a template that only removes old thoughts belongs to a model that thinks: name, then vocabulary."""
    if _THINKER.search(_name(tokenizer)):
        return True
    if _named_instruct(tokenizer):
        return False
    close = re.escape(family.close.strip())
    strips = re.search(rf"split\(\s*['\"]{close}|['\"]{close}['\"]\s+in\b", template) is not None
    return strips and all(_single(tokenizer, mark.strip()) is not None for mark in (family.open, family.close))


def _named_instruct(tokenizer: Any) -> bool:
    return not _THINKER.search(_name(tokenizer)) and _INSTRUCT.search(_name(tokenizer)) is not None


def _name(tokenizer: Any) -> str:
    return str(getattr(tokenizer, "name_or_path", "") or "").rstrip("/").rpartition("/")[2]


def _thinking(tokenizer: Any, opened: str, close: str, *, opens: bool, source: str) -> Thinking:
    end_id = _single(tokenizer, close)
    return Thinking(
        thinks=True, template_opens=opens, end_id=end_id, close=close, source=source,
        open=opened if opened.strip() else OPEN + "\n",
    )  # fmt: skip


def _single(tokenizer: Any, mark: str) -> int | None:
    ids = tokenizer.encode(mark, add_special_tokens=False)
    return int(ids[0]) if len(ids) == 1 and ids[0] != tokenizer.unk_token_id else None


def _reply(tokenizer: Any, *, on: bool) -> str:
    """What the template writes after a user's message to open the reply."""
    return render(tokenizer, [("user", MESSAGE)], on=on).rpartition(MESSAGE)[2]


def _inside(reply: str, mark: str, close: str) -> bool:
    return reply.rfind(mark) > reply.rfind(close)
