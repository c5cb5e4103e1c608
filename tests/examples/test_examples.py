"""Every example runs as it is, here on a scripted model."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine

EXAMPLES = Path(__file__).parents[2] / "examples"


def write(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have 100.</summarize>"
    if prompt.count("</summarize>") > 1:
        return "So it is \\boxed{100}."
    return "I count: one, two, three. " * 60


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = ScriptedEngine(write)
    for place in ("peerleap.graph.build.get_engine", "peerleap.engine.get_engine"):
        monkeypatch.setattr(place, lambda *_, **__: engine)
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.db"))


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(script), run_name="__main__")
    shown = capsys.readouterr().out
    assert "100" in shown or "Sums" in shown


def test_the_notebook_runs() -> None:
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "notebook", "exec"), names)
    assert names["out"]["answer"] == "100"


def test_the_readme_names_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert [
        file.name for file in EXAMPLES.iterdir() if file.suffix in {".py", ".ipynb"} and file.name not in page
    ] == []
