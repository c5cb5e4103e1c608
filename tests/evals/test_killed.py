import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerleap.evals import PathRecord, read_records

SCRIPT = str(Path(__file__).with_name("killed_eval.py"))
KILLS = 3


def start(file: Path, notes: Path, speed: float, method: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0"}
    return subprocess.Popen([sys.executable, SCRIPT, str(file), str(notes), str(speed), method], env=environment)


def comparable(file: Path) -> dict[Any, PathRecord]:
    # What is attended to depends on what is cached.
    moment = {"started", "seconds", "earlier", "attended", "cached_tokens"}

    def timeless(values: Any) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key not in moment}

    return {
        (r.question, r.run, r.path): replace(
            r, meta=timeless(r.meta), segments=tuple(map(timeless, r.segments)), tokens=replace(r.tokens, cached=0)
        )
        for r in read_records(file)[1]
    }


def lines(notes: Path) -> list[str]:
    return notes.read_text().split() if notes.exists() else []


@pytest.mark.parametrize("method", ["leap", "rsa"])
def test_a_killed_eval_goes_on_inside_its_questions(method: str, tmp_path: Path) -> None:
    calm, killed, notes = tmp_path / "calm.jsonl", tmp_path / "killed.jsonl", tmp_path / "notes"
    assert start(calm, tmp_path / "calm_notes", 0, method).wait(timeout=200) == 0
    for kill in range(1, KILLS + 1):
        before = len(lines(notes))
        process = start(killed, notes, 400, method)
        deadline = time.monotonic() + 120
        while len(lines(notes)) < before + 30 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, f"the eval ended before kill {kill}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        if killed.exists():
            read_records(killed)  # never torn beyond repair
    assert start(killed, notes, 0, method).wait(timeout=200) == 0
    assert comparable(killed) == comparable(calm)
    spent = [record.meta["earlier"] for record in read_records(killed)[1] if "earlier" in record.meta]
    assert spent, "the time before a kill counts"
    assert all(0 < length < 200 for spans in spent for _, length in spans)
    repeated = sum(count - 1 for count in Counter(lines(notes)).values())
    # 3 questions of 3 paths are in flight; one round of a path is at most a thought, a box and a summary.
    assert repeated <= KILLS * 3 * 3 * 3
    assert not killed.with_name("killed.jsonl.checkpoints").exists()
