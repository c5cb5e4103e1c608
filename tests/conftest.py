import asyncio
import gc
import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import (
    EMBEDDED,
    MINIATURE,
    Completion,
    Engine,
    EngineMissing,
    EngineWrapper,
    OnText,
    SamplingParams,
    VLLMEngine,
)
from peerleap.engine.device import vllm_device
from tests import processes

CONTEXT = 4096

# A script's `&` starts this with Ctrl-C ignored, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Two workers (`pytest -n 2`) must not count each other's temporary files.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    tempfile.tempdir = tempfile.mkdtemp(prefix=f"tests-{worker}-")
    Path(tempfile.tempdir).chmod(0o711)  # servers and sandboxes run as other users, too
    os.environ["TMPDIR"] = tempfile.tempdir


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With several workers, all files with tests on the real engine go to one of them, and the others share the rest.

    That is xdist's `loadgroup`, whose names pytest 9.2 does not take any more.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # else the engine's worker would begin late
    scheduler: Any = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda test: "engine" if _has_engine(test.partition("::")[0]) else by_file(test)
    return scheduler


@cache
def _has_engine(file: str) -> bool:
    return "mark.slow" in (Path(__file__).parent.parent / file).read_text(encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs no model first; what kills the shared engine last, since each kill costs a start.

    With several workers, the one that has the engine begins with it at once.
    """
    several = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(
        key=lambda item: (
            (item.get_closest_marker("slow") is not None) is not several, "deaths" in item.path.name
        )
    )  # fmt: skip


@pytest.fixture(scope="session")
def vllm() -> None:
    """Skips the tests that need vLLM where it is not installed."""
    try:
        vllm_device()
    except EngineMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def real_engine(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMEngine]:
    """One vLLM with the miniature for the whole session, as on a machine without a C++ compiler."""
    with _started(VLLMEngine(MINIATURE, max_model_len=CONTEXT), tmp_path_factory) as engine:
        yield engine


@pytest.fixture(scope="session")
def chat_engine(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMEngine]:
    """One vLLM with a chat model that knows words, for the whole session; it writes ten times as slowly."""
    with _started(VLLMEngine(EMBEDDED, max_model_len=CONTEXT), tmp_path_factory) as engine:
        yield engine


@contextmanager
def _started(engine: VLLMEngine, folders: pytest.TempPathFactory) -> Iterator[VLLMEngine]:
    engine.check()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        patch.setenv("CXX", "/bin/false")
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folders.mktemp("compiled")))
        asyncio.run(engine.generate(engine.tokenizer.encode("Hello"), SamplingParams(max_tokens=1)))
    yield engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # vLLM leaves its sockets to the collector
        engine.close()
        gc.collect()


class RecordingEngine(EngineWrapper):
    """An engine that passes everything on to another one, and keeps what was asked and answered."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.prompts: list[list[int]] = []
        """Token ids of every request, when it came."""
        self.completions: list[tuple[list[int], Completion]] = []

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        prompt = list(token_ids)
        self.prompts.append(prompt)
        completion = await self.engine.generate(prompt, params, session=session, on_text=on_text)
        self.completions.append((prompt, completion))
        return completion


@pytest.fixture(scope="session")
def record() -> Callable[[Engine], RecordingEngine]:
    """Wrap an engine in one that keeps what was asked and answered."""
    return RecordingEngine


Wait = Callable[[Callable[[], object], float], None]


@pytest.fixture(scope="session")
def wait_until() -> Wait:
    """Wait until something holds; fail when it does not within some seconds."""

    def wait(holds: Callable[[], object], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                pytest.fail(f"did not happen within {seconds} s")
            time.sleep(0.05)

    return wait


Children = Callable[[int], set[int]]


@pytest.fixture(scope="session")
def engine_processes() -> Children:
    """Process ids of the engine processes below a process, grandchildren too."""
    return processes.engine_processes


Alive = Callable[[set[int]], set[int]]


@pytest.fixture(scope="session")
def alive() -> Alive:
    """Those of some processes that still run; a process that nobody has reaped is dead."""
    return processes.alive


@pytest.fixture(scope="session")
def child_env() -> dict[str, str]:
    """Environment of child processes: a user's, without what this process's engine and the tests have set."""
    unwanted = ("PEERLEAP_", "VLLM_", "PYTHONWARNINGS", "PYTEST_", "TORCH_CPP_LOG_LEVEL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    cache = os.environ.get("PEERLEAP_CACHE")
    return kept | {"COLUMNS": "100", "TERM": "dumb"} | ({"PEERLEAP_CACHE": cache} if cache else {})


MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Make a model folder of the given files; without any, one that looks complete."""

    def make(**changes: str | None) -> Path:
        files: dict[str, str | None] = {
            "config.json": '{"max_position_embeddings": 2048, "dtype": "bfloat16"}',
            "model.safetensors": "weights",
            "tokenizer.json": "{}",
        }
        folder = tmp_path / "model"
        folder.mkdir()
        for name, text in (files | {key.replace("__", "."): value for key, value in changes.items()}).items():
            if text is not None:
                (folder / name).write_text(text)
        return folder

    return make


Serving = Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Serve HTTP on this machine as long as a `with` block lasts, which gets the address."""
    return _serving


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    quiet = type(handler.__name__, (handler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


ServeWire = Callable[..., Any]


@pytest.fixture
def serve_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeWire]:
    """Serve a scripted engine as vLLM would, on a port of this machine."""
    from tests.engine.server.wire_server import WireServer

    started = list[WireServer]()

    def serve(engine: Any, **options: Any) -> WireServer:
        folder = tmp_path_factory.mktemp("served")
        engine.tokenizer.save_pretrained(folder)
        started.append(WireServer(engine, folder, **options))
        return started[-1]

    yield serve
    for server in started:
        server.close()


CancelledAtLoopsEnd = Callable[[AbstractAsyncContextManager[Any], int], None]


@pytest.fixture(scope="session")
def cancelled_at_loops_end() -> CancelledAtLoopsEnd:
    """Cancel what is inside a context manager, and end the event loop so many turns later."""

    def cancelled(manager: AbstractAsyncContextManager[Any], turns: int) -> None:
        async def run(inside: asyncio.Event) -> None:
            async with manager:
                inside.set()
                await asyncio.sleep(60)

        async def main() -> None:
            inside = asyncio.Event()
            task = asyncio.create_task(run(inside))
            await inside.wait()
            task.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)

        asyncio.run(main())

    return cancelled
