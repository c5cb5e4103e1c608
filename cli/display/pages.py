"""The HTML files that commands write."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerleap.cli.display.report import write_whole


def write_run_page(
    run: Mapping[str, Any], graph: Any, target: Path, name: str | None = None, others: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write a run as one HTML file.

    Args:
        run: as `read_run` returns it, or the output of `ask`.
        graph: the compiled graph of the run: it names the models, whose tokenizers spell the ids.
        target: the file.
        name: what the run is stored under.
        others: runs to put beside it: `relation`, `block`, `name` and `run`.

    Raises:
        OSError: the file cannot be written.
    """
    from peerleap.viewer import html_page, run_document, run_rows

    engines: Mapping[str, Any] = graph.builder.run.engines
    models = {path: str(engines[path].model) for path in run["histories"] if path in engines}
    beside = [
        {"relation": other["relation"], "block": other["block"],
         "run": run_rows(other["run"], name=other["name"], models=models)}
        for other in others
    ]  # fmt: skip
    document = run_document(run, name=name, models=models, others=beside)
    write_whole(html_page(document, _tokenizers(engines)), target)


def write_questions_page(files: Sequence[Path], target: Path, texts: Mapping[str, str] | None = None) -> None:
    """Write the questions of results files as one HTML file.

    Args:
        files: as for `questions_document`.
        target: the file.
        texts: the questions, by id.

    Raises:
        OSError: the file cannot be written.
        RecordsError: a results file cannot be read.
    """
    from peerleap.viewer import html_page, questions_document

    write_whole(html_page(questions_document(files, texts)), target)


def _tokenizers(engines: Mapping[str, Any]) -> dict[str, Any]:
    """By model; without one that is not at hand: its ids are then shown as numbers."""
    from peerleap.engine import EngineError

    found: dict[str, Any] = {}
    for engine in engines.values():
        if str(engine.model) not in found:
            try:
                found[str(engine.model)] = engine.tokenizer
            except (EngineError, OSError, ValueError):
                continue
    return found
