"""Reinforcement learning from the command line: check, train with a live table, say what came out."""

import filecmp
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from peerleap.cli.display import describe_rl, rl_view
from peerleap.cli.interrupt import until_interrupted

_SMOKE_QUESTIONS = 24


def run_rl(
    questions: Any,
    model: Any,
    out: Path,
    options: Any,
    settings: Mapping[str, Any],
    engine_args: Mapping[str, Any],
    *,
    limit: int | None,
    data_seed: int | None,
    dry_run: bool,
) -> None:
    """Train, or only check and estimate.

    Raises:
        RolloutError, DataError, SettingsError, ModelError: something cannot be used; nothing was loaded.
        EngineError: the engine is missing, or broke.
        MissingExtra: a package is not installed.
        KeyboardInterrupt: Ctrl-C; the state is saved.
    """
    from peerleap.training import need_packages, this_machine
    from peerleap.training.rl import check_memory, needs, rl_plan, train_rl

    messages = Console(stderr=True)
    need_packages()
    plan = rl_plan(
        questions, model, options, out, settings=settings, engine_args=engine_args, limit=limit, data_seed=data_seed
    )
    machine = this_machine()
    describe_rl(plan, machine, needs(plan, machine), Console() if dry_run else messages)
    if dry_run:
        check_memory(plan, machine)
        return
    with until_interrupted(messages) as stop, rl_view(messages, options) as (on_step, on_tokens):
        result = train_rl(plan, on_step=on_step, on_tokens=on_tokens, stop=stop)
    folder = result.folder
    messages.print(f"done: {len(result.steps)} steps; {folder.path / 'steps.png'}", highlight=False, soft_wrap=True)
    lora = f" --engine-arg lora_path={folder.model}" if options.lora_rank else ""
    print(f'peerleap ask --model {plan.model if lora else folder.model}{lora} "..."')


def smoke_questions(out: Path) -> str:
    """Short chain sums for `--smoke`, in a file beside the folder of the run; the machine is set up for them, too."""
    import torch

    from peerleap.training.miniature import chain_questions

    # Such a small model is no slower on one thread, and on a busy machine several would wait for each other.
    torch.set_num_threads(1)
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", str(max(os.sched_getaffinity(0))))
    path = out.with_name(f"{out.name}.jsonl")
    made = path.with_name(f".{path.name}.new")
    try:
        chain_questions(made, _SMOKE_QUESTIONS, seed=12, terms=(4, 6))
        if path.exists() and not filecmp.cmp(path, made, shallow=False):
            raise ValueError(
                f"--out {str(out)!r}: the questions would be written into {str(path)!r}, which holds something else; "
                "give another name"
            )
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return str(path)
