"""Probes: what a path would have answered at a place, asked beside its history, which the path never reads.

Each is a request that continues the kept token ids with the words that a path without budget gets, greedily: the same
place always gives the same answer, so a change is not the dice's. The prefix cache serves all but a few tokens of it.
Independent paths are asked at the same numbers of own tokens: what they change there, they change without peers.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from peerleap.agents import Peer
from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods import MethodConfig, PathResult, Study, task_of
from peerleap.evals.plan import Plan
from peerleap.evals.records import PathRecord
from peerleap.evals.studies.types.places import Block, Place, before, behind, blocks, onwards
from peerleap.evals.studies.types.sources import Key, Source, problems_of
from peerleap.graph import Segment, derive_seed, resolve_settings
from peerleap.graph.events import discard
from peerleap.graph.path import Path, Turn, forced_answer

NAME = "types"
BEFORE, READ, LATER = "before", "read", "later"
"""Where the block began, behind what the path read, and some of its own tokens further on."""
LEAP, ALONE = "leap", "alone"
AFTER = 256
"""Own tokens from reading to `LATER`, where the next LeaP block does not come first."""
_ANSWER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A place of a path that is probed, and what names it."""

    method: str
    path: str
    block: int
    point: str
    place: Place


def types_plan(
    leap: Source, alone: Source, *, after: int = AFTER, in_flight: int | None = None, servers: int = 0
) -> Plan:
    """The probes of two files, as a plan that the runner of evals takes: one results file, a line a probe.

    Args:
        leap: An eval of LeaP with token ids.
        alone: One of independent paths.
        after: Own tokens from reading to the last probe of a block.
        in_flight: Most questions at once.
        servers: Number of servers that run the model.

    Raises:
        ValueError: `after` is below 1.
    """
    if type(after) is not int or after < 1:
        raise ValueError(f"after={after!r}: give a whole number of tokens, at least 1")
    runs = sorted(leap.runs)
    config = MethodConfig(
        paths=int(leap.config["paths"]),
        settings=leap.config["settings"],
        options={"after": after, LEAP: leap.config_hash, ALONE: alone.config_hash, "runs": runs},
    )
    study = Study(_Probes(leap, alone, after).run, at_once=6 * int(leap.config["paths"]))
    return Plan(
        str(leap.config["task"]), problems_of(leap), NAME, config, runs=runs[-1] - runs[0] + 1, seed=runs[0],
        in_flight=in_flight, servers=servers, grader=str(leap.config["grader"]), study=study,
    )  # fmt: skip


class _Probes:
    def __init__(self, leap: Source, alone: Source, after: int) -> None:
        self._leap, self._alone, self._after = leap, alone, after
        self._runs = {derive_seed(run, question): (question, run) for question, run in leap.paths}

    async def run(self, problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
        """Every probe of one question's run; one empty path where no path of it met a LeaP block."""
        key = self._runs.get(seed)
        wanted = [] if key is None else self._places(key, engine.tokenizer)
        if not wanted:
            return [PathResult("no block", "finished", (), None, meta={"point": "none"})]
        settings = resolve_settings({**config.settings, "seed": seed, "task": task_of(problem)}, engine)
        greedy = settings.model_copy(
            update={
                "sampling": settings.sampling.model_copy(update={"temperature": 0.0}),
                "answer_tokens": min(settings.answer_tokens, _ANSWER_TOKENS),
            }
        )
        path = Path("solver_1", 1, Peer(name="solver"), engine, greedy, task_of(problem))
        return list(await asyncio.gather(*(_probe(path, one) for one in wanted)))

    def _places(self, key: Key, tokenizer: Any) -> list[_Wanted]:
        found: list[_Wanted] = []
        alone: Mapping[str, PathRecord] = self._alone.paths.get(key, {})
        for name, record in self._leap.paths[key].items():
            for block in blocks(record):
                later = onwards(record, block.end, self._after, tokenizer)
                found += [
                    _Wanted(LEAP, name, block.number, BEFORE, before(record, block, tokenizer)),
                    _Wanted(LEAP, name, block.number, READ, behind(record, block, tokenizer)),
                ]
                if later is not None:
                    found.append(_Wanted(LEAP, name, block.number, LATER, later))
                if name in alone:
                    moved = self._after if later is None else later.own - block.own
                    found += _null(alone[name], block, moved, tokenizer)
        return found


def _null(record: PathRecord, block: Block, moved: int, tokenizer: Any) -> list[_Wanted]:
    """The same two places of the same path alone; none where it had ended before the first of them."""
    start = onwards(record, 1, block.own, tokenizer) if block.own else None
    if start is None:
        return []
    found = [_Wanted(ALONE, record.path, block.number, BEFORE, start)]
    later = onwards(record, 1, block.own + moved, tokenizer) if moved else start
    return found if later is None else [*found, _Wanted(ALONE, record.path, block.number, LATER, later)]


async def _probe(path: Path, wanted: _Wanted) -> PathResult:
    names = {"of": wanted.method, "member": wanted.path, "block": wanted.block, "point": wanted.point}
    name = f"{wanted.method}: {wanted.path}, block {wanted.block}, {wanted.point}"
    result = PathResult(name, "forced", (), None, meta={**names, "own": wanted.place.own})
    try:
        segments = await forced_answer(path, wanted.place.history, Turn(wanted.block, discard))
    except Exception as error:  # noqa: BLE001 - as a path that fails; the runner stops where the engine is dead
        text = f"{type(error).__name__}: {error}"
        return replace(result, outcome="failed", history=(Segment(kind="error", round=0, token_ids=[], text=text),))
    return replace(result, history=tuple(segments))
