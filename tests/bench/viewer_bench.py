"""How soon the page of a large run is there: 64 paths, 8 LeaP blocks, 16,384 tokens a path, in a headless Chromium."""

import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from peerleap.viewer import html_page, run_document
from tests.viewer.browser import CHROMIUM, chromium

_PATHS, _BLOCKS, _OWN, _SUMMARY, _READ = 64, 8, 16_384, 200, 4
_WORDS, _TRIES = 30_000, 3
_GOAL_MS, _GOAL_MB = 1000.0, 10.0


class _Words:
    """A tokenizer whose every id is a word."""

    def __init__(self) -> None:
        letters = random.Random(0)
        self.words = [" " + "".join(letters.choices("etaoinshrdlu", k=letters.randint(1, 8))) for _ in range(_WORDS)]

    def __len__(self) -> int:
        return len(self.words)

    def convert_ids_to_tokens(self, token: int) -> str:
        return self.words[token]

    def decode(self, ids: list[int], **_: Any) -> str:
        return "".join(self.words[token] for token in ids)


def _run(words: _Words) -> dict[str, Any]:
    draw = random.Random(1)
    weights = [1 / (n + 3) for n in range(_WORDS)]  # words are as frequent as in a text

    def segment(kind: str, number: int, count: int, **more: Any) -> dict[str, Any]:
        ids = draw.choices(range(_WORDS), weights, k=count)
        return {
            "kind": kind,
            "round": number,
            "token_ids": ids,
            "text": words.decode(ids),
            "seconds": count / 50,
            **more,
        }

    names = [f"solver_{n + 1}" for n in range(_PATHS)]
    requests = {"prompt_tokens": 1000, "cached_tokens": 900}
    histories: dict[str, Any] = {}
    for name in names:
        history = [segment("prompt", 0, 200)]
        for number in range(_BLOCKS):
            history += [
                segment("thought", number, _OWN // (_BLOCKS + 1), **requests), segment("trigger", number, 20),
                segment("summary", number, _SUMMARY, **requests), segment("comment", number, _READ * (_SUMMARY + 20)),
            ]  # fmt: skip
        history.append(segment("thought", _BLOCKS, _OWN // (_BLOCKS + 1), **requests))
        histories[name] = history
    rounds = []
    for number in range(_BLOCKS):
        said = {
            name: f"{histories[name][3 + 4 * number]['text']} So it is \\boxed{{{draw.randint(1, 12)}}}."
            for name in names
        }
        rounds.append({
            "round": number, "paths": names, "similarity": [[draw.random() for _ in names] for _ in names],
            "summaries": {name: {"text": text, "tokens": _SUMMARY, "cut": False} for name, text in said.items()},
            "routes": {name: draw.sample(names, _READ) for name in names},
        })  # fmt: skip
    return {"question": "How many?", "task": "math", "settings": {}, "state": "stopped", "next": ["vote"],
            "histories": histories, "rounds": rounds, "status": dict.fromkeys(names, "active")}  # fmt: skip


def run() -> dict[str, dict[str, Any]]:
    """The best of three times to first paint and to where keys work; the size of the file; the time to write it."""
    if CHROMIUM is None:
        print("viewer: Chromium is not installed (apt-get install chromium)", file=sys.stderr)
        return {}
    words = _Words()
    made = _run(words)
    begin = time.perf_counter()
    page_text = html_page(run_document(made, models=dict.fromkeys(made["histories"], "words")), {"words": words})
    written = 1000 * (time.perf_counter() - begin)
    with TemporaryDirectory() as folder, chromium() as page:
        file = Path(folder) / "run.html"
        file.write_text(page_text, encoding="utf-8")
        paints, opens = [], []
        for _ in range(_TRIES):
            page.open(file)
            page.wait("performance.getEntriesByName('first-contentful-paint').length")
            paints.append(page.run("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            opens.append(page.run("performance.getEntriesByName('interactive')[0].startTime"))
        megabytes = file.stat().st_size / 1e6
    figures = {"viewer_paint_ms": (min(paints), _GOAL_MS, "ms"), "viewer_open_ms": (min(opens), _GOAL_MS, "ms"),
               "viewer_file_mb": (megabytes, _GOAL_MB, "MB"), "viewer_write_ms": (written, 30_000.0, "ms")}  # fmt: skip
    return {
        name: {"value": value, "unit": unit, "goal": f"<= {goal:.0f}", "ok": value <= goal}
        for name, (value, goal, unit) in figures.items()
    }
