"""Independent paths that end when their vote is clear, and `talk` as evals record it."""

from dataclasses import replace
from pathlib import Path

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Plan, Problem, Records, header, read_records, run_eval
from peerleap.evals.methods import METHODS, MethodConfig, method_options
from peerleap.evals.methods.probe import EVERY

PROBLEM = Problem(id="q1", question="What is 2 + 2?", answer="4", kind="integer")
SETTINGS = {"interval": 60, "cut": "exact", "max_tokens": 2000, "answer_tokens": 30, "summary_tokens": 80}


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return "I have 4.</summarize>"
    return "4}\n" if text.endswith("\\boxed{") else "thinking about it " * 200


def config(**options: int) -> MethodConfig:
    return MethodConfig(paths=3, settings=SETTINGS, options=method_options("probe", options))


async def test_paths_end_once_the_vote_is_stable_and_their_probes_are_paid_for() -> None:
    engine = ScriptedEngine(script)
    paths = await METHODS["probe"](PROBLEM, engine, config(stable=3), 0)
    assert [(path.outcome, path.answer, path.meta) for path in paths] == [("forced", "4", {"stopped": "agreement"})] * 3
    assert all(path.tokens.own == 3 * 60 + len("4}\n") for path in paths)
    assert all(path.tokens.probe == 2 * len("4}\n") for path in paths)
    assert all(path.tokens.generated == path.tokens.own + path.tokens.probe for path in paths)
    assert [[(n, probe["answer"]) for n, probe in path.probes.items()] for path in paths] == [
        [(0, "4"), (1, "4"), (2, "4")]
    ] * 3  # fmt: skip


async def test_without_a_spacing_it_is_that_of_the_released_code() -> None:
    engine = ScriptedEngine(script)
    settings = {key: value for key, value in SETTINGS.items() if key != "interval"}
    await METHODS["probe"](PROBLEM, engine, replace(config(stable=2), settings=settings), 0)
    assert {params.max_tokens for _, params in engine.requests} == {EVERY, 30}


async def test_a_path_that_ends_by_itself_counts_too() -> None:
    def ends(text: str, params: SamplingParams) -> str:
        return "4}\n" if text.endswith("\\boxed{") else "So \\boxed{4}."

    paths = await METHODS["probe"](PROBLEM, ScriptedEngine(ends), config(), 0)
    assert [(path.outcome, dict(path.probes)) for path in paths] == [("finished", {})] * 3


def test_what_the_method_decides_is_not_set_beside_it() -> None:
    for method in ("probe", "independent", "leap_s"):
        with pytest.raises(ValueError, match="talk='novel': only the paths of leap"):
            Plan("t", [PROBLEM], method, MethodConfig(paths=3, settings={"talk": "novel"}))
    with pytest.raises(ValueError, match="probe: give two paths or more"):
        Plan("t", [PROBLEM], "probe", MethodConfig(paths=1))
    with pytest.raises(ValueError, match="option stable=1: give a whole number from 2"):
        Plan("t", [PROBLEM], "probe", MethodConfig(paths=3, options={"stable": 1}))


async def test_records_tell_the_probes_and_the_early_end(tmp_path: Path) -> None:
    talk = MethodConfig(paths=3, settings={**SETTINGS, "talk": "disagree"})
    for name, plan in (
        ("probe", Plan("t", [PROBLEM], "probe", config(stable=2))),
        ("leap", Plan("t", [PROBLEM], "leap", talk)),
        ("always", Plan("t", [PROBLEM], "leap", replace(talk, settings={**SETTINGS, "rounds": 1}))),
    ):
        engine, file = ScriptedEngine(script), tmp_path / f"{name}.jsonl"
        with Grader() as grader, Records.open(file, header(plan, engine, {})) as records:
            assert not await run_eval(plan, engine, records, grader)
        lines = read_records(file)[1]
        assert all(line.verdict.correct for line in lines)
        assert [probe["answer"] for probe in lines[0].meta.get("probes", [])] == ([] if name == "always" else ["4"] * 2)
        assert lines[0].meta.get("stopped") == (None if name == "always" else "agreement")
        assert ('"probe":' in file.read_text()) == (name != "always")
