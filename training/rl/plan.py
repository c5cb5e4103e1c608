"""What a run of reinforcement learning is going to do, checked before anything is loaded."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from peerleap.engine import VLLMEngine, vllm_device
from peerleap.evals import Grader, MethodConfig, Plan, Problem, check_fits, load
from peerleap.evals.data import check_golds
from peerleap.graph import Settings, as_settings, derive_random, resolve_settings
from peerleap.training.plan import load_tokenizer
from peerleap.training.rl.options import RlOptions
from peerleap.training.rl.rollouts import RolloutError

_RANKS = (8, 16, 32, 64, 128, 256)  # that vLLM can reserve room for
_GPU_SHARE = 0.4
"""Of a GPU's memory, for the engine, which shares it with the trainer."""


@dataclass(frozen=True)
class RlPlan:
    """One run. Made by `rl_plan`, which refuses what cannot be run."""

    source: str
    problems: Sequence[Problem]
    options: RlOptions
    settings: Mapping[str, Any]
    """Of the graph, sampling included."""
    run_settings: Settings
    """The same with every value."""
    engine: VLLMEngine
    """Not started. It is this run's own, since its weights change."""
    config: Any
    """The model's `transformers` configuration."""
    out: Path

    @property
    def model(self) -> str:
        """Its name, as requested."""
        return self.engine.model

    @cached_property
    def tokenizer(self) -> Any:
        """The model's, for the trainer, which gives it a padding token; the engine has its own."""
        return load_tokenizer(self.model)

    @property
    def evals(self) -> Plan:
        """The same as an eval."""
        return _as_eval(self.source, self.problems, self.options, self.settings)

    def problem(self, position: int) -> Problem:
        """The question at a position of the run, from 0; each pass over the questions is shuffled by the seed.

        It depends on nothing but the plan: a run that goes on meets the same questions.
        """
        turn, place = divmod(position, len(self.problems))
        order = list(range(len(self.problems)))
        derive_random(self.options.seed, "pass", turn).shuffle(order)
        return self.problems[order[place]]

    def fingerprint(self) -> dict[str, Any]:
        """What decides the result: a run that was stopped goes on only where all of this is the same."""
        options = {name: value for name, value in asdict(self.options).items() if name != "device_batch"}
        questions = self.evals.record_config({})["data"]
        found = {"questions": questions, "model": self.model, "settings": self.run_settings.model_dump(), **options}
        same: dict[str, Any] = json.loads(json.dumps(found))
        return same


def rl_plan(
    source: str,
    model: str | None,
    options: RlOptions,
    out: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    engine_args: Mapping[str, Any] | None = None,
    limit: int | None = None,
    data_seed: int | None = None,
) -> RlPlan:
    """Read the questions and the model's configuration and tokenizer, and check that a run can be made of them.

    Args:
        source: a data set, as `peerleap eval` takes it; not the one that the result is tested with.
        model: hub id or folder.
        options: how the run learns.
        out: folder of the run.
        settings: of the graph (`peerleap.graph.Settings`), without `sampling`.
        engine_args: vLLM's.
        limit: the first so many questions only.
        data_seed: of generated questions, and of the order of options.

    Raises:
        RolloutError: the model or the settings cannot be trained with.
        DataError: the questions cannot be used.
        SettingsError, InputError: a setting, or a question that does not fit the context.
        EngineError, ModelError: the engine or the model is not there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RolloutError("train rl runs in one process: start it without accelerate or torchrun")
    if Path(out).exists() and not Path(out).is_dir():
        raise RolloutError(f"--out {str(out)!r}: this is a file; give the name of a folder")
    whole = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    if "sampling" in (settings or {}):
        raise RolloutError(
            "sampling: a step trains the whole distribution that it samples; only temperature can be set"
        )
    settings = {**(settings or {}), "sampling": {"temperature": options.temperature, **whole}}
    as_settings(settings)
    problems = load(source, limit=limit, seed=data_seed)
    if len(problems) < options.questions:
        raise RolloutError(f"{source!r} has {len(problems)} questions, but a step takes {options.questions}")
    engine = _engine(model, options, dict(engine_args or {}))
    config = _trainable(engine)
    run_settings = resolve_settings(settings, engine)
    if options.method == "leap":
        _check_blocks(run_settings, options)
    plan = RlPlan(source, problems, options, settings, run_settings, engine, config, Path(out))
    check_fits(plan.evals, engine)
    with Grader() as grader:
        grader.require({problem.kind for problem in problems})
        check_golds(problems, grader)
    return plan


def _as_eval(source: str, problems: Sequence[Problem], options: RlOptions, settings: Mapping[str, Any]) -> Plan:
    return Plan(source, problems, options.method, MethodConfig(paths=options.paths, settings=settings))


def _engine(model: str | None, options: RlOptions, arguments: dict[str, Any]) -> VLLMEngine:
    if arguments.setdefault("logprobs_mode", "processed_logprobs") != "processed_logprobs":
        raise RolloutError("engine argument logprobs_mode: the run needs those of the sampling distribution")
    if "lora_path" in arguments:
        raise RolloutError("engine argument lora_path: merge the adapters into the model first")
    if options.lora_rank is not None:
        fitting = [rank for rank in _RANKS if rank >= options.lora_rank]
        if not fitting:
            raise RolloutError(f"lora_rank={options.lora_rank}: vLLM serves ranks up to {_RANKS[-1]}")
        arguments |= {"enable_lora": True, "max_lora_rank": fitting[0]}
    if vllm_device() == "cuda":
        arguments.setdefault("gpu_memory_utilization", _GPU_SHARE)
    return VLLMEngine(model, **arguments)


def _trainable(engine: VLLMEngine) -> Any:
    """The configuration of a model that can be trained."""
    from transformers import AutoConfig, AutoTokenizer

    found = engine.resolved
    if found.quantization is not None:
        raise RolloutError(f"model={found.name!r} is quantized as {found.quantization!r}: give one with full weights")
    if not AutoTokenizer.from_pretrained(found.path).chat_template:
        raise RolloutError(f"model={found.name!r} has no chat template, by which paths are prompted: give a chat model")
    return AutoConfig.from_pretrained(found.path)


def _check_blocks(settings: Settings, options: RlOptions) -> None:
    if options.paths < 2:
        raise RolloutError("paths=1: nobody to learn from; give two or more, or method='independent'")
    first = settings.interval if settings.communicate_at is None else settings.communicate_at[0]
    if settings.rounds == 0 or first is None or first >= (settings.max_tokens or 0):
        raise RolloutError(
            f"no LeaP block is held (rounds={settings.rounds}, interval={settings.interval}, "
            f"max_tokens={settings.max_tokens}): give --rounds or a shorter --interval, or --method independent"
        )
