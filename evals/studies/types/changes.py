"""What paths change around LeaP blocks, against what the same paths change alone; and cases worth reading."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from peerleap.evals.stats import Difference, Estimate, clustered, paired_difference, wilson
from peerleap.evals.studies.types.steps import TYPES, Held, Step

TRANSITIONS = ("C->C", "I->C", "I->I", "C->I")
"""Right and wrong before and after (section 5.3 of the paper): kept, repaired, stayed wrong, spoiled."""
CASES = {
    "rescued": "was wrong, read a peer that was right, and came to be right",
    "spoiled": "was right, read a peer that was wrong, and came to be wrong",
    "lost in the summary": "held the right answer, and its summary does not say it",
    "ignores peers": "was wrong, most that it read were right, and it stayed with its answer",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Transitions between two places, in LeaP and alone."""

    name: str
    steps: int
    leap: Mapping[str, Estimate]
    """Share of each transition, over questions."""
    alone: Mapping[str, Estimate]
    """The same paths alone; empty where there is nothing between the places to do alone."""
    matched: int
    """Steps that have a counterpart."""
    gain: Mapping[str, Difference]
    """LeaP minus alone, of the steps that have a counterpart: `I->C`, `C->I`, and `net`, the one minus the other."""


def spans(steps: Sequence[Step]) -> list[Span]:
    """The transitions from the first block to the end, over the reading, and over each block."""
    firsts = [step for step in steps if step.first]
    found = [
        _span("first block to the end", firsts, lambda s: (s.before, s.final),
              lambda s: s.alone and (s.alone[0], s.alone_final)),
        _span("before to behind the comment, all blocks", steps, lambda s: (s.before, s.read), lambda _: None),
        _span("before to later, all blocks", steps, lambda s: (s.before, s.later), lambda s: s.alone),
    ]  # fmt: skip
    for number in sorted({step.block.number for step in steps}):
        members = [step for step in steps if step.block.number == number]
        found.append(_span(f"before to later, block {number + 1}", members, lambda s: (s.before, s.later),
                           lambda s: s.alone))  # fmt: skip
    return found


def type_shares(
    steps: Sequence[Step], label: Callable[[Step], str | None] | None = None
) -> dict[int, dict[str, Estimate]]:
    """The share of each type by the number of the block, with intervals over questions.

    Args:
        steps: Those that read peers.
        label: The type of a step; by probes where it is left out. Steps without one are left out.
    """
    of = label or (lambda step: step.type)
    found = {}
    for number in sorted({step.block.number for step in steps}):
        labelled = [(step.question, kind) for step in steps if step.block.number == number and (kind := of(step))]
        if labelled:
            found[number] = {
                name: over_questions([(question, float(kind == name)) for question, kind in labelled]) for name in TYPES
            }
    return found


def over_questions(values: Sequence[tuple[str, float]]) -> Estimate:
    """The mean over questions, with its 95 % interval over them; Wilson's where all are 0 or all are 1."""
    means = list(by_question(values).values())
    if set(means) in ({0.0}, {1.0}):
        return wilson(sum(means), len(means))
    found = clustered(means)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def by_question(values: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The mean of each question's values."""
    groups: dict[str, list[float]] = {}
    for question, value in values:
        groups.setdefault(question, []).append(value)
    return {question: sum(of) / len(of) for question, of in groups.items()}


def cases(steps: Sequence[Step]) -> dict[str, list[Step]]:
    """The steps of each kind in `CASES`; one may be of several."""
    return {name: [step for step in steps if _IS[name](step)] for name in CASES}


def transition(before: Held, after: Held) -> str:
    """One of `TRANSITIONS`; no answer is a wrong one."""
    return f"{'C' if _right(before) else 'I'}->{'C' if _right(after) else 'I'}"


def _span(
    name: str,
    steps: Sequence[Step],
    leap: Callable[[Step], tuple[Held, Held]],
    alone: Callable[[Step], tuple[Held, Held] | None],
) -> Span:
    mine = [(step.question, transition(*leap(step))) for step in steps]
    pairs = [(step.question, transition(*leap(step)), transition(*other)) for step in steps if (other := alone(step))]
    return Span(
        name=name,
        steps=len(mine),
        leap=_shares(mine),
        alone=_shares([(question, theirs) for question, _, theirs in pairs]),
        matched=len(pairs),
        gain=_gains(pairs),
    )


def _shares(found: Sequence[tuple[str, str]]) -> dict[str, Estimate]:
    if not found:
        return {}
    return {name: over_questions([(question, float(kind == name)) for question, kind in found]) for name in TRANSITIONS}


def _gains(pairs: Sequence[tuple[str, str, str]]) -> dict[str, Difference]:
    def held(side: int, weights: Mapping[str, float]) -> dict[str, float]:
        return by_question([(pair[0], weights.get(pair[side], 0.0)) for pair in pairs])

    if len({question for question, _, _ in pairs}) < 2:
        return {}
    counted = {"I->C": {"I->C": 1.0}, "C->I": {"C->I": 1.0}, "net": {"I->C": 1.0, "C->I": -1.0}}
    return {name: paired_difference(held(1, weights), held(2, weights)) for name, weights in counted.items()}


def _right(held: Held) -> bool:
    return held is not None and held[0]


def _rescued(step: Step) -> bool:
    return not _right(step.before) and _right(step.later) and any(map(_right, step.peers))


def _spoiled(step: Step) -> bool:
    wrong_peer = any(held is not None and not held[0] for held in step.peers)
    return wrong_peer and _right(step.before) and not _right(step.later)


def _lost(step: Step) -> bool:
    if not _right(step.before) or not step.own_answer:
        return False
    # Whole, not as a part of a longer number.
    whole = re.compile(rf"(?<![\w.]){re.escape(step.own_answer)}(?!\w|\.\d)")
    return whole.search(step.block.summary) is None


def _ignores(step: Step) -> bool:
    counts = Counter(_right(held) for held in step.peers if held is not None)
    return not _right(step.before) and counts[True] > counts[False] and step.later == step.before


_IS: dict[str, Callable[[Step], bool]] = {
    "rescued": _rescued, "spoiled": _spoiled, "lost in the summary": _lost, "ignores peers": _ignores
}  # fmt: skip
