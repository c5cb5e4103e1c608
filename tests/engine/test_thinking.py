"""How a model thinks is read off its template, vocabulary and name, for all marks in use; `thinking` overrides it.

The templates are written for these tests, in the shape of those of the families that they name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from peerleap.engine import decode, detect_thinking, parse_thinking, render_prompt

MakeTokenizer = Callable[..., Any]

THINK = ("<think>", "</think>")


@dataclass(frozen=True)
class Shape:
    """A family's template, cut down to what its detection depends on."""

    turns: str
    """What a message becomes, or the whole loop where `{% for` is in it."""
    opens: str
    """The generation prompt."""
    thinks: bool
    opened: str = ""
    """What the prompt ends in for a model that thinks."""
    close: str = ""
    tokens: tuple[str, ...] = ()
    name: str = ""
    """Folder of the model, where its name matters."""
    before: str = ""
    """What stands in front of all messages."""

    @property
    def template(self) -> str:
        loop = self.turns if "{% for" in self.turns else "{% for m in messages %}" + self.turns + "{% endfor %}"
        return self.before + loop + "{% if add_generation_prompt %}" + self.opens + "{% endif %}"


def _thought(before: str, after: str) -> str:
    """Writes the thought of a past reply."""
    return "{% if m.reasoning_content %}" + before + "{{ m.reasoning_content }}" + after + "{% endif %}"


IM = "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
IM_THOUGHT = "<|im_start|>{{ m.role }}\n" + _thought("<think>\n", "\n</think>\n\n") + "{{ m.content }}<|im_end|>\n"
IM_OPENS = "<|im_start|>assistant\n"
STRIPS = (
    "{% set c = m['content'] %}{% if m['role'] == 'assistant' and '</think>' in c %}"
    "{% set c = c.split('</think>')[-1] %}{% endif %}"
)
OFF = "{% if enable_thinking is defined and not enable_thinking %}"
IM_TOKENS = ("<|im_start|>", "<|im_end|>")
DEEPSEEK = (
    "{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>{% endif %}"
)
HOW = "Draft your thoughts like this: [THINK]your thoughts[/THINK]Then give the answer."
COHERE = "<|START_OF_TURN_TOKEN|>{{ m.role }}<|START_RESPONSE|>{{ m.content }}<|END_RESPONSE|><|END_OF_TURN_TOKEN|>"
COHERE_TOKENS = ("<|START_THINKING|>", "<|END_THINKING|>", "<|END_RESPONSE|>", "<|END_OF_TURN_TOKEN|>")
HARMONY = (
    "{% if m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>{% else %}"
    "{% if m.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}<|end|>{% endif %}"
    "<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|return|>{% endif %}"
)
FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
HARMONY_TOKENS = ("<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|return|>")
SOLAR = (
    "{% if m.role == 'user' %}<|begin|>user<|content|>{{ m.content }}<|end|>{% else %}"
    "{% if m.reasoning %}<|begin|>assistant<|think|>{{ m.reasoning }}<|end|>{% endif %}"
    "<|begin|>assistant<|content|>{{ m.content }}<|end|>{% endif %}"
)
GEMMA4 = "<|turn>{{ m.role }}\n{{ m.content }}<turn|>\n"
K3 = (
    "<|open|>message role=\"{{ m.role }}\"<|sep|>{% if m.role == 'assistant' %}"
    "<|open|>think<|sep|>{{ m.reasoning_content }}<|close|>think<|sep|><|open|>response<|sep|>{{ m.content }}"
    "{% else %}{{ m.content }}{% endif %}<|end_of_msg|>"
)

