"""What a careless hand types costs one line: no file is lost, nothing waits, and nothing is a traceback."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from peerleap.cli.errors import usage_errors
from peerleap.cli.listening_notes import listening_note
from peerleap.cli.main import app

Invoke = Callable[..., Any]
QUESTION = "What is 2 + 2?"
PRECIOUS = "hours of work\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with questions, a file that holds something else, a pipe, and JSON that is too deep."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))
    Path("sums.jsonl").write_text(json.dumps({"id": "s", "question": QUESTION, "answer": "4"}) + "\n")
    for name in ("a.jsonl", "b.jsonl", "smoke.jsonl"):
        Path(name).write_text(PRECIOUS)
    Path("deep.jsonl").write_text("[" * 100_000 + "\n")
    os.mkfifo("pipe")
    return tmp_path


def refused(invoke: Invoke, *arguments: str, code: int = 2) -> str:
    """The one line that refuses a command."""
    done = invoke(*arguments)
    assert done.exit_code == code, done.output
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert line.startswith("peerleap: ")
    assert line.isprintable()
    return str(line)


CLASHES = {
    "two outputs": (("ask", QUESTION, "--save", "new", "--html", "./new"), "--html 'new'"),
    "a link to the other": (("ask", QUESTION, "--save", "a.jsonl", "--html", "link"), "--html 'link'"),
    "the questions": (("eval", "sums.jsonl", "--html", "sums.jsonl"), "--html 'sums.jsonl'"),
    "the results of its own": (("eval", "sums.jsonl", "--out", "b.jsonl", "--report", "b.jsonl"), "--report 'b.jsonl'"),
    "results that are compared": (("compare", "a.jsonl", "b.jsonl", "--report", "a.jsonl"), "--report 'a.jsonl'"),
    "results by difficulty": (("compare", "b.jsonl", "--levels", "a.jsonl", "--html", "a.jsonl"), "--html 'a.jsonl'"),
    "traces": (("train", "select", "a.jsonl", "--out", "a.jsonl"), "--out 'a.jsonl'"),
    "samples": (
        ("study", "beginnings", "sums.jsonl", "--samples", "b.jsonl", "--out", "b.jsonl"),
        "--samples 'b.jsonl'",
    ),
    "a listening test's questions": (("study", "listening", "sums.jsonl", "--out", "sums.jsonl"), "--out 'sums.jsonl'"),
}


@pytest.mark.parametrize("case", CLASHES)
def test_no_file_is_written_twice_or_over_what_is_read(invoke: Invoke, folder: Path, case: str) -> None:
    (folder / "link").symlink_to("a.jsonl")
    before = {path: path.read_bytes() for path in folder.glob("*.jsonl")}
    arguments, named = CLASHES[case]
    line = refused(invoke, *arguments)
    assert named in line
    assert "give another name" in line
    assert {path: path.read_bytes() for path in folder.glob("*.jsonl")} == before


def test_questions_of_a_smoke_run_replace_nothing(folder: Path) -> None:
    from peerleap.cli.train.rl_run import smoke_questions

    with pytest.raises(ValueError, match=r"--out 'smoke'.*'smoke\.jsonl', which holds something else"):
        smoke_questions(Path("smoke"))
    assert (folder / "smoke.jsonl").read_text() == PRECIOUS
    first = smoke_questions(Path("fresh"))
    assert smoke_questions(Path("fresh")) == first, "a run that goes on"
    assert not [*folder.glob(".*")]


@pytest.mark.parametrize("place", ["pipe", "/dev/null", "/dev/full"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "PLACE", "PLACE"),
        ("study", "types", "PLACE"),
        ("train", "select", "PLACE"),
        ("train", "select", "a.jsonl", "--out", "PLACE"),
        ("train", "show", "PLACE"),
    ],
    ids=" ".join,
)
def test_a_pipe_is_not_waited_for_and_a_device_not_read(invoke: Invoke, arguments: tuple[str, ...], place: str) -> None:
    line = refused(invoke, *(place if word == "PLACE" else word for word in arguments))
    assert place in line
    assert "a device or a pipe" in line


@pytest.mark.parametrize("arguments", [("compare", "deep.jsonl"), ("train", "show", "deep.jsonl")], ids=" ".join)
def test_json_that_is_too_deep_is_a_damaged_file(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    assert "deep.jsonl" in refused(invoke, *arguments)


@pytest.mark.parametrize("name", ["~nosuchuser/model", "m" * 5000], ids=["user", "length"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", QUESTION, "--model"),
        ("ask", QUESTION, "--thread", "t", "--model"),
        ("eval", "sums.jsonl", "--model"),
        ("models",),
        ("serve", "--port", "0", "--model"),
        ("ask", QUESTION, "--engine-arg"),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_a_model_that_no_folder_can_be(invoke: Invoke, arguments: tuple[str, ...], name: str) -> None:
    adapter = arguments[-1] == "--engine-arg"
    line = refused(invoke, *arguments, f"lora_path=/{name}" if adapter else name)
    assert ("lora_path=" if adapter else "model=") in line


def test_a_long_value_leaves_field_and_cure(invoke: Invoke) -> None:
    line = refused(invoke, "ask", QUESTION, "--router", "x" * 50_000)
    assert len(line) < 2000
    assert line.startswith("peerleap: router='xxx")
    assert "'hybrid'" in line
    assert len(refused(invoke, "ask", QUESTION, "--paths", "x" * 50_000)) < 2000


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOENT, 2), (errno.EACCES, 2), (errno.ENAMETOOLONG, 2), (errno.ENOSPC, 1)]
)
def test_what_the_system_says_is_a_line(number: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as raised, usage_errors():
        raise OSError(number, os.strerror(number), "file\x1b[2J")
    assert raised.value.exit_code == code
    assert capsys.readouterr().err == f"peerleap: 'file\\x1b[2J': {os.strerror(number)}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("study", "beginnings", "sums.jsonl", "--limit", "0"), "--limit 0"),
        (("eval", "sums.jsonl", "--method", "moa", "--option", "layers=" + "9" * 5000), "layers="),
        (("train", "miniature", "--minutes", "0"), "--minutes 0"),
        (("train", "miniature", "--minutes", "nan"), "--minutes nan"),
        (("train", "rl", "sums.jsonl", "--model", "miniature", "--lora-rank", "0"), "lora_rank=0"),
        (("train", "rl", "sums.jsonl", "--model", "miniature", "--reward", "own=true"), "--reward own=True"),
        (("serve", "--port", "0", "--server", "http://127.0.0.1:9", "--engine-arg", "dtype=half"), "'dtype'"),
        (("ask", QUESTION, "--team", "nowhere"), "team 'nowhere'"),
    ],
    ids=lambda part: part[-1][:20] if isinstance(part, tuple) else None,
)
def test_the_option_that_is_wrong_is_named(invoke: Invoke, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(invoke, *arguments)


ASK = ("ask", "-n", "2", "--interval", "40", "--rounds", "1", "--task", "math", "--max-tokens", "4000", QUESTION)


@pytest.mark.usefixtures("scripted")
def test_no_answer_is_lost_to_the_terminal(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(*ASK, charset="ascii").stdout == "\\xe94\n"
    monkeypatch.setenv("COLUMNS", "0")
    assert invoke(*ASK).stdout == "é4\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "peerleap", "--version"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "peerleap: the output cannot be written: No space left on device\n")


def test_damaged_notes_cost_no_answer(notes: Path) -> None:
    notes.parent.mkdir()
    notes.write_text(json.dumps({"org/model": {"verdict": "fine", "discrimination": ["x", None, 3], "paths": 4}}))
    assert listening_note("org/model") == "listening test, 4 paths: fine"


def commands(command: Any, path: str = "peerleap") -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    yield path, command
    for name, part in getattr(command, "commands", {}).items():
        yield from commands(part, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), [pytest.param(*found, id=found[0]) for found in commands(
    typer.main.get_command(app))])  # fmt: skip
def test_the_help_shows_no_python(path: str, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    shown = command.get_help(typer.Context(command, info_name=path))
    assert not re.search(r"--[\w-]+ .*<(bool|list\[)", shown), "flags have no value, and a list is typed one by one"
