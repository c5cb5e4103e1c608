"""The arms of the listening test: what one half-done path reads, as the histories that it goes on from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from peerleap.agents import prompts
from peerleap.graph import Segment, derive_random, history_key
from peerleap.graph.history import as_copies
from peerleap.graph.leap_block import Summary, comment
from peerleap.graph.path import Path

NO_BLOCK, OWN, SHAM, PEERS = "no block", "own summary", "sham comment", "peers"
RIGHT, WRONG, PLACEBO = "right peer", "wrong peer", "placebo"
RIGHT_PEERS, WRONG_PEERS = "right peers", "wrong peers"
ARMS = {
    NO_BLOCK: "goes on undisturbed",
    OWN: "sums up and reads nobody",
    SHAM: "reads its own summary as a peer's",
    PEERS: "reads its peers, as LeaP has it",
    RIGHT: "reads one peer, who names the right answer",
    WRONG: "reads one peer, who names a wrong answer",
    RIGHT_PEERS: "reads as many peers as LeaP has it read, who all name the right answer",
    WRONG_PEERS: "reads as many, who all name the same wrong answer",
    PLACEBO: "reads as many summaries, of another question",
}
_SUMMARIZING = frozenset({"trigger", "summary"})


class HalfDone(NamedTuple):
    """A path at its first LeaP block."""

    before: list[Segment]
    """Its history up to the block."""
    wrote: list[Segment]
    """Its part in the block: trigger, summary, and what closes it."""
    summary: Summary
    """What it shares."""
    sources: int
    """How many summaries it read."""


def half_done(values: Mapping[str, Any]) -> dict[str, HalfDone]:
    """The paths of a run that took part in its first LeaP block; those that had ended before it are left out.

    Args:
        values: the state of a LeaP graph, behind its first block.
    """
    blocks = values.get("rounds") or []
    if not blocks:
        return {}
    found = {}
    for name in blocks[0]["routes"]:
        history = [segment for segment in values[history_key(name)] if segment["round"] == 0]
        start = next(n for n, segment in enumerate(history) if segment["kind"] in _SUMMARIZING)
        # The last segment of the block is what the path read, or that it read nothing.
        found[name] = HalfDone(
            history[:start], history[start:-1], blocks[0]["summaries"][name], len(history[-1].get("sources", ()))
        )
    return found


def histories(
    name: str, path: HalfDone, paths: Mapping[str, Path], answers: Mapping[str, str | None], placebo: Sequence[Summary]
) -> dict[str, list[Segment]]:
    """What one path goes on from in each arm but `peers`, without its prompt; all arms share their beginning.

    Args:
        name: of the path.
        path: where it stands.
        paths: the reasoning chains of its run.
        answers: what is heard in the arms of right and of wrong peers; an arm without an answer is left out, as are
            those of several peers where the path read one at most.
        placebo: summaries of another question.
    """
    self = paths[name]
    random = derive_random(self.settings.seed, "listening", name)
    others = [other for other in paths.values() if other.name != name]
    peer = random.choice(others)
    one, several = [peer], others[: path.sources]

    def reads(sources: Sequence[Path], texts: Sequence[Summary]) -> list[Segment]:
        summaries = {source.name: text for source, text in zip(sources, texts, strict=True)}
        segment = comment(self, path.before, summaries, sources, 0)
        return [*as_copies([*path.before[1:], *path.wrote]), segment]

    arms = {NO_BLOCK: as_copies(path.before[1:]), OWN: reads([], [])}
    if path.summary["text"]:
        arms[SHAM] = reads([peer], [path.summary])
    for arm, answer in answers.items():
        sources = one if arm in {RIGHT, WRONG} else several
        if answer is not None and (sources is one or len(several) > 1):
            arms[arm] = reads(sources, [conclusion(answer)] * len(sources))
    if placebo:
        drawn = random.sample([*placebo], min(len(placebo), len(others), max(1, path.sources)))
        arms[PLACEBO] = reads(sorted(random.sample(others, len(drawn)), key=lambda one: one.number), drawn)
    return arms


def conclusion(answer: str) -> Summary:
    """What a peer says that has finished with an answer."""
    end = prompts.SOLUTION_END.format(answer=answer)
    return Summary(text=prompts.CONCLUSION.format(answer=answer, text=end), tokens=0, cut=False)
