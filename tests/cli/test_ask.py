"""The whole command on a scripted model: what goes where, pipes, signals."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from peerleap.cli.interrupt import run_until_interrupted

Start = Callable[..., "subprocess.Popen[str]"]
FAST = 10_000.0
ASK = ("ask", "-n", "3", "--interval", "40", "--rounds", "1", "--task", "math", "--max-tokens", "4000")


def test_json_is_one_object_and_the_log_is_elsewhere(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    process = start(*ASK, "--json", "--save", str(file), "What is 2 + 2?", scripted=FAST)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    printed = json.loads(out)
    assert out.count("\n") == 1
    assert set(printed) == {"question", "answer", "votes", "paths", "rounds", "usage", "settings"}
    assert printed["answer"] == "é4"
    assert printed["votes"][0]["votes"] == 3
    assert "starting the engine" in err
    assert "LeaP block 1" in err
    assert "\x1b" not in err
    saved = json.loads(file.read_text())
    histories = saved.pop("histories")
    assert saved == printed
    assert set(histories) == set(printed["paths"])
    assert all(segment["token_ids"] for history in histories.values() for segment in history)


def test_file_that_cannot_be_written_in_the_end_costs_no_answer(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    process = start(*ASK, "--save", str(folder / "run.json"), "What is 2 + 2?", scripted=FAST / 20)
    assert process.stderr is not None
    assert "starting the engine" in process.stderr.readline()
    folder.rmdir()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "é4\n"), err
    assert "Traceback" not in err
    assert f"\npeerleap: --save {str(folder / 'run.json')!r}: " in err


def test_answer_alone_goes_to_the_output(start: Start) -> None:
    process = start(*ASK, "What is 2 + 2?", scripted=FAST)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "é4\n"), err
    assert "votes: 'é4' 3" in err


def test_question_from_the_input(start: Start) -> None:
    process = start(*ASK, "-", scripted=FAST)  # an empty input
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "question=''" in err


@pytest.mark.parametrize("flag", ["--json", "--seed=1"])
def test_output_that_nobody_reads(start: Start, flag: str) -> None:
    process = start(*ASK, flag, "What is 2 + 2?", scripted=FAST)
    assert process.stdout is not None
    process.stdout.close()  # as `| true`
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_output_in_an_ascii_locale(start: Start) -> None:
    process = start(*ASK, "--json", "What is 2 + 2?", scripted=FAST, env={"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["answer"] == "é4"


def test_ctrl_c(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    process = start(*ASK, "--json", "--save", str(file), "What is 2 + 2?", scripted=1.0)
    assert process.stderr is not None
    assert "starting the engine" in process.stderr.readline()
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "peerleap: stopped"
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


_OTHER_THREAD = """
import asyncio, os, signal, threading, time
from peerleap.cli.interrupt import run_until_interrupted
def press():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(60)
threading.Thread(target=press, daemon=True).start()
try:
    run_until_interrupted(asyncio.sleep(60))
except KeyboardInterrupt:
    print("stopped", flush=True)
os._exit(0)
"""


def test_ctrl_c_that_another_thread_gets(child_env: dict[str, str]) -> None:
    """The system may give a signal to any thread; `asyncio.run` would sleep on."""
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_THREAD], env=child_env, capture_output=True, text=True, timeout=40, check=False
    )
    assert done.stdout == "stopped\n", done.stderr


def test_ctrl_c_inside_python(child_env: dict[str, str]) -> None:
    """What was cancelled by somebody else is not taken for Ctrl-C."""

    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_until_interrupted(gives_up())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_log_has_a_time_on_each_line(start: Start) -> None:
    process = start(*ASK, "--json", "What is 2 + 2?", scripted=FAST)
    _, err = process.communicate(timeout=120)
    assert all(re.match(r"\[ *\d+\.\d s\] ", line) for line in err.splitlines())
