"""Fetches one page: few redirects, bounded size and time, text and PDF only."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from typing import Final, Literal

import httpx

from peerleap.tools.search.ssrf_guard import AddressError, GuardedTransport
from peerleap.tools.search.transport import BodyError, read_body

_HEADERS: Final = {
    "user-agent": "peerleap (page reader)",
    "accept": "text/html, text/plain, application/pdf;q=0.9, */*;q=0.1",
    "accept-encoding": "gzip",
}
_BOMS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class PageError(Exception):
    """There is no text to be had; the message says why in words that a model may read."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came over the wire."""

    url: str
    """Where the redirects ended."""
    kind: Literal["html", "text", "pdf"]
    body: bytes
    charset: str | None = None
    """As the server or a byte order mark names it."""


async def fetch(
    url: str,
    *,
    seconds: float = 10.0,
    max_bytes: int = 2_000_000,
    max_redirects: int = 3,
    allow_hosts: Collection[str] = (),
) -> Page:
    """The page at `url`. Raises `PageError` and nothing else."""
    try:
        async with asyncio.timeout(seconds):
            transport = GuardedTransport(allow_hosts=allow_hosts)
            async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=seconds) as client:
                request = client.build_request("GET", url, headers=_HEADERS)
                return await _followed(client, request, max_bytes, max_redirects)
    except TimeoutError:
        raise PageError(f"no answer within {seconds:g} s") from None
    except (AddressError, BodyError) as error:
        raise PageError(str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise PageError(f"{type(error).__name__}: {str(error)[:120]}") from error


async def _followed(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int, max_redirects: int) -> Page:
    for _ in range(max_redirects + 1):
        # By hand: httpx would read the body of every redirect, however long.
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if response.next_request is None:
                return await _page(response, max_bytes)
            request = response.next_request
        finally:
            await response.aclose()
    raise PageError(f"more than {max_redirects} redirects")


async def _page(response: httpx.Response, max_bytes: int) -> Page:
    if not response.is_success:
        raise PageError(f"HTTP {response.status_code}")
    header = Message()
    header["content-type"] = response.headers.get("content-type", "text/html")
    kind = _kind(header.get_content_type())
    body, whole = await read_body(response, max_bytes)
    if kind == "pdf" and not whole:
        raise PageError(f"the PDF is larger than {max_bytes} bytes")
    charset = next((name for bom, name in _BOMS.items() if body.startswith(bom)), header.get_content_charset())
    return Page(str(response.url), kind, body, charset)


def _kind(content_type: str) -> Literal["html", "text", "pdf"]:
    if content_type in {"text/html", "application/xhtml+xml"}:
        return "html"
    if content_type == "application/pdf":
        return "pdf"
    if content_type.startswith("text/") or content_type in {"application/json", "application/xml"}:
        return "text"
    raise PageError(f"content-type {content_type[:80]!r} is no text")
