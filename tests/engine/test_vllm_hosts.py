"""What becomes of the engine's processes when the program that started them ends, well or badly."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("vllm")]

# No `close`: what a person types into a first script.
SCRIPT = """
import asyncio, sys
from peerleap.engine import SamplingParams, get_engine

engine = get_engine(max_model_len=512)
done = asyncio.run(engine.generate(engine.tokenizer.encode("Hello"), SamplingParams(max_tokens=2, seed=0)))
print(len(done.token_ids), flush=True)
sys.stdin.readline()
"""


def host(script: Path, env: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


def guarded(tmp_path: Path) -> Path:
    head, body = SCRIPT.split("\nengine", 1)
    lines = ("engine" + body).splitlines()
    script = tmp_path / "host.py"
    script.write_text(head + '\nif __name__ == "__main__":\n' + "".join(f"    {line}\n" for line in lines))
    return script


def test_normal_end_without_close(
    tmp_path: Path, child_env: dict[str, str], wait_until: Any, engine_processes: Any, alive: Any
) -> None:
    with host(guarded(tmp_path), child_env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        processes = engine_processes(process.pid)
        assert processes
        _, err = process.communicate("\n", timeout=120)
    assert process.returncode == 0
    assert err == ""
    wait_until(lambda: not alive(processes), 10)


def test_killed_host_takes_its_engine_along(
    tmp_path: Path, child_env: dict[str, str], wait_until: Any, engine_processes: Any, alive: Any
) -> None:
    with host(guarded(tmp_path), child_env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        processes = engine_processes(process.pid)
        assert processes
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not alive(processes), 20)


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_start_that_nobody_goes_on_with_ends_with_its_host(
    tmp_path: Path, child_env: dict[str, str], engine_processes: Any, alive: Any, seconds: float
) -> None:
    script = tmp_path / "host.py"
    script.write_text(f"""
import time
from peerleap.engine import VLLMEngine

if __name__ == "__main__":
    engine = VLLMEngine(max_model_len=512)
    engine.begin()
    time.sleep({seconds})
    print("begun", flush=True)
    input()
""")
    with host(script, child_env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        processes = engine_processes(process.pid)
        assert processes or not seconds
        _, err = process.communicate("\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    assert not alive(processes)


def test_program_without_a_main_guard_is_told_so(
    tmp_path: Path, child_env: dict[str, str], wait_until: Any, engine_processes: Any, alive: Any
) -> None:
    """Spawned processes import the program again: it ends with the cure, and not in a tree of processes."""
    script = tmp_path / "host.py"
    script.write_text(SCRIPT)
    with host(script, child_env) as process:
        seen = set[int]()

        def ended() -> bool:
            seen.update(engine_processes(process.pid))
            return process.poll() is not None

        wait_until(ended, 400)
        out, err = process.communicate("\n", timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "put what it runs under `if __name__ == '__main__':`" in err
    assert "EngineStartError: vLLM did not start" in err.splitlines()[-1]
    wait_until(lambda: not alive(seen), 20)
