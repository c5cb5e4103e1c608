"""What a question has spent of its budget, and how many more paths the rest pays for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from peerleap.evals.methods.base import MethodConfig, PathResult


@dataclass(frozen=True, slots=True)
class Meter:
    """What a question's paths have spent of their budget, in generated tokens or in seconds; begins when it is made."""

    config: MethodConfig
    _start: float = field(default_factory=lambda: _now())  # noqa: PLW0108 - tests set the clock

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return self.config.budget is not None or self.config.seconds is not None

    @property
    def _width(self) -> int:
        return self.config.paths if self.config.team is None else self.config.team.width

    def pays_for(self, results: Sequence[PathResult], like: Sequence[PathResult]) -> int:
        """How many more paths the rest pays for, if they cost what those of `like` cost on average, rounded up.

        Time says little about a path: of seconds, what is left pays for as many paths at once as began together.
        """
        if self.config.seconds is not None:
            return self._width if _now() - self._start < self.config.seconds else 0
        assert self.config.budget is not None
        rest = self.config.budget - generated(results)
        return ceil(rest * len(like) / max(1, generated(like))) if rest > 0 else 0


def _now() -> float:
    return time.monotonic()


def generated(results: Sequence[PathResult]) -> int:
    """Tokens that were decoded, one by one."""
    return sum(path.tokens.generated for path in results)
