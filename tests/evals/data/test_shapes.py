import gzip
import json
import logging
import sys
from pathlib import Path

import pytest

from peerleap.evals import DataError, Grader, MissingExtra, load
from peerleap.evals.data import Problem, check_golds
from peerleap.evals.data.problems import shown
from peerleap.evals.data.shape_cases import ShapeCase, page, shape_cases

ROOT = Path(__file__).resolve().parents[3]
ROW = {"id": "q1", "question": "What is 1+1?", "answer": 2}


def named(case: ShapeCase) -> str:
    return f"{case.group}/{case.name}"


@pytest.mark.parametrize("case", shape_cases(), ids=named)
def test_every_shape_is_read_or_refused_with_one_line(case: ShapeCase, tmp_path: Path) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.text.encode(case.encoding))
    if case.says:
        with pytest.raises(DataError) as refused:
            load(str(path))
        message = str(refused.value)
        assert case.says in message
        assert message.startswith(str(path))
        assert "\n" not in message
        assert len(message) < len(str(path)) + 300
        return
    problem = load(str(path))[0]
    choices = None if problem.choices is None else list(problem.choices)
    assert (problem.question, problem.answer, problem.kind, choices) == (
        case.question, case.answer, case.kind, case.choices,
    )  # fmt: skip
    assert case.id in {None, problem.id}
    with Grader() as grader:
        check_golds([problem], grader)


def test_the_page_is_made_from_the_cases() -> None:
    assert (ROOT / "docs" / "data.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.json.gz", "x.csv.gz"])
def test_gzip_is_read(name: str, tmp_path: Path) -> None:
    text = {"x.jsonl.gz": json.dumps(ROW), "x.json.gz": json.dumps([ROW]), "x.csv.gz": "id,question,answer\nq1,a,2"}
    (tmp_path / name).write_bytes(gzip.compress(text[name].encode()))
    assert load(str(tmp_path / name))[0].id == "q1"
    (tmp_path / name).write_bytes(b"no gzip")
    with pytest.raises(DataError, match="damaged, or not gzip"):
        load(str(tmp_path / name))
    (tmp_path / name).write_bytes(gzip.compress(text[name].encode())[:-9])
    with pytest.raises(DataError, match="damaged, or not gzip"):
        load(str(tmp_path / name))


def test_parquet_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"question": "Even?", "choices": {"text": ["1", "2"], "label": ["A", "B"]}, "answerKey": "B"}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "arc.parquet")
    (problem,) = load(str(tmp_path / "arc.parquet"))
    assert (problem.id, problem.answer, problem.choices) == ("arc-0000", "B", ("1", "2"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="damaged, or not parquet"):
        load(str(tmp_path / "bad.parquet"))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="pyarrow"):
        load(str(tmp_path / "arc.parquet"))


def test_a_missing_cell_of_a_parquet_file_is_no_option_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    row = {"question": "Even?", "option1": "1", "option2": "2", "option3": float("nan"), "answer": "2"}
    parquet.write_table(arrow.Table.from_pylist([{**row, "__index_level_0__": "x"}]), tmp_path / "nan.parquet")
    with caplog.at_level(logging.WARNING):
        assert load(str(tmp_path / "nan.parquet"))[0].choices == ("1", "2")
    assert not caplog.records
    parquet.write_table(arrow.Table.from_pylist([{"question": "?", "answer": float("nan")}]), tmp_path / "gold.parquet")
    with pytest.raises(DataError, match="row 1: field 'answer' is missing"):
        load(str(tmp_path / "gold.parquet"))
    letters = arrow.array([[("A", "1"), ("B", "2")]], arrow.map_(arrow.string(), arrow.string()))
    table = arrow.table({"question": ["Even?"], "choices": letters, "answer": ["B"]})
    parquet.write_table(table, tmp_path / "map.parquet")
    assert load(str(tmp_path / "map.parquet"))[0].choices == ("1", "2")


def test_a_part_of_a_data_set_that_the_hub_server_sent_is_called_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "part.json"
    path.write_text(json.dumps({"rows": [{"row_idx": 0, "row": ROW, "truncated_cells": []}], "num_rows_total": 1319}))
    with caplog.at_level(logging.WARNING):
        load(str(path))
    assert [record.message for record in caplog.records] == [f"{path}: 1 of the 1319 rows that the data set has"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("deep.jsonl", '{"id":1,"question":"q","answer":1,"meta":' + "[" * 100_000 + "]" * 100_000 + "}", "too deeply"),
        ("deep.json", "[" * 100_000, "too deeply"),
        ("deep.csv", 'id,question,answer,meta\n1,q,1,"' + "[" * 100_000 + '"\n', "too deeply"),
        ("deep2.csv", 'id,question,answer,choices\n1,q,1,"' + "[" * 100_000 + '"\n', "is not a list of texts"),
        ("huge.jsonl", '{"id":1,"question":"q","answer":' + "9" * 5000 + "}", "not JSON"),
        ("long.jsonl", '{"id":1,"question":"q","answer":' + "9" * 2000 + "}", "over 1,000 digits"),
        ("huge.csv", 'id,question,answer,meta\n1,q,1,"' + "9" * 5000 + '"\n', "is not JSON"),
        ("array.jsonl", json.dumps([{"id": 1, "question": "x" * 9000, "answer": [1, 2]}]), "is a list"),
        ("field.csv", "id,question,answer\n1," + "q" * 200_000 + ",2\n", "not CSV"),
    ],
)
def test_no_file_breaks_the_reader_or_fills_the_terminal(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says) as refused:
        load(str(tmp_path / name))
    assert len(str(refused.value)) < 500


def test_a_long_value_is_cut_in_a_message() -> None:
    assert len(shown("x" * 10_000)) < 100
    assert len(shown([{"a": "x" * 10_000}] * 100)) < 100


def test_a_column_that_is_not_used_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({**ROW, "teacher": "Bob", "url": "https://example.org"}))
    with caplog.at_level(logging.WARNING):
        load(str(path))
    assert [record.message for record in caplog.records] == [f"{path}: not used: 'teacher'"]


def test_hub_rows_in_the_data_folder_are_read_in_any_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_DATA", str(tmp_path))
    (tmp_path / "aime2024.json").write_text(
        json.dumps([{"id": 60, "problem": "a?", "solution": "25", "answer": "025", "url": "u", "year": "2024"}])
    )
    (tmp_path / "math500.csv").write_text("problem,solution,answer,subject,level,unique_id\na?,s,2,Algebra,1,test/x\n")
    (tmp_path / "gsm8k.jsonl.gz").write_bytes(gzip.compress(b'{"question": "a?", "answer": "<<3+4=7>>7\\n#### 7"}\n'))
    assert [load(task)[0].answer for task in ("aime2024", "math500", "gsm8k")] == ["025", "2", "7"]
    assert load("math500")[0].kind == "math"


def test_gold_answers_that_do_not_grade_themselves_right_are_refused() -> None:
    good = Problem("a", "?", "4", "integer")
    long = Problem("b", "?", "9" * 1500, "math")
    with Grader() as grader:
        check_golds([good], grader)
        with pytest.raises(DataError, match=r"^1 of 2 gold answers .* of question 'b' \(kind 'math': too long\)$"):
            check_golds([good, long], grader)
