"""The digest of a call covers the whole output: two that differ only where they are cut out are told apart."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from peerleap.tools import python
from peerleap.tools.protocols.base import ToolRequest
from peerleap.tools.runner import ToolOutcome, ToolRunner
from peerleap.tools.sandbox import probe


@pytest.fixture(scope="module", params=["sandbox", "monty"])
def tool(request: pytest.FixtureRequest) -> Iterator[BaseTool]:
    if request.param == "monty":
        pytest.importorskip("pydantic_monty")
    elif not probe().tier:
        pytest.skip("this machine can build no walls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peerleap.tools.sandbox.worker_process.PRELOAD", ())
        made: Any = python(backend=request.param)
        yield made
        made.close()


def outcomes(tool: BaseTool, *cells: str) -> list[ToolOutcome]:
    async def run() -> list[ToolOutcome]:
        with ToolRunner([tool]) as runner:
            return [await runner.run(ToolRequest("python", {"code": code}, code, 0)) for code in cells]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "cell",
    [
        "print('a' * 5000 + '{}' + 'z' * 5000)",
        "for n in range(3000): print(n if n != 1500 else '{}')",
        "'a' * 5000 + '{}' + 'z' * 5000",
        "raise ValueError('a' * 5000 + '{}' + 'z' * 5000)",
    ],
    ids=["print", "lines", "value", "error"],
)
def test_what_was_cut_out_counts(tool: BaseTool, cell: str) -> None:
    one, same, other = outcomes(tool, cell.format("m"), cell.format("m") + " # again", cell.format("n"))
    # The traceback of an error shows the cell's number and its line; nothing else tells them apart.
    read = [re.sub(r"<cell \d+>", "", outcome.text).replace("'m'", "'n'") for outcome in (one, other)]
    assert read[0] == read[1]
    assert "characters cut" in one.text
    assert one.digest == same.digest
    assert one.digest != other.digest


def test_a_short_output_has_the_digest_of_what_the_model_reads(tool: BaseTool) -> None:
    (one,) = outcomes(tool, "print('hey')\n40 + 2")
    assert one.digest == hashlib.sha256(b"hey\nOut: 42").hexdigest()
