"""Who asks for the same engine gets the same one; asking starts nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peerleap.engine import EMBEDDED, EngineError, SamplingParams, close_engines, get_engine, registry

MakeModel = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_engines", {})
    monkeypatch.delenv("PEERLEAP_MODEL", raising=False)
    yield
    close_engines()


def test_same_model_same_engine(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_model()
    assert get_engine() is get_engine(None) is get_engine(EMBEDDED)
    assert get_engine(str(folder)) is get_engine(str(folder))
    assert get_engine(str(folder)) is not get_engine()
    monkeypatch.chdir(folder.parent)
    relative = get_engine("./model")
    assert relative is get_engine("model") is get_engine(str(folder))
    monkeypatch.chdir("/")
    relative.check()


def test_default_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_MODEL", "some/model")
    assert get_engine() is get_engine("some/model")


def test_other_arguments_other_engine() -> None:
    assert get_engine(max_model_len=512) is not get_engine()
    assert get_engine(max_model_len=512) is not get_engine(max_model_len=1024)
    assert get_engine(max_model_len=512, seed=1) is get_engine(seed=1, max_model_len=512)


def test_asking_looks_for_nothing() -> None:
    engine = get_engine("no/such-model")
    assert engine.unfinished() == 0
    assert not engine.closed


def test_closed_engine_is_replaced() -> None:
    engine = get_engine()
    engine.close()
    assert engine.closed
    assert get_engine() is not engine
    other = get_engine()
    close_engines()
    assert other.closed
    assert get_engine() is not other


def test_closing_twice_is_closing_once() -> None:
    engine = get_engine()
    engine.close()
    engine.close()
    assert engine.closed


async def test_closed_engine_refuses(make_model: MakeModel) -> None:
    engine = get_engine(str(make_model()))
    engine.close()
    with pytest.raises(EngineError, match="was closed"):
        await engine.generate([1], SamplingParams(max_tokens=1))


def test_context_is_what_is_asked_for(make_model: MakeModel) -> None:
    folder = str(make_model())
    assert get_engine(folder).context_length == 2048
    assert get_engine(folder, max_model_len=512).context_length == 512
    assert get_engine(folder, max_model_len=9999).context_length == 2048
