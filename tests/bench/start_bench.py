"""Time from an engine's start to its first token, over the time that `import vllm` alone takes, on warm files.

Each is measured in a process of its own, in turns, so that a busy machine slows both; the medians count.
"""

import statistics
import subprocess
import sys
import time
from typing import Any

_GOAL = 2.0
_TURNS = 3
_IMPORT = "import vllm"
_START = """
import asyncio
from peerleap.engine import SamplingParams, VLLMEngine

if __name__ == "__main__":
    engine = VLLMEngine(max_model_len=512)
    asyncio.run(engine.generate([1, 2, 3], SamplingParams(max_tokens=1)))
    print("first token", flush=True)
    engine.close()
"""


def run() -> dict[str, dict[str, Any]]:
    _first_token()  # reads the files once
    turns = [(_seconds(_IMPORT), _first_token()) for _ in range(_TURNS)]
    ratio = statistics.median(starting / importing for importing, starting in turns)
    starting = statistics.median(starting for _, starting in turns)
    return {
        "engine_start_over_import": {
            "value": ratio, "unit": "x import vllm", "goal": f"<= {_GOAL:g}", "ok": ratio <= _GOAL,
        },
        "engine_start_s": {"value": starting, "unit": "s", "goal": "-", "ok": True},
    }  # fmt: skip


def _seconds(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
    return time.perf_counter() - begun


def _first_token() -> float:
    begun = time.perf_counter()
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", _START], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - begun
        process.communicate()
    if line != "first token\n":
        raise RuntimeError("the engine did not start")
    return seconds
