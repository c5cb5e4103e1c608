"""How soon the command line says something: its first line, its help, and what it refuses."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_COMMAND = str(Path(sys.executable).with_name("peerleap"))
_RUNS = 5
_GOAL_MS = 500.0
_CASES = {
    "cli_first_line_ms": ("ask", "What is 2 + 2?"),
    "cli_help_ms": ("--help",),
    "cli_refusal_ms": ("ask", "--router", "nearest", "What is 2 + 2?"),
}


def _first_output(arguments: tuple[str, ...]) -> float:
    """Milliseconds from the start of the command to its first line on either output; then it is ended."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [_COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = time.perf_counter() - begin
    process.kill()
    process.communicate()
    if not line:
        raise RuntimeError(f"{_COMMAND} {' '.join(arguments)} has printed nothing")
    return 1000 * seconds


def run() -> dict[str, dict[str, Any]]:
    """The best of five starts each: what else the machine does is not the command's."""
    figures = {}
    for name, arguments in _CASES.items():
        _first_output(arguments)  # files are read from the disk once
        best = min(_first_output(arguments) for _ in range(_RUNS))
        figures[name] = {"value": best, "unit": "ms", "goal": f"<= {_GOAL_MS:.0f}", "ok": best <= _GOAL_MS}
    return figures
