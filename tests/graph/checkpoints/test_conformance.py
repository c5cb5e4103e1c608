"""LangGraph's own conformance suite for checkpointers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from peerleap.graph import open_checkpointer


@pytest.mark.parametrize("key", [None, "k" * 32], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_conformance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, key: str | None
) -> None:
    if key is not None:
        pytest.importorskip("Crypto")
        monkeypatch.setenv("LANGGRAPH_AES_KEY", key)
    where = tmp_path / "runs.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")

    @checkpointer_test(name=f"{kind} {request.node.name}")
    async def opened() -> AsyncIterator[Any]:
        with open_checkpointer(where) as checkpointer:
            yield checkpointer

    report = await validate(opened)
    wrong = {name: found.failures for name, found in report.results.items() if not found.passed}
    assert wrong == {}
    assert len(report.results) == 8
