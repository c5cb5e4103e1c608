r"""What a path wrote itself: one reader for the vote, the graders, summaries and aggregates."""

from collections.abc import Collection, Sequence

from peerleap.engine import THOUGHT_ENDS
from peerleap.graph.answers.boxed import BOX, last_box
from peerleap.graph.history import OWN, Segment


def own_text(history: Sequence[Segment], kinds: Collection[str] = OWN, *, invented: bool = False) -> str:
    r"""What a path wrote itself, as one text: no prompt, comment, summary or inserted sentence.

    A box that was opened for a forced answer counts as the path's, and is closed where its tokens ran out.

    Args:
        history: The path's segments, in order.
        kinds: The kinds of segments that are read.
        invented: Comments that the path made up in its peers' names stay, if nothing closes them.

    Returns:
        The text; runs of segments between which something was inserted are paragraphs of it.
    """
    return "\n\n".join(text for _, text in own_runs(history, kinds, invented=invented))


def own_runs(
    history: Sequence[Segment], kinds: Collection[str] = OWN, *, invented: bool = False
) -> list[tuple[int, str]]:
    """The paragraphs of `own_text`, with the number of the first segment of each; arguments as there."""
    runs: list[str] = []
    starts: list[int] = []
    before: Segment | None = None
    for number, segment in enumerate(history):
        if segment["kind"] in kinds:
            opened = before is not None and before["kind"] == "nudge" and before["text"].endswith(BOX)
            if opened and not segment["text"].strip():
                continue  # the answer begins on the next line
            # Where one request goes on from the last, a break would tear a word or a number apart.
            if before is None or before["kind"] not in kinds:
                runs.append("")
                starts.append(number)
            runs[-1] += _closed(segment["text"]) if opened else segment["text"]
        before = segment
    return [(start, without_comments(run, unclosed=not invented)) for start, run in zip(starts, runs, strict=True)]


def without_comments(text: str, *, unclosed: bool = True) -> str:
    """The text without `<comment>` blocks: what peers wrote, or what the path made up in their names, is no answer.

    A block ends at `</comment>` or at the end of the thought, as any known family of models marks it; with `unclosed`,
    also at the end of the text.
    """
    parts: list[str] = []
    position = 0
    while (start := text.find("<comment>", position)) >= 0:
        close = text.find("</comment>", start)
        ends = [close + len("</comment>")] if close >= 0 else []
        ends += [place for mark in THOUGHT_ENDS if (place := text.find(mark, start)) >= 0]
        if not ends and not unclosed:
            break
        parts.append(text[position:start])
        position = min(ends, default=len(text))
    parts.append(text[position:])
    return "".join(parts)


def answer_section(text: str) -> str:
    """What follows the last end of a thought, as any known family marks it; the whole text where there is none."""
    ends = [place + len(mark) for mark in THOUGHT_ENDS if (place := text.rfind(mark)) >= 0]
    return text[max(ends, default=0) :]


def _closed(text: str) -> str:
    boxed = BOX + text
    if last_box(boxed) is not None:
        return boxed
    line = text.strip().partition("\n")[0].strip(" $.")
    # Its braces may be cut off in the middle.
    return f"{BOX}{line}{'}' * (1 + max(0, line.count('{') - line.count('}')))}" if line else ""
