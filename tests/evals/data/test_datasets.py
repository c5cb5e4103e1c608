import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from peerleap.evals import TASKS, DataError, MissingExtra, Problem, load
from peerleap.evals.data.files import read_problems
from peerleap.evals.data.problems import shuffled
from peerleap.evals.grading import KINDS

Row = dict[str, object]
ROWS: list[Row] = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(3)]
WORDS = ["two", "three", "five", "seven"]
CHOICE: Row = {"id": "c", "question": "Which is even?", "answer": "A", "choices": WORDS}


def write(path: Path, rows: Sequence[Row]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_jsonl_is_read_and_kinds_are_guessed(tmp_path: Path) -> None:
    surd: Row = {"id": "s", "question": "Root of 8?", "answer": r"2\sqrt2", "source": "own", "meta": {"level": 1}}
    problems = load(write(tmp_path / "mine.jsonl", [*ROWS, surd, CHOICE]))
    assert [problem.kind for problem in problems] == ["integer", "integer", "integer", "math", "choice"]
    assert problems[0] == Problem("q0", "What is 0 + 1?", "1", "integer", source="mine.jsonl")
    assert (problems[3].source, problems[3].meta) == ("own", {"level": 1})
    assert problems[4].text == "Which is even?\n\nA) two\nB) three\nC) five\nD) seven"
    assert [problem.id for problem in load(str(tmp_path / "mine.jsonl"), limit=2)] == ["q0", "q1"]


def test_csv_is_read_with_problem_for_question(tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    path.write_text(
        'id,problem,answer,choices\na,"1 + 1,\nexactly?",2,\nb,Even?,B,"[""1"", ""2""]"\n', encoding="utf-8"
    )
    first, second = load(str(path))
    assert (first.question, first.answer, first.kind) == ("1 + 1,\nexactly?", "2", "integer")
    assert (second.choices, second.kind) == (("1", "2"), "choice")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ('{"id": "x", "question": "?"}', "field 'answer' is missing"),
        ('{"id": "x", "question": "", "answer": 1}', "field 'question' is missing"),
        ('{"question": "?", "answer": "1"}', "field 'id' is missing"),
        ('{"id": "x", "question": "?", "answer": null}', "field 'answer' is missing"),
        ('{"id": "x", "question": "?", "answer": ["1", "2"]}', r"answer=\['1', '2'\] is a list"),
        ('{"id": "q0", "question": "?", "answer": "1"}', "id='q0' is already used on line 1"),
        ('{"id": "x", "question": "?", "answer": NaN}', "NaN is no number"),
        ('{"id": "x", "question": "?", "answer": -Infinity}', "-Infinity is no number"),
        ('{"id": "x", "question": "?", "answer": 1e999}', "answer=inf is not a number"),
        ('{"id": "x", "question": "?", "answer": "1", "kind": "number"}', "kind='number' is not one of integer"),
        ('{"id": "x", "question": "?", "answer": "pi", "kind": "integer"}', "answer='pi' is not an integer"),
        ('{"id": "x", "question": "?", "answer": "1", "choises": ["a", "b"]}', "unknown field 'choises'.*'choices'"),
        ('{"id": "x", "question": "?", "answer": "E", "choices": ["a", "b"]}', "answer='E' is not one of .* 'AB'"),
        ('{"id": "x", "question": "?", "answer": "A", "choices": ["a"]}', "2 to 10 are needed"),
        ('{"id": "x", "question": "?", "answer": "A", "choices": "ab"}', "choices='ab' is not a list"),
        ('{"id": "x", "question": "?", "answer": "A", "kind": "choice"}', "choices=None"),
        ('{"id": "x", "question": "?", "answer": "1", "meta": 3}', "meta=3 is not an object"),
        ("[1]", "is not an object"),
        ('{"id": "x", ', "not JSON"),
        ("\u00e9".encode("latin-1").decode("latin-1"), "not JSON"),
    ],
)
def test_a_bad_row_refuses_the_file_with_its_line(tmp_path: Path, bad: str, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n\n" + bad + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"bad.jsonl:3: .*{says}"):
        load(str(path))


def test_bad_files_and_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(str(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="holds no problems"):
        load(write(tmp_path / "empty.jsonl", []))
    with pytest.raises(DataError, match="'aime' is not a data set: name one of aime2024"):
        load("aime")
    with pytest.raises(DataError, match="limit=0"):
        load("aime2024", limit=0)
    path = tmp_path / "bad.csv"
    path.write_text("id,question,answer\na,b,1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.csv:2: more cells"):
        load(str(path))


def test_a_task_is_looked_up_in_the_data_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "aime2024.jsonl", ROWS)
    write(tmp_path / "aimo2025.jsonl", ROWS)
    monkeypatch.setenv("PEERLEAP_DATA", str(tmp_path))
    assert [problem.id for problem in load("aime2024")] == ["q0", "q1", "q2"]
    assert load("aimo2025")[0].question.endswith("\nGive the answer modulo 1000.")
    write(tmp_path / "aime2025.jsonl", [{**ROWS[0], "answer": "x+1"}])
    with pytest.raises(DataError, match=r"aime2025.jsonl:1: answer='x\+1' is not an integer"):
        load("aime2025")


def test_options_are_shuffled_with_a_fixed_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Row] = [{**CHOICE, "id": f"c{n}"} for n in range(200)]
    path = write(tmp_path / "gpqa_diamond.jsonl", rows)
    monkeypatch.setenv("PEERLEAP_DATA", str(tmp_path))
    problems = load("gpqa_diamond")
    counts = [sum(problem.answer == letter for problem in problems) for letter in "ABCD"]
    assert min(counts) > 30
    for problem in problems:
        assert problem.choices is not None
        assert problem.choices["ABCD".index(problem.answer)] == "two"
        assert sorted(problem.choices) == sorted(WORDS)
    assert load("gpqa_diamond") == problems
    assert load("gpqa_diamond", seed=7) != problems
    # No other row changes a question's order.
    alone = read_problems(path)[17]
    assert shuffled(alone, 42) == problems[17]
    with pytest.raises(DataError, match="the right option is 'A' in all 200 rows"):
        load(path)
    assert len({problem.answer for problem in load(path, seed=1)}) == 4


