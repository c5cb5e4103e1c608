"""Rows as a trainer takes them, and the order in which it takes them."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from peerleap.training.rows import Row


def dataset(rows: Sequence[Row], *, comments: bool = False) -> Any:
    """A `datasets.Dataset` with the columns `input_ids` and `labels` (-100 where nothing is trained).

    It suits any trainer that takes tokenised rows.

    Args:
        rows: the rows.
        comments: train the comments, too.
    """
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in rows],
            "labels": [row.labels(comments=comments) for row in rows],
        }
    )


class RunOrder:
    """The rows of a whole run in order, as a sampler: each epoch shuffles all rows, by the seed.

    The order is fixed from the start, so that a run that goes on finds the same rows. Within the rows of one optimizer
    step, those of similar length stand together: a step stays a random draw, and little is padded.
    """

    def __init__(self, lengths: Sequence[int], *, batch: int, epochs: int, seed: int) -> None:
        self._order: list[int] = []
        drawn: list[int] = []
        for epoch in range(epochs):
            an_epoch = list(range(len(lengths)))
            Random(f"{seed} {epoch}").shuffle(an_epoch)  # noqa: S311 - reproducible on purpose
            drawn += an_epoch
        for start in range(0, len(drawn), batch):
            self._order += sorted(drawn[start : start + batch], key=lambda index: lengths[index])

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)
