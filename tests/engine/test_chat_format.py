"""Prompts, encoding and control texts, with tokenizers that are made here."""

from collections.abc import Callable
from typing import Any

import pytest

from peerleap.engine import control_texts, decode, detect_thinking, render_prompt

MakeTokenizer = Callable[..., Any]
TAGS = ("<think>", "</think>")

# The generation prompts of real models, cut down to what matters.
R1_NEW = (
    "{{ bos_token }}{% for m in messages %}<U>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<A><think>\n{% endif %}"
)
QWEN_INSTRUCT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_named_templates_use_the_default_one(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(tokens=TAGS)
    tokenizer.chat_template = {"default": R1_NEW, "tool_use": QWEN_INSTRUCT}
    assert detect_thinking(tokenizer).template_opens


@pytest.mark.parametrize("adds_bos", [False, True])
def test_beginning_of_text_is_written_once(make_tokenizer: MakeTokenizer, adds_bos: bool) -> None:
    tokenizer = make_tokenizer(template=R1_NEW, tokens=TAGS, adds_bos=adds_bos)
    ids = render_prompt(tokenizer, "2+2?", detect_thinking(tokenizer))
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id


def test_without_a_template_the_tokenizer_adds_what_the_model_wants(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(adds_bos=True)
    ids = render_prompt(tokenizer, "2+2?", detect_thinking(tokenizer))
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == "2+2?\n\n"


def test_control_texts_are_what_encodes_as_one_token(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(tokens=(*TAGS, "<|tool|>", "   ", "word"))
    texts = control_texts(tokenizer)
    assert set(texts) == {"<s>", "</s>", "<|tool|>", *TAGS}
    assert list(texts) == sorted(texts, key=len, reverse=True), "a text that contains another one comes first"
    assert all(len(tokenizer.encode(text, add_special_tokens=False)) == 1 for text in texts)


def test_words_are_no_control_texts(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(tokens=("added01", "word"))
    tokenizer.add_special_tokens({"additional_special_tokens": ["madeupword0", "sop", "EOS", "12345678", "x2"]})
    assert control_texts(tokenizer) == ("madeupword0", "</s>", "<s>")


def test_a_conversation_is_rendered_with_all_its_turns(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(template=QWEN_INSTRUCT)
    earlier = [("system", "Be brief."), ("user", "2+2?"), ("assistant", "4")]
    text = decode(tokenizer, render_prompt(tokenizer, "And times 3?", detect_thinking(tokenizer), earlier=earlier))
    places = [text.index(part) for part in ("system\nBe brief.", "user\n2+2?", "assistant\n4", "user\nAnd times 3?")]
    assert places == sorted(places)
    assert text.endswith("<|im_start|>assistant\n")


ALTERNATING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system message') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([("user", "a"), ("assistant", "b")], "<user>a<assistant>b<user>Q"),
        ([("user", "a")], "<user>a\n\nQ"),
        ([("assistant", "Hi.")], "<user>Hi.\n\nQ"),
        ([("assistant", "Hi."), ("user", "a"), ("assistant", "b")], "<user>Hi.\n\na<assistant>b<user>Q"),
        ([("system", "s")], "<user>s\n\nQ"),
        ([("system", "s"), ("assistant", "Hi.")], "<user>s\n\nHi.\n\nQ"),
        ([("system", "s"), ("user", "a"), ("user", "b"), ("assistant", "c")], "<user>s\n\na\n\nb<assistant>c<user>Q"),
    ],
)
def test_a_strict_template_gets_every_text_of_a_conversation(
    make_tokenizer: MakeTokenizer, earlier: list[tuple[str, str]], expected: str
) -> None:
    tokenizer = make_tokenizer(template=ALTERNATING)
    assert decode(tokenizer, render_prompt(tokenizer, "Q", detect_thinking(tokenizer), earlier=earlier)) == expected


def test_a_template_that_wants_a_person_to_begin_keeps_its_system_message(make_tokenizer: MakeTokenizer) -> None:
    strict = ALTERNATING.partition("{% endif %}")[2].replace("loop.index0 % 2 == 0", "loop.index0 % 2 == 1")
    tokenizer = make_tokenizer(
        template=strict.replace("(m['role'] == 'user') !=", "loop.index0 and (m['role'] == 'user') !=")
    )
    earlier = [("system", "s"), ("assistant", "Hi.")]
    text = decode(tokenizer, render_prompt(tokenizer, "Q", detect_thinking(tokenizer), earlier=earlier))
    assert text == "<system>s<user>Hi.\n\nQ"
