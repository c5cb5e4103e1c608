"""What a person sees of an eval: how far it is, and its tables."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


@contextmanager
def progress_view(messages: Console, total: int, done: int) -> Iterator[Callable[[Any], None]]:
    """A bar in a terminal, a line for each question elsewhere."""
    start = time.monotonic()
    right = seen = tokens = 0

    def line(event: Any) -> str:
        nonlocal right, seen, tokens
        right, seen, tokens = right + event.correct, seen + event.paths, tokens + event.generated
        speed = tokens / max(1e-9, time.monotonic() - start)
        return f"Pass@1 so far {right / max(1, seen):.1%}, {speed:,.0f} tokens/s"

    if not messages.is_terminal:

        def log(event: Any) -> None:
            told = f"failed: {event.error}" if event.error else f"{event.correct}/{event.paths} right"
            text = f"[{event.done}/{event.total}] {event.question} run {event.run}: {told}; {line(event)}"
            messages.print(Text(text), soft_wrap=True)

        yield log
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("starting the engine", total=total, completed=done)

        def show(event: Any) -> None:
            if event.error:
                bar.console.print(Text(f"{event.question} run {event.run} failed: {event.error}"))
            bar.update(task, completed=event.done, description=line(event))

        yield show


def show_methods(results: Sequence[Any], out: Console) -> None:
    """One block of lines a method: a table of twelve columns fits no terminal."""
    from peerleap.evals.report import METHOD_HEAD, method_rows, shown_columns

    rows = method_rows(results)
    table = Table(METHOD_HEAD[0], *(escape(row[0]) for row in rows))
    for column in shown_columns(rows)[1:]:
        table.add_row(METHOD_HEAD[column], *(Text(row[column]) for row in rows))
    out.print(table)


def show_comparisons(comparisons: Sequence[Any], out: Console) -> None:
    """A table for each two methods, the primary comparison in bold."""
    for (new, old), rows in groupby(comparisons, key=lambda c: (c.new, c.old)):
        table = Table("metric", "at", "new / old, %", "new - old", "questions won, lost", title_justify="left")
        table.title = Text(f"new: {new}\nold: {old}")
        for row in rows:
            values = f"{100 * row.new_value:.1f} / {100 * row.old_value:.1f}"
            cells = (row.metric, row.at, values, row.points, row.won_lost)
            table.add_row(*(Text(cell) for cell in cells), style="bold" if row.primary else None)
        out.print(table)
