"""Whether an answer is right.

Read in this order:

    grader.py       one text against one gold answer
    integers.py     integers, products, numbers with a base
    choices.py      the letter of an option
    expression.py   an arithmetic expression that uses given numbers
    math_pool.py    child processes that compare mathematics
    math_worker.py  what runs inside of them
    official.py     the rules of the authors' code, for parity
    grader_cases.py the table of cases behind docs/grading.md
    cases_page.py   the page itself
"""

from peerleap.evals.grading.grader import GRADERS, KINDS, METHODS, NO_ANSWER, Grader, Verdict
from peerleap.evals.grading.grader_cases import GraderCase, grader_cases
from peerleap.evals.grading.integers import parse_integer
from peerleap.evals.grading.math_pool import GraderBroken

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
