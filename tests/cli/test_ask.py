"""`peerleap ask` on a scripted model: what goes where; as a process, pipes and signals."""

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
from typing import Any

import pytest

from peerleap.cli.interrupt import STOPPING, run_until_interrupted

Start = Callable[..., "subprocess.Popen[str]"]
Invoke = Callable[..., Any]
FAST = 10_000.0
ASK = ("ask", "-n", "3", "--interval", "40", "--rounds", "1", "--task", "math", "--max-tokens", "4000")
QUESTION = "What is 2 + 2?"


@pytest.mark.usefixtures("scripted")
def test_json_is_one_object_and_the_log_is_elsewhere(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    done = invoke(*ASK, "--json", "--save", str(file), QUESTION)
    assert done.exit_code == 0, done.stderr
    printed = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert set(printed) == {"question", "answer", "votes", "paths", "rounds", "usage", "settings"}
    assert printed["answer"] == "é4"
    assert printed["votes"][0]["votes"] == 3
    assert "starting the engine" in done.stderr
    assert "LeaP block 1" in done.stderr
    assert "\x1b" not in done.stderr
    assert all(re.match(r"\[ *\d+\.\d s\] ", line) for line in done.stderr.splitlines())
    saved = json.loads(file.read_text())
    histories = saved.pop("histories")
    assert saved == printed
    assert set(histories) == set(printed["paths"])
    assert all(segment["token_ids"] for history in histories.values() for segment in history)


@pytest.mark.usefixtures("scripted")
def test_answer_alone_goes_to_the_output(invoke: Invoke) -> None:
    done = invoke(*ASK, QUESTION)
    assert (done.exit_code, done.stdout) == (0, "é4\n"), done.stderr
    assert "votes: 'é4' 3" in done.stderr
    assert done.stderr.endswith("answer:\n"), "the label ends its line where the answer goes elsewhere"


@pytest.mark.usefixtures("scripted")
def test_quiet_prints_the_answer_only(invoke: Invoke) -> None:
    done = invoke(*ASK, "-q", QUESTION)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "é4\n", "")


@pytest.mark.usefixtures("scripted")
def test_question_from_the_input(invoke: Invoke) -> None:
    assert json.loads(invoke(*ASK, "--json", "-", input="What is\n2 + 2?").stdout)["question"] == "What is\n2 + 2?"
    done = invoke(*ASK, "-", input="")
    assert done.exit_code == 2
    assert "question=''" in done.stderr


@pytest.mark.usefixtures("scripted")
def test_question_without_quotes_gets_a_hint(invoke: Invoke) -> None:
    done = invoke("ask", "How", "many", "primes?", "--paths", "2")
    assert done.exit_code == 2
    assert done.stderr == ("peerleap: question='How' and 2 more words: quote it: peerleap ask 'How many primes?'\n")


@pytest.mark.usefixtures("scripted")
def test_output_in_an_ascii_locale(invoke: Invoke) -> None:
    done = invoke(*ASK, "--json", QUESTION, charset="ascii")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["answer"] == "é4"


@pytest.mark.usefixtures("scripted")
def test_question_that_is_no_text(invoke: Invoke) -> None:
    """An argument may hold any bytes."""
    done = invoke("ask", "--json", "-n", "1", b"caf\xe9".decode(errors="surrogateescape"))
    assert done.exit_code == 0, done.stderr
    assert '"question": "caf?"' in done.stdout


def test_file_that_cannot_be_written_in_the_end_costs_no_answer(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    process = start(*ASK, "--save", str(folder / "run.json"), QUESTION, scripted=FAST / 20)
    read_until(process, "starting the engine")
    folder.rmdir()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "é4\n"), err
    assert "Traceback" not in err
    assert f"\npeerleap: --save {str(folder / 'run.json')!r}: " in err


@pytest.mark.parametrize("flag", ["--json", "--seed=1"])
def test_output_that_nobody_reads(start: Start, flag: str) -> None:
    process = start(*ASK, flag, QUESTION, scripted=FAST)
    assert process.stdout is not None
    process.stdout.close()  # as `| true`
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def read_until(process: "subprocess.Popen[str]", word: str) -> None:
    """Read the error output up to the line that holds the word."""
    stream = process.stderr
    assert stream is not None
    for line in iter(stream.readline, ""):
        if word in line:
            return
    pytest.fail(f"no line with {word!r}")


def test_ctrl_c_says_at_once_that_it_stops(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    process = start(*ASK, "--json", "--save", str(file), QUESTION, scripted=1.0)
    read_until(process, "starting the engine")
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    lines = err.splitlines()
    assert lines[-2].endswith(STOPPING)
    assert lines[-1] == "peerleap: stopped"
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

_AGAIN = """
import asyncio, os, signal, time
from peerleap.cli.interrupt import run_until_interrupted
async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            os.kill(os.getpid(), signal.SIGINT)
run_until_interrupted(stubborn(), lambda text: print(text, flush=True))
"""


def test_ctrl_c_that_another_thread_gets(child_env: dict[str, str]) -> None:
    """The system may give a signal to any thread; `asyncio.run` would sleep on."""
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_THREAD], env=child_env, capture_output=True, text=True, timeout=40, check=False
    )
    assert done.stdout == "stopped\n", done.stderr


def test_ctrl_c_again_leaves_at_once(child_env: dict[str, str]) -> None:
    """Whatever the run still does: here, it refuses to be cancelled."""
    process = subprocess.Popen(
        [sys.executable, "-c", _AGAIN], env=child_env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, f"{STOPPING}\n")


def test_ctrl_c_inside_python() -> None:
    """What was cancelled by somebody else is not taken for Ctrl-C."""

    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_until_interrupted(gives_up())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("scripted")
def test_an_early_end_is_said(invoke: Invoke) -> None:
    asks = ("ask", "-n", "3", "--interval", "40", "--rounds", "5", "--task", "math", "--max-tokens", "4000")
    done = invoke(*asks, "--talk", "probe", QUESTION)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("one, two, three.")
    assert re.search(r"LeaP block 1: solver_2 would answer 'one, two, [a-z, .]+…'", done.stderr)
    assert "LeaP block 2: no path is interrupted; the paths agree, so the run ends here" in done.stderr
    assert "ended early at LeaP block 2: 100% of the paths held 'one, two, three." in done.stderr
    assert re.search(r"\d+ answers, \d+ probes\),\s+\d+\s+inserted", done.stderr)
    wrong = invoke(*asks, "--talk", "never", QUESTION)
    assert wrong.exit_code == 2
    assert "talk='never': input should be 'always', 'disagree', 'novel', 'probe' or 'off'" in wrong.stderr
