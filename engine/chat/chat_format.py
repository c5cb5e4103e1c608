"""Between texts and token ids: prompts from a chat template, and exact encoding and decoding."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from peerleap.engine.chat.templates import Turn, chat_template, render
from peerleap.engine.chat.thinking import Thinking, detect_thinking
from peerleap.engine.errors import ModelError


def render_prompt(
    tokenizer: Any,
    content: str,
    thinking: Thinking,
    tools: list[dict[str, Any]] | None = None,
    *,
    earlier: Sequence[Turn] = (),
) -> list[int]:
    """Token ids of a conversation and the opened reply, inside the thought of a model that thinks.

    The chat template writes the beginning-of-text token where the model wants one; none is added to it.

    Args:
        tokenizer: the model's tokenizer.
        content: the user's message.
        thinking: how the model marks its thought, from `detect_thinking`.
        tools: function descriptions in OpenAI's form, for templates that tell the model of them.
        earlier: the turns before the message, as role and text: a system message or none, then a person's and replies.

    Raises:
        ModelError: the template refuses the conversation.
    """
    turns: list[Turn] = [*earlier, ("user", content)]
    if not chat_template(tokenizer):
        return list(tokenizer.encode("\n\n".join(text for _, text in turns) + "\n\n"))
    on = True if thinking.thinks else False if thinking.off else None
    try:
        text = render(tokenizer, turns, on=on, tools=tools)
    except ModelError:
        for plainer in _plainer(turns):
            with suppress(ModelError):
                turns, text = plainer, render(tokenizer, plainer, on=on, tools=tools)
                break
        else:
            raise
    if thinking.thinks and not thinking.template_opens:
        text += thinking.open
    if thinking.off and text == render(tokenizer, turns, on=True, tools=tools):  # the template has no switch
        model = detect_thinking(tokenizer)
        if model.thinks:
            opened = text if model.template_opens else text + model.open
            blank = "\n" if model.close.startswith("</") else ""  # between tags of words, not between control tokens
            text = f"{opened.rstrip()}{blank}{model.close}{blank * 2}"
    return list(tokenizer.encode(text, add_special_tokens=False))


def _plainer(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """The same texts in turns that more templates take.

    Some want a person and the model to alternate, and some want a person to begin; some know no system message. What
    they do not take stands before the next turn of a person.
    """
    joined: list[Turn] = []
    for role, text in turns:
        if joined and joined[-1][0] == role:
            joined[-1] = (role, f"{joined[-1][1]}\n\n{text}")
        else:
            joined.append((role, text))
    yield joined
    begin = 1 if joined[0][0] == "system" else 0
    for first in dict.fromkeys((begin, 0)):
        person = next(n for n, (role, _) in enumerate(joined) if role == "user")
        before = "\n\n".join(text for _, text in joined[first : person + 1])
        yield [*joined[:first], ("user", before), *joined[person + 1 :]]


def encode(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text as it is: nothing is put before or after it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Unless the tokenizer truncates or pads, which its wrapper would undo first, the wrapper only takes longer.
    if backend is not None and backend.truncation is None and backend.padding is None:
        return list(backend.encode(text, add_special_tokens=False).ids)
    return list(tokenizer.encode(text, add_special_tokens=False))


def decode(tokenizer: Any, token_ids: list[int]) -> str:
    """Text of token ids as it is: special tokens visible, no spaces tidied away."""
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
    """Texts that the tokenizer encodes as one control token; text from elsewhere must not contain them.

    Added tokens of letters and digits are vocabulary, and so are special ones that words may contain ("sop" in
    "philosophy"): breaking those would mangle the text. A special one with both, such as "madeupword0", is one.
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
