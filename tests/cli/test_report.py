"""What is printed and written when a run is done."""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from peerleap.cli.display.report import check_target, print_result, result_json, save

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


def test_narrow_output_hides_no_name_and_no_number() -> None:
    messages = StringIO()
    paths = {f"solver_{number}": PATH for number in (1, 2)}
    print_result(result(paths=paths), Console(file=StringIO()), Console(file=messages, width=40))
    lines = messages.getvalue().splitlines()
    assert all(len(line) <= 40 for line in lines)
    for name in paths:
        (line,) = [line for line in lines if line.startswith(name)]
        assert line.split()[-4:] == ["65", "10", "20", "75%"]


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


def test_save_changes_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    target, link = tmp_path / "runs" / "1.json", tmp_path / "last.json"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    check_target(link)
    save(result(), link)
    assert link.is_symlink()
    assert json.loads(target.read_text())["answer"] == "[red]4"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.rglob("*")) == sorted([link, target.parent, target])


def test_saved_file_can_be_read_by_those_who_can_read_others(tmp_path: Path) -> None:
    (tmp_path / "other.json").touch()
    save(result(), tmp_path / "run.json")
    assert (tmp_path / "run.json").stat().st_mode == (tmp_path / "other.json").stat().st_mode


def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ValueError, match="device or a pipe"):
            check_target(target)


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
