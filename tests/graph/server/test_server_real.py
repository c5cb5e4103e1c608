"""The project's own configuration with the embedded model: vLLM starts inside the real server."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.usefixtures("vllm")]

QUESTION = {"question": "What is 3 plus 4?"}
CONTEXT = {"interval": 32, "max_tokens": 400, "rounds": 2}


def test_killed_and_resumed(serve: Any, restart: Any, tmp_path: Path) -> None:
    thread = str(uuid4())
    server = serve(tmp_path, scripted=False)
    server.client.threads.create(thread_id=thread)
    server.run_until_routed(thread, QUESTION, CONTEXT)
    assert "Blocking" not in server.log
    server, begun = restart(server, thread, scripted=False)
    server.go_on(thread)
    state = server.client.threads.get_state(thread)
    assert state["next"] == []
    # A path that an error had ended would be told as failed.
    assert {path["status"] for path in state["values"]["paths"].values()} <= {"finished", "forced"}
    ended = server.written(thread)
    assert {key: history[: len(begun[key])] for key, history in ended.items()} == begun

    result = server.rpc("/mcp", "tools/call", name="leap_answer", arguments=QUESTION)
    assert not result.get("isError")
    assert "'votes':" in result["content"][0]["text"]
    assert "Blocking" not in server.log
