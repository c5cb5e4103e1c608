"""What a person sees of an eval: how far it is, and its tables."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from peerleap.cli.display.plain import plain

_LOG_SECONDS = 30.0
_BAR_SECONDS = 1.0
_WINDOW = 60.0


class _Written:
    """Tokens so far, and how fast the last minute's came."""

    def __init__(self) -> None:
        self._total = 0
        self._samples = deque([(time.monotonic(), 0)])
        self._printed = self._samples[0][0]

    def add(self, tokens: int) -> None:
        self._total += tokens
        self._samples.append((time.monotonic(), self._total))
        while len(self._samples) > 2 and self._samples[1][0] < self._samples[-1][0] - _WINDOW:
            self._samples.popleft()

    def due(self, seconds: float) -> bool:
        """True if nothing was printed for that many seconds; then it counts as printed now."""
        now = time.monotonic()
        if now - self._printed < seconds:
            return False
        self._printed = now
        return True

    def __str__(self) -> str:
        since, before = self._samples[0]
        speed = (self._total - before) / max(1e-3, time.monotonic() - since)
        return f"{self._total:,} tokens, {speed:,.0f} tokens/s"


View = tuple[Callable[[Any], None], Callable[[int], None]]
"""Called at each question's end, and with the tokens of each request."""


@contextmanager
def progress_view(messages: Console, total: int, done: int) -> Iterator[View]:
    """A bar in a terminal; elsewhere a line for each question, and twice a minute while none ends."""
    written = _Written()
    right = paths = 0

    def so_far(event: Any = None) -> str:
        nonlocal right, paths
        if event is not None:
            right, paths = right + event.correct, paths + event.paths
        return f"Pass@1 so far {right / paths:.1%}, {written}" if paths else str(written)

    if not messages.is_terminal:
        ended = done

        def log(event: Any) -> None:
            nonlocal ended
            ended = event.done
            outcome = f"failed: {event.error}" if event.error else f"{event.correct}/{event.paths} right"
            text = f"[{event.done}/{event.total}] {event.question} run {event.run}: {outcome}; {so_far(event)}"
            written.due(0)
            messages.print(Text(plain(text)), soft_wrap=True)

        def count(tokens: int) -> None:
            written.add(tokens)
            if written.due(_LOG_SECONDS):
                messages.print(Text(f"[{ended}/{total}] {so_far()}"), soft_wrap=True)

        yield log, count
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("starting the engine", total=total, completed=done)

        def show(event: Any) -> None:
            if event.error:
                bar.console.print(Text(plain(f"{event.question} run {event.run} failed: {event.error}")))
            bar.update(task, completed=event.done, description=so_far(event))

        def count(tokens: int) -> None:
            written.add(tokens)
            if written.due(_BAR_SECONDS):
                bar.update(task, description=so_far())

        yield show, count


def show_methods(results: Sequence[Any], out: Console) -> None:
    """One block of lines a method: a table of twelve columns fits no terminal."""
    from peerleap.evals.report import METHOD_HEAD, method_rows, shown_columns

    rows = method_rows(results)
    table = Table(METHOD_HEAD[0], *(escape(plain(row[0])) for row in rows))
    for column in shown_columns(rows)[1:]:
        table.add_row(METHOD_HEAD[column], *(Text(plain(row[column])) for row in rows))
    out.print(table)


def show_comparisons(comparisons: Sequence[Any], out: Console) -> None:
    """A table for each two methods, the primary comparison in bold."""
    for (new, old), rows in groupby(comparisons, key=lambda c: (c.new, c.old)):
        table = Table("metric", "at", "new / old, %", "new - old", "questions won, lost", title_justify="left")
        table.title = Text(f"new: {plain(new)}\nold: {plain(old)}")
        for row in rows:
            values = f"{100 * row.new_value:.1f} / {100 * row.old_value:.1f}"
            cells = (row.metric, row.at, values, row.points, row.won_lost)
            table.add_row(*(Text(plain(cell)) for cell in cells), style="bold" if row.primary else None)
        out.print(table)


def show_levels(rows: Sequence[Any], base: Any, out: Console) -> None:
    """A row for each level of difficulty and each file, and where the levels come from."""
    from peerleap.evals.report import LEVEL_HEAD, level_cells, level_sentence

    table = Table(*LEVEL_HEAD)
    for cells in level_cells(rows):
        table.add_row(*(Text(plain(cell)) for cell in cells))
    out.print(table)
    out.print(Text(plain(level_sentence(base))), soft_wrap=True)
