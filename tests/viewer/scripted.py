"""Runs of scripted teams: a test says which answer each path holds in each round."""

from collections.abc import Callable
from typing import Any

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.graph.seeds import derive_seed
from peerleap.viewer import html_page, run_document

QUESTION = "What is the sum of the first 10 odd numbers?"
Say = Callable[[int, int], str | None]
"""The answer of a path (numbered from 1) in a round (from 0)."""


class TeamEngine(ScriptedEngine):
    """An engine that knows, by the request's seed, which path is writing."""

    def __init__(self, say: Say, paths: int, words: str, **options: Any) -> None:
        super().__init__(self._write, **options)
        self._say, self._names, self._words = say, [f"solver_{n + 1}" for n in range(paths)], words
        self._path = 0

    async def generate(self, token_ids: Any, params: SamplingParams, **options: Any) -> Any:
        ids = list(token_ids)
        self._path = next(n for n, name in enumerate(self._names, 1) if derive_seed(0, name, len(ids)) == params.seed)
        return await super().generate(ids, params, **options)

    def _write(self, prompt: str, params: SamplingParams) -> str:
        number = prompt.count("</comment>") - prompt.partition("Question:")[0].count("</comment>")
        answer = self._say(self._path, number)
        box = "" if answer is None else f" \\boxed{{{answer}}}"
        if "</summarize>" in params.stop:
            return f"{self._words} I have 3 terms;{box or ' nothing else yet'}.</summarize>"
        if prompt.endswith("\\boxed{"):
            return f"{answer}}}"
        return f"{self._words} of path {self._path}. " * 40 + box


def team_run(
    say: Say, paths: int = 3, rounds: int = 2, words: str = "Let me add them", **settings: Any
) -> dict[str, Any]:
    """The output of a run, as `ask` has it."""
    engine = TeamEngine(say, paths, words)
    context = {"interval": 300, "rounds": rounds, "summary_tokens": 128, "max_tokens": 6000, "logprobs": 1, **settings}
    out = build_graph(engine=engine, paths=paths).compile().invoke({"question": QUESTION}, context=context)
    return {**out, "question": QUESTION, "settings": context}


def page_of(run: dict[str, Any], **about: Any) -> str:
    """The HTML file of a run on the scripted model."""
    models = dict.fromkeys(run["histories"], "scripted")
    tokenizer = ScriptedEngine(lambda _prompt, _params: "").tokenizer
    return html_page(run_document(run, models=models, **about), {"scripted": tokenizer})


def wrong_answer_spreads(path: int, number: int) -> str | None:
    """Path 3 says 110 from the first; 1 takes it up in the first block; 2 has nothing, then 100."""
    if path == 3:
        return "110"
    if path == 1:
        return "100" if number == 0 else "110"
    return None if number == 0 else "100"
