"""From traces to rows: what is kept, what is dropped and why, and the prompt that takes the place of the first."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from peerleap.agents import prompts
from peerleap.engine import SamplingParams, ScriptedEngine, decode
from peerleap.engine.scripted import byte_tokenizer
from peerleap.evals import Grader, MethodConfig, Plan, Records, header, run_eval
from peerleap.training import Row, RowsError, Rules, Selection, Span, outlook, read_rows, select, trace_plan, write_rows
from peerleap.training.lone_prompt import lone_prompts
from peerleap.training.row_file import RowsHeader

SETTINGS = {"interval": 60, "cut": "exact", "rounds": 1, "max_tokens": 900, "answer_tokens": 30, "summary_tokens": 80}


def script(text: str, params: SamplingParams) -> str:
    """Paths differ by their seed: right and wrong answers, summaries that close and that do not."""
    luck = (params.seed or 0) % 4
    behind = text.rpartition("<think>")[2]
    if "</summarize>" in params.stop:
        return "too long " * 20 if luck == 1 else f"I have {luck}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    if not (params.stop or params.stop_token_ids):
        return "\\boxed{5}" if luck == 2 else "\\boxed{4}"
    return ("" if "</comment>" in behind else "thinking about it " * 20) + f"So it is {luck}.</think>"


def write_questions(folder: Path, count: int = 6) -> Path:
    file = folder / "questions.jsonl"
    rows = [{"id": f"q{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(count)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def make_traces(folder: Path, *, name: str = "traces.jsonl", thinking: bool = True, **fields: Any) -> Path:
    engine = ScriptedEngine(script, thinking=thinking)
    plan = trace_plan(str(write_questions(folder)), settings=SETTINGS, paths=3, **fields)

    async def run() -> None:
        with Records.open(folder / name, header(plan, engine, {})) as records, Grader() as grader:
            assert await run_eval(plan, engine, records, grader) == 0

    asyncio.run(run())
    return folder / name


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_traces(tmp_path_factory.mktemp("traces"))


def chosen(traces: Path, **rules: Any) -> Selection:
    match = rules.pop("match", None)
    return select(traces, byte_tokenizer(True), Rules(**rules), match=match)


def test_right_paths_with_whole_summaries_stay_and_the_rest_has_a_reason(traces: Path) -> None:
    found = chosen(traces, per_question=None)
    assert len(found.rows) + sum(found.dropped.values()) == 18
    assert {"wrong answer", "a summary that it did not close"} <= set(found.dropped)
    end = byte_tokenizer(True).eos_token_id
    for row in found.rows:
        text = decode(byte_tokenizer(True), row.input_ids)
        assert text.endswith("\\boxed{4}<|im_end|>")
        assert row.input_ids[-1] == end
        assert row.blocks == 1
    assert outlook(traces).startswith(f"{len(found.rows)} of 18 paths")


def test_the_prompt_is_that_of_a_lone_path(traces: Path, tmp_path: Path) -> None:
    lone = {row.question: row for row in chosen(make_traces(tmp_path, method="independent")).rows}
    among = chosen(traces)
    compared = [row for row in among.rows if row.question in lone]
    assert compared
    for row in compared:
        other = lone[row.question]
        assert row.spans[0].kind == "prompt"
        assert row.input_ids[: row.spans[0].tokens] == other.input_ids[: other.spans[0].tokens]


def test_what_speaks_of_peers_in_other_words_is_refused() -> None:
    tokenizer = byte_tokenizer(True)
    ids = tokenizer.encode("Sum up between <summarize> and </summarize>.")
    with pytest.raises(RowsError, match="make the traces again"):
        lone_prompts(tokenizer)(ids)
    assert lone_prompts(tokenizer)(tokenizer.encode(f"Solve it.\n\n{prompts.PEERS}\n\nQuestion: 2 + 2")) == (
        tokenizer.encode("Solve it.\n\nQuestion: 2 + 2")
    )


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"max_tokens": 200}, "longer than 200 tokens"),
        ({"summary_tokens": 5}, "a summary of 5 tokens or more"),
        ({"min_blocks": 2}, "fewer than 2 LeaP blocks"),
    ],
)
def test_nothing_left_says_what_was_dropped_and_why(traces: Path, rules: dict[str, int], reason: str) -> None:
    with pytest.raises(RowsError, match=reason):
        chosen(traces, **rules)


def test_a_question_has_so_many_rows_at_most_by_the_seed(traces: Path) -> None:
    everything = chosen(traces, per_question=None)
    capped = [chosen(traces, per_question=1, seed=seed) for seed in (0, 0, 1, 2, 3)]
    most = max(
        sum(row.question == question for row in everything.rows) for question in {r.question for r in everything.rows}
    )
    assert most > 1
    for found in capped:
        assert len(found.rows) == found.questions == everything.questions
        assert found.dropped["enough of its question"] == len(everything.rows) - len(found.rows)
    assert capped[0].rows == capped[1].rows
    assert any(found.rows != capped[0].rows for found in capped[2:])


def test_a_control_set_has_as_many_trained_tokens_and_questions_in_turn(traces: Path) -> None:
    everything = chosen(traces, per_question=None)
    want = everything.trained // 2
    found = chosen(traces, per_question=None, match=want)
    assert found.trained >= want > found.trained - found.rows[-1].trained()
    assert found.questions == min(len(found.rows), everything.questions)
    assert found.dropped["enough trained tokens"] == len(everything.rows) - len(found.rows)


def test_forced_paths_stay_only_on_demand(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda text, params: "4}" if text.endswith("\\boxed{") else "so " * 300, thinking=True)
    plan = trace_plan(str(write_questions(tmp_path, 1)), settings={**SETTINGS, "max_tokens": 100}, method="independent")

    async def run() -> None:
        with Records.open(tmp_path / "t.jsonl", header(plan, engine, {})) as records, Grader() as grader:
            await run_eval(plan, engine, records, grader)

    asyncio.run(run())
    with pytest.raises(RowsError, match="4 did not answer by itself"):
        chosen(tmp_path / "t.jsonl")
    rows = chosen(tmp_path / "t.jsonl", forced=True).rows
    # Four independent paths that wrote the same are one row.
    assert len(rows) == 1
    assert decode(byte_tokenizer(True), rows[0].input_ids).endswith("Final answer: \\boxed{4}<|im_end|>")


def test_traces_that_cannot_be_used_are_refused(traces: Path, tmp_path: Path) -> None:
    with pytest.raises(RowsError, match="--model has another one"):
        select(traces, byte_tokenizer(False), Rules())
    plain = tmp_path / "plain.jsonl"
    engine = ScriptedEngine(script, thinking=True)
    problems = trace_plan(str(write_questions(tmp_path, 1))).problems
    plan = Plan("q", problems, "leap", MethodConfig(paths=2, settings=SETTINGS))
    with Records.open(plain, header(plan, engine, {})):
        pass
    with pytest.raises(RowsError, match="keeps no token ids"):
        chosen(plain)
    with pytest.raises(RowsError, match="block_as"):
        trace_plan(str(write_questions(tmp_path)), settings={"block_as": "turns"})
    with pytest.raises(RowsError, match="leap or independent"):
        trace_plan(str(write_questions(tmp_path)), method="moa")


def test_rows_are_read_as_they_were_written(traces: Path, tmp_path: Path) -> None:
    found = chosen(traces)
    write_rows(tmp_path / "rows.jsonl", found.header, found.rows)
    assert read_rows(tmp_path / "rows.jsonl") == (found.header, found.rows)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]
    assert found.header.made_from["config"]["method"] == "leap"


HEADER = '{"peerleap_rows": 1, "model": "m", "vocabulary": "v", "made_from": {}}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        (HEADER, "holds no rows"),
        ("not json\n", "not a file of rows"),
        ('{"peerleap_records": 1}\n', "make rows from it with `peerleap train select`"),
        ('{"peerleap_rows": 9}\n', "schema 9"),
        (HEADER + '{"question": "q"}\n', ":2: damaged, or not a row"),
        (
            HEADER + '{"question": "q", "run": 0, "path": "p", "input_ids": [1, 2], "spans": [["prompt", 1, false]]}\n',
            ":2: the spans cover 1",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(RowsError, match=message):
        read_rows(tmp_path / "rows.jsonl")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match="cannot be written"):
        write_rows(tmp_path / "no" / "rows.jsonl", RowsHeader("m", "v"), [])

    def broken() -> Any:
        yield Row("q", 0, "p", [1], (Span("thought", 1, True),))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(tmp_path / "rows.jsonl", RowsHeader("m", "v"), broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rules", [{"max_tokens": 0}, {"per_question": 0}, {"min_blocks": -1}])
def test_rules_that_nothing_fulfils_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(RowsError, match=next(iter(rules))):
        Rules(**rules)
