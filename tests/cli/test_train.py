"""`peerleap train` as a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peerleap.cli.main import app
from peerleap.engine import SamplingParams, ScriptedEngine

SCRIPTED = {"interval": "60", "max-tokens": "3000", "summary-tokens": "80"}


def script(text: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have 4.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    if not (params.stop or params.stop_token_ids):
        return "\\boxed{4}"
    behind = text.rpartition("<think>")[2]
    return ("" if "</comment>" in behind else "thinking about it " * 40) + f"It is {(params.seed or 0) % 97}.</think>"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A scripted engine whose tokenizer is in the folder `model`, and questions; the working directory."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    engine = ScriptedEngine(script, thinking=True, model=str(tmp_path / "model"))
    monkeypatch.setattr("peerleap.engine.get_engine", lambda *_, **__: engine)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(engine.tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=48, max_position_embeddings=4096, bos_token_id=None,
        eos_token_id=engine.tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained("model")
    engine.tokenizer.save_pretrained("model")
    rows = [{"id": f"q{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(3)]
    Path("questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def peerleap(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["train", *arguments])


def test_from_questions_to_a_trained_model(scripted: Path) -> None:
    options = [part for name, value in SCRIPTED.items() for part in (f"--{name}", value)]
    done = peerleap("synthesize", "questions.jsonl", "--paths", "2", "--rounds", "1", *options)
    assert done.exit_code == 0, done.output
    assert "6 of 6 paths can be trained on, of 3 questions; 6 of them have LeaP blocks" in done.output
    done = peerleap("select", "traces.jsonl", "--per-question", "1")
    assert done.exit_code == 0, done.output
    assert "rows.jsonl: 3 rows of 3 questions, 3 with LeaP blocks" in done.output
    assert "enough of its question" in done.output
    done = peerleap("show", "rows.jsonl", "--row", "2")
    assert done.exit_code == 0, done.output
    assert "‹prompt: <|im_start|>user" in done.output
    assert "<summarize>" in done.output.replace("‹comment:", "")
    assert "‹comment: \n\n<comment>" in done.output
    done = peerleap("sft", "rows.jsonl", "--model", "model", "--out", "run", "--epochs", "1", "--no-trial")
    assert done.exit_code == 0, done.output
    assert "done: 1 steps, loss " in done.output
    assert "peerleap ask --model run/model" in done.output
    assert Path("run/model/model.safetensors").is_file()
    done = peerleap("sft", "rows.jsonl", "--model", "model", "--out", "run", "--epochs", "1", "--no-trial")
    assert done.exit_code == 0, done.output
    assert "loss " not in done.output  # it was done before


def test_a_dry_run_says_what_a_recipe_takes_and_leaves_nothing(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = [part for name, value in SCRIPTED.items() for part in (f"--{name}", value)]
    peerleap("synthesize", "questions.jsonl", "--paths", "2", "--rounds", "1", *options)
    peerleap("select", "traces.jsonl")
    monkeypatch.setattr("peerleap.training.costs.layer_speed", lambda *_: 1e12)
    for recipe, size in (("1.5b", "1.78B"), ("7b", "7.62B"), ("14b", "14.77B")):
        for lora in ([], ["--lora"]):
            done = peerleap("sft", "rows.jsonl", "--recipe", recipe, "--dry-run", *lora)
            assert done.exit_code == 0, done.output
            assert f"{recipe}, {size} parameters" in done.output
            for line in ("memory", "disk", "time", "machine"):
                assert f"\n {line} " in done.output
    assert not Path("leap-t").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["select", "nowhere.jsonl"], "No such file"),
        (["show", "nowhere.jsonl"], "cannot be read: No such file"),
        (["sft", "nowhere.jsonl", "--dry-run"], "--model: name the model to train"),
        (["sft", "nowhere.jsonl", "--model", "m"], "cannot be read: No such file"),
        (["sft", "nowhere.jsonl", "--model", "m", "--recipe", "3b"], "recipe='3b': none of 1.5b, 7b, 14b"),
        (["sft", "nowhere.jsonl", "--model", "m", "--save-minutes", "0"], "--save-minutes 0"),
        (["synthesize", "nowhere.jsonl", "--method", "moa"], "method='moa': traces are made by leap or independent"),
        (["synthesize", "nowhere.jsonl"], "no such file"),
        (["select", "questions.jsonl"], "questions.jsonl"),
        (["show", "questions.jsonl"], "is not a file of rows"),
    ],
)
def test_what_cannot_be_used_is_one_line(scripted: Path, arguments: list[str], message: str) -> None:
    done = peerleap(*arguments)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert done.output.count("\n") == 1
