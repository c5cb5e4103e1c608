"""What training is tested with: an engine that keeps what it wrote, a byte-level Llama of 90K parameters, rows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from peerleap.engine import Completion, SamplingParams, ScriptedEngine, encode, vocabulary_hash
from peerleap.engine.scripted import byte_tokenizer
from peerleap.training import Row, RowsHeader, Span, write_rows
from peerleap.training.recipes import RECIPES, shrunk


class KeepingEngine(ScriptedEngine):
    """A scripted engine that keeps every request with what it wrote."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written: list[tuple[list[int], Completion]] = []

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **more: Any) -> Completion:
        completion = await super().generate(token_ids, params, **more)
        self.written.append((list(token_ids), completion))
        return completion


@pytest.fixture(scope="session")
def keeping_engine() -> type[KeepingEngine]:
    return KeepingEngine


def save_tiny(folder: Path, **fields: Any) -> Path:
    """A model of two layers with random weights, and the byte tokenizer of a thinking model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = byte_tokenizer(True)
    llama = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    fields = {**llama, **fields}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of 90K parameters that reads bytes."""
    return save_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def shrunk_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The architecture of a recipe with two layers."""

    def make(recipe: str) -> Path:
        folder = tmp_path_factory.mktemp("shrunk") / recipe
        return save_tiny(folder, **shrunk(RECIPES[recipe].architecture, len(byte_tokenizer(True))))

    return make


MakeRows = Callable[..., Path]


@pytest.fixture
def make_rows(tmp_path: Path) -> MakeRows:
    """Write a file of rows: sums of two digits, with a summary and a comment in each."""

    def make(count: int = 24, *, name: str = "rows.jsonl", vocabulary: str | None = None) -> Path:
        tokenizer = byte_tokenizer(True)
        header = RowsHeader("tiny", vocabulary or vocabulary_hash(tokenizer))
        write_rows(tmp_path / name, header, [made_row(number, tokenizer) for number in range(count)])
        return tmp_path / name

    return make


def made_row(number: int, tokenizer: Any) -> Row:
    random = Random(number)
    a, b = random.randint(0, 9), random.randint(0, 9)
    parts = [
        ("prompt", f"What is {a} + {b}?\n<think>\n"),
        ("thought", f"{a} and {b} make " + "so " * random.randint(0, 12)),
        ("trigger", "\n\nI stop.\n<summarize>\n"),
        ("summary", f"It is {a + b}.</summarize>"),
        ("comment", f"\n\n<comment>\nPeer 2: {a + b + 1}\n</comment>\n\n"),
        ("thought", "No.</think>"),
        ("answer", f"\\boxed{{{a + b}}}"),
    ]
    ids = [(kind, encode(tokenizer, text)) for kind, text in parts]
    ids[-1][1].append(tokenizer.eos_token_id)
    spans = tuple(Span(kind, len(part), kind not in {"prompt", "comment"}) for kind, part in ids)
    return Row(f"q{number}", 0, "solver_1", [token for _, part in ids for token in part], spans)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny models are slower on several threads, which wait for each other where the machine is busy."""
    import torch

    torch.set_num_threads(1)
