"""A path's side of a LeaP block: sum up its progress, conclude when it has finished, read its peers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from typing_extensions import TypedDict

from peerleap.agents import prompts
from peerleap.graph.answers import extract_answer
from peerleap.graph.events import VERSION, Event, discard, usage_event
from peerleap.graph.history import LABELS, Segment, find_evidence, peer_label
from peerleap.graph.leap_block.claims import has_claim
from peerleap.graph.path import Path, Stops, Turn
from peerleap.graph.state import Summary

PERSON = "person"
"""Stands for a person among the sources of a comment; no path has this name."""
# Replacement character: the token limit cut a multi-byte character.
_BROKEN = "\ufffd"
# Characters of its own last line that a path reads again behind a comment.
_ANCHOR = 200


class Summarized(TypedDict):
    """Result of one path's summary stage."""

    segments: list[Segment]
    summary: Summary
    error: str | None


async def summarize(path: Path, history: Sequence[Segment], turn: Turn) -> Summarized:
    """Summary stage (paper, section 2.2): at most `summary_tokens` tokens, closed by us where the path did not."""
    try:
        segments, summary = await _summarize(path, history, turn)
    except Exception as error:  # noqa: BLE001
        message = f"{type(error).__name__}: {error}"
        segment = Segment(kind="error", round=turn.round, token_ids=[], text=message)
        return Summarized(segments=[segment], summary=Summary(text="", tokens=0, cut=False), error=message)
    text, tokens = summary["text"], summary["tokens"]
    event = Event(v=VERSION, type="summary", path=path.name, round=turn.round, text=text, tokens=tokens)
    if "evidence" in summary:
        event["evidence"] = summary["evidence"]
    if "no_claim" in summary:
        event["no_claim"] = True
    turn.write(event)
    if turn.write is not discard:
        turn.write(usage_event(path.name, turn.round, [*history, *segments]))
    return Summarized(segments=segments, summary=summary, error=None)


async def _summarize(path: Path, history: Sequence[Segment], turn: Turn) -> tuple[list[Segment], Summary]:
    new: list[Segment] = []
    if history[-1].get("finish") != "summarize":
        new.append(path.insert("trigger", turn.round, _trigger(path, history, turn.round)))
    stops: Stops = {**path.think_end, prompts.SUMMARIZE_END: "summary_end"}
    segment = await path.generate(
        "summary", [*history, *new], path.settings.summary_tokens, stops, turn, at_limit="cut"
    )
    text, closed, _ = segment["text"].partition(prompts.SUMMARIZE_END)
    if closed and segment["finish"] != "turn_end":
        segment["finish"] = "summary_end"
    if segment["finish"] == "think_end":
        text = _without_end_of_thought(path, segment)
    new.append(segment)
    if not closed and path.turns is None:
        cut = prompts.SUMMARY_CUT if segment["finish"] == "cut" else "\n"
        new.append(path.insert("nudge", turn.round, cut + prompts.SUMMARIZE_END))
    if segment["finish"] == "cut":
        text = text.rstrip(_BROKEN)
    text = text.strip()
    no_claim = not has_claim(text, history[0]["text"], path.task)
    if path.settings.preset == "paper" and new[0]["kind"] == "trigger" and path.turns is None:
        text = f"{_template(path, turn.round)} {text}"  # the authors' code shares the template, too
    summary = with_evidence(
        Summary(text=text, tokens=len(segment["token_ids"]), cut=segment["finish"] == "cut"), history
    )
    if no_claim and "evidence" not in summary:
        summary["no_claim"] = True
    return new, summary


def _without_end_of_thought(path: Path, segment: Segment) -> str:
    """Take the end of the thought out of a summary that ran into it: a path that goes on must not have ended."""
    before, _, _ = segment["text"].partition(path.thinking.close)
    generated = len(segment["token_ids"])
    while len(segment["text"]) > len(before):
        segment["token_ids"] = segment["token_ids"][:-1]
        segment["text"] = path.decode(segment["token_ids"])
    segment["dropped"] = generated - len(segment["token_ids"])
    return segment["text"]


def conclude(path: Path, history: Sequence[Segment]) -> Summary:
    """What a finished path goes on to share: its answer and the last `summary_tokens` tokens of what supports it."""
    # A forced answer says nothing beyond itself; before it stands the answer section or the thought that supports it.
    forced = {"nudge", "answer"}
    answered = [b for a, b in pairwise(history) if b["kind"] == "answer" and a["kind"] not in forced]
    support = answered or [segment for segment in history if segment["kind"] == "thought"]
    ids = [token for segment in support for token in segment["token_ids"]]
    answer, room = extract_answer(history, path.task), path.settings.summary_tokens
    opening = prompts.CONCLUSION_OPEN.format(text="")
    if answer:
        with_answer = prompts.CONCLUSION.format(answer=answer, text="")
        left = room - len(path.insert("comment", 0, with_answer)["token_ids"])
        # An answer that has no room beside its reasons is found in their last words.
        opening, room = (with_answer, left) if left > 0 else (opening, room)
    text = path.decode(ids[-room:]).strip()
    if len(ids) > room:
        text = text.lstrip(_BROKEN)
    return with_evidence(Summary(text=(opening + text).strip(), tokens=0, cut=False), history)


