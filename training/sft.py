"""Supervised fine-tuning on rows, by TRL's `SFTTrainer`; a run that was stopped or killed goes on where it stood."""

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerleap.training.checkpoints import RunFolder, write_json
from peerleap.training.costs import Layout, check_memory, estimate
from peerleap.training.curve import draw_curve
from peerleap.training.data import RunOrder, dataset
from peerleap.training.machine import Machine, this_machine
from peerleap.training.plan import SftPlan

if TYPE_CHECKING:
    from peerleap.training.progress import OnStep

_PADDED = 32
"""On a processor, rows are padded to multiples of this: every further shape would take memory of its own."""


class Stopped(KeyboardInterrupt):
    """A run was stopped by Ctrl-C; the message gives the step."""


@dataclass(frozen=True, slots=True)
class SftResult:
    """A finished run."""

    folder: RunFolder
    steps: int
    loss: float | None
    """Mean of the last tenth of the steps; `None` where the run had been finished before."""
    resumed_at: int
    """The step at which this call went on; 0 where it began."""


def fine_tune(
    plan: SftPlan,
    *,
    device_batch: int | None = None,
    save_minutes: float = 15,
    on_step: "OnStep | None" = None,
    stop: Callable[[], bool] | None = None,
) -> SftResult:
    """Train, and put the result into the folder of the plan.

    Args:
        plan: what is trained, and how.
        device_batch: rows at once on a device, instead of as many as fit; changes no result but by rounding.
        save_minutes: how often a state is saved that a killed run goes on from.
        on_step: called after each optimizer step.
        stop: called after each step; if it returns true, the state is saved and the run ends.

    Raises:
        RowsError: the folder holds another run, or the machine's memory cannot hold the model.
        Stopped: `stop` returned true.
    """
    from peerleap.training.progress import Watch

    folder = RunFolder(plan.out)
    folder.open(plan.fingerprint())
    if folder.done:
        return SftResult(folder, plan.steps, None, plan.steps)
    machine = this_machine()
    needed = estimate(plan, machine, device_batch=device_batch)
    check_memory(plan, machine, needed)
    last = folder.last_checkpoint()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about libraries
        trainer = _trainer(plan, folder, machine, needed.layout)
        watch = Watch(plan, save_minutes=save_minutes, on_step=on_step, stop=stop)
        trainer.add_callback(watch)
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
    state = trainer.state
    if watch.stopped:
        raise Stopped(f"stopped at step {state.global_step} of {plan.steps}; the same command goes on from there")
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    tail = losses[-max(1, len(losses) // 10) :]
    if trainer.accelerator.is_main_process:
        write_json(folder.log, state.log_history)
        draw_curve(state.log_history, folder.curve, f"{plan.model}, {plan.recipe.epochs} epochs of {plan.source.name}")
    _save(trainer, plan, folder)
    return SftResult(folder, state.global_step, sum(tail) / len(tail), 0 if last is None else _step(last))


def _trainer(plan: SftPlan, folder: RunFolder, machine: Machine, layout: Layout) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
    from transformers.utils.logging import disable_progress_bar
    from trl import SFTConfig, SFTTrainer

    disable_progress_bar()
    recipe = plan.recipe
    config = SFTConfig(
        output_dir=str(folder.checkpoints),
        num_train_epochs=1,  # the order of the rows holds them all
        per_device_train_batch_size=layout.device_batch,
        gradient_accumulation_steps=layout.accumulate,
        gradient_checkpointing=layout.checkpointing,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup if recipe.warmup < 1 else int(recipe.warmup),
        weight_decay=recipe.weight_decay,
        optim="adamw_torch",
        bf16=layout.bf16,
        use_cpu=not machine.cuda,
        max_length=None,  # longer rows were refused; TRL would cut them in silence
        dataset_kwargs={"skip_prepare_dataset": True},
        pad_to_multiple_of=None if machine.cuda else _PADDED,
        logging_steps=1,
        save_strategy="no",  # `Watch` says when
        save_total_limit=2,
        disable_tqdm=True,
        report_to="none",
        seed=plan.seed,
        dataloader_pin_memory=machine.cuda,
    )
    weights = torch.bfloat16 if recipe.lora is not None and layout.bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(str(plan.folder), dtype=weights)
    order = RunOrder(
        [len(row.input_ids) for row in plan.rows], batch=recipe.batch, epochs=recipe.epochs, seed=plan.seed
    )

    class Trainer(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ARG002
            return order

    trainer = Trainer(
        model=model,
        args=config,
        train_dataset=dataset(plan.rows, comments=plan.comments),
        # Another one than the plan's: the trainer sets a padding token, which is not to be saved.
        processing_class=AutoTokenizer.from_pretrained(plan.folder),
        peft_config=_adapters(plan),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _adapters(plan: SftPlan) -> Any:
    lora = plan.recipe.lora
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        base_model_name_or_path=plan.folder,
    )


def _save(trainer: Any, plan: SftPlan, folder: RunFolder) -> None:
    """The model in the numbers of the one that it was made from, with its tokenizer as it was."""
    import torch

    new = folder.path / "model.new"
    if trainer.accelerator.is_main_process:
        shutil.rmtree(new, ignore_errors=True)
    alone = trainer.accelerator.num_processes == 1
    if alone and plan.recipe.lora is None:
        dtype = plan.config.dtype
        trainer.model.to(dtype if isinstance(dtype, torch.dtype) else torch.float32).save_pretrained(new)
    else:
        trainer.save_model(str(new))
    if trainer.accelerator.is_main_process:
        plan.tokenizer.save_pretrained(new)
        folder.finish(new)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
