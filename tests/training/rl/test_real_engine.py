"""Reinforcement learning in a real vLLM: what it samples with is what was trained, all weights and adapters."""

import gc
import json
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peerleap.cli.main import app
from peerleap.engine import SamplingParams, VLLMEngine, encode
from peerleap.engine.processes import children, descendants
from peerleap.training.miniature import chain_questions
from peerleap.training.rl import RlOptions, rl_plan, train_rl
from peerleap.training.rl.weights import save_weights


@pytest.mark.slow
def test_the_smoke_run(vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _one_core(monkeypatch)  # the run would set it for the tests that follow, too
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        done = CliRunner().invoke(app, ["train", "rl", "--smoke", "--out", str(tmp_path / "run")])
        gc.collect()
    assert done.exit_code == 0, done.output
    assert "[4/4] reward " in done.output
    steps = [json.loads(line) for line in (tmp_path / "run" / "steps.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2, 3, 4]
    assert steps[-1]["kl"] > 0  # the weights have moved, and the engine has followed:
    assert all(step["worst_gap"] < 1e-3 for step in steps)
    assert (tmp_path / "run" / "model" / "leap_settings.json").is_file()
    assert (tmp_path / "run" / "steps.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_adapters(vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _one_core(monkeypatch)
    chain_questions(tmp_path / "q.jsonl", 4, seed=3, terms=(8, 9))
    # A rate at which the adapters of the step before would be refused.
    options = RlOptions(steps=3, questions=2, teams=1, paths=2, lora_rank=4, learning_rate=0.02, max_gap=1e-3)
    plan = rl_plan(str(tmp_path / "q.jsonl"), "miniature", options, tmp_path / "run", settings={"rounds": 1})
    monkeypatch.setattr("peerleap.training.rl.team.reward", _by_place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = train_rl(plan)
        gc.collect()
    assert result.steps[-1]["gradient"] > 0
    assert (result.folder.model / "adapter_model.safetensors").is_file()


@pytest.mark.slow
async def test_an_engine_that_died_comes_back_with_the_weights_that_it_was_given(
    vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    _one_core(monkeypatch)
    engine = VLLMEngine("miniature", logprobs_mode="processed_logprobs")
    model = AutoModelForCausalLM.from_pretrained(engine.resolved.path, dtype=torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    prompt = encode(engine.tokenizer, "<|im_start|>What is 12 + 30 - 5?\n<think>\n")
    params = SamplingParams(max_tokens=40, temperature=1.0, top_p=1.0, seed=1, logprobs=0)

    async def apart() -> float:
        done = await engine.generate(prompt, params)
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *done.token_ids]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits, -1).gather(1, torch.tensor(done.token_ids)[:, None])[:, 0]
        return float((expected - torch.tensor(done.token_logprobs)).abs().max())

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert await apart() > 0.01
            save_weights(model, tmp_path / "weights")
            await engine.load_weights(tmp_path / "weights")
            assert await apart() < 1e-3
            assert engine._current is not None
            for process in descendants(children(engine._current.result()._thread)):
                os.kill(process, signal.SIGKILL)
            assert await apart() < 1e-3
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            engine.close()
            gc.collect()


def _by_place(names: Any, outcome: Any, **_: Any) -> dict[str, float]:
    return {path: float(number % 2) for number, path in enumerate(outcome.correct)}


def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", str(max(os.sched_getaffinity(0))))
