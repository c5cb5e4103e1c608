"""`peerleap train miniature`: a small model that listens to its peers, trained from scratch on this machine."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import usage_errors


def miniature(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a stopped run continues.")] = Path(
        "miniature"
    ),
    *,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the traces.", min=0, metavar="INTEGER")] = 0,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="A run of two minutes, to check that everything works.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Maximum number of minutes, of all phases together.", show_default="no limit")
    ] = None,
    countdown: Annotated[bool, typer.Option("--countdown", help="Also learn Countdown, in a last phase.")] = False,
    lone: Annotated[
        bool, typer.Option("--lone", help="Train without LeaP blocks, as a control: the same number of tokens.")
    ] = False,
) -> None:
    """Train a small model from scratch that solves chain sums step by step and listens to its peers.

    [bold]Example[/bold]

    peerleap train miniature --out miniature

    Ctrl-C saves the state and stops; the same command continues.
    """
    with usage_errors():
        if minutes is not None and not 0 < minutes < inf:
            raise ValueError(f"--minutes {minutes:g}: give a number above 0, or leave it out for no limit")
        from peerleap.training.miniature import build

        built = build(out, seed=seed, smoke=smoke, minutes=minutes, countdown=countdown, lone=lone)
        print(f"model: {built.model}")
        for path in built.questions:
            common = f"peerleap eval {path} --model {built.model}"
            print(f"  {common} --method leap -o leap-{path.name}")
            print(f"  {common} --method independent --match-tokens leap-{path.name} -o independent-{path.name}")
