"""Fine-tuning from the command line: check, train with a progress bar, try the result."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from peerleap.cli.display import describe_plan, step_view
from peerleap.cli.interrupt import until_interrupted


def run_sft(
    rows: Path,
    model: str | None,
    out: Path,
    options: Any,
    *,
    device_batch: int | None,
    save_minutes: float,
    dry_run: bool,
    question: str | None,
) -> None:
    """Train, or only estimate the cost; with `question=None` the trained model is not tried.

    Raises:
        RowsError, ModelError: the rows or the model cannot be used for training.
        MissingExtra: a package is not installed.
        KeyboardInterrupt: Ctrl-C; the state is saved.
    """
    from peerleap.training import RowsError, check_memory, estimate, fine_tune, need_packages, sft_plan, this_machine

    messages = Console(stderr=True)
    if model is None and not (dry_run and options.recipe):
        raise ValueError("--model: name the model to train (with --dry-run, --recipe alone is enough)")
    if not save_minutes > 0:
        raise ValueError(f"--save-minutes {save_minutes:g}: give a number above 0")
    need_packages()
    plan = sft_plan(rows, model, options, out)
    machine = this_machine()
    if dry_run:
        needed = estimate(plan, machine, measure=True, device_batch=device_batch)
        describe_plan(plan, machine, needed, Console())
        try:
            check_memory(plan, machine, needed)
        except RowsError as error:
            print(f"does not fit here: {error}")
        return
    describe_plan(plan, machine, estimate(plan, machine, device_batch=device_batch), messages)
    with until_interrupted(messages) as stop, step_view(messages, plan.steps) as on_step:
        result = fine_tune(plan, device_batch=device_batch, save_minutes=save_minutes, on_step=on_step, stop=stop)
    if result.loss is not None:
        messages.print(f"done: {result.steps} steps, loss {result.loss:.3f}; {result.folder.curve}", highlight=False)
    lora = f" --engine-arg lora_path={result.folder.model}" if plan.recipe.lora else ""
    base = plan.model if plan.recipe.lora else result.folder.model
    print(f'peerleap ask --model {base}{lora} "..."')
    if question is not None:
        _try(plan, result, question, messages)


def _try(plan: Any, result: Any, question: str, messages: Console) -> None:
    """Ask the trained model one question; an error here does not affect the training."""
    from peerleap.engine import EngineError
    from peerleap.graph import AllPathsFailed
    from peerleap.training import opens_by_itself, try_model

    folder = str(result.folder.model)
    base, adapters = (plan.model, {"lora_path": folder}) if plan.recipe.lora else (folder, {})
    try:
        trial = try_model(base, *([question] if question else []), **adapters)
    except (EngineError, AllPathsFailed, ValueError) as error:
        print(f"peerleap: the result could not be tried: {error}", file=sys.stderr)
        return
    messages.print(f"tried on {trial.question!r}: {trial.answer!r}; {opens_by_itself(trial)}", highlight=False)
