"""Paths that call tools or differ, with and without hearing each other."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, PathRecord, Problem, Records, RecordsError, read_records
from peerleap.evals.fits import check_fits
from peerleap.evals.methods import METHODS, MethodConfig, Team, method_options
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.report.results import Results
from peerleap.evals.runner import run_eval
from peerleap.graph import SettingsError

SETTINGS = {"interval": 200, "rounds": 1, "max_tokens": 2000, "answer_tokens": 30, "summary_tokens": 80}
PROBLEMS = [Problem(id=f"q{n}", question=f"What is 2 + 2, {n}?", answer="4", kind="integer") for n in range(2)]


@tool
def python(code: str) -> str:
    """Run it."""
    if "1/0" in code:
        raise ZeroDivisionError("division by zero")
    return f"ran {code}"


def script(text: str, params: SamplingParams) -> str:
    """A block where Python is promised, until there is an output; else words."""
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    calls = len(re.findall(r"```output\nran|ZeroDivisionError", text))
    if "you may run Python" in text and calls < 2:
        return f"I compute.\n```python\n{'1/0' if calls else 'print(2 + 2)'}\n```\n"
    return "thinking about it " * 8 + "\n\nso \\boxed{4}."


def coders(count: int = 2) -> Team:
    return Team((Peer(name="solver", count=count, tools=[python]),))


def mixed() -> Team:
    return Team((Peer(name="solver", count=2), Peer(name="coder", tools=[python], instructions="Compute.")))


def config(method: str, team: Team | None, **fields: Any) -> MethodConfig:
    return MethodConfig(paths=2, settings=SETTINGS, options=method_options(method, {}), team=team, **fields)


async def run(plan: Plan, file: Path, engine: ScriptedEngine) -> list[PathRecord]:
    with Records.open(file, Header(plan.record_config(model_config(engine)))) as records, Grader() as grader:
        assert await run_eval(plan, engine, records, grader) == 0
    return read_records(file)[1]


@pytest.mark.parametrize("method", ["leap", "independent", "deepconf"])
async def test_tools_are_told_called_and_counted_as_inserted(method: str, tmp_path: Path) -> None:
    engine = ScriptedEngine(script)
    records = await run(Plan("t", PROBLEMS, method, config(method, coders())), tmp_path / "r.jsonl", engine)
    assert "you may run Python" in engine.tokenizer.decode(engine.requests[0][0])
    assert {record.path for record in records} == {"solver_1", "solver_2"}
    for record in records:
        told = [segment for segment in record.segments if segment["kind"] == "tool"]
        assert [segment["tool"]["status"] for segment in told] == ["ok", "error"]
        assert "ran print(2 + 2)" in told[0]["text"]
        assert record.meta["tools"] == {"calls": 2, "failed": 1}
        inserted = sum(s["tokens"] for s in record.segments if s["kind"] in {"tool", "trigger", "comment", "nudge"})
        assert record.tokens.inserted == inserted >= sum(segment["tokens"] for segment in told) > 0
        assert "ran print" not in (record.text or "")


async def test_a_team_works_alone_or_together() -> None:
    for method, hears in (("independent", False), ("leap", True)):
        engine = ScriptedEngine(script)
        paths = await METHODS[method](PROBLEMS[0], engine, config(method, mixed()), 0)
        assert [path.name for path in paths] == ["solver_1", "solver_2", "coder_1"]
        assert [any("tool" in segment for segment in path.history) for path in paths] == [False, False, True]
        assert any(segment["kind"] == "comment" for path in paths for segment in path.history) == hears
        assert sum("Compute." in engine.tokenizer.decode(ids) for ids, _ in engine.requests) > 0


async def test_a_budget_brings_the_team_again() -> None:
    few = await METHODS["independent"](PROBLEMS[0], ScriptedEngine(script), config("independent", mixed()), 0)
    budget = 2 * sum(path.tokens.generated for path in few)
    asked = config("independent", mixed(), budget=budget)
    many = await METHODS["independent"](PROBLEMS[0], ScriptedEngine(script), asked, 0)
    assert [path.name for path in many[:6]] == ["solver_1", "solver_2", "coder_1", "solver_3", "solver_4", "coder_2"]


async def test_a_peer_may_have_another_engine() -> None:
    engine, other = ScriptedEngine(script), ScriptedEngine(script, model="other")
    team = Team(mixed().peers, {"coder": other})
    for method in ("leap", "independent"):
        await METHODS[method](PROBLEMS[0], engine, config(method, team), 0)
        assert engine.requests
        assert other.requests
        engine.requests.clear()
        other.requests.clear()
    recorded = Plan("t", PROBLEMS, "leap", config("leap", team)).record_config(model_config(engine))
    assert recorded["models"] == {"coder": {"model": "other", "model_hash": None}}


async def test_tools_are_part_of_the_configuration(tmp_path: Path) -> None:
    file, engine = tmp_path / "r.jsonl", ScriptedEngine(script)
    await run(Plan("t", PROBLEMS, "leap", config("leap", coders())), file, engine)
    assert Results.read(file).name == "leap (interval 200, rounds 1, 2 x solver with python)"
    for team in (None, coders(3), Team((Peer(name="solver", count=2),)), mixed()):
        with pytest.raises(RecordsError, match="another configuration"):
            await run(Plan("t", PROBLEMS, "leap", config("leap", team)), file, engine)
    asked = len(engine.requests)
    await run(Plan("t", PROBLEMS, "leap", config("leap", coders())), file, engine)
    assert len(engine.requests) == asked


async def test_a_killed_question_goes_on_with_its_tools(tmp_path: Path) -> None:
    stopped: list[asyncio.Task[Any]] = []

    class Stopping(ScriptedEngine):
        async def generate(self, *args: Any, **kwargs: Any) -> Any:
            if len(self.requests) == 8:
                stopped[0].cancel()
                await asyncio.sleep(60)
            return await super().generate(*args, **kwargs)

    kept = config("leap", coders(), checkpoint=tmp_path / "q.sqlite")
    stopped.append(asyncio.ensure_future(METHODS["leap"](PROBLEMS[0], Stopping(script), kept, 0)))
    with pytest.raises(asyncio.CancelledError):
        await stopped[0]
    rest, whole = ScriptedEngine(script), ScriptedEngine(script)
    again = await METHODS["leap"](PROBLEMS[0], rest, kept, 0)
    calm = await METHODS["leap"](PROBLEMS[0], whole, config("leap", coders()), 0)
    assert 0 < len(rest.requests) < len(whole.requests)
    assert [[s["token_ids"] for s in p.history] for p in again] == [[s["token_ids"] for s in p.history] for p in calm]


def test_what_a_team_cannot_do_is_said_before_a_model_loads() -> None:
    with pytest.raises(
        ValueError, match="team: only deepconf, independent, leap, probe can have one, or tools, not 'rsa'"
    ):
        Plan("t", PROBLEMS, "rsa", config("rsa", coders()))
    plan = Plan("t", PROBLEMS, "independent", config("independent", coders()))
    check_fits(plan, ScriptedEngine(script, context_length=4000))
    with pytest.raises(SettingsError, match="set max_tokens to at most"):
        check_fits(plan, ScriptedEngine(script, context_length=2500))
