"""The barrier: when all active paths have stopped, decide who reads whom."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from peerleap.graph.events import VERSION, Writer
from peerleap.graph.history import Segment
from peerleap.graph.leap_block.caches import look_at_caches
from peerleap.graph.leap_block.routers import ROUTERS
from peerleap.graph.leap_block.similarity import similarity_matrix
from peerleap.graph.leap_block.summary import PERSON, Summarized, comment, conclude
from peerleap.graph.path import Path
from peerleap.graph.seeds import derive_random
from peerleap.graph.settings import RunSettings
from peerleap.graph.state import BlockRecord, PathState, Summary, history_key


def active_paths(status: Mapping[str, PathState]) -> list[str]:
    """Names of the paths that still think, in order."""
    return [name for name, path in status.items() if path["state"] == "active"]


def alumni(status: Mapping[str, PathState], settings: RunSettings) -> list[str]:
    """Names of the paths that have finished and go on sharing their conclusion."""
    return [name for name, path in status.items() if settings.alumni and path["state"] in {"finished", "forced"}]


def close_block(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    summarized: Mapping[str, Summarized],
    round_number: int,
    write: Writer,
    *,
    person: str | None = None,
    edits: Mapping[str, str] | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """Route the summaries and append to every active path what it reads; the update of the state.

    A `person`'s comment is routed like a peer's summary. `edits` says, by path, what its peers read instead of its
    summary. Every path reads a `hint`, beside the `top_k` summaries.
    """
    look_at_caches(paths, histories, summarized)
    settings = next(iter(paths.values())).settings
    failed = {name: PathState(state="failed") for name, result in summarized.items() if result["error"]}
    summaries = {name: result["summary"] for name, result in summarized.items() if name not in failed}
    readers = list(summaries)
    summaries |= {name: conclude(paths[name], histories[name]) for name in alumni(status, settings)}
    edited = {name: Summary(text=text, tokens=0, cut=False) for name, text in (edits or {}).items()}
    summaries |= {name: summary for name, summary in edited.items() if name in summaries}
    order = [name for name in paths if name in summaries]
    if person:
        summaries[PERSON] = Summary(text=person, tokens=0, cut=False)
        order.append(PERSON)
    record = route(summaries, readers, order, settings, round_number)
    if edited:
        record["edited"] = sorted(edited)
    if hint:
        record["hint"] = hint
    write({"v": VERSION, "type": "route", "round": round_number, "sources": record["routes"]})
    update: dict[str, Any] = {}
    for name, result in summarized.items():
        segments = result["segments"]
        if name in record["routes"]:
            read = record["routes"][name]
            persons = [text for text in (person if PERSON in read else None, hint) if text]
            sources = [paths[source] for source in read if source != PERSON]
            before = histories[name]
            segments = [*segments, comment(paths[name], before, summaries, sources, round_number, persons)]
        update[history_key(name)] = segments
    left = {**status, **failed}
    update["status"] = failed
    update["round"] = round_number + 1
    update["rounds"] = [record]
    update["last_round"] = no_peer_left(left, settings)
    return update


def no_peer_left(status: Mapping[str, PathState], settings: RunSettings) -> bool:
    """Whether a further LeaP block would have no reader with a peer."""
    active = active_paths(status)
    if settings.human_peer and active:
        return False
    return len(active) + len(alumni(status, settings)) < 2 or not active


def route(
    summaries: Mapping[str, Summary],
    readers: Sequence[str],
    order: Sequence[str],
    settings: RunSettings,
    round_number: int,
) -> BlockRecord:
    """Who reads whom (paper, section 2.2): never oneself, no peer twice, no summary that states nothing."""
    texts = [summaries[name]["text"] for name in order]
    matrix = similarity_matrix(texts, settings.similarity)
    router = ROUTERS[settings.router]
    shared = [summaries[name] for name in order]
    worth_reading = [j for j, name in enumerate(order) if texts[j] and not summaries[name].get("no_claim")]
    routes, reading = {}, set(readers)
    for i, name in enumerate(order):
        if name in reading:
            peers = worth_reading[: bisect_left(worth_reading, i)] + worth_reading[bisect_right(worth_reading, i) :]
            random = derive_random(settings.seed, "route", round_number, name)
            routes[name] = [order[j] for j in router(matrix[i], peers, settings.top_k, random, shared)]
    return BlockRecord(
        round=round_number,
        summaries={name: summaries[name] for name in order},
        paths=list(order),
        similarity=matrix,
        routes=routes,
    )
