"""States from elsewhere, a database or a client, are checked as input is: a node sees no state that no run can have."""

from array import array
from collections.abc import Collection, Mapping
from typing import Any, Literal

from langgraph.types import Overwrite
from pydantic import TypeAdapter, ValidationError

from peerleap.graph.errors import InputError
from peerleap.graph.history import Segment
from peerleap.graph.leap_block import Probed, Summarized
from peerleap.graph.settings import TaskName, as_settings
from peerleap.graph.state import BlockRecord, PathOutcome, Vote, history_key

_PREFIX = history_key("")
_STATES = Literal["active", "finished", "forced", "failed"]
_KINDS: dict[str, TypeAdapter[Any]] = {
    "problem": TypeAdapter(str),
    "task": TypeAdapter(TaskName),
    "round": TypeAdapter(int),
    "last_round": TypeAdapter(bool),
    "status": TypeAdapter(dict[str, dict[Literal["state"], _STATES]]),
    "rounds": TypeAdapter(list[BlockRecord]),
    "answer": TypeAdapter(str | None),
    "votes": TypeAdapter(list[Vote]),
    "paths": TypeAdapter(dict[str, PathOutcome]),
}
_SEGMENTS = TypeAdapter(list[Segment])
_ALWAYS = ("problem", "task", "params", "round", "status")
# Settings without a default of their own: a run has a value for each.
_NEEDED = ("router", "similarity", "top_k", "summary_tokens", "max_tokens", "answer_tokens", "vote")
_SUMMARY = TypeAdapter(Summarized)
_PROBE = TypeAdapter(Probed)
_MOST_ID = 2**31


def check_update(values: Any, names: Collection[str], vocabulary: Mapping[str, int] | None = None) -> None:
    """Refuse a state write that no node could have made.

    Args:
        values: the write, by channel; a value may be an `Overwrite`, or its form in JSON.
        names: the paths of the graph.
        vocabulary: for each path, how many token ids its model has; unknown where it is missing.

    Raises:
        InputError: a value has the wrong form, names no path, or holds a token id that no model has.
        SettingsError: `params` are no settings of a run.
    """
    if values is None:
        return
    if not isinstance(values, Mapping):
        raise InputError(f"values={values!r:.80}: give a mapping from channels to values")
    for key, written in values.items():
        value = _overwritten(written)
        if key == "params":
            _check_params(value)
        elif isinstance(key, str) and key.startswith(_PREFIX):
            _check_history(key, value, names, (vocabulary or {}).get(key.removeprefix(_PREFIX), _MOST_ID))
        elif key in _KINDS:
            _check(_KINDS[key], value, key)
            if key in {"status", "paths"} and (unknown := sorted(set(value) - set(names))):
                raise InputError(f"{key}: there is no path {unknown[0]!r:.80}; there are {', '.join(names)}")
            if key == "round" and value < 0:
                raise InputError(f"round={value}: give 0 or more")


def check_state(values: Mapping[str, Any], names: Collection[str], *, begun: bool = False) -> None:
    """Refuse a stored state that no run can have reached.

    Args:
        values: the state; one without `params` belongs to a run whose first node has not ended.
        names: the paths of the graph.
        begun: whether the first node must have ended.

    Raises:
        InputError: something is missing, or as for `check_update`.
        SettingsError: `params` are no settings of a run.
    """
    check_update(values, names)
    if "params" not in values and not begun:
        return
    if missing := [key for key in _ALWAYS if key not in values]:
        raise InputError(f"the stored state has no {missing[0]!r}")
    for name in values["status"]:
        history = values.get(history_key(name))
        if not history or history[0]["kind"] != "prompt":
            raise InputError(f"{history_key(name)}: the history of a path begins with its prompt")


def _overwritten(value: Any) -> Any:
    if isinstance(value, Overwrite):
        return value.value
    if isinstance(value, Mapping):
        if set(value) == {"__overwrite__"}:
            return value["__overwrite__"]
        if value.get("type") == "__overwrite__":
            return value.get("value")
    return value


def _check_params(params: Any) -> None:
    settings = as_settings(params)
    if missing := [key for key in _NEEDED if getattr(settings, key) is None]:
        raise InputError(f"params: {missing[0]!r} has no value; an edited state must contain every setting")


def _check_history(key: str, history: Any, names: Collection[str], vocabulary: int) -> None:
    if (name := key.removeprefix(_PREFIX)) not in names:
        raise InputError(f"{key}: there is no path {name!r:.80}; there are {', '.join(names)}")
    _check_segments(key, history, vocabulary)


def check_task_result(result: Any) -> None:
    """Refuse what no path can have returned in a LeaP block.

    Args:
        result: the stored result of a path's summary or probe task.

    Raises:
        InputError: it has the wrong form.
    """
    if not isinstance(result, Mapping):
        raise InputError(f"a summary={result!r:.80}: no result of a path in a LeaP block")
    kind, name = (_PROBE, "a probe") if "answer" in result else (_SUMMARY, "a summary")
    _check(kind, {**result, "segments": []}, name)
    _check_segments(f"{name}'s segments", result.get("segments"), _MOST_ID)


def _check_segments(key: str, history: Any, vocabulary: int) -> None:
    if not isinstance(history, list | tuple):
        raise InputError(f"{key}={history!r:.80}: give a list of segments")
    _check(_SEGMENTS, [{**one, "token_ids": []} if isinstance(one, Mapping) else one for one in history], key)
    for number, segment in enumerate(history):
        ids = segment.get("token_ids")
        try:
            # At once, in C: a history has tens of thousands.
            known = isinstance(ids, list) and (not ids or max(array("Q", ids)) < vocabulary)
        except (TypeError, OverflowError):
            known = False
        if not known:
            raise InputError(f"{key}[{number}].token_ids: give a list of ids of the model's vocabulary")


def _check(kind: TypeAdapter[Any], value: Any, key: str) -> None:
    try:
        kind.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(f"[{part!r}]" for part in first["loc"])[:120]
        raise InputError(f"{key}{where}={first['input']!r:.80}: {first['msg'][0].lower()}{first['msg'][1:]}") from error
    except RecursionError as error:
        raise InputError(f"{key}: it is nested too deep") from error
