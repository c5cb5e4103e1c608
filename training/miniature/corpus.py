"""Batches of traces: what is trained when (the curriculum), encoded, padded, with labels."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor

from peerleap.training.miniature import chain_sums
from peerleap.training.miniature.blocks import Part
from peerleap.training.miniature.tokenizer import END, PAD, START

IGNORED = -100
Stage = tuple[float, float, float, int]
"""From this share of the tokens on: share of traces with peers, share of Countdown, most terms of a chain sum."""
STAGES: tuple[Stage, ...] = (
    (0.0, 0.0, 0.0, 3),
    (0.04, 0.4, 0.0, 6),
    (0.1, 0.3, 0.0, 10),
    (0.25, 0.5, 0.0, 14),
    (0.45, 0.75, 0.0, 14),
)
BOTH_FAMILIES: tuple[Stage, ...] = ((0.0, 0.5, 0.6, 14),)
"""The last phase: Countdown joins."""
_LONGEST = 1400
_PLANS, _SHORT = 0.3, 6
"""Of the batches without peers, the share that ends behind the plan, once sums have more terms than that.

The copy of a long question is the last thing that is learned, and all paths of a question get it wrong alike.
"""
_LONG = 0.6
"""Of the batches with peers, the share whose sums have more than half of the most terms."""
_ROUND = 32
"""Lengths are multiples of it: few shapes, little padding."""


def stage_at(progress: float, stages: tuple[Stage, ...] = STAGES) -> Stage:
    """The stage that a share of the tokens has reached."""
    return [stage for stage in stages if stage[0] <= progress][-1]


def without_peers(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The same stages without LeaP blocks."""
    return tuple((share, 0.0, countdown, terms) for share, _, countdown, terms in stages)


class Corpus:
    """Draws batches; the same ones for the same seed."""

    def __init__(self, tokenizer: Any) -> None:
        self._encode: Callable[[str], list[int]] = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
        self._start, self._end, self._pad = (tokenizer.token_to_id(text) for text in (START, END, PAD))

    def batch(self, random: Random, stage: Stage, tokens: int, kinds: Random | None = None) -> tuple[Tensor, Tensor]:
        """Ids and labels [rows, length] of about `tokens` tokens, of traces of one kind and about one length.

        `kinds` draws the kind: two workers that share it take about as long for their batches, and do not wait.
        """
        kinds = kinds or random
        _, peers, countdown, most = stage
        with_peers, puzzle = kinds.random() < peers, kinds.random() < countdown
        only_plans = not (with_peers or puzzle) and most > _SHORT and kinds.random() < _PLANS
        # Most blocks are learned on short traces, which cost half. Plans are hardest where terms differ in length.
        least, longest = (most // 2, most) if kinds.random() < _LONG else (3, most // 2)
        terms = kinds.randint(least, longest) if with_peers else kinds.randint(2, most)
        digits = 0 if only_plans and kinds.random() < 0.5 else None
        rows: list[tuple[list[int], list[int]]] = []
        while not rows or len(rows) * max(len(ids) for ids, _ in rows) < tokens:
            if puzzle:
                from peerleap.training.miniature import countdown as puzzles

                question, parts = puzzles.trace(random, peers=with_peers)
            else:
                total = chain_sums.draw(random, terms, digits)
                question = chain_sums.ask(total, random)
                if only_plans:
                    parts = [(chain_sums.plan(total), True)]
                else:
                    parts = (chain_sums.leap if with_peers else chain_sums.lone)(total, random)
            row = self.row(question, parts, ended=not only_plans)
            if len(row[0]) <= _LONGEST:
                rows.append(row)
        length = -(-max(len(ids) for ids, _ in rows) // _ROUND) * _ROUND
        ids = torch.full((len(rows), length), self._pad)
        labels = torch.full((len(rows), length), IGNORED)
        for i, (row_ids, row_labels) in enumerate(rows):
            ids[i, : len(row_ids)] = torch.tensor(row_ids)
            labels[i, : len(row_labels)] = torch.tensor(row_labels)
        return ids, labels

    def row(self, question: str, parts: list[Part], *, ended: bool = True) -> tuple[list[int], list[int]]:
        """Ids and labels of a trace: the prompt, and every part encoded by itself, as the product inserts it.

        One that has not `ended` is the beginning of a trace.
        """
        ids = [self._start, *self._encode(f"{question.strip()}\n<think>\n")]
        labels = [IGNORED] * len(ids)
        for text, trained in parts:
            new = self._encode(text)
            ids += new
            labels += new if trained else [IGNORED] * len(new)
        return ([*ids, self._end], [*labels, self._end]) if ended else (ids, labels)
