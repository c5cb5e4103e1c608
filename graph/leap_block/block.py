"""The barrier: when all active paths have stopped, decide who reads whom."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from peerleap.graph.events import VERSION, Event, Writer, end_event, segment_event
from peerleap.graph.history import Segment, beside
from peerleap.graph.leap_block.caches import look_at_caches
from peerleap.graph.leap_block.routers import ROUTERS
from peerleap.graph.leap_block.similarity import similarity_matrix
from peerleap.graph.leap_block.summary import PERSON, Summarized, comment, conclude
from peerleap.graph.leap_block.talk import Known, Plan, active_paths, alumni
from peerleap.graph.path import Path
from peerleap.graph.seeds import derive_random
from peerleap.graph.settings import RunSettings
from peerleap.graph.state import BlockRecord, PathState, Summary, history_key


def close_block(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    summarized: Mapping[str, Summarized],
    round_number: int,
    write: Writer,
    *,
    plan: Plan | None = None,
    records: Sequence[BlockRecord] = (),
    person: str | None = None,
    edits: Mapping[str, str] | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """Route the summaries and append to every path that is interrupted what it reads; the update of the state.

    `plan` says whom the block interrupts; `None` for all that have summed up. `records` are the blocks before it. A
    `person`'s comment is routed like a peer's summary. `edits` says, by path, what its peers read instead of its
    summary. Every path reads a `hint`, beside the `top_k` summaries.
    """
    look_at_caches(paths, histories, summarized)
    settings = next(iter(paths.values())).settings
    plan = plan or Plan(tuple(summarized))
    probe_errors = {name: result["error"] for name, result in plan.probed.items() if result["error"]}
    failed = {name: PathState(state="failed") for name in probe_errors}
    failed |= {
        name: PathState(state="failed")
        for name, result in summarized.items()
        if result["error"] and name in plan.writers
    }
    summaries = {name: result["summary"] for name, result in summarized.items() if not result["error"]}
    readers = [name for name in summaries if name in plan.writers]
    summaries |= {name: conclude(paths[name], histories[name]) for name in alumni(status, settings)}
    edited = {name: Summary(text=text, tokens=0, cut=False) for name, text in (edits or {}).items()}
    summaries |= {name: summary for name, summary in edited.items() if name in summaries}
    order = [name for name in paths if name in summaries]
    if person:
        summaries[PERSON] = Summary(text=person, tokens=0, cut=False)
        order.append(PERSON)
    known = {
        name: Known.of(name, [*histories[name], *summarized[name]["segments"]], records, paths[name])
        for name in (readers if settings.talk == "novel" else ())
    }
    record = route(summaries, readers, order, settings, round_number, plan=plan, known=known)
    for name in plan.aside:
        record["probes"][name]["requests"] += beside(summarized[name]["segments"])
    if edited:
        record["edited"] = sorted(edited)
    if hint:
        record["hint"] = hint
    event = Event(v=VERSION, type="route", round=round_number, sources=record["routes"])
    if "stop" in record:
        event["stop"] = record["stop"]
    write(event)
    update: dict[str, Any] = {}
    for name in plan.writers:
        result = summarized[name]
        segments = result["segments"]
        if name in record["routes"]:
            read = record["routes"][name]
            persons = [text for text in (person if PERSON in read else None, hint) if text]
            sources = [paths[source] for source in read if source != PERSON]
            before = histories[name]
            segments = [*segments, comment(paths[name], before, summaries, sources, round_number, persons)]
        update[history_key(name)] = segments
    for name, error in probe_errors.items():
        update[history_key(name)] = [Segment(kind="error", round=round_number, token_ids=[], text=error)]
    ended = _end(plan, histories, write) if plan.ends else {}
    update |= {history_key(name): plan.probed[name]["segments"] for name in ended}
    changed = {**failed, **ended}
    update["status"] = changed
    update["round"] = round_number + 1
    update["rounds"] = [record]
    update["last_round"] = "stop" in record or no_peer_left({**status, **changed}, settings)
    return update


def _end(plan: Plan, histories: Mapping[str, Sequence[Segment]], write: Writer) -> dict[str, PathState]:
    """The run ends here: what every path that still thinks was probed for becomes its answer."""
    ended = {name: PathState(state="forced") for name, result in plan.probed.items() if not result["error"]}
    for name in ended:
        probed = plan.probed[name]
        for segment in probed["segments"]:
            write(segment_event(name, segment))
        write(end_event(name, "forced", probed["answer"], [*histories[name], *probed["segments"]]))
    return ended


def no_peer_left(status: Mapping[str, PathState], settings: RunSettings) -> bool:
    """Whether a further LeaP block would have no reader with a peer; of `talk="probe"`, no two answers to compare."""
    active = active_paths(status)
    if settings.talk == "off" or not active:
        return True
    if settings.talk == "probe":
        return sum(path["state"] != "failed" for path in status.values()) < 2
    if settings.human_peer:
        return False
    return len(active) + len(alumni(status, settings)) < 2


def route(
    summaries: Mapping[str, Summary],
    readers: Sequence[str],
    order: Sequence[str],
    settings: RunSettings,
    round_number: int,
    *,
    plan: Plan | None = None,
    known: Mapping[str, Known] | None = None,
) -> BlockRecord:
    """Who reads whom (paper, section 2.2): never oneself, no peer twice, no summary that states nothing.

    Args:
        summaries: by name, of all that can be read.
        readers: who reads.
        order: the names, as the similarities are stored.
        settings: of the run.
        round_number: of the block.
        plan: where the routes were decided before the summaries, it has them.
        known: by reader, what it knows: it reads what is new only.
    """
    texts = [summaries[name]["text"] for name in order]
    matrix = similarity_matrix(texts, settings.similarity)
    router = ROUTERS[settings.router]
    shared = [summaries[name] for name in order]
    worth_reading = [j for j, name in enumerate(order) if texts[j] and not summaries[name].get("no_claim")]
    routes, reading, offered = {}, set(readers), False
    for i, name in enumerate(order):
        if name not in reading:
            continue
        if plan is not None and plan.routes is not None:
            readable = {order[j] for j in worth_reading}
            routes[name] = [source for source in (*plan.routes[name], PERSON) if source in readable]
            continue
        peers = worth_reading[: bisect_left(worth_reading, i)] + worth_reading[bisect_right(worth_reading, i) :]
        offered = offered or bool(peers)
        if known:
            peers = [j for j in peers if order[j] == PERSON or known[name].lacks(texts[j])]
        random = derive_random(settings.seed, "route", round_number, name)
        chosen = router(matrix[i], peers, settings.top_k, random, shared)
        if known:
            chosen = [j for j in chosen if order[j] == PERSON or known[name].learn(texts[j])]
        routes[name] = [order[j] for j in chosen]
    record = BlockRecord(
        round=round_number,
        summaries={name: summaries[name] for name in order},
        paths=list(order),
        similarity=matrix,
        routes=routes,
    )
    if known and offered and not any(routes.values()):
        record["stop"] = "novelty"
    return {**record, **plan.record} if plan is not None else record  # type: ignore[typeddict-item]
