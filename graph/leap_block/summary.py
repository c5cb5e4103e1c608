"""A path's side of a LeaP block: sum up its progress, conclude when it has finished, read its peers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NotRequired

from langchain_core.runnables import RunnableConfig
from typing_extensions import TypedDict

from peerleap.agents import prompts
from peerleap.graph.answers.own_answer import extract_answer
from peerleap.graph.events.emitter import nobody
from peerleap.graph.events.schema import VERSION, Event, Writer
from peerleap.graph.history.evidence import LABELS, Evidence, find_evidence, peer_label
from peerleap.graph.history.segments import Segment
from peerleap.graph.history.usage import path_usage
from peerleap.graph.path.path import Path

PERSON = "person"
"""Stands for a person among the sources of a comment; no path has this name."""
# What a character decodes to of which a limit has left some bytes: nothing that a peer could read.
_BROKEN = "\ufffd"
# Characters of its own last line that a path reads again behind a comment.
_ANCHOR = 200


class Summary(TypedDict):
    """What a path shares in one LeaP block."""

    text: str
    """Without tags; empty where the path had nothing to say."""
    tokens: int
    """Generated for it; 0 for a finished path, which writes nothing new."""
    cut: bool
    """It ran into the token limit."""
    evidence: NotRequired[list[Evidence]]
    """What its path has checked with tools; missing where it has checked nothing."""


class Summarized(TypedDict):
    """Result of one path's summary stage."""

    segments: list[Segment]
    summary: Summary
    error: str | None


async def summarize(
    path: Path,
    history: Sequence[Segment],
    round_number: int,
    write: Writer,
    config: RunnableConfig | None = None,
) -> Summarized:
    """Summary stage (paper, section 2.2): at most `summary_tokens` tokens, closed by us where the path did not."""
    try:
        return await _summarize(path, history, round_number, write, config)
    except Exception as error:  # noqa: BLE001
        told = f"{type(error).__name__}: {error}"
        segment = Segment(kind="error", round=round_number, token_ids=[], text=told)
        return Summarized(segments=[segment], summary=Summary(text="", tokens=0, cut=False), error=told)


async def _summarize(
    path: Path, history: Sequence[Segment], round_number: int, write: Writer, config: RunnableConfig | None
) -> Summarized:
    new: list[Segment] = []
    if history[-1].get("finish") != "summarize":
        new.append(path.insert("trigger", round_number, _trigger(path, history, round_number)))
    assert path.settings.summary_tokens is not None
    end_strings, end_ids = path.think_end
    segment, completion = await path.generate(
        "summary", [*history, *new], round_number, path.settings.summary_tokens,
        stop=(prompts.SUMMARIZE_END, *end_strings), stop_token_ids=end_ids, write=write, config=config,
    )  # fmt: skip
    text, closed, _ = segment["text"].partition(prompts.SUMMARIZE_END)
    segment["finish"] = "summary_end" if closed else "cut"
    if completion.ended_turn:
        segment["finish"] = "turn_end"
    elif completion.stop_reason in (*end_ids, *end_strings) and not closed:
        segment["finish"] = "think_end"
        before, _, _ = text.partition("</think>")
        generated = len(segment["token_ids"])
        while len(segment["text"]) > len(before):
            segment["token_ids"] = segment["token_ids"][:-1]
            segment["text"] = path.decode(segment["token_ids"])
        segment["dropped"] = generated - len(segment["token_ids"])
        text = segment["text"]
    new.append(segment)
    if not closed and path.turns is None:
        cut = prompts.SUMMARY_CUT if segment["finish"] == "cut" else "\n"
        new.append(path.insert("nudge", round_number, cut + prompts.SUMMARIZE_END))
    if segment["finish"] == "cut":
        text = text.rstrip(_BROKEN)
    if path.settings.preset == "paper" and new[0]["kind"] == "trigger" and path.turns is None:
        text = f"{_template(path, round_number)} {text.strip()}"  # the authors' code shares the template, too
    summary = Summary(text=text.strip(), tokens=len(segment["token_ids"]), cut=segment["finish"] == "cut")
    summary = with_evidence(summary, history)
    told = Event(v=VERSION, type="summary", path=path.name, round=round_number)
    told |= {"text": summary["text"], "tokens": summary["tokens"]}
    if "evidence" in summary:
        told["evidence"] = summary["evidence"]
    write(told)
    if write is not nobody:
        write({"v": VERSION, "type": "usage", "path": path.name, "round": round_number,
               "usage": path_usage([*history, *new])})  # fmt: skip
    return Summarized(segments=new, summary=summary, error=None)


def conclude(path: Path, history: Sequence[Segment]) -> Summary:
    """What a finished path goes on to share: its answer and the last `summary_tokens` tokens of what supports it."""
    assert path.settings.summary_tokens is not None
    # A forced answer says nothing beyond itself; before it stands the answer section or the thought that supports it.
    forced = {"nudge", "answer"}
    answered = [b for a, b in pairwise(history) if b["kind"] == "answer" and a["kind"] not in forced]
    support = answered or [segment for segment in history if segment["kind"] == "thought"]
    ids = [token for segment in support for token in segment["token_ids"]]
    answer, room = extract_answer(history, path.task), path.settings.summary_tokens
    told = prompts.CONCLUSION_OPEN.format(text="")
    if answer:
        said = prompts.CONCLUSION.format(answer=answer, text="")
        left = room - len(path.insert("comment", 0, said)["token_ids"])
        # An answer too long to be told beside its reasons is found in their last words.
        told, room = (said, left) if left > 0 else (told, room)
    text = path.decode(ids[-room:]).strip()
    if len(ids) > room:
        text = text.lstrip(_BROKEN)
    return with_evidence(Summary(text=(told + text).strip(), tokens=0, cut=False), history)


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
