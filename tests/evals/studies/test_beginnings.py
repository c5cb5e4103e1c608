"""Beginnings: a model that falls into the trap, one that does not, and one that its peers pull out."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Header, MethodConfig, Plan, Problem, Records, RecordsError, read_records
from peerleap.evals.studies import (
    beginnings_plan,
    beginnings_verdict,
    check_samples,
    read_beginnings,
    read_samples,
)
from peerleap.evals.studies.beginnings import SHARES, good_share

SETTINGS = {"interval": 60, "cut": "exact", "max_tokens": 3000, "answer_tokens": 30, "summary_tokens": 80, "rounds": 1}
Sums = Callable[[int], list[Problem]]


def engine(recovers: Callable[[str], bool]) -> ScriptedEngine:
    """A model that thinks `well` or `badly` from its first word on, and then stays so unless it recovers.

    Its time of day decides how it begins: every other seed well.
    """

    def script(text: str, params: SamplingParams) -> str:
        thought = text.rpartition("assistant\n")[2]
        if "<summarize>" in text[-120:]:
            return f" I have {'12 well' if 'well' in thought else '13 badly'}.</summarize>"
        if text.endswith("\\boxed{"):
            return "5}"
        found = re.search(r"well|badly", thought)
        manner = found[0] if found else ("well", "badly")[(params.seed or 0) % 2]
        right = manner == "well" or recovers(thought)
        begun = "" if found else f"{manner} " + "and so on and on, " * 6
        return f"{begun}then on, and on, and on and on and on and on and on, so \\boxed{{{4 if right else 5}}}."

    return ScriptedEngine(script)


async def sampled(sums: Sums, run_study: Any, made: ScriptedEngine, count: int = 6, paths: int = 8) -> Path:
    plan = Plan("sums", sums(count), "independent", MethodConfig(paths=paths, settings=SETTINGS), keep_ids=True)
    return Path(await run_study(plan, made))


async def test_a_bad_beginning_is_a_trap_and_a_good_one_carries(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: False)
    samples = read_samples(await sampled(sums, run_study, made))
    plan = beginnings_plan(samples, sums(6), questions=5, continuations=4, settings=SETTINGS)
    assert len(plan.problems) == 5
    found = read_beginnings(await run_study(plan, made))
    rows = {row.arm: row for row in found.rows}
    assert list(rows) == ["none", "bad", "good", "random"]
    assert (found.questions, found.wanted, found.paths, found.blocks) == (5, 5, 4, 1)
    assert found.tokens == int(0.15 * samples.mean_tokens)
    for by in ("independent", "leap"):
        assert rows["bad"].pass_at_1[by].value == 0
        assert rows["good"].pass_at_1[by].value == 1
        assert rows["bad"].gaps[by].value == -rows["none"].pass_at_1[by].value < 0
        assert rows["random"].pass_at_1[by].value in {share / 5 for share in range(6)}
    assert not rows["none"].gaps
    assert "bad beginnings move independent paths by" in beginnings_verdict(found)
    assert found.detectable is not None
    assert found.detectable > 0


async def test_leap_that_mends_is_seen_to_mend(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: "<comment>" in thought)
    samples = read_samples(await sampled(sums, run_study, made))
    plan = beginnings_plan(samples, sums(6), questions=6, continuations=4, settings=SETTINGS)
    found = read_beginnings(await run_study(plan, made))
    bad = next(row for row in found.rows if row.arm == "bad")
    assert bad.pass_at_1["leap"].value == 1
    assert bad.pass_at_1["independent"].value == 0
    assert bad.narrowed is not None
    assert bad.narrowed.value == bad.gaps["leap"].value - bad.gaps["independent"].value > 0


async def test_continuations_begin_with_the_first_tokens_of_one_path(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: False)
    samples = read_samples(await sampled(sums, run_study, made, count=3))
    plan = replace(
        beginnings_plan(samples, sums(3), fraction=0.3, questions=3, continuations=3, settings=SETTINGS), keep_ids=True
    )
    _, records = read_records(await run_study(plan, made))
    tokens = int(0.3 * samples.mean_tokens)
    assert len(records) == 3 * 2 * 4 * 3
    for question in ("q0", "q1", "q2"):
        for arm in ("bad", "good", "random"):
            heads = {
                tuple(record.segments[1]["token_ids"])
                for record in records
                if (record.question, record.meta["arm"]) == (question, arm)
            }
            assert len(heads) == 1, "16 continuations of one response, by LeaP and alone"
            (head,) = heads
            assert len(head) == tokens
            sources = [path for path in samples.questions[question] if path.thought[:tokens] == head]
            assert sources
            assert arm == "random" or all(path.correct == (arm == "good") for path in sources)
    lone = [record for record in records if record.meta["by"] == "independent" and record.meta["arm"] == "bad"]
    assert all(record.tokens.inserted >= tokens for record in lone), "what it began with is not its own work"
    assert {record.meta["arm"] for record in records if record.meta["counted"]} == {"none"}


async def test_error_tolerance_mixes_good_and_bad_beginnings(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: False)
    samples = read_samples(await sampled(sums, run_study, made, count=3, paths=6))
    plan = beginnings_plan(samples, sums(3), kind="tolerance", questions=3, continuations=8, settings=SETTINGS)
    found = read_beginnings(await run_study(plan, made))
    assert [row.arm for row in found.rows] == ["none", *map(good_share, SHARES)]
    for percent, row in zip(SHARES, found.rows[1:], strict=True):
        assert row.pass_at_1["independent"].value == percent / 100
        assert row.pass_at_1["leap"].value == percent / 100
    assert found.fraction == 0.3


async def test_a_finished_study_is_not_run_again(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: False)
    samples = read_samples(await sampled(sums, run_study, made, count=3))
    for asked in (True, False):
        before = len(made.requests)
        await run_study(beginnings_plan(samples, sums(3), questions=3, continuations=2, settings=SETTINGS), made)
        assert (len(made.requests) > before) is asked


async def test_what_a_file_cannot_support_is_said(sums: Sums, run_study: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"no such file; `peerleap eval TASK --method independent --paths 32"):
        read_samples(tmp_path / "none.jsonl")
    made = engine(lambda thought: False)
    for config, words in (
        ({"method": "leap"}, "results of 'leap'; beginnings are cut from independent paths"),
        ({"method": "independent"}, "it keeps no token ids"),
        ({"method": "independent", "keep_ids": True}, "no path in it is done yet"),
    ):
        file = tmp_path / f"{len(config)}{config['method']}.jsonl"
        with Records.open(file, Header(config)):
            pass
        with pytest.raises(RecordsError, match=words):
            read_samples(file)
    samples = read_samples(await sampled(sums, run_study, made, count=3))
    check_samples(samples, sums(3), made)
    with pytest.raises(RecordsError, match="are not those that this study was asked for"):
        check_samples(samples, sums(2), made)
    with pytest.raises(RecordsError, match="paths of the model 'scripted', not of this 'other'"):
        check_samples(samples, sums(3), ScriptedEngine(lambda *_: "", model="other"))
    with pytest.raises(ValueError, match=r"0 of 3 questions have right and wrong paths of more than \d+ tokens"):
        beginnings_plan(samples, sums(3), fraction=0.999, settings=SETTINGS)


async def test_questions_that_are_always_right_support_nothing(sums: Sums, run_study: Any) -> None:
    made = engine(lambda thought: True)
    samples = read_samples(await sampled(sums, run_study, made, count=3))
    with pytest.raises(ValueError, match=r"0 of 3 questions have right and wrong paths .* --sample-temperature"):
        beginnings_plan(samples, sums(3), settings=SETTINGS)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "worst"}, "kind='worst' is not one of trap, tolerance"),
        ({"fraction": 0.0}, "fraction=0.0: give a share"),
        ({"questions": 1}, "questions=1: give 2 to 1024"),
        ({"continuations": 1}, "continuations=1: give 2 to 1024"),
    ],
)
async def test_bad_numbers(fields: dict[str, Any], words: str, sums: Sums, run_study: Any) -> None:
    samples = read_samples(await sampled(sums, run_study, engine(lambda thought: False), count=2))
    with pytest.raises(ValueError, match=words):
        beginnings_plan(samples, sums(2), **fields)
