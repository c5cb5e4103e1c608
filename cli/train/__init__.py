"""`peerleap train`: makes traces, selects rows, shows them, fine-tunes on them (LeaP-T), and trains by reward.

In reading order:

- `traces`: `synthesize`, `select`, `show`
- `sft`, `sft_run`: fine-tuning on rows
- `rl`, `rl_run`: reinforcement learning
- `miniature`: a small model from nothing
"""

import typer

from peerleap.cli.train.miniature import miniature
from peerleap.cli.train.rl import rl
from peerleap.cli.train.sft import sft
from peerleap.cli.train.traces import select, show, synthesize

__all__ = ["train"]

_HELP = """Train a model to listen to its peers (the paper's LeaP-T), and to be worth listening to.

[bold]Four steps[/bold]; each writes a file that the next one reads:
    peerleap train synthesize questions.jsonl --model MODEL --out traces.jsonl
    peerleap train select traces.jsonl --out rows.jsonl
    peerleap train show rows.jsonl
    peerleap train sft rows.jsonl --model MODEL --out run --dry-run

[bold]The paper in miniature[/bold]: a small model, trained from scratch on this machine:
    peerleap train miniature --out miniature

[bold]By reward[/bold]: reinforcement learning on teams that talk while they think:
    peerleap train rl questions.jsonl --model MODEL --out run --dry-run
"""

train = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=_HELP)

for _command in (synthesize, select, show, sft, rl, miniature):
    train.command()(_command)
