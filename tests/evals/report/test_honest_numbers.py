"""Equal compute, verified votes, fractional ties, the declared test, and the paper's number only where it belongs."""

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine
from peerleap.evals import Header, PathRecord, RecordsError, Results, Verdict, load
from peerleap.evals.machine import model_size
from peerleap.evals.report import (
    compare,
    level_cells,
    level_rows,
    level_sentence,
    levels_markdown,
    measured_power,
    method_rows,
    paper_differences,
    paper_number,
)
from peerleap.evals.report.tables import METHOD_HEAD
from peerleap.evals.stats import Design, Graded, Tokens
from peerleap.evals.stats.metrics import cons_at_n, shortest_at_n

MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"
AUTHORS = {"preset": "paper", "interval": 4096, "max_tokens": 16_384}


def config(method: str, **fields: Any) -> dict[str, Any]:
    return {"task": "aime2024", "questions": 30, "data": "d", "method": method, "paths": 32, "settings": {},
            "model": MODEL, "model_hash": "0", "grader": "peerleap", "seed": 0} | fields  # fmt: skip


def record(question: str, name: str, right: bool, tokens: Tokens, **meta: Any) -> PathRecord:
    verdict = Verdict(right, "1" if right else "0", "integer")
    return PathRecord(question, 0, "m", name, 1, "finished", verdict, tokens,
                      meta={"started": 0.0, "seconds": 9.0, "counted": True, **meta})  # fmt: skip


def results(method: str, rows: list[list[tuple[bool, Tokens]]], hardware: Any = None, **fields: Any) -> Results:
    paths = {
        (f"q{q}", 0): [record(f"q{q}", f"p{n}", right, tokens) for n, (right, tokens) in enumerate(of)]
        for q, of in enumerate(rows)
    }
    made = config(method, **fields)
    return Results(method, Path(method), made, Header(made).config_hash, paths, hardware=hardware or {})


def row(result: Results, column: str) -> str:
    return method_rows([result])[0][METHOD_HEAD.index(column)]


def test_equal_compute_counts_what_a_path_reads() -> None:
    # LeaP: two paths of 100 generated and 300 uncached prompt tokens; alone: paths of 100 and nothing read.
    reads = Tokens(own=100, prefill=400, cached=100)
    leap = results("leap", [[(True, reads)] * 2] * 4)
    alone = results("independent", [[(False, Tokens(own=100))] * 10] * 4)
    found = {(c.cost, c.metric): c for c in compare([leap, alone])}
    assert found["equal tokens", "cons@n"].old_tokens == 4 * 200
    assert found["equal compute", "cons@n"].old_tokens == 4 * 800
    assert found["equal compute", "cons@n"].note == ""
    assert (
        "times the computed tokens"
        in {c.cost: c.note for c in compare([leap, results("independent", [[(True, Tokens(own=100))] * 2] * 4)])}[
            "equal compute"
        ]
    )


def test_operations_are_those_of_the_weights_and_of_attention() -> None:
    hardware = {"model": {"parameters": 1000, "layers": 2, "width": 8}}
    one = results("leap", [[(True, Tokens(own=10, prefill=30, cached=20))]], hardware)
    one.paths["q0", 0][0].meta["attended"] = 500  # type: ignore[index]
    assert one.flops == (2 * 1000 * 20, 4 * 2 * 8 * 500)
    assert row(one, "computed tokens") == "20"
    assert row(one, "FLOPs of the weights") == "4e+04"
    assert row(results("leap", [[(True, Tokens(own=10))]]), "FLOPs of attention") == "-"


