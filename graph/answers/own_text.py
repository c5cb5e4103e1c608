from collections.abc import Sequence

from peerleap.graph.answers.boxed import last_box
from peerleap.graph.history import OWN, Segment

_OPENED = "\\boxed{"


def own_text(history: Sequence[Segment]) -> str:
    r"""What a path wrote itself, as one text for the grader: no prompt, comment, summary or inserted sentence.

    A box that was opened for a forced answer counts as the path's, and is closed where its tokens ran out.
    """
    runs: list[str] = []
    before: Segment | None = None
    for segment in history:
        if segment["kind"] in OWN:
            opened = before is not None and before["kind"] == "nudge" and before["text"].endswith(_OPENED)
            if opened and not segment["text"].strip():
                continue  # the answer begins on the next line
            if before is None or before["kind"] not in OWN:
                runs.append("")
            runs[-1] += _closed(segment["text"]) if opened else segment["text"]
        before = segment
    return "\n\n".join(_comments_closed(run) for run in runs)


def _closed(text: str) -> str:
    boxed = _OPENED + text
    if last_box(boxed) is not None:
        return boxed
    line = text.strip().partition("\n")[0].strip(" $.")
    # Its braces may be cut off in the middle.
    return f"{_OPENED}{line}{'}' * (1 + max(0, line.count('{') - line.count('}')))}" if line else ""


def _comments_closed(run: str) -> str:
    """A run of own text with what it wrote in its peers' name closed: what comes after it is the path's own again."""
    if run.rfind("<comment>") > max(run.rfind("</comment>"), run.rfind("</think>")):
        return f"{run}</comment>"
    return run


def without_comments(text: str) -> str:
    """The text without `<comment>` blocks: what peers said, or what the path made up in their name, is no answer."""
    kept: list[str] = []
    position = 0
    while (start := text.find("<comment>", position)) >= 0:
        kept.append(text[position:start])
        close, thought = text.find("</comment>", start), text.find("</think>", start)
        ends = [end for end in (close + len("</comment>") if close >= 0 else -1, thought) if end >= 0]
        position = min(ends, default=len(text))
    kept.append(text[position:])
    return "".join(kept)


def answer_section(text: str) -> str:
    """What follows the last `</think>`; the whole text where there is none."""
    return text.rpartition("</think>")[2]
