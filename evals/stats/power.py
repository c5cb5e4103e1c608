"""What a design can show, stated before the run: `30 questions x 4 runs can show 9 points, not 5`, and why."""

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

# E[p(1-p)] of difficulties drawn from Beta(.45, .40): many easy, many hopeless, few between.
_WITHIN = 0.45 * 0.40 / ((0.45 + 0.40) * (0.45 + 0.40 + 1))
EFFECT_SD = 0.12
RUN_SD = 0.15
DISCORDANCE = (0.25, 0.40)
"""Share of questions whose vote changes between two methods: what two comparisons on GSM8K measured."""


@dataclass(frozen=True, slots=True)
class Design:
    """A paired comparison of two methods on the same questions.

    `sd` is the standard deviation of the per-question difference, in shares; measured in a pilot it replaces the
    assumptions: how much a method's effect varies between questions (`effect_sd`), and how far one run's luck moves
    all paths of a question together (`run_sd`; paths that talk to each other share it).
    """

    questions: int
    runs: int = 1
    paths: int = 32
    sd: float | None = None
    effect_sd: float = EFFECT_SD
    run_sd: float = RUN_SD
    discordance: tuple[float, float] = DISCORDANCE

    def __post_init__(self) -> None:
        for name in ("questions", "runs", "paths"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r}: at least 1 is needed")

    @property
    def difference_sd(self) -> float:
        """The expected standard deviation of the per-question difference."""
        if self.sd is not None:
            return self.sd
        chance = 2 * _WITHIN / (self.paths * self.runs)
        return sqrt(self.effect_sd**2 + chance + 2 * self.run_sd**2 / self.runs)

    def detectable(self, power: float = 0.8, level: float = 0.05) -> float:
        """The smallest true difference (a share) that is found significant with probability `power`."""
        return _multiple(power, level) * self.difference_sd / sqrt(self.questions)

    def power(self, difference: float, level: float = 0.05) -> float:
        """The probability of finding a true difference significant."""
        normal = NormalDist()
        shift = abs(difference) * sqrt(self.questions) / self.difference_sd
        critical = normal.inv_cdf(1 - level / 2)
        return normal.cdf(shift - critical) + normal.cdf(-shift - critical)

    def sentence(self, wanted: float = 0.05) -> str:
        """The design in words: what it can show of Pass@1 with 80 % power, and whether `wanted` (a share) is among it.

        A vote is right or wrong and moves in whole questions, so it needs more of them than the mean over paths.
        """
        return f"{self._of_paths(wanted)}; {self._of_votes(wanted)}"

    def _of_votes(self, wanted: float) -> str:
        low, high = self.discordance
        few, many = (questions_needed_for_votes(wanted, share) for share in (low, high))
        needed, shares = (f"{few}", f"{low:.0%}") if few == many else (f"{few} to {many}", f"{low:.0%} to {high:.0%}")
        short = "" if self.questions >= many else f", not {self.questions}"
        return (
            f"{100 * wanted:g} points of Cons@N, the default metric of a comparison, take {needed} questions where "
            f"{shares} of them change{short}"
        )

    def _of_paths(self, wanted: float) -> str:
        points = ceil(100 * self.detectable() - 1e-9)
        design = f"{_count(self.questions, 'question')} x {_count(self.runs, 'run')}"
        if self.questions < 2 or points >= 100:
            return (
                f"{design} can show no difference of Pass@1 between two methods "
                f"({questions_needed(wanted, self.difference_sd)} questions would show {100 * wanted:g} points)"
            )
        design += f" can show {points} points of Pass@1"
        aim = f"{100 * wanted:g}"
        if self.detectable() <= wanted:
            return f"{design} between two methods (power for {aim}: {self.power(wanted):.0%})"
        needed = questions_needed(wanted, self.difference_sd)
        return (
            f"{design} between two methods with 80 % power, not {aim} (its power: {self.power(wanted):.0%}; "
            f"{needed} questions would do)"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def questions_needed(difference: float, sd: float, power: float = 0.8, level: float = 0.05) -> int:
    """`Q = (2.8 sd / difference)^2` questions, for a paired difference with standard deviation `sd` (both shares)."""
    if difference <= 0 or sd <= 0:
        raise ValueError(f"difference={difference!r}, sd={sd!r}: both must be above 0")
    return ceil((_multiple(power, level) * sd / difference) ** 2 - 1e-9)


def questions_needed_for_votes(difference: float, discordance: float) -> int:
    """Questions to show a Cons@N gain when a share `discordance` of them changes between the methods."""
    return questions_needed(difference, sqrt(discordance))


def _multiple(power: float, level: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)
