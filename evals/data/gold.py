r"""The gold answer of a row, from the ways people write it: alone, or at the end of a worked solution.

An example: `She has 3+4=<<3+4=7>>7 eggs.\n#### 7`, as GSM8K has it, is `7`.
"""

import ast
import re
from collections.abc import Sequence
from typing import Any

from peerleap.evals.data.problems import DataError, Problem, shown
from peerleap.evals.grading import Grader, parse_integer
from peerleap.graph.answers import last_box

MOST_WORDS = 12
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{[^{}]*\}|\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{3,}")
_LISTED = re.compile(r"\[\s*(?P<quote>['\"]).*(?P=quote)\s*,?\s*\]", re.DOTALL)
_NOTHING = frozenset({"nan", "NaN", "None", "null", "NULL", "N/A", "#N/A", "<NA>", "NaT", "#REF!", "#VALUE!", "#NAME?"})
_NO_ANSWER = frozenset({"proof", "notfound"})


def final_answer(text: str) -> str:
    r"""The answer that a gold cell ends with: behind `####`, or in its last box; else the cell as it is."""
    if "####" in text:
        whole, _, text = text.rpartition("####")
        if "\n" in text.strip() and last_box(text) is None:  # headings of a worked solution
            raise DataError(
                f"answer={shown(f'{whole}####{text}')} has several lines behind its last '####': one answer is needed"
            )
    box = last_box(text)
    text = (text if box is None else box).strip()
    if _LISTED.fullmatch(text):  # a list of texts, as JSON and pandas write it into a cell
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
        if len(found) > 1:
            raise DataError(f"answer={shown(text)} is a list: one right answer is needed, as text")
        return str(found[0]).strip()
    return text


def check_worked(solution: Any) -> None:
    r"""Refuse a worked solution that does not mark its final answer, where no other column holds that.

    Raises:
        DataError: It has words, but neither `####` nor a box.
    """
    text = str(solution)
    if "####" in text or last_box(text) is not None or parse_integer(text) is not None:
        return
    if _WORD.search(_TEXT.sub(" ", text)):
        raise DataError(
            f"solution={shown(solution)} does not mark its final answer, and no column 'answer' holds it: end the "
            r"solution with '#### answer' or \boxed{answer}"
        )


def check_filled(name: str, text: str) -> None:
    """Refuse a cell that says that it is empty, as pandas, SQL and spreadsheets write it, or that there is no answer.

    Raises:
        DataError: Names the cell.
    """
    if text.strip() in _NOTHING:
        raise DataError(f"{name}={shown(text)} is an empty cell; leave the row out, or write the word in another way")
    if name == "answer" and text.strip() in _NO_ANSWER:
        raise DataError(f"answer={shown(text)} cannot be graded: published rows have it for questions without one")


def check_final(answer: str, kind: str) -> None:
    """Refuse a gold answer that no model could give in a box.

    Raises:
        DataError: It reads like a worked solution.
    """
    words = len(_WORD.findall(_TEXT.sub(" ", answer)))
    if kind in {"math", "text"} and words > MOST_WORDS:
        raise DataError(
            f"answer={shown(answer)} reads like a worked solution ({words} words): give the final answer alone, or end "
            r"the solution with '#### answer' or \boxed{answer}"
        )


def check_golds(problems: Sequence[Problem], grader: Grader) -> None:
    """Refuse problems whose gold answer, put into a box, would not be graded right.

    Args:
        problems: Those of an eval.
        grader: The one that will grade the paths.

    Raises:
        DataError: Names the first of them, and says how many there are.
    """
    wrong = []
    for problem in problems:
        verdict = grader.check(f"\\boxed{{{problem.answer}}}", problem.answer, problem.kind)
        if not verdict.correct:
            wrong.append((problem, verdict.how))
    if wrong:
        problem, how = wrong[0]
        raise DataError(
            f"{len(wrong)} of {len(problems)} gold answers are not graded right against themselves; the first is "
            f"answer={shown(problem.answer)} of question {shown(problem.id)} (kind {problem.kind!r}: {how})"
        )
