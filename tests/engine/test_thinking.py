"""How a model marks its thought is read off its template and vocabulary; the tokenizers are made here."""

from collections.abc import Callable
from typing import Any

import pytest

from peerleap.engine import Thinking, control_texts, detect_thinking, render_prompt
from peerleap.engine.chat_format import CLOSE, OPEN

MakeTokenizer = Callable[..., Any]
TAGS = (OPEN, CLOSE)

# The generation prompts of real models, cut down to what matters.
R1_NEW = (
    "{{ bos_token }}{% for m in messages %}<U>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<A><think>\n{% endif %}"
)
R1_OLD = (
    "{{ bos_token }}{% for m in messages %}{% if '</think>' in m['content'] %}"
    "<A>{{ m['content'].split('</think>')[-1] }}{% else %}<U>{{ m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<A>{% endif %}"
)
QWEN3_HYBRID = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
OFF_UNLESS_ASKED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is true %}<think>\n{% else %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
ALWAYS_OFF = OFF_UNLESS_ASKED.replace("enable_thinking", "nothing")
DEEPSEEK_V31 = (
    "{% if not thinking is defined %}{% set thinking = false %}{% endif %}{{ bos_token }}"
    "{% for m in messages %}<U>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<A>{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}"
)
QWEN_INSTRUCT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EXPLAINS = (
    "Write your thoughts between <think> and </think>.\n{% for m in messages %}<U>{{ m['content'] }}{% endfor %}<A>"
)

CASES = {
    "newer R1: the template opens the thought": (R1_NEW, TAGS, True, True, True),
    "older R1: the template only strips it": (R1_OLD, TAGS, True, False, True),
    "Qwen3 hybrid: the template knows the tag": (QWEN3_HYBRID, TAGS, True, False, True),
    "EXAONE 4, small Qwen3.5: no thought unless asked for": (OFF_UNLESS_ASKED, TAGS, True, True, True),
    "DeepSeek-V3.1: another name for the switch": (DEEPSEEK_V31, TAGS, True, True, True),
    "a template that closes every thought": (ALWAYS_OFF, TAGS, False, False, False),
    "Qwen3 instruct: an unused token": (QWEN_INSTRUCT, TAGS, False, False, False),
    "tags of several tokens": (R1_NEW, (), True, True, False),
    "a system prompt that explains the tags": (EXPLAINS, TAGS, True, False, True),
    "no template": (None, TAGS, False, False, False),
}


@pytest.mark.parametrize("case", CASES)
def test_detection(make_tokenizer: MakeTokenizer, case: str) -> None:
    template, tokens, thinks, opens, single = CASES[case]
    tokenizer = make_tokenizer(template=template, tokens=tokens)
    expected = tokenizer.convert_tokens_to_ids(CLOSE) if single else None
    assert detect_thinking(tokenizer) == Thinking(thinks=thinks, template_opens=opens, end_id=expected)


@pytest.mark.parametrize("case", CASES)
def test_thought_is_opened_exactly_once(make_tokenizer: MakeTokenizer, case: str) -> None:
    template, tokens, thinks, *_ = CASES[case]
    tokenizer = make_tokenizer(template=template, tokens=tokens)
    text = tokenizer.decode(render_prompt(tokenizer, "2+2?", detect_thinking(tokenizer)))
    assert "2+2?" in text
    turn = text.rpartition("2+2?")[2]
    assert turn.count(OPEN) - turn.count(CLOSE) == int(thinks)
    assert turn.rstrip("\n").endswith("<think>") == thinks
    assert not (thinks and CLOSE in turn)


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