def test_a_models_size_is_read_from_the_headers_of_its_weights(tmp_path: Path) -> None:
    head = json.dumps({"__metadata__": {}, "a": {"shape": [3, 4]}, "b": {"shape": [5]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 2, "hidden_size": 4, "num_attention_heads": 2}')
    engine: Any = SimpleNamespace(resolved=SimpleNamespace(path=tmp_path))
    assert model_size(engine) == {"parameters": 17, "layers": 2, "width": 4}
    (tmp_path / "model.safetensors").write_bytes(b"short")
    assert model_size(engine) == {}
    assert model_size(ScriptedEngine(lambda *_: "")) == {}


def test_pass_at_1_of_a_budgeted_baseline_is_that_of_its_first_paths() -> None:
    paths = [(True, Tokens(own=10))] * 2 + [(False, Tokens(own=10))] * 6
    alone = results("independent", [paths] * 3, paths=2, budget="80 tokens")
    assert alone.by_question("pass@1") == dict.fromkeys(["q0", "q1", "q2"], 1.0)
    assert alone.by_question("cons@n") == dict.fromkeys(["q0", "q1", "q2"], 0.0)
    leap = results("leap", [[(False, Tokens(own=40))] * 2] * 3, paths=2)
    rows = [c for c in compare([leap, alone], "pass@1") if c.metric == "pass@1"]
    assert [(c.cost, c.primary, c.old_value) for c in rows] == [("first N paths", True, 1.0)]


def test_a_tie_is_worth_the_share_of_its_winners_that_is_right() -> None:
    def paths(*answers: str) -> list[Graded]:
        return [Graded(answer, correct=answer == "4", tokens=Tokens(own=10)) for answer in answers]

    assert cons_at_n(paths("5", "4")) == cons_at_n(paths("4", "5")) == 0.5
    assert cons_at_n(paths("4", "5", "6")) == pytest.approx(1 / 3)
    assert cons_at_n(paths("4", "4", "5")) == 1.0
    assert cons_at_n(paths("5", "5", "4")) == 0.0
    assert cons_at_n([Graded(None, correct=False)]) == 0.0
    assert shortest_at_n(paths("5", "4")) == 0.5


def test_mcnemar_counts_elections_and_not_shares() -> None:
    tied = results("leap", [[(True, Tokens(own=1)), (False, Tokens(own=1))]] * 4)
    wrong = results("independent", [[(False, Tokens(own=1))] * 2] * 4)
    first = next(c for c in compare([tied, wrong]) if c.primary)
    assert (first.new_value, first.old_value) == (0.5, 0.0)
    assert first.votes is not None
    assert (first.votes.gained, first.votes.lost) == (4, 0)


def test_verified_votes_are_those_of_paths_whose_answer_a_tool_printed() -> None:
    paths = {("q0", 0): [record("q0", f"p{n}", n == 2, Tokens(), checked=n == 2) for n in range(3)]}
    made = config("leap")
    voted = Results("leap", Path("leap"), made, "", paths)
    assert voted.by_question("verified@n") == {"q0": 1.0}
    assert voted.by_question("cons@n") == {"q0": 0.0}
    assert row(voted, "Verified@N, %").startswith("100.0")
    assert row(voted, "Any@N (a perfect verifier), %").startswith("100.0")
    assert row(results("leap", [[(True, Tokens())]]), "Verified@N, %") == "-"


def test_the_declared_test_decides_the_primary_comparison() -> None:
    new = results("leap", [[(True, Tokens(own=1))]] * 4 + [[(False, Tokens(own=1))]] * 2)
    old = results("independent", [[(False, Tokens(own=1))]] * 6)
    flips, mcnemar = (next(c for c in compare([new, old], test=test) if c.primary) for test in ("sign-flip", "mcnemar"))
    assert flips.p == flips.difference.p
    assert mcnemar.votes is not None
    assert mcnemar.p == mcnemar.votes.p
    assert sum(c.test == "mcnemar" for c in compare([new, old], test="mcnemar")) == 1
    with pytest.raises(ValueError, match="'pass@1' is no vote"):
        compare([new, old], "pass@1", "mcnemar")
    with pytest.raises(ValueError, match="primary test 't' is not one of sign-flip, mcnemar"):
        compare([new, old], test="t")


def test_power_is_said_by_what_was_measured() -> None:
    new = results("leap", [[(n % 2 == 0, Tokens(own=1))] for n in range(10)])
    old = results("independent", [[(n % 5 == 0, Tokens(own=1))] for n in range(10)])
    text = measured_power(next(c for c in compare([new, old]) if c.primary))
    assert "50% of them changed their vote, so 1570 would show 5 points by McNemar's test" in text
    assert "take 785 to 1256 questions where 25% to 40% of them change, not 30" in Design(30).sentence()


def test_the_papers_number_is_shown_only_for_the_authors_setting() -> None:
    leap = config("leap", settings=AUTHORS)
    assert paper_differences(leap) == []
    number = paper_number(leap, "pass@1")
    assert number is not None
    assert (number.table, number.value) == (1, 77.29)
    ours = paper_differences(config("leap"))
    assert ours == ["prompt peers (authors: paper)", "alumni True (authors: False)", "cut paragraph (authors: exact)",
                    "similarity levenshtein (authors: indel)"]  # fmt: skip
    assert paper_number(config("leap"), "pass@1") is None
    shown = results("leap", [[(True, Tokens())]])
    assert row(shown, "paper, %") == "-"
    assert "alumni True (authors: False)" in row(shown, "paper not shown because")
    assert paper_differences(config("independent", paths=8)) == ["paths 8 (authors: 32)"]
    assert paper_differences(config("independent", settings={"max_tokens": 8192})) == [
        "max_tokens 8192 (authors: 16384)"
    ]
    assert paper_differences(config("independent", model="own/model")) == []


@pytest.mark.parametrize(
    ("peers", "interval", "top_k", "task", "table", "value"),
    [
        (4, 2048, 2, "aime2024", 3, 66.25),
        (4, 4096, 2, "gpqa_diamond", 3, 57.42),
        (8, 4096, 2, "aime2024", 4, 69.48),
        (16, 2048, 4, "aime2024", 4, 66.86),
        (16, 4096, 2, "aime2024", 4, 67.92),
    ],
)
def test_the_papers_rows_of_leap_s_are_reached(
    peers: int, interval: int, top_k: int, task: str, table: int, value: float
) -> None:
    settings = {**AUTHORS, "interval": interval, "top_k": top_k}
    size = {"questions": 198, "paths": 8} if task == "gpqa_diamond" else {}
    found = paper_number(config("leap_s", settings=settings, options={"peers": peers}, task=task, **size), "pass@1")
    assert found is not None
    assert (found.table, found.value) == (table, value)


def test_tables_2_and_6_are_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**AUTHORS, "trigger": "model", "prompt": "plain"}
    trained = paper_number(config("leap", model="LeaP-T-7B", settings=settings), "cons@n")
    assert trained is not None
    assert trained.table == 2
    pooled = paper_number(config("leap", task="aime2024+aime2025+aimo2025", questions=70, settings=AUTHORS), "cons@n")
    assert pooled is not None
    assert (pooled.table, pooled.value) == (6, 70.0)
    monkeypatch.setenv("PEERLEAP_DATA", str(tmp_path))
    for task in ("aime2024", "aime2025", "aimo2025"):
        (tmp_path / f"{task}.jsonl").write_text('{"id": 1, "question": "a?", "answer": 2}')
    assert [p.id for p in load("aime2024+aime2025+aimo2025")] == ["aime2024-1", "aime2025-1", "aimo2025-1"]


def sample(rights: list[int], method: str = "independent", seed: int = 0, **fields: Any) -> Results:
    """Four paths a question, of which so many are right, in one run of that seed."""
    made = results(method, [[(n < of, Tokens(own=10)) for n in range(4)] for of in rights], seed=seed, **fields)
    paths = {(question, seed): of for (question, _), of in made.paths.items()}
    return Results(made.name, made.file, made.config, made.config_hash, paths)


def test_levels_come_from_another_sample() -> None:
    base = sample([4, 4, 4, 4, 4, 3, 2, 0], seed=9)
    files = [sample([4] * 8), results("leap", [[(True, Tokens(own=20))] * 4] * 8)]
    rows = level_rows(files, base)
    assert [(r.level, r.questions) for r in rows[::2]] == [
        ("very easy", 5), ("medium", 2), ("very hard", 1)
    ]  # fmt: skip
    assert rows[1].difference is not None
    assert rows[3].difference is None
    assert rows[1].own_tokens == 20
    assert level_cells(rows)[1][3] == "100.0 [56.6, 100.0]"
    assert level_cells(rows)[3][3:5] == ("100.0", "-")
    assert "levels by 4 independent paths a question of independent" in level_sentence(base)
    assert "as shares (the paper has 32 paths)" in level_sentence(base)
    assert "## By difficulty\n\nLevels by 4" in levels_markdown(rows, base)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (sample([1] * 8), r"the same sample as independent \(seed 0\).*another --seed, such as 1"),
        # A budget adds paths to those of the same seed.
        (sample([1] * 8, matched="0", paths=9), r"the same sample as independent"),
        (sample([1] * 8, "leap", 9), "of the method 'leap'; levels need independent paths"),
        (sample([1] * 8, seed=9, model="other"), "only the same questions, model and grader"),
        (sample([1] * 7, seed=9), "question 'q7' of independent is not in it"),
    ],
)
def test_a_base_that_cannot_give_levels_is_refused(base: Results, message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        level_rows([sample([4] * 8), sample([4] * 8, "leap")], base)
