"""A turn ends where the chat template ends it, whatever the tokenizer's own end-of-text token is."""

from collections.abc import Callable
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine, turn_end
from peerleap.graph import build_graph

MakeTokenizer = Callable[..., Any]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = CHATML.replace("<|im_end|>\n", "<|eot_id|>").replace("<|im_start|>", "<|start_header_id|>")
GLM = "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{% endfor %}<|assistant|>"
PLAIN = "{% for m in messages %}{{ m['role'] | capitalize }}: {{ m['content'] }}\n\n{% endfor %}Assistant:"
EOS = "{% for m in messages %}[INST]{{ m['content'] }}</s>{% endfor %}"
HARMONY = (
    "{% for m in messages %}<|start|>{{ m['role'] }}{% if m['role'] == 'assistant' %}<|channel|>final{% endif %}"
    "<|message|>{{ m['content'] }}<|end|>{% endfor %}<|start|>assistant{# <|channel|>analysis #}"
)
TOKENS = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|user|>", "<|assistant|>")

ENDS = {
    "ChatML on a model whose end of text is </s>": (CHATML, TOKENS, "<|im_end|>"),
    "Llama 3": (LLAMA, TOKENS, "<|eot_id|>"),
    "GLM: the user's turn opens": (GLM, TOKENS, "<|user|>"),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_token_of_the_template(make_tokenizer: MakeTokenizer, case: str) -> None:
    template, tokens, end = ENDS[case]
    tokenizer = make_tokenizer(template=template, tokens=tokens)
    assert turn_end(tokenizer).token_id == tokenizer.convert_tokens_to_ids(end)
    assert turn_end(tokenizer).text is None


@pytest.mark.parametrize(("template", "text"), [(CHATML, "<|im_end|>"), (PLAIN, "\n\nUser:"), (EOS, None)])
def test_a_text_where_it_is_no_token(make_tokenizer: MakeTokenizer, template: str, text: str | None) -> None:
    end = turn_end(make_tokenizer(template=template))
    assert (end.token_id, end.text) == (None, text)


def test_what_also_ends_a_thought_ends_no_turn(make_tokenizer: MakeTokenizer) -> None:
    """gpt-oss closes every message with the same token; its tokenizer's own end of text ends the turn."""
    tokenizer = make_tokenizer(template=HARMONY, tokens=("<|start|>", "<|end|>", "<|channel|>", "<|message|>"))
    assert (turn_end(tokenizer).token_id, turn_end(tokenizer).text) == (None, None)


def test_without_a_template_only_the_end_of_text_counts(make_tokenizer: MakeTokenizer) -> None:
    assert turn_end(make_tokenizer(tokens=TOKENS)).token_id is None


def engine(tokenizer: Any, text: str) -> ScriptedEngine:
    made = ScriptedEngine(lambda _prompt, _params: text)
    made.tokenizer, made._end = tokenizer, tokenizer.eos_token_id
    return made


@pytest.mark.parametrize(
    ("template", "tokens", "written", "stays"),
    [
        (CHATML, TOKENS, "It is 4.<|im_end|>\n<|im_start|>user\nAnd 3 + 3?", "It is 4.<|im_end|>"),
        (CHATML, (), "It is 4.<|im_end|>\n<|im_start|>user\nAnd 3 + 3?", "It is 4.<|im_end|>"),
        (PLAIN, (), "It is 4.\n\nUser: And 3 + 3?", "It is 4.\n\nUser:"),
    ],
)
async def test_the_request_stops_there(
    make_tokenizer: MakeTokenizer, template: str, tokens: tuple[str, ...], written: str, stays: str
) -> None:
    scripted = engine(make_tokenizer(template=template, tokens=tokens), written)
    done = await scripted.generate([1], SamplingParams(max_tokens=200))
    assert done.ended_turn
    assert done.text == stays
    assert scripted.tokenizer.decode(done.token_ids[: -done.end_tokens]) == "It is 4."


@pytest.mark.parametrize("tokens", [TOKENS, ()])
def test_a_path_never_writes_the_next_users_message(make_tokenizer: MakeTokenizer, tokens: tuple[str, ...]) -> None:
    text = "It is \\boxed{4}.<|im_end|>\n<|im_start|>user\nAnd 3 + 3? \\boxed{6}"
    graph: Any = build_graph(paths=2, engine=engine(make_tokenizer(template=CHATML, tokens=tokens), text)).compile()
    out = graph.invoke({"question": "What is 2 + 2?"}, context={"rounds": 0})
    assert out["answer"] == "4"
    for history in out["histories"].values():
        generated = [segment for segment in history if segment["kind"] != "prompt"]
        assert "".join(segment["text"] for segment in generated) == "It is \\boxed{4}."
    for path in out["paths"].values():
        assert path["usage"]["generated"] > len("It is \\boxed{4}."), "what ended the turn was generated, too"
