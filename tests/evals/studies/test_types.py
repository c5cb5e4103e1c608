"""What communication did: places, types, transitions against paths alone, cases, judge and person."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine, decode
from peerleap.evals import (
    Grader,
    Header,
    MethodConfig,
    PathRecord,
    Plan,
    Problem,
    Records,
    RecordsError,
    Verdict,
    run_eval,
)
from peerleap.evals.plan import model_config
from peerleap.evals.stats import agreement, cohen_kappa
from peerleap.evals.studies.types import (
    agreements,
    cases,
    find_types,
    judge_plan,
    probe_tokens,
    read_judge,
    read_person,
    read_sources,
    read_steps,
    sample_csv,
    span_rows,
    spans,
    type_rows,
    type_shares,
    types_markdown,
    types_plan,
)
from peerleap.evals.studies.types.changes import transition
from peerleap.evals.studies.types.judge import parse_verdict
from peerleap.evals.studies.types.places import Block, before, behind, blocks, next_words, onwards
from peerleap.evals.studies.types.steps import Held, Step, type_of

RIGHT: Held = (True, "")
FIVE: Held = (False, "5")
SIX: Held = (False, "6")


@pytest.mark.parametrize(
    ("held", "later", "peers", "kind"),
    [
        (FIVE, FIVE, [FIVE, FIVE, SIX], "consistent"),
        (FIVE, SIX, [FIVE, SIX], "consistent"),  # a tie: both are what most peers hold
        (FIVE, RIGHT, [FIVE], "left"),
        (FIVE, FIVE, [SIX], "unaffected"),
        (None, None, [SIX], "unaffected"),
        (FIVE, RIGHT, [RIGHT, SIX, SIX], "influenced"),
        (None, SIX, [SIX], "influenced"),
        (FIVE, RIGHT, [SIX], "moved on"),
        (FIVE, None, [SIX], "moved on"),
        (FIVE, FIVE, [None], None),
        (FIVE, FIVE, [], None),
    ],
)
def test_the_type_of_a_step(held: Held, later: Held, peers: list[Held], kind: str | None) -> None:
    assert type_of(held, later, peers) == kind


def test_paths_that_go_on_together_have_not_parted() -> None:
    assert type_of(FIVE, SIX, [FIVE, FIVE], [SIX, SIX]) == "consistent"
    assert type_of(FIVE, SIX, [FIVE, FIVE], [RIGHT, RIGHT]) == "left"
    # What peers came to hold after it had read them is nothing that it read.
    assert type_of(FIVE, SIX, [RIGHT], [SIX]) == "moved on"


def test_no_answer_is_wrong() -> None:
    assert [transition(a, b) for a in (RIGHT, None) for b in (RIGHT, FIVE)] == ["C->C", "C->I", "I->C", "I->I"]


def segment(kind: str, number: int, ids: list[int], text: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "round": number,
        "token_ids": ids,
        "tokens": len(ids),
        **({"text": text} if text else {}),
        **more,
    }


def path(*segments: dict[str, Any], name: str = "solver_1") -> PathRecord:
    return PathRecord("q0", 0, "leap", name, 1, "finished", Verdict(True, "4", "integer"), segments=segments)


ENGINE = ScriptedEngine(lambda prompt, params: "")
TALKED = path(
    segment("prompt", 0, [1, 2]), segment("thought", 0, [10, 11, 12]), segment("trigger", 0, [20], "Now"),
    segment("summary", 0, [21, 22], " four </summarize>"),
    segment("comment", 0, [30], "<comment>", sources=["solver_2"]), segment("thought", 1, [40, 41]),
    segment("thought", 1, [42, 43, 44]), segment("trigger", 1, [50], "Now"),
    segment("summary", 1, [51], "four"), segment("nudge", 1, [52], "I go on"), segment("thought", 2, [60, 61]),
    segment("answer", 2, [70]),
)  # fmt: skip


def ids(place: Any) -> list[int]:
    return [token for one in place.history for token in one["token_ids"]]


def test_places_are_the_kept_ids_up_to_there() -> None:
    first, second = blocks(TALKED)
    assert (first.own, first.summary, first.sources) == (3, "four", ("solver_2",))
    assert (second.own, second.number, second.sources, second.comment) == (8, 1, (), "")
    assert ids(before(TALKED, first, ENGINE.tokenizer)) == [1, 2, 10, 11, 12]
    assert ids(behind(TALKED, first, ENGINE.tokenizer)) == [1, 2, 10, 11, 12, 20, 21, 22, 30]
    start = [1, 2, 10, 11, 12, 20, 21, 22, 30]
    for tokens, more in (
        (1, [40]),
        (2, [40, 41]),
        (4, [40, 41, 42, 43]),
        (5, [40, 41, 42, 43, 44]),
        (99, [40, 41, 42, 43, 44]),
    ):
        place = onwards(TALKED, first.end, tokens, ENGINE.tokenizer)
        assert place is not None
        assert ids(place) == [*start, *more]
        assert place.own == 3 + len(more)
    assert onwards(TALKED, second.end, 2, ENGINE.tokenizer) is None  # its thought ended there: its answer is known
    last = onwards(TALKED, second.end, 1, ENGINE.tokenizer)
    assert last is not None
    assert ids(last)[-2:] == [52, 60]
    assert next_words(TALKED, first, 3, ENGINE.tokenizer) == decode(ENGINE.tokenizer, [40, 41, 42])


def test_a_path_that_failed_in_a_block_has_no_place_behind_it() -> None:
    record = path(segment("prompt", 0, [1]), segment("thought", 0, [2]), segment("error", 0, [], "EngineError: gone"))
    assert blocks(record) == []


def step(
    question: str, held: Held, later: Held, *, alone: tuple[Held, Held] | None = None, peers: tuple[Held, ...] = (),
    number: int = 0, summary: str = "it is 4",
) -> Step:  # fmt: skip
    block = Block(number, 0, 1, 10, summary, "<comment>", ("solver_2",))
    last = alone[1] if alone else None
    return Step(question, 0, "solver_1", block, held, held, later, later, alone, last, peers, peers,
                number == 0, "4" if held and held[0] else "5")  # fmt: skip


def test_transitions_are_held_against_the_same_paths_alone() -> None:
    # LeaP repairs in all four questions; alone two of the three that have a counterpart do, too.
    steps = [step(f"q{n}", FIVE, RIGHT, alone=(FIVE, RIGHT if n < 2 else FIVE) if n < 3 else None) for n in range(4)]
    first = spans(steps)[0]
    assert (first.steps, first.matched) == (4, 3)
    assert first.leap["I->C"].value == 1
    assert first.alone["I->C"].value == pytest.approx(2 / 3)
    assert first.gain["net"].value == pytest.approx(1 / 3)
    assert first.gain["C->I"].value == 0
    assert first.leap["I->C"].low < 1  # Wilson's, where all are alike
    names = [span.name for span in spans(steps)]
    assert names[-1] == "before to later, block 1"


def test_questions_count_not_paths() -> None:
    steps = [step("q0", FIVE, FIVE, peers=(SIX,))] * 9 + [step("q1", FIVE, SIX, peers=(SIX,))]
    shares = type_shares(steps)[0]
    assert (shares["unaffected"].value, shares["influenced"].value) == (0.5, 0.5)
    assert shares["unaffected"].n == 2


def test_cases() -> None:
    found = cases(
        [
            step("rescued", FIVE, RIGHT, peers=(RIGHT, FIVE)),
            step("alone", FIVE, RIGHT, peers=(FIVE,)),
            step("spoiled", RIGHT, FIVE, peers=(FIVE,)),
            step("lost", RIGHT, RIGHT, summary="it is 44, or 4.5"),
            step("ignores", FIVE, FIVE, peers=(RIGHT, RIGHT, FIVE)),
        ]
    )
    assert {name: [s.question for s in members] for name, members in found.items()} == {
        "rescued": ["rescued"], "spoiled": ["spoiled"], "lost in the summary": ["lost"], "ignores peers": ["ignores"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"type": "Influenced", "reason": "took 4"}', "influenced"),
        ('<think>{"type": "unaffected"}</think> {"type": "consistent"}', "consistent"),
        ('{"type": "moved on"}', None),
        ('{"type": ["influenced"]}', None),
        ('{"kind": 1} and no more', None),
        ("influenced", None),
        ("{broken", None),
    ],
)
def test_a_judges_reply_counts_where_it_has_the_form(text: str, label: str | None) -> None:
    assert parse_verdict(text) == label


def test_kappa_is_cohens() -> None:
    # Cohen's own kind of table: 20 both yes, 15 both no, 5 and 10 apart of 50: kappa 0.4.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)
    assert cohen_kappa([("y", "y")] * 3) is None
    found = agreement({str(n): pairs[10 * n : 10 * n + 10] for n in range(5)})
    assert found.pairs == 50
    assert found.share.value == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.low < 0.4 < found.high
    with pytest.raises(ValueError, match="nothing to agree on"):
        agreement({})


# A path thinks of 5 until it reads that a peer has 4; a peer says so once its path is an even one.
def script(text: str, params: SamplingParams) -> str:
    if "Several people work on one problem" in text:
        return '{"type": "influenced", "reason": "it took 4"}'
    heard = "I have 4" in text.rpartition("<comment>")[2] and "</comment>" in text
    if "<summarize>" in text[-120:]:
        return f" I have {4 if (params.seed or 0) % 2 else 5}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}" if heard else "5}"
    answer = 4 if heard else 5
    return f"thinking 12 about it, thinking 12 about it, thinking 12 about it, so \\boxed{{{answer}}}."


async def run_to(file: Path, plan: Plan, engine: ScriptedEngine) -> Path:
    config = plan.record_config(model_config(engine, vocabulary=plan.keep_ids))
    with Records.open(file, Header(config)) as records, Grader() as grader:
        assert await run_eval(plan, engine, records, grader) == 0
    return file


SETTINGS = {"interval": 60, "cut": "exact", "max_tokens": 600, "budget_counts": "own",
            "answer_tokens": 30, "summary_tokens": 80, "rounds": 1}  # fmt: skip


async def evals(folder: Path, engine: ScriptedEngine, questions: list[Problem], **settings: Any) -> tuple[Path, Path]:
    made = []
    for method in ("leap", "independent"):
        config = MethodConfig(paths=3, settings={**SETTINGS, **settings} if method == "leap" else SETTINGS)
        plan = Plan("sums", questions, method, config, keep_ids=True)
        made.append(await run_to(folder / f"{method}.jsonl", plan, engine))
    return made[0], made[1]


async def test_from_two_evals_to_the_report(tmp_path: Path, sums: Any) -> None:
    engine = ScriptedEngine(script)
    files = await evals(tmp_path, engine, sums(6))
    leap, alone = read_sources(*files)
    engine.requests.clear()
    probes = await run_to(tmp_path / "probes.jsonl", types_plan(leap, alone, after=20), engine)
    asked = list(engine.requests)
    assert all(params.temperature == 0 for _, params in asked)
    # Every probe goes on from kept ids: a prompt of one of the files, and what its path wrote.
    kept = [
        [t for one in r.segments for t in one["token_ids"]]
        for of in (leap, alone)
        for p in of.paths.values()
        for r in p.values()
    ]
    for prompt, _ in asked:
        shared = max(
            next((n for n, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(prompt))
            for whole in kept
        )
        assert "I have to stop here" in decode(engine.tokenizer, prompt[shared - 5 :])
        assert len(prompt) - shared < 120
    steps = read_steps(leap, alone, probes)
    assert len(steps) == 18
    for one in steps:
        told = "I have 4" in one.block.comment
        assert (one.before, one.read, one.later, one.final) == (FIVE, *[RIGHT if told else FIVE] * 3)
        assert one.alone == (FIVE, FIVE)
        assert one.peers == (FIVE,) * len(one.block.sources)
    changed = sum("I have 4" in one.block.comment for one in steps)
    assert 0 < changed < 18
    span = spans(steps)[0]
    assert span.gain["net"].value == pytest.approx(changed / 18)
    assert span.alone["I->I"].value == 1
    # Judge, and a person who says the same of one step and something else of another.
    verdicts = await run_to(tmp_path / "judge.jsonl", judge_plan(leap, steps, engine.tokenizer), engine)
    judged = read_judge(verdicts)
    assert set(judged.values()) == {"influenced"}
    assert judged.keys() == {one.key for one in steps if one.peers}
    rows = list(csv.DictReader(io.StringIO(sample_csv(leap, steps, engine.tokenizer))))
    assert len(rows) == 10
    assert all(row["type"] == "" and row["comment"].startswith("<comment>") for row in rows)
    assert sample_csv(leap, steps, engine.tokenizer) == sample_csv(leap, steps, engine.tokenizer)
    rows[0]["type"], rows[1]["type"] = "Influenced", "consistent"
    person = tmp_path / "sample.csv"
    with person.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    raters = {"person": read_person(person), "judge": judged}
    both = agreements(steps, raters)["person and judge"]
    assert (both.pairs, both.share.value) == (2, 0.5)
    found = find_types(steps, (leap, alone), probe_tokens(probes), raters)
    assert found.tokens.generated == 3 * len(asked)  # "5", "}", and the end of the turn
    assert {row[1] for row in type_rows(found)} == {"probes", "judge", "person"}
    report = types_markdown(found, leap, alone, 20)
    assert "person and judge: 2 steps, agree in 50" in report
    assert "generated tokens" in report
    assert len(span_rows(found)) == 7
    rows[0]["type"] = "good"
    with person.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    with pytest.raises(RecordsError, match="row 2: type 'good' is none of consistent, unaffected, influenced"):
        read_person(person)


async def test_what_cannot_be_studied_says_what_is_missing(tmp_path: Path, sums: Any) -> None:
    engine = ScriptedEngine(script)
    leap, alone = await evals(tmp_path, engine, sums(2))
    with pytest.raises(
        RecordsError, match=r"this is one method.*peerleap eval sums .*--method independent .*--keep-ids"
    ):
        read_sources(leap, None)
    with pytest.raises(RecordsError, match=r"results of 'independent'; the first file is of leap"):
        read_sources(alone, leap)
    (tmp_path / "silent").mkdir()
    silent, _ = await evals(tmp_path / "silent", engine, sums(2), rounds=0)
    with pytest.raises(RecordsError, match=r"no path has read a LeaP block; give --rounds.*--rounds 3 --keep-ids"):
        read_sources(silent, alone)
    plan = Plan("sums", sums(2), "leap", MethodConfig(paths=3, settings=SETTINGS))
    bare = await run_to(tmp_path / "bare.jsonl", plan, engine)
    with pytest.raises(RecordsError, match=r"no token ids are kept in it.*--keep-ids"):
        read_sources(bare, alone)
    (tmp_path / "other").mkdir()
    _, others = await evals(tmp_path / "other", engine, sums(3))
    with pytest.raises(RecordsError, match="only the same questions"):
        read_sources(leap, others)
    lines = leap.read_bytes().splitlines(keepends=True)
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(lines[:4]))
    with pytest.raises(RecordsError, match="the eval is not finished"):
        read_sources(half, alone)


async def test_a_question_without_a_block_is_no_failure(tmp_path: Path, sums: Any) -> None:
    engine = ScriptedEngine(
        lambda text, p: "\\boxed{4}" if "time 0" in text and "What" in text[-60:] else script(text, p)
    )
    leap, alone = read_sources(*await evals(tmp_path, engine, sums(3)))
    probes = await run_to(tmp_path / "probes.jsonl", types_plan(leap, alone, after=20), engine)
    assert {one.question for one in read_steps(leap, alone, probes)} == {"q1", "q2"}


def test_steps_without_peers_have_no_type() -> None:
    assert replace(step("q", FIVE, FIVE), peers=()).type is None
