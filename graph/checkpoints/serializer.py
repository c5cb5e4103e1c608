"""How values are stored: as types that are safe to read, and, with a key, sealed for the place where they stand."""

import json
import os
from base64 import b64decode, b64encode
from typing import Any, NamedTuple

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from peerleap.graph.errors import CheckpointError

KEY_VARIABLE = "LANGGRAPH_AES_KEY"
_SUFFIX = "+aes"
# What the serializer writes. It also reads JSON that names classes, and pickles; nothing here was stored as such.
_KINDS = frozenset({"msgpack", "null", "bytes", "bytearray"})
_NONCE, _TAG = 12, 16


class Sealed(NamedTuple):
    """An encrypted value as it stands in a row."""

    kind: str
    data: bytes


class SealedCheckpoint(dict[str, Any]):
    """A checkpoint that a saver can ask for its id, and that is stored sealed."""

    def __init__(self, checkpoint_id: str, sealed: Sealed) -> None:
        super().__init__(id=checkpoint_id)
        self.sealed = sealed


class StrictSerializer(JsonPlusSerializer):
    """Reads the types that LangGraph calls safe, and no others: a row cannot make it import or call anything.

    With a key, every value is encrypted and authenticated together with its place (thread, namespace, checkpoint,
    task, channel), so a row that was changed, moved or written without the key is refused.
    """

    def __init__(self, key: bytes | None = None) -> None:
        super().__init__(allowed_msgpack_modules=None)
        self._key = key

    @property
    def seals(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """As `JsonPlusSerializer.dumps_typed`; a sealed value as it is."""
        if isinstance(obj, SealedCheckpoint):
            obj = obj.sealed
        return (obj.kind, obj.data) if isinstance(obj, Sealed) else super().dumps_typed(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """As `JsonPlusSerializer.loads_typed`; an encrypted value is returned sealed.

        Raises:
            CheckpointError: the value is encrypted and there is no key, or the other way round; or of an unknown kind.
        """
        kind, stored = data
        if not isinstance(kind, str) or not isinstance(stored, bytes | None):
            raise CheckpointError(f"a value is stored as {type(stored).__name__} of kind {kind!r:.40}")
        if kind.endswith(_SUFFIX):
            if not self.seals:
                raise CheckpointError(f"it is encrypted, and there is no key in {KEY_VARIABLE}; set its key")
            return Sealed(kind, stored or b"")
        if self.seals:
            raise CheckpointError(f"it is not encrypted; to read it, open it without a key in {KEY_VARIABLE}")
        return self._load(kind, stored or b"")

    def seal(self, value: Any, *place: str) -> Any:
        """Encrypt a value for its place.

        Args:
            value: anything that can be stored.
            place: names of the row; `open` needs the same ones.

        Returns:
            A `Sealed`; without a key, the value itself.
        """
        if not self.seals:
            return value
        kind, plain = super().dumps_typed(value)
        nonce = os.urandom(_NONCE)
        data, tag = self._cipher(nonce, kind, place).encrypt_and_digest(plain)
        return Sealed(kind + _SUFFIX, nonce + tag + data)

    def open(self, value: Any, *place: str) -> Any:
        """Decrypt a value of a row.

        Args:
            value: what `loads_typed` returned.
            place: names of the row, as given to `seal`.

        Returns:
            The value that was sealed; without a key, `value` itself.

        Raises:
            CheckpointError: it was not sealed for this place with this key.
        """
        if not self.seals:
            return value
        if not isinstance(value, Sealed):
            raise CheckpointError("a value in it is not encrypted")
        kind, head = value.kind.removesuffix(_SUFFIX), _NONCE + _TAG
        cipher = self._cipher(value.data[:_NONCE], kind, place)
        try:
            plain = cipher.decrypt_and_verify(value.data[head:], value.data[_NONCE:head])
        except ValueError:
            raise CheckpointError("a value in it was changed, moved, or encrypted with another key") from None
        return self._load(kind, plain)

    def seal_text(self, text: str, *place: str) -> str:
        """As `seal`, of a text, as a text."""
        sealed: Sealed = self.seal(text, *place)
        return f"{sealed.kind}:{b64encode(sealed.data).decode()}" if self.seals else text

    def open_text(self, text: Any, *place: str) -> Any:
        """As `open`, of what `seal_text` returned."""
        if not self.seals:
            return text
        kind, _, data = str(text).partition(":")
        try:
            return self.open(Sealed(kind, b64decode(data, validate=True)) if kind.endswith(_SUFFIX) else None, *place)
        except ValueError:
            raise CheckpointError("a value in its metadata is damaged") from None

    def _load(self, kind: str, stored: bytes) -> Any:
        if kind not in _KINDS:
            raise CheckpointError(f"a value is stored in an unknown form, {kind!r:.40}")
        return super().loads_typed((kind, stored))

    def _cipher(self, nonce: bytes, kind: str, place: tuple[str, ...]) -> Any:
        from Crypto.Cipher import AES

        assert self._key is not None
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce)
        cipher.update(json.dumps([kind, *place]).encode())
        return cipher


def serializer() -> StrictSerializer:
    """The serializer for stored runs, with the key in `LANGGRAPH_AES_KEY` if there is one.

    Returns:
        A serializer that reads no unsafe types.

    Raises:
        CheckpointError: the key has the wrong length, or the package for encryption is missing.
    """
    key = os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape")
    if not key:
        return StrictSerializer()
    if len(key) not in {16, 24, 32}:
        raise CheckpointError(f"{KEY_VARIABLE}: the key has {len(key)} bytes; it must have 16, 24 or 32")
    try:
        import Crypto.Cipher.AES  # noqa: F401
    except ImportError as error:
        raise CheckpointError(
            f"{KEY_VARIABLE} is set, and encryption needs a package: pip install 'peerleap[encryption]'"
        ) from error
    return StrictSerializer(key)
