"""What is printed and written when a run is done."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from peerleap.cli.report import check_target, print_result, result_json, save

USAGE = {
    "prompt": 50, "thought": 60, "summary": 10, "answer": 5, "generated": 75, "inserted": 20, "requests": 4,
    "prefill": 400, "cached": 300,
}  # fmt: skip
PATH = {"peer": "solver", "status": "finished", "answer": "[red]4", "error": None, "usage": USAGE}


def result(**changes: Any) -> dict[str, Any]:
    return {
        "question": "2 + 2?",
        "answer": "[red]4",
        "votes": [{"answer": "[red]4", "votes": 1, "paths": ["solver_1"], "mean_tokens": 75.0}],
        "paths": {"solver_1": PATH},
        "rounds": [],
        "usage": USAGE,
        "settings": {"seed": 0},
        "histories": {"solver_1": [{"kind": "prompt", "token_ids": [1, 2]}]},
        **changes,
    }


def printed(given: dict[str, Any]) -> tuple[str, str]:
    out, messages = StringIO(), StringIO()
    print_result(given, Console(file=out, width=120), Console(file=messages, width=120))
    return out.getvalue(), messages.getvalue()


def test_only_the_answer_goes_to_the_output() -> None:
    out, messages = printed(result())
    assert out == "[red]4\n"
    assert "votes: '[red]4' 1" in messages
    assert "75 generated (60 thought, 10 summaries, 5 answers), 20 inserted" in messages
    assert "400 sent in 4 requests, 300 of them cached" in messages
    assert "75%" in messages


def test_an_answer_cannot_steer_the_terminal() -> None:
    out, messages = printed(result(answer="\x1b[2Jfour\x07\nor 4"))
    assert out == "[2Jfour\nor 4\n"
    assert "\x1b" not in messages


def test_no_answer() -> None:
    out, messages = printed(result(answer=None, votes=[], paths={"solver_1": {**PATH, "answer": None}}))
    assert out == ""
    assert "no path gave one" in messages
    assert "votes: none" in messages


def test_failed_path_says_why() -> None:
    empty = dict.fromkeys(USAGE, 0)
    failed = {**PATH, "status": "failed", "answer": None, "error": "EngineDead: gone", "usage": empty}
    _, messages = printed(result(paths={"solver_1": PATH, "solver_2": failed}))
    assert "EngineDead: gone" in messages


def test_printed_object_has_no_histories_and_the_file_has() -> None:
    assert set(result_json(result(), histories=False)) == {
        "question", "answer", "votes", "paths", "rounds", "usage", "settings",
    }  # fmt: skip
    assert result_json(result(), histories=True)["histories"]["solver_1"][0]["token_ids"] == [1, 2]


def test_save_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    save(result(), target)
    assert json.loads(target.read_text())["answer"] == "[red]4"
    assert list(tmp_path.iterdir()) == [target]


def test_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    with pytest.raises(ValueError, match="JSON"):
        save(result(rounds=[float("nan")]), target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_target_is_checked_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_target(Path("run.json"))
    check_target(tmp_path / "run.json")
    with pytest.raises(ValueError, match="no folder"):
        check_target(tmp_path / "nowhere" / "run.json")
    with pytest.raises(ValueError, match="this is a folder"):
        check_target(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match="cannot be written to"):
        check_target(Path("run.json"))
