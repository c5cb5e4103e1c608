"""Fine-tuning with TRL's real trainer on tiny models: what is trained, how it goes on, and what comes out."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import resolve_model, vocabulary_hash
from peerleap.training import (
    RECIPES,
    RowsError,
    SftOptions,
    Stopped,
    estimate,
    fine_tune,
    load_tokenizer,
    read_rows,
    sft_plan,
    this_machine,
)
from peerleap.training.checkpoints import WHOLE, RunFolder
from peerleap.training.data import RunOrder, dataset

# Twelve steps of eight rows each.
FAST = SftOptions(epochs=4, learning_rate=3e-3, batch=8)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(folder / "model.safetensors")
    return found


def losses(folder: RunFolder) -> list[float]:
    return [entry["loss"] for entry in json.loads(folder.log.read_text()) if "loss" in entry]


def test_the_loss_falls_and_the_result_is_a_model(tiny_model: Path, make_rows: Any, tmp_path: Path) -> None:
    plan = sft_plan(make_rows(), str(tiny_model), FAST, tmp_path / "run")
    steps: list[Any] = []
    result = fine_tune(plan, on_step=steps.append)
    assert [step.step for step in steps] == list(range(1, 13))
    assert result.steps == plan.steps == 12
    found = losses(result.folder)
    assert found[-1] < found[0] - 1
    assert resolve_model(str(result.folder.model)).context_length == 4096
    assert vocabulary_hash(load_tokenizer(str(result.folder.model))) == plan.header.vocabulary
    assert result.folder.curve.read_bytes().startswith(b"\x89PNG")
    assert sorted(file.name for file in result.folder.path.iterdir()) == ["log.json", "loss.png", "model", "run.json"]


def test_only_trained_tokens_count(tiny_model: Path, make_rows: Any, tmp_path: Path) -> None:
    """The first loss is the mean over the trained tokens of the first step, by the model's own forward pass."""
    import torch
    from transformers import AutoModelForCausalLM

    options = SftOptions(epochs=1, learning_rate=1e-4, batch=8)
    for comments in (False, True):
        options = SftOptions(epochs=1, learning_rate=1e-4, batch=8, comments=comments)
        plan = sft_plan(make_rows(8), str(tiny_model), options, tmp_path / f"run{comments}")
        fine_tune(plan)
        model = AutoModelForCausalLM.from_pretrained(tiny_model)
        total, count = 0.0, 0
        for row in plan.rows:
            labels = row.labels(comments=comments)
            logits = model(torch.tensor([row.input_ids])).logits[0, :-1]
            kept = [place for place, label in enumerate(labels) if label != -100]
            logprobs = torch.log_softmax(logits, -1)
            total -= sum(float(logprobs[place - 1, row.input_ids[place]].detach()) for place in kept)
            count += len(kept)
        assert losses(RunFolder(plan.out))[0] == pytest.approx(total / count, rel=1e-4)


CHILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from peerleap.training import SftOptions, fine_tune, sft_plan
rows, model, out = sys.argv[1:]
def on_step(step):
    print(step.step, flush=True)
    if step.step == 8:
        sys.stdin.read()  # until it is killed
