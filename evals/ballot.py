from functools import lru_cache

from peerleap.evals.grading.grader import Verdict
from peerleap.graph.answers.own_answer import canonical
from peerleap.graph.settings import TaskName

_TASKS: dict[str, TaskName] = {"choice": "choice", "text": "free"}


def ballot(verdict: Verdict, kind: str) -> str | None:
    """The answer as it is voted on, in a form in which spellings of the same one are equal; `None`: no vote.

    Right answers need no common form: `Graded.vote` puts them into one class, since all equal the gold one.
    """
    return None if verdict.extracted is None else _form(verdict.extracted, _TASKS.get(kind, "math"))


@lru_cache(maxsize=65_536)
def _form(answer: str, task: TaskName) -> str:
    return canonical(answer, task)
