"""Whether an answer is right.

In reading order:

- `grader`: one text against one gold answer
- `compare`: what the texts of two answers say: names, order, units, exact numbers
- `letters`: names, cases and marks of letters
- `expression`: an arithmetic expression that uses given numbers
- `math_pool`: child processes that compare mathematics
- `math_worker`: what runs inside of them
- `algebra`: whether two values are equal by algebra
- `official`: the rules of the authors' code, for parity
- `grader_cases`: the table of cases behind docs/grading.md
- `cases_page`: the page itself
"""

from peerleap.evals.grading.grader import GRADERS, KINDS, METHODS, NO_ANSWER, Grader, Verdict
from peerleap.evals.grading.grader_cases import GraderCase, grader_cases
from peerleap.evals.grading.math_pool import GraderBroken
from peerleap.graph.answers import parse_integer

__all__ = [
    "GRADERS",
    "KINDS",
    "METHODS",
    "NO_ANSWER",
    "Grader",
    "GraderBroken",
    "GraderCase",
    "Verdict",
    "grader_cases",
    "parse_integer",
]
