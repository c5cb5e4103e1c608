"""The installed command on the embedded model, in processes of its own: each test costs a start of vLLM."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("vllm")]

Start = Callable[..., "subprocess.Popen[str]"]
ASK = ("ask", "--json", "-n", "2", "--interval", "32", "--max-tokens", "400", "--engine-arg", "max_model_len=2048")
QUESTION = "What is 3 plus 4?"
SUM = "What is 34 + 12 - 5 + 120 - 47 + 8?"  # one of the miniature's


def listen(process: "subprocess.Popen[str]") -> list[str]:
    """Lines of the process's error output, as they come."""
    lines = list[str]()
    stream = process.stderr
    assert stream is not None
    process.stderr = None

    def read() -> None:
        with stream:
            lines.extend(iter(stream.readline, ""))

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_one_question(start: Start, tmp_path: Path, engine_processes: Any) -> None:
    file = tmp_path / "run.json"
    process = start(*ASK, "--rounds", "2", "--save", str(file), SUM)
    out, err = process.communicate(timeout=800)
    assert process.returncode == 0, err
    printed = json.loads(out)
    assert out.count("\n") == 1
    assert set(printed["paths"]) == {"solver_1", "solver_2"}
    assert printed["usage"]["generated"] > 0
    assert printed["usage"]["cached"] > 0
    assert sum(vote["votes"] for vote in printed["votes"]) <= 2
    assert len(printed["rounds"]) >= 1
    assert "answer" in printed
    histories = json.loads(file.read_text())["histories"]
    assert all(segment["token_ids"] for history in histories.values() for segment in history)
    assert list(tmp_path.iterdir()) == [file]
    # The log is ours alone: no word of vLLM's, no warning, no escape code.
    assert all(line.startswith("[") for line in err.splitlines()), err
    assert "\x1b" not in err


@pytest.mark.parametrize("moment", ["starting", "running"])
def test_ctrl_c(start: Start, tmp_path: Path, wait_until: Any, engine_processes: Any, alive: Any, moment: str) -> None:
    process = start(*ASK, "--max-tokens", "1200", "--save", str(tmp_path / "run.json"), QUESTION)
    lines = listen(process)
    wait_until(lambda: engine_processes(process.pid) or process.poll() is not None, 300)
    assert process.poll() is None, "".join(lines)
    if moment == "running":
        wait_until(lambda: any("thinking, round 1" in line for line in lines), 400)
    else:
        time.sleep(1)
    processes = engine_processes(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    assert process.returncode == 130, "".join(lines)
    assert process.stdout is not None
    assert process.stdout.read() == ""
    wait_until(lambda: not alive(processes), 30)
    wait_until(lambda: any("stopped" in line for line in lines), 5)
    assert lines[-1] == "peerleap: stopped\n"
    assert "Traceback" not in "".join(lines)
    assert list(tmp_path.iterdir()) == []
