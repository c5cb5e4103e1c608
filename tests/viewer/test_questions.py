"""An eval's questions: rescued, spoiled, unchanged against the paired baseline; each opens as its runs."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from peerleap.evals import Grader, Header, PathResult, Problem, Records, RecordsError
from peerleap.evals.records import path_record
from peerleap.viewer import html_page, questions_document
from tests.viewer.browser import Page
from tests.viewer.scripted import QUESTION, team_run, wrong_answer_spreads
from tests.viewer.test_page import HOSTILE, head

RIGHT = {"rescued": "110", "spoiled": "100", "right": "110.0", "wrong": "7"}
"""Ids of the questions, and their right answers: the method elects 110, the baseline 100 but for the third."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Results of LeaP and of independent paths."""
    folder = tmp_path_factory.mktemp("records")
    leap = team_run(wrong_answer_spreads)
    alone = {answer: team_run(lambda _path, _number, a=answer: a, rounds=0) for answer in ("100", "110")}  # type: ignore[misc]

    async def write(method: str, file: Path) -> None:
        config = {"task": "sums", "data": "d", "method": method, "questions": 4, "model": "scripted", "paths": 3,
                  "settings": {"router": "dispersed"} if method == "leap" else {}}  # fmt: skip
        with Grader("peerleap") as grader, Records.open(file, Header(config)) as records:
            for name, gold in RIGHT.items():
                run = leap if method == "leap" else alone["110" if name == "right" else "100"]
                problem = Problem(id=name, question=QUESTION, answer=gold, kind="math")
                paths = [
                    PathResult(path, outcome["status"], tuple(run["histories"][path]), outcome["answer"])
                    for path, outcome in run["paths"].items()
                ]
                options: Any = {"run": 0, "method": method, "paths": 3, "meta": {"seconds": 1.5, "started": 1.0}}
                records.append([await path_record(path, problem, grader, **options) for path in paths])

    made = [folder / "leap.jsonl", folder / "independent.jsonl"]
    for file in made:
        asyncio.run(write(file.stem, file))
    return made


def test_each_question_is_rescued_spoiled_or_unchanged(files: list[Path]) -> None:
    found = json.loads(json.dumps(questions_document(files, {"spoiled": QUESTION}), allow_nan=False))
    assert (found["v"], found["kind"], found["baseline"]) == (1, "questions", 1)
    assert {row["question"]: row["outcomes"] for row in found["rows"]} == {
        name: [name, None] for name in ("rescued", "spoiled", "right", "wrong")
    }
    spoiled = next(row for row in found["rows"] if row["question"] == "spoiled")
    assert (spoiled["text"], spoiled["gold"]) == (QUESTION, "100")
    assert [(cell["answer"], cell["right"]) for cell in spoiled["files"]] == [("110", False), ("100", True)]
    assert spoiled["files"][0]["pass"] == pytest.approx(1 / 3)
    leap, alone = spoiled["runs"]
    assert (len(leap["blocks"]), len(alone["blocks"])) == (2, 0)
    assert leap["answers"][leap["gold"]]["answer"] == "100"


def test_one_file_has_no_baseline(files: list[Path]) -> None:
    found = questions_document(files[:1])
    assert found["baseline"] is None
    assert {row["question"]: row["outcomes"][0] for row in found["rows"]} == {
        "rescued": "right", "spoiled": "wrong", "right": "right", "wrong": "wrong",
    }  # fmt: skip


def test_what_has_no_room_is_left_out_last_of_all_what_changed(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = questions_document(files)
    most = max(len(json.dumps(row["runs"])) for row in whole["rows"])
    monkeypatch.setattr("peerleap.viewer.questions._ROOM", int(2.5 * most))
    page = head(html_page(questions_document(files)))
    assert {row["question"] for row in page["rows"] if row["runs"]} == {"rescued", "spoiled"}


def test_a_file_that_holds_no_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n")
    with pytest.raises(RecordsError):
        questions_document([tmp_path / "x.jsonl"])


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(node => node.textContent)")
    return found


def test_the_table_sorts_filters_and_opens_runs(page: Page, files: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "questions.html"
    file.write_text(html_page(questions_document(files, {"wrong": HOSTILE})))
    page.open(file)
    page.wait("document.querySelector('td.what')")
    assert texts(page, "button.outcome") == ["1rescued", "1spoiled", "1unchanged: right", "1unchanged: wrong"]
    assert {text.split()[0] for text in texts(page, "td.what")} >= {"rescued", "right", "spoiled"}
    assert HOSTILE.split()[0] in "".join(texts(page, "td.what"))
    page.run("document.querySelector('button.outcome.spoiled').click()")
    assert texts(page, "td.what") == ["spoiled"]
    page.run("document.querySelector('button.outcome.spoiled').click()")
    page.run("document.querySelectorAll('.questions th button')[4].click()")
    assert texts(page, "td.what")[0] == "rescued", "the largest gain first"
    assert texts(page, "td.what")[-1] == "spoiled"
    page.run("const i = document.querySelector('input'); i.value = 'spoil'; i.dispatchEvent(new Event('input'))")
    assert texts(page, "td.what") == ["spoiled"]
    page.run("document.querySelector('td.what button').click()")
    page.wait("document.querySelector('td.cell')")
    assert texts(page, "tr[data-p='2'] td.cell") == ["A110", "A110", "A110"]
    assert len(texts(page, "td.cell.right")) == 3
    page.key("Enter")
    page.wait("document.querySelector('dialog[open] .peer')")
    page.run("document.querySelector('dialog').close()")
    page.run("document.querySelector('nav button').click()")
    assert len(texts(page, "td.what")) == 1, "the filter stays"
    assert (len(page.requests), page.errors) == (1, [])
