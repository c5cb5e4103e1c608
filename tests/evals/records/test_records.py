import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from peerleap.evals import Header, PathRecord, Records, RecordsError, Verdict, read_records
from peerleap.evals.stats import Tokens, question_metrics

HEADER = Header(
    config={"model": "tiny", "settings": {"temperature": 0.6, "interval": 4096}, "seed": 0},
    versions={"peerleap": "0.1.0"},
    hardware={"cpu": 2},
)


def paths(question: str, run: int = 0, n: int = 3, text: str = "so 2") -> list[PathRecord]:
    verdict = Verdict(correct=True, extracted="2", how="integer")
    return [
        PathRecord(
            question=question,
            run=run,
            method="leap",
            path=f"solver_{index}",
            paths=n,
            outcome="finished",
            verdict=verdict,
            tokens=Tokens(10, 2, 3, 20, 15),
            segments=({"kind": "thought", "tokens": 10},),
            aha={"laser": 1},
            text=text,
        )
        for index in range(n)
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "run" / "paths.jsonl"
    with Records.open(file, HEADER) as records:
        records.append(paths("a"))
        # Half a surrogate pair, a line separator and a newline: all of it comes from models.
        records.append(paths("b", text="x\ud83d y\u2028z\n\x85"))
        assert records.done == {("a", 0, "leap"), ("b", 0, "leap")}
    header, read = read_records(file)
    assert header == HEADER
    assert read == [*paths("a"), *paths("b", text="x\ud83d y\u2028z\n\x85")]
    assert question_metrics([record.graded for record in read])["tokens_own"] == 10.0


def test_a_run_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    with Records.open(file, HEADER) as records:
        records.append(paths("a"))
    moved = replace(HEADER, hardware={"gpu": 1})
    with Records.open(file, moved) as records:
        assert records.done == {("a", 0, "leap")}
        assert records.dropped == 0
        records.append(paths("a", run=1))
        with pytest.raises(RecordsError, match=r"\('a', 0, 'leap'\) is already in"):
            records.append(paths("a"))
    assert '"resumed":{"hardware":{"gpu":1}' in file.read_text()
    assert len(read_records(file)[1]) == 6


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    Records.open(file, HEADER).close()
    before = file.read_bytes()
    other = replace(HEADER, config={**HEADER.config, "model": "large", "top_k": 4})
    with pytest.raises(RecordsError, match="model='tiny' there, 'large' here, top_k=None there, 4 here"):
        Records.open(file, other)
    assert file.read_bytes() == before


@pytest.mark.parametrize("cut", range(1, 700, 23))
def test_any_torn_end_is_dropped(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "paths.jsonl"
    with Records.open(file, HEADER) as records:
        records.append(paths("a"))
        whole = file.stat().st_size
        records.append(paths("b"))
    content = file.read_bytes()
    file.write_bytes(content[:-cut])
    assert [record.question for record in read_records(file)[1]] == ["a"] * 3
    with Records.open(file, HEADER) as records:
        assert records.done == {("a", 0, "leap")}
        assert (records.dropped, file.stat().st_size) == (len(content) - cut - whole, whole)
        records.append(paths("b"))
    assert file.read_bytes() == content


def test_a_torn_header_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    Records.open(file, HEADER).close()
    content = file.read_bytes()
    for cut in (0, 1, 2, 40, len(content) - 1):
        file.write_bytes(content[:cut])
        Records.open(file, HEADER).close()
        assert file.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"my notes",
        b"my notes\n",
        b"{}\n",
        b'{"id": 1}\n',
        b"[1]\n",
        b'{"peerleap_records": 9}\n',
        b'{"peerleap_records": 1}\n',
        b'{"answer":"4"}',
        b'{"answer":"4", "cut',
        b'{"config":{}}',
        b'{"config": {"a"',
        b"{}",
        b"[1]",
        b"4",
    ],
)
def test_a_strangers_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_bytes(content)
    with pytest.raises(RecordsError, match="not a records file"):
        Records.open(file, HEADER)
    assert file.read_bytes() == content


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    with Records.open(file, HEADER) as records:
        records.append(paths("a"))
        records.append(paths("b"))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], b'{"question":\n', *lines[3:]]))
    with pytest.raises(RecordsError, match=r"paths.jsonl:3: damaged"):
        Records.open(file, HEADER)
    file.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    with pytest.raises(RecordsError, match=r":4: \('a', 0, 'leap'\) has 2 of its 3 paths"):
        Records.open(file, HEADER)
    file.write_bytes(b"".join([*lines, *lines[1:4]]))
    with pytest.raises(RecordsError, match=r":10: \('a', 0, 'leap'\) is in it twice"):
        read_records(file)
    file.write_bytes(lines[0].replace(b"tiny", b"tony") + b"".join(lines[1:]))
    with pytest.raises(RecordsError, match="the header was edited"):
        Records.open(file, HEADER)


