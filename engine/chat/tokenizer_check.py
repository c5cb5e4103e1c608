"""Refuses a tokenizer with which a model would read another text than the question."""

import re
from pathlib import Path
from typing import Any

from peerleap.engine.chat.chat_format import decode, encode, render_prompt
from peerleap.engine.chat.templates import chat_template
from peerleap.engine.chat.thinking import detect_thinking
from peerleap.engine.errors import TokenizerError

_PROBES = {
    "blanks": "a b  c d",
    "line breaks": "first\nsecond\n\nthird",
    "digits": "31415 2,718 0.5",
    "LaTeX": r"$x_1^2 \le \frac{1}{2}$, so \boxed{\sqrt{3}}",
    "letters and signs beyond ASCII": "é ß Ω 中文 √2 ≤ π",
    "LeaP's tags": "<summarize>so far</summarize>\n<comment>peers</comment>",
}
_QUESTION = "What is 2 + 2?\n\nGive \\boxed{n}, and say why."

# Names under which models are published that were tuned to chat.
_CHAT = re.compile(
    r"(?<![a-z])(instruct|chat|it|thinking|thinker|reasoning|reasoner|assistant|r1|qwq|magistral|devstral)(?![a-z])",
    re.IGNORECASE,
)
_OWN_TEMPLATE = "pass another tokenizer with the engine argument tokenizer=FOLDER"


def check_tokenizer(tokenizer: Any, name: str, path: str) -> None:
    """Check that text survives encoding and decoding, and that the prompt holds the question.

    Args:
        tokenizer: the model's tokenizer, as loaded.
        name: the model's name, for the message.
        path: its folder, or its hub id.

    Raises:
        TokenizerError: names what is lost, the likely cause, and the cure.
    """
    if lost := lost_kinds(tokenizer):
        text = _PROBES[lost[0]]
        raise TokenizerError(
            f"model={name!r}: its tokenizer ({type(tokenizer).__name__}) loses {_listed(lost)}: {text!r} becomes "
            f"{_again(tokenizer, text)!r}, and the model would read another text than the question. "
            f"{_cause(tokenizer, path)}"
        )
    if not chat_template(tokenizer):
        _check_needs_none(name, path)
    elif _QUESTION not in (prompt := _prompt(tokenizer)):
        raise TokenizerError(
            f"model={name!r}: its chat template does not hold the question as it is: the prompt ends in "
            f"{prompt[-80:]!r}. Mend 'chat_template.jinja', or {_OWN_TEMPLATE}"
        )


def _prompt(tokenizer: Any) -> str:
    return decode(tokenizer, render_prompt(tokenizer, _QUESTION, detect_thinking(tokenizer)))


def _again(tokenizer: Any, text: str) -> str:
    return decode(tokenizer, encode(tokenizer, text))


def lost_kinds(tokenizer: Any) -> list[str]:
    """Kinds of text that do not survive encoding and decoding, such as `blanks`; empty for a sound tokenizer."""
    # SentencePiece puts a blank before a text, and takes one away.
    return [kind for kind, text in _PROBES.items() if _again(tokenizer, text).removeprefix(" ") != text]


def _cause(tokenizer: Any, path: str) -> str:
    folder = Path(path)
    named = getattr(tokenizer, "init_kwargs", {}).get("tokenizer_class") or type(tokenizer).__name__
    if (folder / "tokenizer.json").is_file():
        return (
            f"Transformers builds a {named!r} instead of what 'tokenizer.json' says: set "
            "'tokenizer_class': 'PreTrainedTokenizerFast' in the folder's 'tokenizer_config.json'"
        )
    return f"Fetch the tokenizer files of the model again, or {_OWN_TEMPLATE}"


def _check_needs_none(name: str, path: str) -> None:
    folder = Path(path)
    if (folder / "tekken.json").is_file() and not (folder / "tokenizer_config.json").is_file():
        raise TokenizerError(
            f"model={name!r}: the folder has Mistral's own tokenizer only ('tekken.json'), without a chat template and "
            "control tokens: put 'tokenizer.json', 'tokenizer_config.json' and 'chat_template.jinja' of the model's "
            f"Hugging Face edition into it, or {_OWN_TEMPLATE}"
        )
    if _CHAT.search(folder.name if folder.is_dir() else name.rpartition("/")[2]):
        raise TokenizerError(
            f"model={name!r} is a chat model by its name, and its tokenizer has no chat template: it would read the "
            "bare question. Put the model's 'chat_template.jinja' beside its tokenizer (a fine-tuned model takes that "
            f"of its base), or {_OWN_TEMPLATE}"
        )


def _listed(kinds: list[str]) -> str:
    return " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
