"""`peerleap serve`: what it says, whom it refuses, and how it ends."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from peerleap.engine import ScriptedEngine

Start = Callable[..., "subprocess.Popen[str]"]

ASK = {
    "model": "peerleap:paths=2,rounds=0",
    "messages": [{"role": "user", "content": "Count to three."}],
    "stream": True,
}


def ready(process: "subprocess.Popen[str]") -> str:
    """The address that a server prints when it is ready."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
    assert found, (line, process.communicate())
    return found[0]


def test_from_start_to_answer_to_ctrl_c(start: Start) -> None:
    process = start("serve", "--port", "0", scripted=5000)
    url = ready(process)
    assert process.stdout is not None
    curl = process.stdout.readline()
    assert curl.startswith(f"curl -N {url}/chat/completions ")
    shown = subprocess.run(["sh", "-c", f"{curl.strip()} -s"], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.endswith("data: [DONE]\n\n")
    assert json.loads(shown.stdout.splitlines()[-4].removeprefix("data: "))["leap"]["votes"] == {"é4": 4}
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[0].endswith("loading LangGraph and the model's tokenizer")
    assert "loading scripted" in errors
    assert "answered: 4 paths" in errors
    assert errors.splitlines()[-1] == "peerleap: stopped"
    assert "Traceback" not in errors


def test_sigterm_lets_a_running_answer_end_and_sends_others_away(start: Start) -> None:
    process = start("serve", "--port", "0", scripted=100)
    url = ready(process)
    with httpx.Client(timeout=60) as http, http.stream("POST", f"{url}/chat/completions", json=ASK) as answer:
        parts = answer.iter_text()
        assert "assistant" in next(parts)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "may finish within 30 s" not in (line := process.stderr.readline()):
            assert line
        with suppress(httpx.ConnectError):  # it listens no more, or is about to end
            assert httpx.post(f"{url}/chat/completions", json=ASK).status_code == 503
        rest = "".join(parts)
    assert rest.endswith("data: [DONE]\n\n")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("second", [True, False])
def test_who_does_not_end_in_time_gets_an_error(start: Start, second: bool) -> None:
    process = start("serve", "--port", "0", "--grace", "60" if second else "0.2", scripted=1)
    url = ready(process)
    with httpx.Client(timeout=60) as http, http.stream("POST", f"{url}/chat/completions", json=ASK) as answer:
        parts = answer.iter_text()
        assert "assistant" in next(parts)
        process.send_signal(signal.SIGTERM)
        if second:
            assert process.stderr is not None
            while "may finish within" not in (line := process.stderr.readline()):
                assert line
            process.send_signal(signal.SIGTERM)
        rest = "".join(parts)
    assert json.loads(rest.strip().removeprefix("data: "))["error"]["code"] == "server_stopping"
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_in_front_of_a_vllm_server(start: Start, serve_wire: Any) -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "one, two, three. So it is \\boxed{4}", tokens_per_second=100)
    upstream = serve_wire(engine, key="upstream-key")
    process = start("serve", "--port", "0", "--server", upstream.url, env={"PEERLEAP_API_KEY": "upstream-key"})
    url = ready(process)
    answer = httpx.post(f"{url}/chat/completions", json={**ASK, "stream": False}, timeout=60).json()
    assert answer["choices"][0]["message"]["content"] == "4"
    assert len({headers["x-session-id"] for headers, _ in upstream.requests}) == 2
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "upstream-key" not in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: whoever reaches this address"),
        (["--host", "256.0.0.1"], "--host 256.0.0.1"),
        (["--host", "203.0.113.7", "--api-key", "long-enough"], "--host 203.0.113.7"),
        (["--api-key", "short"], "API key number 1"),
        (["--paths", "0"], "paths=0"),
        (["--team", "paper", "--paths", "3"], "--paths"),
        (["--team", "nowhere.toml"], "nowhere.toml"),
        (["--paths-at-once", "0"], "paths_at_once=0"),
        (["--paths-per-key", "3"], "4 paths a request"),
        (["--queue", "-1"], "queue=-1"),
        (["--engine-arg", "paths=3"], "--paths"),
        (["--port", "70000"], "70000"),
    ],
)
def test_bad_usage_costs_one_line(invoke: Any, scripted: None, arguments: list[str], words: str) -> None:
    done = invoke("serve", "--port", "0", *arguments)
    assert done.exit_code == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("peerleap: ")
    assert words in last
    assert "short" not in last


def test_a_port_that_is_taken(invoke: Any, scripted: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = invoke("serve", "--port", port)
    assert done.exit_code == 2
    assert f"--port {port}: address already in use" in done.stderr


def test_keys_from_the_environment(start: Start) -> None:
    process = start("serve", "--port", "0", scripted=5000, env={"PEERLEAP_API_KEYS": "first-key-1, second-key-2"})
    url = ready(process)
    assert httpx.get(f"{url}/models").status_code == 401
    assert httpx.get(f"{url}/models", headers={"authorization": "Bearer second-key-2"}).status_code == 200
    assert process.stdout is not None
    curl = process.stdout.readline()
    assert '"Authorization: Bearer $KEY"' in curl
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert "key-2" not in curl + errors


def test_help_teaches(invoke: Any) -> None:
    shown = invoke("serve", "--help", terminal_width=140).output
    for word in (
        "--host",
        "--port",
        "--api-key",
        "--paths-at-once",
        "peerleap serve --model",
        "curl -N",
        "PEERLEAP_API_KEYS",
    ):
        assert word in shown