def excerpt(path: Path, history: Sequence[Segment]) -> Summary:
    """The last `summary_tokens` tokens that a path has thought: what stands for a summary before there is one."""
    ids = [token for segment in history if segment["kind"] == "thought" for token in segment["token_ids"]]
    text = path.decode(ids[-path.settings.summary_tokens :]).strip().lstrip(_BROKEN)
    return with_evidence(Summary(text=text, tokens=0, cut=False), history)


def with_evidence(summary: Summary, history: Sequence[Segment]) -> Summary:
    """The summary with what its path has checked, if it has."""
    evidence = find_evidence(history)
    return {**summary, "evidence": evidence} if evidence else summary


def comment(
    path: Path,
    history: Sequence[Segment],
    summaries: Mapping[str, Summary],
    sources: Sequence[Path],
    round_number: int,
    persons: Sequence[str] = (),
) -> Segment:
    """The segment that lets a path read its peers' summaries, and what persons say; a plain nudge without either.

    `history` is the path's own up to its summary: the segment ends with the last line of it, so that the path goes on
    where it stood.
    """
    if not sources and not persons:
        before, after = path.turns or ("\n\n", "")
        text = prompts.NO_COMMENT_TURNS if path.turns else _anchored(path, history, prompts.NO_COMMENT)
        return path.insert("nudge", round_number, f"{before}{text}{after}")
    mixed = len({source.peer.name for source in (*sources, path)}) > 1
    quotes = []
    for source in sources:
        summary = summaries[source.name]
        label = peer_label(source.number, source.peer.name if mixed else None, summary.get("evidence", ()))
        text = path.foreign(summary["text"], LABELS) + (prompts.CUT_MARK if summary["cut"] else "")
        quotes.append(prompts.QUOTED.format(label=path.foreign(label), text=text))
    quotes += [prompts.QUOTED.format(label=prompts.PERSON_LABEL, text=path.foreign(text, LABELS)) for text in persons]
    segment = path.insert("comment", round_number, _comment_text(path, history, "\n\n".join(quotes), round_number))
    segment["sources"] = [*(source.name for source in sources), *(PERSON for _ in persons)]
    return segment


def _comment_text(path: Path, history: Sequence[Segment], quotes: str, round_number: int) -> str:
    box = prompts.BOX_REMINDER if path.task != "free" and not path.thinking.thinks else ""
    if path.turns is not None:
        before, after = path.turns
        bridge = path.draw(prompts.BRIDGES_TURNS, round_number, "bridge")
        return f"{before}{prompts.COMMENT_TURNS}\n\n{quotes}\n\n{bridge}{box}{after}"
    bridges = prompts.BRIDGES_THINKING if path.thinking.thinks else prompts.BRIDGES_ANSWERING
    bridge = path.draw(bridges, round_number, "bridge") + box
    return f"\n\n{prompts.COMMENT}\n{quotes}\n{prompts.COMMENT_END}\n\n{_anchored(path, history, bridge)}"


def _anchored(path: Path, history: Sequence[Segment], bridge: str) -> str:
    """The bridge, and the last line of the path's own text as it ended; the authors' code has the bridge alone."""
    if path.settings.preset == "paper":
        return f"{bridge} "
    own = ""
    for segment in reversed(history):
        if segment["kind"] == "thought":
            own = segment["text"] + own
        elif own:
            break
    own = own.removesuffix(prompts.SUMMARIZE)
    line = own.rstrip().rpartition("\n")[2].strip()
    if not line:
        return f"{bridge}\n\n"
    if len(line) > _ANCHOR:
        line = "... " + line[-_ANCHOR:].partition(" ")[2]
    end = own[len(own.rstrip()) :]
    return f"{bridge} {prompts.ANCHOR.format(line=path.foreign(line))}{end}"


def _trigger(path: Path, history: Sequence[Segment], round_number: int) -> str:
    if path.turns is not None:
        before, after = path.turns
        return f"{before}{path.draw(prompts.TRIGGERS_TURNS, round_number, 'trigger')}{after}"
    triggers = prompts.TRIGGERS_THINKING if path.thinking.thinks else prompts.TRIGGERS_ANSWERING
    gap = "" if history[-1]["text"].endswith("\n\n") else "\n\n"
    trigger = path.draw(triggers, round_number, "trigger")
    return f"{gap}{trigger}\n{prompts.SUMMARIZE}\n{_template(path, round_number)}"


def _template(path: Path, round_number: int) -> str:
    return path.draw(prompts.TEMPLATES, round_number, "template")
