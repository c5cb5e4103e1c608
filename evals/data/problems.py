"""One question with its gold answer, checked where it is made.

An example: `Problem(id="q1", question="What is 1 + 1?", answer="2", kind="integer")`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from peerleap.evals.grading import KINDS, parse_integer

LETTERS = "ABCDEFGHIJ"
_SHOWN = 80
_WORD = re.compile(r"[^\W\d_]{3,}")
_NAMES = frozenset({"arccos", "arcsin", "arctan", "cos", "cosh", "exp", "log", "phi", "sin", "sinh", "tan", "tanh"})


class DataError(ValueError):
    """A data set cannot be used; the message names the file, the line and the value."""


def shown(value: object) -> str:
    """A value as a message quotes it: `repr`, cut to a line's length."""
    text = repr(value[: 2 * _SHOWN] if isinstance(value, str | list | tuple) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass(frozen=True)
class Problem:
    """One question and its gold answer.

    Args:
        id: Its name in the results; unique in its data set.
        question: What the model reads, without the options.
        answer: The gold answer; a letter where there are `choices`.
        kind: How the answer is graded: `integer`, `math`, `choice` or `text`.
        choices: The texts of the options, 2 to 10 of them.
        source: Where it comes from.
        meta: Anything else; not read by any method.

    Raises:
        DataError: It cannot be asked or graded.
    """

    id: str
    question: str
    answer: str
    kind: str
    choices: tuple[str, ...] | None = None
    source: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("id", "question", "answer"):
            _check_text(name, getattr(self, name))
        if self.kind not in KINDS:
            raise DataError(f"kind={shown(self.kind)} is not one of {', '.join(KINDS)}")
        if self.kind == "integer" and parse_integer(self.answer) is None:
            raise DataError(f"answer={shown(self.answer)} is not an integer, but kind='integer'")
        if (self.kind == "choice") != (self.choices is not None):
            raise DataError(
                f"kind={self.kind!r} with choices={shown(self.choices)}: 'choice', and no other kind, has choices"
            )
        if self.choices is not None:
            letters = LETTERS[: len(self.choices)]
            if not 2 <= len(self.choices) <= len(LETTERS):
                raise DataError(f"choices={shown(self.choices)}: 2 to {len(LETTERS)} are needed")
            for number, choice in enumerate(self.choices):
                _check_text(f"choices[{number}]", choice)
            if len(self.answer) != 1 or self.answer not in letters:
                raise DataError(f"answer={shown(self.answer)} is not one of the letters {letters!r}")

    @property
    def text(self) -> str:
        """The question as the model reads it: with its lettered options, if it has any."""
        if self.choices is None:
            return self.question
        options = (f"{letter}) {choice}" for letter, choice in zip(LETTERS, self.choices, strict=False))
        return "\n\n".join((self.question, "\n".join(options)))


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise DataError(f"{name}={shown(text)} is empty")
    if "\0" in text:
        raise DataError(f"{name}={shown(text)} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{name}={shown(text)} holds half of a surrogate pair") from None


def guess_kind(answer: str, choices: object) -> str:
    """Guess the kind of a row that does not name it.

    Args:
        answer: The gold answer.
        choices: The options, or `None`.

    Returns:
        `choice` with options; else `integer`, `text` for words, or `math`.
    """
    if choices is not None:
        return "choice"
    if parse_integer(answer) is not None:
        return "integer"
    words = answer.split()
    plain = all(word.strip(".,;:!?'’-").replace("'", "").replace("-", "").replace("’", "").isalpha() for word in words)
    named = any(_WORD.fullmatch(word.strip(".,;:!?")) and word.lower() not in _NAMES for word in words)
    return "text" if plain and named else "math"


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
