"""How full an eval keeps the batch: 16 questions x 8 paths of very different lengths at a fixed decode speed.

Beside it, the authors' way simulated on the same lengths: all questions in lockstep, 16 prompts at a time.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peerleap.engine import Completion, OnText, SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, Problem, Records
from peerleap.evals.methods import MethodConfig
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.runner import run_eval

QUESTIONS, PATHS, SLOTS, SPEED = 16, 8, 16, 800.0
INTERVAL, SUMMARY, GOAL = 200, 40, 0.85
_SETTINGS = {"interval": INTERVAL, "cut": "exact", "max_tokens": 60_000, "answer_tokens": 16, "summary_tokens": SUMMARY,
             "top_k": 2, "alumni": False}  # fmt: skip


class _Slots(ScriptedEngine):
    """A batch of `SLOTS` places; a request holds one while it decodes, and notes when."""

    def __init__(self, lengths: Sequence[int]) -> None:
        super().__init__(self._write, tokens_per_second=SPEED)
        self.spans: list[tuple[float, float]] = []
        self.texts: dict[str, int] = {}
        self._lengths, self._slots = list(lengths), asyncio.Semaphore(SLOTS)
        self._left: dict[tuple[int, ...], int] = {}

    def _write(self, text: str, params: SamplingParams) -> str:
        raise AssertionError("planned in generate")

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        text = self.tokenizer.decode(list(token_ids[-200:]))
        own = _own(self.tokenizer.decode(list(token_ids)))
        summing_up = "<summarize>" in text[-150:]
        # A path is known by the length that its first request drew, which it writes down.
        planned = "s" * (SUMMARY // 2) + "</summarize>" if summing_up else self._thought(own)
        ids = [*self.tokenizer.encode(planned, add_special_tokens=False), self.tokenizer.eos_token_id]
        cut = params.max_tokens < len(ids)
        stop = "</summarize>" if planned.endswith("</summarize>") else None
        ids = ids[: params.max_tokens] if cut else ids[:-1] if stop else ids
        async with self._slots:
            start = time.perf_counter()
            await asyncio.sleep(len(ids) / SPEED)
            self.spans.append((start, time.perf_counter()))
        return Completion(
            token_ids=ids, text=self.tokenizer.decode(ids), finish_reason="length" if cut else "stop",
            stop_reason=None if cut else stop, prompt_tokens=len(token_ids), cached_tokens=0,
        )  # fmt: skip

    def _thought(self, own: str) -> str:
        if "#" not in own:
            length = self._lengths.pop()
            return f"#{length:06d}" + "x" * (length - 7)
        length = int(own[own.index("#") + 1 :][:6])
        return "x" * max(0, length - own.count("x") - 7) + "\\boxed{4}"


def _own(text: str) -> str:
    return text.rpartition("<|im_start|>assistant\n")[2]


def busy_share(spans: Sequence[tuple[float, float]]) -> float:
    """Share of the slots that decode, from the first request until 90 % of the tokens are out."""
    begin = min(start for start, _ in spans)
    total = sum(end - start for start, end in spans)
    low, high = begin, max(end for _, end in spans)
    for _ in range(60):
        middle = (low + high) / 2
        done = sum(max(0.0, min(end, middle) - start) for start, end in spans)
        low, high = (middle, high) if done < 0.9 * total else (low, middle)
    return 0.9 * total / (SLOTS * (high - begin))


def lockstep_share(lengths: Sequence[int], at_once: int = 16) -> float:
    """The same share where all paths of all questions go round by round, `at_once` prompts at a time."""
    left, spans, clock = list(lengths), [], 0.0
    while left:
        for wanted in ([min(INTERVAL, length) for length in left], [SUMMARY] * sum(n > INTERVAL for n in left)):
            for first in range(0, len(wanted), at_once):
                batch = wanted[first : first + at_once]
                spans += [(clock, clock + tokens / SPEED) for tokens in batch]
                clock += max(batch) / SPEED
        left = [length - INTERVAL for length in left if length > INTERVAL]
    return busy_share(spans)


async def _eval(lengths: Sequence[int]) -> float:
    problems = [
        Problem(id=f"q{n}", question=f"What is 2 + 2, {n}?", answer="4", kind="integer") for n in range(QUESTIONS)
    ]
    plan = Plan("bench", problems, "leap", MethodConfig(paths=PATHS, settings=_SETTINGS))
    engine = _Slots(lengths)
    with tempfile.TemporaryDirectory() as folder, Grader() as grader:
        header = Header(plan.record_config(model_config(engine)))
        with Records.open(Path(folder) / "r.jsonl", header) as records:
            failed = await run_eval(plan, engine, records, grader)
            assert not failed
    return busy_share(engine.spans)


def run() -> dict[str, dict[str, Any]]:
    drawn = random.Random(0)
    lengths = [int(min(3000, max(60, drawn.lognormvariate(6.0, 0.9)))) for _ in range(QUESTIONS * PATHS)]
    share, lockstep = asyncio.run(_eval(lengths)), lockstep_share(lengths)
    told = f"{SLOTS} slots busy until the last 10 % of tokens"
    print(f"{told}: {share:.1%}; in lockstep, on the same lengths: {lockstep:.1%}")
    return {
        "eval_batch_share": {"value": share, "unit": "share", "goal": f">= {GOAL}", "ok": share >= GOAL},
    }
