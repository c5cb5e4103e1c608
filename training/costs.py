"""What a fine-tuning takes on the machine at hand, before a weight is read: memory, time, space on the disk."""

from dataclasses import dataclass

from peerleap.training.architecture import adapter_parameters, parameters
from peerleap.training.machine import Machine, layer_speed
from peerleap.training.plan import SftPlan
from peerleap.training.row_file import RowsError

_GIB = 1 << 30
_SLACK = 1.1  # what allocators lose between blocks
_CUDA_CONTEXT = _GIB
_TOKENS_AT_ONCE = {True: 16_384, False: 4096}  # more of them make a GPU, or a processor, hardly faster
_HEAD_TOKENS = 1024  # the loss is computed for so many positions at a time
_CHECKPOINTS = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of an optimizer step are put on a device."""

    device_batch: int
    """Rows at once."""
    accumulate: int
    """So many times, before the weights are changed."""
    checkpointing: bool
    """Whether activations are computed again in the backward pass: less memory, a third more time."""
    bf16: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take."""

    parameters: int
    trained_parameters: int
    static_bytes: int
    """Weights, gradients and Adam's moments."""
    activation_bytes: int
    disk_bytes: int
    layout: Layout
    seconds: float | None
    """Of the whole run on one such device; `None` where it was not measured."""

    @property
    def bytes(self) -> int:
        """All memory of a device, if nothing is shared out over several."""
        return self.static_bytes + self.activation_bytes


def estimate(plan: SftPlan, machine: Machine, *, measure: bool = False, device_batch: int | None = None) -> Estimate:
    """Memory, disk and, where it is to be measured, time of a run.

    Args:
        plan: the run.
        machine: where it runs.
        measure: run one layer of the architecture here, with random weights, to know the machine's speed.
        device_batch: rows at once, instead of as many as the machine likes.

    Raises:
        RowsError: the batch cannot be divided so.
    """
    total, ends = parameters(plan.config)
    lora = plan.recipe.lora
    trained = total if lora is None else adapter_parameters(plan.config, lora.rank)
    frozen_bytes = 2 if machine.bf16 else 4
    weights = total * ((4 + 2 * machine.bf16) if lora is None else frozen_bytes)
    static = weights + (12 if lora is None else 16) * trained
    layout = _layout(plan, machine, static, device_batch)
    activations = _activations(plan, layout, layout.checkpointing)
    static, activations = int(static * _SLACK), int(activations * _SLACK) + machine.cuda * _CUDA_CONTEXT
    disk = _CHECKPOINTS * 12 * trained + (4 * total if lora is None else 4 * trained)
    seconds = _seconds(plan, machine, layout, total - ends) if measure else None
    return Estimate(total, trained, static, activations, disk, layout, seconds)


def check_memory(plan: SftPlan, machine: Machine, found: Estimate) -> None:
    """Refuse a run that cannot fit, whatever its rows are.

    Raises:
        RowsError: says what is needed, what there is, and what would fit.
    """
    if machine.devices > 1 or found.static_bytes <= machine.memory:
        return
    cure = "train it with several GPUs (docs/training.md)"
    if plan.recipe.lora is None:
        cure = f"give --lora, or {cure}"
    raise RowsError(
        f"model={plan.model!r}: weights, gradients and Adam's moments take about {found.static_bytes / _GIB:.1f} GiB, "
        f"and {machine.name} has {machine.memory / _GIB:.1f} GiB free: {cure}"
    )


def _layout(plan: SftPlan, machine: Machine, static: int, device_batch: int | None) -> Layout:
    share, rest = divmod(plan.recipe.batch, machine.devices)
    if rest:
        raise RowsError(f"batch={plan.recipe.batch} cannot be shared out over {machine.devices} devices")
    if device_batch is not None and (device_batch < 1 or share % device_batch):
        raise RowsError(f"device_batch={device_batch!r}: give a divisor of {share}, the rows of a step on one device")
    room = max(1, _TOKENS_AT_ONCE[machine.cuda] // plan.longest)
    rows = device_batch or max(rows for rows in range(1, share + 1) if share % rows == 0 and rows <= room)
    layout = Layout(rows, share // rows, False, machine.bf16)
    fits = static + _activations(plan, layout, False) < 0.8 * machine.memory
    return layout if fits else Layout(rows, share // rows, True, machine.bf16)


def _activations(plan: SftPlan, layout: Layout, checkpointing: bool) -> int:
    text = plan.config.get_text_config()
    tokens, width = layout.device_batch * plan.longest, 2 if layout.bf16 else 4
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    layer = tokens * (16 * text.hidden_size + 4 * inner) * width
    head: int = 3 * 4 * min(tokens, _HEAD_TOKENS) * text.vocab_size
    layers: int = text.num_hidden_layers
    return int(head + (layer + layers * tokens * text.hidden_size * 4 if checkpointing else layers * layer))


def _seconds(plan: SftPlan, machine: Machine, layout: Layout, inside: int) -> float:
    text = plan.config.get_text_config()
    passes = 4 if plan.recipe.lora is not None else 6  # forward 2, backward 4, of which weights' gradients are 2
    passes += 2 * layout.checkpointing
    head = text.hidden_size * text.vocab_size
    attention = sum(len(row.input_ids) ** 2 for row in plan.rows) * text.hidden_size * text.num_hidden_layers
    an_epoch = passes * (inside * plan.tokens + head * plan.trained + attention)
    return float(plan.recipe.epochs * an_epoch / layer_speed(plan.config, machine, layout.bf16))
