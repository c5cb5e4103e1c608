import asyncio
import gc
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerleap.agents import Peer
from peerleap.engine import Completion, EngineDead, EngineError, OnText, SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, PathRecord, Problem, Records, RecordsError, read_records
from peerleap.evals.fits import check_fits
from peerleap.evals.methods import METHODS, MethodConfig, Team, method_options
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.runner import Progress, run_eval

SETTINGS = {"interval": 60, "cut": "exact", "rounds": 2, "max_tokens": 600, "answer_tokens": 30, "summary_tokens": 80}


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    return "thinking about it " * (3 + (params.seed or 0) % 5) + f"\n\nso \\boxed{{{4 + (params.seed or 0) % 2}}}."


def problems(count: int) -> list[Problem]:
    return [
        Problem(id=f"q/{n}", question=f"What is 2 + 2, time {n}?", answer="4", kind="integer") for n in range(count)
    ]


def plan(count: int = 4, method: str = "leap", **fields: Any) -> Plan:
    settings = {key: value for key, value in SETTINGS.items() if method != "leap_s" or key != "rounds"}
    small = {"rsa": {"steps": 2, "subset": 1}, "leap_s": {"peers": 2}}.get(method, {})
    config = MethodConfig(paths=2, settings=settings, options=method_options(method, small))
    return Plan("made-up", problems(count), method, config, **fields)


async def run(plan: Plan, file: Path, engine: ScriptedEngine, **options: Any) -> int:
    with Records.open(file, Header(plan.record_config(model_config(engine)))) as records, Grader() as grader:
        return await run_eval(plan, engine, records, grader, **options)


MOMENT = {"started", "seconds", "earlier", "attended", "cached_tokens"}


