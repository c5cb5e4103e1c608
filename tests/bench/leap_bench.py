"""A LeaP run on the real engine against the floor: vLLM's own offline `LLM.generate`, given exactly the same requests.

Both engines live through the whole measurement and take turns, question by question, so that a machine whose speed
drifts slows both. The floor gets each round's requests all at once, as fast as anybody could send them.
"""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from peerleap.engine import EMBEDDED, Completion, EngineWrapper, OnText, SamplingParams, VLLMEngine, resolve_model
from peerleap.engine.device import default_engine_args, set_environment, vllm_device
from peerleap.engine.orphans import mark_host
from peerleap.graph import build_graph
from peerleap.graph.seeds import derive_seed

_QUESTIONS = (
    "Tom has 3 boxes of 4 apples and eats 2 of them. How many apples are left?",
    "What is the sum of the first 10 odd numbers?",
    "A train travels 60 km in 45 minutes. What is its speed in km/h?",
)
_PATHS = 8
_ARGS: dict[str, Any] = {"max_model_len": 4096}
_SETTINGS = {"interval": 128, "rounds": 2, "max_tokens": 700, "top_k": 2}

Request = tuple[list[int], SamplingParams]


class _Recorder(EngineWrapper):
    """Passes requests on and keeps them, in waves: the first request of every path, then the second, and so on."""

    def __init__(self, engine: VLLMEngine) -> None:
        super().__init__(engine)
        self.requests: list[Request] = []

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        self.requests.append((list(token_ids), params))
        # Without a reader of the tokens, as the floor has none.
        return await self.engine.generate(token_ids, params)


def run() -> dict[str, dict[str, Any]]:
    engine = VLLMEngine(EMBEDDED, **_ARGS)
    engine.check()
    here, there = multiprocessing.get_context("spawn").Pipe()
    floor = multiprocessing.get_context("spawn").Process(target=_floor, args=(there,), daemon=False)
    floor.start()
    try:
        asyncio.run(engine.generate([1, 2, 3], SamplingParams(max_tokens=1)))
        here.recv()
        ratios, shares = [], []
        for question in _QUESTIONS:
            recorder = _Recorder(engine)
            graph = build_graph(paths=_PATHS, engine=recorder).compile()
            start = time.perf_counter()
            result = asyncio.run(graph.ainvoke({"question": question}, context=_SETTINGS))
            leap_s = time.perf_counter() - start
            here.send(_waves(result["histories"], recorder.requests))
            floor_s, tokens = here.recv()
            assert tokens == result["usage"]["generated"], (tokens, result["usage"])
            ratios.append(leap_s / floor_s)
            shares.append(_cached_share(result["histories"]))
            print(f"  LeaP {leap_s:.1f} s, floor {floor_s:.1f} s, {tokens} tokens, cached {shares[-1]:.3f}", flush=True)
        here.send(None)
    finally:
        engine.close()
        floor.join(60)
        floor.kill()
    ratio, share = statistics.median(ratios), min(shares)
    return {
        "leap_over_floor": {"value": ratio, "unit": "ratio", "goal": "<= 1.10", "ok": ratio <= 1.10},
        "cached_share": {"value": share, "unit": "share", "goal": ">= 0.95", "ok": share >= 0.95},
    }


def _waves(histories: dict[str, list[Any]], requests: list[Request]) -> list[list[Request]]:
    """The requests of each round, in the order in which a path makes them: all first ones, all second ones, ..."""
    # Paths of one peer begin with the same prompt: the seed tells their requests apart.
    made = {(tuple(ids), params.seed): (ids, params) for ids, params in requests}
    waves: dict[tuple[int, bool, int], list[Request]] = {}
    for name, history in histories.items():
        prompt: list[int] = []
        number: dict[tuple[int, bool], int] = {}
        for segment in history:
            if "prompt_tokens" in segment:
                stage = (segment["round"], segment["kind"] == "summary")
                number[stage] = number.get(stage, -1) + 1
                request = made[tuple(prompt), derive_seed(0, name, len(prompt))]
                waves.setdefault((*stage, number[stage]), []).append(request)
            prompt = prompt + segment["token_ids"]
    return [waves[key] for key in sorted(waves)]


def _cached_share(histories: dict[str, list[Any]]) -> float:
    """Share of the tokens that were sent before and sent again, from round 2 on, that the prefix cache held."""
    again = cached = 0
    for history in histories.values():
        known = length = 0
        for segment in history:
            if "prompt_tokens" in segment:
                if segment["round"] >= 1:
                    again += known
                    cached += min(segment["cached_tokens"], known)
                known = length + len(segment["token_ids"])
            length += len(segment["token_ids"])
    return cached / again


def _floor(pipe: Connection) -> None:
    device = vllm_device()
    set_environment(device)
    mark_host()  # vLLM's engine process would outlive this one
    from vllm import LLM, TokensPrompt

    from peerleap.engine.request import vllm_params

    llm = LLM(model=resolve_model(EMBEDDED).path, **default_engine_args(device), **_ARGS)
    llm.generate(TokensPrompt(prompt_token_ids=[1, 2, 3]), vllm_params(SamplingParams(max_tokens=1), stream=False))
    pipe.send("ready")
    while waves := pipe.recv():
        start, tokens = time.perf_counter(), 0
        for wave in waves:
            prompts = [TokensPrompt(prompt_token_ids=ids) for ids, _ in wave]
            params = [vllm_params(params, stream=False) for _, params in wave]
            outputs = llm.generate(prompts, params, use_tqdm=False)
            tokens += sum(len(output.outputs[0].token_ids) for output in outputs)
        pipe.send((time.perf_counter() - start, tokens))
