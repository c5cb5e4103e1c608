"""What a person sees of a training: the selection, the rows, the plan, the steps."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_GIB = 1 << 30
_LOG_SECONDS = 30.0


def show_selection(chosen: Any, out: Path, match: int | None) -> None:
    """How many rows there are, and what became of the other paths."""
    messages = Console(stderr=True)
    table = Table("paths", "dropped because", title_justify="left")
    for reason, count in chosen.dropped.items():
        table.add_row(str(count), Text(reason))
    if chosen.dropped:
        messages.print(table)
    with_blocks = sum(row.blocks > 0 for row in chosen.rows)
    tokens = sum(len(row.input_ids) for row in chosen.rows)
    print(
        f"{out}: {len(chosen.rows)} rows of {chosen.questions} questions, {with_blocks} with LeaP blocks; "
        f"{chosen.trained:,} of {tokens:,} tokens are trained"
    )
    if match is not None and chosen.trained < match:
        print(f"fewer trained tokens than the {match:,} of --match: make more traces, or give a higher --per-question")
    elif not with_blocks and chosen.header.made_from["config"].get("method") == "leap":
        print("no row has a LeaP block: nothing here teaches a model to listen; give the traces a shorter --interval")


def show_rows(rows: Sequence[Any], header: Any, tokenizer: Any, *, comments: bool) -> None:
    """The rows, trained tokens in one colour and the others in another."""
    from peerleap.engine import vocabulary_hash
    from peerleap.training import READ, TRAINED, show_row

    if vocabulary_hash(tokenizer) != header.vocabulary:
        raise ValueError(f"the rows hold ids of the vocabulary of {header.model!r}; --model has another one")
    out = Console(highlight=False, soft_wrap=True)
    marks = out.color_system is None
    if marks:
        out.print(Text("‹kind: text› is only read; all else is trained"))
    else:
        out.print(Text.assemble(("trained", TRAINED), "  ", ("only read", READ)))
    for row in rows:
        out.print(show_row(row, tokenizer, comments=comments, marks=marks))


def describe_plan(plan: Any, machine: Any, needed: Any, out: Console) -> None:
    """What is trained and what it takes."""
    recipe, layout = plan.recipe, needed.layout
    what = f"adapters of rank {recipe.lora.rank}" if recipe.lora else "all weights"
    table = Table(show_header=False, box=None)
    table.add_row("model", Text(f"{plan.model}, {needed.parameters / 1e9:.2f}B parameters; {what}"))
    table.add_row(
        "rows",
        f"{len(plan.rows)}, {plan.tokens:,} tokens, {plan.trained:,} of them trained; longest {plan.longest:,}",
    )
    table.add_row(
        "recipe",
        f"{recipe.name}: {recipe.epochs} epochs, {plan.steps} steps of {recipe.batch} rows, learning rate "
        f"{recipe.learning_rate:g} (cosine, warm-up {recipe.warmup:g}), weight decay {recipe.weight_decay:g}",
    )
    again = ", activations computed twice" if layout.checkpointing else ""
    numbers = "bfloat16" if layout.bf16 else "float32"
    table.add_row("machine", Text(f"{machine.name}, {machine.memory / _GIB:.1f} GiB free, {machine.devices} device(s)"))
    table.add_row("", f"{layout.device_batch} rows at once, {layout.accumulate} times a step, {numbers}{again}")
    table.add_row(
        "memory",
        f"about {needed.bytes / _GIB:.1f} GiB: {needed.static_bytes / _GIB:.1f} for weights, gradients and Adam, "
        f"{needed.activation_bytes / _GIB:.1f} for activations",
    )
    table.add_row("disk", f"about {needed.disk_bytes / _GIB:.1f} GiB")
    if needed.seconds is not None:
        table.add_row("time", f"about {_duration(needed.seconds)} on one such device, by the speed of one layer here")
    out.print(table)


def _duration(seconds: float) -> str:
    rough = round(seconds, -1) if seconds > 60 else round(seconds)
    return str(timedelta(seconds=int(max(1, rough))))


@contextmanager
def step_view(messages: Console, total: int) -> Iterator[Callable[[Any], None]]:
    """A bar in a terminal; elsewhere a line twice a minute at most, and for the last step."""
    if not messages.is_terminal:
        shown = -_LOG_SECONDS

        def log(step: Any) -> None:
            nonlocal shown
            if step.step == step.total or time.monotonic() - shown >= _LOG_SECONDS:
                shown = time.monotonic()
                left = _duration(step.seconds_left)
                messages.print(f"[{step.step}/{step.total}] {_line(step)}, {left} left", markup=False, soft_wrap=True)

        yield log
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("loading the model", total=total)

        def show(step: Any) -> None:
            bar.update(task, completed=step.step, description=_line(step))

        yield show


def _line(step: Any) -> str:
    return f"loss {step.loss:.3f}, {step.tokens_per_second:,.0f} tokens/s"
