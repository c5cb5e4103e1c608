from collections.abc import Callable, Iterator
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine, ServerEngine
from tests.engine.server.wire_server import WireServer

ServeWire = Callable[..., WireServer]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PEERLEAP_SERVER", "PEERLEAP_API_KEY", "PEERLEAP_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def wire(serve_wire: ServeWire) -> WireServer:
    """A server whose model counts."""
    return serve_wire(
        ScriptedEngine(lambda _prompt, params: f"seed {params.seed}: " + "one, two, three. é√2\u2028" * 9)
    )


@pytest.fixture
def connect() -> Iterator[Callable[..., ServerEngine]]:
    """Make an engine of servers or URLs."""
    made = list[ServerEngine]()

    def make(*servers: WireServer | str, model: str | None = None, **options: Any) -> ServerEngine:
        made.append(ServerEngine([s if isinstance(s, str) else s.url for s in servers], model, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
