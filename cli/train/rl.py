"""`peerleap train rl`: reinforcement learning on teams that talk while they think."""

from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import usage_errors
from peerleap.cli.options import (
    CommunicateAt,
    EngineArg,
    Interval,
    MaxTokens,
    Rounds,
    Router,
    SummaryTokens,
    TopK,
    engine_arguments,
    named_values,
    settings_from,
)

_STEP, _LEARNING = "A step", "Learning"


def rl(
    questions: Annotated[
        str | None,
        typer.Argument(help="Training questions: any data set that `peerleap eval` takes.", show_default=False),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model to train: hub id or folder.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; a stopped run continues.")] = Path("rl"),
    method: Annotated[
        str, typer.Option(help="leap, or independent: as many paths that do not talk.", rich_help_panel=_STEP)
    ] = "leap",
    reward: Annotated[
        list[str] | None,
        typer.Option(
            help="own, team, mix, taught, listened, length or format, with a weight if not 1: taught=0.5; repeatable.",
            metavar="NAME[=WEIGHT]",
            show_default="own",
            rich_help_panel=_STEP,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Questions per step.", rich_help_panel=_STEP)] = 4,
    teams: Annotated[int, typer.Option(help="Teams per question.", rich_help_panel=_STEP)] = 2,
    paths: Annotated[int, typer.Option("--paths", "-n", help="Paths per team.", rich_help_panel=_STEP)] = 4,
    temperature: Annotated[float, typer.Option(help="Sampling temperature.", rich_help_panel=_STEP)] = 1.0,
    steps: Annotated[int, typer.Option(help="Number of steps.", rich_help_panel=_LEARNING)] = 100,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Learning rate, constant.", show_default="1e-6; adapters: 1e-5", rich_help_panel=_LEARNING),
    ] = None,
    kl: Annotated[
        float,
        typer.Option(help="Weight of the divergence from the model at the start.", rich_help_panel=_LEARNING),
    ] = 0.001,
    advantages: Annotated[
        str,
        typer.Option(
            help="grpo: divide by a question's standard deviation; dr_grpo: do not.", rich_help_panel=_LEARNING
        ),
    ] = "grpo",
    lora: Annotated[
        bool, typer.Option("--lora", help="Train adapters instead of all weights.", rich_help_panel=_LEARNING)
    ] = False,
    lora_rank: Annotated[
        int | None, typer.Option(help="Rank of the adapters.", show_default="16", rich_help_panel=_LEARNING)
    ] = None,
    device_batch: Annotated[
        int | None,
        typer.Option(help="Rows at once on the device.", show_default="as many as suit it", rich_help_panel=_LEARNING),
    ] = None,
    max_gap: Annotated[
        float,
        typer.Option(
            help="Maximum difference between the log-probabilities of engine and trainer, in nats per token.",
            rich_help_panel=_LEARNING,
        ),
    ] = 0.05,
    seed: Annotated[
        int, typer.Option(help="Seed of the order of the questions and of all sampling.", rich_help_panel=_LEARNING)
    ] = 0,
    limit: Annotated[int | None, typer.Option(help="Maximum number of questions.", show_default="all")] = None,
    data_seed: Annotated[int | None, typer.Option(help="Seed of generated questions.")] = None,
    router: Router = None,
    interval: Interval = None,
    top_k: TopK = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    engine_arg: EngineArg = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check, and estimate memory and disk space on this machine.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="A run of two minutes with the miniature, to check that everything works.")
    ] = False,
) -> None:
    """Train a model by reward (GRPO), on paths that read each other while they think.

    [bold]Examples[/bold]

    peerleap train rl --smoke --out smoke
    peerleap train rl questions.jsonl --model MODEL --out run --dry-run
    peerleap train rl questions.jsonl --model MODEL --out run --reward own --reward taught=0.5 --rounds 2

    Ctrl-C saves the state and stops; after it, or a crash, the same command continues.
    """
    with usage_errors():
        from peerleap.cli.train.rl_run import run_rl, smoke_questions
        from peerleap.training.rl import RlOptions

        settings = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens,
        )  # fmt: skip
        if smoke:
            if questions is not None or model is not None:
                raise ValueError("--smoke: it brings its own questions and model; leave QUESTIONS and --model out")
            steps, batch, teams, learning_rate = 4, 2, 2, 1e-4
            settings = {"rounds": 2, **settings}
            reward = reward or ["own", "taught=0.5"]
        elif questions is None or model is None:
            raise ValueError("name training questions and --model, or give --smoke")
        weights = named_values("--reward", [text if "=" in text else f"{text}=1" for text in reward or ["own"]], "own")
        for name, weight in weights.items():
            if type(weight) not in {int, float}:  # `true` is no weight
                raise ValueError(f"--reward {name}={weight}: give a number, such as {name}=0.5")
        rank = 16 if lora and lora_rank is None else lora_rank
        options = RlOptions(
            method=method, rewards=weights, paths=paths, teams=teams, questions=batch, steps=steps,
            learning_rate=learning_rate, temperature=temperature, kl=kl, advantages=advantages, lora_rank=rank,
            max_gap=max_gap, device_batch=device_batch, seed=seed,
        )  # fmt: skip
        run_rl(
            smoke_questions(out) if smoke else questions, "miniature" if smoke else model, out, options, settings,
            engine_arguments(engine_arg), limit=limit, data_seed=data_seed, dry_run=dry_run,
        )  # fmt: skip
