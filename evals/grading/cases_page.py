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

- `integer` and `math`: the last balanced, non-empty `\\boxed{{}}`; where the gold answer has several values, boxes that
  stand side by side are its items. The gold answer and the path's are read by the same code: fonts, colours, Unicode,
  units, the sentence around an answer and a full stop say nothing. Numbers are compared exactly: `0.333333` is no
  third. Names and order count: `x=2, y=3` is `(2,3)` and not `(3,2)`, a set or a list of solutions has no order. A word
  that changes a number (`5 thousand`), denies it (`5 is wrong`) or bounds it (`at most 5`) is never dropped, and all
  sides of a chain of equalities must agree. What only algebra can compare goes to a child process with sympy and
  math-verify 0.9.0 that is killed when it hangs. Longer than {longest:,} characters is wrong, unread.
  A mark that makes another thing of a letter or a number (`f'`, `5\\ldots`) is never dropped either. The odd root of a
  negative number is the real one. The label of an option before its value says nothing: `\\textbf{{(B)}}\\ 12` is 12.
- Units: where both sides name one, they must measure the same, and are converted (`60 minutes` is `1 hour`, `1 m^2` is
  `10000 cm^2`, and no length); units that are not known (`apples`) say nothing; where one side names none, the question
  does. `5\\%` is 0.05 and, for a gold answer in percent, 5; a question whose gold answers
  are integers (`integer`) names its unit, so there `5\\%` and `5^\\circ` are 5, too.
- `choice`: the last letter given after the end of the thought (`</think>`, `[/THINK]`, ...): boxed, said to be the
  answer, or alone at the end.
- `text`: the last box, ignoring case, spaces and quotes.
- `expression`: the last box has the same value as the gold expression and uses the same whole numbers equally often,
  with + - * / and brackets (Countdown). It is parsed, never evaluated as text.

No answer is wrong, and is counted (`no_answer`). A number in prose is no answer: a path that ends with one is asked for
its box. No text of a model is evaluated in the calling process. Nothing here looks at the question: an answer that is
right only modulo 1000, or in another unit, is judged as written.

## The vote

The vote reads answers with the same code and compares their forms: what is graded as equal votes together, and what is
told apart votes apart. A test holds both to it, over the cases below and over generated answers. The exceptions:

- The vote computes nothing but arithmetic on literal numbers: `\\sqrt{{8}}` and `2\\sqrt{{2}}` are equal for the grader
  and two answers for the vote. So are units of other sizes, and a number in a base against the same number without it.
- Names, units, moduli and conditions do not part votes: all paths answer the same question, so `x=5` and `5`,
  `25 \\pmod{{1000}}` and `025`, `5\\%` and `5` are votes for one answer. The grader compares them where the gold answer
  names its own.
- `2, 3` may stand for the point `(2,3)` where the gold answer is a point; for the vote, a list has no order.
- A path's answer in prose has a vote, as does a box that the end of its text cut off; graders read closed boxes. Before
  it ends, such a path is asked for its box.
- Boxes that stand side by side are one list for the vote; a gold answer of one value is compared with the last box.

## The cases

The {count} cases below are `evals/grading/grader_cases.jsonl`; a test runs every one of them. The column "authors" is
what the rules of the paper's published code say about the same text (`Grader("leap-official")`, for parity only); a
bold mark is
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
