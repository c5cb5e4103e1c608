"""Base URLs and keys, as people write them."""

import pytest

from peerleap.engine import EngineArgumentError, ServerEngine, parse_servers


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://127.0.0.1:8000", ("http://127.0.0.1:8000",)),
        ("http://host:8000/v1/", ("http://host:8000",)),
        ("https://host/vllm/v1", ("https://host/vllm",)),
        ("http://[::1]:8000", ("http://[::1]:8000",)),
        ("http://a:1, http://b:2 http://a:1/", ("http://a:1", "http://b:2")),
        (["http://a:1", "http://b:2,http://c:3"], ("http://a:1", "http://b:2", "http://c:3")),
    ],
)
def test_base_urls(written: str | list[str], read: tuple[str, ...]) -> None:
    assert parse_servers(written) == read


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("127.0.0.1:8000", "did you mean 'http://127.0.0.1:8000'?"),
        ("localhost", "did you mean 'http://localhost'?"),
        ("", "give a base URL"),
        (" , ", "give a base URL"),
        ([], "give a base URL"),
        ("ftp://host", "give a base URL"),
        ("http://", "give a base URL"),
        ("http://host:99999", "out of range"),
        ("http://host:port", "give a base URL"),
        ("http://host/v1?key=1", "give a base URL"),
        ("http://[::1", "Invalid IPv6"),
    ],
)
def test_what_is_no_base_url(written: str | list[str], words: str) -> None:
    with pytest.raises(EngineArgumentError, match="server=") as refused:
        ServerEngine(written)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(EngineArgumentError, match="PEERLEAP_API_KEY") as refused:
        parse_servers("http://me:geheim@host:8000")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("key", ["a b", "schlüssel", "a\r\nX-Other: 1"])
def test_a_key_that_cannot_be_sent_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineArgumentError, match="api_key") as refused:
        ServerEngine("http://host", api_key=key)
    assert key not in str(refused.value)
    monkeypatch.setenv("PEERLEAP_API_KEY", key)
    with pytest.raises(EngineArgumentError, match="PEERLEAP_API_KEY"):
        ServerEngine("http://host")


def test_the_key_is_in_no_representation() -> None:
    engine = ServerEngine("http://host", api_key="geheim")
    assert repr(engine) == "ServerEngine('http://host', None)"
    engine.close()
