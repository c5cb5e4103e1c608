"""Results by difficulty (section 5.2.2 of the paper): a question's level is how often other paths get it right.

The paper takes the level and the baseline's score from one sample. There, the very hard questions score 0 by
construction and can only gain; here the score is a second sample's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from peerleap.evals.records import RecordsError
from peerleap.evals.report.comparison import check_same
from peerleap.evals.report.results import Results
from peerleap.evals.report.tables import percent, table
from peerleap.evals.stats import Difference, Estimate, paired_difference

# Least share of right paths: 32, 25 to 31, 9 to 24, 1 to 8 and 0 of 32.
LEVELS = {"very easy": 1.0, "easy": 25 / 32, "medium": 9 / 32, "hard": 1 / 32, "very hard": 0.0}
LEAST = 5
"""Questions below which a level has no interval."""
LEVEL_HEAD = ("level", "questions", "file", "Pass@1, %", "difference from the first, points", "own tokens a path")
_PAPER_PATHS = 32


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One file on the questions of one level."""

    level: str
    name: str
    questions: int
    pass_at_1: Estimate
    difference: Difference | None
    """From the first file; `None` for that one, and below `LEAST` questions."""
    own_tokens: float
    """A path's own tokens, on average: no summaries, no comments."""


def level_rows(results: Sequence[Results], base: Results) -> list[LevelRow]:
    """Split results by the levels that another sample gives their questions.

    Args:
        results: The files; differences are taken from the first.
        base: Independent paths on the same questions, of another sample than any of the files: where one sample both
            sets the level and is scored, very hard questions can only gain.

    Returns:
        A row for each level that has questions and each file.

    Raises:
        RecordsError: The base is one of the files or shares paths with one, is no file of independent paths, or has
            other questions or another model.
    """
    _check(results, base)
    share = base.by_question("pass@1")
    rows = []
    for level, members in _levels(share).items():
        first: dict[str, float] = {}
        for result in results:
            part = result.only({key for key in result.paths if key[0] in members})
            if not part.paths:
                continue
            values = part.by_question("pass@1")
            first = first or values
            paired = len(values) >= LEAST and values.keys() == first.keys() and values is not first
            voters = part.voters
            rows.append(
                LevelRow(
                    level=level, name=result.name, questions=len(values),
                    pass_at_1=part.estimate("pass@1"),
                    difference=paired_difference(values, first) if paired else None,
                    own_tokens=sum(path.tokens.own for path in voters) / len(voters),
                )
            )  # fmt: skip
    return rows


def level_cells(rows: Sequence[LevelRow]) -> list[tuple[str, ...]]:
    """The rows as text, under `LEVEL_HEAD`; a level of fewer than `LEAST` questions has no intervals."""
    return [
        (row.level, str(row.questions), row.name,
         percent(row.pass_at_1) if row.questions >= LEAST else f"{100 * row.pass_at_1.value:.1f}",
         _points(row), f"{row.own_tokens:,.0f}")
        for row in rows
    ]  # fmt: skip


def level_sentence(base: Results) -> str:
    """Where the levels come from, without the full stop."""
    paths = sorted({len(of) for of in (base.pooled().voting(key) for key in base.pooled().paths)})
    counts = f"{paths[0]}" if len(paths) == 1 else f"{paths[0]} to {paths[-1]}"
    bounds = "the paper's: 32, 25 to 31, 9 to 24, 1 to 8 and 0 right paths of 32"
    scaled = "" if paths == [_PAPER_PATHS] else f", as shares (the paper has {_PAPER_PATHS} paths)"
    return (
        f"levels by {counts} independent paths a question of {base.file}, none of which is scored; bounds are {bounds}"
        f"{scaled}; levels of fewer than {LEAST} questions have no interval; all rows are exploratory"
    )


def levels_markdown(rows: Sequence[LevelRow], base: Results) -> str:
    """The levels as a section of a report."""
    sentence = level_sentence(base)
    return f"## By difficulty\n\n{sentence[0].upper()}{sentence[1:]}.\n\n{table(LEVEL_HEAD, level_cells(rows))}"


def _points(row: LevelRow) -> str:
    d = row.difference
    if d is None:
        return "-"
    return f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}], {d.p_text}"


def _check(results: Sequence[Results], base: Results) -> None:
    if base.config["method"] != "independent":
        raise RecordsError(
            f"--levels {base.file}: of the method {base.config['method']!r}; levels need independent paths: peerleap "
            f"eval {base.config['task']} --method independent --seed N"
        )
    for result in results:
        check_same(base, result.config, str(result.file), ("data", "model", "model_hash", "grader"))
        shared = set(result.runs) & set(base.runs) if result.config["method"] == base.config["method"] else set()
        if shared:
            # A budget, or more paths, adds to the paths of a seed: it draws no others.
            raise RecordsError(
                f"--levels {base.file}: the same sample as {result.file} (seed {min(shared)}), so very hard questions "
                f"could only gain; give independent paths of another --seed, such as {max(result.runs) + 1}"
            )
        if missing := set(result.questions) - set(base.questions):
            raise RecordsError(f"--levels {base.file}: question {min(missing)!r} of {result.file} is not in it")


def _levels(share: dict[str, float]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {level: set() for level in LEVELS}
    for question, right in share.items():
        found[next(level for level, least in LEVELS.items() if right >= least - 1e-9)].add(question)
    return {level: members for level, members in found.items() if members}