SHAPES = {
    # Opened by the template, or written by it into past replies.
    "DeepSeek-R1 and its distillations": Shape(
        DEEPSEEK, "<｜Assistant｜><think>\n", True, "<think>\n", "</think>", THINK
    ),
    "QwQ": Shape(IM, IM_OPENS + "<think>\n", True, "<think>\n", "</think>", (*IM_TOKENS, *THINK)),
    "Qwen3-Thinking 2507": Shape(
        IM_THOUGHT, IM_OPENS + "<think>\n", True, "<think>\n", "</think>", (*IM_TOKENS, *THINK)
    ),
    "Qwen3, hybrid": Shape(
        IM_THOUGHT, IM_OPENS + OFF + "<think>\n\n</think>\n\n{% endif %}", True, "<think>\n", "</think>", THINK
    ),
    "Qwen3.5, small: off unless asked": Shape(
        IM, IM_OPENS + "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}",
        True, "<think>\n", "</think>", THINK,
    ),
    "GLM 4.5": Shape(
        "<|{{ m.role }}|>\n{% if m.role == 'assistant' %}<think>{{ m.reasoning_content }}</think>\n{% endif %}"
        "{{ m.content }}", "<|assistant|>" + OFF + "\n<think></think>{% endif %}",
        True, "<|assistant|>\n<think>", "</think>", ("<|user|>", "<|assistant|>", *THINK),
    ),
    "GLM 4.7: closed at once when off": Shape(
        "<|{{ m.role }}|>{{ m.content }}", "<|assistant|>{% if enable_thinking %}<think>{% else %}</think>{% endif %}",
        True, "<think>", "</think>", ("<|user|>", "<|assistant|>", *THINK),
    ),
    "DeepSeek-V3.1: another switch": Shape(
        DEEPSEEK, "<｜Assistant｜>{% if thinking %}<think>{% else %}</think>{% endif %}",
        True, "<think>", "</think>", THINK,
    ),
    "MiniMax M2": Shape(
        "]~b]{{ m.role }}\n{{ m.content }}[e~[\n", "]~b]ai\n<think>\n", True, "<think>\n", "</think>", THINK
    ),
    "Step 3.5": Shape(IM_THOUGHT, IM_OPENS + "<think>\n", True, "<think>\n", "</think>", IM_TOKENS),
    "Nemotron 3": Shape(
        IM_THOUGHT, IM_OPENS + "{% if enable_thinking is defined and not enable_thinking %}<think></think>"
        "{% else %}<think>\n{% endif %}", True, "<think>\n", "</think>", THINK,
    ),
    "Nemotron Nano 2": Shape(
        "<SPECIAL_11>{{ m.role }}\n{{ m.content }}\n", "<SPECIAL_11>Assistant\n<think>\n", True, "<think>\n", "</think>"
    ),
    "SmolLM3": Shape(
        IM, IM_OPENS + OFF + "<think>\n\n</think>\n{% endif %}", True, "<think>\n", "</think>", THINK
    ),
    "Kimi K2 Thinking: past thoughts emptied": Shape(
        "<|im_{{ m.role }}|>{% if m.role == 'assistant' %}<think></think>{% endif %}{{ m.content }}<|im_end|>",
        "<|im_assistant|>assistant<|im_middle|>", True, "<think>\n", "</think>", THINK,
    ),
    "Kimi K3: tags of three parts": Shape(
        K3, "<|open|>message role=\"assistant\"<|sep|><|open|>think<|sep|>", True, "<|open|>think<|sep|>",
        "<|close|>think<|sep|><|open|>response<|sep|>", ("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"),
    ),
    "Hunyuan A13B": Shape(
        "<|s|>{{ m.content }}<|e|>", "{% if not enable_thinking %}<think>\n\n</think>\n{% endif %}",
        True, "<think>\n", "</think>",
    ),
    "Granite 3.3: a system prompt when switched on": Shape(
        "<|role|>{{ m.role }}<|end_role|>{{ m.content }}<|end_of_text|>\n", "<|role|>assistant<|end_role|>",
        True, "<think>\n", "</think>",
        before="{% if thinking %}Write your thoughts between <think></think>.{% endif %}",
    ),
    "Phi-4 reasoning: a system prompt": Shape(
        "<|im_start|>{{ m.role }}<|im_sep|>{{ m.content }}<|im_end|>", "<|im_start|>assistant<|im_sep|>",
        True, "<think>\n", "</think>", THINK, before="Use the format: <think> {Thought} </think> {Solution}",
    ),
    # Other marks.
    "Seed-OSS": Shape(
        "<seed:bos>{{ m.role }}\n" + _thought("<seed:think>", "</seed:think>\n") + "{{ m.content }}<seed:eos>",
        "<seed:bos>assistant\n", True, "<seed:think>", "</seed:think>",
        ("<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>"), "Seed-OSS-36B-Instruct",
    ),
    "Magistral, Ministral reasoning": Shape(
        "{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]{% else %}{{ m.content }}</s>{% endif %}", "",
        True, "[THINK]", "[/THINK]", ("[INST]", "[/INST]", "[THINK]", "[/THINK]"), before=HOW,
    ),
    "EXAONE Deep": Shape(
        "[|{{ m.role }}|]{{ m.content }}[|endofturn|]\n", "[|assistant|]<thought>\n", True, "<thought>\n", "</thought>",
        ("[|user|]", "[|assistant|]", "[|endofturn|]"),
    ),
    "EXAONE 4: a switch": Shape(
        "[|{{ m.role }}|]\n{{ m.content }}[|endofturn|]\n",
        "[|assistant|]\n{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}",
        True, "<think>\n", "</think>", THINK,
    ),
    "Command A Reasoning": Shape(
        COHERE, "<|CHATBOT_TOKEN|>{% if not reasoning %}<|START_THINKING|><|END_THINKING|>{% endif %}",
        True, "<|START_THINKING|>", "<|END_THINKING|>", COHERE_TOKENS,
    ),
    "gpt-oss: channels": Shape(
        HARMONY, "<|start|>assistant", True, "<|channel|>analysis<|message|>", FINAL, HARMONY_TOKENS
    ),
    "gpt-oss: channels that its template only mentions": Shape(
        "<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>", "<|start|>assistant{# <|channel|>analysis #}",
        True, "<|channel|>analysis<|message|>", FINAL, HARMONY_TOKENS,
    ),
    "Solar Open: messages as thoughts": Shape(
        SOLAR, "<|begin|>assistant", True, "<|think|>", "<|end|><|begin|>assistant<|content|>",
        ("<|begin|>", "<|end|>", "<|think|>", "<|content|>"),
    ),
    "Gemma 4: a channel, and a switch in the system turn": Shape(
        GEMMA4, "<|turn>model\n{% if false %}<|channel>thought\n{% endif %}", True, "<|channel>thought\n", "<channel|>",
        ("<|turn>", "<turn|>", "<|channel>", "<channel|>"),
        before="{% if enable_thinking %}<|turn>system\n<|think|><turn|>\n{% endif %}",
    ),
    "Apriel 1.5: words, not tags": Shape(
        "<|{{ m.role }}|>\n{{ m.content }}\n<|end|>\n", "<|assistant|>\n", True, "Here are my reasoning steps:\n",
        "[BEGIN FINAL RESPONSE]", before="Reason, then answer: [BEGIN FINAL RESPONSE] ... [END FINAL RESPONSE].",
    ),
    "Apriel 1.6: opened by the template": Shape(
        "<|begin_{{ m.role }}|>\n{{ m.content }}", "<|begin_assistant|>\nHere are my reasoning steps:\n",
        True, "Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]",
        before="After your reasoning write [BEGIN FINAL RESPONSE].",
    ),
    "OpenThinker, Sky-T1": Shape(
        IM, IM_OPENS, True, "<|begin_of_thought|>\n\n", "<|end_of_thought|>",
        before="Think between <|begin_of_thought|> and <|end_of_thought|>.",
    ),
    "unknown: <reasoning>": Shape(IM, IM_OPENS + "<reasoning>\n", True, "<reasoning>\n", "</reasoning>"),
    "unknown: marks with begin and end": Shape(
        IM, IM_OPENS + "<|thought_start|>", True, "<|thought_start|>", "<|thought_end|>",
        ("<|thought_start|>", "<|thought_end|>"),
    ),
    "unknown: thoughts as messages to oneself": Shape(
        "<|start|>{{ m.role }}" + _thought(" to=self<|message|>", "<|eom|><|start|>assistant") + "<|message|>"
        "{{ m.content }}<|eot|>", "<|start|>assistant", True, " to=self<|message|>",
        "<|eom|><|start|>assistant<|message|>", ("<|start|>", "<|message|>", "<|eom|>", "<|eot|>"),
    ),
    # Only old thoughts are stripped: the name, else the vocabulary, says whether the model thinks.
    "older R1 distillations: stripped, tokens of their own": Shape(
        STRIPS + "<｜User｜>{{ c }}", "<｜Assistant｜>", True, "<think>\n", "</think>", THINK
    ),
    "LFM2.5 Thinking: stripped, named": Shape(
        STRIPS + IM, IM_OPENS, True, "<think>\n", "</think>", name="LFM2.5-1.2B-Thinking"
    ),
    "LFM2.5 Instruct: stripped, no tokens": Shape(STRIPS + IM, IM_OPENS, False, tokens=IM_TOKENS),
    "Qwen3 Instruct 2507: stripped, unused tokens": Shape(
        STRIPS + IM, IM_OPENS, False, tokens=THINK, name="Qwen3-4B-Instruct-2507"
    ),
    "LFM2.5 Instruct: writes thoughts that it never has": Shape(
        IM_THOUGHT, IM_OPENS, False, tokens=THINK, name="LFM2.5-1.2B-Instruct"
    ),
    # Models that answer at once.
    "Qwen2.5, SmolLM2, Hermes": Shape(IM, IM_OPENS, False, tokens=IM_TOKENS),
    "Qwen3 Instruct: an unused token": Shape(IM, IM_OPENS, False, tokens=(*IM_TOKENS, *THINK)),
    "Llama 3": Shape(
        "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n", False,
        tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "Gemma 3": Shape(
        "<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n", "<start_of_turn>model\n", False,
        tokens=("<start_of_turn>", "<end_of_turn>"),
    ),
    "Mistral Instruct": Shape("[INST] {{ m.content }} [/INST]", "", False, tokens=("[INST]", "[/INST]")),
    "Ministral Instruct: unused tokens": Shape(
        "{% if m.thinking %}[THINK]{{ m.thinking[1:1] }}[/THINK]{% endif %}[INST]{{ m.content }}[/INST]", "", False,
        tokens=("[INST]", "[/INST]", "[THINK]", "[/THINK]"),
    ),
    "Phi 3": Shape("<|{{ m.role }}|>\n{{ m.content }}<|end|>\n", "<|assistant|>\n", False, tokens=("<|end|>",)),
    "Command R": Shape(COHERE, "<|CHATBOT_TOKEN|><|START_RESPONSE|>", False, tokens=COHERE_TOKENS),
    "closes every thought": Shape(IM, IM_OPENS + "<think>\n\n</think>\n\n", False, tokens=THINK),
}  # fmt: skip


@pytest.fixture
def tokenizer_of(make_tokenizer: MakeTokenizer) -> Callable[[str], Any]:
    def make(family: str) -> Any:
        shape = SHAPES[family]
        tokenizer = make_tokenizer(template=shape.template, tokens=shape.tokens)
        tokenizer.name_or_path = f"models/{shape.name}"
        return tokenizer

    return make


@pytest.mark.parametrize("family", SHAPES)
def test_detection(tokenizer_of: Callable[[str], Any], family: str) -> None:
    shape, tokenizer = SHAPES[family], tokenizer_of(family)
    found = detect_thinking(tokenizer)
    assert found.thinks == shape.thinks, found.describe()
    if shape.thinks:
        assert found.close == shape.close
        ids = tokenizer.encode(shape.close, add_special_tokens=False)
        assert found.end_id == (ids[0] if len(ids) == 1 else None)


@pytest.mark.parametrize("family", SHAPES)
def test_the_thought_is_opened_exactly_once(tokenizer_of: Callable[[str], Any], family: str) -> None:
    shape, tokenizer = SHAPES[family], tokenizer_of(family)
    text = decode(tokenizer, render_prompt(tokenizer, "What is 2+2?", detect_thinking(tokenizer)))
    _, found, reply = text.rpartition("What is 2+2?")
    assert found, "the question is in the prompt"
    if shape.thinks:
        assert reply.endswith(shape.opened)
        assert reply.count(shape.opened.strip()) == 1
        assert shape.close not in reply
    else:
        assert not any(mark in reply and "</think>" not in reply for mark in ("think>", "THINK", "thought"))


@pytest.mark.parametrize("family", [family for family, shape in SHAPES.items() if shape.thinks])
def test_turned_off_it_answers_at_once(tokenizer_of: Callable[[str], Any], family: str) -> None:
    """No thought is left open: the template's own switch closes it, or the prompt does."""
    shape, tokenizer = SHAPES[family], tokenizer_of(family)
    off = detect_thinking(tokenizer, "off")
    assert not off.thinks
    reply = decode(tokenizer, render_prompt(tokenizer, "What is 2+2?", off)).rpartition("What is 2+2?")[2]
    assert reply.rfind(shape.close) >= reply.rfind(shape.opened.strip()) or shape.opened.strip() not in reply


def test_a_pair_of_marks_overrides_what_was_found(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(template=SHAPES["Qwen2.5, SmolLM2, Hermes"].template, tokens=("<plan>", "</plan>"))
    found = detect_thinking(tokenizer, ("<plan>", "</plan>"))
    assert found.thinks
    assert found.end_id == tokenizer.convert_tokens_to_ids("</plan>")
    assert decode(tokenizer, render_prompt(tokenizer, "2+2?", found)).endswith("assistant\n<plan>\n")
    assert not detect_thinking(tokenizer).thinks, "the override is not remembered"


def test_a_pair_that_the_template_opens_is_not_opened_again(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(template=SHAPES["QwQ"].template, tokens=THINK)
    found = detect_thinking(tokenizer, THINK)
    assert decode(tokenizer, render_prompt(tokenizer, "2+2?", found)).count("<think>") == 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("auto", "auto"),
        ("off", "off"),
        ("<a> </a>", ("<a>", "</a>")),
        ("<a>,</a>", ("<a>", "</a>")),
        (["[T]", "[/T]"], ("[T]", "[/T]")),
    ],
)
def test_values_of_the_override(value: Any, read: Any) -> None:
    assert parse_thinking(value) == read


@pytest.mark.parametrize("value", ["on", "", "<a>", "<a> <b> <c>", ("<a>", ""), ("<a>", "<a>"), ("<a>",)])
def test_an_override_that_is_none_names_the_value_and_the_cure(value: Any) -> None:
    with pytest.raises(ValueError, match="the two marks around a thought") as caught:
        parse_thinking(value)
    assert repr(value) in str(caught.value)


def test_it_is_described_for_people(tokenizer_of: Callable[[str], Any]) -> None:
    assert detect_thinking(tokenizer_of("gpt-oss: channels")).describe() == (
        f"thinks, from <|channel|>analysis<|message|> to {FINAL} (its template writes past thoughts)"
    )
    assert detect_thinking(tokenizer_of("Llama 3")).describe() == "does not think (its template knows no thought)"
    assert detect_thinking(tokenizer_of("Llama 3"), "off").describe() == "does not think (turned off)"
