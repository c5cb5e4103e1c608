"""A team of its own, with tools, behind the server."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_team_with_a_sandbox(serve: Any, tmp_path: Path, context: Any) -> None:
    server = serve(tmp_path, env={"PEERLEAP_TEAM": "experts"})
    out = server.client.runs.wait(None, "leap", input={"question": "What is 2 + 2?"}, context=context)
    assert set(out["paths"]) == {"solver_1", "solver_2", "coder_1", "sceptic_1"}
    (called,) = (segment for segment in out["histories"]["coder_1"] if segment["kind"] == "tool")
    # Where the machine has no walls for a sandbox, the call is refused, and says so.
    assert called["tool"]["status"] == "ok" or "sandbox" in called["text"], called["text"]
    assert "Blocking" not in str(out)
    assert "[error" not in server.log
