"""What a fresh interpreter has loaded after each of some steps; a start costs seconds, so that all checks share one."""

import json
import os
import subprocess
import sys
from functools import cache

# In this order: what is loaded after a step includes what those before it have loaded.
STEPS = {
    "peerleap.cli.main": "import peerleap.cli.main",
    "peerleap.engine": "import peerleap.engine",
    "check_arguments": "from peerleap.engine.arguments import check_arguments; check_arguments({'dtype': 'auto'})",
    "peerleap.graph": "import peerleap.graph",
    "peerleap.evals": "import peerleap.evals",
    "Grader": r"""
from peerleap.evals import Grader
with Grader(workers=1) as grader:
    assert grader.check(r"\boxed{\sqrt8}", r"2\sqrt2", "math").correct
""",
}

_PROGRAM = """
import json, sys
for step, code in json.loads(sys.argv[1]).items():
    try:
        exec(code, {})
        failure = None
    except Exception as error:
        failure = repr(error)
    print(json.dumps([step, failure, sorted({module.partition(".")[0] for module in sys.modules})]))
"""


def loaded(step: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after one of `STEPS`, which must not have failed."""
    failure, packages = _run()[step]
    assert failure is None, f"{step}: {failure}"
    assert "peerleap" in packages
    return packages


@cache
def _run() -> dict[str, tuple[str | None, set[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(STEPS)],
        capture_output=True, text=True, timeout=240, check=True, env={**os.environ, "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    return {step: (failure, set(packages)) for step, failure, packages in map(json.loads, done.stdout.splitlines())}
