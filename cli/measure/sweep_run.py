"""A sweep, from its checked cells to its table and its picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.display import one_line, plain, write_whole
from peerleap.cli.eval_run import check_questions, checked_header, fill, say

_SHOWN = ("Pass@1, %", "from independent", "Cons@N, %", "generated tokens a path")


def run_sweep(
    cells: Sequence[Any],
    axis: Any,
    model: str | None,
    arguments: dict[str, Any],
    folder: Path,
    *,
    server: str | None = None,
    plot: bool = True,
    quiet: bool = False,
) -> int:
    """Run every cell's missing questions in one engine; then print the table, and write it and the curves.

    Args:
        cells: what `sweep_cells` returns.
        axis: the horizontal one.
        model: hub id or folder, or `None` for the default.
        arguments: engine arguments.
        folder: where the results go; made where it is missing.
        server: base URLs of the servers that run the model, or `None`.
        plot: whether to draw the curves.
        quiet: show no progress.

    Returns:
        How many questions have failed twice, over all cells.

    Raises:
        RecordsError: a file in the folder has another configuration than its cell; nothing has run then.
    """
    from peerleap.engine import get_engine
    from peerleap.evals import Grader, Records, check_blocks
    from peerleap.evals.report import check_plot

    messages = Console(stderr=True, quiet=quiet)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {str(folder)!r}: this is a file; give the name of a folder")
    if plot:
        check_plot(Path("sweep.png"))  # its folder is made later
    failed = 0
    with Grader(cells[0].plan.grader) as grader:
        check_questions(cells[0].plan, grader)
        engine = get_engine(model, server=server, **arguments)
        check_blocks(cells, engine)
        notes = list[str]()
        heads = [checked_header(cell.plan, engine, arguments, notes.append) for cell in cells]
        for note in dict.fromkeys(notes):  # most cells have the same
            say(note, quiet=quiet)
        files = [folder / f"{cell.name}.jsonl" for cell in cells]
        for head, file in zip(heads, files, strict=True):
            if file.exists():
                Records.open(file, head).close()
        for number, (cell, head, file) in enumerate(zip(cells, heads, files, strict=True), start=1):
            messages.print(Text(f"cell {number} of {len(cells)}: {cell.name}"), style="bold")
            failed += fill(cell.plan, engine, head, file, grader, quiet=quiet)
    _report(cells, axis, folder, files, messages, plot=plot)
    if failed:
        messages.print(Text(f"{failed} questions failed twice; they are recorded as wrong"))
    return failed


def _report(
    cells: Sequence[Any], axis: Any, folder: Path, files: Sequence[Path], messages: Console, *, plot: bool
) -> None:
    from peerleap.evals import Results
    from peerleap.evals.report import (
        SWEEP_HEAD,
        cautions,
        plot_sweep,
        slope_sentence,
        slopes,
        sweep_markdown,
        sweep_points,
        sweep_rows,
    )

    read = [(cell, Results.read(file)) for cell, file in zip(cells, files, strict=True)]
    points = sweep_points(
        [(cell.values, result) for cell, result in read if not cell.baseline],
        [(cell.values, result) for cell, result in read if cell.baseline],
    )
    found = slopes(points, axis.name, doubling=axis.doubling)
    write_whole(sweep_markdown(points, found), folder / "sweep.md")
    if plot:
        plot_sweep(points, axis.name, folder / "sweep.png")
    out = Console()
    # What fits a terminal; sweep.md has the rest.
    head = ["method", *points[0].values, *SWEEP_HEAD]
    first = len(head) - len(SWEEP_HEAD)
    columns = [*range(first), *(first + SWEEP_HEAD.index(name) for name in _SHOWN)]
    table = Table(*(Column(head[column], overflow="fold") for column in columns))
    for row in sweep_rows(points):
        table.add_row(*(Text(plain(row[column])) for column in columns))
    out.print(table)
    for slope in found:
        out.print(Text(one_line(slope_sentence(slope))), soft_wrap=True)
    for warning in cautions([result for _, result in read]):
        messages.print(Text(one_line(warning)), soft_wrap=True)
    shown = [folder / "sweep.md", *([folder / "sweep.png"] if plot else [])]
    messages.print(Text(f"written: {', '.join(map(str, shown))}"), soft_wrap=True)