plan = sft_plan(rows, model, SftOptions(epochs=4, learning_rate=3e-3, batch=8), out)
fine_tune(plan, save_minutes=1e-6, on_step=on_step)
"""


def test_a_killed_run_goes_on_with_the_same_step_and_data(
    tiny_model: Path, make_rows: Any, tmp_path: Path, child_env: dict[str, str]
) -> None:
    rows = make_rows()
    command = [sys.executable, "-c", CHILD, str(rows), str(tiny_model), str(tmp_path / "killed")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_env, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == "8":
                break
        child.send_signal(signal.SIGKILL)
    folder = RunFolder(tmp_path / "killed")
    assert not folder.done
    # A kill in the middle of saving leaves a checkpoint that does not say that it is whole.
    torn = folder.checkpoints / "checkpoint-9"
    torn.mkdir(exist_ok=True)
    (torn / "model.safetensors").write_bytes(b"half")
    seen: list[int] = []
    again = fine_tune(sft_plan(rows, str(tiny_model), FAST, folder.path), on_step=lambda step: seen.append(step.step))
    assert not torn.exists()
    assert again.resumed_at in {6, 7, 8}
    assert seen == list(range(again.resumed_at + 1, 13))
    undisturbed = fine_tune(sft_plan(rows, str(tiny_model), FAST, tmp_path / "whole"))
    assert losses(folder) == pytest.approx(losses(undisturbed.folder), rel=1e-5)
    mine, other = weights(folder.model), weights(undisturbed.folder.model)
    assert mine.keys() == other.keys()
    for name, weight in mine.items():
        assert weight.sub(other[name]).abs().max() < 1e-5, name


@pytest.mark.parametrize("lora", [False, True])
def test_a_stopped_run_goes_on_and_a_finished_one_is_left_alone(
    lora: bool, tiny_model: Path, make_rows: Any, tmp_path: Path
) -> None:
    plan = sft_plan(make_rows(), str(tiny_model), replace(FAST, lora=lora), tmp_path / "run")
    seen: list[int] = []
    with pytest.raises(Stopped, match="stopped at step 3 of 12; the same command goes on"):
        fine_tune(plan, on_step=lambda step: seen.append(step.step), stop=lambda: len(seen) >= 2)
    assert (plan.out / "checkpoints" / "checkpoint-3" / WHOLE).is_file()
    again = fine_tune(plan)
    assert again.resumed_at == 3
    assert len(losses(again.folder)) == 12
    written = {file: file.stat().st_mtime_ns for file in again.folder.model.iterdir()}
    assert fine_tune(plan).loss is None
    assert {file: file.stat().st_mtime_ns for file in again.folder.model.iterdir()} == written


def test_a_folder_of_another_run_is_refused_before_a_model_loads(
    tiny_model: Path, make_rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows()
    RunFolder(tmp_path / "run").open(sft_plan(rows, str(tiny_model), FAST, tmp_path / "run").fingerprint())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    for options, out, message in (
        (SftOptions(epochs=5, batch=8), "run", "a run of other recipe"),
        (SftOptions(epochs=4, learning_rate=3e-3, batch=8, seed=1), "run", "a run of other seed"),
        (SftOptions(epochs=4, learning_rate=3e-3, batch=8, comments=True), "run", "a run of other comments, rows"),
        (FAST, "other", "holds other files"),
    ):
        with pytest.raises(RowsError, match=message):
            fine_tune(sft_plan(rows, str(tiny_model), options, tmp_path / out))
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_adapters_are_trained_and_the_model_stays(tiny_model: Path, make_rows: Any, tmp_path: Path) -> None:
    options = SftOptions(lora=True, lora_rank=4, epochs=4, learning_rate=2e-2, batch=8)
    plan = sft_plan(make_rows(), str(tiny_model), options, tmp_path / "run")
    assert plan.recipe.lora is not None
    assert (plan.recipe.lora.rank, plan.recipe.lora.alpha) == (4, 8)
    result = fine_tune(plan)
    found = losses(result.folder)
    assert found[-1] < found[0] - 0.3
    assert (result.folder.model / "adapter_config.json").is_file()
    assert not (result.folder.model / "model.safetensors").exists()
    needed = estimate(plan, this_machine())
    from safetensors.torch import load_file

    adapters = load_file(result.folder.model / "adapter_model.safetensors")
    assert sum(weight.numel() for weight in adapters.values()) == needed.trained_parameters


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_makes_a_step_on_its_architecture_with_two_layers(
    recipe: str, shrunk_model: Callable[[str], Path], make_rows: Any, tmp_path: Path
) -> None:
    for lora in (False, True):
        plan = sft_plan(
            make_rows(16), str(shrunk_model(recipe)), SftOptions(recipe, lora=lora, epochs=1), tmp_path / f"run{lora}"
        )
        architecture = RECIPES[recipe].architecture
        config = plan.config
        assert config.num_attention_heads == architecture["num_attention_heads"]
        assert config.num_key_value_heads == architecture["num_key_value_heads"]
        assert not config.tie_word_embeddings
        assert plan.steps == 1
        assert fine_tune(plan).steps == 1


PARAMETERS = {"1.5b": 1_777_088_000, "7b": 7_615_616_512, "14b": 14_770_033_664}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_knows_its_model_and_what_it_takes(recipe: str, make_rows: Any, tmp_path: Path) -> None:
    plan = sft_plan(make_rows(), None, SftOptions(recipe), tmp_path / "run")
    machine = this_machine()
    full = estimate(plan, machine)
    assert full.parameters == PARAMETERS[recipe]
    # Weights, gradients and two moments of Adam in float32.
    assert full.static_bytes >= 16 * PARAMETERS[recipe]
    adapters = estimate(sft_plan(make_rows(), None, SftOptions(recipe, lora=True), tmp_path / "run"), machine)
    assert adapters.static_bytes < full.static_bytes / 3
    assert adapters.trained_parameters < PARAMETERS[recipe] / 50
    assert (plan.recipe.batch, plan.recipe.learning_rate, plan.recipe.warmup) == (16, 1e-5, 0.05)
    assert plan.recipe.epochs == (5 if recipe == "14b" else 8)
    assert not (tmp_path / "run").exists()


def test_the_recipe_follows_the_size_of_the_model() -> None:
    names = [SftOptions().resolve(size).name for size in (135_000_000, 1_777_088_000, 7_615_616_512, 14_770_033_664)]
    assert names == ["1.5b", "1.5b", "7b", "14b"]


def test_rows_come_in_the_order_of_the_seed_and_alike_lengths_together() -> None:
    lengths = [number % 7 for number in range(20)]
    orders = [list(RunOrder(lengths, batch=8, epochs=3, seed=seed)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(list(range(20)) * 3)
    assert sorted(orders[0][:16]) != list(range(16))  # drawn, not in the order of the file
    for start in range(0, 60, 8):
        step = [lengths[index] for index in orders[0][start : start + 8]]
        assert step == sorted(step)


def test_rows_are_a_dataset_for_any_trainer(make_rows: Any) -> None:
    _, rows = read_rows(make_rows(3))
    found = dataset(rows)
    assert found.column_names == ["input_ids", "labels"]
    assert found[2]["input_ids"] == rows[2].input_ids
    assert found[2]["labels"] == rows[2].labels()


def test_what_cannot_be_trained_is_refused_before_a_weight_is_read(
    tiny_model: Path, make_rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    good = make_rows(4)
    lines = good.read_text().splitlines()
    untrained = tmp_path / "untrained.jsonl"
    untrained.write_text("\n".join([*lines[:2], lines[2].replace("true", "false")]) + "\n")
    long = max(len(row.input_ids) for row in read_rows(good)[1])
    for rows, model, options, message in (
        (untrained, tiny_model, FAST, ":3: no token of the row is trained"),
        (good, tiny_model, SftOptions(max_length=long - 1), f"has {long} tokens, but max_length={long - 1}"),
        (make_rows(4, name="other.jsonl", vocabulary="another"), tiny_model, FAST, "has another one: make the traces"),
        (good, tmp_path / "nowhere", FAST, "no such folder"),
        (tmp_path / "none.jsonl", tiny_model, FAST, "cannot be read: No such file"),
        (good, tiny_model, SftOptions(recipe="3b"), "recipe='3b': none of 1.5b, 7b, 14b"),
        (good, tiny_model, SftOptions(epochs=0), "epochs=0: at least 1"),
        (good, tiny_model, SftOptions(learning_rate=2.0), "learning_rate=2.0"),
        (good, tiny_model, SftOptions(lora=True, lora_rank=0), "lora_rank=0"),
    ):
        with pytest.raises(ValueError, match=message):
            sft_plan(rows, str(model), options, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_row_longer_than_the_models_context_is_refused(make_rows: Any, tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    short = tmp_path / "short"
    shutil.copytree(tiny_model, short)
    config = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 64}))
    with pytest.raises(RowsError, match="reads 64 at most: select again with --max-tokens 64"):
        sft_plan(make_rows(2), str(short), FAST, tmp_path / "run")


def test_memory_that_is_not_there_is_said_before_a_model_loads(
    make_rows: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerleap.training.sft.this_machine", lambda: replace(this_machine(), memory=1 << 20))
    with pytest.raises(RowsError, match=r"Adam's moments take about .* give --lora"):
        fine_tune(sft_plan(make_rows(4), str(tiny_model), FAST, tmp_path / "run"))


def test_the_batch_must_be_shared_out_evenly(make_rows: Any, tiny_model: Path, tmp_path: Path) -> None:
    plan = sft_plan(make_rows(4), str(tiny_model), FAST, tmp_path / "run")
    with pytest.raises(RowsError, match="device_batch=3: give a divisor of 8"):
        estimate(plan, this_machine(), device_batch=3)
    assert estimate(plan, this_machine(), device_batch=2).layout.accumulate == 4
