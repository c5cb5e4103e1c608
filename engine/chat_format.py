import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

OPEN, CLOSE = "<think>", "</think>"
# What templates call the switch of a model that can do both; some close the thought at once unless it is on.
_SWITCHES = {"enable_thinking": True, "thinking": True}


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model marks its chain of thought."""

    thinks: bool
    """The model was trained to reason between `<think>` and `</think>` before its answer."""
    template_opens: bool = False
    """The chat template's generation prompt ends inside `<think>`."""
    end_id: int | None = None
    """The single token `</think>`, or `None` where the tag takes several tokens or does not exist."""


@lru_cache(maxsize=16)
def detect_thinking(tokenizer: Any) -> Thinking:
    """Read off the chat template and the vocabulary how a model marks its thought.

    A vocabulary alone proves nothing (Qwen3's instruct models carry the unused token): the template must know the tag,
    and, asked for a thought, must not open the reply with one that is closed.
    """
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default", "")
    if not template or "think>" not in template:
        return Thinking(thinks=False)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True, **_SWITCHES
    )
    if prompt.rstrip().endswith(CLOSE):
        return Thinking(thinks=False)
    ids = tokenizer.encode(CLOSE, add_special_tokens=False)
    return Thinking(
        thinks=True,
        template_opens=prompt.rfind(OPEN) > prompt.rfind(CLOSE),
        end_id=ids[0] if len(ids) == 1 else None,
    )


def render_prompt(
    tokenizer: Any,
    content: str,
    thinking: Thinking,
    tools: list[dict[str, Any]] | None = None,
    *,
    earlier: Sequence[tuple[str, str]] = (),
) -> list[int]:
    """Token ids of a user turn and the opened assistant turn, inside `<think>` for a model that thinks.

    The chat template writes the beginning-of-text token where the model wants one; none is added to it. `tools` are
    function descriptions in OpenAI's form, for templates that tell the model of them. `earlier` are the messages before
    it, as role and text; they end with a reply.
    """
    given: dict[str, Any] = {"tools": tools} if tools else {}
    if thinking.thinks:
        given |= _SWITCHES
    if not tokenizer.chat_template:
        return list(tokenizer.encode("\n\n".join([*(text for _, text in earlier), content]) + "\n\n"))
    turns = [*({"role": role, "content": text} for role, text in earlier), {"role": "user", "content": content}]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **given)
    except Exception:  # a template raises what it likes
        if turns[0]["role"] != "system" or len(turns) < 2:
            raise
        # Some models know no system message: it goes before the first turn of a person.
        turns[1] = {**turns[1], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
        text = tokenizer.apply_chat_template(turns[1:], tokenize=False, add_generation_prompt=True, **given)
    if thinking.thinks and not thinking.template_opens:
        text += OPEN + "\n"
    return list(tokenizer.encode(text, add_special_tokens=False))


_REPLY, _MESSAGE = "PEERLEAP-REPLY", "PEERLEAP-MESSAGE"


@lru_cache(maxsize=16)
def turn_markers(tokenizer: Any) -> tuple[str, str] | None:
    """What the chat template puts before and after a user's message that follows a reply; `None` without a template.

    The first ends the reply, the second ends the message and opens the next reply.
    """
    if not tokenizer.chat_template:
        return None
    turns = [("user", "x"), ("assistant", _REPLY), ("user", _MESSAGE)]
    text: str = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in turns], tokenize=False, add_generation_prompt=True
    )
    before, after = text.partition(_REPLY)[2].split(_MESSAGE)
    return before, after


def encode(tokenizer: Any, text: str) -> list[int]:
    """Ids of a text as it is: nothing is put before or after it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Where its file says nothing of cutting or padding, which would be undone first, the wrapper only takes longer.
    if backend is not None and backend.truncation is None and backend.padding is None:
        return list(backend.encode(text, add_special_tokens=False).ids)
    return list(tokenizer.encode(text, add_special_tokens=False))


def decode(tokenizer: Any, token_ids: list[int]) -> str:
    """Text of ids as it is: special tokens visible, no spaces tidied away."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # the wrapper checks the type of every id, which takes longer than the decoding
        return str(backend.decode(token_ids, skip_special_tokens=False))
    return str(tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@lru_cache(maxsize=16)
def vocabulary_hash(tokenizer: Any) -> str:
    """SHA-256 over the texts of all tokens and their ids: equal ids mean equal texts where it is the same."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
    return hashlib.sha256(json.dumps(vocabulary, ensure_ascii=True).encode()).hexdigest()


@lru_cache(maxsize=16)
def control_texts(tokenizer: Any) -> tuple[str, ...]:
    """Texts that the tokenizer would encode as one control token: text from elsewhere must not contain them.

    Added tokens of letters and digits are vocabulary, and so are special ones that words may contain ("sop" in
    "philosophy"): breaking those would mangle the text. A special one with both, such as "madeupword0", is kept.
    """
    special = {str(token) for token in tokenizer.all_special_tokens}
    added = {str(token) for token in tokenizer.get_added_vocab()} | special
    texts = (t for t in added if t.strip() and (not t.strip().isalnum() or (t in special and _in_no_word(t.strip()))))
    return tuple(sorted(texts, key=lambda t: (-len(t), t)))


def control_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of the tokens that `control_texts` names: text from elsewhere must not encode to any of them."""
    ids = (tokenizer.convert_tokens_to_ids(text) for text in control_texts(tokenizer))
    return frozenset(token for token in ids if token is not None)


def _in_no_word(token: str) -> bool:
    return len(token) > 5 and not token.isalpha() and not token.isdigit()
