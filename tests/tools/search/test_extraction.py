"""The process that makes text of a page: it ends with its time, with its caller, and with its host."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.tools.search import extraction
from peerleap.tools.search.extraction import decoded, extract
from peerleap.tools.search.page import Page, PageError

HTML = Page("u", "html", b"<p>x</p>")
WORKER = str(extraction._WORKER)

# A host that starts a worker and then hangs; both read from a pipe that stays open.
HOST = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-I", sys.argv[1], "html", "60", str(os.getpid())])
print(worker.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in which each worker leaves a file that is named after its process; the workers never end."""
    folder = tmp_path / "workers"
    folder.mkdir()
    worker = tmp_path / "slow.py"
    worker.write_text(f"import os, time\nopen(os.path.join({str(folder)!r}, str(os.getpid())), 'w')\ntime.sleep(600)")
    monkeypatch.setattr(extraction, "_WORKER", worker)
    return folder


def workers(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


async def test_extraction_is_killed_at_its_deadline(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(30)")
    monkeypatch.setattr(extraction, "_WORKER", slow)
    with pytest.raises(PageError, match=r"more than 0\.3 s"):
        await extract(Page("u", "html", b"<p>x</p>"), seconds=0.3)
    slow.write_text("raise SystemExit(3)")
    with pytest.raises(PageError, match=r"pip install 'peerleap\[web\]'"):
        await extract(Page("u", "html", b"<p>x</p>"), seconds=5)
    slow.write_text("print('[1]')")
    with pytest.raises(PageError, match="no text"):
        await extract(Page("u", "html", b"<p>x</p>"), seconds=5)


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "Unicode_Escape", "\0x", "", "no-such"])
async def test_a_charset_that_no_browser_knows_is_not_one(charset: str) -> None:
    body = b"xn--" + b"a" * 400_000 + b"-" + b"a" * 400_000 + b"+ADw-think+AD4-\\x3c"
    found = await extract(Page("u", "text", body, charset))
    assert found.text == body.decode()


async def test_a_cancelled_extraction_leaves_no_process(slow: Path, alive: Callable[[set[int]], set[int]]) -> None:
    tasks = [asyncio.create_task(extract(HTML, seconds=600)) for _ in range(3)]
    while len(workers(slow)) < 2:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    # Two run at a time: the third has never begun.
    assert len(workers(slow)) == 2
    assert not alive(workers(slow))


async def test_nobody_waits_for_a_place_that_a_cancelled_one_has_left(slow: Path) -> None:
    tasks = [asyncio.create_task(extract(HTML, seconds=600)) for _ in range(2)]
    while len(workers(slow)) < 2:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    with pytest.raises(PageError, match=r"more than 0\.5 s"):
        await asyncio.wait_for(extract(HTML, seconds=0.5), 30)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_worker_dies_with_its_host(wait_until: Callable[..., None], alive: Callable[[set[int]], set[int]]) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-c", HOST, WORKER]
    with subprocess.Popen(command, stdin=reading, stdout=subprocess.PIPE, text=True) as host:
        os.close(reading)
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        # It limits its memory once it has tied itself to its parent, and then waits for the page.
        wait_until(lambda: str(1 << 30) in Path(f"/proc/{pid}/limits").read_text(), 20)
        host.kill()
    wait_until(lambda: not alive({pid}), 20)
    os.close(writing)


def test_a_worker_whose_host_has_gone_ends_at_once() -> None:
    command = [sys.executable, "-I", WORKER, "html", "5", str(os.getpid() + 1)]
    assert subprocess.run(command, check=False, input=b"<p>x</p>", capture_output=True).returncode == 4


def test_decoding_never_fails() -> None:
    assert decoded("é".encode(), None) == "é"
    assert decoded("é".encode("latin-1"), None) == "é"
    assert decoded(b"a", "no-such") == "a"
