"""The HTTP that all requests of `search/` have in common: one TLS context, and bodies read up to a limit."""

import ssl
import zlib
from functools import lru_cache

import httpx


class BodyError(Exception):
    """The body is compressed in a way that was not asked for, or is broken."""


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)


async def read_body(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """The first `max_bytes` of the decompressed body, and whether that is all of it.

    Not `aiter_bytes`: it unpacks whole chunks, and 64 KB of gzip can hold 64 MB.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        raise BodyError(f"content-encoding {encoding[:40]!r} was not asked for")
    inflate = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += inflate.decompress(chunk, max_bytes + 1 - len(body)) if inflate else chunk
        except zlib.error as error:
            raise BodyError(f"broken gzip: {error}") from error
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), False
    return bytes(body), True
