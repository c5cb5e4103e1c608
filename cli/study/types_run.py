"""A study of communication, from its two files to its tables, its picture and its cases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.display import one_line, plain, write_whole
from peerleap.cli.eval_run import fill, say


def run_types(
    leap: Path,
    alone: Path | None,
    folder: Path,
    *,
    after: int,
    judge: str | None,
    in_flight: int | None,
    model: str | None,
    arguments: dict[str, Any],
    server: str | None,
    plot: bool,
    quiet: bool,
) -> int:
    """Ask what was not asked yet, then print and write what came out; options as in `types`.

    Returns:
        How many questions have failed twice.
    """
    from peerleap.engine import close_engines, get_engine
    from peerleap.evals import Grader, header
    from peerleap.evals.report import check_plot
    from peerleap.evals.studies import types

    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {str(folder)!r}: this is a file; give the name of a folder")
    if plot:
        check_plot(Path("types.png"))  # its folder is made later
    first, second = types.read_sources(leap, alone)
    person = folder / "sample.csv"
    raters = {"person": types.read_person(person)} if person.exists() else {}
    servers = len(server.split(",")) if server else 0
    plan = types.types_plan(first, second, after=after, in_flight=in_flight, servers=servers)
    engine = get_engine(model or str(first.config["model"]), server=server, **arguments)
    types.check_model(first, engine)
    tokenizer = engine.tokenizer
    engine.check()
    probes = folder / "probes.jsonl"
    with Grader(plan.grader) as grader:
        failed = fill(plan, engine, header(plan, engine, arguments), probes, grader, timed=False, quiet=quiet)
        steps = types.read_steps(first, second, probes)
        if judge is not None:
            close_engines()  # two models at once need twice the memory
            other = get_engine(judge, server="")
            other.check()
            verdicts = types.judge_plan(first, steps, tokenizer)
            target = folder / "judge.jsonl"
            failed += fill(verdicts, other, header(verdicts, other), target, grader, timed=False, quiet=quiet)
            raters["judge"] = types.read_judge(target)
            read = types.readers(steps)
            say(f"the judge named a type in {len(raters['judge'])} of {len(read)} steps", quiet=quiet)
    found = types.find_types(steps, (first, second), types.probe_tokens(probes), raters)
    if not person.exists() and types.readers(steps):
        write_whole(types.sample_csv(first, steps, tokenizer), person)
        say(f"for a person: fill in the column type of {person}, and run this again", quiet=quiet)
    write_whole(types.types_markdown(found, first, second, after), folder / "types.md")
    excerpts = {step.key: types.excerpt(first, step, tokenizer) for step in types.shown_cases(found)}
    write_whole(types.cases_markdown(found, first, excerpts), folder / "cases.md")
    if plot:
        _draw(types.panels(found), folder, (leap, second.file))
    _show(found, Console())
    say(f"written: {folder / 'types.md'}, {folder / 'cases.md'}{', types.png' if plot else ''}", quiet=quiet)
    return failed


def _draw(panels: Any, folder: Path, files: Sequence[Path]) -> None:
    from peerleap.evals import Results
    from peerleap.evals.report import plot_shares

    plot_shares(panels, folder / "types.png", [Results.read(file) for file in files])


def _show(found: Any, out: Console) -> None:
    from peerleap.evals.studies import types

    tables = (
        ("right (C) and wrong (I)", types.SPAN_HEAD, types.span_rows(found)),
        ("LeaP minus alone, points", types.GAIN_HEAD, types.gain_rows(found)),
        ("types", types.TYPE_HEAD, types.type_rows(found)),
        ("cases", types.CASE_HEAD, types.case_rows(found)),
    )
    for title, head, rows in tables:
        if not rows:
            continue
        shown = Table(*(Column(name, overflow="fold") for name in head), title=title, title_justify="left")
        for row in rows:
            shown.add_row(*(Text(plain(cell)) for cell in row))
        out.print(shown)
    for sentence in (*types.agreement_sentences(found), types.cost_sentence(found)):
        out.print(Text(one_line(sentence)), soft_wrap=True)
