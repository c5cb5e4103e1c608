from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from peerleap.evals.grading import KINDS, parse_integer

LETTERS = "ABCDEFGHIJ"


class DataError(ValueError):
    """A data set cannot be used; the message names the file, the line and the value."""


@dataclass(frozen=True)
class Problem:
    """One question and its gold answer, a letter where there are `choices`; refuses what cannot be graded."""

    id: str
    question: str
    answer: str
    kind: str
    choices: tuple[str, ...] | None = None
    source: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("id", "question", "answer"):
            if not getattr(self, name).strip():
                raise DataError(f"{name}={getattr(self, name)!r} is empty")
        if self.kind not in KINDS:
            raise DataError(f"kind={self.kind!r} is not one of {', '.join(KINDS)}")
        if self.kind == "integer" and parse_integer(self.answer) is None:
            raise DataError(f"answer={self.answer!r} is not an integer, but kind='integer'")
        if (self.kind == "choice") != (self.choices is not None):
            raise DataError(
                f"kind={self.kind!r} with choices={self.choices!r}: 'choice', and no other kind, has choices"
            )
        if self.choices is not None:
            letters = LETTERS[: len(self.choices)]
            if not 2 <= len(self.choices) <= len(LETTERS):
                raise DataError(f"choices={self.choices!r}: 2 to {len(LETTERS)} are needed")
            if len(self.answer) != 1 or self.answer not in letters:
                raise DataError(f"answer={self.answer!r} is not one of the letters {letters!r}")

    @property
    def text(self) -> str:
        """The question as the model reads it: with its lettered options, if it has any."""
        if self.choices is None:
            return self.question
        options = (f"{letter}) {choice}" for letter, choice in zip(LETTERS, self.choices, strict=False))
        return "\n\n".join((self.question, "\n".join(options)))


def guess_kind(answer: str, choices: object) -> str:
    """The kind of a row that does not name it."""
    if choices is not None:
        return "choice"
    return "integer" if parse_integer(answer) is not None else "math"


def shuffled(problem: Problem, seed: int) -> Problem:
    """The problem with its options in an order drawn from `seed` and its id, so that no other row can change it."""
    if problem.choices is None:
        return problem
    order = list(range(len(problem.choices)))
    Random(f"{seed}:{problem.id}").shuffle(order)  # noqa: S311 - reproducible on purpose
    return Problem(
        id=problem.id,
        question=problem.question,
        answer=LETTERS[order.index(LETTERS.index(problem.answer))],
        kind=problem.kind,
        choices=tuple(problem.choices[index] for index in order),
        source=problem.source,
        meta={**problem.meta, "shuffle_seed": seed},
    )
