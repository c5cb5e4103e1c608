"""inspect_ai over our runs: killed, retried, looked at, scored again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

SETTINGS = ["data=sums.jsonl", "paths=2", "interval=60", "rounds=1", "max_tokens=600", "summary_tokens=60"]
EVAL = ["eval", "inspect_task.py@scripted", *(part for setting in SETTINGS for part in ("-T", setting)),
        "--epochs", "2", "--max-samples", "3", "--log-buffer", "1"]  # fmt: skip


def start(folder: Path, *arguments: str, **env: str) -> "subprocess.Popen[str]":
    command = [str(Path(sys.executable).with_name("inspect")), *arguments, "--log-dir", "logs", "--display", "plain"]
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONHASHSEED": "0", "COLUMNS": "100", **env}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> str:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return out


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.is_file() else []


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, wait_until: Callable[..., None]) -> Path:
    """A folder with an eval that was killed in the middle, and retried to its end."""
    folder = tmp_path_factory.mktemp("inspect")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(4)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shutil.copy(Path(__file__).with_name("inspect_task.py"), folder)
    process = start(folder, *EVAL, SLOW="60")
    wait_until(lambda: len(lines(folder / "sums-leap.jsonl")) > 4 or process.poll() is not None, 200)
    os.killpg(process.pid, signal.SIGKILL)
    out, _ = process.communicate()
    assert 0 < len(lines(folder / "requests")) < 64, out
    (log,) = (folder / "logs").glob("*.eval")
    finish(start(folder, "eval-retry", str(log), "--log-buffer", "1"))
    return folder


def newest(folder: Path) -> Any:
    from inspect_ai.log import read_eval_log

    return read_eval_log(str(max((folder / "logs").glob("*.eval"))))


def test_a_killed_eval_is_retried_inside_its_questions(killed: Path) -> None:
    requests = lines(killed / "requests")
    # 4 questions x 2 runs x 2 paths x (thought, summary, thought, forced or ended): at most one a path is asked twice.
    assert len(requests) - len(set(requests)) <= 6
    assert not (killed / "sums-leap.jsonl.checkpoints").exists()
    log = newest(killed)
    assert log.status == "success"
    assert {(sample.id, sample.epoch) for sample in log.samples} == {(f"s{n}", run) for n in range(4) for run in (1, 2)}


def test_the_log_has_every_path_with_its_verdict_and_tokens(killed: Path) -> None:
    from peerleap.evals.report.results import Results

    kept, log = Results.read(killed / "sums-leap.jsonl"), newest(killed)
    assert {"python", "peerleap", "math-verify"} <= kept.versions.keys()
    assert len(log.samples) == 8
    # inspect_ai recovers a sample that was scored as the process was killed without its messages.
    silent = [sample for sample in log.samples if not sample.messages]
    assert len(silent) <= 3, "more than were in flight"
    for sample in (sample for sample in log.samples if sample.messages):
        paths = kept.paths[sample.id, sample.epoch - 1]
        told = [message for message in sample.messages if message.role == "assistant"]
        assert [message.metadata["path"] for message in told] == [path.path for path in paths]
        assert all("thinking about it" in message.text for message in told)
        kinds = {segment["kind"] for message in told for segment in message.metadata["segments"]}
        assert {"thought", "summary", "comment"} <= kinds
        score = sample.scores["per_path"]
        assert score.value["pass@1"] == sum(path.verdict.correct for path in paths) / 2
        assert score.value["generated"] == kept.generated((sample.id, sample.epoch - 1))
        assert [line["extracted"] for line in json.loads(score.explanation)] == [p.verdict.extracted for p in paths]
    means = {score.name: score.metrics["mean"].value for score in log.results.scores if score.metrics}
    assert means["pass@1"] == pytest.approx(kept.estimate("pass@1").value)


def test_a_sample_is_recovered_from_its_events_with_every_path(killed: Path) -> None:
    from inspect_ai.log._recover._reconstruct import _extract_messages_from_events

    whole = [sample for sample in newest(killed).samples if sample.messages]
    assert whole
    for sample in whole:
        messages, _ = _extract_messages_from_events(sample.events)
        assert [message.metadata["path"] for message in messages] == ["solver_1", "solver_2"]


def test_the_log_has_a_lane_a_path(killed: Path) -> None:
    from inspect_ai.event import InfoEvent, timeline_build

    for sample in (sample for sample in newest(killed).samples if sample.messages):
        root, found = timeline_build(sample.events).root, dict[str, Any]()
        spans = [root]
        while spans:
            span = spans.pop()
            found[span.name] = span
            spans += [node for node in span.content if node.type == "span"]
        assert {"solver_1", "solver_2"} <= found.keys()
        assert found["solver_1"].total_tokens() > 100
        blocks = [e for e in sample.events if isinstance(e, InfoEvent) and e.source == "leap_block"]
        assert {read["path"] for event in blocks for read in event.data["read"]} <= {"solver_1", "solver_2"}
        assert len(blocks) >= 1


def test_what_is_in_the_file_is_not_run_again(killed: Path) -> None:
    before = len(lines(killed / "requests"))
    finish(start(killed, *EVAL))
    assert len(lines(killed / "requests")) == before


def test_it_is_scored_again_without_generating(killed: Path) -> None:
    from inspect_ai.log import read_eval_log

    from peerleap.cli import inspect_tasks as tasks

    before = len(lines(killed / "requests"))
    log = max((killed / "logs").glob("*.eval"))
    finish(start(killed, "score", str(log), "--scorer", f"{tasks.__file__}@per_path", "--action", "append",
                 "--output-file", "scored.eval"))  # fmt: skip
    scored = read_eval_log(str(killed / "scored.eval"))
    for sample in scored.samples or []:
        first, again = (sample.scores or {}).values()
        assert first.value == again.value
    assert len(lines(killed / "requests")) == before


def test_the_viewer_gets_the_logs(killed: Path) -> None:
    from inspect_ai.log import bundle_log_dir

    bundle_log_dir(str(killed / "logs"), str(killed / "bundle"))
    listed = json.loads((killed / "bundle" / "logs" / "listing.json").read_text())
    assert {entry["task"] for entry in listed.values()} == {"sums-leap"}
    assert (killed / "bundle" / "index.html").is_file()


BAD = [
    ({"method": "leep"}, "method='leep' is not one of"),
    ({"data": "gone.jsonl"}, "'gone.jsonl': no such file"),
    ({"data": 2024}, "'2024' is not a data set"),
    ({"paths": "two"}, "paths='two': give a whole number from 1 to 1024"),
    ({"paths": True}, "paths=True: give a whole number"),
    ({"seed": 0.5}, "seed=0.5: give a whole number"),
    ({"data_seed": "x"}, "seed='x': give a whole number"),
    ({"topk": 4}, "'topk' is not a setting"),
    ({"router": "near"}, "router='near': input should be"),
    ({"tools": ["python", "pyton"]}, "--tools 'pyton': none of"),
    ({"communicate_at": [40, 20]}, "communicate_at=[40, 20]: give token counts"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_bad_arguments_get_one_clear_line(arguments: dict[str, Any], said: str, tmp_path: Path) -> None:
    from inspect_ai._util.error import PrerequisiteError
    from rich.text import Text

    from peerleap.cli import inspect_tasks as tasks

    (tmp_path / "sums.jsonl").write_text('{"id": "s", "question": "What is 2 + 2?", "answer": "4"}\n')
    with pytest.raises(PrerequisiteError) as caught:
        tasks.solve(**{"data": str(tmp_path / "sums.jsonl"), **arguments})
    told = Text.from_markup(str(caught.value.message)).plain
    assert told.startswith("peerleap: ")
    assert said in told
    assert "\n" not in told


def test_without_math_verify_no_model_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai._util.error import PrerequisiteError

    from peerleap.cli import inspect_tasks as tasks

    (tmp_path / "sums.jsonl").write_text('{"id": "s", "question": "What is 2 + 2?", "answer": "4"}\n')
    monkeypatch.setattr("peerleap.evals.grading.math_pool.installed", lambda _: False)
    monkeypatch.setattr(tasks, "get_engine", lambda *_: pytest.fail("a model was asked for"))
    with pytest.raises(PrerequisiteError) as caught:
        tasks.solve(data=str(tmp_path / "sums.jsonl"))
    assert "'math-verify' is not installed" in str(caught.value.message)


def test_options_are_shuffled_with_a_seed(tmp_path: Path) -> None:
    from peerleap.cli import inspect_tasks as tasks

    rows = [{"id": f"c{n}", "question": "Even?", "answer": "A", "choices": ["two", "one", "three"]} for n in range(9)]
    (tmp_path / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = tasks.solve(data=str(tmp_path / "letters.jsonl"), data_seed=42)
    assert {sample.target for sample in task.dataset} == set("ABC")


def test_a_bad_argument_prints_no_traceback(tmp_path: Path) -> None:
    process = start(tmp_path, "eval", "peerleap/solve", "-T", "data=gone.jsonl")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert out.split() == ["peerleap:", "'gone.jsonl':", "no", "such", "file"]


async def test_paths_that_write_the_same_answer_otherwise_vote_together() -> None:
    from inspect_ai.model import ChatMessageAssistant, ModelName
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState

    from peerleap.cli import inspect_tasks as tasks

    state = TaskState(
        model=ModelName("none/none"), sample_id="q", epoch=1, input="?", metadata={"kind": "math"},
        messages=[
            ChatMessageAssistant(content=f"\\boxed{{{answer}}}", metadata={
                "path": f"p{n}", "outcome": "finished", "counted": True, "tokens": {"own": 5}})
            for n, answer in enumerate((r"\frac{1}{2}", "0.5", "7", "7", r"\dfrac12"))
        ],
    )  # fmt: skip
    score = await tasks.per_path()(state, Target(r"\frac{1}{2}"))
    assert score is not None
    assert (score.value["pass@1"], score.value["cons@n"]) == (0.6, 1.0)


def test_the_package_names_its_tasks_to_inspect() -> None:
    import tomllib

    from peerleap.cli import inspect_tasks as tasks

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["inspect_ai"] == {"peerleap": tasks.__name__}
