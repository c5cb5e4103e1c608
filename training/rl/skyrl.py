"""The same rows for SkyRL, which trains on clusters: its `GeneratorInterface`, as SkyRL 0.3.0 has it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from peerleap.engine import Engine
from peerleap.evals import Grader, Problem
from peerleap.graph import derive_seed
from peerleap.training.rl.options import RlOptions
from peerleap.training.rl.rollouts import Rollout, RolloutError
from peerleap.training.rl.team import Work
from peerleap.training.rl.teams import together

MakeProblem = Callable[[Any, Mapping[str, Any]], Problem]


class LeapGenerator:
    """Makes SkyRL's trajectories by LeaP: the samples of a prompt are the paths of its teams, and read each other.

    It has the method of SkyRL's `GeneratorInterface`; where SkyRL is installed, derive a class from both.

    Args:
        engine: what serves the weights that SkyRL trains, such as `ServerEngine` with the URLs of its vLLM servers,
            started with `logprobs_mode=processed_logprobs`. SkyRL brings it the weights.
        grader: tells right from wrong.
        problem: makes the question of a prompt (a conversation) and its row's other columns, the gold answer among
            them.
        options: method, paths, rewards, and the temperature, which SkyRL's own has to equal; what is about learning
            is SkyRL's to set.
        settings: of the graph (`peerleap.graph.Settings`), without `sampling`.
    """

    def __init__(
        self,
        engine: Engine,
        grader: Grader,
        problem: MakeProblem,
        options: RlOptions,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        whole = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
        settings = {**(settings or {}), "sampling": {"temperature": options.temperature, **whole}}
        self._work = Work(engine, grader, options, settings)
        self._problem, self._filler = problem, int(engine.tokenizer.eos_token_id)
        self._lock = asyncio.Lock()

    async def generate(self, input_batch: Mapping[str, Any], disable_tqdm: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """The trajectories of a batch (SkyRL's `GeneratorInput`), in its order, as a `GeneratorOutput`.

        A path that failed has a mask of zeros, and the mean reward of its group: its advantage is 0.

        Raises:
            RolloutError: a prompt has samples that are no multiple of the paths of a team.
            EngineError: the engine is broken.
        """
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, trajectory in enumerate(input_batch["trajectory_ids"]):
            places[trajectory.instance_id].append(place)
        width = self._work.options.paths
        for name, group in places.items():
            if len(group) % width:
                raise RolloutError(f"{name!r} has {len(group)} samples, which teams of {width} paths do not divide")
        step = getattr(input_batch.get("batch_metadata"), "global_step", 0)
        async with self._lock:  # what was sampled is dropped once the rows are made
            try:
                found = await together(self._group(name, group, input_batch, step) for name, group in places.items())
            finally:
                self._work.sampled.forget()
        rows: dict[int, tuple[Rollout, float]] = {place: row for group in found for place, row in group}
        return self._output([rows[place] for place in range(len(rows))], input_batch)

    async def _group(
        self, name: str, places: Sequence[int], batch: Mapping[str, Any], step: int
    ) -> list[tuple[int, tuple[Rollout, float]]]:
        options = self._work.options
        extras = (batch.get("env_extras") or [{}] * len(batch["prompts"]))[places[0]]
        problem = self._problem(batch["prompts"][places[0]], extras)
        seeds = [derive_seed(options.seed, "skyrl", step, name, n) for n in range(len(places) // options.paths)]
        ran = await together(self._work.run(problem, seed) for seed in seeds)
        teams = await together(self._work.judge(problem, paths) for paths in ran)
        rows = [row for n, team in enumerate(teams) for row in self._work.rows(team, f"{name}/{n}")]
        known = [row.reward for row in rows if any(row.loss_mask)]
        mean = fmean(known) if known else 0.0
        return [
            (place, (row, row.reward if any(row.loss_mask) else mean)) for place, row in zip(places, rows, strict=True)
        ]

    def _output(self, rows: Sequence[tuple[Rollout, float]], batch: Mapping[str, Any]) -> dict[str, Any]:
        # A path that failed at its first request has written nothing, and SkyRL takes no empty response.
        own = [(row, row.prompt_tokens, max(len(row.input_ids), row.prompt_tokens + 1)) for row, _ in rows]
        ended = [row.input_ids[-1] == self._filler and bool(row.loss_mask[-1]) for row, _ in rows]
        return {
            "prompt_token_ids": [row.input_ids[:start] for row, start, _ in own],
            "response_ids": [[*row.input_ids, self._filler][start:end] for row, start, end in own],
            "rewards": [reward for _, reward in rows],
            "loss_masks": [[*row.loss_mask, 0][start:end] for row, start, end in own],
            "stop_reasons": ["stop" if stop else "length" for stop in ended],
            "rollout_metrics": None,
            "rollout_logprobs": [[*row.logprobs, 0.0][start:end] for row, start, end in own],
            "trajectory_ids": list(batch["trajectory_ids"]),
            "trajectory_generation_times": None,
            "rollout_expert_indices": None,
            "is_last_step": None,
            "env_metrics": None,
            "pixel_values": None,
            "image_grid_thw": None,
        }
