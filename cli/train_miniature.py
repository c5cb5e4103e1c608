"""`peerleap train miniature`: the paper in miniature, from nothing, on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import usage_errors


def miniature(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; one that was stopped goes on.")] = Path(
        "miniature"
    ),
    *,
    seed: Annotated[int, typer.Option(help="Of the weights and of the traces.")] = 0,
    smoke: Annotated[bool, typer.Option("--smoke", help="Two minutes, to see that everything works.")] = False,
    minutes: Annotated[float | None, typer.Option(help="End a phase earlier, where it would take longer.")] = None,
    phases: Annotated[
        int, typer.Option(min=1, max=3, help="1: chain sums; 2: more judgements of peers; 3: Countdown, too.")
    ] = 1,
) -> None:
    """Train a small model from nothing that reasons on chain sums and listens to its peers.

    [bold]Example[/bold]

    peerleap train miniature --out miniature

    Ctrl-C saves and stops; the same command goes on.
    """
    with usage_errors():
        from peerleap.training.miniature import build

        built = build(out, seed=seed, smoke=smoke, minutes=minutes, phases=phases)
        print(f"model: {built.model}")
        for path in built.questions:
            common = f"peerleap eval {path} --model {built.model} --engine-arg max_model_len=2048"
            print(f"  {common} --method leap -o leap-{path.name}")
            print(f"  {common} --method independent --match-tokens leap-{path.name} -o independent-{path.name}")
