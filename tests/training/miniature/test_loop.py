"""The training loop: it learns, goes on where it was stopped, and what it exports is the network that it trained."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from peerleap.training.miniature.export import export  # noqa: E402
from peerleap.training.miniature.loop import Plan, train  # noqa: E402
from peerleap.training.miniature.network import Llama, Shape  # noqa: E402
from peerleap.training.miniature.optimizer import orthogonal  # noqa: E402

SMALL: dict[str, Any] = {"width": 32, "layers": 2, "heads": 1, "hidden": 64, "batch": 1024, "workers": 1}


def weights(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "checkpoint.pt", weights_only=True)["model"])


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(Plan(6_000, **SMALL), tmp_path / "whole")
    output = capsys.readouterr().out
    assert "tokens" in output
    assert "loss" in output
    from peerleap.training.miniature import loop

    step = loop._Worker._step

    def stopping(worker: loop._Worker) -> None:
        step(worker)
        worker.stopped = worker.step == 2

    with monkeypatch.context() as patch:
        patch.setattr(loop._Worker, "_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(Plan(6_000, **SMALL), tmp_path / "parts")
    assert torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)["step"] == 2
    train(Plan(6_000, **SMALL), tmp_path / "parts")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_run_that_the_clock_has_ended_is_over(tmp_path: Path) -> None:
    plan = Plan(10**9, **SMALL, minutes=0.02)
    train(plan, tmp_path)
    ended = weights(tmp_path)
    train(plan, tmp_path)
    assert all(torch.equal(weight, weights(tmp_path)[name]) for name, weight in ended.items())
    tokens = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["tokens"]
    train(Plan(tokens + 1_000, **SMALL), tmp_path)  # more tokens and no clock: it goes on
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["tokens"] > tokens


@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGKILL])
def test_the_workers_end_with_their_host_and_save(
    tmp_path: Path, ended: signal.Signals, child_env: dict[str, str], wait_until: Any, engine_processes: Any, alive: Any
) -> None:
    plan = Plan(10**9, **{**SMALL, "workers": 2})
    script, log = tmp_path / "host.py", tmp_path / "log"
    script.write_text(
        "from pathlib import Path\n"
        "from peerleap.training.miniature import loop\n"
        "loop._REPORT_SECONDS = 0.1\n"
        f"if __name__ == '__main__': loop.train(loop.{plan}, Path({str(tmp_path / 'run')!r}))\n"
    )
    with log.open("w") as output:
        host = subprocess.Popen([sys.executable, str(script)], env=child_env, stdout=output, stderr=output)
    wait_until(lambda: "step 3" in log.read_text(), 120)
    workers = engine_processes(host.pid)
    assert len(workers) == plan.workers
    host.send_signal(ended)
    assert host.wait(60) != 0
    wait_until(lambda: not alive(workers), 60)
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] >= 3


def test_another_shape_is_refused(tmp_path: Path) -> None:
    train(Plan(1_000, **SMALL), tmp_path)
    with pytest.raises(ValueError, match="holds a run of another shape"):
        train(Plan(1_000, **{**SMALL, "width": 64, "heads": 2}), tmp_path)


def test_the_exported_folder_is_the_same_network(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    train(Plan(2_000, **SMALL), tmp_path / "run")
    folder = export(tmp_path / "run" / "checkpoint.pt", tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Solve it.\n\nQuestion: What is 1 + 2?\n"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert prompt == "<|im_start|>What is 1 + 2?\n<think>\n"
    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    ours = Llama(Shape(**state["shape"]))
    ours.load_state_dict({name: weight.bfloat16().float() for name, weight in state["model"].items()})
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        assert torch.allclose(ours.logits(ours(ids)), theirs(ids).logits, atol=1e-4)


def test_orthogonal_matrices_have_singular_values_near_one() -> None:
    made = orthogonal(torch.randn(3, 2, 16, 48, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.5
    assert values.max() < 1.3
