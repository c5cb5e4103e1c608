"""Budgets: does a run fit the context, and when does a path stop for the next LeaP block."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from peerleap.graph.errors import InputError, SettingsError
from peerleap.graph.history import Segment, grown, spent, thought_tokens
from peerleap.graph.settings import RunSettings, Settings

# Room that a LeaP block takes beside the summaries: trigger, template, tags, labels (with what code has shown), bridge,
# and the path's own last line.
_BLOCK_FRAME = 256
# The same as it mostly is.
_TYPICAL_FRAME = 64
_LABEL, _LABEL_TOOLS = 16, 168
# Settings of `talk` with which no path writes or reads in a LeaP block.
_SILENT = frozenset({"probe", "off"})


def block_tokens(settings: RunSettings, paths: int, *, tools: bool = False, typical: bool = False) -> int:
    """Tokens that one LeaP block adds to a path of a team of `paths`, at most or mostly: its summary, what it reads."""
    if settings.talk in _SILENT:
        return 0
    others = paths - 1 + settings.human_peer
    read = others if settings.router == "all" else min(settings.top_k, others)
    label = _LABEL_TOOLS if tools else _LABEL
    frame = _TYPICAL_FRAME if typical else _BLOCK_FRAME
    return frame + settings.summary_tokens + read * (settings.summary_tokens + label)


def is_alone(settings: RunSettings, paths: int) -> bool:
    """Whether a path neither sums up nor hears anybody."""
    return (paths == 1 and not settings.human_peer) or settings.rounds == 0 or settings.talk in _SILENT


def max_blocks(settings: RunSettings) -> int:
    """Maximum number of LeaP blocks that a path of this budget can take part in.

    No block is held where less than a quarter of T would be left behind it.
    """
    if settings.communicate_at is not None:
        return sum(point < settings.max_tokens for point in settings.communicate_at)
    assert settings.interval is not None
    held = max(0, (settings.max_tokens - quarter(settings.interval)) // settings.interval)
    return held if settings.rounds is None else min(settings.rounds, held)


def quarter(interval: int) -> int:
    """Tokens that must be left behind a LeaP block: a quarter of T, at least one."""
    return max(1, interval // 4)


def round_target(settings: RunSettings, round_number: int, history: Sequence[Segment], paths: int) -> int | None:
    """Tokens that a path thinks until the next LeaP block; `None` where there is no further block.

    `communicate_at` counts thought tokens from the beginning of the path, `interval` from the last block. There is no
    block where less than a quarter of T would be left behind it: its comments would be read and never used.
    """
    if settings.communicate_at is not None:
        if round_number >= len(settings.communicate_at):
            return None
        target = max(1, settings.communicate_at[round_number] - thought_tokens(history))
    elif settings.rounds is not None and round_number >= settings.rounds:
        return None
    else:
        assert settings.interval is not None
        target = settings.interval
    left = settings.max_tokens - spent(history, settings.budget_counts) - target
    if settings.budget_counts == "all":
        left -= _last_block(history, round_number) or block_tokens(settings, paths, typical=True)
    return target if left >= quarter(target) else None


def _last_block(history: Sequence[Segment], round_number: int) -> int:
    """Tokens that the last LeaP block added to a path; 0 where there was none."""
    kinds = {"trigger", "summary", "comment", "nudge"}
    return grown(s for s in history if s["round"] == round_number - 1 and s["kind"] in kinds)


def fit_context(
    settings: RunSettings,
    requested: Settings,
    *,
    model: str,
    context: int,
    prompt: int,
    bare_prompt: Callable[[], int],
    paths: int,
    tools: bool = False,
    behind: int = 0,
) -> RunSettings:
    """Settings with a budget that the context of a path's model has room for.

    A default budget shrinks to the context, and counts inserted tokens, too, where the blocks would not fit beside it.

    Args:
        settings: of the run.
        requested: what the user set.
        model: the model's name, for messages.
        context: tokens of its context.
        prompt: tokens of the path's prompt.
        bare_prompt: gives the tokens of a prompt without any question.
        paths: of the team.
        tools: whether any path may call tools.
        behind: tokens that must be left behind a path's answer.

    Raises:
        InputError: the question leaves no room to reason in.
        SettingsError: no question would, or a budget that was requested does not fit.
    """
    alone = is_alone(settings, paths)
    block = 0 if alone else block_tokens(settings, paths, tools=tools)
    reserve = settings.answer_tokens + (block or _BLOCK_FRAME) + behind
    room = context - prompt - reserve
    if room < 1:
        raise _no_room(model, context, prompt, bare_prompt(), reserve, alone=alone, as_json=behind > 0)
    if settings.budget_counts == "all" or alone:
        return _fit(settings, requested, model, context, room)
    if _with_blocks(settings, block) <= room:
        return settings
    if requested.budget_counts == "own" or requested.max_tokens is not None or requested.preset is not None:
        blocks = max_blocks(settings)
        raise SettingsError(
            f"max_tokens={settings.max_tokens}: with this question, {model!r} has room for {room} tokens (context of "
            f"{context}), and {blocks} LeaP blocks may take {blocks * block} beside the budget; set max_tokens to at "
            f"most {_largest(settings, block, room)}, fewer rounds, a longer interval, or budget_counts='all'"
        )
    counted = settings.model_copy(update={"budget_counts": "all"})
    return _fit(counted, requested, model, context, room)


def _with_blocks(settings: RunSettings, block: int) -> int:
    """Tokens of a whole budget and of the most that blocks may add; the last block is in the reserve."""
    return settings.max_tokens + max(0, max_blocks(settings) - 1) * block


def _largest(settings: RunSettings, block: int, room: int) -> int:
    """The largest budget that has room with its blocks: of the budgets from 1 on, the number of those that have."""
    return bisect_right(
        range(1, room + 1),
        room,
        key=lambda budget: _with_blocks(settings.model_copy(update={"max_tokens": budget}), block),
    )


def _fit(settings: RunSettings, requested: Settings, model: str, context: int, room: int) -> RunSettings:
    """Shrink a default budget to the context; refuse an explicit one that does not fit."""
    if settings.max_tokens <= room:
        return settings
    if requested.max_tokens is not None or requested.preset is not None:
        raise SettingsError(
            f"max_tokens={settings.max_tokens}: with this question, {model!r} has room for {room} "
            f"(context of {context}); set max_tokens to at most {room}"
        )
    return settings.model_copy(update={"max_tokens": room})


def _no_room(
    model: str, context: int, prompt: int, bare: int, reserve: int, *, alone: bool, as_json: bool
) -> Exception:
    """What to say where a prompt of `prompt` tokens does not fit; `bare` are its tokens without the question."""
    if bare + 1 >= context:
        return SettingsError(
            f"max_model_len: {model!r} has a context of {context} tokens, and a prompt without any question takes "
            f"{bare}; set a longer one, or use another model"
        )
    if alone:
        names, less, grown = "answer_tokens", "answer_tokens", "an answer"
    else:
        names, less = "top_k, summary_tokens, answer_tokens", "top_k, summary_tokens or answer_tokens"
        grown = "a LeaP block and an answer"
    if as_json:
        names, less, grown = f"json_schema, {names}", f"json_schema, {less}", f"{grown}, and that as JSON,"
    if bare + reserve + 1 >= context:
        return SettingsError(
            f"{names}: {grown} may take {reserve} tokens, which with a prompt leaves no room to reason in the "
            f"{context} tokens of context of {model!r}; set less of them, or a longer max_model_len"
        )
    return InputError(
        f"question: its prompt takes {prompt} tokens, which leaves no room to reason in the {context} tokens of "
        f"context of {model!r}; ask a shorter question" + (f", or set less {less}" if prompt < context // 2 else "")
    )
