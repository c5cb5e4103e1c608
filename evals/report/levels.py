"""Results by difficulty (section 5.2.2 of the paper): a question's level is how often a baseline gets it right."""

from collections.abc import Sequence
from dataclasses import dataclass

from peerleap.evals.records import RecordsError
from peerleap.evals.report.results import Results
from peerleap.evals.stats import Difference, paired_difference

# Least share of right paths: 32, 25 to 31, 9 to 24, 1 to 8 and 0 of 32.
LEVELS = {"very easy": 1.0, "easy": 25 / 32, "medium": 9 / 32, "hard": 1 / 32, "very hard": 0.0}
LEAST = 5
"""Questions below which a level has no interval."""


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One file on the questions of one level."""

    level: str
    name: str
    questions: int
    pass_at_1: float
    difference: Difference | None
    """From the first file; `None` for that one, and below `LEAST` questions."""
    own_tokens: float
    """A path's own tokens, on average."""


def level_rows(results: Sequence[Results], base: Results) -> list[LevelRow]:
    """Split results by the levels that another sample gives their questions.

    Args:
        results: The files; differences are taken from the first.
        base: Independent paths on the same questions, of another sample than any of the files: where one sample both
            sets the level and is scored, very hard questions can only gain.

    Returns:
        A row for each level that has questions and each file.

    Raises:
        RecordsError: The base is one of the files, or has other questions.
    """
    for result in results:
        if (result.config_hash, result.runs) == (base.config_hash, base.runs):
            raise RecordsError(
                f"--levels {base.file}: the same sample as {result.file}, in which very hard questions could only "
                "gain; give independent paths of another --seed"
            )
        if missing := set(result.questions) - set(base.questions):
            raise RecordsError(f"--levels {base.file}: question {min(missing)!r} of {result.file} is not in it")
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
                    pass_at_1=sum(values.values()) / len(values),
                    difference=paired_difference(values, first) if paired else None,
                    own_tokens=sum(path.tokens.own for path in voters) / len(voters),
                )
            )  # fmt: skip
    return rows


def _levels(share: dict[str, float]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {level: set() for level in LEVELS}
    for question, right in share.items():
        found[next(level for level, least in LEVELS.items() if right >= least - 1e-9)].add(question)
    return {level: members for level, members in found.items() if members}
