"""Text from pages, made in a process of its own: hostile HTML and PDF can take minutes or gigabytes."""

import asyncio
import codecs
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peerleap.tools.search.page import Page, PageError
from peerleap.tools.threads import BoundedThreads

_WORKER: Final = Path(__file__).with_name("extraction_worker.py")
_THREADS: Final = BoundedThreads(2, "peerleap-extract")
_DEATH_S: Final = 2.0  # a killed process is gone in milliseconds
_MAX_HTML: Final = 1_000_000  # trafilatura took 10 s for 50,000 attributes
# Python knows them, browsers do not: of names and of source code, and the first two take minutes for a large body.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"})


@dataclass(frozen=True, slots=True)
class PageText:
    """What a reader would call the page's text: untrusted."""

    url: str
    title: str
    date: str
    text: str


async def extract(page: Page, *, seconds: float = 8.0) -> PageText:
    """The text of `page`. Raises `PageError` and nothing else."""
    if page.kind == "text":
        return PageText(page.url, "", "", decoded(page.body, page.charset))
    body = page.body
    if page.kind == "html":
        body = decoded(body[:_MAX_HTML], page.charset).encode(errors="replace") if page.charset else body[:_MAX_HTML]
    found = await _work(page.kind, body, seconds)
    if not found.get("text"):
        raise PageError("the page has no text")
    return PageText(page.url, str(found.get("title") or ""), str(found.get("date") or ""), str(found["text"]))


def decoded(body: bytes, charset: str | None) -> str:
    """`body` as text, in `charset` or else UTF-8 or else Latin-1; nothing is an error."""
    for name in (charset, "utf-8"):
        try:
            if codecs.lookup(name or "utf-8").name not in _NO_CHARSETS:
                return body.decode(name or "utf-8")
        except (LookupError, ValueError):  # unknown, no name at all, or wrong
            continue
    return body.decode("latin-1")


class _Extraction:
    """One process that reads one page; `run` blocks, and `end` may come from any thread at any time."""

    def __init__(self, kind: str, body: bytes, seconds: float) -> None:
        # The worker dies with the thread that starts it, so `run` stays on that thread until it has ended.
        self._command = [sys.executable, "-I", str(_WORKER), kind, str(round(seconds) + 1), str(os.getpid())]
        self._body, self._seconds = body, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self.begun = False

    def run(self) -> dict[str, Any]:
        self.begun = True
        try:
            code, output = self._ended()
        except subprocess.TimeoutExpired:
            raise PageError(f"the page took more than {self._seconds:g} s to read") from None
        except OSError as error:
            raise PageError(f"no process to read the page: {error}") from error
        if code == 3:
            raise PageError("reading pages needs more packages: pip install 'peerleap[web]'")
        try:
            found = json.loads(output)
        except ValueError:
            raise PageError("the page could not be read") from None
        return found if isinstance(found, dict) else {}

    def _ended(self) -> tuple[int, bytes]:
        """Exit code and standard output; `subprocess.TimeoutExpired` when it has been killed for its time."""
        if self._unwanted:
            return -1, b""
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={}) as process:  # noqa: S603
            self._process = process
            try:
                if self._unwanted:
                    return -1, b""
                output, _ = process.communicate(self._body, timeout=self._seconds)
                return process.returncode, output
            finally:
                process.kill()  # nothing to do where it has ended

    def end(self) -> None:
        self._unwanted = True
        if self._process is not None:
            self._process.kill()


async def _work(kind: str, body: bytes, seconds: float) -> dict[str, Any]:
    """What the worker found. Cancelled, it kills the process and sees it gone."""
    extraction = _Extraction(kind, body, seconds)
    job = asyncio.ensure_future(_THREADS.run(extraction.run))
    job.add_done_callback(_retrieve_error)
    try:
        return await asyncio.shield(job)
    finally:
        if not job.done():
            extraction.end()
            if extraction.begun:
                await asyncio.wait({job}, timeout=_DEATH_S)
            job.cancel()


def _retrieve_error(done: "asyncio.Future[dict[str, Any]]") -> None:
    if not done.cancelled():
        done.exception()
