"""Where servers are and with which key they are spoken to."""

import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from peerleap.engine.errors import EngineArgumentError

SERVER = "PEERLEAP_SERVER"
"""Environment variable: base URLs, separated by commas."""
API_KEY = "PEERLEAP_API_KEY"
"""Environment variable: the servers' API key."""

_CURE = "give a base URL such as http://127.0.0.1:8000; several with commas between them"


def default_servers() -> str:
    """The servers of who names none: `PEERLEAP_SERVER`; empty for a model in this process."""
    return os.environ.get(SERVER) or ""


def parse_servers(server: str | Iterable[str]) -> tuple[str, ...]:
    """Base URLs, without `/v1` and each once.

    Args:
        server: URLs, or texts that hold several with commas or blanks between them.

    Returns:
        At least one URL, in order.

    Raises:
        EngineArgumentError: none, or one that is no base URL.
    """
    texts = [server] if isinstance(server, str) else [*server]
    urls = [url for text in texts for url in re.split(r"[\s,]+", str(text)) if url]
    if not urls:
        raise EngineArgumentError(f"server={server!r}: {_CURE}")
    return tuple(dict.fromkeys(_base(url) for url in urls))


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EngineArgumentError(f"server={url!r}: {error}; {_CURE}") from error
    if parts.username is not None or parts.password is not None:
        # The URL is shown in messages and logs.
        raise EngineArgumentError(f"server: a URL must not hold a user name or a password; set {API_KEY} for a key")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or port == 0:
        hint = (
            f"did you mean {f'http://{url}'!r}?" if "://" not in url and re.match(r"[\w.-]+(:\d+)?(/|$)", url) else ""
        )
        raise EngineArgumentError(f"server={url!r}: {hint or _CURE}")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def read_key(api_key: str | None) -> str | None:
    """The API key: the argument, else `PEERLEAP_API_KEY`; `None` where the servers want none.

    Raises:
        EngineArgumentError: it cannot be sent. The message does not show it.
    """
    key = (os.environ.get(API_KEY) if api_key is None else api_key) or None
    if key is not None and not re.fullmatch(r"[!-~]+", key):
        raise EngineArgumentError(f"api_key, or {API_KEY}: a key is printable ASCII without blanks; yours is not")
    return key
