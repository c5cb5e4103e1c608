"""A row for a person's eyes: what is trained and what is only read, in two colours."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from peerleap.engine import decode
from peerleap.training.rows import Row, Span

TRAINED, READ = "bold green", "bright_black"
_KIND = "cyan"


def show_row(row: Row, tokenizer: Any, *, comments: bool = False, marks: bool = False) -> Text:
    """The text of a row, trained tokens in one colour and all others in another.

    Args:
        row: the row.
        tokenizer: of the model that it belongs to.
        comments: whether comments are trained, too.
        marks: set what is not trained between `‹` and `›`, and the kinds beside it: where there are no colours.
    """
    shown = Text(f"{row.question}, run {row.run}, {row.path}: ", style="bold")
    trained = row.trained(comments=comments)
    shown.append(f"{trained} of {len(row.input_ids)} tokens are trained\n\n")
    for span, text, is_trained in pieces(row, tokenizer, comments=comments):
        if marks:
            shown.append(text if is_trained else f"‹{span.kind}: {text}›")
        else:
            shown.append(f"[{span.kind}]", style=_KIND)
            shown.append(text, style=TRAINED if is_trained else READ)
    return shown


def pieces(row: Row, tokenizer: Any, *, comments: bool = False) -> Iterator[tuple[Span, str, bool]]:
    """Each span of a row with its text and whether it is trained, read from the labels that training sees."""
    labels, start = row.labels(comments=comments), 0
    for span in row.spans:
        ids, part = row.input_ids[start : start + span.tokens], labels[start : start + span.tokens]
        yield span, decode(tokenizer, ids), part == ids
        start += span.tokens
