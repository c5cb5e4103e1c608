"""Runs in which only some paths are interrupted: the page and the live view show who was asked, and who read."""

import asyncio
from typing import Any

import pytest

from peerleap.cli.display.board import Board
from peerleap.cli.display.report import early_end
from peerleap.evals import Grader, PathResult, Problem
from peerleap.evals.records import path_record
from peerleap.viewer import recorded_run, run_rows
from tests.viewer.scripted import QUESTION, team_run


def one_differs(path: int, number: int) -> str:
    return "110" if path == 3 and number == 0 else "100"


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return team_run(one_differs, paths=4, rounds=4, talk="disagree")


def answers(rows: dict[str, Any]) -> dict[str, list[str]]:
    texts = [row["answer"] for row in rows["answers"]]
    return {path["name"]: [texts[n] for n in path["held"]] for path in rows["paths"]}


def test_the_matrix_has_what_paths_were_asked(run: dict[str, Any]) -> None:
    rows = run_rows(run)
    assert answers(rows) == {
        "solver_1": ["100"] * 3, "solver_2": ["100"] * 3, "solver_3": ["110", "100", "100"], "solver_4": ["100"] * 3,
    }  # fmt: skip
    first, second = rows["blocks"]
    assert list(first["routes"]) == ["solver_3"]
    assert set(first["probes"]) == {"solver_1", "solver_2", "solver_3", "solver_4"}
    assert (first["share"], first["stop"], second["share"], second["stop"]) == (0.75, None, 1.0, "agreement")
    assert (first["effects"], [change["path"] for change in rows["changes"]]) == (
        {"solver_3": "influenced"}, ["solver_3"],
    )  # fmt: skip
    assert early_end(run) == "ended early at LeaP block 2: 100% of the paths held '100'"


def test_the_records_and_the_live_view_hold_the_same(run: dict[str, Any]) -> None:
    async def lines() -> list[Any]:
        with Grader("peerleap") as grader:
            problem = Problem(id="q", question=QUESTION, answer="100", kind="math")
            results = [
                PathResult(
                    name, run["paths"][name]["status"], tuple(history), run["paths"][name]["answer"],
                    probes={one["round"]: one["probes"][name] for one in run["rounds"]},
                )
                for name, history in run["histories"].items()
            ]  # fmt: skip
            return [await path_record(one, problem, grader, run=0, method="leap", paths=4, meta={}) for one in results]

    records = asyncio.run(lines())
    assert answers(run_rows(recorded_run(records, QUESTION))) == answers(run_rows(run))
    assert sum(line.tokens.generated for line in records) == run["usage"]["generated"]
    assert sum(line.tokens.probe for line in records) == run["usage"]["probe"]
    board = Board(QUESTION)
    board.restore(run)
    assert board.tally(board.blocks[0]) == {"100": 3, "110": 1}
    assert [str(change) for change in board.changes] == [
        f"solver_3 changed 110 to 100, held by {run['rounds'][0]['routes']['solver_3'][0]}, after block 1"
    ]
