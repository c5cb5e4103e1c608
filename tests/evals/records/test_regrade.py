from dataclasses import replace
from pathlib import Path

import pytest

from peerleap.evals import Header, PathRecord, Records, RecordsError, Verdict, read_records
from peerleap.evals.records.regrade import main, regrade
from peerleap.evals.stats import Tokens

CONFIG = {"task": "t", "questions": 2, "method": "leap", "grader": "peerleap"}
SAID = Verdict(correct=True, extracted="4", how="integer, from prose")
PROSE = PathRecord("q0", 0, "leap", "solver_1", 2, "finished", SAID, Tokens(own=9), text="The answer is 4.",
                   meta={"gold": "4", "counted": True})  # fmt: skip
BOX = replace(
    PROSE, path="solver_2", text="So \\boxed{4}.", verdict=Verdict(correct=False, extracted="5", how="integer")
)
FAILED = replace(BOX, question="q1", path="solver_1", paths=1, outcome="failed")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with Records.open(tmp_path / "old.jsonl", Header(CONFIG)) as records:
        records.append([PROSE, BOX])
        records.append([FAILED])
    return tmp_path / "old.jsonl"


def test_what_paths_wrote_is_graded_by_todays_rules(old: Path, tmp_path: Path) -> None:
    assert regrade(old, tmp_path / "new.jsonl") == (3, 2)
    header, records = read_records(tmp_path / "new.jsonl")
    assert header.config == CONFIG
    assert [record.verdict.how for record in records] == ["no answer", "integer", "failed"]
    assert [record.verdict.correct for record in records] == [False, True, False]
    assert [replace(new, verdict=old.verdict) for new, old in zip(records, read_records(old)[1], strict=True)] == (
        read_records(old)[1]
    )
    with pytest.raises(RecordsError, match="is there already"):
        regrade(old, tmp_path / "new.jsonl")


def test_without_math_verify_the_command_says_what_installs_it(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Records.open(tmp_path / "maths.jsonl", Header(CONFIG)) as records:
        records.append([replace(PROSE, paths=1, text="\\boxed{x^2+1}", meta={"gold": "1+x^2", "kind": "math"})])
    monkeypatch.setattr("peerleap.evals.grading.math_pool.installed", lambda _: False)
    with pytest.raises(SystemExit, match=r"pip install 'peerleap\[evals\]'"):
        main([str(tmp_path / "maths.jsonl"), str(tmp_path / "new.jsonl")])


def test_the_command_says_what_changed(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(old), str(tmp_path / "new.jsonl")])
    assert "3 paths graded again, 2 of them judged otherwise" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="usage"):
        main([])
    with pytest.raises(SystemExit, match="No such file"):
        main([str(tmp_path / "gone.jsonl"), str(tmp_path / "x.jsonl")])