def test_incomplete_and_mixed_groups_are_refused(tmp_path: Path) -> None:
    records = Records.open(tmp_path / "paths.jsonl", HEADER)
    with pytest.raises(RecordsError, match="2 paths here, but paths=3"):
        records.append(paths("a")[:2])
    with pytest.raises(RecordsError, match="exactly one question's run"):
        records.append([*paths("a"), *paths("b")])
    with pytest.raises(RecordsError, match="exactly one question's run"):
        records.append([])
    with pytest.raises(RecordsError, match="each with its own name"):
        records.append([paths("a")[0]] * 3)
    records.close()
    with pytest.raises(RecordsError, match="is closed"):
        records.append(paths("a"))


def test_the_same_data_by_another_path_is_the_same_configuration(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    first = replace(HEADER, config={**HEADER.config, "task": "sums.jsonl", "data": "1f"})
    with Records.open(file, first) as records:
        made = records.config_hash
        records.append(paths("a"))
    with Records.open(file, replace(first, config={**first.config, "task": "./sums.jsonl"})) as records:
        # Checkpoints are found under the hash that they were made with.
        assert records.config_hash == made
        assert records.done == {("a", 0, "leap")}
    with pytest.raises(RecordsError, match="another configuration"):
        Records.open(file, replace(first, config={**first.config, "task": "other.jsonl", "data": "2f"}))


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    with Records.open(file, HEADER), pytest.raises(RecordsError, match="being written by another process"):
        Records.open(file, HEADER)
    Records.open(file, HEADER).close()


CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from test_records import HEADER, paths
from peerleap.evals import Records
records = Records.open(sys.argv[1], HEADER)
for number in range(len(records.done), 100_000):
    records.append(paths(f"q{number}", n=8, text="x" * 3000))
    print(number, flush=True)
"""


def test_an_interrupt_in_the_middle_of_writing_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_file: int) -> None:
        raise KeyboardInterrupt

    with Records.open(tmp_path / "r.jsonl", HEADER) as records:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupted)
            with pytest.raises(KeyboardInterrupt):
                records.append(paths("q"))
        assert not records.done
        records.append(paths("q"))
        assert len(records.records) == 3


def test_after_kill_9_nothing_that_was_reported_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    reported = -1
    for kill in range(3):
        command = [sys.executable, "-c", CHILD, str(file), str(Path(__file__).parent)]
        environment = {**os.environ, "PYTHONSAFEPATH": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if int(line) >= 20 * (kill + 1):
                    break
            child.send_signal(signal.SIGKILL)
            last = [int(more) for more in [line, *child.stdout] if more.endswith("\n")][-1]
        reported = max(reported, last)
        done = {question for question, _, _ in _done(file)}
        assert {f"q{number}" for number in range(reported + 1)} <= done
        assert len(done) <= reported + 2
    assert len(read_records(file)[1]) % 8 == 0


def _done(file: Path) -> frozenset[tuple[str, int, str]]:
    with Records.open(file, HEADER) as records:
        return records.done
