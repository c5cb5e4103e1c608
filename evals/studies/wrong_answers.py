"""Wrong answers that look like right ones: what a peer says who is to be mistrusted."""

from collections.abc import Sequence
from random import Random
from string import ascii_uppercase

from peerleap.evals.data import Problem
from peerleap.evals.grading import parse_integer
from peerleap.graph.answers import canonical

# Slips of a reckoning, not other orders of magnitude.
_SLIPS = (-20, -11, -10, -7, -3, -2, 2, 3, 4, 9, 10, 12, 20)


def wrong_answer(problem: Problem, others: Sequence[Problem], random: Random) -> str | None:
    """Make up a wrong answer of the same form as the right one.

    Args:
        problem: the question; another letter for options, a number some slips away for whole numbers.
        others: questions whose answers do for any other kind.
        random: decides.

    Returns:
        The answer; `None` where no question has another answer of this kind.
    """
    if problem.choices is not None:
        letters = ascii_uppercase[: len(problem.choices)]
        return random.choice([letter for letter in letters if letter != problem.answer])
    if problem.kind == "integer" and (gold := parse_integer(problem.answer)) is not None:
        near = [gold + slip for slip in _SLIPS]
        return str(random.choice([value for value in near if (value < 0) == (gold < 0)]))
    form = canonical(problem.answer, "math")
    found = sorted({one.answer for one in others if one.kind == problem.kind and canonical(one.answer, "math") != form})
    return random.choice(found) if found else None
