"""Countdown: traces that search backwards from the target, alone and with peers who may lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from peerleap.training.miniature import blocks
from peerleap.training.miniature.blocks import Part
from peerleap.training.miniature.puzzles import (
    MOST_NUMBER,
    MOST_TARGET,
    Puzzle,
    Value,
    ask,
    combine,
    draw,
    evaluate,
)

_PEERS, _MOST_TRIES = 4, 5


def needed(keep: int, target: int) -> list[int]:
    """What must be made of the others so that `keep` leads to the target."""
    found = [target - keep] if target > keep else []
    found.append(target + keep)
    if keep > target:
        found.append(keep - target)
    if 1 < keep <= MOST_NUMBER and target % keep == 0 and target > keep:
        found.append(target // keep)
    return [n for n in dict.fromkeys(found) if n <= MOST_TARGET]


def reached(values: Sequence[Value], target: int, keep: Value) -> tuple[str, Value | None]:
    """The line that keeps one of three values and combines the others; and the solution, if there is one."""
    x, y = (value for value in values if value is not keep)
    needs, made = needed(keep.number, target), combine(x, y)
    text = f"Keep {keep.number}: need {_list(needs)}; {x.number}, {y.number} make {_list([m.number for m in made])}"
    hit = next((m for m in made if m.number in needs), None)
    if hit is None:
        return f"{text}. No.\n\n", None
    solution = next(v for v in combine(hit, keep) if v.number == target)
    return f"{text}. Yes: {hit.number}.\n\nSo {', '.join(solution.steps)}.\n\n", solution


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


@dataclass
class _Search:
    """A path: writes paragraph by paragraph, avoids what it knows to be dead."""

    puzzle: Puzzle
    random: Random
    dead: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    answer: str | None = None

    def paragraphs(self) -> Iterator[str]:
        values = [Value(n, str(n)) for n in self.puzzle.numbers]
        if len(values) == 3:
            yield from self._last_three(values)
            return
        for _ in range(_MOST_TRIES):
            pairs = [(x, y) for i, x in enumerate(values) for y in values[i + 1 :]]
            moves = [(move, x, y) for x, y in pairs for move in combine(x, y) if move.text not in self.dead]
            if not moves:
                return
            move, x, y = self.random.choice(moves)
            left = [move, *(v for v in values if v is not x and v is not y)]
            yield f"Try {move.steps[0]}, left {_list([v.number for v in left])}.\n\n"
            yield from self._last_three(left)
            if self.answer is not None:
                return
            self.dead.append(move.text)
            self.own.append(move.text)

    def _last_three(self, values: list[Value]) -> Iterator[str]:
        for keep in reversed(values):
            text, solution = reached(values, self.puzzle.target, keep)
            if solution is not None:
                self.answer = solution.text
            yield text
            if solution is not None:
                return

    @property
    def summary(self) -> str:
        if self.answer is not None:
            return blocks.conclusion(self.answer)
        return f"No luck with {', '.join(self.own)}." if self.own else "No luck yet."


def trace(random: Random, *, peers: bool) -> tuple[str, list[Part]]:
    """A question and its trace."""
    puzzle = draw(random, random.choice((3, 4, 4)))
    return ask(puzzle, random), _leap(puzzle, random) if peers else _lone(puzzle, random)


def _end(answer: str | None, puzzle: Puzzle, random: Random) -> list[Part]:
    if answer is not None:
        return [(f"</think>{blocks.final(answer)}", True)]
    return [blocks.forced(), (f"{guess(puzzle, random)}}}.", True)]


def guess(puzzle: Puzzle, random: Random) -> str:
    """Some expression with every number once: the answer of a path that has found nothing."""
    numbers = random.sample(puzzle.numbers, len(puzzle.numbers))
    text = str(numbers[0])
    for number in numbers[1:]:
        text = f"{f'({text})' if ' ' in text else text} {random.choice('+-*')} {number}"
    return text


def _lone(puzzle: Puzzle, random: Random) -> list[Part]:
    search = _Search(puzzle, random)
    text = "".join(search.paragraphs())
    return [(text, True), *_end(search.answer, puzzle, random)]


def _leap(puzzle: Puzzle, random: Random) -> list[Part]:
    mine, parts = _Search(puzzle, random), []
    searches = [mine, *(_Search(puzzle, random) for _ in range(_PEERS - 1))]
    writers = [search.paragraphs() for search in searches]
    tokens, numbers = random.choice((40, 80, 120)), random.sample(range(1, _PEERS + 1), _PEERS)
    opening = ""
    for _ in range(3):
        for search, writer in zip(searches, writers, strict=True):
            text = opening if search is mine else ""
            while len(text) * 0.6 < tokens and (paragraph := next(writer, "")):
                text += paragraph
            if search is mine and text:
                parts.append((text, True))
        if mine.answer is not None or not parts or not text_left(mine):
            return [*parts, *_end(mine.answer, puzzle, random)]
        parts += [blocks.trigger(random), blocks.summary(mine.summary)]
        heard = random.sample(range(1, _PEERS), random.choice((1, 2, 3, 3)))
        heard_parts = [(numbers[i], *_heard(searches[i], puzzle, random)) for i in heard]
        parts.append(blocks.comment([(n, text) for n, text, _ in heard_parts], last_line(parts), random))
        opening = _judge(mine, [claim for _, _, claim in heard_parts if claim is not None])
        if mine.answer is not None:
            return [*parts, (opening, True), *_end(mine.answer, puzzle, random)]
        mine.dead += [move for i in heard for move in searches[i].own]
    text = opening + "".join(writers[0])
    return [*parts, (text, True), *_end(mine.answer, puzzle, random)]


def text_left(search: _Search) -> bool:
    """Whether a path may still find something."""
    return len(search.own) < _MOST_TRIES


def last_line(parts: list[Part]) -> str:
    """The last line of a path's own text before the trigger."""
    return parts[-3][0].rstrip().rpartition("\n")[2]


Claim = tuple[str, Value | None, bool]
"""What a peer says that the solution is, its value step by step, and whether it is right."""


def _heard(search: _Search, puzzle: Puzzle, random: Random) -> tuple[str, Claim | None]:
    if random.random() < 0.15:  # a lie: some expression, often over the right numbers
        values = [Value(n, str(n)) for n in puzzle.numbers]
        if random.random() < 0.3:
            values[0] = Value(values[1].number, values[1].text)
        while len(values) > 1:
            x, y = random.sample(values, 2)
            values = [v for v in values if v is not x and v is not y] + [random.choice(combine(x, y))]
        return blocks.conclusion(values[0].text), _claim(values[0], puzzle)
    if search.answer is None:
        return search.summary, None
    return search.summary, _claim(evaluate(search.answer), puzzle)


def _claim(value: Value, puzzle: Puzzle) -> Claim:
    used = sorted(int(n) for n in "".join(c if c.isdigit() else " " for c in value.text).split())
    return value.text, value, used == sorted(puzzle.numbers) and value.number == puzzle.target


def _judge(mine: _Search, claims: list[Claim]) -> str:
    """Checks what peers have found; takes the first that holds."""
    text = ""
    for expression, value, right in claims:
        assert value is not None
        text += f"Check {', '.join(value.steps)}"
        if right:
            mine.answer = expression
            return f"{text}. Right. I take it.\n\n"
        text += ". It uses a number twice.\n\n" if value.number == mine.puzzle.target else ". Wrong.\n\n"
    return text or "Nothing found. I go on.\n\n"
