"""`peerleap compare`: results files side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from peerleap.cli.display import check_apart, check_target, one_line, write_questions_page, write_whole
from peerleap.cli.errors import usage_errors


def compare(
    results: Annotated[list[Path], typer.Argument(help="Two or more results files of the same questions.")],
    *,
    primary: Annotated[
        str,
        typer.Option(help="Metric of the primary comparison: the first other method against the baseline."),
    ] = "cons@n",
    levels: Annotated[
        Path | None,
        typer.Option(help="Split by difficulty: results of independent paths, of another seed than those compared."),
    ] = None,
    primary_test: Annotated[
        str, typer.Option(help="Test of the primary comparison: sign-flip, or mcnemar for votes.")
    ] = "sign-flip",
    power: Annotated[
        bool,
        typer.Option(
            "--power", help="Report how many questions would be needed to detect 5 points, given the measured variance."
        ),
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write a report in Markdown.")] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write one page: questions rescued and spoiled, each with its runs.", metavar="FILE"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw accuracy against cost, as .png or .svg.")] = None,
    plot_routers: Annotated[
        Path | None, typer.Option(help="Draw Pass@1 of the LeaP files by router, as .png or .svg.")
    ] = None,
) -> None:
    """Compare methods at equal tokens and at equal wall-clock, with paired statistics.

    The baseline is the first `independent` file, else the first file. Declare `--primary` before you look: every other
    comparison is exploratory.
    """
    with usage_errors():
        from peerleap.cli.display import show_comparisons, show_levels, show_methods
        from peerleap.evals import Results, markdown, read_records
        from peerleap.evals import compare as compared
        from peerleap.evals.report import (
            cautions,
            check_plot,
            level_rows,
            levels_markdown,
            measured_power,
            verdict,
            with_distinct_names,
        )
        from peerleap.evals.report import plot as draw
        from peerleap.evals.report import plot_routers as draw_routers

        if plot is not None:
            check_plot(plot)
        if plot_routers is not None:
            check_plot(plot_routers, "--plot-routers")
        check_target(report, "--report")
        check_target(html, "--html")
        targets = {"--report": report, "--html": html, "--plot": plot, "--plot-routers": plot_routers}
        check_apart(targets, [*results, levels])
        read = with_distinct_names([Results.read(file) for file in results])
        base = None if levels is None else Results.read(levels)
        by_level = [] if base is None else level_rows(read, base)
        comparisons = compared(read, primary, primary_test)
        out, messages = Console(), Console(stderr=True)
        for result in read:
            if not result.complete:
                messages.print(
                    Text(one_line(f"{result.file} is not finished: only questions in both files are compared"))
                )
        for warning in cautions(read):
            messages.print(Text(one_line(warning)), soft_wrap=True)
        show_methods(read, out)
        show_comparisons(comparisons, out)
        out.print(Text(one_line(verdict(comparisons))), soft_wrap=True, style="bold")
        if base is not None:
            show_levels(by_level, base, out)
        if power:
            for row in comparisons:
                if row.cost in {"equal tokens", "first N paths"}:
                    out.print(f"{row.new} - {row.old}, {measured_power(row)}", soft_wrap=True, highlight=False)
        if report is not None:
            headers = [read_records(file, texts=False)[0] for file in results]
            title = f"{read[0].config['task']}: {', '.join(result.name for result in read)}"
            text = markdown(title, read, comparisons, headers)
            write_whole(text if base is None else f"{text}\n{levels_markdown(by_level, base)}", report)
        if html is not None:
            write_questions_page(results, html)
        if plot is not None:
            draw(read, plot, primary if primary not in {"pass@1", "no_answer"} else "cons@n")
        if plot_routers is not None:
            draw_routers(read, plot_routers)
