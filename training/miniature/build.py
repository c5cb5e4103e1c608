"""`peerleap train miniature`: from nothing to a model folder and fresh questions to try it on."""

from dataclasses import dataclass, replace
from pathlib import Path

from peerleap.training.miniature.questions import FAMILIES, questions, write

_CHAIN_SUMS, _LISTENING, _COUNTDOWN, _SMOKE = 10_500_000, 2_000_000, 6_000_000, 60_000
_PHASE = 1_000_003
"""Added to the seed from phase to phase, so that each draws other traces."""
_TEST_QUESTIONS = 1000


@dataclass(frozen=True)
class Built:
    """What a run has made."""

    model: Path
    questions: list[Path]


def build(out: Path, *, seed: int = 0, smoke: bool = False, minutes: float | None = None, phases: int = 1) -> Built:
    """Train the miniature, or go on with a run that was stopped, and export it.

    Args:
        out: Folder of the run: checkpoint, model, questions.
        seed: Of the weights and of the traces.
        smoke: A small network and few tokens, to see that everything works.
        minutes: End a phase earlier, where its tokens would take longer.
        phases: 1 trains chain sums with and without peers; 2 adds judgements; 3 adds Countdown.

    Returns:
        The model's folder and the files of fresh questions.

    Raises:
        ValueError: `out` holds another run, or cannot be written.
    """
    from peerleap.training.miniature.corpus import BOTH_FAMILIES, LISTENING
    from peerleap.training.miniature.export import export
    from peerleap.training.miniature.loop import Plan, train

    first = Plan(_CHAIN_SUMS, seed=seed, minutes=minutes)
    if smoke:
        first = Plan(_SMOKE, seed, width=64, layers=2, heads=2, hidden=128, batch=2048, workers=1, minutes=minutes or 1)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {str(out)!r}: a file of this name exists; name a folder")
    tokens = [_SMOKE] * 3 if smoke else [_CHAIN_SUMS, _LISTENING, _COUNTDOWN]
    every = {
        "chain-sums": first,
        "listening": replace(first, tokens=tokens[1], rate=0.012, stages=LISTENING, batch=first.batch * 3 // 4),
    }
    every["countdown"] = replace(first, tokens=tokens[2], rate=0.012, stages=BOTH_FAMILIES)
    start: Path | None = None
    for number, (name, plan) in enumerate(list(every.items())[:phases]):
        train(replace(plan, seed=seed + number * _PHASE, start=start), out / name)
        start = out / name / "checkpoint.pt"
    assert start is not None
    earlier = sum(plan.tokens for plan in list(every.values())[: phases - 1])
    model = export(start, out / "model", seed, countdown=phases == 3, earlier=earlier)
    files = []
    for family in FAMILIES if phases == 3 else FAMILIES[:1]:
        path = out / f"{family}.jsonl"
        write(questions(family, 20 if smoke else _TEST_QUESTIONS, seed + 1), path)
        files.append(path)
    return Built(model, files)