def test_gym_tasks_are_generated_from_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def create_dataset(name: str, size: int, seed: int, **settings: object) -> list[dict[str, str]]:
        asked.append((name, size, seed, settings))
        return [{"question": "What?", "answer": answer} for answer in ("12", "0.125", "Friday")]

    gym = ModuleType("reasoning_gym")
    gym.create_dataset = create_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "reasoning_gym", gym)
    problems = load("gym:products", limit=3, seed=5)
    assert asked == [("products", 3, 5, {"max_digits": 2})]
    assert [problem.kind for problem in problems] == ["integer", "math", "text"]
    assert problems[0].id == "gym-products-5-0"


def test_gym_tasks_are_named_and_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="'gym:countdown' is not one of gym:aiw"):
        load("gym:countdown")
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtra, match=r"'reasoning-gym' is not installed: pip install 'peerleap\[evals\]'"):
        load("gym:chain_sum")


def test_every_task_is_gradable() -> None:
    aime = {"aime2024", "aime2025", "aime2026"}
    assert aime | {"aimo2025", "gpqa_diamond", "math500", "gsm8k", "hmmt_feb_2025"} == set(TASKS)
    assert all(task.kind in KINDS for task in TASKS.values())
    assert [name for name, task in TASKS.items() if task.shuffle] == ["gpqa_diamond"]


def test_a_folder_that_is_not_there_is_no_reason_to_ask_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_DATA", "/no/where")
    with pytest.raises(DataError, match="PEERLEAP_DATA='/no/where': there is no such folder"):
        load("gsm8k")