def timeless(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record's `meta`, or one of its segments, without what depends on the moment: times and the cache."""
    return {key: value for key, value in values.items() if key not in MOMENT}


def comparable(file: Path) -> dict[tuple[str, int, str], PathRecord]:
    """By path, without what depends on the moment: times and the cache."""
    found = {}
    for record in read_records(file)[1]:
        found[record.question, record.run, record.path] = replace(
            record,
            meta=timeless(record.meta),
            segments=tuple(map(timeless, record.segments)),
            tokens=replace(record.tokens, cached=0),
        )
    return found


@pytest.mark.parametrize("method", METHODS)
async def test_every_question_and_run_is_recorded_with_its_paths(method: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    assert (
        await run(plan(3, method, runs=2), tmp_path / "r.jsonl", ScriptedEngine(script), on_progress=seen.append) == 0
    )
    _, records = read_records(tmp_path / "r.jsonl")
    assert {(r.question, r.run) for r in records} == {(f"q/{n}", seed) for n in range(3) for seed in (0, 1)}
    assert [event.done for event in seen] == [1, 2, 3, 4, 5, 6]
    assert {r.verdict.extracted for r in records if r.outcome != "dropped"} <= {"4", "5"}
    assert not (tmp_path / "r.jsonl.checkpoints").exists()
    if method == "leap":
        rounds = [s["sources"] for r in records for s in r.segments if s["kind"] == "comment"]
        assert {source for sources in rounds for source in sources} == {"solver_1", "solver_2"}


def test_as_many_questions_are_in_flight_as_keep_the_machine_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerleap.evals.plan.requests_at_once", lambda _servers: 32)

    def wide(paths: int, in_flight: int | None = None) -> Plan:
        return Plan("t", [], "leap", MethodConfig(paths), in_flight=in_flight)

    assert [wide(paths).questions_in_flight for paths in (1, 4, 5, 32, 64)] == [32, 8, 7, 2, 2]
    assert wide(4, in_flight=100).questions_in_flight == 100


async def test_results_do_not_depend_on_how_many_are_in_flight(tmp_path: Path) -> None:
    for in_flight in (1, 8):
        await run(plan(6, in_flight=in_flight), tmp_path / f"{in_flight}.jsonl", ScriptedEngine(script))
    assert comparable(tmp_path / "1.jsonl") == comparable(tmp_path / "8.jsonl")


async def test_more_runs_are_added_to_the_same_file_and_another_configuration_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await run(plan(2), file, ScriptedEngine(script))
    engine = ScriptedEngine(script)
    await run(plan(2), file, engine)
    assert engine.requests == []
    await run(plan(2, runs=2), file, engine)
    assert {record.run for record in read_records(file)[1]} == {0, 1}
    with pytest.raises(RecordsError, match="another configuration \\(seed=0 there, 5 here\\)"):
        await run(plan(2, seed=5), file, engine)


class Flaky(ScriptedEngine):
    """Refuses a question's first requests."""

    def __init__(self, word: str, times: int, error: type[Exception] = EngineError) -> None:
        super().__init__(script)
        self.word, self.left, self.error = word, times, error

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        if self.word in self.tokenizer.decode(list(token_ids)) and self.left:
            self.left -= 1
            raise self.error("no luck")
        return await super().generate(token_ids, params, session=session, on_text=on_text)


async def test_a_failed_question_is_retried_once(tmp_path: Path) -> None:
    assert await run(plan(), tmp_path / "r.jsonl", Flaky("time 2", times=2)) == 0
    told = [r.meta for r in read_records(tmp_path / "r.jsonl")[1] if r.question == "q/2"]
    assert [(m["attempts"], m["question_error"]) for m in told] == [(1, "EngineError: no luck")] * 2
    await run(plan(), tmp_path / "calm.jsonl", ScriptedEngine(script))
    calm = comparable(tmp_path / "calm.jsonl")
    for key, record in comparable(tmp_path / "r.jsonl").items():
        assert record.segments == calm[key].segments


async def test_a_question_that_fails_again_is_recorded_and_the_eval_goes_on(tmp_path: Path) -> None:
    assert await run(plan(), tmp_path / "r.jsonl", Flaky("time 2", times=99)) == 1
    _, records = read_records(tmp_path / "r.jsonl")
    assert {r.outcome for r in records if r.question == "q/2"} == {"failed"}
    assert "failed" not in {r.outcome for r in records if r.question != "q/2"}
    assert len({r.question for r in records}) == 4


# LangGraph leaves the write of a checkpoint behind when it is cancelled; the round before it is on the disk.
_CANCELLED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@_CANCELLED
async def test_a_dead_engine_stops_the_eval_and_no_question_is_counted_wrong(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="EngineDead: no luck"):
        await run(plan(), tmp_path / "r.jsonl", Flaky("time 2", times=99, error=EngineDead))
    assert all(record.outcome != "failed" for record in read_records(tmp_path / "r.jsonl")[1])
    await run(plan(), tmp_path / "r.jsonl", ScriptedEngine(script))
    await run(plan(), tmp_path / "calm.jsonl", ScriptedEngine(script))
    assert comparable(tmp_path / "r.jsonl") == comparable(tmp_path / "calm.jsonl")


async def test_tokens_are_told_while_questions_run(tmp_path: Path) -> None:
    told: list[int] = []
    ended: list[tuple[int, int]] = []
    await run(plan(2, in_flight=1), tmp_path / "r.jsonl", ScriptedEngine(script), on_tokens=told.append,
              on_progress=lambda event: ended.append((event.generated, len(told))))  # fmt: skip
    assert sum(told) == sum(tokens for tokens, _ in ended)
    # Two paths, each with a thought, a summary and what follows, of each question.
    assert ended[0][1] >= 4


async def test_tokens_of_a_teams_other_model_are_told_too(tmp_path: Path) -> None:
    told: list[int] = []
    team = Team((Peer(name="a"), Peer(name="b")), {"b": ScriptedEngine(script)})
    mixed = replace(plan(1), config=replace(plan().config, team=team))
    await run(mixed, tmp_path / "r.jsonl", ScriptedEngine(script), on_tokens=told.append)
    assert sum(told) == sum(record.tokens.generated for record in read_records(tmp_path / "r.jsonl")[1])


async def test_a_slow_question_holds_up_nobody(tmp_path: Path) -> None:
    order: list[str] = []
    others_done = asyncio.Event()

    class Slow(ScriptedEngine):
        async def generate(self, token_ids: Sequence[int], params: SamplingParams, **kwargs: Any) -> Completion:
            if "time 0" in self.tokenizer.decode(list(token_ids)):
                await others_done.wait()
            return await super().generate(token_ids, params, **kwargs)

    def note(event: Progress) -> None:
        order.append(event.question)
        if event.done == 7:
            others_done.set()

    await run(plan(8, "independent", in_flight=2), tmp_path / "r.jsonl", Slow(script), on_progress=note)
    assert order == [*(f"q/{n}" for n in range(1, 8)), "q/0"]


async def test_starting_the_engine_is_no_questions_time(tmp_path: Path) -> None:
    file, begun = tmp_path / "r.jsonl", []

    class Started(ScriptedEngine):
        async def start(self) -> None:
            begun.append([*tmp_path.glob("*.checkpoints/*.clock")])
            await asyncio.sleep(0)

    one, other, idle = Started(script), Started(script, model="other"), Started(script, model="idle")
    team = Team((Peer(name="solver"), Peer(name="coder")), {"solver": one, "coder": other})
    config = MethodConfig(paths=2, settings=SETTINGS, options={}, team=team)
    told: list[int] = []
    assert await run(Plan("t", problems(1), "leap", config), file, idle, on_tokens=told.append) == 0
    assert begun[:2] == [[], []], "before the clocks run"
    assert told
    assert not idle.requests


@_CANCELLED
async def test_cancelling_loses_nothing(tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 2:
            asyncio.get_running_loop().call_soon(task.cancel)

    engine = ScriptedEngine(script, tokens_per_second=2000)
    task = asyncio.create_task(run(plan(6, in_flight=2), tmp_path / "r.jsonl", engine, on_progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    await run(plan(6, in_flight=2), tmp_path / "r.jsonl", ScriptedEngine(script))
    await run(plan(6), tmp_path / "calm.jsonl", ScriptedEngine(script))
    assert comparable(tmp_path / "r.jsonl") == comparable(tmp_path / "calm.jsonl")


async def test_a_kill_between_the_lines_and_the_removal_of_their_checkpoint_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "r.jsonl"
    with monkeypatch.context() as killed:
        killed.setattr("peerleap.evals.question._remove", lambda _: None)
        await run(plan(2), file, ScriptedEngine(script))
    folder = tmp_path / "r.jsonl.checkpoints"
    assert len([left for left in folder.iterdir() if left.suffix == ".sqlite"]) == 2
    engine = ScriptedEngine(script)
    await run(plan(2), file, engine)
    assert not folder.exists()
    assert engine.requests == []


@pytest.mark.parametrize(("asked", "verdict"), [("4}\n", (True, "integer")), ("", (False, "no answer"))])
async def test_an_answer_in_prose_is_graded_by_the_box_that_it_is_asked_for(
    tmp_path: Path, asked: str, verdict: tuple[bool, str]
) -> None:
    def ends_in_prose(text: str, _: SamplingParams) -> str:
        return asked if text.endswith("\\boxed{") else "The answer is 4."

    await run(plan(1, "independent"), tmp_path / "r.jsonl", ScriptedEngine(ends_in_prose))
    records = read_records(tmp_path / "r.jsonl")[1]
    assert {(r.verdict.correct, r.verdict.how) for r in records} == {verdict}
    assert {r.outcome for r in records} == {"forced"}


async def test_a_forced_answer_whose_box_was_cut_is_read(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda text, _: "4" if text.endswith("{") else "on and on " * 100)
    await run(plan(1, "independent"), tmp_path / "r.jsonl", engine)
    assert {(r.verdict.correct, r.outcome) for r in read_records(tmp_path / "r.jsonl")[1]} == {(True, "forced")}


@pytest.mark.parametrize("method", ["leap", "independent"])
async def test_no_object_outlives_its_question(method: str, tmp_path: Path) -> None:
    marks: list[int] = []

    class Forgetful(ScriptedEngine):
        async def generate(self, *args: Any, **kwargs: Any) -> Completion:
            self.requests.clear()
            self._cached.clear()
            return await super().generate(*args, **kwargs)

    def mark(event: Progress) -> None:
        if event.done in {10, 50}:
            gc.collect()
            marks.append(len(gc.get_objects()))

    # One at a time: the same question is in flight at either mark.
    await run(plan(60, method, in_flight=1), tmp_path / "r.jsonl", Forgetful(script), on_progress=mark)
    # Its key in `Records.done` is all that is kept of a question.
    assert marks[1] - marks[0] <= 40 * 2


@pytest.mark.parametrize(
    ("method", "context", "noted"),
    [("leap", 20_000, True), ("leap", 131_072, False), ("leap_s", 20_000, False), ("independent", 20_000, False)],
)
def test_blocks_that_are_taken_off_the_budget_are_mentioned(method: str, context: int, noted: bool) -> None:
    engine = ScriptedEngine(script, thinking=True, context_length=context)
    config = MethodConfig(paths=2, options=method_options(method, {"peers": 2} if method == "leap_s" else {}))
    note = check_fits(Plan("made-up", problems(2), method, config), engine)
    assert (note is not None) == noted
    if note:
        assert "the budget of 16,384 tokens counts what a path reads in LeaP blocks, too: the context of 20,000" in note


def test_a_plan_that_cannot_fit_is_refused_before_a_model_loads() -> None:
    engine = ScriptedEngine(script, context_length=1000)
    with pytest.raises(ValueError, match=r"question 'q/0' with 2 paths: max_tokens=600: .* set max_tokens to at most"):
        check_fits(plan(), engine)
    with pytest.raises(ValueError, match="question 'q/0'"):
        check_fits(plan(method="moa"), ScriptedEngine(script, context_length=4000))
    check_fits(plan(method="moa"), ScriptedEngine(script, context_length=8000))
    assert engine.requests == []
    with pytest.raises(ValueError, match="runs=0"):
        plan(runs=0)


def test_header_holds_what_makes_results_comparable() -> None:
    config = plan().record_config({"model": "m", "model_hash": None})
    assert json.loads(json.dumps(config)) == config
    assert config != plan(5).record_config({"model": "m", "model_hash": None})


async def test_records_keep_the_ids_of_every_segment_where_they_are_wanted(tmp_path: Path) -> None:
    engine = ScriptedEngine(script)
    assert await run(plan(1), tmp_path / "plain.jsonl", engine) == 0
    assert await run(plan(1, keep_ids=True), tmp_path / "ids.jsonl", engine) == 0
    plain, kept = read_records(tmp_path / "plain.jsonl"), read_records(tmp_path / "ids.jsonl")
    assert "keep_ids" not in plain[0].config
    assert kept[0].config["keep_ids"] is True
    assert all("token_ids" not in segment for record in plain[1] for segment in record.segments)
    sent = {tuple(ids) for ids, _ in engine.requests}
    for record in kept[1]:
        assert all(len(segment["token_ids"]) == segment["tokens"] for segment in record.segments)
        # The ids before the last generated segment are, joined, a request that the engine has seen.
        history = [ids for segment in record.segments[:-1] for ids in segment["token_ids"]]
        assert tuple(history) in sent


def test_the_vocabulary_is_part_of_the_configuration_where_ids_are_kept() -> None:
    plain, thinking = ScriptedEngine(script), ScriptedEngine(script, thinking=True)
    hashes = [model_config(engine, vocabulary=True)["vocabulary"] for engine in (plain, plain, thinking)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert "vocabulary" not in model_config(plain)
