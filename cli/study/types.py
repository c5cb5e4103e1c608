"""`peerleap study types`: what reading its peers did to each path."""

from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.options import EngineArg, Model, Server, engine_arguments, run_option, server_urls

_EPILOG = """
Each path is asked, beside its history, what it would answer: when a LeaP block
begins, behind what it reads there, and some of its own tokens later. The path never
reads that it was asked, and the prefix cache serves nearly all of it.

[bold]Right and wrong[/bold]: kept, repaired, stayed wrong, spoiled; against the same paths alone,
asked at the same numbers of own tokens, because paths repair themselves, too.
[bold]Types[/bold]: consistent, unaffected or influenced (section 5.1.3 of the paper), by the
answers and, with --judge, by a model that reads summary, comment and what came next.
[bold]Cases[/bold]: rescued, spoiled, lost in the summary, ignores peers.

[bold]Examples[/bold]

Both files with their token ids, then the study:
    peerleap eval questions.jsonl --method leap --rounds 3 --keep-ids -o leap.jsonl
    peerleap eval questions.jsonl --method independent --keep-ids -o alone.jsonl
    peerleap study types leap.jsonl alone.jsonl --out types

With a judge; then fill in the column `type` of types/sample.csv, and run it again:
    peerleap study types leap.jsonl alone.jsonl --out types --judge Qwen/Qwen2.5-7B-Instruct

[bold]Exit codes[/bold]: 0 done; 1 the engine failed, or questions failed twice; 2 bad input; 130 Ctrl-C.
"""


def types(
    leap: Annotated[Path, typer.Argument(help="Results of `eval --method leap --keep-ids`.")],
    alone: Annotated[
        Path | None,
        typer.Argument(
            help="Results of `eval --method independent --keep-ids` on the same questions.", show_default=False
        ),
    ] = None,
    *,
    after: Annotated[
        int, run_option(help="Own tokens behind what was read to the last question; at most to the next LeaP block.")
    ] = 256,
    judge: Annotated[
        str | None,
        run_option(help="Hub id or folder of a model that names the types, too.", metavar="MODEL"),
    ] = None,
    in_flight: Annotated[
        int | None, run_option(help="Maximum number of questions at once.", show_default="as in `peerleap eval`")
    ] = None,
    model: Model = None,
    server: Server = None,
    engine_arg: EngineArg = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the results.", show_default="LEAP-types")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw types.png into the folder.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the tables only.")] = False,
) -> None:
    """Find out what reading its peers did to each path; after a stop, the same command continues.

    The folder has probes.jsonl, types.md, types.png, cases.md and sample.csv.
    """
    with usage_errors():
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        from peerleap.cli.study.types_run import run_types

        folder = out or leap.with_name(f"{leap.stem}-types")
        failed = run_types(
            leap, alone, folder, after=after, judge=judge, in_flight=in_flight, model=model, arguments=arguments,
            server=servers, plot=plot, quiet=quiet,
        )  # fmt: skip
    if failed:
        raise typer.Exit(FAILED)


types.__doc__ = f"{types.__doc__}\n{_EPILOG}"
