"""`docs/grading.md`, rendered from the cases that the tests run: `python -m peerleap.evals.grading.cases_page`."""

import sys
from itertools import groupby

from peerleap.evals.grading.grader import MAX_ANSWER
from peerleap.evals.grading.grader_cases import GraderCase, grader_cases
from peerleap.evals.grading.official import official_verdict

_WIDEST = 70
_INTRO = """\
# What counts as a right answer

A path is graded on its own text: the prompt, the peers' comments and inserted sentences are never read. Five kinds of
answer are known:

- `integer` and `math`: the last balanced, non-empty `\\boxed{{}}`. Integers are compared as integers; everything else
  by math-verify 0.9.0 in a child process that is killed when it hangs. Fonts, colours, units and a full stop say
  nothing; words such as `and` join the items of a list. Longer than {longest:,} characters is wrong, unread.
- `choice`: the last letter given after `</think>`: boxed, said to be the answer, or alone at the end.
- `text`: the last box, ignoring case, spaces and quotes.
- `expression`: the last box has the same value as the gold expression and uses the same whole numbers equally often,
  with + - * / and brackets (Countdown). It is parsed, never evaluated as text.

No answer is wrong, and is counted (`no_answer`). A number in prose is no answer: a path that ends with one is asked for
its box. No text of a model is evaluated in the calling process. Nothing here looks at the question: an answer that is
right only modulo 1000, or in another unit, is judged as written.

The {count} cases below are `evals/grader_cases.jsonl`; a test runs every one of them. The column "authors" is what the
rules of the paper's published code say about the same text (`Grader("leap-official")`, for parity only); a bold mark is
a difference. This page is written by `python -m peerleap.evals.grading.cases_page > docs/grading.md`.
"""


def render(cases: list[GraderCase]) -> str:
    """The whole page."""
    parts = [_INTRO.format(longest=MAX_ANSWER, count=len(cases))]
    for group, members in groupby(cases, key=lambda case: case.group):
        parts.append(f"\n## {group}\n\n| what the path wrote | gold | right | authors | why |\n|---|---|---|---|---|\n")
        parts.extend(_row(case) for case in members)
    return "".join(parts)


def _row(case: GraderCase) -> str:
    theirs, _ = official_verdict(case.text, case.gold)
    authors = _mark(theirs) if theirs == case.correct else f"**{_mark(theirs)}**"
    return f"| {_code(case.text)} | {_code(case.gold)} | {_mark(case.correct)} | {authors} | {case.note} |\n"


def _mark(correct: bool) -> str:
    return "yes" if correct else "no"


def _code(text: str) -> str:
    if not text:
        return "(nothing)"
    shown = text if len(text) <= _WIDEST else f"{text[: _WIDEST - 10]}… ({len(text):,} characters)"
    shown = shown.replace("\n", "⏎").replace("\0", "␀").replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


if __name__ == "__main__":
    sys.stdout.write(render(grader_cases()))
