from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from peerleap.engine import turn_markers
from peerleap.engine.scripted import byte_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture
def tokenizer() -> "PreTrainedTokenizerFast":
    return byte_tokenizer.__wrapped__()  # one of its own, to be given other templates


def test_the_markers_are_what_stands_around_a_message(tokenizer: Any) -> None:
    assert turn_markers(tokenizer) == ("<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")


TEMPLATES: list[Callable[[str], str]] = [
    lambda body: "{{ bos_token }}" + body,  # the text begins once, not again with every message
    lambda body: "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nHi<|im_end|>\n{% endif %}" + body,
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_a_template_writes_first_is_not_among_them(tokenizer: Any, template: Callable[[str], str]) -> None:
    plain = turn_markers(tokenizer)
    other = byte_tokenizer.__wrapped__()
    other.chat_template = template(other.chat_template)
    assert turn_markers(other) == plain


def test_a_model_without_a_template_has_no_turns(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    assert turn_markers(tokenizer) is None
