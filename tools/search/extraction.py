"""Text from pages, made in a process of its own: hostile HTML and PDF can take minutes or gigabytes."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from peerleap.tools.search.page import Page, PageError
from peerleap.tools.threads import BoundedThreads

__all__ = ["PageText", "extract"]

_WORKER: Final = Path(__file__).with_name("extraction_worker.py")
_THREADS: Final = BoundedThreads(2, "peerleap-extract")
_MAX_HTML: Final = 1_000_000  # trafilatura took 10 s for 50,000 attributes


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
    found = await _THREADS.run(_work, page.kind, body, seconds)
    if not found.get("text"):
        raise PageError("the page has no text")
    return PageText(page.url, str(found.get("title") or ""), str(found.get("date") or ""), str(found["text"]))


def decoded(body: bytes, charset: str | None) -> str:
    """`body` as text, in `charset` or else UTF-8 or else Latin-1; nothing is an error."""
    for name in (charset, "utf-8"):
        try:
            return body.decode(name or "utf-8")
        except (LookupError, UnicodeError):
            continue
    return body.decode("latin-1")


def _work(kind: str, body: bytes, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-I", str(_WORKER), kind, str(round(seconds) + 1)]
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=seconds, check=False, env={})  # noqa: S603
    except subprocess.TimeoutExpired:
        raise PageError(f"the page took more than {seconds:g} s to read") from None
    except OSError as error:
        raise PageError(f"no process to read the page: {error}") from error
    if done.returncode == 3:
        raise PageError("reading pages needs more packages: pip install 'peerleap[web]'")
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise PageError("the page could not be read") from None
    return found if isinstance(found, dict) else {}
