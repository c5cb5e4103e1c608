"""Countdown puzzles: numbers, a target, expressions over them, and the question's wordings."""

from dataclasses import dataclass
from random import Random

from peerleap.training.miniature.tokenizer import GYM_TAIL

MOST_NUMBER, MOST_TARGET = 12, 999
_GYM = (
    "Using all the numbers {numbers}, create an expression that equals {target}.\nYou can only use each number once.",
    "Find a way to make {target} using all of these numbers: {numbers}.\nEach number can only be used once.",
)


@dataclass(frozen=True)
class Value:
    """A number that is left, and how it was made."""

    number: int
    text: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Puzzle:
    """Numbers, each to be used once, and the target."""

    numbers: tuple[int, ...]
    target: int


def combine(x: Value, y: Value) -> list[Value]:
    """Sum, difference, product and quotient of two values where they are allowed: whole, 1 to 999."""
    if x.number < y.number:
        x, y = y, x
    a, b = x.number, y.number
    made = [("+", a + b)]
    if a > b:
        made.append(("-", a - b))
    if b > 1 and b <= MOST_NUMBER:
        made.append(("*", a * b))
        if a % b == 0:
            made.append(("/", a // b))
    return [
        Value(n, f"{_bracket(x)} {sign} {_bracket(y)}", (*x.steps, *y.steps, f"{a} {sign} {b} = {n}"))
        for sign, n in made
        if n <= MOST_TARGET
    ]


def _bracket(value: Value) -> str:
    return f"({value.text})" if " " in value.text else value.text


def draw(random: Random, count: int) -> Puzzle:
    """A puzzle that can be solved."""
    return solved(random, count)[0]


def solved(random: Random, count: int) -> tuple[Puzzle, str]:
    """A puzzle and a solution."""
    while True:
        numbers = tuple(random.randint(1, MOST_NUMBER) for _ in range(count))
        values = [Value(n, str(n)) for n in numbers]
        while len(values) > 1:
            x, y = random.sample(values, 2)
            values = [v for v in values if v is not x and v is not y] + [random.choice(combine(x, y))]
        if values[0].number not in numbers:
            return Puzzle(numbers, values[0].number), values[0].text


def ask(puzzle: Puzzle, random: Random) -> str:
    """The question, in one of its wordings: reasoning-gym's, or the plain one."""
    listed = ", ".join(map(str, puzzle.numbers))
    if random.random() < 0.5:
        return random.choice(_GYM).format(numbers=listed, target=puzzle.target) + GYM_TAIL
    first, last = listed.rsplit(", ", 1)
    return f"Use each of the numbers {first} and {last} once, with + - * / and brackets, to make {puzzle.target}."


def evaluate(text: str) -> Value:
    """The value of one of our own expressions, with its steps."""
    if text.isdigit():
        return Value(int(text), text)
    depth, split = 0, 0
    for i, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign in "+-*/":
            split = i
    left, right = (_stripped(part) for part in (text[: split - 1], text[split + 2 :]))
    x, y = evaluate(left), evaluate(right)
    return next(v for v in [*combine(x, y), *combine(y, x)] if v.text == text)


def _stripped(text: str) -> str:
    return text[1:-1] if text.startswith("(") else text
