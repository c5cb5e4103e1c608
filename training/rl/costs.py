"""What a run takes on the machine at hand: rows at once, memory, disk."""

from dataclasses import dataclass

from peerleap.training.architecture import adapter_parameters, parameters
from peerleap.training.machine import Machine
from peerleap.training.rl.plan import RlPlan
from peerleap.training.rl.rollouts import RolloutError

_GIB = 1 << 30
_TOKENS_AT_ONCE = {True: 16_384, False: 4096}  # more of them make a GPU, or a processor, hardly faster
_FRAME = 96
"""Tokens of a LeaP block beside the summaries: trigger, tags, labels, bridge."""
_PROMPT = 256


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run takes."""

    parameters: int
    trained_parameters: int
    own_tokens: int
    """Most tokens that a path writes, summaries included."""
    row_tokens: int
    """Most tokens of a row, about."""
    device_batch: int
    checkpointing: bool
    """Whether activations are computed twice to save memory."""
    trainer_bytes: int
    """Weights, gradients, Adam's moments, activations."""
    reference_bytes: int
    """The model at the start, for the divergence."""
    engine_bytes: int
    """Weights alone; the KV cache comes on top, and its size is the engine's to say."""
    disk_bytes: int

    @property
    def bytes(self) -> int:
        """All memory that is known of."""
        return self.trainer_bytes + self.reference_bytes + self.engine_bytes


def needs(plan: RlPlan, machine: Machine) -> Needs:
    """Rows at once, memory and disk of a run; nothing is loaded."""
    options, settings = plan.options, plan.run_settings
    total, _ = parameters(plan.config)
    rank = options.lora_rank
    trained = total if rank is None else adapter_parameters(plan.config, rank)
    thought, answer = settings.max_tokens or 0, settings.answer_tokens or 0
    summary = settings.summary_tokens or 0
    blocks = _blocks(plan)
    own = thought + answer + blocks * summary
    read = min(settings.top_k or 0, options.paths - 1)
    row = min(plan.engine.context_length, _PROMPT + own + blocks * (read * (summary + 16) + _FRAME))
    static = 4 * total + 12 * trained
    rows, checkpointing = _layout(plan, machine, row, static)
    activations = _activations(plan, rows * row, checkpointing)
    return Needs(
        parameters=total,
        trained_parameters=trained,
        own_tokens=own,
        row_tokens=row,
        device_batch=rows,
        checkpointing=checkpointing,
        trainer_bytes=static + activations,
        reference_bytes=4 * total if options.kl and rank is None else 0,
        engine_bytes=(2 if machine.cuda else 4) * total,
        disk_bytes=2 * 12 * trained + 2 * 4 * trained + (4 * total if rank is None else 4 * trained),
    )


def check_memory(plan: RlPlan, machine: Machine) -> None:
    """Refuse a run that cannot fit.

    Raises:
        RolloutError: says what is needed and what there is.
    """
    found = needs(plan, machine)
    if found.bytes > machine.memory:
        raise RolloutError(
            f"model={plan.model!r}: trainer, reference and engine take about {found.bytes / _GIB:.1f} GiB, and "
            f"{machine.name} has {machine.memory / _GIB:.1f} GiB free: give --lora, or --kl 0 (no reference)"
        )


def _blocks(plan: RlPlan) -> int:
    settings = plan.run_settings
    if plan.options.method != "leap":
        return 0
    if settings.communicate_at is not None:
        return len(settings.communicate_at)
    held = (settings.max_tokens or 0) // (settings.interval or 1)
    return held if settings.rounds is None else min(settings.rounds, held)


def _layout(plan: RlPlan, machine: Machine, row: int, static: int) -> tuple[int, bool]:
    options = plan.options
    room = max(1, _TOKENS_AT_ONCE[machine.cuda] // row)
    rows = options.device_batch or max(n for n in range(1, options.rows + 1) if options.rows % n == 0 and n <= room)
    return rows, static + _activations(plan, rows * row, False) > 0.8 * machine.memory


def _activations(plan: RlPlan, tokens: int, checkpointing: bool) -> int:
    text = plan.config.get_text_config()
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    layer, layers = tokens * (16 * text.hidden_size + 4 * inner) * 4, text.num_hidden_layers
    return int(layer + layers * tokens * text.hidden_size * 4 if checkpointing else layers * layer)
