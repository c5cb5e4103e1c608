"""What a person sees of a training by reward: the plan, and its steps as a table that grows."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

_GIB = 1 << 30
_SHOWN = 12
_LOG_SECONDS = 30.0
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("reward", "reward", ".3f"),
    ("right", "right", ".0%"),
    ("team", "team_right", ".0%"),
    ("answer entropy", "answer_entropy", ".2f"),
    ("own tokens", "own_tokens", ".0f"),
    ("comments", "comments", ".1f"),
    ("KL", "kl", ".4f"),
    ("gap", "gap", ".1e"),
    ("seconds", "seconds", ".1f"),
)
_PARTS = {"rollout": "rollouts", "grading": "grading", "weights": "weights", "training": "training"}


def describe_rl(plan: Any, machine: Any, found: Any, out: Console) -> None:
    """What is trained and what it takes."""
    options, settings = plan.options, plan.run_settings
    table = Table(show_header=False, box=None)
    what = "all weights" if options.lora_rank is None else f"adapters of rank {options.lora_rank}"
    table.add_row("model", Text(f"{plan.model}, {found.parameters / 1e6:,.1f}M parameters; {what}"))
    table.add_row("questions", Text(f"{len(plan.problems)} of {plan.source}"))
    talk = "paths do not talk"
    if options.method == "leap":
        blocks = settings.communicate_at or f"every {settings.interval}"
        talk = f"LeaP blocks after {blocks} tokens, at most {settings.top_k} summaries read"
        talk += "" if settings.rounds is None else f", at most {settings.rounds} blocks"
    rewards = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in options.rewards.items())
    table.add_row("method", Text(f"{options.method}: {talk}; reward {rewards}"))
    table.add_row(
        "step",
        f"{options.rows} rows: {options.questions} questions x {options.teams} teams x {options.paths} paths; "
        f"a row up to about {found.row_tokens:,} tokens",
    )
    kl = f"KL weight {options.kl:g}" if options.kl else "no KL"
    table.add_row(
        "learning",
        f"{options.steps} steps, learning rate {options.rate:g}, temperature {options.temperature:g}, {kl}, "
        f"advantages {options.advantages}",
    )
    again = ", activations computed twice" if found.checkpointing else ""
    table.add_row("machine", Text(f"{machine.name}, {machine.memory / _GIB:.1f} GiB free"))
    table.add_row("", f"{found.device_batch} rows at once{again}")
    table.add_row(
        "memory",
        f"about {found.bytes / _GIB:.1f} GiB and the engine's KV cache: trainer {found.trainer_bytes / _GIB:.1f}, "
        f"reference {found.reference_bytes / _GIB:.1f}, engine {found.engine_bytes / _GIB:.1f}",
    )
    table.add_row("disk", f"about {found.disk_bytes / _GIB:.1f} GiB")
    out.print(table)


class _Progress:
    """Steps so far, and the tokens of the one that is under way."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.steps: deque[Mapping[str, float]] = deque(maxlen=_SHOWN)
        self.tokens = 0
        self.began = self.step_began = time.monotonic()
        self.made = 0

    def add(self, step: Any) -> None:
        self.steps.append(step.measures)
        self.made += 1
        self.tokens, self.step_began = 0, time.monotonic()

    def status(self) -> str:
        number = int(self.steps[-1]["step"]) if self.steps else 0
        text = "" if self.tokens == 0 else f"; {self.tokens:,} tokens in the step under way"
        if self.made:
            left = (time.monotonic() - self.began) / self.made * (self.options.steps - number)
            text += f"; about {timedelta(seconds=round(left))} left"
        return f"step {number} of {self.options.steps}{text}"

    def __rich__(self) -> Group:
        table = Table("step", *(title for title, _, _ in _COLUMNS), box=None)
        for step in self.steps:
            table.add_row(f"{step['step']:.0f}", *(_cell(step, name, form) for _, name, form in _COLUMNS))
        parts = Text("")
        if self.steps:
            parts = Text(shares(self.steps[-1]))
        return Group(table, parts, Text(self.status() if self.made or self.tokens else "starting the engine"))


View = tuple[Callable[[Any], None], Callable[[int], None]]


@contextmanager
def rl_view(messages: Console, options: Any) -> Iterator[View]:
    """A table that grows in a terminal; elsewhere a line for each step, and twice a minute while none ends."""
    progress = _Progress(options)
    if messages.is_terminal:
        from rich.live import Live

        def count(tokens: int) -> None:
            progress.tokens += tokens

        with Live(progress, console=messages, refresh_per_second=4):
            yield progress.add, count
        return
    logged = time.monotonic()

    def log(text: str) -> None:
        nonlocal logged
        logged = time.monotonic()
        messages.print(Text(text), soft_wrap=True)

    def show(step: Any) -> None:
        progress.add(step)
        values = ", ".join(f"{title} {_cell(step.measures, name, form)}" for title, name, form in _COLUMNS)
        log(f"[{step.step}/{step.total}] {values}")
        if step.step == step.total:
            log(shares(step.measures))

    def count_and_log(tokens: int) -> None:
        progress.tokens += tokens
        if time.monotonic() - logged >= _LOG_SECONDS:
            log(progress.status())

    yield show, count_and_log


def shares(step: Mapping[str, float]) -> str:
    """Where the time of a step went."""
    total = step["seconds"] or 1.0
    parts = ", ".join(f"{title} {step.get(f'seconds_{part}', 0.0) / total:.0%}" for part, title in _PARTS.items())
    return f"of the last step's time: {parts}"


def _cell(step: Mapping[str, float], name: str, form: str) -> str:
    return format(step[name], form) if name in step else "-"
