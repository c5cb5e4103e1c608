"""`peerleap train miniature`: from nothing to a model folder and fresh questions to try it on."""

from dataclasses import dataclass, replace
from pathlib import Path

from peerleap.training.miniature.questions import FAMILIES, questions, write

_CHAIN_SUMS, _COUNTDOWN, _SMOKE = 45_000_000, 15_000_000, 60_000
_PHASE = 1_000_003
"""Added to the seed from phase to phase, so that each draws other traces."""
_TEST_QUESTIONS = 1000


@dataclass(frozen=True)
class Built:
    """What a run has made."""

    model: Path
    questions: list[Path]


def build(
    out: Path,
    *,
    seed: int = 0,
    smoke: bool = False,
    minutes: float | None = None,
    countdown: bool = False,
    lone: bool = False,
) -> Built:
    """Train the miniature, or go on with a run that was stopped, and export it.

    Args:
        out: Folder of the run: checkpoint, model, questions.
        seed: Of the weights and of the traces.
        smoke: A small network and few tokens, to see that everything works.
        minutes: Of all phases, where their tokens would take longer: curriculum and rates then go by the clock.
        countdown: Adds a last phase with both families.
        lone: Only traces without peers, of as many tokens: the control of a model that never saw a LeaP block.

    Returns:
        The model's folder and the files of fresh questions.

    Raises:
        ValueError: `out` holds another run, or cannot be written.
    """
    from peerleap.training.miniature.corpus import BOTH_FAMILIES, STAGES, without_peers
    from peerleap.training.miniature.export import export
    from peerleap.training.miniature.loop import Plan, train

    first = Plan(_CHAIN_SUMS, seed, stages=STAGES)
    if smoke:
        first = Plan(_SMOKE, seed, width=64, layers=2, heads=2, hidden=128, batch=2048, workers=1)
        minutes = minutes or 2
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {str(out)!r}: a file of this name exists; name a folder")
    plans = {"chain-sums": first}
    if countdown:
        tokens = _SMOKE if smoke else _COUNTDOWN
        plans["countdown"] = replace(
            first, tokens=tokens, seed=seed + _PHASE, rate=first.rate / 2, stages=BOTH_FAMILIES
        )
    start: Path | None = None
    whole = sum(plan.tokens for plan in plans.values())
    for name, plan in plans.items():
        stages = without_peers(plan.stages) if lone else plan.stages
        share = minutes and minutes * plan.tokens / whole
        train(replace(plan, start=start, stages=stages, minutes=share), out / name)
        start = out / name / "checkpoint.pt"
    assert start is not None
    model = export(start, out / "model", seed, countdown=countdown, lone=lone)
    files = []
    for family in FAMILIES if countdown else FAMILIES[:1]:
        path = out / f"{family}.jsonl"
        write(questions(family, 20 if smoke else _TEST_QUESTIONS, seed + 1), path)
        files.append(path)
    return Built(model, files)
