"""Reinforcement learning in a real vLLM: what it samples with is what was trained, all weights and adapters."""

import gc
import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peerleap.cli.main import app
from peerleap.training.miniature import chain_questions
from peerleap.training.rl import RlOptions, rl_plan, train_rl


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
    monkeypatch.setattr("peerleap.training.rl.teams.reward", _by_place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = train_rl(plan)
        gc.collect()
    assert result.steps[-1]["gradient"] > 0
    assert (result.folder.model / "adapter_model.safetensors").is_file()


def _by_place(names: Any, outcome: Any, **_: Any) -> dict[str, float]:
    return {path: float(number % 2) for number, path in enumerate(outcome.correct)}


def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", str(max(os.sched_getaffinity(0))))
