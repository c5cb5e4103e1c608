"""Whether a path's own answer is right.

`Grader` reads only the text it is given: give it what the path wrote itself, never the prompt or its peers' comments.
Integers and letters are compared here; anything else goes to `math_pool.MathPool`. No model text is ever evaluated in
this process. `docs/grading.md` lists what is accepted.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from peerleap.evals.grading.choices import choice_letter
from peerleap.evals.grading.expression import same_puzzle
from peerleap.evals.grading.integers import is_compound, is_product, parse_integer, same_in_base
from peerleap.evals.grading.math_pool import Comparison, MathPool, need_math_verify
from peerleap.evals.grading.official import official_verdict
from peerleap.graph.answers.boxed import last_box
from peerleap.graph.answers.normalize import number_words, without_unit
from peerleap.graph.answers.own_text import without_comments
from peerleap.graph.answers.tex import listed, plain_tex

MAX_ANSWER = 1000
METHODS = ("peerleap", "leap-official")
_BRACKETED = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One graded answer: right or not, what was read (None: no answer, which is wrong), and by which rule."""

    correct: bool
    extracted: str | None
    how: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """An answer that only mathematics can compare with the gold one."""

    extracted: str


NO_ANSWER = Verdict(correct=False, extracted=None, how="no answer")


def grade_boxed(text: str, gold: str) -> Verdict | Undecided:
    """The last box against an integer or TeX gold: integers, numbers with a base and equal texts at once."""
    box = last_box(without_comments(text))
    if box is None:
        return NO_ANSWER
    if len(box) > MAX_ANSWER:
        return Verdict(correct=False, extracted=box[:MAX_ANSWER], how="too long")
    box, gold = plain_tex(box), plain_tex(gold)
    ours, theirs = parse_integer(box), parse_integer(gold)
    if ours is not None and theirs is not None and not _other_variable(box, gold):
        return Verdict(ours == theirs, str(ours), "integer")
    based = same_in_base(gold, box)
    if based is not None:
        return Verdict(based, box, "base")
    if _squeezed(box) == _squeezed(gold):
        return Verdict(correct=True, extracted=box, how="same text")
    if theirs is not None and is_product(box):
        return Verdict(correct=False, extracted=box, how="product")
    if is_compound(box) and not is_compound(gold):
        return Verdict(correct=False, extracted=box, how="two quantities")
    if theirs is None:
        # math-verify drops the unit in `5.4 \text{ cents}`, and reads letters in `5.4 cents`.
        box, gold = without_unit(box), listed(gold)
        if _several(gold) or (_united(gold) and number_words(box) == {"or"}):
            box = listed(box)
    # math-verify drops words, so `3 \text{ halves}` would be 3.
    if number_words(box) != number_words(gold):
        return Verdict(correct=False, extracted=box, how="number word")
    return Undecided(box)


def grade_choice(text: str, gold: str) -> Verdict | Undecided:
    """The last letter given after `</think>` against the gold letter."""
    letter = choice_letter(text)
    return NO_ANSWER if letter is None else Verdict(letter == gold.strip().upper(), letter, "choice")


def grade_text(text: str, gold: str) -> Verdict | Undecided:
    """The last box against a gold word or phrase, ignoring case, spaces, quotes and TeX fonts."""
    box = last_box(without_comments(text))
    return NO_ANSWER if box is None else Verdict(_plain(box) == _plain(gold), _plain(box), "text")


def grade_expression(text: str, gold: str) -> Verdict | Undecided:
    """The last box against a gold expression: the same value from the same numbers."""
    box = last_box(without_comments(text))
    return NO_ANSWER if box is None else Verdict(same_puzzle(box, gold), box[:MAX_ANSWER], "expression")


GRADERS: dict[str, Callable[[str, str], Verdict | Undecided]] = {
    "integer": grade_boxed,
    "math": grade_boxed,
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
            msg = f"method={method!r} is not one of {', '.join(METHODS)}"
            raise ValueError(msg)
        self._official = method == "leap-official"
        self._workers = min(2, os.cpu_count() or 1) if workers is None else workers
        self._seconds = seconds
        self._pool: MathPool | None = None

    def check(self, answer_text: str, gold: str, kind: str) -> Verdict:
        """Grade one path's own text against the gold answer; raises `ValueError` for an unknown kind."""
        decision = self._decide(answer_text, gold, kind)
        if isinstance(decision, Verdict):
            return decision
        return _judged(decision, self._maths().submit(gold, decision.extracted).result())

    async def acheck(self, answer_text: str, gold: str, kind: str) -> Verdict:
        """`check` that never blocks the event loop."""
        decision = self._decide(answer_text, gold, kind)
        if isinstance(decision, Verdict):
            return decision
        while True:
            pool = self._maths()
            comparison = asyncio.wrap_future(pool.submit(gold, decision.extracted))
            try:
                # Other paths may wait for the same comparison: cancelling one must not cancel it.
                found = await asyncio.shield(comparison)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not comparison.cancelled() or (task is not None and task.cancelling()):
                    raise
                found = None
            # Somebody else who uses this grader has closed it meanwhile.
            if found is not None and (found.problem != "crashed" or pool is self._pool):
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

    def _decide(self, text: str, gold: str, kind: str) -> Verdict | Undecided:
        if kind not in GRADERS:
            msg = f"kind={kind!r} is not one of {', '.join(KINDS)}"
            raise ValueError(msg)
        if self._official:
            correct, answer = official_verdict(text, gold)
            return Verdict(correct, answer, "leap-official")
        return GRADERS[kind](text, gold)

    def _maths(self) -> MathPool:
        if self._pool is None:
            self._pool = MathPool(self._workers, self._seconds)
        return self._pool


def _other_variable(answer: str, gold: str) -> bool:
    names = [re.match(r"\s*\$?\s*([a-zA-Z])\s*=", text) for text in (answer, gold)]
    return names[0] is not None and names[1] is not None and names[0][1] != names[1][1]


def _several(gold: str) -> bool:
    """Whether a gold answer is a set or list, which words may join: not one number, point or interval."""
    rest = gold
    while (shorter := _BRACKETED.sub("", rest)) != rest:
        rest = shorter
    return "," in rest or r"\pm" in gold or gold.lstrip().startswith(r"\{")


def _united(gold: str) -> bool:
    return r"\cup" in gold


def _judged(decision: Undecided, comparison: Comparison) -> Verdict:
    return Verdict(comparison.equal, decision.extracted, comparison.problem or "math-verify")


def _squeezed(text: str) -> str:
    # A space between digits stays: `2 0 4` is not 204.
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?<!\d) | (?!\d)|\\[,;:! ]|\\(?:left|right)(?![a-zA-Z])", "", text)
    return text.replace("dfrac", "frac").replace("tfrac", "frac")


def _plain(text: str) -> str:
    text = re.sub(r"\\(?:text|textbf|mathrm|mathbf)\b|\\[ ,;:!]|[{}$\"'`*]", " ", text)
    return re.sub(r"\s+", " ", text).strip(" .").casefold()
