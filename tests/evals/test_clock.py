"""The time that a question took counts across a kill."""

import json
import os
import time
from pathlib import Path

from peerleap.engine import ScriptedEngine
from peerleap.evals import Grader, Header, PathRecord, Problem, Records, Verdict
from peerleap.evals.clock import Clock
from peerleap.evals.methods import MethodConfig, method_options
from peerleap.evals.plan import Plan
from peerleap.evals.question import Questions
from peerleap.evals.report.results import Results
from peerleap.evals.stats import Tokens


def killed(checkpoint: Path, started: float, reached: float) -> None:
    """What a process leaves that began at `started`, and whose last checkpoint was at `reached`."""
    clock = Clock(checkpoint)
    noted = checkpoint.with_name(f"{checkpoint.name}.clock")
    noted.write_text(json.dumps({**json.loads(noted.read_text()), "started": started}))
    for end in ("", "-wal"):
        file = checkpoint.with_name(checkpoint.name + end)
        file.touch()
        os.utime(file, (reached, reached))
    assert clock.seconds < 100


def test_what_killed_processes_spent_adds_up_to_the_last_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "folder" / "q.sqlite"
    assert Clock(checkpoint).earlier == []
    killed(checkpoint, 1000.0, 1060.5)
    killed(checkpoint, 2000.0, 2030.0)
    last = Clock(checkpoint)
    assert last.earlier == [(1000.0, 60.5), (2000.0, 30.0)]
    assert last.started > 10**9
    assert 0 <= last.seconds < 5


def test_a_process_that_reached_no_checkpoint_spent_nothing_that_counts(tmp_path: Path) -> None:
    checkpoint = tmp_path / "q.sqlite"
    Clock(checkpoint)
    assert Clock(checkpoint).earlier == []
    (tmp_path / "q.sqlite.clock").write_text('{"started": 1')
    assert Clock(checkpoint).earlier == []


def test_wall_clock_has_the_time_before_the_kill_but_not_the_pause(tmp_path: Path) -> None:
    right = Verdict(correct=True, extracted="1", how="integer")
    with Records.open(tmp_path / "r.jsonl", Header({"method": "leap", "questions": 2})) as records:
        for question, meta in (
            ("a", {"started": 5000.0, "seconds": 10.0, "earlier": [[1000.0, 60.0]]}),
            ("b", {"started": 5000.0, "seconds": 20.0, "earlier": [[1030.0, 40.0]]}),
        ):
            records.append([PathRecord(question, 0, "leap", "p", 1, "finished", right, Tokens(), meta=meta)])
    read = Results.read(tmp_path / "r.jsonl")
    assert (read.seconds, read.lasted(("a", 0)), read.lasted(("b", 0))) == (90.0, 70.0, 60.0)


def test_a_budget_of_seconds_is_not_given_anew(tmp_path: Path) -> None:
    problem = Problem(id="q", question="?", answer="1", kind="integer")
    plan = Plan("t", [problem], "revise", MethodConfig(2, options=method_options("revise", {})), budget=90.0,
                unit="seconds")  # fmt: skip
    with Records.open(tmp_path / "r.jsonl", Header({"method": "revise"})) as records, Grader() as grader:
        questions = Questions(plan, ScriptedEngine(lambda *_: ""), records, grader)
        checkpoint = questions._checkpoint("q", 0)
        killed(checkpoint, 1000.0, 1060.0)
        assert questions._budget("q", 0, Clock(checkpoint)) == {"seconds": 30.0}


def test_time_passes(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "q.sqlite")
    time.sleep(0.01)
    assert clock.seconds >= 0.01
