"""`peerleap train rl` as a user types it: what cannot work is one line before anything loads."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peerleap.cli.main import app
from peerleap.engine.scripted import byte_tokenizer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model that nothing may load, and five questions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    monkeypatch.chdir(tmp_path)
    tokenizer = byte_tokenizer(True)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=1, intermediate_size=48,
        max_position_embeddings=4096, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained("model")
    tokenizer.save_pretrained("model")
    rows = [{"id": f"q{n}", "question": f"What is {n} + 2?", "answer": str(n + 2)} for n in range(5)]
    Path("questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("peerleap.training.rl.run.train_rl", _never)
    return tmp_path


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError("nothing may be loaded")


def rl(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["train", "rl", *arguments])


SMALL = ("--max-tokens", "400", "--interval", "100")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name training questions and --model, or give --smoke"),
        (("--smoke", "--model", "x"), "--smoke: it brings its own questions and model"),
        (("questions.jsonl",), "name training questions and --model"),
        (
            ("questions.jsonl", "-m", "model", "--device-batch", "5"),
            "device_batch=5: a step has 32 rows (4 questions x",
        ),
        (("questions.jsonl", "-m", "model", "--batch", "6"), "has 5 questions, but a step takes 6"),
        (
            ("questions.jsonl", "-m", "model", "--reward", "kind"),
            "reward='kind': none of format, length, listened, mix, own, taught",
        ),
        (("questions.jsonl", "-m", "model", "--reward", "own=much"), "--reward own=much: give a number"),
        (("questions.jsonl", "-m", "model", "--reward", "own=0"), "no reward has a weight"),
        (
            ("questions.jsonl", "-m", "model", "--reward", "team", "--teams", "1"),
            "reward='team' is the same for all paths of a team",
        ),
        (
            ("questions.jsonl", "-m", "model", "--reward", "taught", "--method", "independent"),
            "reward='taught' is about what a path reads",
        ),
        (("questions.jsonl", "-m", "model", "--teams", "1", "--paths", "1"), "a path is compared with others"),
        (("questions.jsonl", "-m", "model", "--method", "debate"), "method='debate': none of leap, independent"),
        (("questions.jsonl", "-m", "model", *SMALL, "--rounds", "0"), "no LeaP block is held (rounds=0"),
        (("questions.jsonl", "-m", "model", "--learning-rate", "3"), "learning_rate=3"),
        (("questions.jsonl", "-m", "nowhere/at/all"), "no such folder"),
        (("nothing.jsonl", "-m", "model"), "nothing.jsonl"),
        (("questions.jsonl", "-m", "model", "--engine-arg", "logprobs_mode=raw_logprobs"), "logprobs_mode: the run"),
        (("questions.jsonl", "-m", "model", "--lora-rank", "1000"), "vLLM serves ranks up to 256"),
        (("questions.jsonl", "-m", "model", "--out", "questions.jsonl", *SMALL), "this is a file"),
        (("questions.jsonl", "-m", "model", "--max-tokens", "9000"), "question 'q"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str, folder: Path, vllm: None) -> None:
    done = rl(*arguments)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert done.output.count("\n") == 1


def test_a_model_without_chat_template(folder: Path, vllm: None) -> None:
    settings = json.loads(Path("model/tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    Path("model/tokenizer_config.json").write_text(json.dumps(settings))
    Path("model/chat_template.jinja").unlink(missing_ok=True)
    done = rl("questions.jsonl", "-m", "model", *SMALL)
    assert done.exit_code == 2, done.output
    assert "has no chat template, by which paths are prompted" in done.output
    assert done.output.count("\n") == 1


def test_a_dry_run_says_what_a_run_takes_and_leaves_nothing(folder: Path, vllm: None) -> None:
    before = sorted(Path().rglob("*"))
    done = rl(
        "questions.jsonl",
        "-m",
        "model",
        "--max-tokens",
        "200",
        "--interval",
        "100",
        "--rounds",
        "1",
        "--reward",
        "taught=0.5",
        "--dry-run",
    )
    assert done.exit_code == 0, done.output
    assert "32 rows: 4 questions x 2 teams x 4 paths" in done.output
    assert "reward 0.5 taught" in done.output
    assert "memory" in done.output
    assert sorted(Path().rglob("*")) == before
