"""What a study asks."""

from typing import Any

MINIATURE_TASK = "miniature:chain"
"""Name, in results, of the fresh chain sums that the miniature is asked."""


def study_questions(
    task: str | None, model: str | None, count: int, data_seed: int | None, *, option: str = "--questions"
) -> tuple[str, list[Any]]:
    """Name and questions of a data set; fresh chain sums for the miniature, where none is named.

    Args:
        task: as `peerleap eval` takes it, or `None`.
        model: of the study.
        count: how many questions at most.
        data_seed: of generated questions and of the order of options.
        option: says how many.

    Raises:
        ValueError: no data set is named, or it cannot be used.
    """
    from peerleap.engine import MINIATURE, default_model
    from peerleap.evals import Problem, load

    if count < 1:
        raise ValueError(f"{option} {count}: give at least 1")
    if task is None and (model or default_model()) == MINIATURE:
        from peerleap.training.miniature import fresh_questions

        rows = fresh_questions("chain", count, data_seed or 0)
        return MINIATURE_TASK, [
            Problem(id=row["id"], question=row["question"], answer=row["answer"], kind=row["kind"]) for row in rows
        ]
    if task is None:
        raise ValueError(
            "TASK: name questions that the model gets right now and then, such as gsm8k, gym:chain_sum or a file of "
            "yours; only for --model miniature are there some of its own"
        )
    return task, load(task, limit=count, seed=data_seed)
