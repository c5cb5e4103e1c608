"""A training row: the token ids of one path, and which of them it wrote itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from peerleap.graph.history import GENERATED

IGNORED = -100
"""The label of a token that is not trained: the value that torch's cross entropy leaves out."""
TRAINED = GENERATED | {"trigger"}
"""Kinds of segments that are trained. A LeaP-T model has to open its summaries itself, so it learns the triggers; what
peers, tools and the graph put into its history is read and never trained."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a row that is of one kind."""

    kind: str
    """The kind of its segment: prompt, thought, summary, comment, ..."""
    tokens: int
    trained: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One path as a model is trained on it."""

    question: str
    run: int
    path: str
    input_ids: list[int]
    """The whole history, the prompt first."""
    spans: tuple[Span, ...]
    """What the ids are, in order; their lengths add up to that of `input_ids`."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What its maker wants to keep with it; nothing here is read by the training."""

    def labels(self, *, comments: bool = False) -> list[int]:
        """The ids that are trained, and `IGNORED` where one is not.

        Args:
            comments: also train on the comments, as the authors' code does.

        Returns:
            As many labels as there are `input_ids`.
        """
        labels: list[int] = []
        for span in self.spans:
            start = len(labels)
            trained = span.trained or (comments and span.kind == "comment")
            labels += self.input_ids[start : start + span.tokens] if trained else [IGNORED] * span.tokens
        return labels

    def trained(self, *, comments: bool = False) -> int:
        """How many of its tokens are trained."""
        return sum(span.tokens for span in self.spans if span.trained or (comments and span.kind == "comment"))

    @property
    def blocks(self) -> int:
        """How many summaries it holds."""
        return sum(span.kind == "summary" for span in self.spans)


def make_row(
    history: Sequence[Mapping[str, Any]],
    *,
    question: str,
    run: int,
    path: str,
    end_of_turn: int,
    prompt_ids: Sequence[int] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Row:
    """The row of a path's history.

    A history does not hold the token that ended the path's turn, since nothing that follows could be appended to it.
    A row ends with it where the path ended its turn itself: the model would not learn to stop otherwise.

    Args:
        history: the path's segments, of a graph or of records that keep ids: `kind` and `token_ids` each, and `finish`
            where the path generated it.
        question: id of the question.
        run: seed of the run.
        path: name of the path.
        end_of_turn: id of the token that ends a turn.
        prompt_ids: the prompt that the model shall learn to continue, instead of the one that the path had.
        meta: what to keep with the row.
    """
    ids: list[int] = []
    spans: list[Span] = []
    for segment in history:
        kind, added = segment["kind"], list(segment["token_ids"])
        if kind == "prompt" and prompt_ids is not None:
            added = list(prompt_ids)
        if segment is history[-1] and kind in GENERATED and segment.get("finish") == "turn_end":
            added.append(end_of_turn)
        if added:
            ids += added
            spans.append(Span(kind, len(added), kind in TRAINED))
    return Row(question, run, path, ids, tuple(spans), dict(meta or {}))
