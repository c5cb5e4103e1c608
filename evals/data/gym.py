"""Generated questions of reasoning-gym (optional): endless, and easy enough for the smallest models.

Only tasks with one right answer, a number or a word, are offered: reasoning-gym's own scorers run programs on what the
model wrote (some through sympy's `parse_expr`), which this process must not.
"""

from typing import Any

from peerleap.evals.data.problems import DataError, Problem
from peerleap.evals.extras import need
from peerleap.evals.grading import parse_integer

# Task: settings that keep it easy, where its defaults are not.
GYM_TASKS: dict[str, dict[str, Any]] = {
    "aiw": {},
    "basic_arithmetic": {},
    "calendar_arithmetic": {},
    "chain_sum": {},
    "coin_flip": {},
    "count_bits": {},
    "family_relationships": {},
    "gcd": {},
    "gsm_symbolic": {},
    "lcm": {},
    "leg_counting": {},
    "letter_counting": {},
    "number_sequence": {"max_complexity": 1},
    "products": {"max_digits": 2},
    "simple_equations": {},
    "spell_backward": {},
    "syllogism": {},
}


def gym_problems(task: str, size: int = 100, seed: int = 0, **settings: Any) -> list[Problem]:
    """Generate problems of one reasoning-gym task.

    An example: `gym:chain_sum` asks `State the final answer to the following arithmetic problem: 4 + 3 =`, gold `7`.

    Args:
        task: A name in `GYM_TASKS`.
        size: Number of problems.
        seed: The same seed, the same problems.
        settings: The generator's own, such as `max_terms`.

    Returns:
        The problems.

    Raises:
        DataError: No such task.
        MissingExtra: The package `reasoning-gym` is not installed.
    """
    if task not in GYM_TASKS:
        raise DataError(f"'gym:{task}' is not one of {', '.join(f'gym:{name}' for name in GYM_TASKS)}")
    gym = need("reasoning_gym", "reasoning-gym")
    entries = gym.create_dataset(task, size=size, seed=seed, **{**GYM_TASKS[task], **settings})
    return [
        Problem(
            id=f"gym-{task}-{seed}-{index}",
            question=str(entry["question"]),
            answer=str(entry["answer"]),
            kind=_kind(str(entry["answer"])),
            source=f"reasoning-gym:{task}",
            meta={"seed": seed, "size": size, **settings},
        )
        for index, entry in enumerate(entries)
    ]


def _kind(answer: str) -> str:
    if parse_integer(answer) is not None:
        return "integer"
    return "math" if answer.removeprefix("-").replace(".", "", 1).isdecimal() else "text"
