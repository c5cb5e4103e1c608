"""A question that was cancelled goes on in the same process, at once."""

import asyncio
import gc
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Problem
from peerleap.evals.methods import METHODS, MethodConfig, method_options

SETTINGS = {"interval": 40, "rounds": 2, "max_tokens": 400, "answer_tokens": 30, "summary_tokens": 60}
PROBLEM = Problem(id="q", question="What is 2 + 2?", answer="4", kind="integer")


@pytest.fixture(autouse=True)
def _no_luck() -> Iterator[None]:
    """Garbage that keeps a file locked is collected sooner or later: here it is not."""
    gc.disable()
    yield
    gc.enable()


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    return "4}" if text.endswith("\\boxed{") else "thinking about it " * 8 + "\n\nso \\boxed{4}."


async def ask(engine: ScriptedEngine, checkpoint: Path | None) -> list[list[list[int]]]:
    """Every path's segments as token ids."""
    config = MethodConfig(paths=3, settings=SETTINGS, options=method_options("leap", {}), checkpoint=checkpoint)
    paths = await METHODS["leap"](PROBLEM, engine, config, 0)
    return [[segment["token_ids"] for segment in path.history] for path in paths]


async def cancelled(after: int, checkpoint: Path, *, again_after: int | None = None) -> None:
    """Cancel the question when `after` requests were sent, and once more so many turns of the event loop later."""
    at = asyncio.Event()

    class Stopping(ScriptedEngine):
        async def generate(self, *args: Any, **kwargs: Any) -> Any:
            if len(self.requests) >= after:
                at.set()
                await asyncio.sleep(60)
            return await super().generate(*args, **kwargs)

    task = asyncio.ensure_future(ask(Stopping(script), checkpoint))
    await at.wait()
    task.cancel()
    if again_after is not None:
        for _ in range(again_after):
            await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_its_file_is_free_at_once(tmp_path: Path) -> None:
    for after in range(1, 12):
        checkpoint = tmp_path / f"{after}.sqlite"
        await cancelled(after, checkpoint)
        with closing(sqlite3.connect(checkpoint, timeout=0)) as conn:
            conn.execute("CREATE TABLE mine (a)")
            conn.commit()


@pytest.mark.parametrize("again_after", [None, 0, 1, 3, 10, 30, 50])
async def test_it_goes_on_as_if_nothing_had_been(again_after: int | None, tmp_path: Path) -> None:
    whole = ScriptedEngine(script)
    calm = await ask(whole, None)
    for after in (1, 4, 8):
        checkpoint, rest = tmp_path / f"{after}.sqlite", ScriptedEngine(script)
        await cancelled(after, checkpoint, again_after=again_after)
        assert await ask(rest, checkpoint) == calm
        assert 0 < len(rest.requests) <= len(whole.requests)
