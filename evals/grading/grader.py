"""Whether a path's own answer is right.

`Grader` reads only the text it is given: give it what the path wrote itself, never the prompt or its peers' comments.
Integers and letters are compared here; anything else goes to `math_pool.MathPool`. No model text is ever evaluated in
this process. `docs/grading.md` lists what is accepted.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from peerleap.evals.grading.compare import Undecided, compare
from peerleap.evals.grading.expression import same_puzzle
from peerleap.evals.grading.math_pool import Comparison, MathPool, need_math_verify
from peerleap.evals.grading.official import official_verdict
from peerleap.graph.answers import (
    Group,
    Value,
    boxed_answers,
    canonical,
    choice_letter,
    last_box,
    read_answer,
    without_comments,
)

MAX_ANSWER = 1000
"""Characters of the longest answer that is read."""
METHODS = ("peerleap", "leap-official")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One graded answer: right or not, what was read (None: no answer, which is wrong), and by which rule."""

    correct: bool
    extracted: str | None
    how: str


@dataclass(frozen=True, slots=True)
class Open:
    """An answer that only algebra can compare with the gold one."""

    extracted: str
    tasks: Undecided


NO_ANSWER = Verdict(correct=False, extracted=None, how="no answer")


def grade_integer(text: str, gold: str) -> Verdict | Open:
    """The last box against an integer; a percent or degree sign is a unit that the question names."""
    return _grade_boxed(text, gold, lenient=True)


def grade_math(text: str, gold: str) -> Verdict | Open:
    """The last box, or the boxes that make a list, against a gold answer in TeX."""
    return _grade_boxed(text, gold, lenient=False)


def _grade_boxed(text: str, gold: str, *, lenient: bool) -> Verdict | Open:
    found = boxed_answers(without_comments(text))
    if not found:
        return NO_ANSWER
    theirs = read_answer(gold)
    # Where one value is asked for, the last box has it; where several are, side by side they are its items.
    several = isinstance(theirs.node, Group) and len(theirs.node.items) > 1
    box = ", ".join(found) if several else found[-1]
    if len(box) > MAX_ANSWER:
        return Verdict(correct=False, extracted=box[:MAX_ANSWER], how="too long")
    ours = read_answer(box)
    decided = compare(theirs, ours, lenient=lenient)
    number = ours.node.number if isinstance(ours.node, Value) and not ours.based else None
    whole = number is not None and number.denominator == 1
    shown = str(number) if whole and not isinstance(decided, Undecided) else ours.text or box
    if isinstance(decided, Undecided):
        return Open(shown, decided)
    return Verdict(decided, shown, "integer" if whole else "same text" if decided else "other answer")


def grade_choice(text: str, gold: str) -> Verdict | Open:
    """The last letter that stands after the thought against the gold letter."""
    letter = choice_letter(text)
    return NO_ANSWER if letter is None else Verdict(letter == gold.strip().upper(), letter, "choice")


def grade_text(text: str, gold: str) -> Verdict | Open:
    """The last box against a gold word or phrase, ignoring case, spaces, quotes and TeX fonts."""
    box = last_box(without_comments(text))
    if box is None:
        return NO_ANSWER
    ours = canonical(box, "free")
    return Verdict(ours == canonical(gold, "free"), ours, "text")


def grade_expression(text: str, gold: str) -> Verdict | Open:
    """The last box against a gold expression: the same value from the same numbers."""
    box = last_box(without_comments(text))
    return NO_ANSWER if box is None else Verdict(same_puzzle(box, gold), box[:MAX_ANSWER], "expression")


GRADERS: dict[str, Callable[[str, str], Verdict | Open]] = {
    "integer": grade_integer,
    "math": grade_math,
    "choice": grade_choice,
    "text": grade_text,
    "expression": grade_expression,
}
KINDS = tuple(GRADERS)
MATHEMATICAL = frozenset({"integer", "math"})
"""Kinds whose answers may have to be compared by math-verify: `33+171` may answer an integer."""


class Grader:
    """Grades answers with `check` or `acheck`; close it, or use it in a `with`, to end its child processes.

    Either raises `MissingExtra` without math-verify, and `math_pool.GraderBroken` where no child process can start.

    `method="leap-official"` grades by the authors' rules, for parity. `workers` child processes start at the first
    answer that needs mathematics; one answer takes at most `seconds` (and a second more to kill a hung child).
    """

    def __init__(self, method: str = "peerleap", *, workers: int | None = None, seconds: float = 5.0) -> None:
        if method not in METHODS:
            raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
        self._official = method == "leap-official"
        self._workers = min(2, os.cpu_count() or 1) if workers is None else workers
        self._seconds = seconds
        self._pool: MathPool | None = None

    def check(self, answer_text: str, gold: str, kind: str) -> Verdict:
        """Grade one path's own text against the gold answer; raises `ValueError` for an unknown kind."""
        decision = self._decide(answer_text, gold, kind)
        if isinstance(decision, Verdict):
            return decision
        while True:
            try:
                found = self._maths().submit(*decision.tasks).result()
            except CancelledError:
                continue  # another user of this grader has closed it meanwhile
            if found.problem != "closed":
                return _judged(decision, found)

    async def acheck(self, answer_text: str, gold: str, kind: str) -> Verdict:
        """`check` that never blocks the event loop."""
        decision = self._decide(answer_text, gold, kind)
        if isinstance(decision, Verdict):
            return decision
        while True:
            comparison = asyncio.wrap_future(self._maths().submit(*decision.tasks))
            try:
                # Other paths may wait for the same comparison: cancelling one must not cancel it.
                found = await asyncio.shield(comparison)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not comparison.cancelled() or (task is not None and task.cancelling()):
                    raise
                found = None
            # Another user of this grader may have closed it meanwhile.
            if found is not None and found.problem != "closed":
                return _judged(decision, found)

    def require(self, kinds: Iterable[str]) -> None:
        """Say before a run what grading these kinds of answers lacks; raises `MissingExtra`."""
        if not self._official and not MATHEMATICAL.isdisjoint(kinds):
            need_math_verify()

    def warm(self) -> None:
        """Start the child processes now."""
        self._maths().warm()

    def close(self) -> None:
        """End the child processes; a later check starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _decide(self, text: str, gold: str, kind: str) -> Verdict | Open:
        if kind not in GRADERS:
            raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
        if self._official:
            correct, answer = official_verdict(text, gold)
            return Verdict(correct, answer, "leap-official")
        return GRADERS[kind](text, gold)

    def _maths(self) -> MathPool:
        if self._pool is None:
            self._pool = MathPool(self._workers, self._seconds)
        return self._pool


def _judged(decision: Open, comparison: Comparison) -> Verdict:
    return Verdict(comparison.equal, decision.extracted, comparison.problem or "math-verify")
