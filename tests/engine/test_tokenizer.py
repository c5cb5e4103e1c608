"""A tokenizer that garbles text is mended or refused, and a chat model without its template is refused."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import EngineError, ModelError, TokenizerError, VLLMEngine, decode, encode
from peerleap.engine.chat.tokenizer_check import check_tokenizer, lost_kinds

MakeTokenizer = Callable[..., Any]
CHAT = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>"
TEXT = "What is 2 + 2?\n\nGive \\boxed{4}."


def save(tokenizer: Any, folder: Path, **config: str) -> Path:
    """A model's folder with this tokenizer, whose configuration is changed afterwards."""
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    (folder / "config.json").write_text('{"max_position_embeddings": 2048, "model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path / "cache"))


def test_a_folder_whose_class_is_misread_is_read_as_its_file_says(
    make_tokenizer: MakeTokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Transformers takes LlamaTokenizerFast for SentencePiece's, and drops every blank."""
    from transformers import AutoTokenizer

    tokenizer = make_tokenizer(template=CHAT, tokens=("<|im_start|>", "<|im_end|>"))
    folder = save(tokenizer, tmp_path / "DeepSeek-R1-Distill-Llama-8B", tokenizer_class="LlamaTokenizerFast")
    assert "blanks" in lost_kinds(AutoTokenizer.from_pretrained(folder)), "else this test tests nothing"
    engine = VLLMEngine(str(folder))
    with caplog.at_level(logging.WARNING, "peerleap.engine"):
        assert decode(engine.tokenizer, encode(engine.tokenizer, TEXT)) == TEXT
    assert "loses blanks" in caplog.text
    given_to_vllm = engine._loaded[1]
    assert given_to_vllm is not None
    assert lost_kinds(AutoTokenizer.from_pretrained(given_to_vllm)) == [], "vLLM's own reading is right, too"


def test_a_sound_tokenizer_is_left_as_it_is(make_tokenizer: MakeTokenizer, tmp_path: Path) -> None:
    engine = VLLMEngine(str(save(make_tokenizer(template=CHAT), tmp_path / "sound")))
    assert decode(engine.tokenizer, encode(engine.tokenizer, TEXT)) == TEXT
    assert engine._loaded[1] is None


@pytest.mark.parametrize(
    ("normalizer", "kind"),
    [("NoBlanks", "blanks"), ("Slashes", "LaTeX"), ("NoBreaks", "line breaks"), ("Ascii", "beyond")],
)
def test_what_is_lost_is_named(make_tokenizer: MakeTokenizer, normalizer: str, kind: str) -> None:
    from tokenizers import Regex, normalizers

    made = {
        "NoBlanks": normalizers.Replace(" ", ""),
        "NoBreaks": normalizers.Replace("\n", " "),
        "Slashes": normalizers.Replace(Regex(r"\\"), "/"),
        "Ascii": normalizers.Replace(Regex("[^\x00-\x7f]"), "?"),
    }
    tokenizer = make_tokenizer(template=CHAT)
    tokenizer.backend_tokenizer.normalizer = made[normalizer]
    with pytest.raises(TokenizerError, match=f"loses .*{kind}") as caught:
        check_tokenizer(tokenizer, "org/model", "org/model")
    assert "another text than the question" in str(caught.value)
    assert "tokenizer=FOLDER" in str(caught.value)


@pytest.mark.parametrize("name", ["Llama-3-8B-Instruct", "gemma-2b-it", "zephyr-chat", "Qwen3-4B-Thinking-2507"])
def test_a_chat_model_without_its_template_is_refused(make_tokenizer: MakeTokenizer, tmp_path: Path, name: str) -> None:
    engine = VLLMEngine(str(save(make_tokenizer(), tmp_path / name)))
    with pytest.raises(TokenizerError, match=r"no chat template.*'chat_template.jinja'"):
        _ = engine.tokenizer


def test_a_base_model_needs_none(make_tokenizer: MakeTokenizer, tmp_path: Path) -> None:
    assert VLLMEngine(str(save(make_tokenizer(), tmp_path / "Llama-3-8B"))).tokenizer.chat_template is None


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}[INST]{{ m['content'] | replace('\n', ' ') }}[/INST]{% endfor %}",
        "{% for m in messages %}{% for part in m['content'] if part.text %}{{ part.text }}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_that_changes_the_question_is_refused(make_tokenizer: MakeTokenizer, template: str) -> None:
    with pytest.raises(TokenizerError, match="does not hold the question as it is"):
        check_tokenizer(make_tokenizer(template=template), "org/model", "org/model")


def test_a_faulty_template_is_refused_in_one_line(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(template="{% for t in tools %}{{ t.name }}{% endfor %}{{ messages[0]['content'] }}")
    with pytest.raises(ModelError, match="cannot be rendered") as caught:
        check_tokenizer(tokenizer, "org/model", "org/model")
    assert "\n" not in str(caught.value)


def test_it_is_an_error_of_the_engine_and_of_the_model() -> None:
    assert issubclass(TokenizerError, EngineError)
    assert issubclass(TokenizerError, ModelError)
