"""Whether an answer is right.

Read in this order:

    grader.py       one text against one gold answer
    compare.py      what the texts of two answers say: names, order, units, exact numbers
    expression.py   an arithmetic expression that uses given numbers
    math_pool.py    child processes that compare mathematics
    math_worker.py  what runs inside of them
    algebra.py      whether two values are equal by algebra
    official.py     the rules of the authors' code, for parity
    grader_cases.py the table of cases behind docs/grading.md
    cases_page.py   the page itself
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
