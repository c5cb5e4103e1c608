"""API keys: who may ask."""

import hashlib
import hmac
from collections.abc import Sequence

from peerleap.serving.errors import RequestError

_LEAST = 8


class Keys:
    """The keys that a server accepts; without any, everybody is the same client."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Take the keys.

        Args:
            keys: at least 8 printable ASCII characters each, without blanks.

        Raises:
            ValueError: a key is too short, or cannot be sent in a header.
        """
        for number, key in enumerate(keys, start=1):
            if len(key) < _LEAST or not key.isascii() or not key.isprintable() or " " in key:
                raise ValueError(
                    f"API key number {number}: give at least {_LEAST} letters, digits and signs, without blanks"
                )
        self._keys = tuple(dict.fromkeys(keys))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def client(self, authorization: str | None) -> str:
        """The client that a request comes from: a digest of its key, empty where no key is needed.

        Args:
            authorization: the header, `Bearer KEY`.

        Raises:
            RequestError: 401, no key or another one.
        """
        if not self._keys:
            return ""
        scheme, _, sent = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not sent.strip():
            raise RequestError(401, "an API key is needed: Authorization: Bearer KEY", code="invalid_api_key")
        found = [key for key in self._keys if hmac.compare_digest(key.encode(), sent.strip().encode())]
        if not found:
            raise RequestError(401, "this API key is not known here", code="invalid_api_key")
        return hashlib.sha256(found[0].encode()).hexdigest()[:16]
